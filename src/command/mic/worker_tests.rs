//! The worker, on mock devices.
#![expect(clippy::disallowed_methods, reason = "devices have clocks")]

use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use clap::Parser;
use tempfile::TempDir;
use voxgate::guard::{Heard, Misfire};
use voxgate::{GateConfig, Reason, SttRuling};

use super::*;
use crate::command::mic::block_resampler::duration_at;
use crate::command::mic::block_ring::{BlockProducer, block_ring};
use crate::command::mic::report::MicEvent;

/// A worker with a microphone, and with a loudspeaker if it is to play something.
struct TestRig {
    worker: Worker,
    commands: mpsc::Sender<WorkerCommand>,
    reports: Receiver<Report>,
    mic: BlockProducer,
    speaker: Option<BlockProducer>,
    sample_rate: u32,
    /// Samples that the devices had, and when the first was.
    given: u64,
    epoch: Instant,
    events: Vec<MicEvent>,
}

impl TestRig {
    fn new(sample_rate: u32, folder: &Path, plays: bool) -> Self {
        let (commands, obeyed) = mpsc::channel();
        let (reported, reports) = mpsc::sync_channel(100_000);
        let config = GateConfig::default();
        let price = MicPrice::new(None, &config.forward).unwrap();
        let session = Session::new(&config).unwrap();
        let mut worker = Worker::new(obeyed, Reporter::new(reported), session, price, folder.to_owned());
        let (mic, heard) = block_ring(sample_rate, Arc::default());
        commands.send(source(Side::Mic, heard)).unwrap();
        let speaker = plays.then(|| {
            worker.voice_paused = Some(Arc::default());
            let (producer, played) = block_ring(sample_rate, Arc::default());
            commands.send(source(Side::Speaker, played)).unwrap();
            producer
        });
        let epoch = Instant::now();
        Self { worker, commands, reports, mic, speaker, sample_rate, given: 0, epoch, events: Vec::new() }
    }

    /// Both devices at work, in blocks of odd sizes, on clocks that agree.
    fn record(&mut self, mic: &[f32], playback: &[f32]) {
        let sizes = [160, 441, 7, 1_024, 333];
        let (mut at, mut sizes) = (0, sizes.iter().cycle());
        while at < mic.len() {
            let end = mic.len().min(at + sizes.next().unwrap());
            let sounded = self.epoch + duration_at(self.given, self.sample_rate);
            if let Some(speaker) = &mut self.speaker {
                let block = (at..end).map(|i| playback.get(i).copied().unwrap_or(0.0));
                speaker.push(block, sounded, sounded);
            }
            self.mic.push(mic[at..end].iter().copied(), Instant::now(), sounded);
            self.given += (end - at) as u64;
            at = end;
            self.work();
        }
    }

    fn work(&mut self) {
        while self.worker.run_once() == Progress::Done {}
        for report in self.reports.try_iter() {
            if let Report::Event(event) = report {
                self.events.push(event);
            }
        }
    }

    fn command(&mut self, command: WorkerCommand) {
        self.commands.send(command).unwrap();
        self.work();
    }

    fn count(&self, is: impl Fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|event| is(&event.what)).count()
    }

    fn end(mut self) -> (Finished, Vec<MicEvent>) {
        self.work();
        let (told, reports) = (self.events, self.reports);
        let finished = self.worker.finish();
        let last = reports.try_iter().filter_map(|r| if let Report::Event(e) = r { Some(e) } else { None });
        (finished, told.into_iter().chain(last).collect())
    }
}

fn source(side: Side, blocks: BlockConsumer) -> WorkerCommand {
    WorkerCommand::Source { side, blocks: Box::new(blocks), about: "a test".into() }
}

fn sample(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("samples/{name}.wav"));
    let wav = hound::WavReader::open(path).unwrap();
    wav.into_samples::<i16>().map(|x| f32::from(x.unwrap()) / 32_768.0).collect()
}

