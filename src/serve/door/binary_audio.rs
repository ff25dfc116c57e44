//! Audio as binary messages both ways, written in one way for the whole call, as its first message says.

use tokio_tungstenite::tungstenite::Message;

use super::audio_message::AudioMessage;
use super::encoding::Format;
use super::malformed::Malformed;
use super::protocol::{MicAudio, Pcm, Step};

/// How the binary messages of a call are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BinaryAudio {
    /// The first message has not come, which says it.
    #[default]
    Unknown,
    Known(Format),
    /// In a way that is not decoded: it passes.
    Passes,
}

impl BinaryAudio {
    /// The caller's audio.
    pub(super) fn mic(self, message: Message) -> Result<Step, Malformed> {
        match (self, &message) {
            (Self::Known(format), Message::Binary(bytes)) => {
                let message = AudioMessage::binary(bytes, format.encoding);
                Ok(Step::Mic(MicAudio { pcm: pcm(format, bytes), at: None, message }))
            }
            (Self::Unknown, _) => {
                Err(Malformed("audio came before the message that says how it is written".to_owned()))
            }
            _ => Ok(Step::ToUpstream(message)),
        }
    }

    /// The agent's audio.
    pub(super) fn voice(self, message: Message, steps: &mut Vec<Step>) {
        let played = match (self, &message) {
            (Self::Known(format), Message::Binary(bytes)) => Some(pcm(format, bytes)),
            _ => None,
        };
        steps.push(Step::ToClient(message));
        // Behind it, because a mark may follow: it comes back when all before it was played.
        steps.extend(played.map(Step::Playback));
    }
}

fn pcm(format: Format, bytes: &[u8]) -> Pcm {
    Pcm { samples: format.encoding.decode(bytes), sample_rate: format.sample_rate }
}
