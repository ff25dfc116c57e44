//! The flight recorder: the last seconds of what a gate was given and decided, written as files when something goes wrong.

mod cause;
mod files;
mod place;
pub(super) mod ring;

pub use cause::DumpCause;
pub(super) use place::{Reached, StreamPlace};

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use ring::FlightRing;

/// Writes what streams heard and decided last, on a thread of its own; give it to their
/// [`StageOptions`](super::StageOptions). One recorder serves all streams of a process, and its bounds are for all.
///
/// Each recording is a folder, which `voxgate gate FOLDER` decides again. Copies are the same recorder.
///
/// # Privacy
/// It keeps the voice of a person in memory while the stream is open, and what is written lies on the disk until you delete
/// it, with the texts that [`Control::feedback`](super::Control::feedback) and
/// [`Control::agent_said`](super::Control::agent_said) were given.
#[derive(Clone, Debug)]
pub struct FlightRecorder {
    pub(super) options: Arc<FlightOptions>,
    jobs: SyncSender<Job>,
    counts: Arc<Counts>,
}

/// Where recordings go, how long they are, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct FlightOptions {
    /// The folder in which each recording gets one of its own.
    pub folder: PathBuf,
    /// How much is kept at least; 1 s to an hour. A stream takes 180 kB for each second of it when it is opened.
    pub keep: Duration,
    /// So many recordings may lie in the folder; then none is written until some are taken away.
    pub most_dumps: u32,
    /// And so many bytes.
    pub most_bytes: u64,
    /// From one recording that the stage itself asked for to the next.
    pub least_pause: Duration,
}

impl FlightOptions {
    /// The last 30 s into `folder`: 100 recordings and 1 GB at most, one a minute.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            keep: Duration::from_secs(30),
            most_dumps: 100,
            most_bytes: 1_000_000_000,
            least_pause: Duration::from_secs(60),
        }
    }
}

/// A recording was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The stream was opened without a recorder.
    #[error("this stream has no flight recorder; open it with StageOptions::recorder")]
    Off,
    /// The stream is over, or its worker does not answer.
    #[error("the stream is over or its worker is stuck; ask while it runs")]
    NoAnswer,
    /// The recorder has more to write than it can.
    #[error("the flight recorder is busy; ask again in a second")]
    Busy,
    /// The folder holds as much as it may, or the last recording was just before.
    #[error("{folder} holds {dumps} recordings with {bytes} bytes, as many as it may; take some away")]
    Bounded {
        /// The folder.
        folder: String,
        /// How many recordings lie there.
        dumps: u32,
        /// How many bytes they have.
        bytes: u64,
    },
    /// The system does not write.
    #[error("{folder} cannot be written: {cause}; is the disk full?")]
    Disk {
        /// The folder.
        folder: String,
        /// What the system said.
        cause: String,
    },
}

/// What became of recordings so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlightReport {
    /// They are on the disk.
    pub written: u64,
    /// They could not be written.
    pub failed: u64,
    /// They were not tried: the bounds are reached, or the last was just before.
    pub refused: u64,
    /// What failed last.
    pub last_failure: Option<DumpError>,
}

/// What a stream hands over when it wants to be written.
#[derive(Debug)]
struct Job {
    cause: DumpCause,
    place: StreamPlace,
    reply: Option<oneshot::Sender<Result<PathBuf, DumpError>>>,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    last_failure: Mutex<Option<DumpError>>,
}

