//! What can be told to a stream beside audio.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Agent, Busy, Command, Refused, SttHeard};
use super::event::Totals;
use super::options::Mode;
use super::shared::{Shared, Worker};
use crate::config::GateConfig;

/// Steers a stream: as many copies as there are places to steer from.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) shared: Arc<Shared>,
    pub(super) worker: Arc<Worker>,
    pub(super) totals: watch::Receiver<Totals>,
}

impl Control {
    /// The user interrupts the agent: what is not played by now never is.
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

    /// Changes whether the gate's word counts. No audio is lost or sent twice.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn set_mode(&self, mode: Mode) -> Result<(), Busy> {
        self.send(Command::Mode(mode))
    }

    /// Goes on by other settings: see [`Gate::reconfigure`](crate::Gate::reconfigure). It is the caller's wait that
    /// can be cancelled, not the change.
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

    /// What became of the audio so far. It can still be asked when the stream is over.
    pub fn totals(&self) -> Totals {
        *self.totals.borrow()
    }

    fn send(&self, command: Command) -> Result<(), Busy> {
        self.commands.try_send(command)?;
        self.worker.wake(self.shared.seat);
        Ok(())
    }
}
