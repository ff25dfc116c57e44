//! Any messages, of both sides and in any order: no door panics, and what it lets through stays what it was.

use crate::serve::untrusted::{DOORS, MESSAGES, call};

#[test]
fn no_message_makes_a_door_panic() {
    for (number, door) in DOORS.into_iter().enumerate() {
        let mut random = fastrand::Rng::with_seed(number as u64);
        let steps: usize = (0..CALLS).map(|_| call(&script(door, &mut random))).sum();
        assert!(steps > CALLS * MESSAGES_A_CALL / 4, "{door} understood too little: {steps} steps");
    }
}

fn script(door: &str, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut script = door.as_bytes().to_vec();
    for _ in 0..MESSAGES_A_CALL {
        script.push(b'\n');
        script.extend(message(random));
    }
    script
}

fn message(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut text = random.choice(MESSAGES).unwrap_or(&"").as_bytes().to_vec();
    for _ in 0..random.usize(..4) {
        let at = random.usize(..=text.len());
        match random.u8(..6) {
            0 => text.truncate(at),
            1 => text.insert(at, random.u8(..)),
            2 if at < text.len() => text[at] = random.u8(32..127),
            3 => text.splice(at..at, *b"\\u0041").for_each(drop),
            4 => text.splice(at..at, random.choice(MESSAGES).unwrap_or(&"").bytes()).for_each(drop),
            _ => text.splice(at..at, *b"99999999999999999999").for_each(drop),
        }
    }
    match random.u8(..10) {
        0 => text.insert(0, b'C'),
        1 => text = std::iter::once(b'C').chain((0..random.usize(..700)).map(|_| random.u8(..))).collect(),
        _ => {}
    }
    text
}

const CALLS: usize = 2_000;
const MESSAGES_A_CALL: usize = 60;
