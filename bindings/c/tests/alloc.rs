//! What the header says about real time: pushing neither allocates nor frees.

#![expect(unsafe_code, reason = "it calls the functions as C does, and counts in the allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null;

use voxgate_c::*;

/// The system's allocator, counting the calls of each thread.
struct Counting;

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as this function's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as this function's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

#[test]
fn pushing_does_not_allocate() {
    let format = VoxgateFormat { sample_rate: 48_000, channels: 2, channel: 0 };
    let (mut intake, mut gate) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the pointers are to values that live here.
    unsafe {
        assert_eq!(voxgate_intake_create(&raw const format, &raw mut intake), VoxgateStatus::Ok);
        assert_eq!(voxgate_gate_create(null(), null(), &raw mut gate), VoxgateStatus::Ok);
    }
    assert!(CALLS.get() > 10, "the counter counts");
    let empty = VoxgateFrame { samples: [0.0; VOXGATE_FRAME_LEN], missing: 0 };
    let (mut frames, mut written, mut decided) = ([empty; 16], 0, 0_u64);
    let mut decision = std::mem::MaybeUninit::<VoxgateDecision>::zeroed();
    let mut noise = 1_u32;
    let before = CALLS.get();
    for _ in 0..300 {
        let mut samples = [0_i16; 1_920];
        for sample in &mut samples {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = (noise >> 18) as i16;
        }
        // SAFETY: as above; the decision is written before it is read.
        unsafe {
            let taken = voxgate_intake_push_s16(
                intake,
                samples.as_ptr(),
                samples.len(),
                frames.as_mut_ptr(),
                16,
                &raw mut written,
            );
            assert_eq!(taken, VoxgateStatus::Ok);
            for frame in &frames[..written] {
                let at = decided * VOXGATE_FRAME_LEN as u64;
                assert_eq!(voxgate_gate_playback(gate, frame, at, std::ptr::null_mut()), VoxgateStatus::Ok);
                assert_eq!(voxgate_gate_background(gate, frame, at, std::ptr::null_mut()), VoxgateStatus::Ok);
                assert_eq!(voxgate_gate_push(gate, frame, decision.as_mut_ptr()), VoxgateStatus::Ok);
                decided += 1;
            }
        }
    }
    let calls = CALLS.get() - before;
    assert!(decided > 590, "{decided} frames");
    assert_eq!(calls, 0, "calls of the allocator in {decided} frames");
    // SAFETY: they were made here.
    unsafe {
        voxgate_gate_destroy(gate);
        voxgate_intake_destroy(intake);
    }
}

#[test]
fn the_room_is_enough_for_any_format_and_chunk() {
    for sample_rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 192_000] {
        for chunk in [1, 80, 441, 4_000, 20_000] {
            let format = VoxgateFormat { sample_rate, channels: 1, channel: 0 };
            let mut intake = std::ptr::null_mut();
            // SAFETY: the pointers are to values that live here.
            unsafe {
                assert_eq!(voxgate_intake_create(&raw const format, &raw mut intake), VoxgateStatus::Ok);
                for _ in 0..50 {
                    push(intake, &vec![0.1; chunk]);
                }
                let mut room = 0;
                assert_eq!(voxgate_intake_room(intake, 0, &raw mut room), VoxgateStatus::Ok);
                let empty = VoxgateFrame { samples: [0.0; VOXGATE_FRAME_LEN], missing: 0 };
                let (mut frames, mut written) = (vec![empty; room], 0);
                let ended = voxgate_intake_finish(intake, frames.as_mut_ptr(), room, &raw mut written);
                assert_eq!(ended, VoxgateStatus::Ok, "{sample_rate} Hz, chunks of {chunk}");
                voxgate_intake_destroy(intake);
            }
        }
    }
}

/// Pushes the samples into exactly the room that is asked for.
///
/// # Safety
/// The intake is alive.
unsafe fn push(intake: *mut VoxgateIntake, samples: &[f32]) {
    let empty = VoxgateFrame { samples: [0.0; VOXGATE_FRAME_LEN], missing: 0 };
    let (mut room, mut written) = (0, 0);
    // SAFETY: the pointers are to values that live here.
    unsafe {
        assert_eq!(voxgate_intake_room(intake, samples.len(), &raw mut room), VoxgateStatus::Ok);
        let mut frames = vec![empty; room];
        let taken = voxgate_intake_push_f32(
            intake,
            samples.as_ptr(),
            samples.len(),
            frames.as_mut_ptr(),
            room,
            &raw mut written,
        );
        assert_eq!(taken, VoxgateStatus::Ok);
    }
}
