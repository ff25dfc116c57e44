//! A sliding-window counter.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::allowance::{Allowance, Spent};
use super::calendar::{day_of, month_of, month_start};
use super::term::{RateWindow, StoreTime};

/// Amounts spent within the window, in slices. Bounded: at most one slice more than [`SLICES`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Window {
    slices: VecDeque<Slice>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Slice {
    index: u64,
    amount: u64,
}

impl Window {
    pub(super) fn spend(&mut self, allowance: Allowance, amount: u64, now: StoreTime) -> Spent {
        let used = self.used(allowance, now);
        if amount > allowance.n() - used.min(allowance.n()) {
            return Spent::Over { used, until: self.fits_at(allowance, amount) };
        }
        let index = slice_at(allowance, now);
        match self.slices.back_mut().filter(|slice| slice.index == index) {
            Some(slice) => slice.amount += amount,
            None => self.slices.push_back(Slice { index, amount }),
        }
        Spent::Counted { used: used + amount }
    }

    /// From `(slice, amount)` pairs.
    #[cfg(feature = "redis")]
    pub(super) fn of(mut pairs: Vec<(u64, u64)>) -> Self {
        pairs.sort_unstable();
        Self { slices: pairs.into_iter().map(|(index, amount)| Slice { index, amount }).collect() }
    }

    pub(super) fn used(&mut self, allowance: Allowance, now: StoreTime) -> u64 {
        while self.slices.front().is_some_and(|slice| leaves_at(allowance, slice.index) <= now) {
            self.slices.pop_front();
        }
        self.total()
    }

    fn total(&self) -> u64 {
        self.slices.iter().fold(0, |sum, slice| sum.saturating_add(slice.amount))
    }

    /// When the oldest amount that is counted expires.
    pub(super) fn frees_at(&self, allowance: Allowance) -> Option<StoreTime> {
        self.slices.front().map(|slice| leaves_at(allowance, slice.index))
    }

    fn fits_at(&self, allowance: Allowance, amount: u64) -> Option<StoreTime> {
        let mut used = self.total();
        let room_needed = allowance.n().checked_sub(amount)?;
        self.slices.iter().find_map(|slice| {
            used = used.saturating_sub(slice.amount);
            (used <= room_needed).then(|| leaves_at(allowance, slice.index))
        })
    }
}

fn slice_at(allowance: Allowance, now: StoreTime) -> u64 {
    match allowance {
        Allowance::Sliding { per, .. } => now.0 / slice_us(per),
        Allowance::Monthly { .. } => month_of(now.0),
    }
}

/// When the last amount that can be in a slice expires; of an invalid slice from a store, the end of time.
fn leaves_at(allowance: Allowance, index: u64) -> StoreTime {
    let next = index.saturating_add(1);
    match allowance {
        Allowance::Sliding { per, .. } => StoreTime(next.saturating_mul(slice_us(per)).saturating_add(per.us())),
        Allowance::Monthly { .. } => StoreTime(month_start(next)),
    }
}

fn slice_us(per: RateWindow) -> u64 {
    per.us() / SLICES
}

/// The most that was used at a time, for each of the last seven days.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Peaks {
    days: VecDeque<(u64, u64)>,
}

impl Peaks {
    pub(super) fn note(&mut self, used: u64, now: StoreTime) {
        let today = day_of(now.0);
        match self.days.back_mut().filter(|(day, _)| *day == today) {
            Some((_, peak)) => *peak = used.max(*peak),
            None => self.days.push_back((today, used)),
        }
        self.forget(now);
    }

    pub(super) fn highest(&mut self, now: StoreTime) -> u64 {
        self.forget(now);
        self.days.iter().map(|(_, peak)| *peak).max().unwrap_or(0)
    }

    fn forget(&mut self, now: StoreTime) {
        while self.days.front().is_some_and(|(day, _)| day + PEAK_DAYS <= day_of(now.0)) {
            self.days.pop_front();
        }
    }
}

