//! Calls by a script that may hold anything, for tests and fuzzing: messages of both sides go through a door and the
//! delay line, as in a call, and what comes out is held to what went in.

mod checks;

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use voxgate_base::{Moment, Probability};

use self::checks::{Checks, Numbers, Side};
use super::delay_line::{DelayLine, Released};
use super::door::{
    Asterisk, Deepgram, Door, Listening, LiveKitStt, LiveKitTts, MicAudio, OpenAiRealtime, Step, Twilio, Vonage,
};
use super::mic_clock::MicClock;
use super::played::PlayedClock;
use super::playout::PlayoutClock;
use super::sample_count::SampleCount;
use crate::decision::Evidence;
use crate::frame::{FRAME_LEN, SampleIndex, Span, samples_in};
use crate::stage::{Audio, Event, Passage, TurnEnd};

/// Carries a call and returns how many steps the door asked for. The first line of the script names the door, as in
/// [`DOORS`]; in each other line the first letter says what happens:
///
/// | letter | |
/// | --- | --- |
/// | `c`, `C` | the client sends the rest of the line, as text or binary |
/// | `u`, `U` | the upstream does |
/// | `f`, `s` | the gate forwards or keeps back so many milliseconds |
/// | `t` | so many milliseconds pass |
/// | `n` | the gate has not taken the last audio |
/// | `x` | there is no gate any more |
///
/// # Panics
/// If a message or audio is lost, changed or comes out of order.
pub fn call(script: &[u8]) -> usize {
    let mut lines = script.split(|byte| *byte == b'\n');
    let Some((door, checks)) = lines.next().and_then(door) else { return 0 };
    let mut call = Call {
        door,
        checks,
        line: DelayLine::default(),
        mic: MicClock::default(),
        heard: SampleCount::default(),
        settled: Some(SampleIndex::default()),
        speaks: None,
        playout: PlayoutClock::default(),
        played: PlayedClock::default(),
        now: Moment::default(),
        steps: 0,
    };
    lines.for_each(|line| call.happens(line));
    call.settled = None;
    call.release();
    call.checks.end();
    call.steps
}

/// What the first line may say.
pub const DOORS: [&str; 7] = [
    "twilio",
    "vonage",
    "asterisk",
    "openai",
    "livekit_stt",
    "livekit_tts",
    "deepgram?encoding=linear16&sample_rate=16000",
];

fn door(named: &[u8]) -> Option<(Box<dyn Door>, Checks)> {
    let named = std::str::from_utf8(named).ok()?;
    let (name, rest) = named.split_at(named.find('?').unwrap_or(named.len()));
    let door: Box<dyn Door> = match name {
        "twilio" => return Some((Box::new(Twilio::new()), Checks::of_silence(Numbers::Consecutive))),
        "vonage" => Box::<Vonage>::default(),
        "asterisk" => Box::<Asterisk>::default(),
        "openai" => Box::new(OpenAiRealtime::new()),
        "livekit_stt" => Box::new(LiveKitStt::default()),
        "livekit_tts" => Box::new(LiveKitTts::default()),
        "deepgram" => match Listening::asked(rest, "") {
            Listening::Gated(asked) => return Some((Box::new(Deepgram::new(asked)), Checks::of_cuts(asked))),
            Listening::Passes(_) => return None,
        },
        _ => return None,
    };
    Some((door, Checks::of_silence(Numbers::AsTheyCame)))
}

struct Call {
    door: Box<dyn Door>,
    checks: Checks,
    line: DelayLine,
    mic: MicClock,
    /// What the gate alone has heard.
    heard: SampleCount,
    /// `None` if there is no gate any more.
    settled: Option<SampleIndex>,
    /// Since when the gate is open.
    speaks: Option<SampleIndex>,
    playout: PlayoutClock,
    played: PlayedClock,
    now: Moment,
    steps: usize,
}

impl Call {
    fn happens(&mut self, line: &[u8]) {
        let Some((letter, rest)) = line.split_first() else { return };
        let text = || Message::text(String::from_utf8_lossy(rest).into_owned());
        match letter {
            b'c' => self.sends(Side::Client, text()),
            b'C' => self.sends(Side::Client, Message::binary(rest.to_vec())),
            b'u' => self.sends(Side::Upstream, text()),
            b'U' => self.sends(Side::Upstream, Message::binary(rest.to_vec())),
            b'f' => self.decides(millis(rest), true),
            b's' => self.decides(millis(rest), false),
            b't' => self.now = self.now + millis(rest),
            b'n' => self.door.not_heard(),
            b'x' => self.settled = None,
            _ => return,
        }
        self.release();
    }

