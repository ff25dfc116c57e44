//! Room for one output: a writer and its file, or neither.

use std::io::ErrorKind;
use std::path::Path;

use crate::command::target::{Sink, Target};
use crate::command::write_error::cannot_write;
use crate::command::writers::Writer;

/// Whether a run had anything to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Something,
    Nothing,
}

pub(crate) struct Slot<W> {
    open: Option<(W, Target)>,
    state: SlotState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Not asked for, or a write failed.
    Closed,
    Open,
    /// A broken pipe: its reader is gone.
    BrokenPipe,
}

impl<W: Writer> Slot<W> {
    /// Opens `path`, if there is one, and makes its writer.
    pub(crate) fn open(
        path: Option<&Path>,
        writer: impl FnOnce(Sink, &Path) -> std::io::Result<W>,
    ) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self { open: None, state: SlotState::Closed }) };
        let (target, sink) = Target::open(path)?;
        let writer = writer(sink, path).map_err(|error| cannot_write(path, error))?;
        Ok(Self { open: Some((writer, target)), state: SlotState::Open })
    }

    /// See [`Target::begin`].
    pub(crate) fn begin(&mut self) {
        if let Some((_, target)) = &mut self.open {
            target.begin();
        }
    }

    pub(crate) fn state(&self) -> SlotState {
        self.state
    }

    /// Writes. A broken pipe is no error; any other failure is told once, and ends the output.
    pub(crate) fn put(&mut self, write: impl FnOnce(&mut W) -> std::io::Result<()>) -> anyhow::Result<()> {
        let Some((writer, target)) = &mut self.open else { return Ok(()) };
        let Err(error) = write(writer) else { return Ok(()) };
        let is_broken_pipe = error.kind() == ErrorKind::BrokenPipe;
        let told = target.abandon(error);
        (self.open, self.state) = (None, if is_broken_pipe { SlotState::BrokenPipe } else { SlotState::Closed });
        if is_broken_pipe { Ok(()) } else { Err(told) }
    }

    /// Sends on what was written.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.put(W::flush)
    }

    /// Closes the file.
    pub(crate) fn finish(mut self, came: Came) -> anyhow::Result<()> {
        self.flush()?;
        let Some((writer, target)) = self.open else { return Ok(()) };
        drop(writer); // closes the file
        match came {
            Came::Something => target.finish(),
            Came::Nothing => {
                target.keep_old();
                Ok(())
            }
        }
    }
}
