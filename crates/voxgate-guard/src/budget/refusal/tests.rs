use std::collections::BTreeSet;

use super::TerminalCause::{Account, Credits, Quota};
use super::TransientCause::{Concurrency, Daily, Overload, Rate};
use super::*;

#[test]
fn what_providers_say_is_told_apart() {
    for (status, code, message, expected) in SAID {
        let error = ProviderError { status, code, message, retry_after: None };
        assert_eq!(error.refusal(), expected, "{status} {code} {message}");
    }
}

/// A row that nothing is read by would be dead, or hidden behind an earlier one.
#[test]
fn every_row_has_words_that_are_read_by_it_and_a_source() {
    let read = SAID.iter().filter_map(|(status, code, message, _)| {
        let words = Words::of(&[*code, *message]);
        MEANINGS.iter().position(|row| row.fits(*status, &words))
    });
    let read: BTreeSet<usize> = read.collect();
    for (place, row) in MEANINGS.iter().enumerate() {
        assert!(read.contains(&place), "{row:?}");
        assert!(MEANINGS[..place].iter().all(|earlier| earlier.said != row.said), "twice: {row:?}");
        assert!(row.source.contains(['.', ',']), "{row:?}");
    }
}

#[test]
fn a_provider_that_says_when_is_believed_within_reason() {
    let told = |retry_after| {
        let error = ProviderError { status: 429, retry_after: Some(retry_after), ..ProviderError::default() };
        let ProviderRefusal::Guess { wait } = error.refusal() else { panic!("{retry_after}") };
        wait
    };
    let seconds = |seconds| Wait::Told(Duration::from_secs_f64(seconds));
    for (text, wait) in [
        ("17", seconds(17.0)),
        (" 0 ", seconds(0.0)),
        ("8.5s", seconds(8.5)),
        ("35997.4s", seconds(3_600.0)),
        ("99999999999999999999999", seconds(3_600.0)),
        ("inf", seconds(3_600.0)),
        ("-3", Wait::Guess),
        ("NaN", Wait::Guess),
        ("", Wait::Guess),
        ("Fri, 31 Dec 1999 23:59:59 GMT", Wait::Guess),
    ] {
        assert_eq!(told(text), wait, "{text}");
    }
    let rate = ProviderError { status: 429, code: "rate_limit_error", message: "", retry_after: Some("3") };
    assert_eq!(rate.refusal(), ProviderRefusal::Transient { cause: Rate, wait: seconds(3.0) });
}

#[test]
fn a_guess_grows_up_to_an_hour_and_what_is_known_does_not() {
    let guessed = [0, 1, 2, 3, 10, 11, u32::MAX].map(|times| Wait::Guess.after(times).as_secs());
    assert_eq!(guessed, [5, 5, 10, 20, 2_560, 3_600, 3_600]);
    let minute = Wait::Window(RATE_WINDOW);
    assert_eq!([1, 9].map(|times| minute.after(times)), [RATE_WINDOW; 2]);
}

const fn terminal(cause: TerminalCause, lifted: Lifted) -> ProviderRefusal {
    ProviderRefusal::Terminal { cause, lifted }
}

const fn passes(cause: TransientCause) -> ProviderRefusal {
    let wait = match cause {
        Rate => Wait::Window(RATE_WINDOW),
        Daily => Wait::Window(LONGEST_WAIT),
        Concurrency | Overload => Wait::Guess,
    };
    ProviderRefusal::Transient { cause, wait }
}

const PAID: ProviderRefusal = terminal(Credits, Lifted::Payment);
const MONTH: ProviderRefusal = terminal(Quota, Lifted::NextMonth);
const CREDITS: ProviderRefusal = terminal(Credits, Lifted::NextMonth);
const ACCOUNT: ProviderRefusal = terminal(Account, Lifted::Payment);
const GUESS: ProviderRefusal = ProviderRefusal::Guess { wait: Wait::Guess };

