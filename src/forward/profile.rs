//! What is known of the providers: how they bill, when they hang up, how they find an end.

use std::time::Duration;

use crate::config::Provider;
#[cfg(feature = "guard")]
use voxgate_guard::budget::{BillingMode, Price, PriceBook};

/// A speech-to-text provider's billing, endpointing and timeouts, as far as they matter to a gated stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderProfile {
    /// What is paid for.
    pub billing: Billing,
    /// How it learns that a segment is over (endpointing).
    pub endpoint: Endpoint,
    /// What keeps an idle connection open.
    pub keep_alive: KeepAlive,
    /// Its idle timeout: after how much silence on the wire it hangs up; `None` if it has none, or documents none.
    pub idle_limit: Option<Duration>,
}

/// What a provider bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Billing {
    /// Seconds of audio that it was sent.
    AudioSeconds,
    /// Requests or files, by their length.
    Segments,
    /// Seconds that the connection was open, idle or not.
    SocketSeconds,
}

/// How a provider learns that a segment is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// It takes a message, or the end of the request.
    Message,
    /// Its own endpointer listens for silence: zeros of this length follow the segment.
    Zeros(Duration),
}

/// What keeps an idle connection open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepAlive {
    /// A message at this interval.
    Message {
        /// The interval.
        every: Duration,
    },
    /// Nothing is needed, or nothing helps.
    None,
    /// Zeros at this interval.
    Zeros {
        /// The interval.
        every: Duration,
        /// How much each time.
        length: Duration,
    },
}

impl Provider {
    /// What is known of this provider.
    pub const fn profile(self) -> ProviderProfile {
        match self {
            // Billed by open connection; a `ForceEndpoint` message ends a turn; no idle limit
            // unless `inactivity_timeout` is set. assemblyai.com/docs/streaming, read 2026-11.
            Self::Assemblyai => ProviderProfile {
                billing: Billing::SocketSeconds,
                endpoint: Endpoint::Message,
                keep_alive: KeepAlive::None,
                idle_limit: None,
            },
            // `KeepAlive` every 3 to 5 s or NET-0001 after 10 s; `Finalize` flushes.
            // developers.deepgram.com/docs/audio-keep-alive and /finalize, read 2026-11.
            Self::Deepgram => ProviderProfile {
                billing: Billing::AudioSeconds,
                endpoint: Endpoint::Message,
                keep_alive: KeepAlive::Message { every: Duration::from_secs(4) },
                idle_limit: Some(Duration::from_secs(10)),
            },
            // Nothing is known: silence is what every endpointer understands, and 100 ms of it
            // every 5 s is how Pipecat keeps connections open.
            Self::Generic => ProviderProfile {
                billing: Billing::AudioSeconds,
                endpoint: Endpoint::Zeros(Duration::from_millis(500)),
                keep_alive: KeepAlive::Zeros { every: Duration::from_secs(5), length: Duration::from_millis(100) },
                idle_limit: None,
            },
            Self::Segmented => ProviderProfile {
                billing: Billing::Segments,
                endpoint: Endpoint::Message,
                keep_alive: KeepAlive::None,
                idle_limit: None,
            },
        }
    }
}

#[cfg(feature = "guard")]
impl Provider {
    /// Its price of speech-to-text in `book`, and the price's name; `None` if the book has none.
    pub fn price(self, book: &PriceBook) -> Option<(&'static str, &Price)> {
        let name = match self {
            Self::Assemblyai => "assemblyai-universal-3-6-pro",
            Self::Deepgram => "deepgram-nova-3",
            Self::Generic | Self::Segmented => return None,
        };
        book.get(name).ok().map(|price| (name, price))
    }
}

#[cfg(feature = "guard")]
impl From<Billing> for BillingMode {
    fn from(billing: Billing) -> Self {
        match billing {
            Billing::AudioSeconds => Self::AudioSeconds,
            Billing::Segments => Self::Segments,
            Billing::SocketSeconds => Self::SocketSeconds,
        }
    }
}
