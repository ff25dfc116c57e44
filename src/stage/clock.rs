//! The one clock of an engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use voxgate_base::Moment;

/// Says when audio came and when playback plays. Both are told by the same clock; which one is the caller's choice.
///
/// ```
/// use std::time::{Duration, Instant};
/// use voxgate::guard::Moment;
/// use voxgate::stage::Clock;
///
/// let start = Instant::now();
/// let clock = Clock::since(start); // an `Instant` of the player is the moment `(instant - start).into()`
/// assert!(clock.now().since_start() < Duration::from_secs(60));
///
/// let (clock, hand) = Clock::by_hand(); // for tests and simulations
/// hand.advance(Duration::from_millis(20));
/// assert_eq!(clock.now(), Moment::from(Duration::from_millis(20)));
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Hand(Arc<AtomicU64>),
}

impl Clock {
    /// The system's monotonic clock; moments are counted from now.
    #[expect(clippy::disallowed_methods, reason = "the stage is where the core's time meets the system's")]
    pub fn system() -> Self {
        Self::since(Instant::now())
    }

    /// The system's monotonic clock; moments are counted from `start`.
    pub fn since(start: Instant) -> Self {
        Self(Source::System(start))
    }

    /// A mock clock, which stands still until it is moved.
    pub fn by_hand() -> (Self, ClockHand) {
        let ns = Arc::new(AtomicU64::new(0));
        (Self(Source::Hand(Arc::clone(&ns))), ClockHand(ns))
    }

    /// The moment that it is.
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System(start) => start.elapsed(),
            Source::Hand(ns) => Duration::from_nanos(ns.load(Ordering::Acquire)),
        }
        .into()
    }
}

/// Moves a clock that was made [`by_hand`](Clock::by_hand).
#[derive(Clone, Debug)]
pub struct ClockHand(Arc<AtomicU64>);

impl ClockHand {
    /// Lets so much time pass, up to 584 years in all.
    pub fn advance(&self, time: Duration) {
        let later = |ns: u64| Some(ns.saturating_add(nanos(time)));
        _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }
}

/// A time as it is kept in an atomic: 584 years at most.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
