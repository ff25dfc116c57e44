//! The store in a table of DynamoDB: each step changes single items, if nobody was faster, by clocks that agree.

mod clock;
mod credentials;
mod failure;
mod http;
mod items;
mod place;
mod sign;
mod table;

use std::time::{Duration, Instant};

pub use self::credentials::AwsCredentials;
use self::failure::DYNAMODB;
use self::items::{Body, Builds, Entry, Held, Key, Presence, Reserved};
use self::place::Place;
use self::table::{Pause, Table, Written};
use super::memory::system_time;
use super::shared::SharedConfig;
use super::state::entries::{Budget, Holding, Pool};
use super::{
    Finding, Grant, GuardStore, LeaseTerm, LimitKind, Release, Renewal, Reported, RoomAnswer, RoomClaim, Slot,
    SlotAnswer, SlotRequest, Spend, Spent, StoreError, StoreState, StoreTime, Survey, Token, WorkerReport,
};
use crate::Name;

/// A table of DynamoDB, with the partition key `pk` and the sort key `sk`, both texts. It is not made by the store.
///
/// The rules are those of [`MemoryStore`](super::MemoryStore). A step reads one item or two, applies the rule, and
/// writes each back on the condition that its version is still the one that was read; if another was faster, it begins
/// again. Each write changes one item, so no transaction is needed.
///
/// **DynamoDB has no clock that a condition could read, so terms go by the clocks of the workers.** Each answer's
/// `Date` shows the service's; a worker whose clock is certainly more than a second from it is refused, so one that is
/// accepted is within two seconds and the time of an answer. For others than its holder, a slot is held 5 s longer than
/// its term (`clock_margin` in the address), so that it is exclusive although clocks differ: a crashed worker's rooms
/// are free that much later than in other stores.
///
/// Fences of one room or resource grow with every grant. Those of different ones may be equal.
pub struct DynamoStore {
    table: Table,
    config: SharedConfig,
}

impl DynamoStore {
    /// Opens `dynamodb://TABLE?region=REGION`, with the access key in the environment, and asks it for its time.
    /// `&endpoint=http://host:port` names another service than AWS's, `&clock_margin=0s` goes with workers on one
    /// machine. Without a region, `AWS_REGION` or `AWS_DEFAULT_REGION` names it.
    ///
    /// # Errors
    /// An address or an access key that cannot be used, and a service that does not answer or has no such table.
    pub async fn connect(address: &str, config: SharedConfig) -> Result<Self, StoreError> {
        let store = Self::new(address, config)?;
        store.within(store.config.timeout, store.table.stamp()).await?;
        Ok(store)
    }

    /// Connects with the first step.
    ///
    /// # Errors
    /// An address or an access key that cannot be used.
    pub fn new(address: &str, config: SharedConfig) -> Result<Self, StoreError> {
        let place = Place::of(address, |name| std::env::var(name).ok())?;
        Ok(Self::on(place, AwsCredentials::from_environment()?, config))
    }

    /// As `new`, with an access key that is not in the environment.
    ///
    /// # Errors
    /// An address that cannot be used.
    pub fn with_credentials(
        address: &str,
        credentials: AwsCredentials,
        config: SharedConfig,
    ) -> Result<Self, StoreError> {
        let place = Place::of(address, |name| std::env::var(name).ok())?;
        Ok(Self::on(place, credentials, config))
    }

    fn on(place: Place, credentials: AwsCredentials, config: SharedConfig) -> Self {
        Self { table: Table::new(place, config.namespace.as_str(), credentials), config }
    }

    /// Signs with another access key from now on: for keys that expire, which whoever gets them from a role renews.
    pub fn set_credentials(&self, credentials: AwsCredentials) {
        self.table.set_credentials(credentials);
    }

    fn margin(&self) -> Duration {
        self.table.place.clock_margin
    }

    async fn within<T>(
        &self,
        timeout: Duration,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(timeout, step).await.unwrap_or_else(|_| {
            self.table.forget_connections();
            Err(StoreError::Late { store: DYNAMODB, after: timeout })
        })
    }