    fn sends(&mut self, side: Side, message: Message) {
        let mut steps = Vec::new();
        self.checks.comes(side, &message);
        let sent = match side {
            Side::Client => self.door.client_sent(message, &mut steps),
            Side::Upstream => self.door.upstream_sent(message, &mut steps),
        };
        // What is refused ends a call; here it goes on, which asks for more.
        self.checks.answered(side, sent.is_ok(), &steps);
        self.obey(steps);
    }

    fn decides(&mut self, time: Duration, forwards: bool) {
        let Some(settled) = self.settled else { return };
        // The gate's last frame may be longer than the audio.
        let heard = self.heard.end().max(self.mic.end());
        let most = SampleIndex(heard.0.saturating_add(FRAME_LEN as u64 - 1) / FRAME_LEN as u64 * FRAME_LEN as u64);
        let span = Span::new(settled, (settled + samples_in(time)).min(most.max(settled)));
        self.settled = Some(span.end);
        if span.is_empty() {
            return;
        }
        let audio = Audio { span, samples: [].into(), passage: Passage::Gated };
        match (forwards, self.speaks) {
            (true, None) => {
                self.speaks = Some(span.start);
                self.told(&Event::SpeechStarted { speech: span.start, audio, evidence: EVIDENCE });
            }
            (true, Some(_)) => self.told(&Event::Audio(audio)),
            (false, Some(start)) => {
                self.speaks = None;
                let speech = Span::new(start, span.start);
                self.told(&Event::SpeechEnded { speech, voiced: speech.len(), cause: TurnEnd::Idle });
            }
            (false, None) => {}
        }
    }

    fn told(&mut self, event: &Event) {
        self.door.gate_told(event);
        if let Event::Audio(audio) | Event::SpeechStarted { audio, .. } = event {
            self.line.forward(audio.span);
        }
    }

    fn obey(&mut self, steps: Vec<Step>) {
        for step in steps {
            self.steps += 1;
            match step {
                Step::ToUpstream(message) => self.checks.passes(&message),
                Step::Mic(audio) => self.hold(audio),
                Step::Listen(pcm) => {
                    self.heard.add(pcm.samples.len(), pcm.sample_rate);
                    if self.settled.is_none() {
                        self.door.not_heard();
                    }
                }
                Step::Played(pcm) => _ = self.played.ends(pcm.duration(), self.now),
                Step::InOrder(message) if !self.line.has_messages() => self.checks.passes(&message),
                Step::Behind(message) | Step::InOrder(message) => {
                    self.checks.waits();
                    self.line.behind(message);
                }
                Step::MicPauses => {
                    let settled = self.settled.unwrap_or(self.mic.end());
                    self.line.open(Span::new(settled.min(self.mic.end()), self.mic.end()));
                }
                Step::Playback(pcm) => {
                    _ = self.playout.sent(pcm.duration(), self.now);
                    self.playout.mark().and_then(|number| self.door.mark(number));
                }
                Step::PlaybackCleared => self.playout.cleared(),
                Step::MarkPlayed(number) => self.playout.reached(number, self.now),
                Step::ToClient(_)
                | Step::AgentBegins
                | Step::Feedback(_)
                | Step::NotGated(_)
                | Step::Named(_)
                | Step::MicEnds => {}
            }
        }
    }

    fn hold(&mut self, audio: MicAudio) {
        let MicAudio { pcm, at, message } = audio;
        assert_eq!(message.samples().len(), pcm.samples.len());
        let span = self.mic.span(&pcm, at);
        if self.settled.is_none() {
            self.line.forward(span);
        }
        self.checks.waits();
        self.line.hold(span, pcm.samples.len(), message);
    }

    fn release(&mut self) {
        loop {
            let next = match self.settled {
                Some(settled) => self.line.next(settled),
                None => self.line.finish(),
            };
            let message = match next {
                None => break,
                Some(Released::Audio(message)) => self.door.release(message),
                Some(Released::Other(message)) => self.door.release_behind(message),
            };
            self.checks.released(&message);
        }
        let mut steps = Vec::new();
        self.door.due(self.settled, self.now, &mut steps);
        self.obey(steps);
        _ = (self.door.waits(), self.door.breaks_off());
        self.checks.counts(self.door.sent(), self.heard.end());
    }
}

fn millis(digits: &[u8]) -> Duration {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
    Duration::from_millis(number.map_or(20, u64::from))
}

