//! A survey: a walk over all keys of a namespace.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, RedisResult, cmd, pipe};

use super::RedisStore;
use super::reply::{held, name, time, unexpected};
use crate::store::calendar::day_of;
use crate::store::window::{PEAK_DAYS, Window};
use crate::store::words::{LEASE, MONTH, RATE, ROOM, USAGE};
use crate::store::{
    Allowance, HeldSlot, LimitKind, RateWindow, ResourceUsage, StoreError, StoreTime, Survey, WorkerState, WorkerView,
};

impl RedisStore {
    pub(super) async fn walk(&self) -> Result<Survey, StoreError> {
        let link = self.link().await?;
        let failed = |error| self.error(&error);
        let mut connection = link.connection.clone();
        let keys = Keys::found(&mut connection, &self.prefix).await.map_err(failed)?;
        let (clock, memory): ((u64, u64), Option<String>) = pipe()
            .cmd("TIME")
            .get(format!("{}memory:", self.prefix))
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        let walked = Walked { now: time(clock)?, memory, ..Walked::default() };
        let walked = walked.read(&mut connection, &self.prefix, &keys).await.map_err(failed)?;
        let mut survey = Survey { now: walked.now, ..Survey::default() };
        survey.claims = walked.held(&walked.rooms)?;
        survey.leases = walked.held(&walked.leases)?;
        survey.workers = walked.workers()?;
        survey.usage = walked.usage(&survey.leases, &keys)?;
        survey.recovering_until = walked.recovered_at(&link.run).filter(|until| *until > walked.now);
        Ok(survey.sorted())
    }
}

/// The keys of a namespace by kind, as they are without the prefix.
#[derive(Debug, Default)]
struct Keys {
    rooms: Vec<String>,
    leases: Vec<String>,
    workers: Vec<String>,
    budgets: Vec<String>,
}

impl Keys {
    async fn found(connection: &mut MultiplexedConnection, prefix: &str) -> RedisResult<Self> {
        let mut keys = Self::default();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(KEYS_A_STEP);
            let (next, found): (String, Vec<String>) = scan.query_async(connection).await?;
            found.iter().filter_map(|key| key.strip_prefix(prefix)).for_each(|key| keys.sort_in(key));
            if next == "0" {
                break;
            }
            cursor = next;
        }
        // `SCAN` may return a key twice.
        for list in [&mut keys.rooms, &mut keys.leases, &mut keys.workers, &mut keys.budgets] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(keys)
    }

    fn sort_in(&mut self, key: &str) {
        let list = match key.split(':').next() {
            Some(ROOM) => &mut self.rooms,
            Some(LEASE) => &mut self.leases,
            Some("worker") => &mut self.workers,
            Some(USAGE | RATE | MONTH) => &mut self.budgets,
            _ => return,
        };
        list.push(key.to_owned());
    }
}

/// Members with their expiries.
type Members = Vec<(String, f64)>;

/// What lay under the keys.
#[derive(Debug, Default)]
struct Walked {
    now: StoreTime,
    memory: Option<String>,
    rooms: Vec<Members>,
    leases: Vec<Members>,
    workers: Vec<(HashMap<String, String>, u32)>,
    budgets: Vec<HashMap<String, String>>,
}

impl Walked {
    /// What lies under `keys` at this time.
    async fn read(self, connection: &mut MultiplexedConnection, prefix: &str, keys: &Keys) -> RedisResult<Self> {
        let now = self.now;
        let live = |pipe: &mut Pipeline, key: &str| {
            pipe.cmd("ZRANGEBYSCORE")
                .arg(format!("{prefix}{key}"))
                .arg(format!("({}", now.0))
                .arg("+inf")
                .arg("WITHSCORES");
        };
        let hash = |pipe: &mut Pipeline, key: &str| _ = pipe.hgetall(format!("{prefix}{key}"));
        let busy = |pipe: &mut Pipeline, key: &str| {
            let worker = key.strip_prefix("worker:").unwrap_or(key);
            pipe.cmd("ZCOUNT").arg(format!("{prefix}busy:{worker}")).arg(format!("({}", now.0)).arg("+inf");
        };
        let rooms = many(connection, &keys.rooms, live).await?;
        let leases = many(connection, &keys.leases, live).await?;
        let fields = many(connection, &keys.workers, hash).await?;
        let busy = many(connection, &keys.workers, busy).await?;
        let workers = fields.into_iter().zip(busy).collect();
        let budgets = many(connection, &keys.budgets, hash).await?;
        Ok(Self { rooms, leases, workers, budgets, ..self })
    }

    fn held(&self, pools: &[Members]) -> Result<Vec<HeldSlot>, StoreError> {
        pools.iter().flatten().map(|(member, ends)| held(member, StoreTime(*ends as u64))).collect()
    }

    fn workers(&self) -> Result<Vec<WorkerView>, StoreError> {
        self.workers
            .iter()
            .filter(|(fields, _)| !fields.is_empty())
            .map(|(fields, busy)| worker(fields, *busy))
            .collect()
    }

    fn usage(&self, leases: &[HeldSlot], keys: &Keys) -> Result<Vec<ResourceUsage>, StoreError> {
        let read = self.budgets.iter().zip(&keys.budgets).filter(|(fields, _)| !fields.is_empty());
        read.map(|(fields, key)| usage(fields, key, leases, self.now)).collect()
    }

    /// When the server grants again after it lost what it knew, if this run of it has taken a step.
    fn recovered_at(&self, run: &str) -> Option<StoreTime> {
        let [known, at, longest] = self.memory.as_deref()?.split(':').collect::<Vec<_>>()[..] else { return None };
        let until = StoreTime(at.parse().ok()?) + Duration::from_micros(longest.parse().ok()?);
        (known == run).then_some(until)
    }
}

