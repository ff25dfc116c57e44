//! The reader's side of a stream: events, and the audio itself when it fails open because no worker decides.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rtrb::Consumer;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

use super::event::{Audio, Event, Failure, Health, Passage, TurnEnd};
use super::event_writer::Message;
use super::shared::{MicFrame, StreamShared, WorkerHandle};
use crate::frame::{FRAME_LEN, SampleIndex, Span};

/// The events of a stream, in order. It ends when the microphone has ended and everything accepted was told.
///
/// It is a [`Stream`](futures_core::Stream), and [`next`](Self::next) serves those who need no more. Nothing is lost
/// when a call to `next` is dropped while it waits, as in `tokio::select!`: what has come is kept for the next call.
///
/// Dropping it ends the stream for the worker as well.
pub struct Events {
    messages: mpsc::Receiver<Message>,
    tap: Consumer<MicFrame>,
    shared: Arc<StreamShared>,
    worker: Arc<WorkerHandle>,
    stuck_after: Duration,
    phase: Phase,
    /// Events of this side's own, which come before the next of the worker.
    own: VecDeque<Event>,
    /// One past the last sample that was handed out.
    handed: SampleIndex,
    /// Where the turn that is under way began.
    speaking: Option<SampleIndex>,
    alarm: Pin<Box<Sleep>>,
}

/// Who decides what is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The worker.
    Worker,
    /// No worker: everything passes (fail open), until the worker has said that it is back after this takeover.
    Passing {
        takeover: u32,
    },
    /// No worker, for good.
    Orphaned,
    Over,
}

impl Events {
    pub(super) fn new(
        messages: mpsc::Receiver<Message>,
        tap: Consumer<MicFrame>,
        shared: Arc<StreamShared>,
        worker: Arc<WorkerHandle>,
        stuck_after: Duration,
    ) -> Self {
        Self {
            messages,
            tap,
            shared,
            worker,
            stuck_after,
            phase: Phase::Worker,
            own: VecDeque::new(),
            handed: SampleIndex::default(),
            speaking: None,
            alarm: Box::pin(sleep(stuck_after)),
        }
    }

