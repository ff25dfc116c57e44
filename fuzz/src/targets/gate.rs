//! The gate with all that is called beside it, and the forwarder with its time map.

use arbitrary::{Arbitrary, Unstructured};
use voxgate::{
    Forwarder, Frame, Gate, GateConfig, Ledger, Preset, Probability, SampleIndex, Span, SttInput, SttResult, VadChoice,
    Verdict,
};

#[derive(Arbitrary, Debug)]
enum Step {
    Push(Sound, u8),
    Playback(Sound, u64),
    /// Where the microphone is, and a little more or less.
    PlaybackNear(Sound, i16),
    BackgroundNear(Sound, i16),
    Clear(u64),
    ClearNear(i16),
    Feedback {
        words: u8,
        confidence: Option<u8>,
        span: Option<(u64, u64)>,
    },
    FeedbackNear {
        words: u8,
        back: u16,
        length: u16,
    },
    AgentSaid(u8),
    Reconfigure(u8, u16),
    Audio(u64, u64),
    Forget(u64),
    Finish,
    Reset,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Sound {
    Silence,
    Constant(i16),
    Noise(u8),
    Vowel(u8, u8),
    Gap,
    Torn(u8),
}

pub(crate) fn calls(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let Ok((preset, vad)) = bytes.arbitrary::<(u8, bool)>() else { return };
    let config = GateConfig {
        vad: if vad { VadChoice::Webrtc } else { VadChoice::Silero },
        ..GateConfig::preset(Preset::ALL[usize::from(preset) % Preset::ALL.len()])
    };
    let Ok(gate) = Gate::new(&config) else { return };
    let mut run =
        Run { forwarder: Forwarder::new(&config.forward), gate, ledger: Ledger::new(), now: 0, sent: 0, end: 0 };
    for _ in 0..400 {
        let Some(step) = (!bytes.is_empty()).then(|| bytes.arbitrary().ok()).flatten() else { break };
        run.step(step);
    }
    let Run { gate, forwarder, ledger, .. } = &mut run;
    forwarder.finish(gate, |_| {});
    ledger.finish(|_, _| {});
}

struct Run {
    gate: Gate,
    forwarder: Forwarder,
    ledger: Ledger,
    /// The microphone's next sample.
    now: u64,
    /// Samples that went to speech-to-text.
    sent: u64,
    /// One past the last sample that was forwarded.
    end: u64,
}

impl Run {
    fn step(&mut self, step: Step) {
        let near = |by: i16| SampleIndex(self.now.saturating_add_signed(i64::from(by)));
        match step {
            Step::Push(sound, times) => (0..times % 32 + 1).for_each(|_| self.push(sound)),
            Step::Playback(sound, at) => _ = self.gate.playback(&frame(sound, at), SampleIndex(at)),
            Step::PlaybackNear(sound, by) => _ = self.gate.playback(&frame(sound, self.now), near(by)),
            Step::BackgroundNear(sound, by) => _ = self.gate.background(&frame(sound, self.now), near(by)),
            Step::Clear(at) => self.gate.playback_clear(SampleIndex(at)),
            Step::ClearNear(by) => self.gate.playback_clear(near(by)),
            Step::Feedback { words, confidence, span } => {
                let confidence = confidence.and_then(|share| Probability::try_from(f64::from(share) / 255.0).ok());
                let span = span.map(|(start, end)| Span { start: SampleIndex(start), end: SampleIndex(end) });
                self.gate.feedback(&SttResult { text: said(words), confidence, span });
            }
            Step::FeedbackNear { words, back, length } => {
                let start = SampleIndex(self.now.saturating_sub(u64::from(back)));
                let span = Some(Span { start, end: SampleIndex(start.0 + u64::from(length)) });
                self.gate.feedback(&SttResult { text: said(words), confidence: None, span });
            }
            Step::AgentSaid(words) => self.gate.agent_said(said(words)),
            Step::Reconfigure(which, to) => self.reconfigure(which, to),
            Step::Audio(start, end) => {
                let span = Span { start: SampleIndex(start), end: SampleIndex(end) };
                _ = self.gate.audio(span);
                _ = (self.forwarder.time_map().mic(span.start), self.forwarder.time_map().gated(span.end));
            }
            Step::Forget(at) => self.forwarder.time_map_mut().forget_before(SampleIndex(at)),
            Step::Finish => _ = self.gate.finish(),
            Step::Reset => self.reset(),
        }
    }

