//! The extension module of the Python package `voxgate`: the gate and what belongs to it, for Python.
//!
//! What a Python user sees is documented in the stubs (`python/voxgate/_voxgate.pyi`) and in the docstrings here.

#![deny(unsafe_code)]

mod audio;
mod budget;
mod command;
mod config;
mod decision;
mod edge;
mod error;
mod forwarder;
mod gate;
mod guard;
mod ledger;
mod playback;
mod ruling;
mod sole;
mod span;
mod together;

use pyo3::prelude::*;

/// Names what the package hands on.
#[pymodule(name = "_voxgate")]
mod module {
    #[pymodule_export]
    use super::budget::{
        Bill, BillLine, CallCost, Charged, Concurrent, ConcurrentEach, Counted, Estimate, EstimateLine, Failover,
        Limits, Meter, Metered, Picked, PlanLimits, Price, PriceBook, ProviderRefusal, Quota, Rate, Standing, estimate,
        plan_limits, plans, read_refusal,
    };
    #[pymodule_export]
    use super::command::run_command;
    #[pymodule_export]
    use super::config::Config;
    #[pymodule_export]
    use super::decision::{Decision, Echo, Evidence, StormStep};
    #[pymodule_export]
    use super::edge::{Abandoned, SpeechEnd, SpeechStart};
    #[pymodule_export]
    use super::forwarder::{Audio, Close, Finalize, Forwarder, KeepAlive, Open, TimeMap, Zeros};
    #[pymodule_export]
    use super::gate::Gate;
    #[pymodule_export]
    use super::guard::{
        Cycle, DispatchGuard, DispatchWatchdog, EmptyRoomGuard, Heard, Lease, LoopDetector, MemoryStore, MisfireGuard,
        Obstacle, PostgresStore, Presence, Reconnect, ReconnectGuard, RedisStore, Refusal, SqliteStore, Suspicion,
        TimeLimit, TrackGuard, TrackRuling, suspicions, why,
    };
    #[pymodule_export]
    use super::ledger::{Ledger, LedgerRow};
    #[pymodule_export]
    use super::playback::PlaybackReport;
    #[pymodule_export]
    use super::ruling::Ruling;
    #[pymodule_export]
    use super::span::Span;
    #[pymodule_export]
    use super::together::push_together;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        guard::stop_telling_at_exit(module)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("SAMPLE_RATE", voxgate::SAMPLE_RATE)?;
        module.add("FRAME_LEN", voxgate::FRAME_LEN)
    }
}
