//! What a store in memory weighs. Alone in its program: it looks at the memory of the process.
#![cfg(target_os = "linux")]

use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use voxgate_guard::Name;
use voxgate_guard::store::{
    GuardStore, Holder, LeaseTerm, MemoryStore, RoomAnswer, RoomClaim, StoreTime, Token, WorkerReport, WorkerState,
};

#[test]
fn a_million_rooms_fit_into_200_mb_and_are_forgotten() {
    let before = resident_mb();
    let clock = Arc::new(AtomicU64::new(1_763_700_000_000_000));
    let read = clock.clone();
    let store = MemoryStore::with_clock(move || StoreTime(read.load(Ordering::Relaxed)));
    for worker in 0..10_000 {
        let worker = Name::new(format!("worker {worker}")).unwrap();
        at_once(store.report(&report(&worker))).unwrap();
        for n in 0..100 {
            let claim = claim(&format!("{worker} room {n}"), &worker, n);
            assert!(matches!(at_once(store.claim_room(&claim)).unwrap(), RoomAnswer::Granted(_)));
        }
    }
    let used = resident_mb() - before;
    println!("a million rooms of 10,000 workers: {used:.0} MB");
    assert!(used <= 200.0, "{used:.0} MB");
    clock.fetch_add(2 * LeaseTerm::default().get().as_micros() as u64, Ordering::Relaxed);
    let late = Name::new("late").unwrap();
    at_once(store.report(&report(&late))).unwrap();
    let survey = at_once(store.survey()).unwrap();
    assert_eq!((survey.claims.len(), survey.workers.len()), (0, 1));
    // All is granted again, with no more memory than before.
    for n in 0..100 {
        let claim = claim(&format!("worker 0 room {n}"), &late, n);
        assert!(matches!(at_once(store.claim_room(&claim)).unwrap(), RoomAnswer::Granted(_)));
    }
}

/// The answer of a store that does not wait.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a store in memory waits for nothing"),
    }
}

fn claim(room: &str, owner: &Name, token: u64) -> RoomClaim {
    let holder = Holder { owner: owner.clone(), token: Token(token), session: None };
    RoomClaim { room: Name::new(room).unwrap(), holder, term: LeaseTerm::default() }
}

fn report(worker: &Name) -> WorkerReport {
    let (build, capacity) = (Name::new("v1").unwrap(), NonZeroU32::new(100).unwrap());
    let (state, term) = (WorkerState::Ready, LeaseTerm::default());
    WorkerReport { worker: worker.clone(), agent: None, build, capacity, state, term }
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
