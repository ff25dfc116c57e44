//! What a day costs with and without the guards.

mod incidents;

pub use incidents::{EmptyRoom, Incidents, ReconnectLoop, Storm, TrackCascade};

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::prices::unreadable;
use super::{BillingMode, PriceBook, PriceError, SavedCause, Usage, Usd};
use voxgate_base::Probability;
use voxgate_base::duration_text;

/// A service: its prices, its calls and what goes wrong with them.
///
/// What the guards would have done about it is not assumed: they are run, with their default policies. Two
/// things are taken for granted: that a claim lets one worker through, and that `sent_share` holds in a storm too.
///
/// ```
/// use voxgate_guard::budget::{PriceBook, Scenario};
///
/// let scenario = Scenario::from_toml(include_str!("../../../../samples/support_line.cost.toml"))?;
/// let estimate = scenario.estimate(PriceBook::shipped())?;
/// assert!(estimate.with_guards < estimate.without_guards);
/// # Ok::<(), voxgate_guard::budget::PriceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Scenario {
    /// What it is called in reports.
    pub name: String,
    /// The price of each service that a call uses.
    pub services: Services,
    /// An ordinary call.
    pub call: CallShape,
    /// What goes wrong in a day.
    #[serde(default)]
    pub incidents: Incidents,
    /// Prices over those of the book.
    #[serde(default)]
    pub prices: PriceBook,
}

/// Names in the price book.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Services {
    /// Speech-to-text.
    pub stt: String,
    /// What the language model reads.
    pub llm_input: String,
    /// What it writes.
    pub llm_output: String,
    /// Text-to-speech.
    pub tts: String,
    /// The session or room itself, if it is billed.
    #[serde(default)]
    pub session: Option<String>,
}

/// An ordinary call, and how many there are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct CallShape {
    /// Calls a day.
    pub per_day: f64,
    /// How long one is.
    #[serde(with = "duration_text")]
    pub length: Duration,
    /// Turns of the user in a minute; each is an answer of the model, spoken.
    pub turns_per_minute: f64,
    /// Tokens that the model reads for an answer.
    pub llm_input_tokens: u64,
    /// Tokens that it writes.
    pub llm_output_tokens: u64,
    /// Characters that are spoken.
    pub answer_characters: u64,
    /// Share of the audio that the gate sends on; `voxgate gate` says it of a recording.
    pub sent_share: Probability,
    /// Share of the time that the STT connection is open with the gate: below 1 only with `close_after`.
    pub open_share: Probability,
    /// Noises in a minute that are answered without the gate …
    #[serde(default)]
    pub answered_noises_per_minute: f64,
    /// … and the share of them that the gate keeps out.
    #[serde(default)]
    pub noises_kept_out: Probability,
    /// Echoes of the agent in a minute that are answered without the gate …
    #[serde(default)]
    pub answered_echoes_per_minute: f64,
    /// … and the share of them that the gate keeps out.
    #[serde(default)]
    pub echoes_kept_out: Probability,
}

/// The bill of a day.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// What the scenario is called.
    pub name: String,
    /// Dollars without gate and guards.
    pub without_guards: Usd,
    /// Dollars with them.
    pub with_guards: Usd,
    /// By service, in the order of the scenario.
    pub lines: Vec<EstimateLine>,
    /// By cause, the causes that save nothing too.
    pub saved: Vec<Saved>,
    /// The arithmetic: each product that is part of a sum.
    pub work: Vec<Work>,
    /// What a reader should know before believing it.
    pub notes: Vec<String>,
}

/// A product: so much of a service, so often a day. As text, the arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Work {
    /// Why it is used.
    pub cause: SavedCause,
    /// What for: stt, llm_input, llm_output, tts or session.
    pub service: &'static str,
    /// What is billed of it each time, in units of the price's: seconds of audio or of a connection, whole minutes,
    /// tokens or characters.
    pub quantity: f64,
    /// The unit.
    pub unit: &'static str,
    /// Dollars each time.
    pub each: Usd,
    /// Times a day without gate and guards.
    pub without_guards: f64,
    /// Times a day with them.
    pub with_guards: f64,
}

