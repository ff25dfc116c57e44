//! Gated segments through a command of the user's: WAV on its standard input, text on its standard output.

use std::io::{Cursor, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use process_wrap::std::{ChildWrapper, CommandWrap};
use voxgate::{Decision, Edge, SAMPLE_RATE, Span, Verdict};

use crate::command::mic::command::{SegmentTranscript, WorkerCommand};
use crate::command::mic::session::Session;

/// What was forwarded of a turn.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The stream it is of, and where in it.
    pub(crate) stream: u32,
    pub(crate) span: Span,
    samples: Vec<f32>,
}

/// The worker's end: collects segments and queues them.
pub(crate) struct SegmentCollector {
    current: Option<Segment>,
    queue: SyncSender<Segment>,
}

impl SegmentCollector {
    /// Takes a decision of `session`; `false` if a segment was lost because the command is that far behind.
    pub(crate) fn take(&mut self, decision: &Decision, session: &Session) -> bool {
        if let Verdict::Forward(span) = decision.verdict
            && let Some((first, second)) = session.audio(span)
        {
            let (stream, empty) = (session.stream, || Vec::with_capacity(USUAL_SAMPLES));
            let segment = self.current.get_or_insert_with(|| Segment { stream, span, samples: empty() });
            segment.span.end = span.end;
            segment.samples.extend_from_slice(first);
            segment.samples.extend_from_slice(second);
        }
        let full = self.current.as_ref().is_some_and(|segment| segment.samples.len() >= MOST_SAMPLES);
        if full || matches!(decision.edge, Some(Edge::SpeechEnd { .. })) { self.end() } else { true }
    }

    /// The turn is over, or cut.
    pub(crate) fn end(&mut self) -> bool {
        self.current.take().is_none_or(|segment| self.queue.try_send(segment).is_ok())
    }
}

/// The thread that runs the command, one segment at a time.
pub(crate) struct Transcriber {
    thread: Option<JoinHandle<()>>,
    cancelled: Arc<AtomicBool>,
}

/// Starts it; it ends when the segments do.
pub(crate) fn start(
    command: String,
    timeout: Duration,
    results: Sender<WorkerCommand>,
) -> anyhow::Result<(SegmentCollector, Transcriber)> {
    let (queue, segments) = mpsc::sync_channel(MOST_WAITING);
    let cancelled = Arc::<AtomicBool>::default();
    let runner = CommandRunner { command, timeout, cancelled: cancelled.clone() };
    let thread = std::thread::Builder::new()
        .name("speech-to-text".into())
        .spawn(move || transcribe(&runner, &segments, &results))?;
    Ok((SegmentCollector { current: None, queue }, Transcriber { thread: Some(thread), cancelled }))
}

