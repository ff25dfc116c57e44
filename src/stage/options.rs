//! What a stream of a stage can be told.

use std::time::Duration;

use super::open_error::OpenError;
use crate::config::GateConfig;

/// How a stream is gated, queued and watched.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct StageOptions {
    /// How the gate decides.
    pub gate: GateConfig,
    /// Whether the gate's decisions apply.
    pub mode: Mode,
    /// Which channel of the microphone's audio is used, counted from 0.
    pub mic_channel: u16,
    /// Which channel of the playback is used, counted from 0.
    pub playback_channel: u16,
    /// Microphone audio that waits for the worker, at most. What comes on top is lost and reported. 100 ms to 60 s.
    pub mic_queue: Duration,
    /// Playback that is not played yet, at most. 1 s to an hour.
    pub playback_queue: Duration,
    /// Events that wait to be taken, at most. When so many do, back pressure holds the stream up and its microphone's
    /// queue grows. 64 to 65,536; most hold 10 ms of speech.
    pub event_queue: usize,
    /// The watchdog: audio that waits for the worker for this long passes around the gate (fail open), and so does all
    /// audio once the worker has made no progress for this long.
    pub late_after: Duration,
    /// No audio from the microphone for this long ends a turn that is under way. Pipecat's `audio_idle_timeout`.
    pub audio_idle_timeout: Duration,
    /// The agent says that it speaks, and for this long (of audio) no playback that can be heard comes.
    pub playback_missing_after: Duration,
    /// Writes what the stream heard and decided last when something goes wrong; `None` keeps nothing.
    #[cfg(feature = "recorder")]
    pub recorder: Option<super::FlightRecorder>,
}

impl Default for StageOptions {
    fn default() -> Self {
        Self {
            gate: GateConfig::default(),
            mode: Mode::default(),
            mic_channel: 0,
            playback_channel: 0,
            mic_queue: Duration::from_secs(1),
            playback_queue: Duration::from_secs(120),
            event_queue: 256,
            late_after: Duration::from_millis(500),
            audio_idle_timeout: Duration::from_secs(1),
            playback_missing_after: Duration::from_millis(1_500),
            #[cfg(feature = "recorder")]
            recorder: None,
        }
    }
}

/// Whether the gate's decisions apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum Mode {
    /// What the gate forwards is handed out.
    #[default]
    Gate,
    /// Everything is handed out; what the gate would have done is told and counted.
    Shadow,
    /// Everything is handed out and nothing is decided.
    Bypass,
}

impl Mode {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Shadow => "shadow",
            Self::Bypass => "bypass",
        }
    }
}

/// Refuses sizes that no stream can have.
pub(super) fn refuse(options: &StageOptions) -> Result<(), OpenError> {
    let seconds = Duration::from_secs;
    let within = |option, given: Duration, least, most| {
        let refused = OpenError::Option { option, given: format!("{given:?}"), least, most };
        if (least..=most).contains(&given) { Ok(()) } else { Err(refused) }
    };
    within("mic_queue", options.mic_queue, Duration::from_millis(100), seconds(60))?;
    within("playback_queue", options.playback_queue, seconds(1), seconds(3_600))?;
    within("late_after", options.late_after, Duration::from_millis(20), seconds(60))?;
    within("audio_idle_timeout", options.audio_idle_timeout, Duration::from_millis(100), seconds(3_600))?;
    if !(64..=65_536).contains(&options.event_queue) {
        return Err(OpenError::EventQueue { given: options.event_queue });
    }
    Ok(())
}
