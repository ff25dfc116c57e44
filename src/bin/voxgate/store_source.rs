//! The store that a command looks into, and how names and times are shown.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use voxgate::guard::Name;
#[cfg(feature = "postgres")]
use voxgate::guard::store::PostgresStore;
#[cfg(feature = "redis")]
use voxgate::guard::store::RedisStore;
#[cfg(any(feature = "redis", feature = "postgres"))]
use voxgate::guard::store::SharedConfig;
use voxgate::guard::store::{GuardStore, Hold, Release, Survey};

use crate::paint::Usage;

/// Which store.
#[derive(Args)]
pub(crate) struct StoreArgs {
    /// The store that the workers share: redis://[user:password@]host[:port][/db] or
    /// postgres://user[:password]@host[:port]/database.
    #[arg(long, value_name = "URL")]
    store: String,
    /// The part of the store that belongs to the project.
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
}

/// What a command does with an open store.
#[cfg_attr(not(any(feature = "redis", feature = "postgres")), allow(dead_code, reason = "no store is built in"))]
pub(crate) trait Look {
    type Seen;
    async fn look(self, store: &impl GuardStore) -> anyhow::Result<Self::Seen>;
}

impl StoreArgs {
    /// All that the store knows.
    pub(crate) fn survey(&self) -> anyhow::Result<Survey> {
        self.open(Everything)
    }

    /// Gives back what somebody else holds.
    pub(crate) fn release(&self, holds: &[Hold]) -> anyhow::Result<usize> {
        self.open(Releasing(holds))
    }

    /// The store and its part, without a password.
    pub(crate) fn title(&self) -> String {
        format!("{} · {}", self.address(), self.namespace)
    }

    fn address(&self) -> String {
        match self.store.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
            None => self.store.clone(),
        }
    }

    fn open<L: Look>(&self, look: L) -> anyhow::Result<L::Seen> {
        match self.store.split("://").next() {
            _ if !self.store.contains("://") => {}
            Some("redis" | "rediss" | "redis+unix" | "unix") => return self.redis(look),
            Some("postgres" | "postgresql") => return self.postgres(look),
            _ => {}
        }
        bail!(Usage(format!(
            "`{}` names no store; expected redis://host[:port] or postgres://user@host/database",
            self.address()
        )));
    }

    #[cfg(feature = "redis")]
    fn redis<L: Look>(&self, look: L) -> anyhow::Result<L::Seen> {
        let config = self.config()?;
        let store = RedisStore::new(&self.store, config).map_err(|error| Usage(error.to_string()))?;
        runtime()?.block_on(look.look(&store))
    }

    #[cfg(not(feature = "redis"))]
    fn redis<L: Look>(&self, _: L) -> anyhow::Result<L::Seen> {
        bail!(Usage("this voxgate was built without Redis; build it with `--features redis`".to_owned()));
    }

    #[cfg(feature = "postgres")]
    fn postgres<L: Look>(&self, look: L) -> anyhow::Result<L::Seen> {
        let config = self.config()?;
        let store = PostgresStore::new(&self.store, config).map_err(|error| Usage(error.to_string()))?;
        runtime()?.block_on(look.look(&store))
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres<L: Look>(&self, _: L) -> anyhow::Result<L::Seen> {
        bail!(Usage("this voxgate was built without PostgreSQL; build it with `--features postgres`".to_owned()));
    }

    /// A person waits longer than a caller.
    #[cfg(any(feature = "redis", feature = "postgres"))]
    fn config(&self) -> anyhow::Result<SharedConfig> {
        let namespace = self.namespace.parse().map_err(Usage)?;
        Ok(SharedConfig { namespace, timeout: Duration::from_secs(5), ..SharedConfig::default() })
    }
}

#[cfg(any(feature = "redis", feature = "postgres"))]
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

struct Everything;

impl Look for Everything {
    type Seen = Survey;
    async fn look(self, store: &impl GuardStore) -> anyhow::Result<Survey> {
        Ok(store.survey().await?)
    }
}

#[cfg_attr(not(any(feature = "redis", feature = "postgres")), allow(dead_code, reason = "no store is built in"))]
struct Releasing<'a>(&'a [Hold]);

impl Look for Releasing<'_> {
    type Seen = usize;
    async fn look(self, store: &impl GuardStore) -> anyhow::Result<usize> {
        let mut released = 0;
        for hold in self.0 {
            released += usize::from(store.release(hold).await? == Release::Released);
        }
        Ok(released)
    }
}

/// A name in at most 40 characters, and none of them moves the cursor.
pub(crate) fn short(name: &Name) -> String {
    let mut shown = String::new();
    for (place, c) in name.as_str().chars().enumerate() {
        if place == MOST_SHOWN {
            shown.push('…');
            break;
        }
        match c {
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// To the second: `43 s`, `2 min 3 s`, `5 h 0 min`, `12 d 4 h`.
pub(crate) fn span(time: Duration) -> String {
    match time.as_secs() {
        s @ ..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min {} s", s / 60, s % 60),
        s @ 3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        s => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Rows under a header, as wide as their cells; the caller paints whole cells after they are padded.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..count)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect()
}

/// One row, padded to `widths`.
pub(crate) fn padded(row: &[String], widths: &[usize]) -> Vec<String> {
    row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect()
}

const MOST_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_their_line() {
        let shown = |text: &str| short(&Name::new(text).unwrap());
        assert_eq!(shown("call\n17\u{1b}[31m"), "call\\n17\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(41)), format!("{}…", "x".repeat(40)));
        assert_eq!(shown("部屋"), "部屋");
    }

    #[test]
    fn spans_read_well() {
        let text = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 3_599, 3_600, 86_399, 90_000].map(text).join(", "),
            "0 s, 59 s, 1 min 0 s, 59 min 59 s, 1 h 0 min, 23 h 59 min, 1 d 1 h"
        );
    }
}
