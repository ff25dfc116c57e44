//! Device supervision: a thread for each device opens it, and again whenever it goes away.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

use crate::command::mic::block_ring::DeviceCounters;
use crate::command::mic::command::WorkerCommand;
use crate::command::mic::device::{DeviceEvent, Opened};
use crate::command::mic::side::Side;

/// Keeps a device open on a thread of its own, until it is dropped.
pub(crate) struct DeviceSupervisor {
    events: Sender<DeviceEvent>,
    thread: Option<JoinHandle<()>>,
}

/// Opens the device and keeps it open; the worker is told of all that happens to it.
///
/// # Errors
/// Those of the first opening. Later ones are told and tried again.
pub(crate) fn supervise(
    side: Side,
    open: impl FnMut(Arc<DeviceCounters>, Sender<DeviceEvent>) -> anyhow::Result<Opened> + Send + 'static,
    commands: Sender<WorkerCommand>,
) -> anyhow::Result<DeviceSupervisor> {
    let (events, received) = mpsc::channel();
    let (ready, first) = mpsc::channel();
    let counters = Arc::<DeviceCounters>::default();
    let mut device = Supervised { side, open, counters, events: events.clone(), received, commands };
    let thread = std::thread::Builder::new().name(format!("{} supervisor", side.noun())).spawn(move || {
        let opened = (device.open)(device.counters.clone(), device.events.clone());
        let (opened, told) = match opened {
            Ok(opened) => (Some(opened), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let _ = ready.send(told);
        if let Some(opened) = opened {
            device.run(opened);
        }
    })?;
    first.recv().context("the device's thread ended")??;
    Ok(DeviceSupervisor { events, thread: Some(thread) })
}

impl Drop for DeviceSupervisor {
    fn drop(&mut self) {
        let _ = self.events.send(DeviceEvent::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Supervised<F> {
    side: Side,
    open: F,
    counters: Arc<DeviceCounters>,
    events: Sender<DeviceEvent>,
    received: Receiver<DeviceEvent>,
    commands: Sender<WorkerCommand>,
}

impl<F: FnMut(Arc<DeviceCounters>, Sender<DeviceEvent>) -> anyhow::Result<Opened>> Supervised<F> {
    fn run(mut self, mut opened: Opened) {
        loop {
            let Opened { stream, blocks, about, host, entry } = opened;
            let _ = self.commands.send(WorkerCommand::Source { side: self.side, blocks: Box::new(blocks), about });
            let Some(why) = self.until_lost(|| entry.was_replaced(&host, self.side)) else { return };
            drop(stream);
            let _ = self.commands.send(WorkerCommand::Lost { side: self.side, why });
            match self.reopen() {
                Some(again) => opened = again,
                None => return,
            }
        }
    }

    /// Waits until the device is gone, and says why; `None` when the run is over.
    fn until_lost(&self, was_replaced: impl Fn() -> bool) -> Option<String> {
        let (mut blocks, mut idle) = (0, Duration::ZERO);
        for look in 1_u64.. {
            match self.received.recv_timeout(LOOK) {
                Ok(DeviceEvent::Fault(error)) => return Some(error.to_string()),
                Ok(DeviceEvent::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = DeviceCounters::read(&self.counters.blocks);
            idle = if now == blocks { idle + LOOK } else { Duration::ZERO };
            blocks = now;
            if idle >= STALLED {
                return Some(format!("it moved no audio for {} s", STALLED.as_secs()));
            }
            if look.is_multiple_of(LOOKS_A_LIST) && was_replaced() {
                return Some("it is not listed any more".into());
            }
        }
        None
    }

    /// Tries until the device is back; `None` when the run is over.
    fn reopen(&mut self) -> Option<Opened> {
        let mut told = String::new();
        loop {
            // The event may be an old fault of the stream that is closed by now.
            if let Ok(DeviceEvent::Stop) | Err(RecvTimeoutError::Disconnected) = self.received.recv_timeout(RETRY) {
                return None;
            }
            match (self.open)(self.counters.clone(), self.events.clone()) {
                Ok(opened) => return Some(opened),
                Err(error) => {
                    let why = format!("{error:#}");
                    if why != told {
                        let _ = self.commands.send(WorkerCommand::Waiting { side: self.side, why: why.clone() });
                        told = why;
                    }
                }
            }
        }
    }
}

/// How often a device is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// The list of devices is read once a second.
const LOOKS_A_LIST: u64 = 4;
/// The watchdog: a device that moves nothing for so long hangs. The longest blocks that sound servers use last 0.5 s.
const STALLED: Duration = Duration::from_secs(2);
/// Between two attempts to open a device again.
const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_cannot_be_opened_at_first_is_an_error() {
        let (commands, _worker) = mpsc::channel();
        let broken = |_, _| Err(anyhow::anyhow!("no such microphone"));
        let Err(error) = supervise(Side::Mic, broken, commands) else { panic!("it opened") };
        assert_eq!(error.to_string(), "no such microphone");
    }
}
