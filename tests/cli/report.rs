//! The report: what lies in the page is what the other files of the run say.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Row, Run, SAMPLES, read_channel, sample, text, voxgate};

#[test]
fn the_page_holds_the_numbers_of_the_table() {
    for (name, args) in SAMPLES {
        let (run, page) = reported(&sample(name), args);
        assert_eq!(page.columns["decided"].len(), run.rows.len(), "{name}");
        for (frame, row) in run.rows.iter().enumerate() {
            let (shown, written) = (page.row(frame), Shown::of(row));
            let near = (shown.speech - written.speech).abs().max((shown.echo - written.echo).abs());
            assert!(near <= HALF_A_THOUSANDTH, "{name}, frame {frame}: {shown:?} {written:?}");
            assert_eq!(shown.rest, written.rest, "{name}, frame {frame}");
        }
    }
}

#[test]
fn segments_add_up_to_the_summary() {
    for (name, args) in SAMPLES {
        let (run, page) = reported(&sample(name), args);
        let mut seconds = BTreeMap::<&str, f64>::new();
        let mut end = 0.0;
        for segment in page.run["segments"].as_array().unwrap() {
            assert_eq!(segment["start_ms"], end, "{name}: a hole before {segment}");
            let fate = if segment["verdict"] == "forward" { "" } else { segment["reason"].as_str().unwrap() };
            let start = end;
            end = segment["end_ms"].as_f64().unwrap();
            *seconds.entry(fate).or_default() += (end - start) / 1e3;
            let rows = &run.rows[(start / 10.0) as usize..(end / 10.0) as usize];
            let mean = rows.iter().map(|row| row.speech).sum::<f64>() / rows.len() as f64;
            assert!((segment["mean_speech"].as_f64().unwrap() - mean).abs() < 1e-3, "{name}: {segment}, mean {mean}");
        }
        let summary = run.summary();
        assert_eq!(page.run["events"].as_array().unwrap(), &run.events, "{name}");
        let forwarded = summary["forwarded_s"].as_f64().unwrap();
        assert!((seconds.remove("").unwrap_or_default() - forwarded).abs() < 1e-6, "{name}");
        for (reason, said) in summary["suppressed_s"].as_object().unwrap() {
            let sum = seconds.remove(reason.as_str()).unwrap_or_default();
            assert!((said.as_f64().unwrap() - sum).abs() < 1e-6, "{name}: {reason} {sum} {said}");
        }
    }
}

#[test]
fn the_page_plays_the_microphone_and_what_was_sent() {
    let (_, page) = reported(&sample("soft_speaker"), &[]);
    let (recorded, rate) = read_channel(&sample("soft_speaker"), 0);
    assert_eq!(rate, 16_000);
    assert_eq!(page.track("mic")[..recorded.len()], recorded[..]);
    assert!(page.track("sent").is_empty(), "it is the microphone's, where it was sent");

    let (run, page) = reported(&sample("echo_mic"), &["--playback", "samples/echo_playback.wav"]);
    let sent = page.track("sent");
    let of_rows = |row: &Row| sent[row.t_ms as usize * 16..][..160].to_vec();
    let joined: Vec<i16> = run.rows.iter().filter(|row| row.forwarded).flat_map(of_rows).collect();
    assert_eq!(joined, run.out, "the cleaned signal, as --out has it");
    let (played, _) = read_channel(&sample("echo_playback"), 0);
    assert_eq!(page.track("playback")[..played.len()], played[..]);
}

#[test]
fn the_page_is_small_and_loads_nothing() {
    let (_, page) = reported(&sample("keyboard"), &[]);
    let program: usize = page.text.lines().filter(|line| !line.starts_with(DATA)).map(str::len).sum();
    assert!(program < 120_000, "{program} bytes without data");
    assert!(page.text.contains("default-src 'none'"));
    for outside in ["src=", "href=", "@import", "url("] {
        assert!(!page.text.contains(outside), "{outside}");
    }
    assert!(page.text.contains("Copyright (c) 2022 Leon Sorokin"), "the library's licence");
}

