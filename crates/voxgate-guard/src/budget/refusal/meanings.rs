//! What providers say when they refuse, and where that is written. A table: one row for a code or phrase.

use self::Said::{Code, Phrase, Within};
use super::cause::{Lifted, TerminalCause, TransientCause};

/// A code or phrase and its meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) said: Said,
    /// Statuses beyond [`LIMITS`] with which it comes.
    also: &'static [u16],
    pub(super) means: Meaning,
    /// Who says it, and where that can be read; read in November 2026.
    #[cfg_attr(not(test), allow(dead_code, reason = "for those who read the table, and for a test"))]
    pub(super) source: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A word by itself, in any spelling: `TOO_MANY_REQUESTS` is `TooManyRequests`.
    Code(&'static str),
    /// Words in a row.
    Phrase(&'static str),
    /// Part of a word.
    Within(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Terminal(TerminalCause, Lifted),
    Transient(TransientCause),
    /// Ambiguous: used for transient and for terminal refusals.
    Guess,
}

impl Row {
    pub(super) fn fits(&self, status: u16, words: &Words) -> bool {
        (is_limit(status) || self.also.contains(&status)) && words.say(self.said)
    }
}

/// Statuses with which limits come: none, HTTP's, and those of closed sockets.
fn is_limit(status: u16) -> bool {
    matches!(status, 0 | 402 | 429 | 503 | 529 | 1008 | 1011 | 1013 | 4000..=4999)
}

/// What was said, made comparable.
pub(super) struct Words {
    /// Words in lower case, a space before each.
    spaced: String,
    /// Words with what joins a code, in lower case and without the joints.
    codes: Vec<String>,
}

impl Words {
    pub(super) fn of(texts: &[&str]) -> Self {
        let text = texts.join(" ");
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let spaced = words.flat_map(|word| [" ".to_owned(), word.to_lowercase()]).collect();
        let codes = text.split(|c: char| !c.is_alphanumeric() && !JOINTS.contains(&c)).map(plain).collect();
        Self { spaced, codes }
    }

    fn say(&self, said: Said) -> bool {
        match said {
            Code(code) => self.codes.contains(&plain(code)),
            Phrase(phrase) => self.spaced.contains(&format!(" {phrase}")),
            Within(part) => self.codes.iter().any(|code| code.contains(part)),
        }
    }
}

fn plain(code: &str) -> String {
    code.chars().filter(|c| !JOINTS.contains(c)).flat_map(char::to_lowercase).collect()
}

const JOINTS: [char; 2] = ['_', '-'];

const fn row(said: Said, means: Meaning, source: &'static str) -> Row {
    Row { said, also: &[], means, source }
}

const OUT_OF_CREDITS: Meaning = Meaning::Terminal(TerminalCause::Credits, Lifted::Payment);
const CREDITS_OF_THE_MONTH: Meaning = Meaning::Terminal(TerminalCause::Credits, Lifted::NextMonth);
const QUOTA_OF_THE_MONTH: Meaning = Meaning::Terminal(TerminalCause::Quota, Lifted::NextMonth);
const ACCOUNT: Meaning = Meaning::Terminal(TerminalCause::Account, Lifted::Payment);
const CONCURRENCY: Meaning = Meaning::Transient(TransientCause::Concurrency);
const RATE: Meaning = Meaning::Transient(TransientCause::Rate);
const DAILY: Meaning = Meaning::Transient(TransientCause::Daily);
const OVERLOAD: Meaning = Meaning::Transient(TransientCause::Overload);

const LIVEKIT: &str = "LiveKit: github.com/livekit/agents/pull/6152, inference/_exceptions.py";
const LIVEKIT_RATES: &str = "LiveKit: github.com/livekit/agents/pull/6012, review of quotaHint";
const LIVEKIT_CREDITS: &str = "LiveKit: community.livekit.io/t/1131, 429 once the month's credits are spent";
const DEEPGRAM: &str = "Deepgram: developers.deepgram.com/docs/errors";
const DEEPGRAM_LIMITS: &str = "Deepgram: developers.deepgram.com/docs/working-with-concurrency-rate-limits";
const ASSEMBLYAI: &str = "AssemblyAI: assemblyai.com/docs/api-reference/streaming, close and error codes";
const ASSEMBLYAI_V3: &str = "AssemblyAI: assemblyai.com/docs/streaming/common-session-errors-and-closures";
const ASSEMBLYAI_RATE: &str = "AssemblyAI: assemblyai.com/docs/faq, automatically scaling concurrency: it is new sessions a minute that are limited";
const OPENAI: &str =
    "OpenAI: developers.openai.com, error codes, as in learn.microsoft.com dev-proxy openai-insufficient-quota";
const OPENAI_FATAL: &str = "OpenAI: github.com/livekit/agents/pull/6352, fatal codes of the realtime API";
const ANTHROPIC: &str = "Anthropic: platform.claude.com/docs/en/api/errors";
const ANTHROPIC_SPEND: &str =
    "Anthropic: platform.claude.com/docs/en/api/rate-limits: until the first of the month, 00:00 UTC";
const GOOGLE: &str = "Google: ai.google.dev/gemini-api/docs/rate-limits; the quotaId of google.rpc.QuotaFailure";
const GOOGLE_PREPAY: &str = "Google: discuss.ai.google.dev/t/183654, 402 now and 429 before";
const GOOGLE_REASONS: &str = "Google: google.api.ErrorReason, error_reason.proto";
const GOOGLE_LIVE: &str =
    "Google: github.com/kazunori279/interpretab/issues/13, said of tokens per minute by a socket closed with 1011";
const ELEVENLABS: &str = "ElevenLabs: elevenlabs.io/docs/eleven-api/resources/errors";
const ELEVENLABS_401: &str =
    "ElevenLabs: help.elevenlabs.io 19572237925521; Cartesia: docs.cartesia.ai/use-the-api/api-errors";
const ELEVENLABS_429: &str = "ElevenLabs: help.elevenlabs.io 19571824571921";
const ELEVENLABS_REALTIME: &str = "ElevenLabs: github.com/elevenlabs/elevenlabs-python, realtime/connection.py";
const CARTESIA: &str = "Cartesia: docs.cartesia.ai/use-the-api/api-errors";
const SPEECHMATICS: &str = "Speechmatics: docs.speechmatics.com, realtime errors";
const ALL: &str = "several of these, in prose";

/// The first that fits counts: what names its cause before what names only a kind, codes before prose.
pub(super) const MEANINGS: &[Row] = &[
    row(Code("MaxGatewayCredits"), CREDITS_OF_THE_MONTH, LIVEKIT),
    row(Code("MaxBargeInRequests"), QUOTA_OF_THE_MONTH, LIVEKIT),
    row(Code("MaxEotRequests"), QUOTA_OF_THE_MONTH, LIVEKIT),
    row(Code("MaxConcurrentGatewayLLMRpm"), RATE, LIVEKIT),
    row(Code("MaxConcurrentGatewayLLMTpm"), RATE, LIVEKIT),
    row(Code("MaxBargeInRPM"), RATE, LIVEKIT_RATES),
    row(Code("MaxConcurrentGatewaySTT"), CONCURRENCY, LIVEKIT_RATES),
    row(Code("MaxConcurrentGatewayTTS"), CONCURRENCY, LIVEKIT_RATES),
    row(Code("credit_balance_exhausted"), OUT_OF_CREDITS, OPENAI),
    row(Code("organization_spend_limit_exceeded"), QUOTA_OF_THE_MONTH, OPENAI),
    row(Code("project_spend_limit_exceeded"), QUOTA_OF_THE_MONTH, OPENAI),
    row(Code("organization_usage_limit_exceeded"), QUOTA_OF_THE_MONTH, OPENAI),
    Row { also: &[400], ..row(Code("billing_hard_limit_reached"), QUOTA_OF_THE_MONTH, OPENAI_FATAL) },
    Row { also: &[401, 403], ..row(Code("account_deactivated"), ACCOUNT, OPENAI_FATAL) },
    row(Code("billing_not_active"), ACCOUNT, OPENAI),
    row(Code("insufficient_quota"), CREDITS_OF_THE_MONTH, OPENAI),
    row(Code("enforced_spend_limit_reached"), QUOTA_OF_THE_MONTH, ANTHROPIC_SPEND),
    Row { also: &[400], ..row(Phrase("specified api usage limits"), QUOTA_OF_THE_MONTH, ANTHROPIC_SPEND) },
    Row { also: &[400], ..row(Phrase("credit balance is too low"), OUT_OF_CREDITS, ANTHROPIC) },
    row(Code("billing_error"), OUT_OF_CREDITS, ANTHROPIC),
    row(Code("ASR_PAYMENT_REQUIRED"), OUT_OF_CREDITS, DEEPGRAM),
    row(Phrase("prepayment credits are depleted"), OUT_OF_CREDITS, GOOGLE_PREPAY),
    Row { also: &[403], ..row(Code("BILLING_DISABLED"), ACCOUNT, GOOGLE_REASONS) },
    row(Phrase("inference credits"), CREDITS_OF_THE_MONTH, LIVEKIT_CREDITS),
    row(Phrase("credit quota exceeded"), CREDITS_OF_THE_MONTH, LIVEKIT),
    row(Phrase("concurrent quota exceeded"), CONCURRENCY, SPEECHMATICS),
    Row { also: &[400, 401], ..row(Code("quota_exceeded"), QUOTA_OF_THE_MONTH, ELEVENLABS_401) },
    Row { also: &[3009], ..row(Phrase("insufficient account balance"), OUT_OF_CREDITS, ASSEMBLYAI_V3) },
    row(Phrase("insufficient funds"), OUT_OF_CREDITS, ASSEMBLYAI),
    row(Phrase("feature is paid only"), OUT_OF_CREDITS, ASSEMBLYAI),
    row(Phrase("insufficient credit"), OUT_OF_CREDITS, ALL),
    row(Phrase("insufficient balance"), OUT_OF_CREDITS, ALL),
    row(Phrase("not have enough credit"), OUT_OF_CREDITS, DEEPGRAM),
    row(Phrase("out of credit"), OUT_OF_CREDITS, ALL),
    row(Phrase("number of allowed streams"), CONCURRENCY, ASSEMBLYAI),
    Row { also: &[3009], ..row(Phrase("too many concurrent sessions"), RATE, ASSEMBLYAI_RATE) },
    row(Code("concurrency_limited"), CONCURRENCY, CARTESIA),
    row(Code("too_many_concurrent_requests"), CONCURRENCY, ELEVENLABS_429),
    row(Code("concurrent_limit_exceeded"), CONCURRENCY, ELEVENLABS),
    row(Phrase("too many concurrent"), CONCURRENCY, CARTESIA),
    row(Phrase("concurrency limit"), CONCURRENCY, ALL),
    row(Code("system_busy"), OVERLOAD, ELEVENLABS_429),
    row(Code("overloaded_error"), OVERLOAD, ANTHROPIC),
    row(Code("server_is_overloaded"), OVERLOAD, OPENAI),
    row(Within("perday"), DAILY, GOOGLE),
    row(Within("perminute"), RATE, GOOGLE),
    row(Code("slow_down"), RATE, OPENAI),
    row(Code("rate_limit_exceeded"), RATE, OPENAI),
    row(Code("rate_limit_error"), RATE, ANTHROPIC),
    row(Code("rate_limited"), RATE, ELEVENLABS_REALTIME),
    row(Phrase("rate limit"), RATE, ALL),
    row(Code("TOO_MANY_REQUESTS"), CONCURRENCY, DEEPGRAM_LIMITS),
    row(Code("inference_quota_exceeded"), Meaning::Guess, LIVEKIT),
    row(Code("RESOURCE_EXHAUSTED"), Meaning::Guess, GOOGLE),
    row(Phrase("exceeded your current quota"), Meaning::Guess, GOOGLE_LIVE),
    row(Phrase("too many requests"), Meaning::Guess, ALL),
];
