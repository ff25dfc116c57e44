//! The functions of C: valid handles, and hostile numbers, texts and rooms.

use std::ffi::{CString, c_void};
use std::ptr::null_mut;

use arbitrary::{Arbitrary, Unstructured};
use voxgate_c::{
    VoxgateArrival, VoxgateFormat, VoxgateForwarder, VoxgateFrame, VoxgateGate, VoxgateInput, VoxgateIntake,
    VoxgateStatus, voxgate_forwarder_create, voxgate_forwarder_destroy, voxgate_forwarder_finish,
    voxgate_forwarder_mic, voxgate_forwarder_push, voxgate_forwarder_sent, voxgate_gate_agent_said, voxgate_gate_audio,
    voxgate_gate_create, voxgate_gate_destroy, voxgate_gate_feedback, voxgate_gate_playback,
    voxgate_gate_playback_clear, voxgate_gate_push, voxgate_gate_reset, voxgate_intake_create, voxgate_intake_destroy,
    voxgate_intake_push_f32, voxgate_intake_push_s16, voxgate_intake_room,
};

#[derive(Arbitrary, Debug)]
enum Step {
    Push { sample: f32, missing: u32, times: u8 },
    Playback { sample: f32, missing: u32, at: u64 },
    Clear(u64),
    AgentSaid(Vec<u8>),
    Feedback { words: Vec<u8>, confidence: f32, start: u64, end: u64 },
    Audio { start: u64, end: u64, room: u16 },
    Forward,
    Mic(u64),
    Sent(u64),
    S16 { samples: Vec<i16>, room: u8 },
    F32 { samples: Vec<f32>, room: u8 },
    Reset,
}

pub(crate) fn calls(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let Ok((sample_rate, channels, channel, toml)) = bytes.arbitrary::<(u32, u16, u16, Vec<u8>)>() else { return };
    let format = VoxgateFormat { sample_rate: 8_000 + sample_rate % 190_000, channels, channel };
    let Ok(toml) = CString::new(toml) else { return };
    let (mut gate, mut forwarder, mut intake) = (null_mut(), null_mut(), null_mut());
    // SAFETY: the places are valid, and the texts end with a zero.
    unsafe {
        if voxgate_gate_create(std::ptr::null(), toml.as_ptr(), &raw mut gate) != VoxgateStatus::Ok {
            assert_eq!(voxgate_gate_create(std::ptr::null(), std::ptr::null(), &raw mut gate), VoxgateStatus::Ok);
        }
        assert_eq!(voxgate_forwarder_create(std::ptr::null(), std::ptr::null(), &raw mut forwarder), VoxgateStatus::Ok);
        if voxgate_intake_create(&raw const format, &raw mut intake) != VoxgateStatus::Ok {
            intake = null_mut();
        }
    }
    let handles = Handles { gate, forwarder, intake };
    for _ in 0..200 {
        let Some(step) = (!bytes.is_empty()).then(|| bytes.arbitrary().ok()).flatten() else { break };
        let status = handles.step(step);
        assert_ne!(status, VoxgateStatus::Panicked);
    }
    // SAFETY: they were made above, or are null, and are used no more.
    unsafe {
        voxgate_forwarder_finish(forwarder, gate, Some(taken), null_mut(), null_mut(), null_mut(), null_mut());
        voxgate_intake_destroy(intake);
        voxgate_forwarder_destroy(forwarder);
        voxgate_gate_destroy(gate);
    }
}

struct Handles {
    gate: *mut VoxgateGate,
    forwarder: *mut VoxgateForwarder,
    /// Null, if its format was refused.
    intake: *mut VoxgateIntake,
}

impl Handles {
    fn step(&self, step: Step) -> VoxgateStatus {
        let Self { gate, forwarder, intake } = *self;
        let frame = |sample, missing| VoxgateFrame { samples: [sample; 160], missing };
        let (mut place, mut count) = (0_u64, 0_usize);
        let mut arrival = VoxgateArrival::Off;
        // SAFETY: the handles live until the end of the input; rooms are as long as they are said to be.
        unsafe {
            match step {
                Step::Push { sample, missing, times } => {
                    let frame = frame(sample, missing % 320);
                    let push = |_| voxgate_gate_push(gate, &raw const frame, null_mut());
                    (0..times % 32 + 1).map(push).last().unwrap_or(VoxgateStatus::Ok)
                }
                Step::Playback { sample, missing, at } => {
                    let frame = frame(sample, missing);
                    voxgate_gate_playback(gate, &raw const frame, at, &raw mut arrival)
                }
                Step::Clear(at) => voxgate_gate_playback_clear(gate, at),
                Step::AgentSaid(words) => match CString::new(words) {
                    Ok(words) => voxgate_gate_agent_said(gate, words.as_ptr()),
                    Err(_) => voxgate_gate_agent_said(gate, std::ptr::null()),
                },
                Step::Feedback { words, confidence, start, end } => {
                    let words = CString::new(words).unwrap_or_default();
                    voxgate_gate_feedback(gate, words.as_ptr(), confidence, start, end, null_mut())
                }
                Step::Audio { start, end, room } => {
                    let mut samples = vec![0.0; usize::from(room)];
                    voxgate_gate_audio(gate, start, end, samples.as_mut_ptr(), samples.len())
                }
                Step::Forward => voxgate_forwarder_push(forwarder, gate, Some(taken), null_mut()),
                Step::Mic(at) => voxgate_forwarder_mic(forwarder, at, &raw mut place),
                Step::Sent(at) => voxgate_forwarder_sent(forwarder, at, &raw mut place),
                Step::S16 { samples, room } => {
                    let mut frames = vec![frame(0.0, 0); usize::from(room)];
                    let (place, length) = (frames.as_mut_ptr(), frames.len());
                    voxgate_intake_push_s16(intake, samples.as_ptr(), samples.len(), place, length, &raw mut count)
                }
                Step::F32 { samples, room } => {
                    let mut frames = vec![frame(0.0, 0); usize::from(room)];
                    let (place, length) = (frames.as_mut_ptr(), frames.len());
                    voxgate_intake_room(intake, usize::MAX, &raw mut count);
                    voxgate_intake_push_f32(intake, samples.as_ptr(), samples.len(), place, length, &raw mut count)
                }
                Step::Reset => voxgate_gate_reset(gate),
            }
        }
    }
}

/// Reads all that it is handed, as a connection does.
///
/// # Safety
/// Not null, `samples` points to `count` of them until this returns.
unsafe extern "C" fn taken(_: *mut c_void, _: VoxgateInput, samples: *const f32, count: u64) {
    if !samples.is_null() {
        // SAFETY: so many samples are there until this returns.
        let samples = unsafe { std::slice::from_raw_parts(samples, count as usize) };
        assert!(samples.iter().all(|sample| sample.is_finite()));
    }
}
