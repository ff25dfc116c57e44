//! Every guard refuses in one way: a sentence with the reason and the remedy, when to ask again, and JSON.
#![cfg(feature = "tokio")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use voxgate_guard::budget::{
    Acquired, CallCost, Ceilings, Concurrent, Failover, Limits, Meter, PriceBook, ProviderError, Quota, Usage, Usd,
};
use voxgate_guard::store::{LeaseTerm, MemoryStore, NotReady, StoreTime, WorkerState};
use voxgate_guard::{
    Claim, DisconnectCause, DispatchGuard, EmptyRoomGuard, EmptyRoomPolicy, GuardAnswer, LoopDetector, LoopPolicy,
    Moment, Name, ReconnectGuard, ReconnectPolicy, RetryAt, TrackGuard, TrackPolicy, WorkerPolicy,
};

#[test]
fn guards_of_one_process() {
    let mut room = ReconnectGuard::new(ReconnectPolicy::default(), 1);
    let asks = [0, 1, 2].map(|second| {
        room.closed(at(second));
        room.ask(DisconnectCause::SignalLost, at(second))
    });
    assert!(!asks[0].is_refusal() && asks[0].retry_at().is_none());
    let loops = "3 reconnects after a lost connection are a loop; do not reconnect before 302s";
    refused(&asks[2], loops, Some(RetryAt::Moment(at(302))));
    let json = r#"{"stop":{"why":{"same_cause":{"cause":"signal_lost","times":3}},"until":"302s"}}"#;
    assert_eq!(serde_json::to_string(&asks[2]).unwrap(), json);
    let gone = room.ask(DisconnectCause::RoomDeleted, at(3));
    let never = "after a deletion of the room a reconnect cannot help; do not reconnect to this session of the room";
    refused(&gone, never, None);

    let mut participant = TrackGuard::new(TrackPolicy::default());
    let frozen = ["a", "b", "c"].map(|track| participant.subscribed(track, at(5)))[2];
    let cascade =
        "3 subscriptions within the window are a cascade: no new session until 35s; feed the track to session 0";
    refused(&frozen, cascade, Some(RetryAt::Moment(at(35))));

    let mut calls = LoopDetector::new(LoopPolicy::default());
    let cycle = (0..6).filter_map(|n| calls.push(n % 2, at(n))).last().unwrap();
    refused(&cycle, "a cycle of 2 came 3 times within 5s; do something else, or stop", None);

    let alone = EmptyRoomGuard::new(EmptyRoomPolicy::default(), at(0));
    let wait = "nobody has been in the room since 0ms; leave it in 50s unless somebody joins";
    refused(&alone.occupancy(at(10)), wait, Some(RetryAt::After(Duration::from_secs(50))));
    refused(&alone.occupancy(at(60)), "nobody has been in the room since 0ms; leave it", None);
}

#[test]
fn money_and_providers() {
    let mut meter = Meter::new(Ceilings { per_call_usd: Usd::from_dollars(0.001), per_day_usd: None });
    let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
    let minute = Usage::Audio(Duration::from_secs(60));
    let charge = meter.charge(&mut CallCost::default(), stt, minute, at(0)).unwrap();
    let ceiling = "0.0048 USD more would pass the ceiling of 0.001 USD for a call, of which 0 USD are spent; \
                   end the call, or raise the ceiling";
    refused(&charge, ceiling, None);

    let unpaid = ProviderError { status: 402, ..ProviderError::default() }.refusal();
    let payment =
        "the provider refuses: the credits are spent; do not ask it until a payment, or a change of the account";
    refused(&unpaid, payment, None);
    let busy = ProviderError { status: 503, ..ProviderError::default() }.refusal();
    let again = "the provider refuses: it has no capacity; ask it again in 5s, or another now";
    refused(&busy, again, Some(RetryAt::After(Duration::from_secs(5))));

    let mut list = Failover::new([name("a")]);
    list.refused(0, busy, StoreTime(0));
    let (_, standing) = list.standings().next().unwrap();
    let until = StoreTime(5_000_000);
    refused(
        &standing,
        "the provider refused; ask it again at 1970-01-01T00:00:05.000Z",
        Some(RetryAt::StoreTime(until)),
    );
}

#[tokio::test]
async fn claims_and_limits() {
    let store = Arc::new(MemoryStore::with_clock(|| StoreTime(1_795_644_900_000_000)));
    let until = Some(RetryAt::StoreTime(StoreTime(1_795_644_930_000_000)));
    let guard = |worker| DispatchGuard::new(store.clone(), policy(worker));
    let (one, two) = (guard("one"), guard("two"));
    let silent = "this worker has not reported for a term; call `DispatchGuard::present` and keep what it returns";
    refused(&Claim::NotReady(NotReady::Silent), silent, None);
    let unreported = guard("unreported");
    let plain = unreported.claim(&name("plain call"), None).await;
    assert!(!plain.is_refusal(), "it counts as ready: {plain}");
    let _present = (one.present(WorkerState::Ready).await.unwrap(), two.present(WorkerState::Ready).await.unwrap());
    let held = one.claim(&name("call"), Some(&name("RM_1"))).await;
    assert!(!held.is_refusal(), "{held}");
    let taken = "one has the room call until 2026-11-25T22:15:30.000Z unless it renews; \
                 that is for the earlier session RM_1: give each call a name of its own";
    refused(&two.claim(&name("call"), Some(&name("RM_2"))).await, taken, until);
    let full = "this worker has 1 of 1 rooms; leave the room to another, or raise `WorkerPolicy::capacity`";
    refused(&one.claim(&name("other"), None).await, full, None);

    let limits = Limits::new(store.clone(), name("one"), LeaseTerm::default());
    let stt = Concurrent { resource: name("stt"), n: NonZeroU32::MIN };
    let Acquired::Granted(_slot) = limits.acquire(&stt).await else { panic!("the first") };
    let used = "1 of 1 of stt are used; ask again at 2026-11-25T22:15:30.000Z, or raise the limit";
    refused(&limits.acquire(&stt).await, used, until);
    let pick = limits.acquire_first(&Failover::new([name("stt")]), &[stt], StoreTime(0)).await;
    refused(&pick, &format!("no provider has a free slot: {used}"), until);
    let minutes = Quota { resource: name("minutes"), n: 9.try_into().unwrap() };
    let never = "more of minutes than its limit of 9; ask for less, or raise the limit";
    refused(&limits.spend(&minutes, 10).await, never, None);
}

fn refused(answer: &(impl GuardAnswer + serde::Serialize), told: &str, retry_at: Option<RetryAt>) {
    assert_eq!((answer.to_string().as_str(), answer.retry_at()), (told, retry_at));
    assert!(answer.is_refusal());
    serde_json::to_string(answer).unwrap_or_else(|error| panic!("{told}: {error}"));
}

fn policy(worker: &str) -> WorkerPolicy {
    let (agent, build, capacity) = (None, name("v1"), NonZeroU32::MIN);
    WorkerPolicy { worker: name(worker), agent, build, capacity, term: LeaseTerm::default() }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn at(second: u64) -> Moment {
    Duration::from_secs(second).into()
}
