//! Guards, stores and money.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use metrics::set_default_local_recorder;
use voxgate::budget::{
    Acquired, CallCost, Ceilings, Concurrent, Limits, Meter, PriceBook, Quota, SavedCause, Spending, Usage,
};
use voxgate::guard::store::{
    Grant, GuardStore, LeaseTerm, MemoryStore, Release, Renewal, Reported, RoomAnswer, RoomClaim, SlotAnswer,
    SlotRequest, Spend, Spent, StoreError, Survey, WorkerReport,
};
use voxgate::guard::{Moment, Name, TrackGuard, TrackPolicy};
use voxgate::metrics::{GuardKind, ObservedStore, note_answer, publish_bill};

use crate::support::{recorder, samples};

#[tokio::test]
async fn operations_of_a_store_are_timed_and_its_limits_told_by_the_names_that_were_chosen() {
    let (to, handle) = recorder();
    let _here = set_default_local_recorder(&to);
    let name = |text: &str| Name::new(text).unwrap();
    let store = Arc::new(ObservedStore::new(MemoryStore::new(), [name("stt"), name("minutes")]));
    let limits = Limits::new(Arc::clone(&store), name("worker"), LeaseTerm::default());
    let one = |resource: &str| Concurrent { resource: name(resource), n: NonZeroU32::MIN };
    let Acquired::Granted(_held) = note_answer(GuardKind::Limit, limits.acquire(&one("stt")).await) else {
        panic!("free")
    };
    let refused = note_answer(GuardKind::Limit, limits.acquire(&one("stt")).await);
    assert!(matches!(refused, Acquired::Denied(_)));
    for participant in ["PA_1", "PA_2", "PA_3"] {
        let Acquired::Granted(_) = limits.acquire(&one(participant)).await else { panic!("free") };
    }
    let minutes = Quota { resource: name("minutes"), n: NonZeroU64::new(100).unwrap() };
    assert!(matches!(limits.spend(&minutes, 7).await, Spending::Counted { used: 7 }));
    store.survey().await.unwrap();

    let text = samples(&handle.render());
    let answers = |resource: &str, answer: &str| {
        text[&format!("voxgate_limit_answers_total{{resource=\"{resource}\",answer=\"{answer}\"}}")]
    };
    assert_eq!((answers("stt", "granted"), answers("stt", "full"), answers("other", "granted")), (1.0, 1.0, 3.0));
    assert_eq!(text["voxgate_limit_used{resource=\"stt\"}"], 1.0);
    assert_eq!(
        (text["voxgate_limit_used{resource=\"minutes\"}"], text["voxgate_limit_allowed{resource=\"minutes\"}"]),
        (7.0, 100.0)
    );
    assert!(!text.keys().any(|sample| sample.contains("PA_")), "names without end are no labels: {text:?}");
    assert_eq!(text["voxgate_store_operation_duration_seconds_count{operation=\"take_slot\"}"], 5.0);
    assert_eq!(text["voxgate_guard_answers_total{guard=\"limit\",answer=\"refused\"}"], 1.0);
}

#[tokio::test]
async fn a_store_that_fails_is_counted_by_what_failed() {
    let (to, handle) = recorder();
    let _here = set_default_local_recorder(&to);
    let worker = Name::new("worker").unwrap();
    let limits = Limits::new(Arc::new(ObservedStore::new(Away, [])), worker.clone(), LeaseTerm::default());
    let one = Concurrent { resource: worker, n: NonZeroU32::MIN };
    assert!(matches!(limits.acquire(&one).await, Acquired::Indeterminate(_)));
    let text = samples(&handle.render());
    let asked = text["voxgate_store_operation_duration_seconds_count{operation=\"take_slot\"}"];
    assert!(asked >= 1.0);
    assert_eq!(text["voxgate_store_errors_total{operation=\"take_slot\",error=\"late\"}"], asked);
}

#[test]
fn trips_of_guards_and_money_are_counted() {
    let (to, handle) = recorder();
    metrics::with_local_recorder(&to, || {
        let (mut track, at) =
            (TrackGuard::new(TrackPolicy::default()), |second| Moment::from(Duration::from_secs(second)));
        for (second, id) in ["TR_a", "TR_b", "TR_c"].into_iter().enumerate() {
            note_answer(GuardKind::Track, track.subscribed(id, at(second as u64)));
        }
        let mut meter = Meter::new(Ceilings::default());
        let stt = meter.item(&PriceBook::shipped(), "deepgram-nova-3").unwrap();
        let minute = Usage::Audio(Duration::from_secs(60));
        meter.charge(&mut CallCost::default(), stt, minute, Moment::default()).unwrap();
        meter.saved(stt, minute, SavedCause::Echo).unwrap();
        publish_bill(&meter.bill());
        let spent = samples(&handle.render())["voxgate_spent_usd{item=\"deepgram-nova-3\"}"];
        assert_eq!(spent, meter.bill().spent.dollars());
    });
    let text = samples(&handle.render());
    assert_eq!(text["voxgate_guard_answers_total{guard=\"track\",answer=\"refused\"}"], 1.0);
    assert_eq!(text["voxgate_guard_answers_total{guard=\"track\",answer=\"allowed\"}"], 2.0);
    assert!(text["voxgate_saved_usd{cause=\"echo\"}"] > 0.0 && text["voxgate_saved_usd{cause=\"silence\"}"] == 0.0);
}

/// A store that never answers in time.
struct Away;

fn late<T>() -> Result<T, StoreError> {
    Err(StoreError::Late { store: "Redis", after: Duration::from_millis(500) })
}

impl GuardStore for Away {
    async fn claim_room(&self, _: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        late()
    }
    async fn take_slot(&self, _: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        late()
    }
    async fn renew(&self, _: &Grant, _: LeaseTerm) -> Result<Renewal, StoreError> {
        late()
    }
    async fn release(&self, _: &Grant) -> Result<Release, StoreError> {
        late()
    }
    async fn spend(&self, _: &Spend) -> Result<Spent, StoreError> {
        late()
    }
    async fn report(&self, _: &WorkerReport) -> Result<Reported, StoreError> {
        late()
    }
    async fn survey(&self) -> Result<Survey, StoreError> {
        late()
    }
}
