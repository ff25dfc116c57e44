//! A pool's gates decide as they would alone, whoever joins and leaves.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use voxgate::vad::{Score, Vad};
use voxgate::{
    Decision, FRAME_LEN, Frame, Gate, GateConfig, GateId, GatePool, PoolError, Preset, Probability, SampleIndex,
    VadChoice, Verdict, push_together,
};

/// Scores of a gate in a pool may differ by this much from its scores alone.
const IN_A_POOL: f32 = 1e-5;

#[derive(Clone, Debug)]
enum Step {
    /// A gate of the config of this number comes, to hear the audio from this frame on.
    Join {
        config: usize,
        from: usize,
    },
    /// It leaves the pool and goes on alone, or comes back.
    Leave {
        which: usize,
    },
    Reset {
        which: usize,
    },
    /// So often, the gates whose bit is set hear a frame, and the pool decides.
    Hear {
        who: u16,
        frames: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..configs().len(), 0..400_usize).prop_map(|(config, from)| Step::Join { config, from }),
        1 => (0..16_usize).prop_map(|which| Step::Leave { which }),
        1 => (0..16_usize).prop_map(|which| Step::Reset { which }),
        5 => (any::<u16>(), 1..60_usize).prop_map(|(who, frames)| Step::Hear { who, frames }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gates_decide_as_alone(steps in prop::collection::vec(step(), 1..40)) {
        let audio = audio();
        let mut pool = GatePool::new();
        let mut twins: Vec<Twin> = Vec::new();
        for step in steps {
            match step {
                Step::Join { config, from } if twins.len() < 16 => {
                    let config = &configs()[config];
                    let id = pool.join(Gate::new(config).unwrap());
                    twins.push(Twin { id, alone: Gate::new(config).unwrap(), at: from, heard: 0 });
                }
                Step::Leave { which } if which < twins.len() => {
                    let gate = pool.leave(twins[which].id).unwrap();
                    prop_assert_eq!(pool.push(twins[which].id, &Frame::gap()), Err(PoolError::NotHere));
                    if which % 2 == 0 {
                        twins[which].id = pool.join(gate);
                    } else {
                        twins.remove(which);
                    }
                }
                Step::Reset { which } if which < twins.len() => {
                    pool.gate_mut(twins[which].id).unwrap().reset();
                    twins[which].alone.reset();
                    twins[which].heard = 0;
                }
                Step::Hear { who, frames } => {
                    for _ in 0..frames {
                        hear(&mut pool, &mut twins, who, &audio)?;
                    }
                }
                _ => {}
            }
            prop_assert_eq!(pool.len(), twins.len());
        }
    }
}

/// A gate of the pool, and an equal one that is alone.
struct Twin {
    id: GateId,
    alone: Gate,
    at: usize,
    /// Frames since it was new, or reset.
    heard: u64,
}

fn hear(pool: &mut GatePool, twins: &mut [Twin], who: u16, audio: &[Frame]) -> Result<(), TestCaseError> {
    let mut expected = HashMap::new();
    for (n, twin) in twins.iter_mut().enumerate().filter(|(n, _)| who >> n & 1 == 1) {
        let frame = &audio[twin.at % audio.len()];
        // The agent is heard by every second, a while later.
        if n % 2 == 0 {
            let (said, now) = (&audio[(twin.at + 9) % audio.len()], SampleIndex(twin.heard * FRAME_LEN as u64));
            prop_assert_eq!(pool.playback(twin.id, said, now), Ok(twin.alone.playback(said, now)));
        }
        (twin.at, twin.heard) = (twin.at + 1, twin.heard + 1);
        pool.push(twin.id, frame).unwrap();
        expected.insert(twin.id, twin.alone.push(frame));
    }
    let mut wrong = None;
    pool.decide(|id, gate, decision| {
        let alone = expected.remove(&id).expect("one decision for each frame");
        let heard = matches!(decision.verdict, Verdict::Forward(span) if gate.audio(span).is_none());
        if heard || !alike(&decision, &alone) {
            wrong = Some((decision, alone));
        }
    });
    prop_assert!(wrong.is_none(), "{:?}", wrong);
    prop_assert!(expected.is_empty(), "no decision for {:?}", expected.keys());
    Ok(())
}

/// The same but for what the score may differ by.
fn alike(a: &Decision, b: &Decision) -> bool {
    let mut same_score = *a;
    same_score.evidence.speech = b.evidence.speech;
    if let (Some(voxgate::Edge::Abandoned { peak: a, .. }), Some(voxgate::Edge::Abandoned { peak: b, .. })) =
        (&mut same_score.edge, b.edge)
    {
        *a = b;
    }
    let mut near = true;
    if let (Some(mine), Some(other)) = (&mut same_score.evidence.echo, b.evidence.echo) {
        for (mine, other) in [(&mut mine.near, other.near), (&mut mine.likelihood, other.likelihood)] {
            near &= (mine.get() - other.get()).abs() <= IN_A_POOL;
            *mine = other;
        }
    }
    near && same_score == *b && (a.evidence.speech.get() - b.evidence.speech.get()).abs() <= IN_A_POOL
}

#[test]
fn gates_of_the_callers_own_decide_as_alone() {
    let (audio, configs) = (audio(), configs());
    let gates = || (0..16).map(|n| Gate::new(&configs[n % configs.len()]).unwrap()).collect::<Vec<_>>();
    let (mut together, mut alone) = (gates(), gates());
    for at in 0..400 {
        // Every third comes late by some frames, and all of them at times.
        let heard = |n: usize| !n.is_multiple_of(3) || !usize::is_multiple_of(at, 5);
        let frame = |n: usize| &audio[(at + 7 * n) % audio.len()];
        let here = together.iter_mut().enumerate().filter(|(n, _)| heard(*n));
        let mut chunk: Vec<_> = here.map(|(n, gate)| (gate, frame(n))).collect();
        let mut decided = Vec::new();
        push_together(&mut chunk, |_, _, decision| decided.push(decision));
        let expected: Vec<_> = (0..16).filter(|n| heard(*n)).map(|n| alone[n].push(frame(n))).collect();
        assert_eq!(decided.len(), expected.len());
        assert!(decided.iter().zip(&expected).all(|(a, b)| alike(a, b)), "at {at}");
    }
}

#[test]
fn a_gate_waits_for_its_decision() {
    let mut pool = GatePool::new();
    let id = pool.join(Gate::new(&GateConfig::default()).unwrap());
    pool.push(id, &Frame::gap()).unwrap();
    assert_eq!(pool.push(id, &Frame::gap()), Err(PoolError::Undecided));
    assert_eq!(pool.gate_mut(id).err(), Some(PoolError::Undecided));
    assert_eq!(pool.leave(id).err(), Some(PoolError::Undecided));
    let mut decided = Vec::new();
    pool.decide(|id, _, decision| decided.push((id, decision.frame.end)));
    pool.decide(|id, _, decision| decided.push((id, decision.frame.end)));
    assert_eq!(decided, [(id, SampleIndex(160))], "once");
    assert!(pool.leave(id).is_ok() && pool.is_empty());
    assert_eq!(pool.gate(id).err(), Some(PoolError::NotHere));
}

#[test]
fn pools_do_not_mistake_each_others_gates() {
    let config = GateConfig { vad: VadChoice::Webrtc, ..GateConfig::default() };
    let [mut here, mut there] = [GatePool::new(), GatePool::new()];
    let id = here.join(Gate::new(&config).unwrap());
    there.join(Gate::new(&config).unwrap());
    assert_eq!(there.push(id, &Frame::gap()), Err(PoolError::NotHere));
    assert_eq!(there.leave(id).err(), Some(PoolError::NotHere));
}

#[test]
fn a_detector_of_ones_own_scores_by_itself() {
    struct Loud;
    impl Vad for Loud {
        fn score(&mut self, _: &Frame) -> Score {
            Score { speech: Probability::new(0.9).unwrap(), window: None }
        }
        fn longest_window(&self) -> std::time::Duration {
            std::time::Duration::from_millis(10)
        }
        fn reset(&mut self) {}
    }
    let mut pool = GatePool::new();
    let config = GateConfig::default();
    let own = pool.join(Gate::with_vad(&config, Box::new(Loud)).unwrap());
    let silero = pool.join(Gate::new(&config).unwrap());
    let mut decided = 0;
    for _ in 0..8 {
        pool.push(own, &Frame::gap()).unwrap();
        pool.push(silero, &Frame::gap()).unwrap();
        pool.decide(|id, _, decision| {
            assert_eq!(decision.evidence.speech.get() == 0.9, id == own);
            decided += 1;
        });
    }
    assert_eq!(decided, 16);
}

/// Whoever catches a panic over one gate goes on with the others, and they decide as they would alone.
#[test]
fn a_panic_over_a_gate_of_a_pool_leaves_the_others_as_they_are() {
    let config = GateConfig::default();
    let (mut pool, mut alone) = (GatePool::new(), Gate::new(&config).unwrap());
    let ids = [(); 3].map(|()| pool.join(Gate::new(&config).unwrap()));
    let (mut decided, mut expected) = ([const { Vec::new() }; 3], Vec::new());
    for (n, frame) in audio().iter().enumerate() {
        ids.iter().for_each(|id| pool.push(*id, frame).unwrap());
        let mut decide = |pool: &mut GatePool, panics: bool| {
            let decide = AssertUnwindSafe(|| {
                pool.decide(|id, _, decision| {
                    assert!(!panics || id != ids[1], "planted");
                    decided[ids.iter().position(|known| *known == id).unwrap()].push(decision.verdict);
                });
            });
            catch_unwind(decide).is_ok()
        };
        if n % 25 == 7 {
            assert!(!decide(&mut pool, true), "the panic reaches the caller");
            assert_eq!(pool.push(ids[0], frame), Ok(()), "it was decided before the panic");
            assert_eq!(pool.push(ids[2], frame), Err(PoolError::Undecided), "it waits");
            pool.push(ids[1], frame).unwrap();
            expected.push(alone.push(frame).verdict);
        }
        assert!(decide(&mut pool, false));
        expected.push(alone.push(frame).verdict);
        if n % 25 == 7 {
            pool.push(ids[2], frame).unwrap();
            assert!(decide(&mut pool, false));
        }
    }
    assert!(expected.iter().any(|verdict| matches!(verdict, Verdict::Forward(_))));
    assert_eq!(decided[0], expected, "the gate before the panic");
    assert_eq!(decided[2], expected, "the gate behind it");
    assert!(ids.into_iter().all(|id| pool.leave(id).is_ok()), "each can leave, the one of the panic too");
}

fn configs() -> Vec<GateConfig> {
    let vads = [VadChoice::Silero, VadChoice::Silero, VadChoice::Webrtc, VadChoice::Both];
    let mut configs: Vec<_> = vads.map(|vad| GateConfig { vad, ..GateConfig::default() }).into();
    configs.extend(Preset::ALL.iter().copied().map(GateConfig::preset));
    configs
}

/// A shipped sample with two turns and a pause, then gaps.
fn audio() -> Vec<Frame> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/clean_turn.wav");
    let samples: Vec<i16> = hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect();
    let frame = |chunk: &[i16]| Frame::new(std::array::from_fn(|i| f32::from(chunk[i]) / 32_768.0)).unwrap();
    samples.chunks_exact(FRAME_LEN).map(frame).chain([Frame::gap(); 30]).collect()
}