    fn push(&mut self, sound: Sound) {
        let decision = self.gate.push(&frame(sound, self.now));
        assert_eq!(decision.frame.start.0, self.now, "the gate's clock is the microphone's");
        assert!((0.0..=1.0).contains(&decision.evidence.speech.get()));
        self.now += 160;
        if let Verdict::Forward(span) = decision.verdict {
            assert!(span.start.0 >= self.end && span.start < span.end && span.end.0 <= self.now, "{span:?}");
            assert!(self.gate.audio(span).is_some(), "what is released is there");
            self.end = span.end.0;
        }
        let mut sent = self.sent;
        self.forwarder.push(&decision, &self.gate, |input| match input {
            SttInput::Audio(samples) => sent += samples.len() as u64,
            SttInput::Zeros(zeros) => sent += zeros,
            SttInput::Open => sent = 0, // a new connection has a map of its own
            _ => {}
        });
        self.sent = sent;
        assert_eq!(self.forwarder.time_map().len(), self.sent, "the time map knows all that was sent");
        self.ledger.push(&decision, |_, _| {});
    }

    fn reconfigure(&mut self, which: u8, to: u16) {
        let mut config = self.gate.config().clone();
        let time = std::time::Duration::from_millis(u64::from(to));
        match which % 4 {
            0 => config.turn.hangover_duration = time,
            1 => config.turn.min_speech_duration = time,
            2 => config.turn.activation_threshold = Probability::try_from(f64::from(to) / 65_535.0).unwrap_or_default(),
            _ => {
                config = GateConfig {
                    vad: config.vad,
                    ..GateConfig::preset(Preset::ALL[usize::from(to) % Preset::ALL.len()])
                }
            }
        }
        _ = self.gate.reconfigure(&config);
    }

    fn reset(&mut self) {
        self.gate.reset();
        self.forwarder = Forwarder::new(&self.gate.config().forward);
        self.ledger = Ledger::new();
        (self.now, self.sent, self.end) = (0, 0, 0);
    }
}

fn frame(sound: Sound, at: u64) -> Frame {
    let wave = |pitch_hz: f32, gain: f32| {
        std::array::from_fn(|n| {
            let phase = (at as f32 + n as f32) * pitch_hz / 16_000.0;
            gain * (phase.fract() - 0.5)
        })
    };
    let noise = |gain: f32| {
        let mut state = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        std::array::from_fn(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            gain * (state as i32 as f32 / 2_147_483_648.0)
        })
    };
    let made = match sound {
        Sound::Silence => Frame::new([0.0; 160]),
        Sound::Constant(sample) => Frame::new([f32::from(sample) / 32_768.0; 160]),
        Sound::Noise(gain) => Frame::new(noise(f32::from(gain) / 255.0)),
        Sound::Vowel(pitch, gain) => Frame::new(wave(80.0 + f32::from(pitch), f32::from(gain) / 255.0)),
        Sound::Gap => return Frame::gap(),
        Sound::Torn(missing) => Frame::with_missing([0.0; 160], usize::from(missing)),
    };
    made.unwrap_or_else(|_| Frame::gap())
}

fn said(words: u8) -> &'static str {
    const SAID: [&str; 7] =
        ["", "yes", "your table is booked for seven", "?!", "\u{202e}\u{0}", "ﬀ İ ß", "shall I send you a message"];
    SAID[usize::from(words) % SAID.len()]
}
