//! What a provider's refusal means: back off and retry, or stop.

mod cause;
mod meanings;

pub use cause::{Lifted, TerminalCause, TransientCause};

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use self::meanings::{MEANINGS, Meaning, Words};
use crate::answer::{GuardAnswer, RetryAt};
use voxgate_base::{backoff, duration_text};

/// A refusal by a provider, in its own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct ProviderError<'a> {
    /// HTTP status, or the code that a WebSocket was closed with; 0 for an error that came as a message on a
    /// socket that stays open.
    pub status: u16,
    /// The machine-readable code of the body or close frame, if there is one.
    pub code: &'a str,
    /// The text; better the whole body, which names the cause more closely than its code does.
    pub message: &'a str,
    /// The header `Retry-After`, or Google's `retryDelay`, as it came.
    pub retry_after: Option<&'a str>,
}

/// What a refusal means for retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProviderRefusal {
    /// Retries fail until it is lifted.
    Terminal {
        /// The cause.
        cause: TerminalCause,
        /// What lifts it.
        lifted: Lifted,
    },
    /// Transient: a retry may succeed after the wait.
    Transient {
        /// What is short now.
        cause: TransientCause,
        /// When to try again.
        wait: Wait,
    },
    /// About some limit, in words that no provider documents, or that it uses for both. **A guess**: it is treated as
    /// transient, because a call that is dropped in vain costs more than a retry.
    Guess {
        /// When to try again.
        wait: Wait,
    },
    /// Not about limits.
    Other,
}

/// How long to wait before the provider is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wait {
    /// The provider gave the time, as in `Retry-After`.
    Told(#[serde(serialize_with = "duration_text::serialize")] Duration),
    /// The window of its rate limit, as the provider documents it.
    Window(#[serde(serialize_with = "duration_text::serialize")] Duration),
    /// Exponential backoff, where no time is known: 5 s, and twice as long after each further refusal, up to an hour.
    Guess,
}

impl Wait {
    /// The time after `refusals` in a row, this one included.
    pub fn after(self, refusals: u32) -> Duration {
        match self {
            Self::Told(time) | Self::Window(time) => time,
            Self::Guess => backoff(FIRST_GUESS, LONGEST_WAIT, refusals.saturating_sub(1)),
        }
    }
}

impl ProviderError<'_> {
    /// By what the providers document: codes and phrases of LiveKit, Deepgram, AssemblyAI, OpenAI, Anthropic, Google,
    /// ElevenLabs and Cartesia, each with its source in `src/budget/refusal/meanings.rs`.
    ///
    /// ```
    /// use voxgate_guard::budget::{Lifted, ProviderError, ProviderRefusal, TerminalCause};
    ///
    /// let spent = ProviderError { status: 429, message: "no inference credits", ..ProviderError::default() };
    /// let terminal = ProviderRefusal::Terminal { cause: TerminalCause::Credits, lifted: Lifted::NextMonth };
    /// assert_eq!(spent.refusal(), terminal);
    /// let unheard = ProviderError { status: 429, message: "the moon is full", ..ProviderError::default() };
    /// assert!(matches!(unheard.refusal(), ProviderRefusal::Guess { .. }));
    /// ```
    pub fn refusal(&self) -> ProviderRefusal {
        let words = Words::of(&[self.code, self.message]);
        let told = MEANINGS.iter().find(|row| row.fits(self.status, &words)).map(|row| row.means);
        match (told, self.status) {
            (Some(meaning), _) => self.meant(meaning),
            (None, 402) => ProviderRefusal::Terminal { cause: TerminalCause::Credits, lifted: Lifted::Payment },
            (None, 429) => self.meant(Meaning::Guess),
            (None, 503 | 529 | 1013) => self.meant(Meaning::Transient(TransientCause::Overload)),
            (None, _) => ProviderRefusal::Other,
        }
    }

    fn meant(&self, meaning: Meaning) -> ProviderRefusal {
        let told = self.told_wait();
        match meaning {
            Meaning::Terminal(cause, lifted) => ProviderRefusal::Terminal { cause, lifted },
            Meaning::Guess => ProviderRefusal::Guess { wait: told.unwrap_or(Wait::Guess) },
            Meaning::Transient(cause) => ProviderRefusal::Transient { cause, wait: told.unwrap_or(usual_wait(cause)) },
        }
    }

    /// Seconds, perhaps with a fraction and an `s`. A date is not read, because the two clocks may differ.
    fn told_wait(&self) -> Option<Wait> {
        let seconds: f64 = self.retry_after?.trim().trim_end_matches('s').parse().ok()?;
        let told =
            if seconds > LONGEST_WAIT.as_secs_f64() { Ok(LONGEST_WAIT) } else { Duration::try_from_secs_f64(seconds) };
        told.ok().map(Wait::Told)
    }
}

impl GuardAnswer for ProviderRefusal {
    fn is_refusal(&self) -> bool {
        true
    }

    /// For the first refusal in a row; `Failover` counts them, and knows when the month turns.
    fn retry_at(&self) -> Option<RetryAt> {
        match self {
            Self::Transient { wait, .. } | Self::Guess { wait } => Some(RetryAt::After(wait.after(1))),
            Self::Terminal { .. } | Self::Other => None,
        }
    }
}

impl Display for ProviderRefusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let first = |wait: &Wait| duration_text::text(wait.after(1));
        match self {
            Self::Terminal { cause, lifted } => write!(f, "the provider refuses: {cause}; do not ask it {lifted}"),
            Self::Transient { cause, wait } => {
                write!(f, "the provider refuses: {cause}; ask it again in {}, or another now", first(wait))
            }
            Self::Guess { wait } => write!(
                f,
                "the provider refuses in words that nobody documents; ask it again in {}, or another now",
                first(wait)
            ),
            Self::Other => f.write_str("the provider's error is not about limits; look at what it says"),
        }
    }
}

fn usual_wait(cause: TransientCause) -> Wait {
    match cause {
        TransientCause::Rate => Wait::Window(RATE_WINDOW),
        TransientCause::Daily => Wait::Window(LONGEST_WAIT),
        TransientCause::Concurrency | TransientCause::Overload => Wait::Guess,
    }
}

/// Rates are per minute.
const RATE_WINDOW: Duration = Duration::from_secs(60);
/// Short, because another call may end, and free its connection, at any moment.
const FIRST_GUESS: Duration = Duration::from_secs(5);
/// A longer wait would outlast the outage.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
