//! The store that a command looks into, and how names and times are shown.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use voxgate::guard::Name;
#[cfg(feature = "dynamodb")]
use voxgate::guard::store::DynamoStore;
#[cfg(feature = "postgres")]
use voxgate::guard::store::PostgresStore;
#[cfg(feature = "redis")]
use voxgate::guard::store::RedisStore;
#[cfg(feature = "sqlite")]
use voxgate::guard::store::SqliteStore;
use voxgate::guard::store::{AnyStore, Finding, Grant, GuardStore, Release, StoreError, Survey, without_secrets};
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
use voxgate::guard::store::{NamespaceError, SharedConfig};

use crate::command::paint::{UsageError, printable};

/// Which store.
#[derive(Args)]
pub(crate) struct StoreArgs {
    /// The store that the workers share: a file (voxgate.db), redis://[user:password@]host[:port][/db] or
    /// postgres://user[:password]@host[:port]/database; encrypted, rediss://… and postgres://…?sslmode=verify-full, with
    /// ?sslrootcert=FILE for an authority of your own; behind Sentinels, redis+sentinel://host[,host…]/primary; with the
    /// feature `dynamodb`, dynamodb://TABLE?region=REGION. The list of processes shows it to other users of this machine:
    /// give a password by --store-file or in the environment variable VOXGATE_STORE, which is read if neither option is
    /// given.
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// A file whose first line is that address.
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    store_file: Option<PathBuf>,
    /// The part of the store that belongs to the project.
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
}

/// A store and the project's part of it. Its address may hold a password, so it has no `Debug`.
pub(crate) struct Store {
    url: String,
    namespace: String,
}

/// What a store is opened for.
#[derive(Clone, Copy)]
enum Purpose {
    Look,
    #[cfg(feature = "serve")]
    Work,
}

impl StoreArgs {
    /// From the options, the file or the environment, in this order.
    pub(crate) fn named(&self) -> anyhow::Result<Store> {
        let missing = || UsageError(format!("no store is given; use --store STORE, --store-file FILE or {VARIABLE}"));
        Ok(self.if_named()?.ok_or_else(missing)?)
    }

    /// The same, where a command has something to say without a store.
    pub(crate) fn if_named(&self) -> anyhow::Result<Option<Store>> {
        let url = match (&self.store, &self.store_file) {
            (Some(url), _) => url.clone(),
            (None, Some(path)) => {
                let text =
                    crate::command::text_file::text(path).with_context(|| format!("cannot read {}", path.display()))?;
                let first = text.lines().next().unwrap_or_default().trim().to_owned();
                if first.is_empty() {
                    bail!(UsageError(format!("the first line of {} is empty; expected {EXPECTED}", path.display())));
                }
                first
            }
            (None, None) => match std::env::var(VARIABLE) {
                Ok(url) if !url.is_empty() => url,
                _ => return Ok(None),
            },
        };
        Ok(Some(Store { url, namespace: self.namespace.clone() }))
    }
}

impl Store {
    /// The store at an address that settings name.
    #[cfg(feature = "serve")]
    pub(crate) fn at(url: &str, namespace: &str) -> Self {
        Self { url: url.to_owned(), namespace: namespace.to_owned() }
    }

    /// All that the store knows.
    pub(crate) fn survey(&self) -> anyhow::Result<Survey> {
        self.look(async |store| store.survey().await)
    }

    /// The health of its server, and all that it knows.
    pub(crate) fn checkup(&self) -> anyhow::Result<(Vec<Finding>, Survey)> {
        self.look(async |store| Ok((store.checkup().await?, store.survey().await?)))
    }

    /// Releases what others hold.
    pub(crate) fn release(&self, grants: &[Grant]) -> anyhow::Result<usize> {
        self.look(async |store| {
            let mut released = 0;
            for grant in grants {
                released += usize::from(store.release(grant).await? == Release::Released);
            }
            Ok(released)
        })
    }

    /// Opens it to work on, as workers do: a file that is not there is made.
    #[cfg(feature = "serve")]
    pub(crate) fn open_for_work(&self) -> anyhow::Result<AnyStore> {
        self.open(Purpose::Work)
    }

    #[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
    fn look<T>(&self, look: impl AsyncFnOnce(AnyStore) -> Result<T, StoreError>) -> anyhow::Result<T> {
        let store = self.open(Purpose::Look)?;
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(look(store)).map_err(told)
    }

    #[cfg(not(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb")))]
    fn look<T>(&self, _: impl AsyncFnOnce(AnyStore) -> Result<T, StoreError>) -> anyhow::Result<T> {
        self.open(Purpose::Look)?;
        bail!("this voxgate was built without stores")
    }

    /// The store and its part, without a password.
    pub(crate) fn title(&self) -> String {
        printable(&format!("{} · {}", without_secrets(&self.url), self.namespace))
    }

    fn open(&self, purpose: Purpose) -> anyhow::Result<AnyStore> {
        match self.url.split_once("://") {
            Some(("redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" | "redis+unix" | "unix", _)) => {
                self.redis(purpose)
            }
            Some(("postgres" | "postgresql", _)) => self.postgres(purpose),
            Some(("dynamodb", _)) => self.dynamodb(purpose),
            None if is_file(&self.url) => self.file(purpose),
            _ => bail!(UsageError(format!("`{}` names no store; expected {EXPECTED}", without_secrets(&self.url)))),
        }
    }

