//! What can be told to a stream beside audio.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Agent, Busy, Command, Refused, SttHeard};
use super::event::Totals;
use super::options::Mode;
use super::shared::{Shared, Worker};
use crate::config::GateConfig;

/// Controls a stream. Clones control the same one.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) shared: Arc<Shared>,
    pub(super) worker: Arc<Worker>,
    pub(super) totals: watch::Receiver<Totals>,
}

impl Control {
    /// Barge-in: the user interrupts the agent, and playback that is not played by now is dropped.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn interrupt(&self) -> Result<(), Busy> {
        self.send(Command::Interrupt { from: self.worker.clock.now() })?;
        self.shared.interrupts.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// The agent says whether it speaks. If it does and no playback comes,
    /// [`Health::PlaybackMissing`](super::Health::PlaybackMissing) says so.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn agent(&self, agent: Agent) -> Result<(), Busy> {
        self.send(Command::Agent(agent))
    }

    /// What speech-to-text made of audio that was sent: see [`Gate::feedback`](crate::Gate::feedback).
    ///
    /// # Errors
    /// [`Busy`].
    pub fn heard(&self, result: SttHeard) -> Result<(), Busy> {
        self.send(Command::Heard(result))
    }

    /// Changes the mode: whether the gate's decisions apply. No audio is lost or sent twice.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn set_mode(&self, mode: Mode) -> Result<(), Busy> {
        self.send(Command::Mode(mode))
    }

    /// Changes the settings: see [`Gate::reconfigure`](crate::Gate::reconfigure). Dropping the future cancels the
    /// caller's wait, not the change.
    ///
    /// # Errors
    /// [`Refused`] says what cannot change; then nothing has.
    pub async fn reconfigure(&self, config: GateConfig) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Reconfigure { config: Box::new(config), reply })?;
        answer.await.map_err(|_| Busy::Over)?
    }

    /// Waits until the worker has decided on all audio that came before and has obeyed every command: for tests, and
    /// for simulations by a clock that is moved by hand. Events that find no room are waited for.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn caught_up(&self) -> Result<(), Busy> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::CaughtUp { reply })?;
        answer.await.map_err(|_| Busy::Over)
    }

    /// Totals of the audio so far. They can still be read when the stream is over.
    pub fn totals(&self) -> Totals {
        *self.totals.borrow()
    }

    fn send(&self, command: Command) -> Result<(), Busy> {
        self.commands.try_send(command)?;
        self.worker.wake(self.shared.seat);
        Ok(())
    }
}