    /// The next event; `None` when the stream is over.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Settled until here, in the microphone's time: all audio before this instant that is to be sent was handed out by
    /// [`next`](Self::next), and what was not never will be. A run of suppressed audio is told when it ends; this
    /// moves on while it lasts, whenever `next` has found nothing to tell.
    pub fn settled(&self) -> SampleIndex {
        self.handed
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.own.pop_front() {
                return Poll::Ready(Some(event));
            }
            match self.phase {
                Phase::Worker => match self.listen(cx) {
                    Poll::Ready(Some(event)) => return Poll::Ready(Some(event)),
                    Poll::Ready(None) => {}
                    Poll::Pending => return Poll::Pending,
                },
                Phase::Passing { takeover } => ready!(self.pass(cx, takeover)),
                Phase::Orphaned => ready!(self.pass_to_the_end(cx)),
                Phase::Over => return Poll::Ready(None),
            }
        }
    }

    /// Waits for the worker's next event; `None` if the phase has changed.
    fn listen(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        // What is settled now was told before: once the channel is empty, it has been read.
        let settled = self.shared.hand_over.settled();
        match self.messages.poll_recv(cx) {
            Poll::Ready(Some(Message::Event(mut event))) => {
                self.drop_passed(&mut event);
                if matches!(&event, Event::Audio(audio) if audio.span.is_empty()) {
                    return Poll::Ready(None);
                }
                self.note(&event);
                return Poll::Ready(Some(event));
            }
            Poll::Ready(Some(Message::Back { .. })) => return Poll::Ready(None),
            Poll::Ready(None) if !self.all_told() => {
                let dead = self.worker.is_gone();
                let cause = if dead { Failure::WorkerDead } else { Failure::StreamPanicked };
                self.take_over(settled, cause, Phase::Orphaned);
                return Poll::Ready(None);
            }
            Poll::Ready(None) => {
                self.phase = Phase::Over;
                return Poll::Ready(None);
            }
            // The executor cuts a task off that has read many (cooperative scheduling); the rest is read in its next turn.
            Poll::Pending if !self.messages.is_empty() => return Poll::Pending,
            Poll::Pending => {}
        }
        self.forget_until(settled);
        let still = self.worker.still_for();
        if still >= self.stuck_after && !self.tap.is_empty() {
            let takeover = self.shared.hand_over.take_over();
            self.take_over(settled, Failure::WorkerStuck, Phase::Passing { takeover });
            return Poll::Ready(None);
        }
        let look_again = self.stuck_after.saturating_sub(still).max(self.stuck_after / 4);
        ready!(self.sleep(cx, look_again));
        Poll::Ready(None)
    }

    /// Whether the worker has told everything, and not died.
    fn all_told(&self) -> bool {
        self.shared.finished.load(Ordering::Acquire)
    }

    /// From here on everything passes that was not handed out, and has not been given up for good.
    fn take_over(&mut self, settled: u64, cause: Failure, phase: Phase) {
        self.forget_until(settled);
        if let Some(start) = self.speaking.take() {
            let speech = Span::new(start, self.handed);
            self.own.push_back(Event::SpeechEnded { speech, voiced: speech.len(), cause: TurnEnd::GateLeft });
        }
        self.shared.failures.note(&cause);
        self.own.push_back(Event::Health(Health::PassingThrough { cause }));
        self.phase = phase;
    }

    fn pass(&mut self, cx: &mut Context<'_>, takeover: u32) -> Poll<()> {
        while let Poll::Ready(message) = self.messages.poll_recv(cx) {
            match message {
                Some(Message::Back { takeover: back, from }) if back == takeover => {
                    while self.tap.peek().is_ok_and(|mic| mic.number < from) {
                        self.pass_one();
                    }
                    self.phase = Phase::Worker;
                    return Poll::Ready(());
                }
                Some(_) => {} // it told this before it knew
                None => {
                    self.phase = Phase::Orphaned;
                    return Poll::Ready(());
                }
            }
        }
        if self.pass_one() {
            return Poll::Ready(());
        }
        self.sleep(cx, PASSING_PACE)
    }

    fn pass_to_the_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ended = self.shared.mic_ended.load(Ordering::Acquire);
        if self.pass_one() {
            return Poll::Ready(());
        }
        if ended {
            self.phase = Phase::Over;
            return Poll::Ready(());
        }
        self.sleep(cx, PASSING_PACE)
    }

    /// Hands out the next frame of the microphone, if there is one.
    fn pass_one(&mut self) -> bool {
        let Ok(mic) = self.tap.pop() else { return false };
        let start = SampleIndex::of_frame(mic.number);
        let end = start + FRAME_LEN as u64;
        let from = start.max(self.handed);
        if from < end {
            let samples = mic.frame.samples()[from.since(start) as usize..].into();
            self.handed = end;
            self.own.push_back(Event::Audio(Audio { span: Span::new(from, end), samples, passage: Passage::Ungated }));
        }
        true
    }

    /// Drops the frames that are settled, and not handed out again.
    fn forget_until(&mut self, settled: u64) {
        self.handed = self.handed.max(SampleIndex(settled));
        let over = |mic: &MicFrame| SampleIndex::of_frame(mic.number + 1).0 <= settled;
        while self.tap.peek().is_ok_and(over) {
            _ = self.tap.pop();
        }
    }

    /// Takes out of the event the audio that has passed: frames that came while the worker came back may have been
    /// handed out here and decided on there.
    fn drop_passed(&self, event: &mut Event) {
        let (Event::Audio(audio) | Event::SpeechStarted { audio, .. }) = event else { return };
        let passed = self.handed.since(audio.span.start).min(audio.span.len());
        if passed > 0 {
            audio.span.start = audio.span.start + passed;
            audio.samples = audio.samples[passed as usize..].into();
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Audio(audio) => self.handed = self.handed.max(audio.span.end),
            Event::SpeechStarted { speech, audio, .. } => {
                self.handed = self.handed.max(audio.span.end);
                self.speaking = Some(*speech);
            }
            Event::SpeechEnded { .. } => self.speaking = None,
            _ => {}
        }
    }

    /// Ready once it has slept for `time` without being polled for another reason.
    fn sleep(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()> {
        let wake = Instant::now() + time;
        if self.alarm.deadline() > wake || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(wake);
        }
        self.alarm.as_mut().poll(cx)
    }
}

impl futures_core::Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll(cx)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("phase", &self.phase).field("handed", &self.handed).finish_non_exhaustive()
    }
}

