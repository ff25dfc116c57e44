//! What a decision of a guard costs in the process, on a clock that is handed in.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use voxgate_guard::budget::{CallCost, Ceilings, Meter, PriceBook, SavedCause, Usage, Usd};
use voxgate_guard::{
    DisconnectCause, EmptyRoomGuard, EmptyRoomPolicy, LoopDetector, LoopPolicy, MisfireGuard, MisfirePolicy, Moment,
    Onset, ReconnectGuard, ReconnectPolicy, TrackGuard, TrackPolicy, Transcript,
};

fn guards(c: &mut Criterion) {
    let mut group = c.benchmark_group("guards");
    let mut at = clock();
    let mut loops = LoopDetector::new(LoopPolicy::default());
    group.bench_function("loop, push", |b| b.iter(|| black_box(loops.push(black_box(7_u64), at()))));

    let mut room = ReconnectGuard::new(ReconnectPolicy::default(), 1);
    group.bench_function("reconnect, closed and ask", |b| {
        b.iter(|| {
            let now = at();
            room.closed(now);
            black_box(room.ask(DisconnectCause::SignalLost, now))
        });
    });

    let mut participant = TrackGuard::new(TrackPolicy::default());
    group.bench_function("track, subscribed and unsubscribed", |b| {
        b.iter(|| {
            let now = at();
            let ruling = black_box(participant.subscribed(black_box(7_u64), now));
            participant.unsubscribed(&7, now);
            ruling
        });
    });

    let mut room = EmptyRoomGuard::new(EmptyRoomPolicy::default(), at());
    group.bench_function("empty room", |b| b.iter(|| black_box(room.people(black_box(0), at()))));
}

fn misfires(c: &mut Criterion) {
    let mut group = c.benchmark_group("misfires");
    let mut at = clock();
    let mut guard = MisfireGuard::new(MisfirePolicy::default());
    group.bench_function("admit", |b| b.iter(|| black_box(guard.admit(black_box(Onset::Unclear), at()))));
    for (name, text) in [("judge an empty text", " "), ("judge a sentence", SENTENCE)] {
        group.bench_function(name, |b| b.iter(|| black_box(guard.judge(&black_box(transcript(text)), at()))));
    }
    group.bench_function("judge a sentence beside 500 characters of the agent's", |b| {
        b.iter_batched_ref(
            || {
                let mut guard = guard.clone();
                guard.agent_said(AGENT, Moment::default());
                guard
            },
            |guard| black_box(guard.judge(&black_box(transcript(SENTENCE)), Moment::default())),
            criterion::BatchSize::SmallInput,
        );
    });
}

fn money(c: &mut Criterion) {
    let mut group = c.benchmark_group("meter");
    let mut at = clock();
    let mut meter = Meter::new(Ceilings { per_call_usd: Usd::from_dollars(1e9), per_day_usd: Usd::from_dollars(1e9) });
    let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
    let (mut call, usage) = (CallCost::default(), Usage::Audio(Duration::from_millis(20)));
    group.bench_function("charge", |b| b.iter(|| black_box(meter.charge(&mut call, stt, black_box(usage), at()))));
    group.bench_function("saved", |b| b.iter(|| black_box(meter.saved(stt, black_box(usage), SavedCause::Silence))));
}

fn transcript(text: &str) -> Transcript<'_> {
    Transcript { text, confidence: None, speech: None }
}

/// A second for every call.
fn clock() -> impl FnMut() -> Moment {
    let mut now = Moment::default();
    move || {
        now = now + Duration::from_secs(1);
        now
    }
}

const SENTENCE: &str = "Could you change the address, I have moved to another city.";
const AGENT: &str = "Thanks for holding. I have found your order: two lamps and a desk, sent from our warehouse on Monday. \
    The parcel service says that it should arrive on Thursday morning, between nine and eleven. Somebody needs to be \
    there to sign for it. If that does not suit you, I can ask them to leave it with a neighbour, or to bring it on \
    Saturday for a small extra charge. I can also have it sent to a shop near you, where you could fetch it within a \
    week. Which of these would you like, and is there anything else I can help you with today?";

criterion_group!(benches, guards, misfires, money);
criterion_main!(benches);
