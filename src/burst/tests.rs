use super::*;
use crate::artefact::Artefact;
use crate::frame::Span;
use crate::frame::{FRAME_LEN, Frame};
use crate::level::LevelStep;
use voxgate_base::Probability;

/// A test signal: tones over a noise floor of -60 dBFS.
struct Room {
    sounds: SoundTracker,
    judges: Judges,
    heard: u64,
}

impl Room {
    fn new() -> Self {
        let mut room =
            Self { sounds: SoundTracker::new(), judges: Judges::new(Some(&BurstConfig::default()), None), heard: 0 };
        room.play(20, |_| 0.001, None);
        room
    }

    /// `frames` of a tone whose amplitude is `envelope` of the samples since it began.
    fn play(&mut self, frames: u64, envelope: impl Fn(f32) -> f32, artefact: Option<Artefact>) -> Sound {
        let mut sound = Sound::default();
        for n in 0..frames {
            let samples = std::array::from_fn(|i| {
                let t = (n * FRAME_LEN as u64 + i as u64) as f32;
                envelope(t) * (t * 0.05).sin()
            });
            let (at, frame) = (SampleIndex(self.heard), Frame::new(samples).unwrap());
            let level = LevelStep { frame_dbfs: frame.level_dbfs(), mean_dbfs: -60.0, floor_dbfs: -60.0 };
            sound = *self.sounds.step(at, &frame, &level, artefact);
            self.heard += FRAME_LEN as u64;
        }
        sound
    }

    /// The opinion, now, of a candidate whose last `windows` were up and `sure`.
    fn judge(&mut self, sound: &Sound, windows: u64, sure: u64) -> Opinion {
        let now = SampleIndex(self.heard);
        let candidate = Candidate {
            span: Span::new(now.back(512 * windows), now),
            peak: Probability::nearest(0.8),
            sure: 512 * sure,
        };
        self.judges.opinion(&candidate, sound, now)
    }
}

fn cut(_: f32) -> f32 {
    0.3
}

fn spoken(samples: f32) -> f32 {
    0.001 + 0.3 * (samples / 800.0).min(1.0).powi(2)
}

#[test]
fn a_sound_that_rises_as_a_voice_does_is_speech_at_once() {
    let mut room = Room::new();
    let sound = room.play(5, spoken, None);
    assert!(sound.attack_db < 20.0, "{sound:?}");
    assert_eq!(room.judge(&sound, 1, 1), Opinion::Speech);
}

#[test]
fn a_sound_that_is_cut_in_has_to_last_and_to_be_sure() {
    let mut room = Room::new();
    let sound = room.play(6, cut, None);
    assert!(sound.attack_db > 40.0, "{sound:?}");
    assert_eq!(room.judge(&sound, 1, 1), Opinion::Wait(Doubt::Abrupt));
    let sound = room.play(4, cut, None);
    assert_eq!(room.judge(&sound, 3, 0), Opinion::Wait(Doubt::Abrupt), "it has lasted, but the score was never sure");
    assert_eq!(room.judge(&sound, 3, 1), Opinion::Speech);
}

#[test]
fn a_shard_that_is_over_is_not_speech_however_high_its_score() {
    let mut room = Room::new();
    room.play(6, cut, None);
    let sound = room.play(3, |_| 0.001, None);
    assert_eq!((sound.phase, sound.span.len()), (Phase::Over, 960));
    assert_eq!(room.judge(&sound, 2, 2), Opinion::Wait(Doubt::Over));
}

#[test]
fn frames_that_are_repeated_do_not_make_a_sound_last() {
    let mut room = Room::new();
    room.play(4, cut, None);
    let sound = room.play(8, cut, Some(Artefact::Repeat));
    assert_eq!((sound.span.len(), sound.fresh()), (1_920, 640));
    assert_eq!(room.judge(&sound, 2, 2), Opinion::Wait(Doubt::Abrupt));
}

#[test]
fn a_score_that_rises_long_after_the_sound_has_to_be_sure_for_longer() {
    let mut room = Room::new();
    let sound = room.play(40, spoken, None);
    assert_eq!(room.judge(&sound, 2, 2), Opinion::Wait(Doubt::Late));
    assert_eq!(room.judge(&sound, 3, 3), Opinion::Speech);
}

#[test]
fn a_dip_of_20_ms_does_not_end_a_sound() {
    let mut room = Room::new();
    let start = room.play(8, cut, None).span.start;
    room.play(2, |_| 0.001, None);
    assert_eq!(room.play(8, cut, None).span.start, start);
    room.play(3, |_| 0.001, None);
    assert!(room.play(8, cut, None).span.start > start);
}

#[test]
fn speech_that_is_not_louder_than_the_room_is_left_to_the_score() {
    let mut room = Room::new();
    let sound = room.play(20, |_| 0.002, None);
    assert_eq!(room.judge(&sound, 1, 1), Opinion::Speech);
}

#[test]
fn no_candidate_waits_longer_than_the_config_says() {
    let mut room = Room::new();
    room.play(2, cut, None);
    let waited = (0..100).take_while(|_| {
        let sound = room.play(1, cut, None);
        room.judge(&sound, 2, 0) != Opinion::Speech
    });
    assert_eq!(waited.count(), 16, "160 ms of doubt");
    room.judges.end_candidate();
    room.play(10, |_| 0.001, None);
    let sound = room.play(2, cut, None);
    assert_eq!(room.judge(&sound, 1, 1), Opinion::Wait(Doubt::Abrupt), "the next candidate is judged anew");
}

#[test]
fn without_a_judge_the_score_alone_decides() {
    let mut room = Room::new();
    room.judges = Judges::new(None, None);
    let sound = room.play(6, cut, None);
    assert_eq!(room.judge(&sound, 1, 1), Opinion::Speech);
}

#[test]
fn a_detector_that_slept_answers_as_soon_as_one_that_heard_the_sound_begin() {
    let mut room = Room::new();
    let sound = room.play(40, spoken, None);
    let awake = Sound { scored_from: SampleIndex(room.heard).back(1_600), ..sound };
    assert_eq!(room.judge(&sound, 2, 2), Opinion::Wait(Doubt::Late));
    assert_eq!(room.judge(&awake, 2, 2), Opinion::Speech);
}

#[test]
fn a_sound_that_the_score_answered_while_it_was_new_need_not_be_sure_later() {
    let mut room = Room::new();
    let sound = room.play(10, spoken, None);
    let now = SampleIndex(room.heard);
    let candidate = Span::new(now.back(512), now);
    let brief = Edge::Abandoned { candidate, peak: Probability::nearest(0.4), doubt: None };
    room.judges.burst.note(Some(&brief), &sound);
    let sound = room.play(30, cut, None);
    assert_eq!(room.judge(&sound, 2, 0), Opinion::Wait(Doubt::Late));
    assert_eq!(room.judge(&sound, 3, 0), Opinion::Speech, "up for 96 ms, and never sure");
    room.judges.end_candidate();
    room.play(10, |_| 0.001, None);
    let sound = room.play(50, spoken, None);
    assert_eq!(room.judge(&sound, 3, 0), Opinion::Wait(Doubt::Late), "the next sound is another");
}