/// A frame.
const PASSING_PACE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::stage::Clock;
    use voxgate_base::Moment;

    #[tokio::test]
    async fn of_a_frame_that_was_handed_out_in_part_the_rest_passes() {
        let (mut sender, tap) = rtrb::RingBuffer::new(1);
        let frame = Frame::new(std::array::from_fn(|i| i as f32 / 160.0)).unwrap();
        sender.push(MicFrame { number: 0, arrived: Moment::default(), frame }).unwrap();
        let shared = Arc::new(StreamShared::default());
        shared.hand_over.settle(100);
        shared.mic_ended.store(true, Ordering::Release);
        let worker = Arc::new(WorkerHandle::new(Clock::system(), 1));
        worker.leave();
        let (told, messages) = mpsc::channel(1);
        let mut events = Events::new(messages, tap, shared, worker, Duration::from_secs(1));
        drop(told);
        assert_eq!(events.next().await, Some(Event::Health(Health::PassingThrough { cause: Failure::WorkerDead })));
        let Some(Event::Audio(audio)) = events.next().await else { panic!("the rest of the frame must pass") };
        assert_eq!(audio.span, Span::new(SampleIndex(100), SampleIndex(160)));
        assert_eq!(audio.samples[..], frame.samples()[100..]);
        assert_eq!(events.next().await, None);
    }

    #[tokio::test]
    async fn what_passed_while_the_worker_came_back_is_not_handed_out_again() {
        let (mut sender, tap) = rtrb::RingBuffer::new(3);
        for number in 0..2 {
            let frame = Frame::new([0.5; FRAME_LEN]).unwrap();
            sender.push(MicFrame { number, arrived: Moment::default(), frame }).unwrap();
        }
        let worker = Arc::new(WorkerHandle::new(Clock::system(), 1));
        let (told, messages) = mpsc::channel(2);
        let mut events = Events::new(messages, tap, Arc::default(), worker, Duration::ZERO);
        let mut spans = Vec::new();
        while spans.len() < 2 {
            if let Some(Event::Audio(audio)) = events.next().await {
                spans.push((audio.span.start.0, audio.span.end.0));
            }
        }
        assert_eq!(spans, [(0, 160), (160, 320)], "the worker is stuck, and all passes");
        told.try_send(Message::Back { takeover: 1, from: 1 }).unwrap();
        let span = Span::new(SampleIndex(160), SampleIndex(480));
        let audio = Audio { span, samples: (0..320).map(|i| i as f32).collect(), passage: Passage::Gated };
        told.try_send(Message::Event(Event::Audio(audio))).unwrap();
        let Some(Event::Audio(audio)) = events.next().await else { panic!("the worker's audio comes") };
        assert_eq!((audio.span, audio.samples[0]), (Span::new(SampleIndex(320), SampleIndex(480)), 160.0));
    }

    /// More than tokio lets a task read in one turn.
    #[tokio::test]
    async fn what_was_told_is_read_before_the_reader_takes_over() {
        const FRAMES: u64 = 300;
        let (mut sender, tap) = rtrb::RingBuffer::new(FRAMES as usize);
        let (told, messages) = mpsc::channel(FRAMES as usize);
        let frame = Frame::new([0.5; FRAME_LEN]).unwrap();
        for number in 0..FRAMES {
            sender.push(MicFrame { number, arrived: Moment::default(), frame }).unwrap();
            let span = Span::new(SampleIndex::of_frame(number), SampleIndex::of_frame(number + 1));
            let audio = Audio { span, samples: frame.samples()[..].into(), passage: Passage::Gated };
            told.try_send(Message::Event(Event::Audio(audio))).unwrap();
        }
        let shared = Arc::new(StreamShared::default());
        shared.hand_over.settle(SampleIndex::of_frame(FRAMES).0);
        let worker = Arc::new(WorkerHandle::new(Clock::system(), 1));
        let mut events = Events::new(messages, tap, shared, worker, Duration::ZERO);
        for number in 0..FRAMES {
            let Some(Event::Audio(audio)) = events.next().await else { panic!("the worker has told frame {number}") };
            assert_eq!((audio.span.start, audio.passage), (SampleIndex::of_frame(number), Passage::Gated));
        }
    }
}