fn worker(fields: &HashMap<String, String>, busy: u32) -> Result<WorkerView, StoreError> {
    let wrong = || unexpected(&format!("{fields:?}"));
    let field = |name: &str| fields.get(name).map(String::as_str).ok_or_else(wrong);
    let number = |name: &str| field(name)?.parse::<u64>().map_err(|_| wrong());
    let parts: Vec<&str> = field("tail")?.split('\0').collect();
    let [worker, agent, build] = parts[..] else { return Err(wrong()) };
    let state = field("state")?;
    Ok(WorkerView {
        worker: name(worker)?,
        agent: (!agent.is_empty()).then(|| name(agent)).transpose()?,
        build: name(build)?,
        capacity: u32::try_from(number("capacity")?).map_err(|_| wrong())?,
        busy,
        state: WorkerState::from_text(state).ok_or_else(wrong)?,
        since: StoreTime(number("since")?),
        expires: StoreTime(number("expires")?),
    })
}

fn usage(
    fields: &HashMap<String, String>,
    key: &str,
    leases: &[HeldSlot],
    now: StoreTime,
) -> Result<ResourceUsage, StoreError> {
    let wrong = || unexpected(&format!("{key}: {fields:?}"));
    let number = |name: &str| fields.get(name).and_then(|text| text.parse::<u64>().ok()).ok_or_else(wrong);
    let numbered = |prefix: &str| -> Vec<(u64, u64)> {
        let pairs =
            fields.iter().filter_map(|(field, n)| Some((field.strip_prefix(prefix)?.parse().ok()?, n.parse().ok()?)));
        pairs.collect()
    };
    let resource = name(fields.get("name").ok_or_else(wrong)?)?;
    let peaks = numbered("d:").into_iter().filter(|(day, _)| day.saturating_add(PEAK_DAYS) > day_of(now.0));
    let peak_7_days = peaks.map(|(_, peak)| peak).max().unwrap_or(0);
    if key.starts_with("usage:") {
        let held: Vec<&HeldSlot> = leases.iter().filter(|held| held.name == resource).collect();
        let frees_at = held.iter().map(|held| held.expires).min();
        let (kind, used, limit) = (LimitKind::Concurrent, held.len() as u64, number("of")?);
        return Ok(ResourceUsage { resource, kind, now: used, peak_7_days, limit, frees_at });
    }
    let allowance = allowance(key, number("n")?).ok_or_else(wrong)?;
    let mut window = Window::of(numbered("s:"));
    let used = window.used(allowance, now);
    let (limit, frees_at) = (allowance.n(), window.frees_at(allowance));
    Ok(ResourceUsage { resource, kind: allowance.into(), now: used, peak_7_days, limit, frees_at })
}

fn allowance(key: &str, n: u64) -> Option<Allowance> {
    let n = NonZeroU64::new(n)?;
    match key.split(':').collect::<Vec<_>>()[..] {
        [RATE, per_us, ..] => Some(Allowance::Sliding { n, per: RateWindow::from_us(per_us.parse().ok()?)? }),
        [MONTH, ..] => Some(Allowance::Monthly { n }),
        _ => None,
    }
}

/// One command for each key, in pipelines of a bounded size.
async fn many<T: ::redis::FromRedisValue>(
    connection: &mut MultiplexedConnection,
    keys: &[String],
    command: impl Fn(&mut Pipeline, &str),
) -> RedisResult<Vec<T>> {
    let mut all = Vec::with_capacity(keys.len());
    for keys in keys.chunks(KEYS_A_STEP) {
        let mut pipe = pipe();
        keys.iter().for_each(|key| command(&mut pipe, key));
        all.extend(pipe.query_async::<Vec<T>>(connection).await?);
    }
    Ok(all)
}

/// Bounds how long a step of the walk blocks the server, and how large its answer is.
const KEYS_A_STEP: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// As a malicious server might answer, or as another program might have written.
    #[test]
    fn numbers_past_any_sense_are_an_answer_or_an_error() {
        let most = u64::MAX.to_string();
        for now in [StoreTime(0), StoreTime(1_763_700_000_000_000), StoreTime(u64::MAX)] {
            for key in ["rate:60000000:n:a", "month:n:a", "usage:n:a"] {
                let fields = ["n", "of", "s:0", "s:1", "d:1", &format!("s:{most}"), &format!("d:{most}")];
                let mut fields: HashMap<String, String> =
                    fields.map(|field| (field.to_owned(), most.clone())).into_iter().collect();
                fields.insert("name".to_owned(), "a".to_owned());
                let usage = usage(&fields, key, &[], now).unwrap();
                assert_eq!((usage.limit, usage.peak_7_days), (u64::MAX, u64::MAX), "{key} at {now:?}");
                fields.insert("n".to_owned(), "18446744073709551616".to_owned());
                fields.insert("of".to_owned(), "-1".to_owned());
                assert!(super::usage(&fields, key, &[], now).is_err(), "{key}");
            }
        }
        assert_eq!(allowance("rate:0:n:a", 1), None, "no window at all");
        let walked = Walked { memory: Some(format!("run:{most}:{most}")), ..Walked::default() };
        assert_eq!(walked.recovered_at("run"), Some(StoreTime(u64::MAX)));
        assert!(time((u64::MAX, 0)).is_err() && time((u64::MAX / 1_000_000, u64::MAX)).is_err());
    }
}
