//! Doors: what the messages of a protocol mean to the gate. A door reads no socket and no clock.

mod asterisk;
mod audio_message;
mod binary_audio;
mod cut_line;
mod deepgram;
mod encoding;
#[cfg(test)]
mod hostile_tests;
mod livekit;
mod malformed;
mod openai;
mod passing;
mod protocol;
#[cfg(test)]
mod steps_of;
mod twilio;
mod vonage;

pub(super) use asterisk::Asterisk;
pub(super) use audio_message::AudioMessage;
#[cfg(any(test, fuzzing))]
pub(super) use deepgram::Asked;
pub(super) use deepgram::{Deepgram, Listening, PlayedAudio, query_value};
#[cfg(test)]
pub(super) use encoding::Encoding;
pub(super) use livekit::{LiveKitStt, LiveKitTts};
pub(super) use malformed::Malformed;
pub(super) use openai::OpenAiRealtime;
pub(super) use passing::Passing;
pub(super) use protocol::{Door, MicAudio, Pcm, Sent, Step};
pub(super) use twilio::Twilio;
pub(super) use vonage::Vonage;
