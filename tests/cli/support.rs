//! What the command tests share: runs, rows and WAV files.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use serde_json::Value;
use tempfile::TempDir;

/// Every shipped recording, and what its microphone needs on the command line.
pub(crate) const SAMPLES: [(&str, &[&str]); 10] = [
    ("backgrounded_app", &[]),
    ("clean_turn", &[]),
    ("echo_mic", &["--playback", "samples/echo_playback.wav"]),
    ("echo_playback", &[]),
    ("keyboard", &[]),
    ("packet_loss", &[]),
    ("phone", &[]),
    ("short_words", &[]),
    ("soft_speaker", &[]),
    ("stereo_call", &["--channels", "mic=0,playback=1"]),
];

/// A finished `voxgate gate` with everything that it wrote.
pub(crate) struct Run {
    pub(crate) rows: Vec<Row>,
    pub(crate) events: Vec<Value>,
    pub(crate) out: Vec<i16>,
    pub(crate) exit_code: i32,
    pub(crate) stderr: String,
}

impl Run {
    /// Gates `mic` with further arguments; `--frames`, `--events` and `--out` are read back.
    pub(crate) fn of(mic: &Path, args: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut command = voxgate();
        command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("gate").arg(mic).args(args);
        for (flag, file) in [("--frames", "f.csv"), ("--events", "e.jsonl"), ("--out", "o.wav")] {
            command.arg(flag).arg(dir.path().join(file));
        }
        let output = command.output().unwrap();
        Self::read(dir.path(), &output)
    }

    /// The same for audio that must pass without an error.
    pub(crate) fn clean(mic: &Path, args: &[&str]) -> Self {
        let run = Self::of(mic, args);
        assert_eq!(run.exit_code, 0, "{} {args:?}: {}", mic.display(), run.stderr);
        run
    }

    /// What lies in `dir` as `f.csv`, `e.jsonl` and `o.wav`.
    pub(crate) fn read(dir: &Path, output: &Output) -> Self {
        let stderr = text(&output.stderr);
        let file = |name| std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}: {stderr}"));
        Self {
            rows: read_rows(&file("f.csv")),
            events: file("e.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            out: WavReader::open(dir.join("o.wav")).unwrap().into_samples().map(Result::unwrap).collect(),
            exit_code: output.status.code().unwrap(),
            stderr,
        }
    }

    pub(crate) fn events_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["event"] == name)
    }

    pub(crate) fn summary(&self) -> &Value {
        self.events.last().unwrap()
    }

    /// When the gate opened.
    pub(crate) fn openings_ms(&self) -> Vec<f64> {
        self.events_named("speech_start").map(|event| event["t_ms"].as_f64().unwrap()).collect()
    }
}

/// A row of the frames table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) t_ms: u64,
    pub(crate) speech: f64,
    pub(crate) echo: f64,
    pub(crate) delay_ms: Option<f64>,
    pub(crate) state: String,
    pub(crate) verdict: String,
    pub(crate) reason: String,
    pub(crate) forwarded: bool,
    pub(crate) released_ms: Option<u64>,
}

pub(crate) fn read_rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms"));
    lines.map(read_row).collect()
}

fn read_row(line: &str) -> Row {
    let cells: Vec<&str> = line.split(',').collect();
    let [t_ms, speech, echo, delay_ms, state, verdict, reason, forwarded, released_ms] = cells[..] else {
        panic!("not nine cells: {line}");
    };
    Row {
        t_ms: t_ms.parse().unwrap(),
        speech: speech.parse().unwrap(),
        echo: echo.parse().unwrap(),
        delay_ms: (!delay_ms.is_empty()).then(|| delay_ms.parse().unwrap()),
        state: state.to_owned(),
        verdict: verdict.to_owned(),
        reason: reason.to_owned(),
        forwarded: ["0", "1"].iter().position(|word| *word == forwarded).expect("0 or 1") == 1,
        released_ms: (!released_ms.is_empty()).then(|| released_ms.parse().unwrap()),
    }
}

/// The command under test; colours and widths do not depend on where the tests run.
pub(crate) fn voxgate() -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
    for name in ["CLICOLOR_FORCE", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(format!("{name}.wav"))
}

/// One channel of a 16-bit WAV file, and its rate.
pub(crate) fn read_channel(path: &Path, channel: usize) -> (Vec<i16>, u32) {
    let wav = WavReader::open(path).unwrap();
    let spec = wav.spec();
    let samples = wav.into_samples::<i16>().skip(channel).step_by(usize::from(spec.channels));
    (samples.map(Result::unwrap).collect(), spec.sample_rate)
}

pub(crate) fn write_16_bit(path: &Path, sample_rate: u32, samples: &[i16]) {
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut wav = WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&sample| wav.write_sample(sample).unwrap());
    wav.finalize().unwrap();
}

pub(crate) fn write_float(path: &Path, samples: &[f32]) {
    let spec = WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 32, sample_format: SampleFormat::Float };
    let mut wav = WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&sample| wav.write_sample(sample).unwrap());
    wav.finalize().unwrap();
}

pub(crate) fn bytes_of(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
