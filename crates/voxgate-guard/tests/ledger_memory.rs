//! What a ledger weighs. Alone in its program: it looks at the memory of the process.
#![cfg(target_os = "linux")]

use std::num::NonZeroU32;

use voxgate_guard::Name;
use voxgate_guard::store::{Holder, LeaseTerm, Ledger, Slot, StoreTime, Take, Taken, Token, WorkerReport, WorkerState};

#[test]
fn a_million_rooms_fit_into_200_mb_and_are_forgotten() {
    let before = resident_mb();
    let mut ledger = Ledger::default();
    let start = StoreTime(1_763_700_000_000_000);
    for worker in 0..10_000 {
        let worker = Name::new(format!("worker {worker}")).unwrap();
        ledger.report(&report(&worker), start);
        for n in 0..100 {
            let holder = Holder { owner: worker.clone(), token: Token(n), session: None };
            let slot = Slot::Room(Name::new(format!("{worker} room {n}")).unwrap());
            let taken = ledger.take(&Take { slot, holder, term: LeaseTerm::default() }, start);
            assert!(matches!(taken, Taken::Granted(_)));
        }
    }
    let used = resident_mb() - before;
    println!("a million rooms of 10,000 workers: {used:.0} MB");
    assert!(used <= 200.0, "{used:.0} MB");
    let later = start + 2 * LeaseTerm::default().get();
    ledger.report(&report(&Name::new("late").unwrap()), later);
    let survey = ledger.survey(later);
    assert_eq!((survey.claims.len(), survey.workers.len()), (0, 1));
    // All is granted again, with no more memory than before.
    for n in 0..100 {
        let holder = Holder { owner: Name::new("late").unwrap(), token: Token(n), session: None };
        let slot = Slot::Room(Name::new(format!("worker 0 room {n}")).unwrap());
        assert!(matches!(ledger.take(&Take { slot, holder, term: LeaseTerm::default() }, later), Taken::Granted(_)));
    }
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
