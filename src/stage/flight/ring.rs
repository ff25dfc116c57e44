//! The ring: what a gate was given and decided, in order, the oldest forgotten first.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::GateConfig;
use crate::decision::Decision;
use crate::frame::{Frame, SampleIndex, Span, frames_in};
use voxgate_base::Probability;

/// Allocated when it is made; pushing does not allocate. Times are the gate's.
#[derive(Debug)]
pub(crate) struct FlightRing {
    entries: VecDeque<Entry>,
    most: usize,
    /// Frames before the oldest entry, since the gate began.
    pub(crate) skipped: u64,
    /// The settings in force before the oldest entry.
    pub(crate) config: Option<Box<GateConfig>>,
}

/// Something that the gate was given, and what it decided.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would be allocated for each frame")]
pub(crate) enum Entry {
    AgentSaid(Box<str>),
    Clear { at: SampleIndex },
    Config(Box<GateConfig>),
    Feedback { text: Box<str>, confidence: Option<Probability>, span: Option<Span> },
    Mic { frame: Frame, decision: Decision },
    Playback { frame: Frame, at: SampleIndex },
}

impl FlightRing {
    /// For `keep` of a microphone over which the agent speaks all the time.
    pub(crate) fn new(keep: Duration) -> Self {
        let most = 2 * frames_in(keep) as usize + ROOM_FOR_WORDS;
        Self { entries: VecDeque::with_capacity(most), most, skipped: 0, config: None }
    }

    /// The gate begins anew, with these settings.
    pub(crate) fn begin(&mut self, config: &GateConfig) {
        self.entries.clear();
        (self.skipped, self.config) = (0, Some(Box::new(config.clone())));
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len() == self.most {
            self.forget();
        }
        self.entries.push_back(entry);
    }

    /// What is pushed from now on goes into `spare`; hands out what was kept.
    pub(crate) fn hand_over(&mut self, mut spare: Self) -> Self {
        spare.skipped = self.skipped + self.frames();
        let last = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Config(config) => Some(config),
            _ => None,
        });
        spare.config = last.or(self.config.as_ref()).cloned();
        std::mem::replace(self, spare)
    }

    /// Begins where the windows of every detector begin, so that a new gate scores the same windows.
    pub(crate) fn aligned(mut self) -> Self {
        while !self.skipped.is_multiple_of(WINDOW_GRID_FRAMES) && !self.entries.is_empty() {
            self.forget();
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn frames(&self) -> u64 {
        self.entries.iter().filter(|entry| matches!(entry, Entry::Mic { .. })).count() as u64
    }

    /// Its size on the disk, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.len() as u64 * BYTES_OF_AN_ENTRY
    }

    fn forget(&mut self) {
        match self.entries.pop_front() {
            Some(Entry::Mic { .. }) => self.skipped += 1,
            Some(Entry::Config(config)) => self.config = Some(config),
            _ => {}
        }
    }
}

/// 480 ms: windows of Silero (32 ms) and of WebRTC (10, 20 and 30 ms) all begin here, and frames too.
const WINDOW_GRID_FRAMES: u64 = 48;
/// Results, sentences and interruptions beside the audio.
const ROOM_FOR_WORDS: usize = 256;
/// Two files of floats, and a line.
const BYTES_OF_AN_ENTRY: u64 = 2 * 640 + 100;
