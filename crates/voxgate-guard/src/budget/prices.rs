//! What things cost, where the price was read, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Usd;

/// Prices by name. The one that is shipped is second-hand: override it with yours.
///
/// ```
/// use std::time::Duration;
/// use voxgate_guard::budget::{PriceBook, Usage};
///
/// let mine = PriceBook::from_toml(
///     "[deepgram-nova-3]\nusd = 0.0043\nper = \"minute\"\nbilling = \"audio_seconds\"\n\
///      trust = \"contract\"\nsource = \"our contract\"\nread = \"2026-11-01\"",
/// )?;
/// let book = PriceBook::shipped().over(mine);
/// let price = book.get("deepgram-nova-3")?;
/// assert_eq!(price.cost(Usage::Audio(Duration::from_secs(600))).dollars(), 0.043);
/// # Ok::<(), voxgate_guard::budget::PriceError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PriceBook {
    prices: BTreeMap<String, Price>,
}

/// A price, with what is needed to trust it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Price {
    /// So many dollars …
    pub usd: Usd,
    /// … for so much …
    pub per: Per,
    /// … of this.
    pub billing: BillingMode,
    /// How sure the price is.
    pub trust: Trust,
    /// Where it was read.
    pub source: String,
    /// When, as in `2026-11-21`.
    pub read: String,
}

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Per {
    /// A second.
    #[serde(rename = "second")]
    Second,
    /// A minute.
    #[serde(rename = "minute")]
    Minute,
    /// An hour.
    #[serde(rename = "hour")]
    Hour,
    /// A thousand characters.
    #[serde(rename = "1k_characters")]
    ThousandCharacters,
    /// A million characters.
    #[serde(rename = "1m_characters")]
    MillionCharacters,
    /// A thousand tokens.
    #[serde(rename = "1k_tokens")]
    ThousandTokens,
    /// A million tokens.
    #[serde(rename = "1m_tokens")]
    MillionTokens,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BillingMode {
    /// Audio that was sent.
    AudioSeconds,
    /// Time that a connection was open, idle or not.
    SocketSeconds,
    /// Files or requests, each by its length.
    Segments,
    /// Tokens.
    Tokens,
    /// Characters.
    Characters,
    /// Time of a session or participant, each up to the next whole minute.
    MinutesRoundedUp,
}

/// How sure a price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trust {
    /// A copy of the vendor's page by somebody else.
    SecondHand,
    /// The vendor's own page.
    VendorPage,
    /// What is really paid.
    Contract,
}

/// Something that may cost money. Report all that happens: a price picks what it bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Usage {
    /// Audio sent.
    Audio(Duration),
    /// A connection open.
    Socket(Duration),
    /// One file or request of this length.
    Segment(Duration),
    /// Tokens.
    Tokens(u64),
    /// Characters.
    Characters(u64),
    /// One whole session.
    Session(Duration),
}

/// A price book cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// Not TOML, or not prices.
    #[error("{0}")]
    Toml(String),
    /// A price whose parts contradict each other.
    #[error("{name}: {billing:?} cannot be priced per {per:?}; expected {expected}")]
    Unit {
        /// Its name.
        name: String,
        /// What is counted.
        billing: BillingMode,
        /// What the price is for.
        per: Per,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A count in a scenario that cannot be.
    #[error("{key} is {given}, expected a number from 0 to {most:e}")]
    Count {
        /// Its key.
        key: String,
        /// What was given.
        given: f64,
        /// The most that is allowed.
        most: f64,
    },
    /// An interval in a scenario that is too short, or repeats for too long.
    #[error("{key} is {every:?}, expected at least 10 ms, and a length of a day at most")]
    Steps {
        /// Its key.
        key: String,
        /// What was given.
        every: Duration,
    },
    /// A name that is not in the book.
    #[error(
        "there is no price for `{name}`{}; add a table [{name}] to your own price book",
        nearest.as_ref().map_or(String::new(), |n| format!(" (did you mean `{n}`?)"))
    )]
    Unknown {
        /// The name.
        name: String,
        /// The name in the book most like it.
        nearest: Option<String>,
    },
}

impl PriceBook {
    /// The prices in `prices.toml`, each with its source.
    pub fn shipped() -> Self {
        Self::from_toml(SHIPPED).unwrap_or_default() // a test reads it
    }

