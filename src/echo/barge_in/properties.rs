//! Property tests of barge-in, turn and release under arbitrary scores, evidence and settings.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::artefact::Artefact;
use crate::burst::{Judges, Phase, Sound};
use crate::config::{BurstConfig, Padding, StormConfig};
use crate::decision::Verdict;
use crate::frame::FRAME_LEN;
use crate::level::LevelStep;
use crate::onset::OnsetTracker;
use crate::release::Release;
use crate::turn::{FrameContext, Turn, TurnStep};
use crate::turn_state::Edge;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn starts_and_ends_alternate_and_nothing_is_lost_or_sent_twice(
        settings in settings(),
        window in prop::sample::select(vec![160_u64, 480, 512, 16_000]),
        events in prop::collection::vec(event(), 1..24),
    ) {
        let mut stream = Stream::new(settings, window);
        for event in events {
            stream.live(event);
        }
        stream.finish();
    }
}

/// An event in a stream.
#[derive(Clone, Debug)]
enum Event {
    /// So many frames of a kind.
    Hear {
        frames: u64,
        speech: f32,
        loud: bool,
        abrupt: bool,
        torn: bool,
        echo: Known,
        late_frames: u64,
    },
    Finish,
    Change(Box<Settings>),
    Reset,
}

/// The kind of echo evidence.
#[derive(Clone, Copy, Debug)]
enum Known {
    NoPlayback,
    Of { quality: DelayQuality, near: f32 },
}

#[derive(Clone, Debug)]
struct Settings {
    turn: TurnConfig,
    echo: EchoConfig,
    burst: Option<BurstConfig>,
    storm: Option<StormConfig>,
}

/// The deciding parts of a gate, twice since a reset: the second is a fresh one to compare with.
struct Stream {
    settings: Settings,
    window: u64,
    parts: Parts,
    fresh: Option<Parts>,
    /// The settings are those from the start: then audio of the whole reach is kept.
    unchanged: bool,
    frames: u64,
    /// The next sample that the detector scores, and the next frame that the evidence is about.
    scored: u64,
    assessed: u64,
    onsets: OnsetTracker,
    speech: f32,
    /// The start of the segment that is open, and the end of the last.
    open: Option<SampleIndex>,
    told_until: SampleIndex,
    sent_until: SampleIndex,
}

#[derive(Clone)]
struct Parts {
    barge_in: BargeIn,
    turn: Turn,
    judges: Judges,
    release: Release,
}

impl Parts {
    fn new(settings: &Settings, window: u64) -> Self {
        Self {
            barge_in: BargeIn::new(&settings.echo, &settings.turn),
            turn: Turn::new(&settings.turn, Some(&settings.echo), window),
            judges: Judges::new(settings.burst.as_ref(), settings.storm.as_ref()),
            release: Release::default(),
        }
    }

    fn reach(&self) -> u64 {
        self.turn.reach(self.judges.longest_wait()) + self.barge_in.longest_wait() + FRAME_LEN as u64
    }

    fn end(&mut self) -> Option<Edge> {
        self.turn.end(&mut self.judges)
    }

    /// Decides on a frame whose evidence, if any, is about `assessed`.
    fn step(&mut self, heard: &Heard, context: &FrameContext) -> (EchoRuling, TurnStep, Verdict) {
        let frame = heard.frame;
        let now = Now { score: heard.score, behind: heard.behind, turn: self.turn.state() };
        let ruling = match heard.known {
            _ if context.artefact.is_some() => self.barge_in.hold(&now, frame),
            Some(Some(echo)) => self.barge_in.step(&now, &echo),
            Some(None) => self.barge_in.pass_unless_late(&now),
            None => self.barge_in.suspend(&now),
        };
        let step = self.turn.step(frame, &ruling, context, &mut self.judges);
        let Judges { burst, storm } = &mut self.judges;
        burst.note(step.edge.as_ref(), &context.sound);
        _ = storm.as_mut().and_then(|storm| storm.note(step.edge.as_ref(), heard.score.speech, frame.end));
        let kept_from = frame.end.back(self.reach());
        let verdict = self.release.decide(frame, &step, &ruling, kept_from);
        (ruling, step, verdict)
    }
}

/// The inputs that come with a frame.
struct Heard {
    frame: Span,
    score: Score,
    behind: u64,
    /// `None` while playback is too late for any frame to be assessed.
    known: Option<Option<EchoEvidence>>,
}

impl Stream {
    fn new(settings: Settings, window: u64) -> Self {
        let parts = Parts::new(&settings, window);
        Self {
            settings,
            window,
            parts,
            fresh: None,
            unchanged: true,
            frames: 0,
            scored: 0,
            assessed: 0,
            onsets: OnsetTracker::default(),
            speech: 0.0,
            open: None,
            told_until: SampleIndex::default(),
            sent_until: SampleIndex::default(),
        }
    }

