//! The seats: a call is answered, and who answers it sees what was there before it.

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};

use crate::seats::Seats;

#[test]
fn a_call_is_answered_and_what_came_before_it_is_seen() {
    loom::model(|| {
        let (seats, came) = (Arc::new(Seats::new(2)), Arc::new([AtomicU64::new(0), AtomicU64::new(0)]));
        let callers = [0, 1].map(|seat| {
            let (seats, came) = (Arc::clone(&seats), Arc::clone(&came));
            loom::thread::spawn(move || {
                for number in 1..=2 {
                    came[seat].store(number, Ordering::Relaxed);
                    seats.call(seat);
                }
            })
        });
        let mut seen = [0; 2];
        let mut answer = || {
            let mut called = Vec::new();
            seats.answer(&mut called);
            called.iter().for_each(|seat| seen[*seat] = came[*seat].load(Ordering::Relaxed));
        };
        answer();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        answer();
        assert_eq!(seen, [2, 2]);
    });
}

#[test]
fn a_seat_is_taken_by_one() {
    loom::model(|| {
        let seats = Arc::new(Seats::new(2));
        let others = Arc::clone(&seats);
        let other = loom::thread::spawn(move || others.take());
        let mine = seats.take();
        let other = other.join().unwrap();
        assert!(mine.is_some() && other.is_some() && mine != other, "{mine:?} and {other:?}");
        seats.give_back(mine.unwrap());
        assert_eq!(seats.take(), mine);
    });
}
