//! Money, as a meter has counted it.

use voxgate_guard::budget::{Bill, SavedCause, Usd};

use super::catalogue::{SAVED, SPENT};

/// Publishes what a meter has counted: dollars spent by item of the price book, and saved by cause. Publish one meter of a
/// process, because another's amounts would stand in their place.
pub fn publish_bill(bill: &Bill) {
    for line in &bill.lines {
        ::metrics::gauge!(SPENT.name, "item" => line.item.clone()).set(line.spent.dollars());
    }
    for cause in SavedCause::ALL {
        let of_cause = |line: &voxgate_guard::budget::BillLine| {
            line.saved.iter().filter(|(by, _)| by == cause).map(|(_, amount)| *amount).sum::<Usd>()
        };
        let saved: Usd = bill.lines.iter().map(of_cause).sum();
        ::metrics::gauge!(SAVED.name, "cause" => cause.as_str()).set(saved.dollars());
    }
}
