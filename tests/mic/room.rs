//! A virtual room: a PulseAudio server of its own, whose loudspeaker comes back at its microphone.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A PulseAudio with a loudspeaker, a microphone, and an echo between them: 500 ms late, 15 dB down.
pub(crate) struct Room {
    server: Child,
    dir: TempDir,
    /// One room at a time: servers that share the processor have underruns.
    _turn: MutexGuard<'static, ()>,
}

impl Room {
    /// `None` where PulseAudio is missing, which is an error where `CI` is set.
    pub(crate) fn open() -> Option<Self> {
        for program in ["pulseaudio", "pactl", "paplay"] {
            if !is_installed(program) {
                assert!(std::env::var_os("CI").is_none(), "{program} is not installed; tests/run installs it");
                eprintln!("SKIPPED: {program} is not installed; tests/run installs it");
                return None;
            }
        }
        Some(Self::start())
    }

    /// Whether ALSA can reach the server, which is an error to lack where `CI` is set.
    pub(crate) fn has_alsa() -> bool {
        let plugin = |folder: std::io::Result<std::fs::DirEntry>| {
            folder.unwrap().path().join("alsa-lib/libasound_module_pcm_pulse.so").is_file()
        };
        let there = std::fs::read_dir("/usr/lib").is_ok_and(|mut folders| folders.any(plugin));
        if !there {
            assert!(std::env::var_os("CI").is_none(), "ALSA has no PulseAudio plugin; tests/run installs it");
            eprintln!("SKIPPED: ALSA has no PulseAudio plugin; tests/run installs it");
        }
        there
    }

    fn start() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = TempDir::new().unwrap();
        let script = dir.path().join("room.pa");
        std::fs::write(&script, DEVICES.replace("SOCKET", dir.path().join("native").to_str().unwrap())).unwrap();
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-F"]).arg(script);
        surround(&mut command, dir.path());
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let room = Self { server, dir, _turn: turn };
        let begin = Instant::now();
        while !room.pactl(&["get-default-source"]).contains("microphone") {
            assert!(begin.elapsed() < Duration::from_secs(20), "PulseAudio does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        room
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts `voxgate mic --plain` in the room.
    pub(crate) fn voxgate(&self, args: &[&str]) -> Mic {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voxgate"));
        surround(command.args(["mic", "--plain"]).args(args), self.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Mic { child, lines, seen: Vec::new() }
    }

    /// Speaks, and returns when it is said.
    pub(crate) fn say(&self, wav: &[u8]) {
        assert!(self.sayer(wav).status().unwrap().success());
    }

    /// What speaks when it is run.
    pub(crate) fn sayer(&self, wav: &[u8]) -> Command {
        let file = self.path().join("user.wav");
        std::fs::write(&file, wav).unwrap();
        let mut command = Command::new("paplay");
        surround(command.arg("--device=room").arg(file), self.path());
        command
    }

    pub(crate) fn unplug(&self) {
        self.pactl(&["unload-module", "module-remap-source"]);
    }

    pub(crate) fn plug_in(&self) {
        let master = ["load-module", "module-remap-source", "master=room.monitor", "source_name=microphone"];
        self.pactl(&[&master[..], &["source_properties=device.description=Microphone"]].concat());
    }

    fn pactl(&self, args: &[&str]) -> String {
        let mut command = Command::new("pactl");
        surround(command.args(args), self.path());
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

/// A `voxgate mic` that runs.
pub(crate) struct Mic {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Mic {
    /// Reads on until a line holds `what`, and says what it is.
    pub(crate) fn wait_for(&mut self, what: &str) -> String {
        let begin = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no `{what}` in {}", Lines(self.seen.clone())));
            self.seen.push(line);
            if self.seen.last().unwrap().contains(what) {
                return self.seen.last().unwrap().clone();
            }
        }
    }

    /// As a service manager ends it.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// All lines, when it has ended.
    pub(crate) fn finish(mut self) -> Lines {
        let begin = Instant::now();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE.saturating_sub(begin.elapsed())) {
            self.seen.push(line);
        }
        let lines = Lines(std::mem::take(&mut self.seen));
        assert!(self.child.wait().unwrap().success(), "{lines}");
        lines
    }
}

impl Drop for Mic {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What was printed.
pub(crate) struct Lines(Vec<String>);

impl Lines {
    pub(crate) fn with<'a>(&'a self, what: &'a str) -> impl Iterator<Item = Line<'a>> {
        self.0.iter().filter(move |line| line.contains(what)).map(|line| Line(line))
    }

    /// What was told with that word.
    pub(crate) fn told(&self, word: &str) -> Vec<Line<'_>> {
        let told =
            |line: &&String| line.split_once(" s  ").is_some_and(|(_, told)| told.starts_with(&format!("{word:<11}")));
        self.0.iter().filter(told).map(|line| Line(line)).collect()
    }

    pub(crate) fn contains(&self, what: &str) -> bool {
        self.with(what).next().is_some()
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

pub(crate) struct Line<'a>(&'a str);

impl Line<'_> {
    /// The number that follows the first `word`.
    pub(crate) fn number_after(&self, word: &str) -> f64 {
        let rest = self.0.split_once(word).unwrap_or_else(|| panic!("no `{word}` in `{}`", self.0)).1;
        let number = rest.split_whitespace().next().unwrap_or_default();
        number.parse().unwrap_or_else(|_| panic!("`{number}` after `{word}` in `{}`", self.0))
    }
}

/// The first sentence of a shipped sample: "He was not an ill disposed young man", 2.5 s.
pub(crate) fn sentence() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/clean_turn.wav");
    let mut wav = hound::WavReader::open(path).unwrap();
    let (from, len) = (wav.spec().sample_rate / 2, 3 * wav.spec().sample_rate);
    let samples: Vec<i16> = wav.samples().map(Result::unwrap).skip(from as usize).take(len as usize).collect();
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, wav.spec()).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// Isolates a command from the audio server and the user's settings that this machine may have.
fn surround(command: &mut Command, dir: &Path) {
    command.env("PULSE_SERVER", format!("unix:{}", dir.join("native").display()));
    command.env("XDG_RUNTIME_DIR", dir).env("HOME", dir).env("NO_COLOR", "1");
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder: PathBuf| folder.join(program)).any(|file| file.is_file())
}

/// Long enough for a busy machine, short enough for a person who waits.
const PATIENCE: Duration = Duration::from_secs(40);

/// 36854 of 65536 is -15 dB.
const DEVICES: &str = "\
load-module module-native-protocol-unix socket=SOCKET auth-anonymous=1
load-module module-null-sink sink_name=loudspeaker rate=48000 channels=2 sink_properties=device.description=Loudspeaker
load-module module-null-sink sink_name=room rate=48000 channels=1 sink_properties=device.description=Room
load-module module-loopback source=loudspeaker.monitor sink=room latency_msec=500 source_dont_move=true sink_dont_move=true
set-sink-input-volume 0 36854
load-module module-remap-source master=room.monitor source_name=microphone source_properties=device.description=Microphone
set-default-sink loudspeaker
set-default-source microphone
";