impl Transcriber {
    /// Stops the command that runs, and takes no other.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether all segments are done.
    pub(crate) fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Transcriber {
    fn drop(&mut self) {
        self.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the command took is told; the gate is handed its text only")]
fn transcribe(runner: &CommandRunner, segments: &Receiver<Segment>, results: &Sender<WorkerCommand>) {
    while let Ok(segment) = segments.recv() {
        let began = Instant::now();
        let text = runner.run(&segment.samples).map_err(|error| format!("{error:#}"));
        if runner.cancelled.load(Ordering::Relaxed) {
            return;
        }
        let transcript = SegmentTranscript { stream: segment.stream, span: segment.span, text, took: began.elapsed() };
        if results.send(WorkerCommand::Transcript(transcript)).is_err() {
            return;
        }
    }
}

struct CommandRunner {
    command: String,
    timeout: Duration,
    cancelled: Arc<AtomicBool>,
}

impl CommandRunner {
    /// The text that the command prints for the segment.
    fn run(&self, samples: &[f32]) -> anyhow::Result<String> {
        let wav = wav(samples)?;
        let mut child = self.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        // On a thread, against a deadlock: a command may print before it has read all, or end without reading.
        std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&wav)));
        let (text, error) = (collect(stdout), collect(stderr));
        let status = self.wait(child.as_mut())?;
        let text = text.recv_timeout(GRACE).unwrap_or_default();
        if !status.success() {
            let error = error.recv_timeout(GRACE).unwrap_or_default();
            bail!(
                "`{}` ended with {status}: {}",
                self.command,
                error.trim().lines().last().unwrap_or("it said nothing")
            );
        }
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The shell with the command, in a group of its own: it can be stopped with all that it started.
    fn spawn(&self) -> anyhow::Result<Box<dyn ChildWrapper>> {
        let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut command = Command::new(shell);
        command.args([option, &self.command]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut command = CommandWrap::from(command);
        #[cfg(unix)]
        command.wrap(process_wrap::std::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::std::JobObject);
        command.spawn().with_context(|| format!("cannot start `{shell}`"))
    }

    #[expect(clippy::disallowed_methods, reason = "a command that hangs is stopped by the wall's clock")]
    fn wait(&self, child: &mut dyn ChildWrapper) -> anyhow::Result<std::process::ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            let late = began.elapsed() > self.timeout;
            if late || self.cancelled.load(Ordering::Relaxed) {
                child.kill()?;
                let limit = humantime::format_duration(self.timeout);
                bail!("`{}` took longer than {limit} and was stopped; --stt-timeout gives it more", self.command);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Reads to the end, [`MOST_TEXT`] at most, on a thread of its own.
fn collect(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (done, text) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = (&mut from).take(MOST_TEXT).read_to_end(&mut bytes);
            // The rest is thrown away: a full pipe would stop the command.
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        done.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    text
}

/// 16 kHz mono, 16 bits: what every speech-to-text reads.
fn wav(samples: &[f32]) -> anyhow::Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let mut wav = hound::WavWriter::new(&mut file, spec)?;
    for sample in samples {
        wav.write_sample((sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16)?;
    }
    wav.finalize()?;
    Ok(file.into_inner())
}

/// Segments that may wait for the command; the next is lost and told.
const MOST_WAITING: usize = 8;
/// Ten seconds: longer than most turns.
const USUAL_SAMPLES: usize = 10 * SAMPLE_RATE as usize;
/// Two minutes: longer turns go in parts, should `turn.max_speech_duration` not cut them before.
const MOST_SAMPLES: usize = 120 * SAMPLE_RATE as usize;
/// More text than two minutes of speech can hold.
const MOST_TEXT: u64 = 64 * 1024;
/// How often a command is looked after.
const LOOK: Duration = Duration::from_millis(10);
/// What a command that has ended may leave in its pipes is there at once.
const GRACE: Duration = Duration::from_millis(500);

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(command: &str, timeout: Duration) -> Result<String, String> {
        let runner = CommandRunner { command: command.into(), timeout, cancelled: Arc::default() };
        runner.run(&[0.25; 1_600]).map_err(|error| format!("{error:#}"))
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn segments_are_what_was_forwarded_sample_by_sample() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/clean_turn.wav");
        let wav = hound::WavReader::open(path).unwrap();
        let mic: Vec<f32> = wav.into_samples::<i16>().map(|x| f32::from(x.unwrap()) / 32_768.0).collect();
        // The gate keeps its audio in a ring: with some of these silences pre-roll lies around its end.
        for silence in (0..8).map(|n| n * 6_400) {
            let mic = [&vec![0.0; silence], &mic[..]].concat();
            let mut session = Session::new(&voxgate::GateConfig::default()).unwrap();
            let (queue, done) = mpsc::sync_channel(MOST_WAITING);
            let (mut segments, mut forwarded) = (SegmentCollector { current: None, queue }, Vec::new());
            for samples in mic.as_chunks().0 {
                let decision = session.step(&voxgate::Frame::new(*samples).unwrap(), None, |_| {});
                assert!(segments.take(&decision, &session));
                if let Verdict::Forward(span) = decision.verdict {
                    forwarded.extend_from_slice(&mic[span.start.0 as usize..span.end.0 as usize]);
                }
            }
            segments.end();
            let done: Vec<Segment> = done.try_iter().collect();
            assert_eq!(done.len(), 2, "two sentences");
            assert!(done.into_iter().flat_map(|segment| segment.samples).eq(forwarded));
        }
    }

    #[test]
    fn the_command_gets_a_wav_and_its_words_come_back() {
        assert_eq!(run("wc -c", LONG).unwrap(), "3244", "44 bytes of header, 100 ms of 16 bits");
        assert_eq!(run("cat > /dev/null; printf '  two \\n words '", LONG).unwrap(), "two words");
        assert_eq!(run("true", LONG).unwrap(), "", "one that does not read is no error");
    }

    #[test]
    fn a_command_that_fails_says_so_in_its_own_words() {
        let error = run("echo reading >&2; echo no model there >&2; exit 3", LONG).unwrap_err();
        assert!(error.ends_with("exit status: 3: no model there"), "{error}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the time it takes is what is tested")]
    fn a_command_that_hangs_is_stopped_with_its_children() {
        let began = Instant::now();
        let error = run("sleep 30 | sleep 30", Duration::from_millis(100)).unwrap_err();
        assert!(error.contains("took longer than 100ms and was stopped; --stt-timeout"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn text_without_end_is_cut_and_does_not_block() {
        let text = run("yes | head -c 1000000", LONG).unwrap();
        assert_eq!(text.len(), MOST_TEXT as usize - 1);
    }
}
