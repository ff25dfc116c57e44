//! The gate: a frame in, a decision out.

use std::ffi::c_char;

use voxgate::echo::Arrival;
use voxgate::{ConfigError, Decision, Frame, Gate, GateConfig, Preset, SampleIndex, Span, SttResult, SttRuling};
use voxgate_base::misfire::Heard;

use crate::border::{Answer, given, guarded, put, put_if_wanted, room, text};
use crate::decision::{VoxgateDecision, VoxgateEdge, edge_of};
use crate::handle::Handle;
use crate::intake::VoxgateFrame;
use crate::status::{Failure, VoxgateStatus};

/// A gate, and the decision that it made last.
#[derive(Debug)]
pub struct GateState {
    pub(crate) gate: Gate,
    last: Option<Decision>,
}

impl GateState {
    /// The decision that was made last.
    pub(crate) fn decided(&self) -> Answer<Decision> {
        self.last.ok_or_else(|| {
            Failure::new(VoxgateStatus::TooEarly, "the gate has decided nothing yet; push a frame first")
        })
    }
}

/// Opaque.
pub type VoxgateGate = Handle<GateState>;

/// How playback was taken.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateArrival {
    /// Its echo will be searched in the microphone.
    Accepted = 0,
    /// It was played more than 500 ms ago, and is dropped.
    Late = 1,
    /// It plays more than 200 ms from now: not taken, give it again later.
    Full = 2,
    /// Echo detection is off in the settings.
    Off = 3,
}

/// How a result of speech-to-text was counted.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateRuling {
    /// Words of the user.
    Genuine = 0,
    /// A misfire (false alarm): no words of the user.
    Misfire = 1,
    /// The opening already has its result.
    Duplicate = 2,
    /// The gate did not open there.
    Unmatched = 3,
}

/// Makes a gate. `preset` is "default", "low_latency", "open_office" or "telephony", `toml` the text of settings over it;
/// each may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_create(
    preset: *const c_char,
    toml: *const c_char,
    gate: *mut *mut VoxgateGate,
) -> VoxgateStatus {
    guarded(|| {
        // SAFETY: the caller's pointers, as the header asks.
        let config = unsafe { config(preset, toml) }?;
        let made = Gate::new(&config).map_err(|error| of_config(&error))?;
        // SAFETY: as above.
        unsafe { Handle::give(GateState { gate: made, last: None }, gate) }
    })
}

/// Decides on the microphone's next frame. Does not allocate, lock, block or call the system.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_push(
    gate: *mut VoxgateGate,
    frame: *const VoxgateFrame,
    decision: *mut VoxgateDecision,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(gate, |state| {
            let frame = frame_of(given(frame, "frame")?)?;
            given(decision, "decision")?;
            let made = state.gate.push(&frame);
            state.last = Some(made);
            put(decision, VoxgateDecision::of(&made), "decision")
        })
    }
}

/// Takes a frame that the agent plays while the microphone records sample `at`: before the microphone's frame of that
/// time, at most 200 ms ahead and 500 ms late. `arrival` may be NULL. Does not allocate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_playback(
    gate: *mut VoxgateGate,
    frame: *const VoxgateFrame,
    at: u64,
    arrival: *mut VoxgateArrival,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe { play(gate, frame, at, arrival, Gate::playback) }
}

/// Takes a frame of what is played beside the agent's voice, such as ambience or music, as voxgate_gate_playback takes the
/// voice; voxgate_gate_playback_clear leaves it. Does not allocate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_background(
    gate: *mut VoxgateGate,
    frame: *const VoxgateFrame,
    at: u64,
    arrival: *mut VoxgateArrival,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe { play(gate, frame, at, arrival, Gate::background) }
}

/// Gives the gate a frame that is played at `at`.
///
/// # Safety
/// The pointers are what the header asks of the callers.
unsafe fn play(
    gate: *mut VoxgateGate,
    frame: *const VoxgateFrame,
    at: u64,
    arrival: *mut VoxgateArrival,
    take: fn(&mut Gate, &Frame, SampleIndex) -> Arrival,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(gate, |state| {
            let frame = frame_of(given(frame, "frame")?)?;
            let taken = match take(&mut state.gate, &frame, SampleIndex(at.min(LATEST))) {
                Arrival::Accepted => VoxgateArrival::Accepted,
                Arrival::Late => VoxgateArrival::Late,
                Arrival::Full => VoxgateArrival::Full,
                _ => VoxgateArrival::Off,
            };
            put_if_wanted(arrival, taken, "arrival")
        })
    }
}

/// Withdraws the playback from sample `at` on: the agent was interrupted. Does not allocate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_playback_clear(gate: *mut VoxgateGate, at: u64) -> VoxgateStatus {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe {
        Handle::with(gate, |state| {
            state.gate.playback_clear(SampleIndex(at));
            Ok(())
        })
    }
}

/// Takes a sentence that the agent says now: a transcript that repeats it within 10 s is its echo.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_agent_said(gate: *mut VoxgateGate, words: *const c_char) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(gate, |state| {
            state.gate.agent_said(text(words, "words")?.ok_or_else(|| Failure::null("words"))?);
            Ok(())
        })
    }
}

