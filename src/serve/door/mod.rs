//! Doors: what the messages of a protocol mean to the gate. A door reads no socket and no clock.

mod base64_audio;
mod encoding;
mod malformed;
mod protocol;
mod twilio;

pub(super) use base64_audio::AudioMessage;
#[cfg(test)]
pub(super) use encoding::Encoding;
pub(super) use malformed::Malformed;
pub(super) use protocol::{Door, MicAudio, Pcm, Step};
pub(super) use twilio::Twilio;