impl Display for Work {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { quantity, unit, without_guards, with_guards, .. } = self;
        let dollars = self.each.dollars();
        write!(f, "{quantity} {unit} for {dollars} USD, {without_guards:.1} × without, {with_guards:.1} × with: ")?;
        write!(f, "{:.4} and {:.4} USD", dollars * without_guards, dollars * with_guards)
    }
}

/// A service on the bill of a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EstimateLine {
    /// What it is for: stt, llm_input, llm_output, tts or session.
    pub service: &'static str,
    /// Its name in the price book.
    pub item: String,
    /// Dollars without gate and guards.
    pub without_guards: Usd,
    /// Dollars with them.
    pub with_guards: Usd,
}

/// What a cause saves in a day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Saved {
    /// The cause.
    pub cause: SavedCause,
    /// Dollars.
    pub usd: Usd,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`PriceError`] names the place, or the price that cannot be used.
    pub fn from_toml(text: &str) -> Result<Self, PriceError> {
        let scenario: Self = toml::from_str(text).map_err(|error| unreadable(&error))?;
        scenario.prices.refuse_contradictions()?;
        scenario.refuse_what_cannot_happen()?;
        Ok(scenario)
    }

    /// What a day costs, at the prices of `book` and of the scenario itself.
    ///
    /// # Errors
    /// [`PriceError::Unknown`] if a service has no price.
    pub fn estimate(&self, book: PriceBook) -> Result<Estimate, PriceError> {
        let book = book.over(self.prices.clone());
        let mut flows = Flows::default();
        self.ordinary_calls(&mut flows);
        self.incidents.flows(&self.call, &mut flows);
        let mut estimate = Estimate { name: self.name.clone(), ..Estimate::default() };
        let mut by_cause = [(Usd::ZERO, Usd::ZERO); SavedCause::ALL.len()];
        for (service, name) in self.services.named() {
            let price = book.get(name)?;
            let (mut without, mut with) = (Usd::ZERO, Usd::ZERO);
            for flow in &flows.0 {
                for (_, usage) in flow.usages.iter().filter(|(of, _)| *of == service) {
                    let Some((quantity, unit)) = price.billed(*usage) else { continue };
                    let each = price.cost(*usage);
                    let (all, left) = (flow.cost(each, flow.without), flow.cost(each, flow.with));
                    (without, with) = (without + all, with + left);
                    let of_cause = &mut by_cause[flow.cause as usize];
                    *of_cause = (of_cause.0 + all, of_cause.1 + left);
                    estimate.work.push(Work {
                        cause: flow.cause,
                        service: service.as_str(),
                        quantity,
                        unit,
                        each,
                        without_guards: flow.without,
                        with_guards: flow.with,
                    });
                }
            }
            let item = name.to_owned();
            let service = service.as_str();
            estimate.lines.push(EstimateLine { service, item, without_guards: without, with_guards: with });
        }
        estimate.work.retain(|work| work.without_guards + work.with_guards > 0.0);
        estimate.without_guards = estimate.lines.iter().map(|line| line.without_guards).sum();
        estimate.with_guards = estimate.lines.iter().map(|line| line.with_guards).sum();
        let saved =
            |(cause, (without, with)): (SavedCause, (Usd, Usd))| Saved { cause, usd: without.saturating_sub(with) };
        estimate.saved = SavedCause::ALL.iter().copied().zip(by_cause).map(saved).collect();
        estimate.notes = self.notes(&book)?;
        Ok(estimate)
    }

    fn ordinary_calls(&self, flows: &mut Flows) {
        let call = &self.call;
        let (calls, minutes) = (call.per_day, call.length.as_secs_f64() / 60.0);
        let share = |p: Probability| f64::from(p);
        let audio = (Service::Stt, Usage::Audio(call.length));
        let segment = (Service::Stt, Usage::Segment(call.length));
        let socket = (Service::Stt, Usage::Socket(call.length));
        let room = (Service::Session, Usage::Session(call.length));
        flows.add(SavedCause::Silence, vec![audio, segment], calls, calls * share(call.sent_share));
        flows.add(SavedCause::Silence, vec![socket], calls, calls * share(call.open_share));
        flows.add(SavedCause::Silence, vec![room], calls, calls);
        let turns = calls * minutes * call.turns_per_minute;
        flows.add(SavedCause::Silence, call.answer(), turns, turns);
        let noises = calls * minutes * call.answered_noises_per_minute;
        flows.add(SavedCause::Burst, call.answer(), noises, noises * (1.0 - share(call.noises_kept_out)));
        let echoes = calls * minutes * call.answered_echoes_per_minute;
        flows.add(SavedCause::Echo, call.answer(), echoes, echoes * (1.0 - share(call.echoes_kept_out)));
    }

    fn notes(&self, book: &PriceBook) -> Result<Vec<String>, PriceError> {
        let mut notes = Vec::new();
        let stt = book.get(&self.services.stt)?;
        if stt.billing == BillingMode::SocketSeconds && f64::from(self.call.open_share) == 1.0 {
            notes.push(format!(
                "{} bills the open connection: not sending silence saves nothing; closing the connection does \
                 (forward.policy keepalive with close_after, and open_share below 1)",
                self.services.stt
            ));
        }
        for (_, name) in self.services.named() {
            let price = book.get(name)?;
            if price.trust != super::Trust::Contract {
                notes.push(format!("{name}: {} ({}, {})", price.trust.as_str(), price.source, price.read));
            }
        }
        Ok(notes)
    }

    fn refuse_what_cannot_happen(&self) -> Result<(), PriceError> {
        let counts = [
            ("call.per_day", self.call.per_day),
            ("call.turns_per_minute", self.call.turns_per_minute),
            ("call.answered_noises_per_minute", self.call.answered_noises_per_minute),
            ("call.answered_echoes_per_minute", self.call.answered_echoes_per_minute),
        ];
        counts.into_iter().try_for_each(|(key, count)| refuse_count(key, count))?;
        self.incidents.refuse_what_cannot_happen()
    }
}

