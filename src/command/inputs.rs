//! What a gate was given beside the microphone, as the flight recorder of the stage writes it: for `voxgate gate FOLDER`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;
use voxgate::{FRAME_LEN, Frame, Gate, GateConfig, Probability, SampleIndex, Span, SttResult};

use crate::command::interrupt::Interrupt;
use crate::command::source::{Headerless, Source};

/// The files of a recording of the flight recorder.
pub(crate) struct FlightFolder<'a>(&'a Path);

impl<'a> FlightFolder<'a> {
    /// `None` if the path is no such folder.
    pub(crate) fn of(path: &'a Path) -> Option<Self> {
        path.join(INPUTS).is_file().then_some(Self(path))
    }

    pub(crate) fn mic(&self) -> PathBuf {
        self.0.join("mic.wav")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    pub(crate) fn inputs(&self) -> anyhow::Result<Inputs> {
        Inputs::read(self.0).with_context(|| format!("{} is no whole recording of a flight recorder", self.0.display()))
    }
}

/// Everything in the order that the gate got it, before which frame.
pub(crate) struct Inputs {
    waiting: VecDeque<(u64, Input)>,
    /// Frames before the recording begins.
    pub(crate) skipped_frames: u64,
    frame: u64,
}

enum Input {
    AgentSaid(String),
    Clear(SampleIndex),
    Config(Box<GateConfig>),
    Feedback {
        text: String,
        confidence: Option<Probability>,
        span: Option<Span>,
    },
    /// So many samples of the microphone's frame never came.
    Missing(usize),
    Playback(Box<Frame>, SampleIndex),
}

impl Inputs {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(INPUTS);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = text.lines().enumerate();
        let header: Value =
            serde_json::from_str(lines.next().map_or("", |(_, line)| line)).context("its first line")?;
        let mut given = given(&folder.join("given.wav"))?.into_iter();
        let mut waiting = VecDeque::new();
        for (number, line) in lines {
            let place = || format!("line {} of {}: {line}", number + 1, path.display());
            let line: Value = serde_json::from_str(line).with_context(place)?;
            let frame = line["frame"].as_u64().with_context(place)?;
            waiting.push_back((frame, Input::of(&line, &mut given).with_context(place)?));
        }
        Ok(Self { waiting, skipped_frames: header["skipped_frames"].as_u64().unwrap_or_default(), frame: 0 })
    }

    /// Gives the gate what it was given before its next frame; `heard` gets the playback. Hands back that frame, as it came.
    pub(crate) fn before(
        &mut self,
        mic: &Frame,
        gate: &mut Gate,
        mut heard: impl FnMut(&Frame, SampleIndex),
    ) -> anyhow::Result<Frame> {
        let mut came = *mic;
        while let Some((_, input)) = self.waiting.pop_front_if(|(frame, _)| *frame <= self.frame) {
            match input {
                Input::AgentSaid(text) => gate.agent_said(&text),
                Input::Clear(at) => gate.playback_clear(at),
                Input::Config(config) => gate.reconfigure(&config)?,
                Input::Feedback { text, confidence, span } => {
                    gate.feedback(&SttResult { text: &text, confidence, span });
                }
                Input::Missing(samples) => came = Frame::with_missing(*mic.samples(), samples)?,
                Input::Playback(frame, at) => {
                    gate.playback(&frame, at);
                    heard(&frame, at);
                }
            }
        }
        self.frame += 1;
        Ok(came)
    }
}

impl Input {
    fn of(line: &Value, given: &mut impl Iterator<Item = Frame>) -> anyhow::Result<Self> {
        let at = |key: &str| line[key].as_u64().map(SampleIndex);
        if let Some(at) = at("playback") {
            return Ok(Self::Playback(Box::new(given.next().context("given.wav is too short")?), at));
        }
        if let Some(at) = at("clear") {
            return Ok(Self::Clear(at));
        }
        if let Some(text) = line["agent_said"].as_str() {
            return Ok(Self::AgentSaid(text.to_owned()));
        }
        if let Some(text) = line["config"].as_str() {
            return Ok(Self::Config(Box::new(GateConfig::from_toml(text)?)));
        }
        if let Some(samples) = line["missing"].as_u64() {
            return Ok(Self::Missing(samples.min(FRAME_LEN as u64) as usize));
        }
        let Some(text) = line["feedback"].as_str().map(str::to_owned) else {
            bail!("expected playback, clear, agent_said, config, missing or feedback; a later voxgate may know more");
        };
        let confidence = line["confidence"].as_f64().and_then(|share| Probability::new(share as f32));
        let edge = |n: usize| line["span"][n].as_u64().map(SampleIndex);
        let span = edge(0).zip(edge(1)).map(|(start, end)| Span::new(start, end));
        Ok(Self::Feedback { text, confidence, span })
    }
}

/// The frames of playback, one after the other as they were given.
fn given(path: &Path) -> anyhow::Result<Vec<Frame>> {
    let mut source = Source::open(path, Headerless::Unknown, &Interrupt::default())?;
    let mut all = Vec::new();
    while let Some(samples) = source.read()? {
        all.extend_from_slice(samples);
    }
    let frame = |part: &[f32]| Frame::new(std::array::from_fn(|n| part.get(n).copied().unwrap_or_default()));
    Ok(all.chunks(FRAME_LEN).map(frame).collect::<Result<_, _>>()?)
}

const INPUTS: &str = "inputs.jsonl";