const EVIDENCE: Evidence = Evidence {
    speech: Probability::ONE,
    window: None,
    level_dbfs: -20.0,
    floor_dbfs: -60.0,
    gap: false,
    artefact: None,
    attack_db: None,
    model: None,
    echo: None,
};

/// Messages as the protocols have them, each with the letter of the side that sends it: to be broken.
pub const MESSAGES: &[&str] = &[
    r#"c{"event":"connected","protocol":"Call","version":"1.0.0"}"#,
    r#"c{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#,
    r#"c{"event":"start","sequence_number":"1","stream_id":"T1","start":{"call_control_id":"c","media_format":{"encoding":"PCMA","sample_rate":16000}}}"#,
    r#"c{"event":"media","sequenceNumber":"4","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"//8A"}}"#,
    r#"c{"event":"media","sequenceNumber":"5","streamSid":"MZ1","media":{"track":"outbound","chunk":"1","timestamp":"20","payload":"//8A"}}"#,
    r#"u{"event":"media","streamSid":"MZ1","media":{"payload":"//8AAAAA"}}"#,
    r#"u{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":8000,"payload":"AAAB"}}"#,
    r#"c{"event":"mark","streamSid":"MZ1","mark":{"name":"voxgate-4294967295"}}"#,
    r#"u{"event":"clear","streamSid":"MZ1"}"#,
    r#"c{"event":"stop","streamSid":"MZ1"}"#,
    r#"c{"event":"websocket:connected","content-type":"audio/l16;rate=16000","caller":"4477"}"#,
    r#"c{"event":"websocket:notify","payload":{"voxgate":1}}"#,
    r#"u{"action":"clear"}"#,
    "cMEDIA_START connection_id:e226 channel:WebSocket/c channel_id:p-1.9 format:ulaw optimal_frame_size:160 ptime:20",
    r#"c{"event":"MEDIA_START","channel_id":"p-1.9","format":"slin16","ptime":20}"#,
    "cMEDIA_MARK_PROCESSED voxgate-1",
    "cERROR channel_id:c error_text:MARK_MEDIA not supported in passthrough mode",
    "uFLUSH_MEDIA",
    r#"u{"command":"PAUSE_MEDIA"}"#,
    "Uabcdefghijklmnopqrstuvwxyz",
    r#"c{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}}}}}"#,
    r#"u{"type":"session.created","session":{"input_audio_format":"g711_alaw","output_audio_format":"pcm16"}}"#,
    r#"c{"type":"input_audio_buffer.append","audio":"AAAAAA=="}"#,
    r#"c{"type":"input_audio_buffer.commit"}"#,
    r#"u{"type":"input_audio_buffer.committed","item_id":"i"}"#,
    r#"u{"type":"input_audio_buffer.speech_started","audio_start_ms":500,"item_id":"i"}"#,
    r#"u{"type":"input_audio_buffer.speech_stopped","audio_end_ms":100,"item_id":"i"}"#,
    r#"u{"type":"response.output_audio.delta","delta":"AAAAAA==","item_id":"i"}"#,
    r#"u{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","transcript":""}"#,
    r#"c{"type":"conversation.item.truncate","item_id":"i","audio_end_ms":10}"#,
    r#"c{"type":"session.create","settings":{"sample_rate":"16000","encoding":"pcm_s16le"}}"#,
    r#"c{"type":"session.create","sample_rate":"24000","encoding":"pcm_s16le"}"#,
    r#"c{"type":"input_audio","audio":"AAAA"}"#,
    r#"u{"type":"output_audio","audio":"AAAAAA==","session_id":"s"}"#,
    r#"u{"type":"final_transcript","transcript":"","start":0.5,"duration":1.0,"words":[]}"#,
    r#"c{"type":"KeepAlive"}"#,
    r#"c{"type":"Finalize","channel":0}"#,
    r#"c{"type":"CloseStream"}"#,
    r#"u{"type":"Results","start":1.5,"duration":2.0,"is_final":true,"speech_final":true,"channel":{"alternatives":[{"transcript":"a","words":[{"word":"a","start":1.5,"end":1.75}]}]}}"#,
    r#"u{"type":"UtteranceEnd","channel":[0,1],"last_word_end":-1}"#,
    r#"u{"type":"SpeechStarted","channel":[0,1],"timestamp":1e300}"#,
    r#"u{"type":"Metadata","duration":9.5,"channels":1}"#,
    "Cabcdefghijklmnopqrstuvwxyz",
    "f20",
    "f500",
    "s40",
    "s2000",
    "t20",
    "t5000",
    "n",
];