impl Services {
    fn named(&self) -> impl Iterator<Item = (Service, &str)> {
        let always = [
            (Service::Stt, &self.stt),
            (Service::LlmInput, &self.llm_input),
            (Service::LlmOutput, &self.llm_output),
            (Service::Tts, &self.tts),
        ];
        always
            .into_iter()
            .chain(self.session.as_ref().map(|name| (Service::Session, name)))
            .map(|(s, n)| (s, n.as_str()))
    }
}

impl CallShape {
    /// One answer of the agent.
    fn answer(&self) -> Vec<(Service, Usage)> {
        vec![
            (Service::LlmInput, Usage::Tokens(self.llm_input_tokens)),
            (Service::LlmOutput, Usage::Tokens(self.llm_output_tokens)),
            (Service::Tts, Usage::Characters(self.answer_characters)),
        ]
    }
}

/// What is used so and so often a day.
struct Flow {
    cause: SavedCause,
    usages: Vec<(Service, Usage)>,
    without: f64,
    with: f64,
}

impl Flow {
    fn cost(&self, each: Usd, times: f64) -> Usd {
        Usd::from_dollars(each.dollars() * times).unwrap_or(Usd(u64::MAX))
    }
}

#[derive(Default)]
struct Flows(Vec<Flow>);

impl Flows {
    fn add(&mut self, cause: SavedCause, usages: Vec<(Service, Usage)>, without: f64, with: f64) {
        self.0.push(Flow { cause, usages, without, with });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Stt,
    LlmInput,
    LlmOutput,
    Tts,
    Session,
}

impl Service {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::LlmInput => "llm_input",
            Self::LlmOutput => "llm_output",
            Self::Tts => "tts",
            Self::Session => "session",
        }
    }
}

fn refuse_count(key: &str, count: f64) -> Result<(), PriceError> {
    if (0.0..=MOST_A_DAY).contains(&count) {
        return Ok(());
    }
    Err(PriceError::Count { key: key.to_owned(), given: count, most: MOST_A_DAY })
}

/// So that a year of them is still an exact number.
const MOST_A_DAY: f64 = 1e9;

#[cfg(test)]
mod tests;
