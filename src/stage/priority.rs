//! How urgently the system runs the engine's thread.

use thread_priority::ThreadPriority;

/// How urgently the system runs the engine's thread.
///
/// Gating takes little of a core, but waits its turn where every core computes. At real-time priority it does not wait: on
/// two cores that others kept busy, the 99th percentile of the wait fell from 12 ms to 0.4 ms (`benches/README.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum EnginePriority {
    /// As any thread of the process.
    #[default]
    Normal,
    /// Before every thread that is not real-time itself: `SCHED_FIFO` on Unix, at its lowest priority. Where the process may not (on
    /// Linux it needs `CAP_SYS_NICE`, or an `RLIMIT_RTPRIO` of 1), the engine runs as [`Normal`](Self::Normal), and
    /// [`StageEngine::priority`](super::StageEngine::priority) says so.
    ///
    /// Give such an engine no more streams than a core carries with ease: what else wants that core waits for it.
    RealTime,
}

impl EnginePriority {
    /// Asks the system for it, for this thread; says what was granted.
    pub(super) fn claim(self) -> Self {
        match self {
            Self::RealTime if set_real_time().is_ok() => Self::RealTime,
            Self::Normal | Self::RealTime => Self::Normal,
        }
    }
}

/// The lowest real-time priority: whoever fills a sound card goes first.
#[cfg(unix)]
fn set_real_time() -> Result<(), thread_priority::Error> {
    use thread_priority::unix::{set_thread_priority_and_policy, thread_native_id};
    use thread_priority::{RealtimeThreadSchedulePolicy, ThreadSchedulePolicy};
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
}

#[cfg(not(unix))]
fn set_real_time() -> Result<(), thread_priority::Error> {
    ThreadPriority::Max.set_for_current()
}
