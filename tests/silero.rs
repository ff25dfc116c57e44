//! Silero's kernel against itself: any chunking, any batch. Instruction sets are compared beside the kernel.

use std::collections::HashMap;

use proptest::prelude::*;
use voxgate::vad::{SileroBatch, SileroModel, SileroRate, SileroStream, StreamLeft};

/// Scores of a stream in a batch may differ by this much from its scores alone.
const IN_A_BATCH: f32 = 1e-5;

const RATES: [SileroRate; 2] = [SileroRate::Hz8000, SileroRate::Hz16000];

#[test]
fn a_stream_that_left_is_known_no_more() {
    let mut batch = SileroBatch::new(SileroModel::bundled().unwrap(), SileroRate::Hz8000, 1);
    let first = batch.join().unwrap();
    assert_eq!(batch.join(), None, "there is room for one");
    batch.leave(first).unwrap();
    let second = batch.join().unwrap();
    assert_eq!(batch.push(first, &[0.0]), Err(StreamLeft));
    assert_eq!(batch.reset(first), Err(StreamLeft));
    assert_eq!(batch.leave(first), Err(StreamLeft));
    assert_eq!(batch.push(second, &[0.0; 300]).unwrap().len(), 44, "a window is 256 samples");
}

/// What happens to a batch.
#[derive(Clone, Debug)]
enum Step {
    Join {
        from: usize,
    },
    Leave {
        which: usize,
    },
    Reset {
        which: usize,
    },
    /// Every stream hears as many samples, then the batch scores.
    Hear {
        samples: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..50_000_usize).prop_map(|from| Step::Join { from }),
        1 => (0..9_usize).prop_map(|which| Step::Leave { which }),
        1 => (0..9_usize).prop_map(|which| Step::Reset { which }),
        6 => (1..1_500_usize).prop_map(|samples| Step::Hear { samples }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_scores_as_single_streams(steps in prop::collection::vec(step(), 1..60), eight in any::<bool>()) {
        let rate = RATES[usize::from(!eight)];
        let model = SileroModel::bundled().unwrap();
        let audio = hard_audio();
        let mut batch = SileroBatch::new(model.clone(), rate, 9);
        // By id: where the stream is in the audio, and the stream alone.
        let mut alone = HashMap::new();
        let mut ids = Vec::new();
        for step in steps {
            match step {
                Step::Join { from } => {
                    if let Some(id) = batch.join() {
                        alone.insert(id, (from, SileroStream::new(model.clone(), rate)));
                        ids.push(id);
                    }
                }
                Step::Leave { which } if which < ids.len() => batch.leave(ids.swap_remove(which)).unwrap(),
                Step::Reset { which } if which < ids.len() => {
                    batch.reset(ids[which]).unwrap();
                    alone.get_mut(&ids[which]).unwrap().1.reset();
                }
                Step::Hear { samples } => {
                    let (mut together, mut single) = (HashMap::new(), HashMap::new());
                    let mut heard = HashMap::new();
                    for id in &ids {
                        let (at, stream) = alone.get_mut(id).unwrap();
                        let chunk = &audio[*at..*at + samples];
                        *at += samples;
                        heard.insert(*id, chunk);
                        stream.push(chunk, |score| single.entry(*id).or_insert(vec![]).push(score.get()));
                    }
                    while heard.values().any(|rest| !rest.is_empty()) {
                        for id in &ids {
                            let rest = heard.get_mut(id).unwrap();
                            *rest = batch.push(*id, rest).unwrap();
                        }
                        batch.score(|id, score| together.entry(id).or_insert(vec![]).push(score.get()));
                    }
                    prop_assert_eq!(together.len(), single.len());
                    for (id, scores) in &single {
                        let worst = largest_difference(&together[id], scores);
                        prop_assert!(worst <= IN_A_BATCH, "{:?}: {}", id, worst);
                    }
                }
                Step::Leave { .. } | Step::Reset { .. } => {}
            }
        }
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Speech at full level, 60 dB down, clipped, and as denormals between true zeros.
fn hard_audio() -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/clean_turn.wav");
    let mut wav = hound::WavReader::open(path).unwrap();
    let speech: Vec<f32> = wav.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    let mut audio = speech.clone();
    audio.extend(speech.iter().map(|s| s * 1e-3));
    audio.extend(speech.iter().map(|s| (s * 30.0).clamp(-1.0, 1.0)));
    audio.extend(speech.iter().take(30_000).map(|s| s * 1e-37));
    audio.extend([0.0; 16_000]);
    audio.extend(&speech);
    audio
}