    fn live(&mut self, event: Event) {
        match event {
            Event::Hear { frames, .. } => (0..frames).for_each(|n| self.hear(&event, n)),
            Event::Finish => self.finish(),
            Event::Change(settings) => {
                let settings = Settings { storm: self.settings.storm, ..*settings };
                self.parts.turn.reconfigure(&settings.turn, Some(&settings.echo));
                self.parts.judges.burst.reconfigure(settings.burst.as_ref());
                self.parts.barge_in.reconfigure(&settings.echo, &settings.turn);
                (self.settings, self.fresh, self.unchanged) = (settings, None, false);
            }
            Event::Reset => {
                let (settings, window) = (self.settings.clone(), self.window);
                let mut parts = self.parts.clone();
                parts.turn.reset();
                parts.judges.reset();
                parts.barge_in.reset();
                parts.release = Release::default();
                *self = Self { parts, fresh: Some(Parts::new(&settings, window)), ..Self::new(settings, window) };
            }
        }
    }

    fn finish(&mut self) {
        let end = SampleIndex(self.frames * FRAME_LEN as u64);
        self.fresh = None;
        self.parts.release.give_up(end);
        let edge = self.parts.end();
        self.told(edge, end);
        assert_eq!((self.open, self.parts.end()), (None, None), "it has ended, once");
    }

    fn hear(&mut self, event: &Event, n: u64) {
        let &Event::Hear { speech, loud, abrupt, torn, echo, late_frames, .. } = event else { return };
        let start = SampleIndex(self.frames * FRAME_LEN as u64);
        let frame = Span::new(start, start + FRAME_LEN as u64);
        self.frames += 1;
        let end = self.scored + self.window;
        let window = (end <= frame.end.0).then(|| Span::new(SampleIndex(self.scored), SampleIndex(end)));
        if window.is_some() {
            // Every few windows another score, so that some lie between the thresholds.
            (self.scored, self.speech) = (end, speech * if n % 7 == 6 { 0.7 } else { 1.0 });
        }
        let wanted = (self.frames - 1).checked_sub(late_frames).filter(|wanted| *wanted >= self.assessed);
        self.assessed = wanted.map_or(self.assessed, |wanted| wanted + 1);
        let heard = Heard {
            frame,
            score: Score { speech: Probability::nearest(self.speech), window },
            behind: (self.frames - self.assessed) * FRAME_LEN as u64,
            known: wanted.map(|wanted| evidence(echo, wanted)),
        };
        let dbfs = if loud { -20.0 } else { -60.0 };
        let level = LevelStep { frame_dbfs: dbfs, mean_dbfs: dbfs, floor_dbfs: -60.0 };
        let onset = self.onsets.step(frame, &level);
        let sound = Sound {
            span: Span::new(start.back(800), frame.end),
            attack_db: 40.0,
            phase: Phase::Sounding,
            ..Sound::default()
        };
        // Now and then, or for long, frames do not arrive.
        let artefact = (torn && n % 5 < 3).then_some(Artefact::Gap);
        let context = FrameContext { level, artefact, sound: if abrupt { sound } else { Sound::default() }, onset };
        let settled = self.parts.release.settled();
        let (ruling, step, verdict) = self.parts.step(&heard, &context);
        if let Some(fresh) = &mut self.fresh {
            assert_eq!(fresh.step(&heard, &context), (ruling, step, verdict), "after a reset it decides as a new one");
        }
        self.told(step.edge, frame.end);
        self.check(frame, settled, &ruling, &step, verdict);
    }

    /// Checks the edges: starts and ends alternate and do not overlap.
    fn told(&mut self, edge: Option<Edge>, now: SampleIndex) {
        match edge {
            Some(Edge::SpeechStart { speech }) => {
                assert!(speech >= self.told_until && speech <= now, "{speech:?} in {:?}", self.told_until);
                assert_eq!(self.open.replace(speech), None, "a start in a segment");
            }
            Some(Edge::SpeechEnd { speech, voiced, .. }) => {
                assert_eq!(self.open.take(), Some(speech.start), "an end of what has not begun");
                assert!(speech.start <= speech.end && speech.end <= now && voiced <= speech.len(), "{edge:?}");
                self.told_until = speech.end;
            }
            Some(Edge::Abandoned { .. }) | None => {}
        }
    }

