//! Asterisk's channel driver for WebSockets (`chan_websocket`): audio as binary messages both ways in the codec of the
//! channel, with events and commands between them as lines of text or as JSON.
//!
//! The agent's audio passes by on its way to the caller and is the reference for echo. Of the caller's audio, what the
//! gate does not forward becomes silence of the same length.

use std::borrow::Cow;

use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use super::binary_audio::BinaryAudio;
use super::encoding::{Encoding, Format};
use super::malformed::Malformed;
use super::protocol::{Door, Step};

/// One call.
#[derive(Debug, Default)]
pub(in crate::serve) struct Asterisk {
    audio: BinaryAudio,
    control: Control,
    marks: Marks,
    /// Marks that were neither reached nor refused.
    unanswered: u32,
}

/// How events and commands are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Control {
    #[default]
    PlainText,
    Json,
}

/// Whether Asterisk tells when it has played what was before a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Marks {
    Known,
    #[default]
    Unknown,
}

impl Asterisk {
    fn start(&mut self, event: &Event<'_>, steps: &mut Vec<Step>) {
        let name = event.format.as_deref().unwrap_or_default();
        self.audio = match format_named(name) {
            Some(format) => BinaryAudio::Known(format),
            None => {
                let why = format!("the channel's format is {name:?}, which is not decoded; slin, ulaw and alaw are");
                steps.push(Step::NotGated(why));
                BinaryAudio::Passes
            }
        };
        // Both came with the same version.
        self.marks = if event.ptime { Marks::Known } else { Marks::Unknown };
        if let Some(name) = event.channel_id.as_deref().or(event.connection_id.as_deref()) {
            steps.push(Step::Named(name.to_owned()));
        }
    }

    /// Whether an error is about a mark of ours: a channel in passthrough mode has none.
    fn is_refused_mark(&mut self, event: &Event<'_>) -> bool {
        let ours = self.unanswered > 0 && event.error.as_deref().is_some_and(|error| error.contains(MARK));
        if ours {
            self.unanswered -= 1;
            self.marks = Marks::Unknown;
        }
        ours
    }
}

impl Door for Asterisk {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let Message::Text(text) = &message else {
            steps.push(self.audio.mic(message)?);
            return Ok(());
        };
        let (event, control) = Event::read(text);
        match &*event.event {
            "MEDIA_START" => {
                self.control = control;
                self.start(&event, steps);
            }
            "MEDIA_MARK_PROCESSED" => {
                if let Some(number) = event.correlation_id.as_deref().and_then(own_mark) {
                    self.unanswered = self.unanswered.saturating_sub(1);
                    steps.push(Step::MarkPlayed(number));
                    return Ok(());
                }
            }
            "ERROR" if self.is_refused_mark(&event) => return Ok(()),
            _ => {}
        }
        steps.push(Step::ToUpstream(message));
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        if let Message::Text(text) = &message
            && ["FLUSH_MEDIA", "PAUSE_MEDIA"].contains(&&*command_of(text))
        {
            steps.push(Step::PlaybackCleared);
        }
        self.audio.voice(message, steps);
        Ok(())
    }

    fn mark(&mut self, number: u32) -> Option<Message> {
        if self.marks == Marks::Unknown {
            return None;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        let id = format!("{OWN_MARK}{number}");
        Some(Message::text(match self.control {
            Control::PlainText => format!("{MARK} {id}"),
            Control::Json => serde_json::json!({"command": MARK, "correlation_id": id}).to_string(),
        }))
    }
}

/// The parts of an event that matter.
#[derive(Default)]
struct Event<'a> {
    event: Cow<'a, str>,
    format: Option<Cow<'a, str>>,
    channel_id: Option<Cow<'a, str>>,
    connection_id: Option<Cow<'a, str>>,
    correlation_id: Option<Cow<'a, str>>,
    error: Option<Cow<'a, str>>,
    /// Whether it tells the length of a packet.
    ptime: bool,
}

