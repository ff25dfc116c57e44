//! Every frame of the microphone is handed out once, whenever the reader takes over and the worker comes back.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::sync::Mutex;

use crate::hand_over::HandOver;
use crate::ring::Ring;

const FRAMES: u64 = 2;

/// A stream with a frame of one sample, whose worker forwards everything.
struct Stream {
    hand_over: HandOver,
    tap: Ring,
    queue: Ring,
    messages: Mutex<VecDeque<Message>>,
}

#[derive(Clone, Copy)]
enum Message {
    Frame(u64),
    Back { takeover: u32, from: u64 },
}

struct Worker {
    stream: Arc<Stream>,
    next: u64,
    answered: u32,
}

impl Worker {
    /// Says whether there was something to do.
    fn step(&mut self) -> bool {
        let Stream { hand_over, queue, messages, .. } = &*self.stream;
        if let Some(from) = hand_over.meet_takeover(&mut self.answered, || while queue.pop().is_some() {}) {
            self.next = self.next.max(from);
            messages.lock().unwrap().push_back(Message::Back { takeover: self.answered, from: self.next });
            hand_over.settle(self.next);
        }
        let Some(frame) = queue.pop() else { return false };
        if frame >= self.next {
            self.next = frame + 1;
            messages.lock().unwrap().push_back(Message::Frame(frame));
            hand_over.settle(self.next);
        }
        true
    }
}

struct Reader {
    stream: Arc<Stream>,
    passing: Option<u32>,
    took_over: bool,
    handed: Vec<u64>,
}

impl Reader {
    /// Takes over as soon as nothing is told though frames wait. Says whether there was something to do.
    fn step(&mut self) -> bool {
        let stream = Arc::clone(&self.stream);
        let settled = stream.hand_over.settled();
        let message = stream.messages.lock().unwrap().pop_front();
        match (self.passing, message) {
            (Some(takeover), Some(Message::Back { takeover: back, from })) if back == takeover => {
                self.pass_until(from);
                self.passing = None;
            }
            (Some(_), Some(_)) => {} // it told this before it knew
            (Some(_), None) => return self.pass_until(u64::MAX),
            (None, Some(Message::Frame(frame))) => self.hand_out(frame),
            (None, Some(Message::Back { .. })) => {}
            (None, None) => {
                while stream.tap.peek().is_some_and(|frame| frame < settled) {
                    _ = stream.tap.pop();
                }
                if self.took_over || stream.tap.peek().is_none() {
                    return false;
                }
                self.took_over = true;
                self.passing = Some(stream.hand_over.take_over());
            }
        }
        true
    }

    /// The worker may have told it and not yet that it is settled, or decide on it though it has passed.
    fn hand_out(&mut self, frame: u64) {
        if self.handed.last().is_none_or(|last| *last < frame) {
            self.handed.push(frame);
        }
    }

    fn pass_until(&mut self, end: u64) -> bool {
        let before = self.handed.len();
        while let Some(frame) = self.stream.tap.peek().filter(|frame| *frame < end) {
            _ = self.stream.tap.pop();
            self.hand_out(frame);
        }
        self.handed.len() > before
    }
}

/// With a worker's queue of so many frames.
fn check(queue: usize) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(move || {
        let stream = Arc::new(Stream {
            hand_over: HandOver::default(),
            tap: Ring::new(FRAMES as usize),
            queue: Ring::new(queue),
            messages: Mutex::default(),
        });
        let mut worker = Worker { stream: Arc::clone(&stream), next: 0, answered: 0 };
        let mut reader = Reader { stream: Arc::clone(&stream), passing: None, took_over: false, handed: Vec::new() };
        let working = loom::thread::spawn(move || {
            (0..2).for_each(|_| _ = worker.step());
            worker
        });
        let reading = loom::thread::spawn(move || {
            (0..2).for_each(|_| _ = reader.step());
            reader
        });
        let send = |frame| stream.hand_over.send(frame + 1, || stream.tap.push(frame), || stream.queue.push(frame));
        let lost: Vec<u64> = (0..FRAMES).filter(|frame| !send(*frame)).collect();

        // The rest in any order comes to the same.
        let (mut worker, mut reader) = (working.join().unwrap(), reading.join().unwrap());
        while worker.step() | reader.step() {}
        let handed = &reader.handed;
        assert!(handed.is_sorted_by(|a, b| a < b), "in order, and none twice: {handed:?}");
        let found = |frame: &u64| handed.contains(frame) || lost.contains(frame);
        assert!((0..FRAMES).all(|frame| found(&frame)), "handed out {handed:?}, counted as lost {lost:?}");
    });
}

#[test]
fn with_room_in_the_queue() {
    check(FRAMES as usize);
}

#[test]
fn with_a_queue_that_is_full() {
    check(1);
}

/// How often a thread is stopped in the middle; more than this finds nothing new and takes hours.
const PREEMPTIONS: usize = 2;