/// Status, code, text, and what it means; in the words of the providers, shortened.
const SAID: [(u16, &str, &str, ProviderRefusal); 92] = [
    // LiveKit's gateway: the category counts, in the body or in the text, not the type.
    (429, "", "429: no inference credits", CREDITS),
    (429, "", "out of LiveKit Inference credits", CREDITS),
    (429, "MaxGatewayCredits", "", CREDITS),
    (429, "", "LLM token credit quota exceeded, category: MaxGatewayCredits, remaining_limit: 0", CREDITS),
    (429, "inference_quota_exceeded", "LLM token credit quota exceeded", CREDITS),
    (429, "inference_quota_exceeded", "{\"category\": \"MaxBargeInRequests\", \"remaining_limit\": \"0\"}", MONTH),
    (429, "MaxEotRequests", "", MONTH),
    (429, "", "quota exceeded, category: MaxEotRequests, remaining_limit: 0", MONTH),
    (429, "MaxConcurrentGatewayLLMRpm", "LLM request/min rate limit exceeded", passes(Rate)),
    (
        429,
        "",
        "LLM token/min rate limit exceeded, category: MaxConcurrentGatewayLLMTpm, current_usage: 50962",
        passes(Rate),
    ),
    (429, "MaxBargeInRPM", "", passes(Rate)),
    (429, "", "STT connection limit exceeded, category: MaxConcurrentGatewaySTT", passes(Concurrency)),
    (429, "MaxConcurrentGatewayTTS", "", passes(Concurrency)),
    (429, "inference_quota_exceeded", "", GUESS),
    (429, "inference_quota_exceeded", "{\"category\": \"SomeFutureCategory\"}", GUESS),
    (429, "", "LiveKit Adaptive Interruption quota exceeded", GUESS),
    (429, "", "Invalid response status (429 Too Many Requests)", GUESS),
    // Deepgram.
    (402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request", PAID),
    (402, "", "Project does not have enough credits for an ASR request", PAID),
    (429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later", passes(Concurrency)),
    (1011, "", "429 Too Many Requests", GUESS),
    (
        1011,
        "NET-0001",
        "Deepgram did not receive audio data or a text message within the timeout window.",
        ProviderRefusal::Other,
    ),
    (1008, "DATA-0000", "The payload cannot be decoded as audio.", ProviderRefusal::Other),
    (401, "INVALID_AUTH", "Invalid credentials.", ProviderRefusal::Other),
    // AssemblyAI.
    (4002, "", "Insufficient Funds", PAID),
    (4003, "", "This feature is paid-only and requires you to add a credit card.", PAID),
    (4102, "", "This account has exceeded the number of allowed streams", passes(Concurrency)),
    (1008, "", "Unauthorized connection: Too many concurrent sessions", passes(Rate)),
    (3009, "", "Unauthorized Connection: Too many concurrent sessions", passes(Rate)),
    (3009, "", "Unauthorized Connection: insufficient account balance", PAID),
    (1008, "", "Unauthorized connection: Insufficient account balance, insufficient funds", PAID),
    (1008, "", "Unauthorized Connection: Missing Authorization header", ProviderRefusal::Other),
    (4029, "", "Client sent audio too fast", ProviderRefusal::Other),
    (4031, "", "Session idle for too long", ProviderRefusal::Other),
    (3005, "", "Session Cancelled: An error occurred", ProviderRefusal::Other),
    // OpenAI: `insufficient_quota` is the type of four codes, and is also a code.
    (429, "credit_balance_exhausted", "You exceeded your current quota", PAID),
    (
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        CREDITS,
    ),
    (429, "insufficient_quota", "{'type': 'insufficient_quota', 'code': 'credit_balance_exhausted'}", PAID),
    (429, "organization_spend_limit_exceeded", "", MONTH),
    (429, "project_spend_limit_exceeded", "", MONTH),
    (429, "organization_usage_limit_exceeded", "", MONTH),
    (400, "billing_hard_limit_reached", "Billing hard limit has been reached", MONTH),
    (401, "account_deactivated", "", ACCOUNT),
    (429, "billing_not_active", "Your account is not active, please check your billing details", ACCOUNT),
    (0, "insufficient_quota", "an `error` event of a realtime session", CREDITS),
    (0, "invalid_request_error", "an `error` event of a realtime session", ProviderRefusal::Other),
    (429, "rate_limit_exceeded", "Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000", passes(Rate)),
    (429, "slow_down", "", passes(Rate)),
    (503, "server_is_overloaded", "", passes(Overload)),
    (401, "insufficient_quota", "", ProviderRefusal::Other),
    (500, "", "rate limit", ProviderRefusal::Other),
    // Anthropic: a spend limit has the type of a rate limit.
    (429, "rate_limit_error", "{'details': {'error_code': 'enforced_spend_limit_reached'}}", MONTH),
    (429, "rate_limit_error", "This request would exceed your account's rate limit.", passes(Rate)),
    (
        400,
        "invalid_request_error",
        "You have reached your specified API usage limits. You will regain access on 2026-12-01",
        MONTH,
    ),
    (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", PAID),
    (400, "invalid_request_error", "max_tokens: field required", ProviderRefusal::Other),
    (402, "billing_error", "", PAID),
    (529, "overloaded_error", "Overloaded", passes(Overload)),
    (529, "", "", passes(Overload)),
    // Google: one text for the minute, the day and the money.
    (402, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", PAID),
    (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", PAID),
    (429, "RESOURCE_EXHAUSTED", "\"quotaId\": \"GenerateRequestsPerDayPerProjectPerModel-FreeTier\"", passes(Daily)),
    (429, "RESOURCE_EXHAUSTED", "\"quotaId\": \"GenerateRequestsPerMinutePerProjectPerModel-FreeTier\"", passes(Rate)),
    (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", GUESS),
    (1011, "", "You exceeded your current quota, please check your plan and billing details.", GUESS),
    (403, "BILLING_DISABLED", "This API method requires billing to be enabled.", ACCOUNT),
    (403, "PERMISSION_DENIED", "The request is missing a valid API key.", ProviderRefusal::Other),
    (503, "UNAVAILABLE", "The model is overloaded.", passes(Overload)),
    // ElevenLabs answers 401 when the quota is spent, and tells it in a message on an open socket.
    (401, "quota_exceeded", "This request exceeds your quota of 10000. You have 0 credits remaining", MONTH),
    (0, "quota_exceeded", "", MONTH),
    (401, "", "quota exceeded", ProviderRefusal::Other),
    (429, "too_many_concurrent_requests", "", passes(Concurrency)),
    (429, "concurrent_limit_exceeded", "", passes(Concurrency)),
    (429, "system_busy", "", passes(Overload)),
    (0, "rate_limited", "", passes(Rate)),
    (0, "resource_exhausted", "", GUESS),
    (0, "session_time_limit_exceeded", "", ProviderRefusal::Other),
    // Cartesia.
    (429, "concurrency_limited", "You have exceeded your plan's concurrency limit.", passes(Concurrency)),
    (429, "", "Too many concurrent requests: you have exceeded your plan", passes(Concurrency)),
    (402, "quota_exceeded", "The account has exceeded quota", MONTH),
    // In prose, and nothing but a status.
    (429, "quota_exceeded", "Concurrent Quota Exceeded", passes(Concurrency)),
    (429, "", "Operating on separate limits", GUESS),
    (429, "", "insufficient credits", PAID),
    (429, "", "insufficient balance", PAID),
    (429, "", "you are out of credit", PAID),
    (429, "", "concurrency limit reached", passes(Concurrency)),
    (429, "", "Rate limited", passes(Rate)),
    (429, "", "", GUESS),
    (402, "", "", PAID),
    (1013, "", "", passes(Overload)),
    (1011, "", "internal error", ProviderRefusal::Other),
    (1008, "", "bad token", ProviderRefusal::Other),
];
