//! What all connections of an instance share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use super::calls::Calls;
use super::config::{RouteConfig, ServeConfig, ServeError};
use super::guards::{Guards, RouteGuards};
use super::jobs::Jobs;
use super::record::CallRecord;
use super::upstream::Upstream;
use crate::config::GateConfig;
use crate::metrics::Prometheus;
use crate::stage::{Clock, StageEngine};

/// Is told of each call that is over.
pub(super) type OnCall = Box<dyn Fn(&CallRecord) + Send + Sync>;

/// What all connections share.
pub(super) struct Shared {
    pub(super) config: ServeConfig,
    pub(super) routes: Vec<Route>,
    pub(super) guards: Guards,
    pub(super) calls: Calls,
    pub(super) jobs: Jobs,
    pub(super) places: Arc<Semaphore>,
    pub(super) engines: Vec<StageEngine>,
    /// That of the engines.
    pub(super) clock: Clock,
    pub(super) draining: AtomicBool,
    pub(super) prometheus: Option<Prometheus>,
    pub(super) admin_token: Option<String>,
    pub(super) on_call: OnCall,
}

pub(super) struct Route {
    pub(super) config: RouteConfig,
    pub(super) gate: GateConfig,
    pub(super) upstream: Upstream,
    pub(super) guards: RouteGuards,
}

impl Route {
    pub(super) fn new(config: &RouteConfig) -> Result<Self, ServeError> {
        Ok(Self {
            gate: config.gate_config()?,
            upstream: Upstream::new(config)?,
            guards: RouteGuards::new(config)?,
            config: config.clone(),
        })
    }
}

impl Shared {
    /// The route of a path, and what the client added to it.
    pub(super) fn route<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let fits = |(index, route): (usize, &Route)| {
            let rest = path.strip_prefix(route.config.path.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((index, rest))
        };
        // The longest path that fits.
        self.routes.iter().enumerate().filter_map(fits).min_by_key(|(_, rest)| rest.len())
    }

    /// The one with the fewest calls.
    pub(super) fn engine(&self) -> Option<&StageEngine> {
        self.engines.iter().min_by_key(|engine| engine.streams())
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
