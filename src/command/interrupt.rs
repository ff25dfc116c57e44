//! Signals end a run as the end of its input does, and input that waits for audio hears of them.

use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal asked for the end. Clones know the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// From here on SIGINT (ctrl-c), SIGTERM and `more` are noted. A second one ends the process at once.
    ///
    /// # Errors
    /// If the system does not hand out its signals.
    pub(crate) fn catch(&self, more: &[i32]) -> anyhow::Result<()> {
        let again = Arc::<AtomicBool>::default();
        for &signal in [SIGINT, SIGTERM].iter().chain(more) {
            // In this order: the first signal sets the flag on which the second one exits.
            flag::register_conditional_shutdown(signal, SIGNALLED + signal, again.clone())
                .and_then(|_| flag::register(signal, again.clone()))
                .and_then(|_| flag::register_usize(signal, self.0.clone(), signal as usize))
                .context("cannot be stopped by ctrl-c here")?;
        }
        Ok(())
    }

    /// The signal that came.
    pub(crate) fn signal(&self) -> Option<Signal> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            number => Some(Signal(number as i32)),
        }
    }
}

/// A signal that ended a run, as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal(i32);

impl Signal {
    /// What shells report of a process that a signal ended: 130 for ctrl-c, 143 for SIGTERM.
    pub(crate) fn exit_code(self) -> u8 {
        (SIGNALLED + self.0) as u8
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.0 {
            SIGINT => "ctrl-c",
            SIGTERM => "SIGTERM",
            _ => "a signal",
        };
        write!(f, "stopped by {name}; what had come until then was gated and written")
    }
}

impl std::error::Error for Signal {}

/// Input that may wait for a long time: a signal ends it, after all that had already come.
pub(crate) struct Waiting {
    /// Never locked: readers of audio files want their input to be `Sync`.
    blocks: Mutex<Receiver<std::io::Result<Vec<u8>>>>,
    block: Vec<u8>,
    taken: usize,
    interrupt: Interrupt,
    /// Once a signal came: how many blocks may still be there.
    left: Option<usize>,
}

impl Waiting {
    /// Reads `from` on a thread of its own.
    pub(crate) fn new(from: impl Read + Send + 'static, interrupt: &Interrupt) -> std::io::Result<Self> {
        let (filled, blocks) = mpsc::sync_channel(MOST_BLOCKS);
        std::thread::Builder::new().name("input".into()).spawn(move || fill(from, &filled))?;
        Ok(Self { blocks: Mutex::new(blocks), block: Vec::new(), taken: 0, interrupt: interrupt.clone(), left: None })
    }

    /// The next block; `None` at the end.
    fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let blocks = self.blocks.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.interrupt.signal().is_some() {
                let left = self.left.get_or_insert(MOST_BLOCKS);
                *left = left.saturating_sub(1);
                return if *left == 0 { Ok(None) } else { blocks.try_recv().ok().transpose() };
            }
            match blocks.recv_timeout(LOOK) {
                Ok(block) => return block.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for Waiting {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.taken == self.block.len() {
            let Some(block) = self.next()? else { return Ok(0) };
            (self.block, self.taken) = (block, 0);
        }
        let count = (&self.block[self.taken..]).read(into)?;
        self.taken += count;
        Ok(count)
    }
}

/// Hands on blocks as they come, until the receiver is gone.
fn fill(mut from: impl Read, filled: &SyncSender<std::io::Result<Vec<u8>>>) {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = match from.read(&mut block) {
            Ok(0) => return,
            Ok(count) => Ok(block[..count].to_vec()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if filled.send(read).is_err() || failed {
            return;
        }
    }
}

/// Added to the number of a signal, as shells do.
const SIGNALLED: i32 = 128;
/// How often waiting input looks for a signal.
const LOOK: Duration = Duration::from_millis(50);
/// As much as a pipe holds on Linux.
const BLOCK_BYTES: usize = 1 << 16;
const MOST_BLOCKS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_come_is_read_before_a_signal_ends_the_input() {
        let interrupt = Interrupt::default();
        let (bytes, pipe) = mpsc::channel();
        let mut input = Waiting::new(Pipe(pipe), &interrupt).unwrap();
        bytes.send(vec![1, 2, 3]).unwrap();
        let mut two = [0; 2];
        assert_eq!((input.read(&mut two).unwrap(), two), (2, [1, 2]));
        interrupt.0.store(SIGTERM as usize, Ordering::Relaxed);
        assert_eq!((input.read(&mut two).unwrap(), two[0]), (1, 3), "though nothing more comes");
        assert_eq!(input.read(&mut two).unwrap(), 0);
        assert_eq!(interrupt.signal().map(Signal::exit_code), Some(143));
    }

    #[test]
    fn a_signal_ends_input_that_never_ends() {
        let interrupt = Interrupt::default();
        let mut input = Waiting::new(std::io::repeat(7), &interrupt).unwrap();
        interrupt.0.store(SIGINT as usize, Ordering::Relaxed);
        let rest = std::io::copy(&mut input, &mut std::io::sink()).unwrap();
        assert!(rest <= (MOST_BLOCKS * BLOCK_BYTES) as u64, "{rest}");
    }

    #[test]
    fn an_error_is_told_after_what_came_before_it() {
        let (bytes, pipe) = mpsc::channel();
        bytes.send(vec![1]).unwrap();
        drop(bytes);
        let mut input = Waiting::new(Pipe(pipe), &Interrupt::default()).unwrap();
        let mut all = Vec::new();
        let error = input.read_to_end(&mut all).unwrap_err();
        assert_eq!((all, error.kind()), (vec![1], ErrorKind::ConnectionReset));
    }

    /// Waits for bytes, and ends when the sender is gone.
    struct Pipe(Receiver<Vec<u8>>);

    impl Read for Pipe {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let bytes = self.0.recv().map_err(|_| std::io::Error::from(ErrorKind::ConnectionReset))?;
            (&bytes[..]).read(into)
        }
    }
}
