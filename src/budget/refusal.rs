//! What a provider's refusal means: wait, or stop.

use std::time::Duration;

/// A refusal by a provider, in its own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderError<'a> {
    /// HTTP status, or the code that a WebSocket was closed with.
    pub status: u16,
    /// The machine-readable code of the body or close frame, if there is one.
    pub code: &'a str,
    /// The text.
    pub message: &'a str,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<&'a str>,
}

/// What to make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Trying again is in vain until somebody pays or the month ends.
    Terminal(TerminalCause),
    /// There is room again soon.
    Transient {
        /// Of what there is none now.
        cause: TransientCause,
        /// When to try again.
        after: Duration,
    },
    /// Not about limits.
    Other,
}

/// Why it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalCause {
    /// The money is spent.
    Credits,
    /// The allowance of the month or plan is spent.
    Quota,
}

/// What is short for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransientCause {
    /// Too many at once.
    Concurrency,
    /// Too many in a time.
    Rate,
    /// The provider has no capacity.
    Overload,
    /// It did not say.
    Unnamed,
}

impl ProviderError<'_> {
    /// By what the providers document; the code weighs more than the text.
    ///
    /// ```
    /// use voxgate::budget::{ProviderError, Refusal, TerminalCause};
    ///
    /// let spent = ProviderError { status: 429, code: "insufficient_quota", ..ProviderError::default() };
    /// assert_eq!(spent.refusal(), Refusal::Terminal(TerminalCause::Credits));
    /// ```
    pub fn refusal(&self) -> Refusal {
        let limited = matches!(self.status, 402 | 429 | 503 | 1008 | 1011 | 1013 | 4000..=4999);
        let code = plain(self.code);
        let words = format!("{code} {}", plain(self.message));
        let told = MEANINGS.iter().find(|(part, _)| words.contains(part)).map(|(_, meaning)| *meaning);
        match (told, self.status) {
            // ElevenLabs answers 401 when the quota is spent (home-assistant/core#160414).
            (Some(Meaning::Terminal(TerminalCause::Quota)), 401) if code == QUOTA => {
                Refusal::Terminal(TerminalCause::Quota)
            }
            _ if !limited => Refusal::Other,
            (Some(Meaning::Terminal(cause)), _) => Refusal::Terminal(cause),
            (_, 402) => Refusal::Terminal(TerminalCause::Credits),
            (Some(Meaning::Transient(cause)), _) => self.transient(cause),
            (None, 429) => self.transient(TransientCause::Unnamed),
            (None, 503 | 1013) => self.transient(TransientCause::Overload),
            (None, _) => Refusal::Other,
        }
    }

    fn transient(&self, cause: TransientCause) -> Refusal {
        let told = self.retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let usual = match cause {
            TransientCause::Rate => RATE_WINDOW,
            _ => RETRY_AFTER,
        };
        Refusal::Transient { cause, after: told.unwrap_or(usual).min(LONGEST_RETRY) }
    }
}

#[derive(Clone, Copy, Debug)]
enum Meaning {
    Terminal(TerminalCause),
    Transient(TransientCause),
}

/// Only letters and digits, in lower case: providers write one code in many ways.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// Codes and phrases, the more telling first.
const MEANINGS: [(&str, Meaning); 22] = [
    // LiveKit Inference; which are final was settled in livekit/agents#6012.
    ("maxgatewaycredits", Meaning::Terminal(TerminalCause::Credits)),
    ("maxbargeinrequests", Meaning::Terminal(TerminalCause::Quota)),
    ("maxconcurrentgatewayllmrpm", Meaning::Transient(TransientCause::Rate)),
    ("maxconcurrentgatewayllmtpm", Meaning::Transient(TransientCause::Rate)),
    ("maxconcurrentgateway", Meaning::Transient(TransientCause::Concurrency)),
    // OpenAI and those that speak like it.
    ("insufficientquota", Meaning::Terminal(TerminalCause::Credits)),
    ("billinghardlimit", Meaning::Terminal(TerminalCause::Credits)),
    // ElevenLabs, help.elevenlabs.io 19571824571921.
    (QUOTA, Meaning::Terminal(TerminalCause::Quota)),
    ("toomanyconcurrent", Meaning::Transient(TransientCause::Concurrency)),
    ("systembusy", Meaning::Transient(TransientCause::Overload)),
    // AssemblyAI, assemblyai.com/docs/api-reference/real-time, code 4102.
    ("numberofallowedstreams", Meaning::Transient(TransientCause::Concurrency)),
    // Deepgram, developers.deepgram.com/docs/errors.
    ("asrpaymentrequired", Meaning::Terminal(TerminalCause::Credits)),
    ("outofcredit", Meaning::Terminal(TerminalCause::Credits)),
    ("insufficientcredit", Meaning::Terminal(TerminalCause::Credits)),
    ("insufficientfunds", Meaning::Terminal(TerminalCause::Credits)),
    ("insufficientbalance", Meaning::Terminal(TerminalCause::Credits)),
    ("creditsaredepleted", Meaning::Terminal(TerminalCause::Credits)),
    // Cartesia, docs.cartesia.ai/use-the-api/api-errors.
    ("concurrencylimit", Meaning::Transient(TransientCause::Concurrency)),
    ("concurrentlimit", Meaning::Transient(TransientCause::Concurrency)),
    ("concurrentsessions", Meaning::Transient(TransientCause::Concurrency)),
    ("ratelimit", Meaning::Transient(TransientCause::Rate)),
    ("toomanyrequests", Meaning::Transient(TransientCause::Unnamed)),
];