    /// A step on one item, in time.
    async fn change<E: Entry + Send, T: Send>(
        &self,
        key: &Key,
        step: impl Fn(&mut Body<E>, StoreTime) -> T + Send + Sync,
    ) -> Result<T, StoreError> {
        self.within(self.config.timeout, async {
            let mut pause = Pause::default();
            loop {
                let item = self.table.read(std::slice::from_ref(key)).await?.pop().unwrap_or_default();
                let mut body = item.body::<E>(key)?;
                let before = body.entry_text()?;
                let now = system_time().max(body.now);
                let answer = step(&mut body, now);
                if body.entry_text()? == before {
                    return Ok(answer);
                }
                if self.table.write(key, &body.item(item.version)?).await? == Written::Done {
                    return Ok(answer);
                }
                pause.rest().await;
            }
        })
        .await
    }

    /// A step of the holder on what was granted.
    async fn change_held<T: Send>(
        &self,
        grant: &Grant,
        step: impl Fn(&mut StoreState, StoreTime) -> T + Send + Sync,
    ) -> Result<T, StoreError> {
        match &grant.slot {
            Slot::Room(name) => self.change_held_as::<Holding, _>(&Key::room(name), grant, step).await,
            Slot::Resource { name, .. } => self.change_held_as::<Pool, _>(&Key::pool(name), grant, step).await,
        }
    }

    async fn change_held_as<E: Held + Send, T: Send>(
        &self,
        key: &Key,
        grant: &Grant,
        step: impl Fn(&mut StoreState, StoreTime) -> T + Send + Sync,
    ) -> Result<T, StoreError> {
        let held_step =
            |body: &mut Body<E>, now| body.step(&grant.holder, self.margin(), now, |state| step(state, now));
        self.change(key, held_step).await
    }

    /// One try of a claim; `None` if another was faster. The room counts against its worker before it is held, so that the
    /// worker never has more than it can.
    async fn try_claim(&self, claim: &RoomClaim, is_reserved: &mut bool) -> Result<Option<RoomAnswer>, StoreError> {
        let keys = [Key::room(&claim.room), Key::worker(&claim.holder.owner)];
        let items = self.table.read(&keys).await?;
        let mut room: Body<Holding> = items[0].body(&keys[0])?;
        let mut worker: Body<Presence> = items[1].body(&keys[1])?;
        let now = system_time().max(room.now).max(worker.now);
        if let Some(presence) = &mut worker.entry {
            self.look_up(presence, now).await?;
        }
        let before = room.entry.clone();
        let answer = room.step(&claim.holder, self.margin(), now, |state| {
            if let Some(presence) = &worker.entry {
                state.rooms.extend(presence.reserved().filter(|(name, _)| *name != claim.room));
                state.workers.insert(claim.holder.owner.clone(), presence.worker());
            }
            state.claim_room(claim, now)
        });
        if room.entry == before {
            return Ok(Some(answer));
        }
        if let (Some(there), Some(presence)) = (&room.entry, &mut worker.entry) {
            let reserved = Reserved { token: claim.holder.token, expires: there.expires };
            presence.rooms.insert(claim.room.clone(), reserved);
            worker.now = now;
            if self.table.write(&keys[1], &worker.item(items[1].version)?).await? == Written::Overtaken {
                return Ok(None);
            }
            *is_reserved = true;
        }
        let written = self.table.write(&keys[0], &room.item(items[0].version)?).await?;
        Ok((written == Written::Done).then_some(answer))
    }

    /// Which of a full worker's rooms are held for longer than their first term, and which have ended.
    async fn look_up(&self, presence: &mut Presence, now: StoreTime) -> Result<(), StoreError> {
        if presence.rooms.len() < presence.report.capacity.get() as usize {
            return Ok(());
        }
        let names = presence.doubtful(now);
        let keys: Vec<Key> = names.iter().map(Key::room).collect();
        for ((name, key), item) in names.iter().zip(&keys).zip(self.table.read(&keys).await?) {
            let held = item.body::<Holding>(key)?.entry;
            match held.filter(|there| there.holder.owner == presence.report.worker && there.expires > now) {
                Some(Holding { holder, expires, .. }) => {
                    presence.rooms.insert(name.clone(), Reserved { token: holder.token, expires });
                }
                None => _ = presence.rooms.remove(name),
            }
        }
        Ok(())
    }

