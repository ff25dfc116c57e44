//! The exporter for Prometheus.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::catalogue::{Metric, MetricKind};

/// The recorder of the process, and its text in the format of Prometheus.
///
/// ```
/// let prometheus = voxgate::metrics::Prometheus::install()?;
/// println!("{}", prometheus.render()); // answer `GET /metrics` with it, as `text/plain; version=0.0.4`
/// # Ok::<(), voxgate::metrics::InstallError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prometheus(PrometheusHandle);

/// No recorder could be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no recorder of metrics could be installed: {cause}; a process has one, describe to it what `Metric::ALL` lists"
)]
#[non_exhaustive]
pub struct InstallError {
    /// Why.
    pub cause: String,
}

impl Prometheus {
    /// Installs it as the recorder of the process, with every metric described. A thread of its own keeps its memory bounded
    /// if nobody asks for the text.
    ///
    /// # Errors
    /// [`InstallError`] if there is a recorder already.
    pub fn install() -> Result<Self, InstallError> {
        let handle = builder()?.install_recorder().map_err(InstallError::of)?;
        let kept_up = handle.clone();
        let keep_up = move || loop {
            std::thread::sleep(UPKEEP_EVERY);
            kept_up.run_upkeep();
        };
        std::thread::Builder::new().name("voxgate-upkeep".to_owned()).spawn(keep_up).map_err(InstallError::of)?;
        Metric::ALL.iter().for_each(Metric::describe);
        Ok(Self(handle))
    }

    /// What was recorded, as Prometheus reads it.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// The media type of the text.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
}

impl InstallError {
    fn of(error: impl ToString) -> Self {
        Self { cause: error.to_string() }
    }
}

fn builder() -> Result<PrometheusBuilder, InstallError> {
    let histograms = Metric::ALL.iter().filter(|metric| metric.kind == MetricKind::Histogram);
    histograms.into_iter().try_fold(PrometheusBuilder::new(), |builder, metric| {
        builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &BUCKETS_S).map_err(InstallError::of)
    })
}

/// How long values of histograms are kept one by one.
const UPKEEP_EVERY: std::time::Duration = std::time::Duration::from_secs(5);
/// From 10 µs, what a frame takes, to 10 s, what no store may take: 1, 2 and 5 of each decade (the E3 series).
const BUCKETS_S: [f64; 19] = [
    0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
    2.0, 5.0, 10.0,
];
