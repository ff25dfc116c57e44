//! The forwarder: from decisions to what one connection to speech-to-text receives, and the map of its times.

use std::ffi::{c_char, c_void};

use voxgate::{Forwarder, SampleIndex, SttInput};

use crate::border::{guarded, put};
use crate::decision::VoxgateEdge;
use crate::gate::{VoxgateGate, config, put_edge};
use crate::handle::Handle;
use crate::status::{Failure, VoxgateStatus};

/// What to do with the connection, in order.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxgateInput {
    /// Send `count` samples at `samples`, 16 kHz mono.
    Audio = 0,
    /// Send `count` zeros.
    Zeros = 1,
    /// The segment is over: ask for the final transcript.
    Finalize = 2,
    /// Send the provider's keep-alive message.
    KeepAlive = 3,
    /// Open a new connection: speech follows.
    Open = 4,
    /// Close the idle connection, which is billed.
    Close = 5,
}

/// Takes one input. `samples` is valid during the call only, and NULL unless the input is audio. It must not call the
/// gate or the forwarder, and must not throw or jump out.
pub type VoxgateSend =
    Option<unsafe extern "C" fn(user: *mut c_void, input: VoxgateInput, samples: *const f32, count: u64)>;

/// What to do with a connection.
#[derive(Debug)]
pub struct ForwarderState(Forwarder);

/// Opaque.
pub type VoxgateForwarder = Handle<ForwarderState>;

/// Makes a forwarder for a connection that is open, with the section `forward` of the settings that the gate has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_forwarder_create(
    preset: *const c_char,
    toml: *const c_char,
    forwarder: *mut *mut VoxgateForwarder,
) -> VoxgateStatus {
    guarded(|| {
        // SAFETY: the caller's pointers, as the header asks.
        let config = unsafe { config(preset, toml) }?;
        // SAFETY: as above.
        unsafe { Handle::give(ForwarderState(Forwarder::new(&config.forward)), forwarder) }
    })
}

/// Takes the decision that the gate has just made, and calls `send` with what the provider should receive. Call it after
/// every push. The time map grows with every segment, so this allocates now and then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_forwarder_push(
    forwarder: *mut VoxgateForwarder,
    gate: *mut VoxgateGate,
    send: VoxgateSend,
    user: *mut c_void,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with_both(forwarder, gate, |forwarder, gate| {
            let decision = gate.decided()?;
            let send = send.ok_or_else(|| Failure::null("send"))?;
            forwarder.0.push(&decision, &gate.gate, |input| hand(input, send, user));
            Ok(())
        })
    }
}

/// Ends the stream in place of `voxgate_gate_finish`: `send` gets the zeros and messages that are left. Each of the
/// places for the edge may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_forwarder_finish(
    forwarder: *mut VoxgateForwarder,
    gate: *mut VoxgateGate,
    send: VoxgateSend,
    user: *mut c_void,
    edge: *mut VoxgateEdge,
    speech_start: *mut u64,
    speech_end: *mut u64,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with_both(forwarder, gate, |forwarder, gate| {
            let send = send.ok_or_else(|| Failure::null("send"))?;
            let ended = forwarder.0.finish(&mut gate.gate, |input| hand(input, send, user));
            put_edge(ended.as_ref(), edge, speech_start, speech_end)
        })
    }
}

/// The microphone's sample for a sample of what the open connection received. Padding maps to the end of the audio before
/// it, later instants to the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_forwarder_mic(
    forwarder: *mut VoxgateForwarder,
    sent: u64,
    mic: *mut u64,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe { Handle::with(forwarder, |state| put(mic, state.0.time_map().mic(SampleIndex(sent)).0, "mic")) }
}

/// Where in what the open connection received a sample of the microphone lies; `VOXGATE_STATUS_NOT_THERE` if it was not
/// sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_forwarder_sent(
    forwarder: *mut VoxgateForwarder,
    mic: u64,
    sent: *mut u64,
) -> VoxgateStatus {
    // SAFETY: the caller's pointers, as the header asks.
    unsafe {
        Handle::with(forwarder, |state| match state.0.time_map().gated(SampleIndex(mic)) {
            Some(at) => put(sent, at.0, "sent"),
            None => Err(Failure::new(VoxgateStatus::NotThere, format!("sample {mic} was not sent on this connection"))),
        })
    }
}

/// Forgets what ends at or before `sent` samples of the open connection: a transcript that is final needs it no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_forwarder_forget(forwarder: *mut VoxgateForwarder, sent: u64) -> VoxgateStatus {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe {
        Handle::with(forwarder, |state| {
            state.0.time_map_mut().forget_before(SampleIndex(sent));
            Ok(())
        })
    }
}

/// Frees it. Null is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn voxgate_forwarder_destroy(forwarder: *mut VoxgateForwarder) {
    // SAFETY: the caller's pointer, as the header asks.
    unsafe { Handle::destroy(forwarder) }
}

/// # Safety
/// `send` may be called with `user`.
fn hand(
    input: SttInput<'_>,
    send: unsafe extern "C" fn(*mut c_void, VoxgateInput, *const f32, u64),
    user: *mut c_void,
) {
    let (kind, samples, count) = match input {
        SttInput::Audio(samples) => (VoxgateInput::Audio, samples.as_ptr(), samples.len() as u64),
        SttInput::Zeros(count) => (VoxgateInput::Zeros, std::ptr::null(), count),
        SttInput::Finalize => (VoxgateInput::Finalize, std::ptr::null(), 0),
        SttInput::KeepAlive => (VoxgateInput::KeepAlive, std::ptr::null(), 0),
        SttInput::Open => (VoxgateInput::Open, std::ptr::null(), 0),
        SttInput::Close => (VoxgateInput::Close, std::ptr::null(), 0),
        _ => return,
    };
    // SAFETY: the header asks for a function that may be called so; the samples live until it returns.
    unsafe { send(user, kind, samples, count) }
}
