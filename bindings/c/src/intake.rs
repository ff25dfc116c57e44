//! The intake: audio of any rate, channels and chunk size into frames.

use voxgate::{AudioFormat, Chunk, Frame, Intake, Samples};

use crate::VOXGATE_FRAME_LEN;
use crate::border::{Answer, given, guarded, put, room, slice};
use crate::handle::Handle;
use crate::status::{Failure, VoxgateStatus};

/// A frame of audio: 10 ms, mono, 16 kHz.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VoxgateFrame {
    /// From -1 to 1.
    pub samples: [f32; VOXGATE_FRAME_LEN],
    /// How many of the samples never arrived and are zeros instead, 0 to 160. Set it to 0 in frames that you fill.
    pub missing: u32,
}

/// The format of audio.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VoxgateFormat {
    /// Hz, 8,000 to 192,000.
    pub sample_rate: u32,
    /// 1 to 8, interleaved.
    pub channels: u16,
    /// The channel that is used, counted from 0.
    pub channel: u16,
}

/// Counts of faults in the input that were mended, in input samples of the chosen channel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct VoxgateIntakeReport {
    /// Samples taken.
    pub received: u64,
    /// NaN or infinite, replaced by zero.
    pub not_finite: u64,
    /// Outside -1 to 1, limited to it.
    pub out_of_range: u64,
}

/// Makes frames of audio in any format: resamples, chooses the channel, cuts. One for each stream: one for the
/// microphone, one for the playback.
#[derive(Debug)]
pub struct IntakeState {
    intake: Intake,
    format: AudioFormat,
}

/// Opaque.
pub type VoxgateIntake = Handle<IntakeState>;

/// Makes an intake for audio of this format.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_create(
    format: *const VoxgateFormat,
    intake: *mut *mut VoxgateIntake,
) -> VoxgateStatus {
    guarded(|| {
        // SAFETY: the caller's pointers, as the header asks.
        let given = unsafe { given(format, "format") }?;
        let format = AudioFormat::new(given.sample_rate, given.channels);
        let made = Intake::of_channel(format, given.channel).map_err(of_input)?;
        // SAFETY: as above.
        unsafe { Handle::give(IntakeState { intake: made, format }, intake) }
    })
}

/// How many frames `samples` more samples (of all channels together) can complete, at most: the room that a push needs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_room(
    intake: *mut VoxgateIntake,
    samples: usize,
    frames: *mut usize,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe { Handle::with(intake, |state| put(frames, room_for(state.format, samples), "frames")) }
}

/// Takes 16-bit audio, interleaved, and writes the frames that it completes; what does not fill a frame waits for the
/// next call. `count` is the number of samples of all channels together, `capacity` the room in `frames`, at least
/// what `voxgate_intake_room` says. Does not allocate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_push_s16(
    intake: *mut VoxgateIntake,
    samples: *const i16,
    count: usize,
    frames: *mut VoxgateFrame,
    capacity: usize,
    written: *mut usize,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(intake, |state| {
            push(state, Samples::I16(slice(samples, count, "samples")?), count, (frames, capacity), written)
        })
    }
}

/// The same for floats from -1 to 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_push_f32(
    intake: *mut VoxgateIntake,
    samples: *const f32,
    count: usize,
    frames: *mut VoxgateFrame,
    capacity: usize,
    written: *mut usize,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(intake, |state| {
            push(state, Samples::F32(slice(samples, count, "samples")?), count, (frames, capacity), written)
        })
    }
}

/// Ends the stream: writes the frames that are left, the last filled up with zeros that count as missing. Afterwards
/// only `voxgate_intake_reset` opens the intake again. Needs the room of a push of no samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_finish(
    intake: *mut VoxgateIntake,
    frames: *mut VoxgateFrame,
    capacity: usize,
    written: *mut usize,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(intake, |state| {
            let frames = enough(state.format, 0, (frames, capacity))?;
            put(written, 0, "written")?;
            let mut count = 0;
            state.intake.finish(|frame| keep(frames, &mut count, frame));
            put(written, count, "written")
        })
    }
}

/// Counts of the faults that were mended so far.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_report(
    intake: *mut VoxgateIntake,
    report: *mut VoxgateIntakeReport,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(intake, |state| {
            let found = state.intake.report();
            let (received, not_finite, out_of_range) = (found.received, found.not_finite, found.out_of_range);
            put(report, VoxgateIntakeReport { received, not_finite, out_of_range }, "report")
        })
    }
}

/// Clears all state: the next sample is the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_reset(intake: *mut VoxgateIntake) -> VoxgateStatus {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe {
        Handle::with(intake, |state| {
            state.intake.reset();
            Ok(())
        })
    }
}

/// Frees it. Null is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_intake_destroy(intake: *mut VoxgateIntake) {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe { Handle::destroy(intake) }
}

/// # Safety
/// The pointers are what the header asks.
unsafe fn push(
    state: &mut IntakeState,
    samples: Samples<'_>,
    count: usize,
    frames: (*mut VoxgateFrame, usize),
    written: *mut usize,
) -> Answer<()> {
    // SAFETY: the caller's promise.
    let frames = unsafe { enough(state.format, count, frames) }?;
    // SAFETY: as above. A place that cannot be written to is found before audio is taken.
    unsafe { put(written, 0, "written") }?;
    let mut made = 0;
    let chunk = Chunk::new(samples, state.format);
    state.intake.push(chunk, |frame| keep(frames, &mut made, frame)).map_err(of_input)?;
    // SAFETY: as above.
    unsafe { put(written, made, "written") }
}

/// # Safety
/// The pointer is what the header asks.
unsafe fn enough<'a>(
    format: AudioFormat,
    samples: usize,
    (frames, capacity): (*mut VoxgateFrame, usize),
) -> Answer<&'a mut [VoxgateFrame]> {
    let needed = room_for(format, samples);
    if capacity < needed {
        let text = format!("frames has room for {capacity}, and {needed} may come; ask voxgate_intake_room");
        return Err(Failure::new(VoxgateStatus::BufferTooSmall, text));
    }
    // SAFETY: the caller's promise.
    unsafe { room(frames, capacity, "frames") }
}

fn keep(frames: &mut [VoxgateFrame], count: &mut usize, frame: &Frame) {
    frames[*count] = VoxgateFrame { samples: *frame.samples(), missing: frame.missing() as u32 };
    *count += 1;
}

/// What the samples last, in frames, and what the resampler and a frame under way may hold back.
fn room_for(format: AudioFormat, samples: usize) -> usize {
    let each = samples / usize::from(format.channels.max(1));
    each.saturating_mul(100) / (format.sample_rate.max(1) as usize) + HELD_BACK
}

pub(crate) fn of_input(error: voxgate::InputError) -> Failure {
    Failure::new(VoxgateStatus::Input, error.to_string())
}

/// A frame under way, and at most 30 ms in the resampler.
const HELD_BACK: usize = 5;