    /// The shipped prices as TOML with comments, to start from.
    pub fn shipped_toml() -> &'static str {
        SHIPPED
    }

    /// Reads a table of prices.
    ///
    /// # Errors
    /// [`PriceError`] names the price or the place.
    pub fn from_toml(text: &str) -> Result<Self, PriceError> {
        let book: Self = toml::from_str(text).map_err(|error| unreadable(&error))?;
        book.refuse_contradictions()?;
        Ok(book)
    }

    /// These prices with those of `mine` added, or in their place.
    #[must_use]
    pub fn over(mut self, mine: Self) -> Self {
        self.prices.extend(mine.prices);
        self
    }

    /// The price of that name.
    ///
    /// # Errors
    /// [`PriceError::Unknown`], with the nearest name.
    pub fn get(&self, name: &str) -> Result<&Price, PriceError> {
        self.prices.get(name).ok_or_else(|| {
            let likeness = |known: &&String| strsim::normalized_damerau_levenshtein(known, name);
            let nearest = self.prices.keys().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            PriceError::Unknown { name: name.into(), nearest: nearest.filter(|known| likeness(known) > 0.4).cloned() }
        })
    }

    /// The prices that were read before `day`, as in `2026-08-01`, the oldest first: look them up again.
    pub fn read_before<'a>(&'a self, day: &'a str) -> Vec<(&'a str, &'a Price)> {
        let mut old: Vec<_> = self.iter().filter(|(_, price)| price.read.as_str() < day).collect();
        old.sort_by(|a, b| a.1.read.cmp(&b.1.read));
        old
    }

    /// All prices, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.prices.iter().map(|(name, price)| (name.as_str(), price))
    }

    pub(super) fn refuse_contradictions(&self) -> Result<(), PriceError> {
        for (name, price) in &self.prices {
            let (fits, expected) = match price.billing {
                BillingMode::Tokens => (price.per.is_tokens(), "1k_tokens or 1m_tokens"),
                BillingMode::Characters => (price.per.is_characters(), "1k_characters or 1m_characters"),
                BillingMode::AudioSeconds
                | BillingMode::SocketSeconds
                | BillingMode::Segments
                | BillingMode::MinutesRoundedUp => (price.per.is_time(), "second, minute or hour"),
            };
            if !fits {
                let (name, billing, per) = (name.clone(), price.billing, price.per);
                return Err(PriceError::Unit { name, billing, per, expected });
            }
        }
        Ok(())
    }
}

impl Price {
    /// What `usage` costs; nothing if this price does not bill that kind.
    pub fn cost(&self, usage: Usage) -> Usd {
        self.quantity(usage).map_or(Usd::ZERO, |quantity| self.usd.times(quantity, self.per.quantity()))
    }

    /// How much of `usage` is billed, with its unit; `None` if this price does not bill that kind.
    pub fn billed(&self, usage: Usage) -> Option<(f64, &'static str)> {
        let quantity = self.quantity(usage)? as f64;
        Some(match self.billing {
            BillingMode::AudioSeconds => (quantity / SECOND_NS as f64, "s of audio"),
            BillingMode::SocketSeconds => (quantity / SECOND_NS as f64, "s of a connection"),
            BillingMode::Segments => (quantity / SECOND_NS as f64, "s of a request"),
            BillingMode::MinutesRoundedUp => (quantity / MINUTE_NS as f64, "min of a session"),
            BillingMode::Tokens => (quantity, "tokens"),
            BillingMode::Characters => (quantity, "characters"),
        })
    }

    /// In nanoseconds, characters or tokens.
    fn quantity(&self, usage: Usage) -> Option<u128> {
        use BillingMode as Mode;
        match (self.billing, usage) {
            (Mode::AudioSeconds, Usage::Audio(time))
            | (Mode::SocketSeconds, Usage::Socket(time))
            | (Mode::Segments, Usage::Segment(time)) => Some(time.as_nanos()),
            (Mode::MinutesRoundedUp, Usage::Session(time)) => Some(time.as_nanos().div_ceil(MINUTE_NS) * MINUTE_NS),
            (Mode::Tokens, Usage::Tokens(n)) | (Mode::Characters, Usage::Characters(n)) => Some(n.into()),
            _ => None,
        }
    }
}

impl Per {
    /// The word used in files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::ThousandCharacters => "1k_characters",
            Self::MillionCharacters => "1m_characters",
            Self::ThousandTokens => "1k_tokens",
            Self::MillionTokens => "1m_tokens",
        }
    }

    /// In nanoseconds, characters or tokens.
    const fn quantity(self) -> u128 {
        match self {
            Self::Second => SECOND_NS,
            Self::Minute => MINUTE_NS,
            Self::Hour => 60 * MINUTE_NS,
            Self::ThousandCharacters | Self::ThousandTokens => 1_000,
            Self::MillionCharacters | Self::MillionTokens => 1_000_000,
        }
    }

    const fn is_time(self) -> bool {
        matches!(self, Self::Second | Self::Minute | Self::Hour)
    }

    const fn is_characters(self) -> bool {
        matches!(self, Self::ThousandCharacters | Self::MillionCharacters)
    }

    const fn is_tokens(self) -> bool {
        matches!(self, Self::ThousandTokens | Self::MillionTokens)
    }
}

impl Trust {
    /// The words used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecondHand => "second-hand",
            Self::VendorPage => "vendor's page",
            Self::Contract => "contract",
        }
    }
}

/// What is wrong with a text; a line of it that is quoted is as long as its author likes.
pub(super) fn unreadable(error: &toml::de::Error) -> PriceError {
    let told = error.to_string();
    let cut = |line: &str| line.chars().take(LONGEST_LINE).collect::<String>();
    PriceError::Toml(told.trim_end().lines().take(MOST_LINES).map(cut).collect::<Vec<_>>().join("\n"))
}

/// Wider than a terminal.
const LONGEST_LINE: usize = 400;
/// The message of a place has five.
const MOST_LINES: usize = 8;
const SECOND_NS: u128 = 1_000_000_000;
const MINUTE_NS: u128 = 60 * SECOND_NS;
const SHIPPED: &str = include_str!("prices.toml");

#[cfg(test)]
mod tests;