/// The same in JSON.
#[derive(Deserialize)]
struct JsonEvent<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    format: Option<Cow<'a, str>>,
    #[serde(borrow)]
    channel_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    connection_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    correlation_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_text: Option<Cow<'a, str>>,
    ptime: Option<serde::de::IgnoredAny>,
}

impl<'a> Event<'a> {
    /// What is neither a line nor JSON of the protocol is an event of another name.
    fn read(text: &'a str) -> (Self, Control) {
        if !text.trim_start().starts_with('{') {
            return (Self::of_line(text), Control::PlainText);
        }
        let event = serde_json::from_str::<JsonEvent<'a>>(text).map(Self::of_json).unwrap_or_default();
        (event, Control::Json)
    }

    /// Such as `MEDIA_START connection_id:… channel:… format:ulaw ptime:20`, or `MEDIA_MARK_PROCESSED …`.
    fn of_line(line: &'a str) -> Self {
        let (event, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let mut words = rest.split(' ');
        let value =
            |key: &str| words.clone().find_map(|word| Some(Cow::Borrowed(word.strip_prefix(key)?.strip_prefix(':')?)));
        Self {
            event: event.into(),
            format: value("format"),
            channel_id: value("channel_id"),
            connection_id: value("connection_id"),
            ptime: value("ptime").is_some(),
            correlation_id: words.next().map(Cow::Borrowed),
            error: rest.split_once("error_text:").map(|(_, error)| Cow::Borrowed(error)),
        }
    }

    fn of_json(json: JsonEvent<'a>) -> Self {
        let JsonEvent { event, format, channel_id, connection_id, correlation_id, error_text, ptime } = json;
        Self { event, format, channel_id, connection_id, correlation_id, error: error_text, ptime: ptime.is_some() }
    }
}

/// The command of a line or of JSON.
fn command_of(text: &str) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Command<'a> {
        #[serde(borrow)]
        command: Cow<'a, str>,
    }
    let text = text.trim();
    if text.starts_with('{') {
        return serde_json::from_str::<Command<'_>>(text).map_or_else(|_| "".into(), |command| command.command);
    }
    text.split_once(' ').map_or(text, |(command, _)| command).into()
}

/// Codecs by Asterisk's names; main/codec_builtin.c.
fn format_named(name: &str) -> Option<Format> {
    let (encoding, sample_rate) = match name {
        "ulaw" => (Encoding::Mulaw, 8_000),
        "alaw" => (Encoding::Alaw, 8_000),
        "slin" => (Encoding::Linear16, 8_000),
        "slin12" => (Encoding::Linear16, 12_000),
        "slin16" => (Encoding::Linear16, 16_000),
        "slin24" => (Encoding::Linear16, 24_000),
        "slin32" => (Encoding::Linear16, 32_000),
        "slin44" => (Encoding::Linear16, 44_100),
        "slin48" => (Encoding::Linear16, 48_000),
        "slin96" => (Encoding::Linear16, 96_000),
        "slin192" => (Encoding::Linear16, 192_000),
        _ => return None,
    };
    Format::new(encoding, sample_rate)
}

fn own_mark(id: &str) -> Option<u32> {
    id.strip_prefix(OWN_MARK)?.parse().ok()
}

const MARK: &str = "MARK_MEDIA";
/// Begins the names of the marks that are put between the agent's.
const OWN_MARK: &str = "voxgate-";

#[cfg(test)]
mod tests {
    use super::super::steps_of::{client, upstream};
    use super::*;

    const LINE: &str = "MEDIA_START connection_id:e226 channel:WebSocket/c/0x7f channel_id:pbx1-1.9 format:ulaw optimal_frame_size:160 ptime:20";
    const JSON: &str = r#"{"event":"MEDIA_START","connection_id":"e226","channel":"WebSocket/c/0x7f","channel_id":"pbx1-1.9","format":"slin16","optimal_frame_size":640,"ptime":20,"channel_variables":{"X":"a \"b\""}}"#;

    fn started(text: &str) -> Asterisk {
        let mut door = Asterisk::default();
        let steps = client(&mut door, Message::text(text));
        assert!(
            matches!(&steps[..], [Step::Named(name), Step::ToUpstream(on)] if name == "pbx1-1.9" && *on == Message::text(text))
        );
        door
    }