/// Takes a final result of speech-to-text: `words` as UTF-8, empty if nothing was understood; `confidence` from 0 to 1, or
/// below 0 if the provider does not say; the audio it is about from sample `start` to `end` of the microphone's time, or
/// both 0 for the oldest opening without a result. `ruling` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_feedback(
    gate: *mut VoxgateGate,
    words: *const c_char,
    confidence: f32,
    start: u64,
    end: u64,
    ruling: *mut VoxgateRuling,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(gate, |state| {
            let text = text(words, "words")?.ok_or_else(|| Failure::null("words"))?;
            let result = SttResult { text, confidence: confidence_of(confidence)?, span: span_of(start, end)? };
            let counted = ruling_of(state.gate.feedback(&result));
            put_if_wanted(ruling, counted, "ruling")
        })
    }
}

/// Copies the audio from sample `start` to `end`, mono at 16 kHz, into `samples`, which has room for `capacity`.
/// `VOXGATE_STATUS_NOT_THERE` if part of it is forgotten or still to come: ask right after the decision that forwards it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_audio(
    gate: *mut VoxgateGate,
    start: u64,
    end: u64,
    samples: *mut f32,
    capacity: usize,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(gate, |state| {
            let span = span_of(start, end)?.unwrap_or_default();
            let Some((first, second)) = state.gate.audio(span) else {
                return Err(Failure::new(
                    VoxgateStatus::NotThere,
                    format!("{start} to {end} is not kept; ask for audio right after the decision that forwards it"),
                ));
            };
            let needed = first.len() + second.len();
            if capacity < needed {
                let text = format!("samples has room for {capacity} of {needed}; make it longer");
                return Err(Failure::new(VoxgateStatus::BufferTooSmall, text));
            }
            let (head, tail) = room(samples, needed, "samples")?.split_at_mut(first.len());
            head.copy_from_slice(first);
            tail.copy_from_slice(second);
            Ok(())
        })
    }
}

/// Ends the turn that is open, if there is one: held audio is dropped. Writes the edge; each of the three places may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_finish(
    gate: *mut VoxgateGate,
    edge: *mut VoxgateEdge,
    speech_start: *mut u64,
    speech_end: *mut u64,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe { Handle::with(gate, |state| put_edge(state.gate.finish().as_ref(), edge, speech_start, speech_end)) }
}

/// Clears all state: the next frame is the first. Does not allocate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_reset(gate: *mut VoxgateGate) -> VoxgateStatus {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe {
        Handle::with(gate, |state| {
            state.gate.reset();
            state.last = None;
            Ok(())
        })
    }
}

/// Frees it. Null is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_gate_destroy(gate: *mut VoxgateGate) {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe { Handle::destroy(gate) }
}

/// # Safety
/// The pointers are what the header asks.
pub(crate) unsafe fn put_edge(
    ended: Option<&voxgate::Edge>,
    edge: *mut VoxgateEdge,
    speech_start: *mut u64,
    speech_end: *mut u64,
) -> Answer<()> {
    let (kind, start, end) = edge_of(ended);
    // SAFETY: the caller's promise.
    unsafe {
        put_if_wanted(edge, kind, "edge")?;
        put_if_wanted(speech_start, start, "speech_start")?;
        put_if_wanted(speech_end, end, "speech_end")
    }
}

/// # Safety
/// The pointers are what the header asks.
pub(crate) unsafe fn config(preset: *const c_char, toml: *const c_char) -> Answer<GateConfig> {
    // SAFETY: the caller's promise.
    let (preset, toml) = unsafe { (text(preset, "preset")?, text(toml, "toml")?) };
    let base = preset.map(str::parse::<Preset>).transpose().map_err(|error| of_config(&error))?.unwrap_or_default();
    let base = GateConfig::preset(base);
    match toml {
        None => Ok(base),
        Some(toml) => base.with_toml(toml).map_err(|error| of_config(&error)),
    }
}

fn frame_of(frame: &VoxgateFrame) -> Answer<Frame> {
    Frame::with_missing(frame.samples, frame.missing as usize).map_err(|error| input(error.to_string()))
}

fn confidence_of(confidence: f32) -> Answer<Option<voxgate::Probability>> {
    if confidence < 0.0 {
        return Ok(None);
    }
    let known = voxgate::Probability::try_from(f64::from(confidence));
    known.map(Some).map_err(|error| input(format!("confidence: {error}")))
}

/// Both 0 is none.
fn span_of(start: u64, end: u64) -> Answer<Option<Span>> {
    if start > end {
        return Err(input(format!("the span begins at {start}, after its end {end}; swap them")));
    }
    Ok((end > 0).then(|| Span::new(SampleIndex(start), SampleIndex(end))))
}

fn ruling_of(ruling: SttRuling) -> VoxgateRuling {
    match ruling {
        SttRuling::Counted(Heard::Genuine) => VoxgateRuling::Genuine,
        SttRuling::Counted(_) => VoxgateRuling::Misfire,
        SttRuling::Duplicate => VoxgateRuling::Duplicate,
        _ => VoxgateRuling::Unmatched,
    }
}

fn of_config(error: &ConfigError) -> Failure {
    Failure::new(VoxgateStatus::Config, error.to_string())
}

fn input(text: String) -> Failure {
    Failure::new(VoxgateStatus::Input, text)
}

/// Later instants have no sample after them.
const LATEST: u64 = u64::MAX / 2;