impl FlightRecorder {
    /// Makes the folder, which only its owner can read, and starts the thread.
    ///
    /// # Errors
    /// The system's; of kind `InvalidInput` for a `keep` out of range.
    pub fn start(options: FlightOptions) -> std::io::Result<Self> {
        if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&options.keep) {
            let message = format!("keep is {:?}, expected 1s to 3600s", options.keep);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message));
        }
        files::make_private(&options.folder)?;
        let (jobs, waiting) = sync_channel(MOST_WAITING);
        let (options, counts) = (Arc::new(options), Arc::new(Counts::default()));
        let writer = Writer {
            options: Arc::clone(&options),
            counts: Arc::clone(&counts),
            last: None,
            #[cfg(feature = "metrics")]
            told: [0; 3],
        };
        std::thread::Builder::new().name("voxgate-flight".to_owned()).spawn(move || writer.run(&waiting))?;
        Ok(Self { options, jobs, counts })
    }

    /// What became of recordings so far.
    #[expect(clippy::disallowed_methods, reason = "no stream waits for it")]
    pub fn report(&self) -> FlightReport {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        FlightReport {
            written: count(&self.counts.written),
            failed: count(&self.counts.failed),
            refused: count(&self.counts.refused),
            last_failure: self.counts.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Asks for a recording, without waiting.
    pub(super) fn ask(&self, cause: DumpCause, place: &StreamPlace) {
        let job = Job { cause, place: place.clone(), reply: None };
        if self.jobs.try_send(job).is_err() {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until it is written.
    pub(super) async fn dump(&self, place: StreamPlace) -> Result<PathBuf, DumpError> {
        let (reply, written) = oneshot::channel();
        let job = Job { cause: DumpCause::Asked, place, reply: Some(reply) };
        self.jobs.try_send(job).map_err(|_| DumpError::Busy)?;
        written.await.unwrap_or(Err(DumpError::NoAnswer))
    }
}

/// The same recorder.
impl PartialEq for FlightRecorder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.counts, &other.counts)
    }
}

/// What the thread owns.
struct Writer {
    options: Arc<FlightOptions>,
    counts: Arc<Counts>,
    /// When the stage had something written last.
    last: Option<Instant>,
    /// What metrics were told of the counts.
    #[cfg(feature = "metrics")]
    told: [u64; 3],
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let done = self.write(&job);
            self.count(&done);
            #[cfg(feature = "metrics")]
            self.publish();
            // Who asked may have stopped waiting.
            _ = job.reply.map(|reply| reply.send(done));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "pauses between recordings are in real time")]
    fn write(&mut self, job: &Job) -> Result<PathBuf, DumpError> {
        let options = &self.options;
        let (dumps, bytes) = files::taken(&options.folder);
        let folder = options.folder.display().to_string();
        let soon = self.last.is_some_and(|last| last.elapsed() < options.least_pause);
        if dumps >= options.most_dumps || bytes >= options.most_bytes || soon && job.cause != DumpCause::Asked {
            return Err(DumpError::Bounded { folder, dumps, bytes });
        }
        let ring = hand_over(&job.place, options.keep)?;
        if bytes + ring.bytes() > options.most_bytes {
            return Err(DumpError::Bounded { folder, dumps, bytes });
        }
        if job.cause != DumpCause::Asked {
            self.last = Some(Instant::now());
        }
        files::write(&options.folder, job.cause, &ring)
            .map_err(|error| DumpError::Disk { folder, cause: error.to_string() })
    }

    #[cfg(feature = "metrics")]
    fn publish(&mut self) {
        let Counts { written, failed, refused, .. } = &*self.counts;
        let outcomes = [("written", written), ("failed", failed), ("refused", refused)];
        for ((outcome, count), told) in outcomes.into_iter().zip(&mut self.told) {
            let count = count.load(Ordering::Relaxed);
            let new = count - std::mem::replace(told, count);
            ::metrics::counter!(crate::metrics::DUMPS.name, "outcome" => outcome).increment(new);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "no stream waits for it")]
    fn count(&self, done: &Result<PathBuf, DumpError>) {
        let counter = match done {
            Ok(_) => &self.counts.written,
            Err(DumpError::Disk { .. }) => &self.counts.failed,
            Err(_) => &self.counts.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = done {
            *self.counts.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }
}

/// Takes what the worker has, and gives it room for more: it neither allocates nor copies for it.
fn hand_over(place: &StreamPlace, keep: Duration) -> Result<FlightRing, DumpError> {
    let (reply, full) = sync_channel(1);
    if (place.0)(FlightRing::new(keep), reply) == Reached::No {
        return Err(DumpError::NoAnswer);
    }
    full.recv_timeout(PATIENCE).map(FlightRing::aligned).map_err(|_| DumpError::NoAnswer)
}

/// Jobs that wait: of as many streams at once, as when one provider fails all of them.
const MOST_WAITING: usize = 16;
/// A worker that does not answer for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(2);
