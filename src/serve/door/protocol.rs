//! The seam between protocols and calls: messages in, steps out.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use voxgate_base::Moment;

use super::audio_message::AudioMessage;
use super::malformed::Malformed;
use crate::frame::SampleIndex;
use crate::stage::{Event, OwnedSttResult};

/// One call in a protocol. Messages of both sides go in, in the order in which they came; steps come out.
pub(in crate::serve) trait Door: Send {
    /// A message of the client, whose microphone it is.
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed>;

    /// A message of the upstream: the agent or the provider.
    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed>;

    /// Microphone audio that waited goes on; `message` has silence in it where the gate forwards nothing.
    fn release(&mut self, message: AudioMessage) -> Message {
        message.into_message()
    }

    /// A message goes on that waited behind such audio.
    fn release_behind(&mut self, message: Message) -> Message {
        message
    }

    /// A message that the client echoes when it has played all audio before it; `None` if its protocol has none.
    fn mark(&mut self, number: u32) -> Option<Message> {
        _ = number;
        None
    }

    /// What the gate has told, for a door that drops what is not forwarded.
    fn gate_told(&mut self, event: &Event) {
        _ = event;
    }

    /// The gate did not take the audio of the last [`Step::Listen`]: it fails open.
    fn not_heard(&mut self) {}

    /// For a door that drops: what is to be done by now. All audio before `settled` was forwarded or never will be; `None`
    /// says that there is no gate any more.
    fn due(&mut self, settled: Option<SampleIndex>, now: Moment, steps: &mut Vec<Step>) {
        _ = (settled, now, steps);
    }

    /// Whether [`due`](Self::due) has to be asked again before long, though nothing comes.
    fn waits(&self) -> bool {
        false
    }

    /// Whether the client is a microphone, which is never silent for long.
    fn has_microphone(&self) -> bool {
        true
    }

    /// Whether the agent is in the middle of what it says, so that an end of the call cuts it off.
    fn breaks_off(&self) -> bool {
        false
    }

    /// What the upstream was sent, for a door that drops.
    fn sent(&self) -> Option<Sent> {
        None
    }
}

/// What a door that drops has sent and kept back, in samples at 16 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Sent {
    /// Silence is in it.
    pub(in crate::serve) total: u64,
    /// Silence that was sent so that the provider finds the end of what was said.
    pub(in crate::serve) silence: u64,
    pub(in crate::serve) kept: u64,
}

/// What is to be done because of a message.
#[derive(Debug)]
pub(in crate::serve) enum Step {
    /// Send it on at once.
    ToUpstream(Message),
    /// Send it on at once.
    ToClient(Message),
    /// Audio of the microphone: it waits in the delay line until the gate has settled it.
    Mic(MicAudio),
    /// Send it on behind the microphone's audio that came before it.
    Behind(Message),
    /// Audio of the microphone for the gate alone; the door sends on what is forwarded, when it is due.
    Listen(Pcm),
    /// Audio that the client has played while it recorded what comes next.
    Played(Pcm),
    /// Send it on behind the messages that wait, but not behind audio.
    InOrder(Message),
    /// The microphone may send nothing for a while: what the gate cannot decide without more audio goes on as it came.
    MicPauses,
    /// What speech-to-text has made of audio.
    Feedback(OwnedSttResult),
    /// Audio that the client plays after what it was sent before. The step comes behind that of sending it.
    Playback(Pcm),
    /// The agent begins to say something, on a socket that does not tell when it was interrupted.
    AgentBegins,
    /// The client drops what it has not played yet.
    PlaybackCleared,
    /// It has played everything before the mark of this number.
    MarkPlayed(u32),
    /// The call goes to no gate, for this reason.
    NotGated(String),
    /// The call has a name, unique to it.
    Named(String),
    /// No more comes from the microphone.
    MicEnds,
}

/// A stretch of the microphone's audio, and the message that carries it.
#[derive(Debug)]
pub(in crate::serve) struct MicAudio {
    pub(in crate::serve) pcm: Pcm,
    /// When it was captured, by the client's clock, if it says so.
    pub(in crate::serve) at: Option<Duration>,
    pub(in crate::serve) message: AudioMessage,
}

/// Mono audio, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Pcm {
    pub(in crate::serve) samples: Vec<i16>,
    pub(in crate::serve) sample_rate: u32,
}

impl Pcm {
    /// How long it plays.
    pub(in crate::serve) fn duration(&self) -> Duration {
        Duration::from_nanos(self.samples.len() as u64 * 1_000_000_000 / u64::from(self.sample_rate.max(1)))
    }
}
