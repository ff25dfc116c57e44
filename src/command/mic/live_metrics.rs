//! `--metrics`: the run's totals for Prometheus.

use std::sync::{Arc, Mutex};

use anyhow::Context;
use voxgate::Totals;
use voxgate::metrics::{AudioMetrics, MetricsServer, Prometheus};

/// Where the worker leaves its totals ten times a second, and the server finds them.
#[derive(Clone, Default)]
pub(crate) struct LiveMetrics(Arc<Mutex<Left>>);

#[derive(Default)]
struct Left {
    totals: Totals,
    /// Decisions by their lateness: upper bounds in seconds.
    lateness: Vec<(f64, u64)>,
    published: AudioMetrics,
}

impl LiveMetrics {
    /// Serves them until the server is dropped.
    pub(crate) fn serve(&self, address: &str) -> anyhow::Result<MetricsServer> {
        let (left, prometheus) = (Arc::clone(&self.0), Prometheus::install()?);
        let publish = move || {
            #[expect(clippy::disallowed_methods, reason = "the worker never waits for it")]
            let mut left = left.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let Left { totals, lateness, published } = &mut *left;
            published.publish(totals);
            published.publish_lateness(lateness.iter().copied());
        };
        MetricsServer::start(address, prometheus, publish).with_context(|| {
            format!("cannot serve metrics at {address}; expected an address and a free port, as in 127.0.0.1:9464")
        })
    }

    /// Never waits: while the server reads, the totals before stay.
    pub(crate) fn put(&self, totals: Totals, lateness: Vec<(f64, u64)>) {
        if let Ok(mut left) = self.0.try_lock() {
            (left.totals, left.lateness) = (totals, lateness);
        }
    }
}
