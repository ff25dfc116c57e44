//! Metrics: what streams, engines, guards and stores know, for a monitoring system.
//!
//! Everything goes through the facade [`metrics`](https://docs.rs/metrics), so that any recorder of your own gets it;
//! [`Prometheus`] is one, and [`MetricsServer`] serves its text. [`Metric::ALL`] lists every metric with its unit, its labels and
//! its help text. Labels are words of this crate and names that you choose, never rooms or calls, so cardinality is bounded.
//!
//! ```
//! use voxgate::metrics::Prometheus;
//! # #[cfg(feature = "stage")] {
//! use voxgate::stage::StageEngine;
//!
//! let prometheus = Prometheus::install()?;
//! let engine = StageEngine::start(100)?;
//! engine.publish_metrics(); // before each scrape, or once a second
//! assert!(prometheus.render().contains("voxgate_streams{state=\"gated\"} 0"));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Real-time
//! Nothing is recorded on an audio thread, nor by the worker of the stage: whoever publishes reads the counters that they keep anyway.

#[cfg(feature = "guard")]
mod answers;
mod audio;
mod catalogue;
#[cfg(feature = "guard")]
mod money;
mod prometheus;
mod server;
#[cfg(feature = "guard")]
mod store;

#[cfg(feature = "guard")]
pub use answers::{GuardKind, note_answer};
pub use audio::AudioMetrics;
#[cfg(feature = "recorder")]
pub(crate) use catalogue::DUMPS;
#[cfg(feature = "stage")]
pub(crate) use catalogue::{
    ECHO_DELAY, ECHO_LIKELY_STREAMS, ECHO_STREAMS, FAILURES, GATE_DURATION, QUEUE_EVENTS, QUEUE_SECONDS, STORM_STREAMS,
    STREAMS,
};
pub use catalogue::{Metric, MetricKind};
#[cfg(feature = "guard")]
pub use money::publish_bill;
pub use prometheus::{InstallError, Prometheus};
pub use server::MetricsServer;
#[cfg(feature = "guard")]
pub use store::ObservedStore;
