//! Requests to a store, in short.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use voxgate_guard::Name;
use voxgate_guard::store::{
    Allowance, Hold, Holder, LeaseTerm, RateWindow, Slot, Spend, Take, Taken, Token, WorkerReport, WorkerState,
};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn worker(id: &str, capacity: u32, state: WorkerState, term: LeaseTerm) -> WorkerReport {
    let capacity = NonZeroU32::new(capacity).unwrap();
    WorkerReport { worker: name(id), agent: Some(name("agent")), build: name("v1"), capacity, state, term }
}

pub(crate) fn room(room: &str, owner: &str, token: u64) -> Take {
    let holder = Holder { owner: name(owner), token: Token(token), session: None };
    Take { slot: Slot::Room(name(room)), holder, term: term() }
}

pub(crate) fn lease(resource: &str, of: u32, owner: &str, token: u64) -> Take {
    let holder = Holder { owner: name(owner), token: Token(token), session: None };
    Take { slot: Slot::Resource { name: name(resource), of: NonZeroU32::new(of).unwrap() }, holder, term: term() }
}

pub(crate) fn granted(taken: Taken) -> Hold {
    match taken {
        Taken::Granted(hold) => hold,
        other => panic!("not granted: {other:?}"),
    }
}

pub(crate) fn sliding(resource: &str, n: u64, per: Duration, amount: u64) -> Spend {
    let allowance = Allowance::Sliding { n: NonZeroU64::new(n).unwrap(), per: RateWindow::new(per).unwrap() };
    Spend { resource: name(resource), allowance, amount }
}

/// Long enough for a slow machine to renew in time, short enough to wait for, and no whole number of milliseconds.
pub(crate) fn term() -> LeaseTerm {
    LeaseTerm::new(Duration::from_micros(1_499_700)).unwrap()
}