    #[cfg(feature = "sqlite")]
    fn file(&self, purpose: Purpose) -> anyhow::Result<AnyStore> {
        let config = self.config(purpose)?;
        let store = match purpose {
            Purpose::Look => SqliteStore::existing(&self.url, config),
            #[cfg(feature = "serve")]
            Purpose::Work => SqliteStore::open(&self.url, config),
        };
        store.map(AnyStore::new).map_err(told)
    }

    #[cfg(not(feature = "sqlite"))]
    fn file(&self, _: Purpose) -> anyhow::Result<AnyStore> {
        without("SQLite", "sqlite")
    }

    #[cfg(feature = "redis")]
    fn redis(&self, purpose: Purpose) -> anyhow::Result<AnyStore> {
        addressed(RedisStore::new(&self.url, self.config(purpose)?))
    }

    #[cfg(not(feature = "redis"))]
    fn redis(&self, _: Purpose) -> anyhow::Result<AnyStore> {
        without("Redis", "redis")
    }

    #[cfg(feature = "postgres")]
    fn postgres(&self, purpose: Purpose) -> anyhow::Result<AnyStore> {
        addressed(PostgresStore::new(&self.url, self.config(purpose)?))
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres(&self, _: Purpose) -> anyhow::Result<AnyStore> {
        without("PostgreSQL", "postgres")
    }

    #[cfg(feature = "dynamodb")]
    fn dynamodb(&self, purpose: Purpose) -> anyhow::Result<AnyStore> {
        addressed(DynamoStore::new(&self.url, self.config(purpose)?))
    }

    #[cfg(not(feature = "dynamodb"))]
    fn dynamodb(&self, _: Purpose) -> anyhow::Result<AnyStore> {
        without("DynamoDB", "dynamodb")
    }

    #[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
    fn config(&self, purpose: Purpose) -> anyhow::Result<SharedConfig> {
        let namespace = self.namespace.parse().map_err(|error: NamespaceError| UsageError(error.to_string()))?;
        let config = SharedConfig { namespace, ..SharedConfig::default() };
        Ok(match purpose {
            // A person waits longer than a caller.
            Purpose::Look => SharedConfig { timeout: Duration::from_secs(5), ..config },
            #[cfg(feature = "serve")]
            Purpose::Work => config,
        })
    }
}

/// A store that connects with its first step; an address that it cannot have is a wrong argument.
#[cfg(any(feature = "redis", feature = "postgres", feature = "dynamodb"))]
fn addressed(store: Result<impl GuardStore, StoreError>) -> anyhow::Result<AnyStore> {
    Ok(store.map(AnyStore::new).map_err(|error| UsageError(error.to_string()))?)
}

#[cfg(not(all(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb")))]
fn without(name: &str, feature: &str) -> anyhow::Result<AnyStore> {
    bail!(UsageError(format!("this voxgate was built without {name}; build it with `--features {feature}`")))
}

/// Whether an address is the path of a store's file. It needs an ending, as `localhost:6379` is a path too.
fn is_file(address: &str) -> bool {
    let ending = Path::new(address).extension().and_then(OsStr::to_str).unwrap_or_default();
    ["db", "sqlite", "sqlite3"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// A server's message on one line, its escape sequences made visible.
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite", feature = "dynamodb"))]
fn told(error: StoreError) -> anyhow::Error {
    anyhow::Error::msg(printable(&error.to_string()))
}

/// A name in full, on one line: [`meant`] takes it back as it is shown.
pub(crate) fn shown(name: &Name) -> String {
    printable(name.as_str())
}

/// Of `there`, the names that a person means who typed or copied this one.
pub(crate) fn meant<'a>(given: &Name, there: impl Iterator<Item = &'a Name>) -> Vec<&'a Name> {
    let mut names: Vec<&Name> = there.filter(|name| *name == given || shown(name) == given.as_str()).collect();
    names.sort();
    names.dedup();
    names
}

/// Rows under a header, as wide as their cells; a longer name sticks out of its column. The caller paints whole
/// cells after they are padded.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|row: &Vec<String>| row.get(at)).map(|cell| cell.chars().count()).max();
    (0..count).map(|at| width(at).unwrap_or(0).min(WIDEST)).collect()
}

/// One row, padded to `widths`.
pub(crate) fn padded(row: &[String], widths: &[usize]) -> Vec<String> {
    row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect()
}

/// The environment variable that names the store.
const VARIABLE: &str = "VOXGATE_STORE";
const EXPECTED: &str = "a file such as voxgate.db, redis[s]://host[:port] or postgres://user@host/database, or \
                        dynamodb://TABLE?region=REGION";
const WIDEST: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_in_full_and_taken_back_as_it_is_shown() {
        let names = ["call\n17\u{1b}[31m", &"x".repeat(99), "twin\u{200b}", "twin\\u{200b}"];
        let names = names.map(|text| Name::new(text).unwrap());
        let found = |text: &str| meant(&Name::new(text).unwrap(), names.iter().chain(&names));
        for name in &names[..2] {
            assert_eq!((found(name.as_str()), found(&shown(name))), (vec![name], vec![name]));
        }
        assert_eq!(found("twin\u{200b}"), [&names[2]]);
        assert_eq!(found("twin\\u{200b}").len(), 2, "one is called so, one is shown so");
        assert!(found("call").is_empty());
        assert_eq!(columns(&[vec![shown(&names[1])]]), [40]);
    }
}
