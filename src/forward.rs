//! The forwarder: from decisions to the audio and the messages for one speech-to-text connection.

mod profile;

pub use profile::{Billing, Endpoint, KeepAlive, ProviderProfile};

use std::time::Duration;

use crate::config::{ForwardConfig, ForwardPolicy};
use crate::decision::{Decision, Verdict};
use crate::frame::{SampleIndex, Span, samples_in};
use crate::gate::Gate;
use crate::time_map::TimeMap;
use crate::turn_state::{Edge, TurnState};

/// Turns a gate's decisions into the audio and the messages for one STT consumer.
///
/// One forwarder belongs to one connection; when it says [`SttInput::Close`] the next audio comes
/// after an [`SttInput::Open`], and the time map starts anew with it.
#[derive(Clone, Debug)]
pub struct Forwarder {
    policy: ForwardPolicy,
    profile: ProviderProfile,
    close_after: Option<u64>,
    map: TimeMap,
    /// Everything before this is settled: sent, replaced by zeros, or dropped.
    settled: SampleIndex,
    /// When audio or a message was last sent to the provider.
    last_contact: SampleIndex,
    /// When speech was last sent to the provider.
    last_audio: SampleIndex,
    connection: Connection,
    segment: Segment,
}

/// What to do with the STT connection, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum SttInput<'a> {
    /// Send this audio, 16 kHz mono.
    Audio(&'a [f32]),
    /// Close the idle connection, which is billed. Never within a segment; only [`Open`](Self::Open) follows.
    Close,
    /// The segment is over: ask the provider for its final transcript. Once for every segment.
    Finalize,
    /// Send the provider's keep-alive message.
    KeepAlive,
    /// Open a new connection: speech follows.
    Open,
    /// Send so many samples of zeros.
    Zeros(u64),
}

impl Forwarder {
    /// A forwarder for a connection that is open.
    pub fn new(config: &ForwardConfig) -> Self {
        Self {
            policy: config.policy,
            profile: config.provider.profile(),
            close_after: config.close_after.map(samples_in),
            map: TimeMap::new(),
            settled: SampleIndex::default(),
            last_contact: SampleIndex::default(),
            last_audio: SampleIndex::default(),
            connection: Connection::Open,
            segment: Segment::Over,
        }
    }

