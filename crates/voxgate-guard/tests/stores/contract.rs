//! What every store promises, run on each of them.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use voxgate_guard::Name;
use voxgate_guard::store::{
    Allowance, Fence, Grant, GuardStore, HeldSlot, Holder, LeaseTerm, LimitKind, NotReady, Release, Renewal,
    ResourceUsage, RoomAnswer, RoomClaim, Slot, SlotAnswer, SlotRequest, Spend, Spent, Survey, WorkerReport,
    WorkerState,
};

use crate::requests::{granted, lease, name, room, sliding, term, worker};

/// How time passes: by a real clock, or by a mock clock.
pub(crate) trait Pass: Send + Sync {
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
pub(crate) struct Really;

#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
impl Pass for Really {
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The whole suite, on a store in which nothing is held; `stores` are as many ways to it, as different workers have.
pub(crate) async fn keeps_its_promises<S: GuardStore>(stores: &[Arc<S>], time: &impl Pass) {
    let store = &stores[0];
    a_room_has_one_holder(&**store).await;
    a_second_try_is_the_same_claim(&**store).await;
    a_renewed_claim_outlives_its_term_and_a_crashed_one_ends(&**store, time).await;
    a_late_release_frees_nobody_elses_claim(&**store, time).await;
    only_ready_workers_claim(&**store, time).await;
    a_worker_has_no_more_rooms_than_it_can(&**store, time).await;
    slots_are_counted_and_come_back(&**store, time).await;
    a_window_slides(&**store, time).await;
    a_month_is_a_month(&**store).await;
    names_are_kept_as_they_are(&**store).await;
    other_builds_are_named(&**store, time).await;
    a_survey_tells_it_all(&**store, time).await;
    many_at_once_never_exceed(stores).await;
    many_rooms(stores).await;
}

pub(crate) async fn ready(store: &impl GuardStore, id: &str, capacity: u32) {
    store.report(&worker(id, capacity, WorkerState::Ready, term())).await.unwrap();
}

async fn claimed(store: &impl GuardStore, claim: &RoomClaim) -> RoomAnswer {
    store.claim_room(claim).await.unwrap()
}

async fn asked(store: &impl GuardStore, request: &SlotRequest) -> SlotAnswer {
    store.take_slot(request).await.unwrap()
}

async fn a_room_has_one_holder(store: &impl GuardStore) {
    ready(store, "one", 9).await;
    ready(store, "two", 9).await;
    let mut first = room("shared", "one", 1);
    first.holder.session = Some(name("RM_a"));
    let grant = granted(claimed(store, &first).await);
    assert_eq!((grant.expires.since(grant.since), &grant.holder), (term().get(), &first.holder));
    let RoomAnswer::Taken { by: HeldSlot { by, session, since, expires, fence, .. } } =
        claimed(store, &room("shared", "two", 2)).await
    else {
        panic!("granted twice");
    };
    assert_eq!(
        (by, session, since, expires, fence),
        (name("one"), Some(name("RM_a")), grant.since, grant.expires, grant.fence)
    );
    assert!(
        matches!(claimed(store, &room("shared", "one", 3)).await, RoomAnswer::Taken { .. }),
        "the same worker, another try"
    );
    assert_eq!(store.release(&grant).await.unwrap(), Release::Released);
    let next = granted(claimed(store, &room("shared", "two", 2)).await);
    assert!(next.fence > grant.fence, "{:?} after {:?}", next.fence, grant.fence);
    assert_eq!(store.release(&next).await.unwrap(), Release::Released);
    assert_eq!(store.release(&next).await.unwrap(), Release::NotHeld);
}

/// A retry is idempotent: the answer to the first try may have been lost on its way.
async fn a_second_try_is_the_same_claim(store: &impl GuardStore) {
    let first = granted(claimed(store, &room("again", "one", 1)).await);
    let second = granted(claimed(store, &room("again", "one", 1)).await);
    assert_eq!(first, second);
    let slot = granted(asked(store, &lease("again", 1, "one", 1)).await);
    assert_eq!(granted(asked(store, &lease("again", 1, "one", 1)).await), slot);
    store.release(&first).await.unwrap();
    store.release(&slot).await.unwrap();
}

async fn a_renewed_claim_outlives_its_term_and_a_crashed_one_ends(store: &impl GuardStore, time: &impl Pass) {
    let (alive, crashed) = (room("alive", "one", 1), room("crashed", "one", 1));
    let (alive, crashed) = (granted(claimed(store, &alive).await), granted(claimed(store, &crashed).await));
    for _ in 0..4 {
        time.pass(term().get() / 2).await;
        let Renewal::Renewed { expires } = store.renew(&alive, term()).await.unwrap() else { panic!("lost") };
        assert!(expires > alive.expires);
        ready(store, "one", 9).await;
        ready(store, "two", 9).await;
    }
    assert_eq!(store.renew(&crashed, term()).await.unwrap(), Renewal::Lost { to: None });
    let next = granted(claimed(store, &room("crashed", "two", 2)).await);
    assert!(next.fence > crashed.fence);
    let Renewal::Lost { to: Some(to) } = store.renew(&crashed, term()).await.unwrap() else { panic!("renewed twice") };
    assert_eq!((to.by, to.fence), (name("two"), next.fence));
    assert!(matches!(claimed(store, &room("alive", "two", 2)).await, RoomAnswer::Taken { .. }));
    store.release(&alive).await.unwrap();
    store.release(&next).await.unwrap();
}

async fn a_late_release_frees_nobody_elses_claim(store: &impl GuardStore, time: &impl Pass) {
    let early = granted(claimed(store, &room("late", "one", 1)).await);
    let slot = granted(asked(store, &lease("late", 1, "one", 1)).await);
    time.pass(term().get() + MARGIN).await;
    for ended in [&early, &slot] {
        assert_eq!(
            store.renew(ended, term()).await.unwrap(),
            Renewal::Lost { to: None },
            "too late, though it is free"
        );
    }
    ready(store, "one", 9).await;
    // The same worker, even the same attempt: only the fencing token tells them apart.
    let (later, later_slot) = (
        granted(claimed(store, &room("late", "one", 1)).await),
        granted(asked(store, &lease("late", 1, "one", 1)).await),
    );
    assert_eq!(store.release(&early).await.unwrap(), Release::NotHeld);
    assert_eq!(store.release(&slot).await.unwrap(), Release::NotHeld);
    assert!(matches!(store.renew(&early, term()).await.unwrap(), Renewal::Lost { .. }));
    assert!(matches!(store.renew(&later, term()).await.unwrap(), Renewal::Renewed { .. }));
    assert!(matches!(store.renew(&later_slot, term()).await.unwrap(), Renewal::Renewed { .. }));
    let forged = Grant { holder: Holder { owner: name("two"), ..later.holder.clone() }, ..later.clone() };
    assert_eq!(store.release(&forged).await.unwrap(), Release::NotHeld, "by another");
    store.release(&later).await.unwrap();
    store.release(&later_slot).await.unwrap();
}

async fn only_ready_workers_claim(store: &impl GuardStore, time: &impl Pass) {
    let claim = room("gated", "newcomer", 1);
    assert_eq!(claimed(store, &claim).await, RoomAnswer::NotReady(NotReady::Silent));
    store.report(&worker("newcomer", 1, WorkerState::Starting, term())).await.unwrap();
    let RoomAnswer::NotReady(NotReady::Starting { since }) = claimed(store, &claim).await else {
        panic!("not starting")
    };
    time.pass(MARGIN).await;
    store.report(&worker("newcomer", 1, WorkerState::Starting, term())).await.unwrap();
    assert_eq!(
        claimed(store, &claim).await,
        RoomAnswer::NotReady(NotReady::Starting { since }),
        "since its first report"
    );
    ready(store, "newcomer", 1).await;
    let grant = granted(claimed(store, &claim).await);
    store.release(&grant).await.unwrap();
    store.report(&worker("newcomer", 1, WorkerState::Draining, term())).await.unwrap();
    assert_eq!(claimed(store, &claim).await, RoomAnswer::NotReady(NotReady::Draining));
    ready(store, "newcomer", 1).await;
    time.pass(term().get() + MARGIN).await;
    assert_eq!(claimed(store, &claim).await, RoomAnswer::NotReady(NotReady::Silent), "it stopped reporting");
}

async fn a_worker_has_no_more_rooms_than_it_can(store: &impl GuardStore, time: &impl Pass) {
    ready(store, "small", 2).await;
    let first = granted(claimed(store, &room("s1", "small", 1)).await);
    granted(claimed(store, &room("s2", "small", 1)).await);
    let full = RoomAnswer::AtCapacity { busy: 2, capacity: 2 };
    assert_eq!(claimed(store, &room("s3", "small", 1)).await, full);
    store.release(&first).await.unwrap();
    let third = granted(claimed(store, &room("s3", "small", 1)).await);
    assert_eq!(claimed(store, &room("s4", "small", 1)).await, full);
    time.pass(term().get() + MARGIN).await;
    ready(store, "small", 2).await;
    granted(claimed(store, &room("s4", "small", 1)).await);
    assert_eq!(store.release(&third).await.unwrap(), Release::NotHeld);
    // A room that ended and is claimed again is one room, though its worker reported all the time.
    ready(store, "steady", 2).await;
    granted(claimed(store, &room("s6", "steady", 1)).await);
    for _ in 0..2 {
        time.pass(term().get() / 2 + MARGIN).await;
        ready(store, "steady", 2).await;
    }
    granted(claimed(store, &room("s6", "steady", 1)).await);
    granted(claimed(store, &room("s7", "steady", 1)).await);
    assert_eq!(claimed(store, &room("s8", "steady", 1)).await, full);
}

async fn slots_are_counted_and_come_back(store: &impl GuardStore, time: &impl Pass) {
    let first = granted(asked(store, &lease("stt", 2, "one", 1)).await);
    let second = granted(asked(store, &lease("stt", 2, "two", 2)).await);
    let SlotAnswer::Full { used: 2, first: soonest } = asked(store, &lease("stt", 2, "two", 3)).await else {
        panic!("over")
    };
    assert_eq!((soonest.fence, soonest.expires), (first.fence, first.expires));
    assert_eq!(store.release(&first).await.unwrap(), Release::Released);
    granted(asked(store, &lease("stt", 2, "two", 3)).await);
    time.pass(term().get() / 2).await;
    assert!(matches!(store.renew(&second, term()).await.unwrap(), Renewal::Renewed { .. }));
    time.pass(term().get() / 2 + MARGIN).await;
    // The third leaked: its holder never came back. The second was renewed.
    granted(asked(store, &lease("stt", 2, "one", 4)).await);
    let SlotAnswer::Full { used: 2, .. } = asked(store, &lease("stt", 2, "one", 5)).await else { panic!("over") };
    assert!(
        matches!(asked(store, &lease("stt", 1, "one", 6)).await, SlotAnswer::Full { used: 2, .. }),
        "the limit was lowered"
    );
    granted(asked(store, &lease("stt", 3, "one", 7)).await);
}

async fn a_window_slides(store: &impl GuardStore, time: &impl Pass) {
    let per = Duration::from_secs(3);
    let spend = async |amount| store.spend(&sliding("tokens", 600, per, amount)).await.unwrap();
    assert_eq!(spend(400).await, Spent::Counted { used: 400 });
    time.pass(per / 2).await;
    assert_eq!(spend(200).await, Spent::Counted { used: 600 });
    let Spent::Over { used: 600, until: Some(early) } = spend(1).await else { panic!("over") };
    let Spent::Over { used: 600, until: Some(late) } = spend(500).await else { panic!("over") };
    assert!(late.since(early) >= per / 3 && late.since(early) <= per, "{:?}", late.since(early));
    assert_eq!(spend(601).await, Spent::Over { used: 600, until: None });
    time.pass(per / 2 + per / 60 + MARGIN).await;
    assert_eq!(spend(400).await, Spent::Counted { used: 600 });
    assert!(matches!(spend(1).await, Spent::Over { .. }));
    let other = sliding("tokens", 10_000, Duration::from_secs(90), 10);
    assert_eq!(store.spend(&other).await.unwrap(), Spent::Counted { used: 10 }, "another window is another count");
}

async fn a_month_is_a_month(store: &impl GuardStore) {
    let allowance = Allowance::Monthly { n: NonZeroU64::new(1_000).unwrap() };
    let spend = async |amount| store.spend(&Spend { resource: name("minutes"), allowance, amount }).await.unwrap();
    assert_eq!(spend(0).await, Spent::Counted { used: 0 });
    assert_eq!(spend(999).await, Spent::Counted { used: 999 });
    let Spent::Over { used: 999, until: Some(until) } = spend(2).await else { panic!("over") };
    let utc = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_micros(until.0)).to_string();
    assert!(utc.ends_with("-01T00:00:00Z"), "{utc}");
    let now = store.survey().await.unwrap().now;
    assert!(until.since(now) > Duration::ZERO && until.since(now) <= Duration::from_secs(31 * 86_400), "{utc}");
    assert_eq!(spend(1).await, Spent::Counted { used: 1_000 });
}

async fn names_are_kept_as_they_are(store: &impl GuardStore) {
    let long = "長い名前".repeat(850);
    assert!(long.len() > 10_000);
    let odd = ["部屋 🎙", "a:b", "a*?[b]{c}", "'; drop table voxgate.holds; --", "new\nline\ttab", "%s\\", " ", &long];
    let longer = format!("{long}!");
    ready(store, &longer, 20).await;
    for text in odd.into_iter().chain([longer.as_str()]) {
        let grant = granted(claimed(store, &room(text, &longer, 1)).await);
        assert!(matches!(claimed(store, &room(text, "two", 2)).await, RoomAnswer::Taken { .. }), "{text:.20}");
        granted(asked(store, &lease(text, 1, text, 1)).await);
        let Renewal::Renewed { .. } = store.renew(&grant, term()).await.unwrap() else { panic!("{text:.20}") };
    }
    let survey = store.survey().await.unwrap();
    let mut expected: Vec<Name> = odd.into_iter().chain([longer.as_str()]).map(name).collect();
    expected.sort();
    let claims: Vec<Name> =
        survey.claims.iter().filter(|held| held.by == name(&longer)).map(|held| held.name.clone()).collect();
    assert!(claims == expected, "{} of {} claims", claims.len(), expected.len());
    for text in &expected {
        let leases: Vec<Grant> = survey.held_by(text).filter(|grant| grant.slot.name() == text).collect();
        assert!(leases.iter().any(|grant| grant.slot == Slot::Resource { name: text.clone(), of: NonZeroU32::MIN }));
    }
    for grant in survey.held_by(&name(&longer)) {
        assert_eq!(store.release(&grant).await.unwrap(), Release::Released, "{:?}", grant.slot);
    }
}

async fn other_builds_are_named(store: &impl GuardStore, time: &impl Pass) {
    let report = |id: &str, agent: Option<&str>, build: &str| WorkerReport {
        agent: agent.map(name),
        build: name(build),
        ..worker(id, 1, WorkerState::Ready, term())
    };
    let builds = async |report: WorkerReport| store.report(&report).await.unwrap().other_builds;
    assert_eq!(builds(report("b1", Some("receptionist"), "v1")).await, []);
    assert_eq!(builds(report("b2", Some("receptionist"), "v1")).await, []);
    assert_eq!(builds(report("b3", Some("billing"), "v2")).await, []);
    assert_eq!(builds(report("b4", Some("receptionist"), "v2")).await, [name("v1")]);
    assert_eq!(builds(report("u1", None, "v1")).await, []);
    assert_eq!(builds(report("u2", None, "dev")).await, [name("v1")], "without a name");
    time.pass(term().get() + MARGIN).await;
    assert_eq!(builds(report("b4", Some("receptionist"), "v2")).await, [], "the old one is gone");
}

async fn a_survey_tells_it_all(store: &impl GuardStore, time: &impl Pass) {
    time.pass(term().get() + MARGIN).await;
    ready(store, "seen", 3).await;
    let grant = granted(claimed(store, &room("seen room", "seen", 1)).await);
    granted(asked(store, &lease("seen slots", 3, "seen", 1)).await);
    let second = granted(asked(store, &lease("seen slots", 3, "seen", 2)).await);
    store.release(&second).await.unwrap();
    store.spend(&sliding("seen rate", 50_000, Duration::from_secs(60), 20)).await.unwrap();
    let Survey { now, claims, leases, workers, usage, recovering_until } = store.survey().await.unwrap();
    assert_eq!(
        claims.iter().map(|held| (&held.name, held.fence)).collect::<Vec<_>>(),
        [(&name("seen room"), grant.fence)]
    );
    assert_eq!(leases.len(), 1, "what has ended is gone: {leases:?}");
    assert_eq!(workers.iter().map(|w| (w.busy, w.capacity, w.state)).collect::<Vec<_>>(), [(1, 3, WorkerState::Ready)]);
    let of = |resource: &str| usage.iter().find(|usage| usage.resource == name(resource)).unwrap();
    let ResourceUsage { kind, now: used, peak_7_days, limit, frees_at, .. } = of("seen slots").clone();
    assert_eq!((kind, used, peak_7_days, limit), (LimitKind::Concurrent, 1, 2, 3));
    assert_eq!(frees_at, Some(leases[0].expires));
    let ResourceUsage { kind, now: used, peak_7_days, limit, frees_at, .. } = of("seen rate").clone();
    assert_eq!((kind, used, peak_7_days, limit), (LimitKind::Sliding { per_us: 60_000_000 }, 20, 20, 50_000));
    assert!((60..=61).contains(&frees_at.unwrap().since(now).as_secs()));
    assert_eq!((of("stt").now, of("stt").peak_7_days, recovering_until), (0, 3, None));
    time.pass(term().get() + MARGIN).await;
    let survey = store.survey().await.unwrap();
    assert!(survey.claims.is_empty() && survey.leases.is_empty() && survey.workers.is_empty(), "{survey:?}");
}

async fn many_at_once_never_exceed<S: GuardStore>(stores: &[Arc<S>]) {
    ready(&*stores[0], "one", 9).await;
    let tasks: Vec<_> = (0..50_u64)
        .zip(stores.iter().cycle())
        .map(|(token, store)| {
            let store = store.clone();
            tokio::spawn(async move {
                let slot = asked(&*store, &lease("crowd", 5, "one", token)).await;
                let claim = claimed(&*store, &room("crowd", "one", token)).await;
                let allowance = Allowance::Monthly { n: NonZeroU64::new(7).unwrap() };
                let spent = store.spend(&Spend { resource: name("crowd"), allowance, amount: 1 }).await.unwrap();
                (slot, claim, spent)
            })
        })
        .collect();
    let (mut slots, mut claims, mut spent) = (0, 0, 0);
    for task in tasks {
        let (slot, claim, counted) = task.await.unwrap();
        slots += u32::from(matches!(slot, SlotAnswer::Granted(_)));
        claims += u32::from(matches!(claim, RoomAnswer::Granted(_)));
        spent += u32::from(matches!(counted, Spent::Counted { .. }));
    }
    assert_eq!((slots, claims, spent), (5, 1, 7));
}

async fn many_rooms<S: GuardStore>(stores: &[Arc<S>]) {
    let tasks: Vec<_> = (0..TASKS)
        .zip(stores.iter().cycle())
        .map(|(task, store)| {
            let store = store.clone();
            tokio::spawn(async move {
                let (owner, rival) = (format!("many {task}"), format!("many {}", (task + 1) % TASKS));
                let mut fences = Vec::new();
                for n in (task..ROOMS).step_by(TASKS) {
                    if n % (20 * TASKS) == task {
                        let term = LeaseTerm::new(Duration::from_secs(20)).unwrap();
                        let capacity = u32::try_from(ROOMS).unwrap();
                        store.report(&worker(&owner, capacity, WorkerState::Ready, term)).await.unwrap();
                    }
                    let own = RoomClaim {
                        term: LeaseTerm::new(Duration::from_secs(20)).unwrap(),
                        ..room(&format!("room {n}"), &owner, 1)
                    };
                    let grant = granted(claimed(&*store, &own).await);
                    fences.push(grant.fence);
                    if n % 10 == 0 {
                        let second = claimed(&*store, &room(&format!("room {n}"), &rival, 2)).await;
                        assert!(matches!(second, RoomAnswer::Taken { .. }), "room {n}: {second:?}");
                    }
                }
                fences
            })
        })
        .collect();
    let mut fences = BTreeSet::<Fence>::new();
    for task in tasks {
        fences.extend(task.await.unwrap());
    }
    assert_eq!(fences.len(), ROOMS, "no fence twice");
}

/// The margin by which a wait is longer than the term that it waits for.
const MARGIN: Duration = Duration::from_millis(60);
const ROOMS: usize = 10_000;
const TASKS: usize = 20;
