//! The stores of claims: in this process, in a file, in Redis or in PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use voxgate_guard::store::{self, Namespace, SharedConfig};

use super::any_store::AnyStore;
use super::policy::{duration, term};
use super::promise::Runtime;
use crate::error::{self, ConfigError};

/// A store and the thread that its steps run on.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<AnyStore>,
    runtime: Runtime,
}

/// Claims that the workers of this process share; for one worker, and for tests.
///
/// MemoryStore()
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct MemoryStore(pub(crate) Arc<Opened>);

#[pymethods]
impl MemoryStore {
    #[new]
    fn new() -> PyResult<Self> {
        Opened::new(AnyStore::Memory(store::MemoryStore::new())).map(Self)
    }

    fn __repr__(&self) -> &'static str {
        "MemoryStore()"
    }
}

/// Claims that the workers of one machine share through a file, without a server.
///
/// SqliteStore(path, *, namespace="default", timeout_s=1.0, longest_lease_s=30.0)
///
/// path: a file of SQLite on a local disk; it is made if it is not there.
/// namespace, timeout_s, longest_lease_s: as for RedisStore. Every claim is written to disk before it is granted.
///
/// Raises StoreError for a file that cannot be used, ConfigError for the rest.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct SqliteStore(pub(crate) Arc<Opened>);

#[pymethods]
impl SqliteStore {
    #[new]
    #[pyo3(signature = (path, *, namespace="default", timeout_s=1.0, longest_lease_s=30.0))]
    fn new(path: PathBuf, namespace: &str, timeout_s: f64, longest_lease_s: f64) -> PyResult<Self> {
        let config = shared(namespace, timeout_s, longest_lease_s)?;
        let store = store::SqliteStore::open(path, config).map_err(|error| error::of_store(&error))?;
        Opened::new(AnyStore::Sqlite(store)).map(Self)
    }

    fn __repr__(&self) -> &'static str {
        "<SqliteStore>"
    }
}

/// Claims that many workers share through Redis. It connects with the first step.
///
/// RedisStore(url, *, namespace="default", timeout_s=1.0, longest_lease_s=30.0)
///
/// url: redis://[user:password@]host[:port][/db], rediss://… over TLS, redis+sentinel://host[:port][,host…]/primary[/db] behind
///     Sentinels, or redis+unix:///path. TLS has options in the url: ?sslrootcert=FILE (an authority of your own),
///     sslcert=FILE and sslkey=FILE (a client certificate).
/// namespace: the project's part of the server: 1 to 64 of a-z A-Z 0-9 . _ -
/// timeout_s: of a step, connecting included.
/// longest_lease_s: the longest term that is granted; all workers of a project must agree on it.
///
/// Raises StoreError for an address that cannot be read, ConfigError for the rest.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct RedisStore(pub(crate) Arc<Opened>);

#[pymethods]
impl RedisStore {
    #[new]
    #[pyo3(signature = (url, *, namespace="default", timeout_s=1.0, longest_lease_s=30.0))]
    fn new(url: &str, namespace: &str, timeout_s: f64, longest_lease_s: f64) -> PyResult<Self> {
        let config = shared(namespace, timeout_s, longest_lease_s)?;
        let store = store::RedisStore::new(url, config).map_err(|error| error::of_store(&error))?;
        Opened::new(AnyStore::Redis(store)).map(Self)
    }

    fn __repr__(&self) -> &'static str {
        "<RedisStore>"
    }
}

/// Claims that many workers share through PostgreSQL 12 or later. It connects with the first step, and makes the schema
/// `voxgate` if it is not there.
///
/// PostgresStore(url, *, namespace="default", timeout_s=1.0, longest_lease_s=30.0)
///
/// url: postgres://user[:password]@host[:port]/database. TLS has libpq's options and environment variables:
///     ?sslmode=verify-full&sslrootcert=FILE, and others.
/// namespace, timeout_s, longest_lease_s: as for RedisStore. Every claim is written to disk before it is granted.
///
/// Raises StoreError for an address that cannot be read, ConfigError for the rest.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct PostgresStore(pub(crate) Arc<Opened>);

#[pymethods]
impl PostgresStore {
    #[new]
    #[pyo3(signature = (url, *, namespace="default", timeout_s=1.0, longest_lease_s=30.0))]
    fn new(url: &str, namespace: &str, timeout_s: f64, longest_lease_s: f64) -> PyResult<Self> {
        let config = shared(namespace, timeout_s, longest_lease_s)?;
        let store = store::PostgresStore::new(url, config).map_err(|error| error::of_store(&error))?;
        Opened::new(AnyStore::Postgres(store)).map(Self)
    }

    fn __repr__(&self) -> &'static str {
        "<PostgresStore>"
    }
}

/// Any of the stores.
pub(crate) fn of_argument(store: &Bound<'_, PyAny>) -> PyResult<Arc<Opened>> {
    if let Ok(store) = store.cast::<MemoryStore>() {
        return Ok(store.get().0.clone());
    }
    if let Ok(store) = store.cast::<RedisStore>() {
        return Ok(store.get().0.clone());
    }
    if let Ok(store) = store.cast::<PostgresStore>() {
        return Ok(store.get().0.clone());
    }
    if let Ok(store) = store.cast::<SqliteStore>() {
        return Ok(store.get().0.clone());
    }
    let name = store.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "store is a {name}, expected a MemoryStore, a SqliteStore, a RedisStore or a PostgresStore"
    )))
}

/// How a store of many workers is used.
fn shared(namespace: &str, timeout_s: f64, longest_lease_s: f64) -> PyResult<SharedConfig> {
    let namespace: Namespace =
        namespace.parse().map_err(|error: store::NamespaceError| ConfigError::new_err(error.to_string()))?;
    Ok(SharedConfig { namespace, timeout: duration("timeout_s", timeout_s)?, longest_lease: term(longest_lease_s)? })
}

impl Opened {
    fn new(store: AnyStore) -> PyResult<Arc<Self>> {
        Ok(Arc::new(Self { store: Arc::new(store), runtime: Runtime::new()? }))
    }

    /// As [`Runtime::promise`]. The store stays until the answer is told, though nobody else has it any more.
    pub(crate) fn promise<'py, T: Send + 'static>(
        self: &Arc<Self>,
        py: Python<'py>,
        work: impl Future<Output = T> + Send + 'static,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kept = self.clone();
        self.runtime.promise(py, work, move |py, answer| {
            let answer = convert(py, answer);
            drop(kept);
            answer
        })
    }
}