    #[test]
    fn the_first_message_says_how_audio_is_written() {
        for (text, bytes, samples, rate) in
            [(LINE, vec![0xFF, 0], vec![0, -32_124], 8_000), (JSON, vec![1, 0], vec![1], 16_000)]
        {
            let [Step::Mic(mic)] = &client(&mut started(text), Message::binary(bytes))[..] else { panic!("audio") };
            assert_eq!((&mic.pcm.samples, mic.pcm.sample_rate, mic.at), (&samples, rate, None));
        }
        let early = Asterisk::default().client_sent(Message::binary(vec![0; 160]), &mut Vec::new());
        assert!(early.unwrap_err().to_string().contains("before"));
    }

    #[test]
    fn a_codec_that_is_not_decoded_passes_and_says_why() {
        let mut door = Asterisk::default();
        let steps = client(&mut door, Message::text(LINE.replace("ulaw", "opus")));
        assert!(
            matches!(&steps[..], [Step::NotGated(why), Step::Named(_), Step::ToUpstream(_)] if why.contains("opus"))
        );
        assert!(matches!(client(&mut door, Message::binary(vec![7; 3]))[..], [Step::ToUpstream(_)]));
        assert!(matches!(upstream(&mut door, Message::binary(vec![7; 3]))[..], [Step::ToClient(_)]));
    }

    #[test]
    fn what_the_agent_sends_is_played_until_it_flushes_or_pauses() {
        for (start, flush, pause) in [
            (LINE, "FLUSH_MEDIA", "PAUSE_MEDIA"),
            (JSON, r#"{"command":"FLUSH_MEDIA"}"#, "{\n \"command\": \"PAUSE_MEDIA\"\n}"),
        ] {
            let mut door = started(start);
            let steps = upstream(&mut door, Message::binary(vec![0; 320]));
            assert!(matches!(&steps[..], [Step::ToClient(_), Step::Playback(_)]));
            for command in [flush, pause] {
                let steps = upstream(&mut door, Message::text(command));
                assert!(
                    matches!(&steps[..], [Step::PlaybackCleared, Step::ToClient(on)] if *on == Message::text(command))
                );
            }
            assert!(matches!(upstream(&mut door, Message::text("STOP_MEDIA_BUFFERING a"))[..], [Step::ToClient(_)]));
        }
    }

    #[test]
    fn marks_are_written_as_the_channel_writes_and_ours_are_swallowed() {
        for (start, mark, reached, theirs) in [
            (LINE, "MARK_MEDIA voxgate-7", "MEDIA_MARK_PROCESSED voxgate-7", "MEDIA_MARK_PROCESSED hello"),
            (
                JSON,
                r#"{"command":"MARK_MEDIA","correlation_id":"voxgate-7"}"#,
                r#"{"event":"MEDIA_MARK_PROCESSED","channel_id":"c","correlation_id":"voxgate-7"}"#,
                r#"{"event":"MEDIA_MARK_PROCESSED","channel_id":"c","correlation_id":""}"#,
            ),
        ] {
            let mut door = started(start);
            assert_eq!(door.mark(7), Some(Message::text(mark)));
            assert!(matches!(client(&mut door, Message::text(reached))[..], [Step::MarkPlayed(7)]));
            assert!(matches!(client(&mut door, Message::text(theirs))[..], [Step::ToUpstream(_)]));
        }
    }

    #[test]
    fn who_knows_no_marks_gets_none() {
        let old = "MEDIA_START connection_id:pbx1-1.9 channel:WebSocket/c format:ulaw optimal_frame_size:160";
        assert_eq!(started(old).mark(1), None);
        let mut door = started(LINE);
        let refusal = Message::text("ERROR channel_id:c error_text:MARK_MEDIA not supported in passthrough mode");
        assert!(matches!(client(&mut door, refusal.clone())[..], [Step::ToUpstream(_)]), "the agent's own mark");
        assert!(door.mark(1).is_some());
        assert!(client(&mut door, refusal).is_empty());
        assert_eq!(door.mark(2), None);
    }
}