/// Slices of a window: what is spent comes back at most a sixtieth of the window late.
pub(crate) const SLICES: u64 = 60;
/// Days of which peaks are kept, today included.
pub(super) const PEAK_DAYS: u64 = 7;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;

    fn sliding(n: u64, per_us: u64) -> Allowance {
        Allowance::Sliding { n: NonZeroU64::new(n).unwrap(), per: RateWindow::from_us(per_us).unwrap() }
    }

    proptest! {
        /// Never more than the allowance in any window; and what is refused fits when it was said to.
        #[test]
        fn a_window_never_overflows(n in 1_u64..50, per in 60_u64..5_000, steps in prop::collection::vec((0_u64..700, 1_u64..20), 1..200)) {
            let allowance = sliding(n, per);
            let (mut window, mut now, mut all) = (Window::default(), 0, Vec::<(u64, u64)>::new());
            for (wait, amount) in steps {
                now += wait;
                match window.spend(allowance, amount, StoreTime(now)) {
                    Spent::Counted { .. } => all.push((now, amount)),
                    Spent::Over { until: None, .. } => prop_assert!(amount > n),
                    Spent::Over { until: Some(until), .. } => {
                        prop_assert!(until.0 > now && until.0 <= now + per + per / SLICES + 1);
                        prop_assert!(matches!(window.clone().spend(allowance, amount, until), Spent::Counted { .. }), "until");
                        prop_assert!(
                            matches!(window.clone().spend(allowance, amount, StoreTime(until.0 - 1)), Spent::Over { .. }),
                            "not before"
                        );
                    }
                }
                let within: u64 = all.iter().filter(|(at, _)| *at + per > now).map(|(_, amount)| amount).sum();
                prop_assert!(within <= n, "{within} within {per}");
                prop_assert!(window.slices.len() as u64 <= SLICES * 2);
            }
        }
    }

    /// Slices as a malicious store might give them.
    #[test]
    fn slices_that_cannot_be_end_somewhere() {
        let month = Allowance::Monthly { n: NonZeroU64::MIN };
        for index in [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            let (by_month, by_window) = (leaves_at(month, index), leaves_at(sliding(1, 60), index));
            assert!(by_window > StoreTime(index / 2), "{index}: {by_month:?}");
        }
        assert_eq!((leaves_at(month, 0), leaves_at(month, u64::MAX)), (StoreTime(0), StoreTime(u64::MAX)));
        let mut both = Window { slices: [Slice { index: 5, amount: u64::MAX }, Slice { index: 6, amount: 9 }].into() };
        assert_eq!(both.used(sliding(1, 6_000), StoreTime(1)), u64::MAX);
        assert!(matches!(both.spend(sliding(1, 6_000), 1, StoreTime(1)), Spent::Over { used: u64::MAX, .. }));
        let end_of_time = StoreTime(u64::MAX);
        assert_eq!(Window::default().spend(sliding(5, 6_000), 5, end_of_time), Spent::Counted { used: 5 });
        assert_eq!(Window::default().spend(month, 1, end_of_time), Spent::Counted { used: 1 });
    }

    #[test]
    fn a_month_starts_from_nothing() {
        let allowance = Allowance::Monthly { n: NonZeroU64::new(1_000).unwrap() };
        let (mut window, last_minute) = (Window::default(), StoreTime(month_start(24_300) - 60_000_000));
        assert_eq!(window.spend(allowance, 999, last_minute), Spent::Counted { used: 999 });
        let until = Some(StoreTime(month_start(24_300)));
        assert_eq!(window.spend(allowance, 2, last_minute), Spent::Over { used: 999, until });
        assert_eq!(
            window.spend(allowance, 1_000, StoreTime(month_start(24_300))),
            Spent::Counted { used: 1_000 },
            "no rollover"
        );
    }

    #[test]
    fn peaks_are_of_seven_days() {
        let (mut peaks, day) = (Peaks::default(), |day: u64| StoreTime(day * 86_400_000_000 + 5));
        [(1, 9), (1, 4), (2, 3), (7, 5)].into_iter().for_each(|(on, used)| peaks.note(used, day(on)));
        assert_eq!([7, 8, 13, 14].map(|on| peaks.highest(day(on))), [9, 5, 5, 0]);
        assert!(peaks.days.is_empty());
    }
}