/// Runs the command that the recording names; the rows must be those that were recorded.
fn assert_replays(finished: &Finished) {
    let folder = TempDir::new().unwrap();
    let again = folder.path().join("again.csv");
    let [Recorded { replay, .. }] = &finished.recordings[..] else { panic!("{:?}", finished.recordings) };
    let arguments = format!("{replay} --quiet --frames {}", again.display());
    crate::command::obey(crate::command::Cli::parse_from(arguments.split(' '))).unwrap();
    let mic = replay.split(' ').find(|word| word.ends_with("-mic.wav")).unwrap();
    let live = std::fs::read_to_string(mic.replace("-mic.wav", "-frames.csv")).unwrap();
    assert!(live.lines().count() > 200, "{} rows", live.lines().count());
    assert!(live == std::fs::read_to_string(again).unwrap(), "the replay of {mic} differs");
}

#[test]
fn a_recording_with_playback_replays_to_the_same_decisions() {
    let folder = TempDir::new().unwrap();
    let mut rig = TestRig::new(16_000, folder.path(), true);
    rig.record(&[0.0; 16_000], &[]);
    rig.command(WorkerCommand::ToggleRecording);
    rig.record(&sample("echo_mic"), &sample("echo_playback"));
    rig.command(WorkerCommand::ToggleRecording);
    rig.record(&[0.0; 4_000], &[]);
    assert_eq!(rig.count(|what| matches!(what, EventKind::Suppressed(run) if run.reason == Reason::Echo)), 1);
    assert_eq!(rig.count(|what| matches!(what, EventKind::SpeechStart(_))), 2);
    assert_replays(&rig.end().0);
}

#[test]
fn a_recording_that_begins_in_the_middle_of_speech_replays_too() {
    let folder = TempDir::new().unwrap();
    let mut rig = TestRig::new(48_000, folder.path(), false);
    let audio = sample("keyboard");
    let (first, second) = audio.split_at(60_000); // 1.25 s: in the first sentence
    rig.record(first, &[]);
    rig.command(WorkerCommand::ToggleRecording);
    rig.record(second, &[]);
    let (finished, told) = rig.end();
    assert!(told.iter().any(|event| matches!(event.what, EventKind::Recorded { why: None, .. })));
    assert_replays(&finished);
}

#[test]
fn audio_that_is_lost_is_told_kept_in_time_and_ends_a_recording() {
    let folder = TempDir::new().unwrap();
    let mut rig = TestRig::new(16_000, folder.path(), false);
    rig.command(WorkerCommand::ToggleRecording);
    rig.record(&sample("clean_turn")[..32_000], &[]);
    for _ in 0..5 {
        rig.mic.push([0.0; 16_000].into_iter(), Instant::now(), Instant::now());
    }
    rig.work();
    rig.record(&[0.0; 1_600], &[]);
    assert_eq!(rig.count(|what| matches!(what, EventKind::Overflow { lost_s } if (*lost_s - 1.0).abs() < 0.01)), 1);
    let ended = |what: &EventKind| matches!(what, EventKind::Recorded { why: Some(why), .. } if why.contains("lost"));
    assert_eq!(rig.count(ended), 1);
    let (finished, _) = rig.end();
    assert_eq!((finished.totals.overflows, finished.totals.seconds), (1, 2.0 + 5.0 + 0.1));
    assert_replays(&finished);
}

#[test]
fn a_turn_ends_when_the_microphone_goes_away() {
    let folder = TempDir::new().unwrap();
    let mut rig = TestRig::new(16_000, folder.path(), false);
    rig.record(&sample("clean_turn")[..32_000], &[]);
    assert_eq!(rig.count(|what| matches!(what, EventKind::SpeechStart(_))), 1);
    rig.command(WorkerCommand::Lost { side: Side::Mic, why: "unplugged".into() });
    rig.worker.mic.missing = Some((Instant::now() - Duration::from_secs(2), 0));
    rig.work();
    assert_eq!(rig.count(|what| matches!(what, EventKind::SpeechEnd(_))), 1);
    let (producer, heard) = block_ring(48_000, Arc::default());
    (rig.mic, rig.sample_rate) = (producer, 48_000);
    rig.command(source(Side::Mic, heard));
    rig.record(&sample("keyboard"), &[]);
    assert_eq!(rig.count(|what| matches!(what, EventKind::SpeechStart(_))), 3);
    let heard_s = rig.end().0.totals.seconds;
    assert!((heard_s - (2.0 + 2.0 + 8.2)).abs() < 0.1, "{heard_s} s");
}