    /// A room counts no longer against its worker. If this fails, it counts until its first term ends.
    async fn forget(&self, worker: &Name, room: &Name, token: Token) {
        let forget = |body: &mut Body<Presence>, now| {
            let Some(presence) = &mut body.entry else { return };
            if presence.rooms.get(room).is_some_and(|there| there.token == token) {
                presence.rooms.remove(room);
                body.now = now;
            }
        };
        self.change(&Key::worker(worker), forget).await.unwrap_or_default();
    }
}

impl GuardStore for DynamoStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        self.config.check(claim.term)?;
        let mut is_reserved = false;
        let claimed = self
            .within(self.config.timeout, async {
                let mut pause = Pause::default();
                loop {
                    if let Some(answer) = self.try_claim(claim, &mut is_reserved).await? {
                        return Ok(answer);
                    }
                    pause.rest().await;
                }
            })
            .await;
        // Without an answer the room may be held, and counts; so it does if another attempt of this worker has it.
        let is_in_vain = match &claimed {
            Ok(RoomAnswer::Granted(_)) | Err(_) => false,
            Ok(RoomAnswer::Taken { by }) => by.by != claim.holder.owner,
            Ok(_) => true,
        };
        if is_reserved && is_in_vain {
            self.forget(&claim.holder.owner, &claim.room, claim.holder.token).await;
        }
        claimed
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        self.config.check(request.term)?;
        self.change(&Key::pool(&request.resource), |body: &mut Body<Pool>, now| {
            body.step(&request.holder, self.margin(), now, |state| state.take_slot(request, now))
        })
        .await
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        self.config.check(term)?;
        self.change_held(grant, |state, now| state.renew(grant, term, now)).await
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        let released = self.change_held(grant, |state, now| state.release(grant, now)).await?;
        if let (Slot::Room(room), Release::Released) = (&grant.slot, released) {
            self.forget(&grant.holder.owner, room, grant.holder.token).await;
        }
        Ok(released)
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        let kind = LimitKind::from(request.allowance);
        self.change(&Key::budget(&request.resource, kind), |body: &mut Body<Budget>, now| {
            body.spend(kind, now, |state| state.spend(request, now))
        })
        .await
    }

    async fn report(&self, report: &WorkerReport) -> Result<Reported, StoreError> {
        self.config.check(report.term)?;
        let (worker, builds) = (Key::worker(&report.worker), Key::builds(report.agent.as_ref()));
        let heartbeat = self.change(&worker, |body: &mut Body<Presence>, now| body.report(report, now));
        let told = self.change(&builds, |body: &mut Body<Builds>, now| body.tell(report, now));
        let ((), other_builds) = tokio::try_join!(heartbeat, told)?;
        Ok(Reported { other_builds })
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        let mut state =
            self.within(SURVEY_TIMEOUT, async { items::everything(self.table.everything().await?) }).await?;
        Ok(state.survey(system_time()))
    }

    #[expect(clippy::disallowed_methods, reason = "guards are not on the audio path")]
    async fn checkup(&self) -> Result<Vec<Finding>, StoreError> {
        let asked = Instant::now();
        let stamp = self.within(self.config.timeout, self.table.stamp()).await?;
        let protection = self.table.place.endpoint.protection();
        Ok(vec![
            protection.finding("give it an endpoint that begins with https://"),
            Finding::of_round_trip(asked.elapsed()),
            stamp.finding(),
        ])
    }
}

impl std::fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DynamoStore").field("table", &self.table.place.table).finish_non_exhaustive()
    }
}

/// A survey reads all items of the namespace, and is for people, who wait longer than callers.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(10);
