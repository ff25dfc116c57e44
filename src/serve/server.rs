//! The server: it binds, serves, and lets calls end.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::calls::{Calls, Ending};
use super::config::{Secret, ServeConfig, ServeError};
use super::guards::Guards;
use super::listener;
use super::record::CallRecord;
use super::shared::{Route, Shared};
use crate::guard::store::AnyStore;
use crate::metrics::Prometheus;
use crate::stage::{Clock, StageEngine};

/// A gateway that listens.
pub struct Server {
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    shared: Shared,
}

impl Server {
    /// Listens, and starts the threads of the gates. `store` is where leases and limits lie; `on_call` is told of each
    /// call that is over.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn bind(
        config: ServeConfig,
        store: AnyStore,
        on_call: impl Fn(&CallRecord) + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        Self::bind_with_clock(config, store, Clock::system(), on_call).await
    }

    /// As [`bind`](Self::bind), by a clock of the caller's: when the agent's voice is played is measured by it.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_with_clock(
        config: ServeConfig,
        store: AnyStore,
        clock: Clock,
        on_call: impl Fn(&CallRecord) + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        let routes = config.routes.iter().map(Route::new).collect::<Result<_, _>>()?;
        let tls = config.tls.as_ref().map(listener::acceptor).transpose()?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| ServeError::Listen { address: config.listen, error })?;
        let threads = config.gate_threads.or(std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let calls = config.limits.calls.get() as usize;
        let each = calls.div_ceil(threads.get()) + 1;
        let engines =
            (0..threads.get()).map(|_| StageEngine::with_clock(each, clock.clone())).collect::<Result<_, _>>();
        let shared = Shared {
            guards: Guards::new(&config, store)?,
            routes,
            calls: Calls::default(),
            jobs: super::jobs::Jobs::default(),
            places: Arc::new(Semaphore::new(calls)),
            engines: engines.map_err(ServeError::Threads)?,
            clock,
            draining: AtomicBool::new(false),
            prometheus: None,
            admin_token: config.admin_token.as_ref().map(Secret::reveal).transpose()?,
            on_call: Box::new(on_call),
            config,
        };
        Ok(Self { listener, tls, shared })
    }

    /// Answers `GET /metrics` with what was published in the process too, beside the calls of this instance.
    #[must_use]
    pub fn with_metrics(mut self, prometheus: Prometheus) -> Self {
        self.shared.prometheus = Some(prometheus);
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is ready. Then it takes no new call, lets those that are there go on for
    /// `limits.drain`, and closes what is left with code 1001 (going away).
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, tls, shared } = self;
        let shared = Arc::new(shared);
        let accepting = tokio::spawn(listener::accept(listener, tls, Arc::clone(&shared)));
        shutdown.await;
        shared.draining.store(true, Ordering::Release);
        let gone = |shared: Arc<Shared>| async move {
            while shared.calls.count() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        _ = tokio::time::timeout(shared.config.limits.drain, gone(Arc::clone(&shared))).await;
        shared.calls.end_all(Ending::Drained);
        _ = tokio::time::timeout(LAST_GOODBYES, gone(Arc::clone(&shared))).await;
        accepting.abort();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// For both sides to answer the last close frames.
const LAST_GOODBYES: Duration = Duration::from_secs(3);
