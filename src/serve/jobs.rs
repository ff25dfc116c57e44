//! Calls of one job: the agent's voice on one socket is the reference for the microphone on another.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use super::door::Pcm;

/// The microphones of this instance that wait for their agent's voice, by job.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    ears: Mutex<Vec<(String, mpsc::Sender<Voice>)>>,
}

/// What is told of the agent's voice.
#[derive(Clone, Debug)]
pub(super) enum Voice {
    /// Something new is said.
    Begins,
    /// It plays after what was told before.
    Plays(Pcm),
    /// What was not played yet never will be.
    Cleared,
}

/// What a call is in its job.
#[derive(Debug)]
pub(super) enum Part {
    /// It has none.
    Alone,
    /// It hears the job's agent.
    Hears(mpsc::Receiver<Voice>),
    /// It is the voice of the job of this name.
    Speaks(String),
}

impl Jobs {
    /// Hears the agent of a job until the receiver is dropped.
    pub(super) fn hear(&self, job: &str) -> Part {
        let (teller, ears) = mpsc::channel(MOST_UNHEARD);
        let mut all = self.lock();
        all.retain(|(_, teller)| !teller.is_closed());
        all.push((job.to_owned(), teller));
        Part::Hears(ears)
    }

    /// Whether anybody hears the job.
    pub(super) fn is_heard(&self, job: &str) -> bool {
        self.lock().iter().any(|(name, teller)| name == job && !teller.is_closed())
    }

    /// Tells all who hear the job; who does not listen misses it, and fails open.
    pub(super) fn tell(&self, job: &str, voice: &Voice) {
        for (_, teller) in self.lock().iter().filter(|(name, _)| name == job) {
            _ = teller.try_send(voice.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, mpsc::Sender<Voice>)>> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Messages of text-to-speech that wait for a call's turn, which are seconds of audio in milliseconds of time.
const MOST_UNHEARD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_heard_in_its_job_and_in_no_other() {
        let jobs = Jobs::default();
        let (Part::Hears(mut ours), Part::Hears(mut theirs)) = (jobs.hear("a"), jobs.hear("b")) else {
            panic!("both hear")
        };
        assert!(jobs.is_heard("a") && !jobs.is_heard("c"));
        jobs.tell("a", &Voice::Cleared);
        assert!(matches!(ours.try_recv(), Ok(Voice::Cleared)));
        assert!(theirs.try_recv().is_err());
        drop((ours, theirs));
        assert!(!jobs.is_heard("a"));
        let _ears = jobs.hear("c");
        assert_eq!(jobs.lock().len(), 1, "who is gone is forgotten");
    }
}