/// Windows has no such names.
#[cfg(unix)]
#[test]
fn a_name_cannot_end_the_script() {
    let dir = TempDir::new().unwrap();
    let mic = dir.path().join("<!--<script>.wav");
    std::fs::copy(sample("short_words"), &mic).unwrap();
    let (_, page) = reported(&mic, &[]);
    assert!(page.run["facts"]["title"].as_str().unwrap().contains("<!--<script>.wav"));
    assert!(!page.text.contains("<!--<script>.wav"));
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let (code, error) = gate_to("no/such/folder/r.html", &[]);
    assert_eq!(code, 1);
    assert!(error.contains("cannot write no/such/folder/r.html") && error.contains("make its folder first"), "{error}");
    let (code, error) = gate_to("report.csv", &[]);
    assert_eq!(code, 2);
    assert!(error.contains("--report writes HTML, which report.csv does not promise; name it report.html"), "{error}");
}

#[test]
fn a_table_of_another_recording_is_not_shown_beside_it() {
    let dir = TempDir::new().unwrap();
    let (table, report) = (dir.path().join("phone.csv"), dir.path().join("r.html"));
    let gated = voxgate().arg("gate").arg(sample("phone")).arg("--frames").arg(&table).output().unwrap();
    assert!(gated.status.success());
    let (code, error) = gate_to(report.to_str().unwrap(), &["--before", table.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(error.contains("the table of --before is of 10.6 s, the recording of 9.2 s"), "{error}");
    assert_eq!(Page::read(&report).run["before"].as_array().unwrap().len(), 0);
    std::fs::write(&table, "name,age\n").unwrap();
    let (code, error) =
        gate_to(dir.path().join("other.html").to_str().unwrap(), &["--before", table.to_str().unwrap()]);
    assert!(code == 1 && error.contains("it is no table of frames of voxgate"), "{error}");
    assert!(!dir.path().join("other.html").exists(), "refused before anything is written");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing_that_was_decided() {
    let dir = TempDir::new().unwrap();
    let table = dir.path().join("f.csv");
    let (code, error) = gate_to("/dev/full", &["--frames", table.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(error.contains("cannot write /dev/full"), "{error}");
    let rows = crate::support::read_rows(&std::fs::read_to_string(table).unwrap());
    assert!(rows.len() >= 100, "{}", rows.len());
    assert_eq!(
        rows,
        Run::clean(&sample("short_words"), &[]).rows[..rows.len()],
        "what was read is decided and written"
    );
}

#[test]
fn where_nothing_came_the_old_report_stays() {
    let dir = TempDir::new().unwrap();
    let (mic, report) = (dir.path().join("empty.wav"), dir.path().join("r.html"));
    crate::support::write_16_bit(&mic, 16_000, &[]);
    std::fs::write(&report, "old").unwrap();
    let output = voxgate().arg("gate").arg(&mic).arg("--report").arg(&report).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&report).unwrap(), "old");
}

/// A run with its report there: exit code and messages.
fn gate_to(report: &str, more: &[&str]) -> (i32, String) {
    let output =
        voxgate().arg("gate").arg(sample("short_words")).args(["--report", report]).args(more).output().unwrap();
    (output.status.code().unwrap(), text(&output.stderr))
}

/// A run and its report.
fn reported(mic: &Path, args: &[&str]) -> (Run, Page) {
    let dir = TempDir::new().unwrap();
    let report = dir.path().join("report.html");
    let run = Run::clean(mic, &[args, &["--report", report.to_str().unwrap()]].concat());
    (run, Page::read(&report))
}

/// What a page holds.
struct Page {
    text: String,
    run: Value,
    columns: BTreeMap<String, Vec<i16>>,
}

/// A row in the words of the table.
#[derive(Debug)]
struct Shown {
    speech: f64,
    echo: f64,
    rest: Rest,
}

/// What is the same to the last digit.
#[derive(Debug, PartialEq)]
struct Rest {
    delay_ms: Option<f64>,
    words: [String; 3],
    released_ms: Option<u64>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut page = Self { text, run: Value::Null, columns: BTreeMap::new() };
        page.run = serde_json::from_slice(&page.bytes("data-json=\"run\"").unwrap()).unwrap();
        let elements = page.text.lines().filter_map(|line| line.strip_prefix(DATA)?.strip_prefix(" data-column=\""));
        page.columns = elements
            .map(|element| {
                let (name, rest) = element.split_once('"').unwrap();
                let bytes = page.bytes(&format!("data-column=\"{name}\"")).unwrap();
                let is_small = rest.starts_with(" data-bits=\"8\"");
                let numbers = if is_small { bytes.into_iter().map(i16::from).collect() } else { joined(&bytes) };
                (name.to_owned(), numbers)
            })
            .collect();
        page
    }

    fn bytes(&self, attribute: &str) -> Option<Vec<u8>> {
        let element = self.text.lines().find(|line| line.starts_with(DATA) && line.contains(attribute))?;
        let packed = element.split_once('>').unwrap().1.strip_suffix("</script>").unwrap();
        let mut bytes = Vec::new();
        DeflateDecoder::new(&STANDARD.decode(packed).unwrap()[..]).read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    fn track(&self, name: &str) -> Vec<i16> {
        let chunks = (0..).map_while(|n| self.bytes(&format!("data-track=\"{name}\" data-chunk=\"{n}\"")));
        let sum = |last: &mut i16, error: i16| {
            *last = last.wrapping_add(error);
            Some(*last)
        };
        chunks.flat_map(|chunk| joined(&chunk).into_iter().scan(0, sum)).collect()
    }

    fn row(&self, frame: usize) -> Shown {
        let codes = &self.run["facts"]["codes"];
        let word = |list: &str, n: i16| codes[list][n as usize].as_str().unwrap().to_owned();
        let number = |name: &str| self.columns.get(name).map(|column| column[frame]);
        let (decided, settled) = (number("decided").unwrap(), number("settled").unwrap());
        let forwarded = decided >> 7 == 1;
        let reason = match decided & 3 {
            0 => String::new(),
            1 => word("reasons", decided >> 4 & 7),
            _ => word("reasons", settled & 7),
        };
        let locked = word("qualities", settled >> 5 & 3) == "locked";
        let known = |value: &i16| *value != i16::MIN;
        let share = |value: i16| f64::from(value) / 1e3;
        Shown {
            speech: share(number("speech").unwrap()),
            echo: share(number("echo").filter(known).unwrap_or(0)),
            rest: Rest {
                delay_ms: number("delay").filter(known).filter(|_| locked).map(|tenths| f64::from(tenths) / 10.0),
                words: [word("verdicts", decided & 3), word("turns", decided >> 2 & 3), reason],
                released_ms: forwarded.then(|| (frame as u64 + 1 + number("wait").unwrap() as u64) * 10),
            },
        }
    }
}

impl Shown {
    fn of(row: &Row) -> Self {
        let words = [row.verdict.clone(), row.state.clone(), row.reason.clone()];
        let rest = Rest { delay_ms: row.delay_ms, words, released_ms: row.released_ms };
        Self { speech: row.speech, echo: row.echo, rest }
    }
}

fn joined(bytes: &[u8]) -> Vec<i16> {
    let (high, low) = bytes.split_at(bytes.len() / 2);
    high.iter().zip(low).map(|(high, low)| i16::from_be_bytes([*high, *low])).collect()
}

const DATA: &str = "<script type=\"application/octet-stream\"";
/// The page has three digits, the table five.
const HALF_A_THOUSANDTH: f64 = 0.000_506;
