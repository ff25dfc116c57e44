//! A real Prometheus, and scrapers that are none.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use voxgate::metrics::{Metric, MetricsServer, Prometheus};
use voxgate::stage::StageEngine;

use crate::support::heard;

/// All in one, because a process has one recorder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_a_live_run() {
    let prometheus = Prometheus::install().unwrap();
    let second = Prometheus::install().unwrap_err();
    assert!(second.to_string().contains("a process has one"), "{second}");
    let engine = StageEngine::start(4).unwrap();
    let published = engine.clone();
    let server = MetricsServer::start("127.0.0.1:0", prometheus, move || published.publish_metrics()).unwrap();
    let (_mic, control, _events) = heard(&engine, "keyboard").await;
    let frames = control.totals().forwarded / 160;

    a_scraper_that_is_slow_holds_up_no_audio_and_the_next_one_for_seconds(&server, &engine).await;
    let text = get(&server, "/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    for metric in Metric::ALL.iter().filter(|metric| metric.name.contains("frames") || metric.name.contains("streams"))
    {
        assert!(text.contains(&format!("# HELP {} {}", metric.name, metric.help)), "{}", metric.name);
    }
    assert!(get(&server, "/").starts_with("HTTP/1.1 404"));

    let Some(real) = RealPrometheus::start(server.address().port()) else { return };
    real.check_metrics(text.split_once("\r\n\r\n").unwrap().1);
    let scraped = real.wait_for("voxgate_frames_total{outcome=\"forwarded\"}");
    assert!(scraped >= frames as f64 && frames > 100, "{scraped} of {frames}");
    assert_eq!(real.wait_for("sum(voxgate_streams)"), real.wait_for("voxgate_streams{state=\"gated\"}"));
    let p99 = "histogram_quantile(0.99, sum by (le) (voxgate_decision_lateness_seconds_bucket))";
    assert!(real.wait_for(p99) > 0.0);
}

/// It holds the connection and says nothing.
async fn a_scraper_that_is_slow_holds_up_no_audio_and_the_next_one_for_seconds(
    server: &MetricsServer,
    engine: &StageEngine,
) {
    let begun = Instant::now();
    let mut slow = TcpStream::connect(server.address()).unwrap();
    slow.write_all(b"GET /met").unwrap();
    let (mic, control, _events) = heard(engine, "clean_turn").await;
    assert!(control.totals().forwarded > 16_000, "the gate goes on");
    drop(mic);
    assert!(get(server, "/metrics").contains("voxgate_turns_total"));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// The rules say what they mean: `docs/prometheus/alerts.test.yml` has for each alert series that it fires on.
#[test]
fn promtool_accepts_the_alerts_and_each_fires_in_its_test() {
    if !has("promtool") {
        return;
    }
    run(Command::new("promtool").args(["check", "rules", "docs/prometheus/alerts.yml"]));
    run(Command::new("promtool").args(["check", "config", "docs/prometheus/prometheus.yml"]));
    run(Command::new("promtool").args(["test", "rules", "docs/prometheus/alerts.test.yml"]));
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let tests = read("docs/prometheus/alerts.test.yml");
    for line in read("docs/prometheus/alerts.yml").lines() {
        if let Some(alert) = line.trim().strip_prefix("- alert: ") {
            assert!(tests.contains(&format!("alertname=\"{alert}\"")), "no test of the alert {alert}");
        }
    }
}

/// The whole answer.
fn get(server: &MetricsServer, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A Prometheus on a port and in a folder of its own.
struct RealPrometheus {
    server: Child,
    port: u16,
    _folder: TempDir,
}

impl RealPrometheus {
    /// `None` where it is missing, which is an error where `CI` is set.
    fn start(target: u16) -> Option<Self> {
        if !has("prometheus") || !has("promtool") {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("prometheus.yml");
        let text = std::fs::read_to_string("docs/prometheus/prometheus.yml").unwrap();
        let rules = Path::new("docs/prometheus/alerts.yml").canonicalize().unwrap();
        let text = text.replace("15s", "200ms").replace("9464", &target.to_string());
        std::fs::write(&config, text.replace("alerts.yml", rules.to_str().unwrap())).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { server, port, _folder: folder })
    }

    /// The value of a query, once it has one.
    fn wait_for(&self, query: &str) -> f64 {
        let begun = Instant::now();
        loop {
            if let Some(value) = self.query(query).filter(|value| value.is_finite()) {
                return value;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "Prometheus has no {query}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn query(&self, query: &str) -> Option<f64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let body = format!("query={}", escaped(query));
        let length = body.len();
        write!(
            stream,
            "POST /api/v1/query HTTP/1.0\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let answer: Value = serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// What promtool has to say about names, help texts and units.
    fn check_metrics(&self, text: &str) {
        let mut child = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && told.is_empty(), "{told}");
    }
}

impl Drop for RealPrometheus {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

fn escaped(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {told}");
}

/// Whether a program is there, which is an error to lack where `CI` is set.
fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed; tests/run installs it");
        eprintln!("SKIPPED: {program} is not installed; tests/run installs it");
    }
    there
}
