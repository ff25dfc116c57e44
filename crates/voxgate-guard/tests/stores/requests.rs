//! Requests to a store, in short.

use std::fmt::Debug;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use voxgate_guard::Name;
use voxgate_guard::store::{
    Allowance, Grant, Holder, LeaseTerm, RateWindow, RoomAnswer, RoomClaim, SlotAnswer, SlotRequest, Spend, Token,
    WorkerReport, WorkerState,
};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn worker(id: &str, capacity: u32, state: WorkerState, term: LeaseTerm) -> WorkerReport {
    let capacity = NonZeroU32::new(capacity).unwrap();
    WorkerReport { worker: name(id), agent: Some(name("agent")), build: name("v1"), capacity, state, term }
}

pub(crate) fn room(room: &str, owner: &str, token: u64) -> RoomClaim {
    RoomClaim { room: name(room), holder: holder(owner, token), term: term() }
}

pub(crate) fn lease(resource: &str, slots: u32, owner: &str, token: u64) -> SlotRequest {
    let slots = NonZeroU32::new(slots).unwrap();
    SlotRequest { resource: name(resource), slots, holder: holder(owner, token), term: term() }
}

fn holder(owner: &str, token: u64) -> Holder {
    Holder { owner: name(owner), token: Token(token), session: None }
}

/// What a room or a slot was granted as.
pub(crate) fn granted(answer: impl Answer) -> Grant {
    answer.grant().unwrap_or_else(|answer| panic!("not granted: {answer:?}"))
}

pub(crate) trait Answer: Debug + Sized {
    fn grant(self) -> Result<Grant, Self>;
}

impl Answer for RoomAnswer {
    fn grant(self) -> Result<Grant, Self> {
        if let Self::Granted(grant) = self { Ok(grant) } else { Err(self) }
    }
}

impl Answer for SlotAnswer {
    fn grant(self) -> Result<Grant, Self> {
        if let Self::Granted(grant) = self { Ok(grant) } else { Err(self) }
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
