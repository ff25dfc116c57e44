//! What can be told to a stream beside audio.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Agent, NotTaken, OwnedSttResult, Refused, StreamCommand};
use super::options::Mode;
use super::shared::{StreamShared, WorkerHandle};
use super::standing::{Published, Standing};
use crate::config::GateConfig;
use crate::feedback::SttRuling;
use crate::totals::Totals;

/// Controls a stream. Clones control the same one.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) commands: mpsc::Sender<StreamCommand>,
    pub(super) shared: Arc<StreamShared>,
    pub(super) worker: Arc<WorkerHandle>,
    pub(super) published: watch::Receiver<Published>,
    #[cfg(feature = "recorder")]
    pub(super) recorder: Option<super::FlightRecorder>,
}

impl Control {
    /// Barge-in: the user interrupts the agent, and playback that is not played by now is dropped.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn interrupt(&self) -> Result<(), NotTaken> {
        self.send(StreamCommand::Interrupt { from: self.worker.clock.now() })?;
        self.shared.interrupts.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// The agent says whether it speaks. If it does and no playback comes,
    /// [`Health::PlaybackMissing`](super::Health::PlaybackMissing) says so.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn agent(&self, agent: Agent) -> Result<(), NotTaken> {
        self.send(StreamCommand::Agent(agent))
    }

    /// What speech-to-text made of audio that was sent: see [`Gate::feedback`](crate::Gate::feedback).
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn feedback(&self, result: OwnedSttResult) -> Result<(), NotTaken> {
        self.send(StreamCommand::Feedback { result, reply: None })
    }

    /// As [`feedback`](Self::feedback), and waits for how the gate counted it: [`SttRuling::Unmatched`] if the gate did
    /// not open there, or there is no gate. Dropping the future cancels the caller's wait; the result counts.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn ruling_on(&self, result: OwnedSttResult) -> Result<SttRuling, NotTaken> {
        let (reply, ruling) = oneshot::channel();
        self.send(StreamCommand::Feedback { result, reply: Some(reply) })?;
        ruling.await.map_err(|_| NotTaken::Over)
    }

    /// The agent's words, sentence by sentence as they are played: see [`Gate::agent_said`](crate::Gate::agent_said).
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn agent_said(&self, text: impl Into<String>) -> Result<(), NotTaken> {
        self.send(StreamCommand::AgentSaid(text.into()))
    }

    /// Changes the mode: whether the gate's decisions apply. No audio is lost or sent twice.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn set_mode(&self, mode: Mode) -> Result<(), NotTaken> {
        self.send(StreamCommand::Mode(mode))
    }

    /// Changes the settings: see [`Gate::reconfigure`](crate::Gate::reconfigure). Dropping the future cancels the
    /// caller's wait, not the change.
    ///
    /// # Errors
    /// [`Refused`] says what cannot change; then nothing has.
    pub async fn reconfigure(&self, config: GateConfig) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        self.send(StreamCommand::Reconfigure { config: Box::new(config), reply })?;
        answer.await.map_err(|_| NotTaken::Over)?
    }

    /// Waits until the worker has decided on all audio that came before and has obeyed every command: for tests, and
    /// for simulations by a clock that is moved by hand. Events that find no room are waited for.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn caught_up(&self) -> Result<(), NotTaken> {
        let (reply, answer) = oneshot::channel();
        self.send(StreamCommand::CaughtUp { reply })?;
        answer.await.map_err(|_| NotTaken::Over)
    }

    /// Has the flight recorder write what was heard and decided last, and waits for the folder. What is kept begins anew
    /// with it. Dropping the future cancels the caller's wait, not the writing.
    ///
    /// # Errors
    /// [`DumpError`](super::DumpError).
    #[cfg(feature = "recorder")]
    pub async fn dump(&self) -> Result<std::path::PathBuf, super::DumpError> {
        let recorder = self.recorder.as_ref().ok_or(super::DumpError::Off)?;
        let place = place_of(&self.commands, &self.worker, self.shared.seat);
        recorder.dump(place).await
    }

    /// Totals of the audio so far. They can still be read when the stream is over.
    pub fn totals(&self) -> Totals {
        self.published.borrow().totals
    }

    /// How the stream stands: where its audio goes, the storm, the echo. It can still be read when the stream is over.
    pub fn standing(&self) -> Standing {
        self.published.borrow().standing
    }

    fn send(&self, command: StreamCommand) -> Result<(), NotTaken> {
        self.commands.try_send(command)?;
        self.worker.wake(self.shared.seat);
        Ok(())
    }
}

/// How the flight recorder reaches a stream.
#[cfg(feature = "recorder")]
pub(super) fn place_of(
    commands: &mpsc::Sender<StreamCommand>,
    worker: &Arc<WorkerHandle>,
    seat: usize,
) -> super::flight::StreamPlace {
    use super::flight::{Reached, StreamPlace};
    let (commands, worker) = (commands.downgrade(), Arc::clone(worker));
    StreamPlace::new(move |spare, reply| {
        let Some(commands) = commands.upgrade() else { return Reached::No };
        if commands.try_send(StreamCommand::HandOver { spare, reply }).is_err() {
            return Reached::No;
        }
        worker.wake(seat);
        Reached::Yes
    })
}