const QUOTA: &str = "quotaexceeded";
/// Where a provider does not say when: its rates are per minute.
const RATE_WINDOW: Duration = Duration::from_secs(60);
/// Where nothing is known: a call's connection may end any moment.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A `Retry-After` beyond this would outlast the trouble.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str, message: &str) -> Refusal {
        ProviderError { status, code, message, retry_after: None }.refusal()
    }

    fn transient(cause: TransientCause, seconds: u64) -> Refusal {
        Refusal::Transient { cause, after: Duration::from_secs(seconds) }
    }

    #[test]
    fn what_is_over_is_told_from_what_passes() {
        use TerminalCause::{Credits, Quota};
        use TransientCause::{Concurrency, Overload, Rate, Unnamed};
        for (given, expected) in [
            (refusal(429, "MaxGatewayCredits", ""), Refusal::Terminal(Credits)),
            (refusal(429, "MaxBargeInRequests", ""), Refusal::Terminal(Quota)),
            (refusal(429, "MaxConcurrentGatewayLLMTpm", ""), transient(Rate, 60)),
            (refusal(429, "MaxConcurrentGatewaySTT", ""), transient(Concurrency, 5)),
            (refusal(429, "insufficient_quota", "You exceeded your current quota"), Refusal::Terminal(Credits)),
            (refusal(429, "rate_limit_exceeded", "Rate limit reached"), transient(Rate, 60)),
            (refusal(402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits"), Refusal::Terminal(Credits)),
            (refusal(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later"), transient(Unnamed, 5)),
            (refusal(429, "concurrency_limited", "Too many concurrent requests"), transient(Concurrency, 5)),
            (refusal(1008, "", "Unauthorized connection: Too many concurrent sessions"), transient(Concurrency, 5)),
            (
                refusal(1008, "", "Unauthorized connection: Insufficient account balance, insufficient funds"),
                Refusal::Terminal(Credits),
            ),
            (refusal(429, "system_busy", ""), transient(Overload, 5)),
            (refusal(429, "", ""), transient(Unnamed, 5)),
            (refusal(503, "", ""), transient(Overload, 5)),
            (refusal(402, "", ""), Refusal::Terminal(Credits)),
            (refusal(401, "quota_exceeded", "You have 0 credits remaining"), Refusal::Terminal(Quota)),
            (refusal(401, "", "quota exceeded"), Refusal::Other),
            (refusal(401, "insufficient_quota", ""), Refusal::Other),
            (refusal(4002, "", "Insufficient Funds"), Refusal::Terminal(Credits)),
            (refusal(4102, "", "This account has exceeded the number of allowed streams"), transient(Concurrency, 5)),
            (refusal(4029, "", "Client sent audio too fast"), Refusal::Other),
            (refusal(1011, "", "internal error"), Refusal::Other),
            (refusal(1011, "", "429 Too Many Requests"), transient(Unnamed, 5)),
            (refusal(1008, "", "bad token"), Refusal::Other),
            (refusal(500, "", "rate limit"), Refusal::Other),
        ] {
            assert_eq!(given, expected);
        }
    }

    #[test]
    fn a_provider_that_says_when_is_believed_within_reason() {
        let told =
            |retry_after| ProviderError { status: 429, retry_after: Some(retry_after), ..ProviderError::default() };
        assert_eq!(told("17").refusal(), transient(TransientCause::Unnamed, 17));
        assert_eq!(told("99999999").refusal(), transient(TransientCause::Unnamed, 3_600));
        assert_eq!(told("-3").refusal(), transient(TransientCause::Unnamed, 5));
        assert_eq!(told("Fri, 31 Dec 1999 23:59:59 GMT").refusal(), transient(TransientCause::Unnamed, 5));
    }
}