    /// Takes the decision that `gate` has just made and hands out what the provider should receive.
    ///
    /// # Real-time
    /// The time map grows by a piece for every segment, so this allocates now and then: call it
    /// beside the gate's thread if that matters, or [`forget`](TimeMap::forget_before) what is old.
    pub fn push(&mut self, decision: &Decision, gate: &Gate, mut send: impl FnMut(SttInput<'_>)) {
        match decision.verdict {
            Verdict::Forward(span) => self.forward(span, gate, &mut send),
            Verdict::Hold(_) | Verdict::Suppress(_) => {
                self.replace_until(decision.settled, &mut send);
                self.keep(decision.frame.end, &mut send);
            }
        }
        // The caller may also have ended the turn.
        let under_way = matches!(decision.turn, TurnState::Speaking | TurnState::Stopping);
        if !under_way || matches!(decision.edge, Some(Edge::SpeechEnd { .. })) {
            self.end_segment(decision.frame.end, &mut send);
        }
    }

    /// Finishes `gate` at the end of the stream: the zeros and messages that the policy still has to send go out.
    /// Returns the edge that the gate ended with.
    pub fn finish(&mut self, gate: &mut Gate, mut send: impl FnMut(SttInput<'_>)) -> Option<Edge> {
        let ended = gate.finish();
        self.replace_until(gate.settled(), &mut send);
        if let Some(Edge::SpeechEnd { .. }) = ended {
            self.end_segment(gate.settled(), &mut send);
        }
        ended
    }

    /// From the provider's time to the microphone's, for the connection that is open.
    pub fn time_map(&self) -> &TimeMap {
        &self.map
    }

    /// The same map, mutable, to forget old pieces.
    pub fn time_map_mut(&mut self) -> &mut TimeMap {
        &mut self.map
    }

    /// The provider's profile: how it bills, idles and endpoints.
    pub fn profile(&self) -> &ProviderProfile {
        &self.profile
    }

    fn forward(&mut self, span: Span, gate: &Gate, send: &mut impl FnMut(SttInput<'_>)) {
        if self.connection == Connection::Closed {
            self.connection = Connection::Open;
            self.map = TimeMap::new();
            send(SttInput::Open);
        }
        self.replace_until(span.start, send);
        // The gate lends what it has just forwarded.
        if let Some((first, second)) = gate.audio(span) {
            for part in [first, second] {
                if !part.is_empty() {
                    send(SttInput::Audio(part));
                }
            }
            self.map.sent(span);
            self.segment = Segment::Open;
        }
        self.settled = span.end;
        (self.last_contact, self.last_audio) = (span.end, span.end);
    }

    /// Zeros in place of dropped audio, if the policy keeps the timeline.
    fn replace_until(&mut self, end: SampleIndex, send: &mut impl FnMut(SttInput<'_>)) {
        if self.policy != ForwardPolicy::Silence || end <= self.settled {
            return;
        }
        let muted = Span::new(self.settled, end);
        self.settled = end;
        self.last_contact = end;
        self.map.muted(muted);
        send(SttInput::Zeros(muted.len()));
    }

    /// The segment, if there is one, is over. With zeros in the pauses the provider finds its end by itself.
    fn end_segment(&mut self, now: SampleIndex, send: &mut impl FnMut(SttInput<'_>)) {
        let ended = std::mem::replace(&mut self.segment, Segment::Over);
        if ended == Segment::Over || self.policy == ForwardPolicy::Silence {
            return;
        }
        match self.profile.endpoint {
            Endpoint::Message => send(SttInput::Finalize),
            Endpoint::Zeros(length) => {
                let samples = samples_in(length);
                self.map.padded(samples);
                send(SttInput::Zeros(samples));
            }
        }
        self.last_contact = now;
    }

    /// Keeps an idle connection alive, or has it closed.
    fn keep(&mut self, now: SampleIndex, send: &mut impl FnMut(SttInput<'_>)) {
        if self.policy != ForwardPolicy::Keepalive || self.connection == Connection::Closed {
            return;
        }
        let silent = self.close_after.is_some_and(|limit| now.since(self.last_audio) >= limit);
        // The transcript of a segment arrives on the connection that its audio was sent over.
        if silent && self.segment == Segment::Over {
            self.connection = Connection::Closed;
            send(SttInput::Close);
            return;
        }
        let idle = now.since(self.last_contact);
        match self.profile.keep_alive {
            KeepAlive::Message { every } if idle >= samples_in(every) => send(SttInput::KeepAlive),
            KeepAlive::Zeros { every, length } if idle >= samples_in(every) => {
                self.map.padded(samples_in(length));
                send(SttInput::Zeros(samples_in(length)));
            }
            _ => return,
        }
        self.last_contact = now;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Closed,
    Open,
}

/// Whether the provider has received audio of a segment that is not finalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Open,
    Over,
}

impl ProviderProfile {
    /// Which gated audio lowers the provider's bill, given how the connection is handled.
    pub fn saves(&self, config: &ForwardConfig) -> Saving {
        match (self.billing, config.policy, config.close_after) {
            (Billing::SocketSeconds, ForwardPolicy::Keepalive, Some(after)) => Saving::WhenClosed(after),
            (Billing::SocketSeconds, ..) => Saving::Nothing,
            (_, ForwardPolicy::Silence, _) if self.billing == Billing::AudioSeconds => Saving::Nothing,
            _ => Saving::UnsentAudio,
        }
    }
}

/// What gating saves at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Saving {
    /// Nothing: it bills the open connection, or the zeros that were sent.
    Nothing,
    /// Every second that is not sent.
    UnsentAudio,
    /// The time in which the connection is closed, after this much silence.
    WhenClosed(Duration),
}

#[cfg(test)]
mod tests;