    fn check(&mut self, frame: Span, settled: SampleIndex, ruling: &EchoRuling, step: &TurnStep, verdict: Verdict) {
        let now_settled = self.parts.release.settled();
        assert!(now_settled >= settled && now_settled <= frame.end, "{now_settled:?} after {settled:?}");
        if self.unchanged {
            assert!(frame.end.since(now_settled) <= self.parts.reach(), "{} are held", frame.end.since(now_settled));
        }
        if let Some(Edge::SpeechStart { .. }) = step.edge {
            assert!(matches!(verdict, Verdict::Forward(_)), "a start without audio");
        }
        let Verdict::Forward(span) = verdict else { return };
        assert!(!span.is_empty() && span.end == frame.end, "{span:?}");
        assert!(span.start >= self.sent_until, "sent twice");
        self.sent_until = span.end;
        let due = step.open_from.unwrap().max(settled).max(ruling.not_before);
        assert!(span.start == due || !self.unchanged, "{} samples are lost", span.start.since(due));
    }
}

fn evidence(echo: Known, number: u64) -> Option<EchoEvidence> {
    let Known::Of { quality, near } = echo else { return None };
    let start = SampleIndex(number * FRAME_LEN as u64);
    Some(EchoEvidence {
        frame: Span::new(start, start + FRAME_LEN as u64),
        near: Probability::nearest(near),
        likelihood: Probability::nearest(1.0 - near),
        delay_samples: Some(0),
        quality,
        cancelled_db: 0.0,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let speech = prop_oneof![Just(0.0_f32), Just(0.25), Just(0.4), Just(0.6), Just(0.9), 0.0_f32..1.0];
    let quality = prop::sample::select(vec![DelayQuality::None, DelayQuality::Coarse, DelayQuality::Locked]);
    let known = prop_oneof![
        1 => Just(Known::NoPlayback),
        2 => (quality, 0.0_f32..1.0).prop_map(|(quality, near)| Known::Of { quality, near }),
    ];
    let late_frames = prop_oneof![2 => Just(0_u64), 1 => 0_u64..50];
    let frames = prop_oneof![1_u64..5, 1_u64..60, 1_u64..300];
    prop_oneof![
        20 => (frames, speech, [any::<bool>(), any::<bool>(), any::<bool>()], known, late_frames).prop_map(
            |(frames, speech, [loud, abrupt, torn], echo, late_frames)| Event::Hear {
                frames,
                speech,
                loud,
                abrupt,
                torn,
                echo,
                late_frames
            }
        ),
        1 => Just(Event::Finish),
        1 => settings().prop_map(|settings| Event::Change(Box::new(settings))),
        1 => Just(Event::Reset),
    ]
}

/// Any settings that a gate can have, the ends of the ranges among them, and the defaults.
fn settings() -> impl Strategy<Value = Settings> {
    let turn =
        ([0_u32..=100, 0..=100, 0..=100], [up_to(2_000), up_to(10_000), up_to(5_000)], [up_to(10_000), up_to(10_000)]);
    let echo = ([up_to(1_000), up_to(10_000), up_to(2_000)], up_to(60_000));
    let padding = prop::sample::select(vec![Padding::Adaptive, Padding::Fixed]);
    let parts = (any::<bool>(), any::<bool>(), up_to(1_000), padding);
    let any =
        (turn, echo, parts).prop_map(|((mut thresholds, [speech, silence, prefix], [hangover, tail]), echo, parts)| {
            thresholds.sort_unstable();
            let [deactivation, activation, sure] =
                thresholds.map(|hundredths| Probability::nearest(hundredths as f32 / 100.0));
            let ([reaction, short_hangover, hold], max_speech) = echo;
            let (burst, storm, wait, padding) = parts;
            Settings {
                turn: TurnConfig {
                    activation_threshold: activation,
                    sure_threshold: sure,
                    deactivation_threshold: deactivation,
                    min_speech_duration: speech,
                    min_silence_duration: silence,
                    padding,
                    prefix_padding_duration: prefix,
                    hangover_duration: hangover,
                    tail_duration: tail,
                    max_speech_duration: max_speech.max(Duration::from_secs(1)),
                    ..TurnConfig::default()
                },
                echo: EchoConfig {
                    reaction_duration: reaction,
                    hangover_duration: short_hangover,
                    unknown_delay_hold_duration: hold,
                    ..EchoConfig::default()
                },
                burst: burst.then(|| BurstConfig { max_wait_duration: wait, ..BurstConfig::default() }),
                storm: storm.then(|| StormConfig { max_wait_duration: wait, ..StormConfig::default() }),
            }
        });
    let usual = Settings {
        turn: TurnConfig::default(),
        echo: EchoConfig::default(),
        burst: Some(BurstConfig::default()),
        storm: Some(StormConfig::default()),
    };
    prop_oneof![1 => Just(usual), 3 => any]
}

/// A duration up to so many milliseconds: none, all or any.
fn up_to(most_ms: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![1 => Just(0), 1 => Just(most_ms), 4 => 0..=most_ms.min(1_000)].prop_map(Duration::from_millis)
}