#[test]
fn a_pause_hears_nothing_and_what_follows_is_a_new_stream() {
    let folder = TempDir::new().unwrap();
    let mut rig = TestRig::new(16_000, folder.path(), false);
    let audio = sample("clean_turn");
    rig.record(&audio[..32_000], &[]);
    rig.command(WorkerCommand::TogglePause);
    assert_eq!(rig.count(|what| matches!(what, EventKind::SpeechEnd(_))), 1, "the turn ends with the stream");
    rig.record(&audio[32_000..], &[]);
    rig.command(WorkerCommand::TogglePause);
    rig.record(&audio, &[]);
    let (finished, told) = rig.end();
    let starts = told.iter().filter_map(|event| match event.what {
        EventKind::SpeechStart(start) => Some(start.speech.as_ms() / 1e3),
        _ => None,
    });
    let all_s = audio.len() as f64 / 16_000.0;
    let starts: Vec<f64> = starts.collect();
    assert_eq!(starts.len(), 3, "{starts:?}");
    assert!((starts[1] - starts[0] - all_s).abs() < 0.05, "time goes on in the pause: {starts:?}");
    assert!((finished.totals.seconds - 2.0 - all_s).abs() < 0.05, "what was not heard is not counted");
}

#[test]
fn a_screen_that_stands_still_loses_reports_and_no_audio() {
    let (_commands, obeyed) = mpsc::channel();
    let (reported, _reports) = mpsc::sync_channel(10);
    let config = GateConfig::default();
    let price = MicPrice::new(None, &config.forward).unwrap();
    let session = Session::new(&config).unwrap();
    let mut worker = Worker::new(obeyed, Reporter::new(reported), session, price, "".into());
    (0..100).for_each(|_| worker.step(&Frame::gap()));
    let totals = worker.finish().totals;
    assert_eq!((totals.seconds, totals.unshown), (1.0, 100));
}

/// A turn in which speech-to-text found no words raises the storm level; not while recording, as a replay has no
/// transcripts.
#[test]
fn transcripts_reach_the_gate_unless_it_is_recorded() {
    let folder = TempDir::new().unwrap();
    for (recorded, steps) in [(false, 1), (true, 0)] {
        let mut rig = TestRig::new(16_000, folder.path(), false);
        if recorded {
            rig.command(WorkerCommand::ToggleRecording);
        }
        rig.record(&sample("clean_turn")[..70_000], &[]);
        let spoken = rig.events.iter().find_map(|event| match event.what {
            EventKind::SpeechEnd(end) => Some(end.speech),
            _ => None,
        });
        let stream = rig.worker.session.stream;
        let (text, took) = (Ok(String::new()), Duration::from_secs(1));
        rig.command(WorkerCommand::Transcript(SegmentTranscript { stream, span: spoken.unwrap(), text, took }));
        rig.record(&[0.0; 1_600], &[]);
        let empty = (!recorded).then_some(SttRuling::Counted(Heard::Misfire(Misfire::Empty)));
        assert_eq!(rig.count(|what| matches!(what, EventKind::Transcribed { ruling, .. } if *ruling == empty)), 1);
        assert_eq!(rig.count(|what| matches!(what, EventKind::Storm(_))), steps, "recorded: {recorded}");
        let counted = rig.end().0.session.rulings.text();
        assert_eq!(counted.is_some_and(|text| text.contains("0 openings brought words, 1 was a misfire")), !recorded);
    }
}
