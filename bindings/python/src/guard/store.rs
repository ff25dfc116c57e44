//! The stores of claims: in this process, or in Redis.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use voxgate_guard::store::{
    self, Grant, GuardStore, LeaseTerm, Namespace, Release, Renewal, Reported, RoomAnswer, RoomClaim, SharedConfig,
    SlotAnswer, SlotRequest, Spend, Spent, StoreError, Survey, WorkerReport,
};

use super::policy::{duration, term};
use super::promise::Runtime;
use crate::error::{self, ConfigError};

/// A store and the thread that its steps run on.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<AnyStore>,
    pub(crate) runtime: Runtime,
}

/// One of the stores.
#[derive(Debug)]
pub(crate) enum AnyStore {
    Memory(store::MemoryStore),
    Redis(store::RedisStore),
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

/// Claims that many workers share through Redis. It connects with the first step.
///
/// RedisStore(url, *, namespace="default", timeout_s=1.0, longest_lease_s=30.0)
///
/// url: redis://[user:password@]host[:port][/db] or redis+unix:///path.
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
        let namespace: Namespace =
            namespace.parse().map_err(|error: store::NamespaceError| ConfigError::new_err(error.to_string()))?;
        let (timeout, longest_lease) = (duration("timeout_s", timeout_s)?, term(longest_lease_s)?);
        let config = SharedConfig { namespace, timeout, longest_lease };
        let store = store::RedisStore::new(url, config).map_err(|error| error::of_store(&error))?;
        Opened::new(AnyStore::Redis(store)).map(Self)
    }

    fn __repr__(&self) -> &'static str {
        "<RedisStore>"
    }
}

/// Either store.
pub(crate) fn of_argument(store: &Bound<'_, PyAny>) -> PyResult<Arc<Opened>> {
    if let Ok(store) = store.cast::<MemoryStore>() {
        return Ok(store.get().0.clone());
    }
    if let Ok(store) = store.cast::<RedisStore>() {
        return Ok(store.get().0.clone());
    }
    let name = store.get_type().name()?;
    Err(PyTypeError::new_err(format!("store is a {name}, expected a MemoryStore or a RedisStore")))
}

impl Opened {
    fn new(store: AnyStore) -> PyResult<Arc<Self>> {
        Ok(Arc::new(Self { store: Arc::new(store), runtime: Runtime::new()? }))
    }
}

impl GuardStore for AnyStore {
    async fn claim_room(&self, claim: &RoomClaim) -> Result<RoomAnswer, StoreError> {
        match self {
            Self::Memory(store) => store.claim_room(claim).await,
            Self::Redis(store) => store.claim_room(claim).await,
        }
    }

    async fn take_slot(&self, request: &SlotRequest) -> Result<SlotAnswer, StoreError> {
        match self {
            Self::Memory(store) => store.take_slot(request).await,
            Self::Redis(store) => store.take_slot(request).await,
        }
    }

    async fn renew(&self, grant: &Grant, term: LeaseTerm) -> Result<Renewal, StoreError> {
        match self {
            Self::Memory(store) => store.renew(grant, term).await,
            Self::Redis(store) => store.renew(grant, term).await,
        }
    }

    async fn release(&self, grant: &Grant) -> Result<Release, StoreError> {
        match self {
            Self::Memory(store) => store.release(grant).await,
            Self::Redis(store) => store.release(grant).await,
        }
    }

    async fn spend(&self, request: &Spend) -> Result<Spent, StoreError> {
        match self {
            Self::Memory(store) => store.spend(request).await,
            Self::Redis(store) => store.spend(request).await,
        }
    }

    async fn report(&self, worker: &WorkerReport) -> Result<Reported, StoreError> {
        match self {
            Self::Memory(store) => store.report(worker).await,
            Self::Redis(store) => store.report(worker).await,
        }
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        match self {
            Self::Memory(store) => store.survey().await,
            Self::Redis(store) => store.survey().await,
        }
    }
}
