//! Every duration that can be set, at both ends of the range that `voxgate config` gives for it.

use std::ops::RangeInclusive;
use std::time::Duration;

use voxgate::{
    ConfigError, Decision, Edge, FRAME_LEN, ForwardPolicy, Forwarder, Frame, Gate, GateConfig, Padding, SampleIndex,
    SttInput, VadChoice, Verdict, duration_of, samples_in,
};

#[test]
fn at_both_ends_of_every_range_the_gate_opens_and_closes_and_holds_no_more_than_it_says() {
    for key in documented() {
        for end in [key.least, key.most] {
            for value in key.values(end) {
                let mut config = key.set(&value).unwrap_or_else(|error| panic!("{} = {value}: {error}", key.name));
                check(&config, &format!("{} = {value}", key.name));
                if key.name.starts_with("turn.") {
                    config.turn.padding = Padding::Fixed;
                    check(&config, &format!("{} = {value}, fixed padding", key.name));
                }
            }
        }
    }
}

#[test]
fn what_is_beyond_a_range_is_refused() {
    let step = Duration::from_millis(1);
    for key in documented() {
        let beyond = [key.least.checked_sub(step), Some(key.most + step)];
        for value in beyond.into_iter().flatten().flat_map(|end| key.values(end)) {
            let refused = key.set(&value);
            assert!(matches!(refused, Err(ConfigError::Range { .. })), "{} = {value}: {refused:?}", key.name);
        }
    }
}

#[test]
fn every_duration_has_a_range() {
    let named: Vec<String> = documented().into_iter().map(|key| key.name).collect();
    let table: toml::Table = GateConfig::default().to_toml().parse().unwrap();
    for (section, keys) in table.iter().filter_map(|(name, value)| Some((name, value.as_table()?))) {
        for key in keys.keys().filter(|key| key.ends_with("_duration")) {
            assert!(named.contains(&format!("{section}.{key}")), "{section}.{key}");
        }
    }
}

/// A speech sample through a gate and a forwarder: what is sent, told and held.
fn check(config: &GateConfig, name: &str) {
    let (mut gate, mut forwarder) = (Gate::new(config).unwrap(), Forwarder::new(&config.forward));
    let with_playback = name.starts_with("echo.");
    let (mic, playback) = if with_playback { call() } else { (turn(), Vec::new()) };
    let (mut sent_until, mut settled, mut open, mut starts) = (SampleIndex(0), SampleIndex(0), false, 0);
    let mut sent = 0;
    for (n, frame) in mic.iter().enumerate() {
        playback.get(n).into_iter().for_each(|said| _ = gate.playback(said, SampleIndex((n * FRAME_LEN) as u64)));
        let decision = gate.push(frame);
        forwarder.push(&decision, &gate, |input| {
            sent += if let SttInput::Audio(samples) = input { samples.len() as u64 } else { 0 };
        });
        match decision.edge {
            Some(Edge::SpeechStart { .. }) => {
                assert!(!std::mem::replace(&mut open, true), "{name}: a start in a turn");
                starts += 1;
            }
            Some(Edge::SpeechEnd { speech, .. }) => {
                assert!(std::mem::replace(&mut open, false), "{name}: an end without a start");
                assert!(speech.start <= speech.end && speech.end <= decision.frame.end, "{name}: {speech:?}");
            }
            _ => {}
        }
        if let Verdict::Forward(span) = decision.verdict {
            assert!(!span.is_empty() && span.start >= sent_until.max(settled), "{name}: {span:?}");
            assert!(gate.audio(span).is_some(), "{name}: {span:?} is gone");
            if !with_playback {
                let first_unsent = first_unsent(&decision, config, settled);
                assert!(first_unsent.contains(&span.start), "{name}: {first_unsent:?}, but {span:?}");
            }
            sent_until = span.end;
        }
        settled = decision.settled;
        let held = decision.frame.end.since(settled);
        assert!(held <= longest_held(config), "{name}: {held} samples are held at {:?}", decision.frame);
        assert!(duration_of(held) <= gate.longest_hold(), "{name}: longer than the gate states");
    }
    let ended = forwarder.finish(&mut gate, |_| ());
    assert!(starts > 0 && sent > 16_000, "{name}: it opens");
    assert!(!open && ended.is_none(), "{name}: it closes");
}

/// Where what goes out with this decision has to begin: with the pre-roll, or with what was not sent yet.
fn first_unsent(decision: &Decision, config: &GateConfig, settled: SampleIndex) -> RangeInclusive<SampleIndex> {
    let Some(Edge::SpeechStart { speech }) = decision.edge else { return settled..=settled };
    let back = |time: Duration| speech.back(samples_in(time)).frame_start().max(settled);
    let prefix = config.turn.prefix_padding_duration;
    match config.turn.padding {
        Padding::Fixed => back(prefix)..=back(prefix),
        _ => back(prefix.max(Duration::from_millis(800)))..=back(Duration::ZERO),
    }
}

/// As `Verdict::Hold` says: before speech, and within it.
fn longest_held(config: &GateConfig) -> u64 {
    let (turn, ms) = (&config.turn, Duration::from_millis);
    let burst = config.burst.map_or(Duration::ZERO, |burst| burst.max_wait_duration);
    let storm = config.storm.map_or(Duration::ZERO, |storm| storm.max_wait_duration.max(ms(1_400)));
    let echo = config.echo.map_or(Duration::ZERO, |echo| echo.unknown_delay_hold_duration + ms(500));
    let before = turn.min_speech_duration + ms(200) + ms(32) + burst + storm + echo;
    samples_in(turn.prefix_padding_duration.max(ms(800)) + before.max(turn.min_silence_duration) + ms(20))
}

/// A key of a duration and the ends of its range.
#[derive(Debug)]
struct Key {
    name: String,
    least: Duration,
    most: Duration,
}

impl Key {
    /// What it is set to for a duration.
    fn values(&self, time: Duration) -> Vec<String> {
        let time = format!("{}ms", time.as_millis());
        match self.name.as_str() {
            "silero.reset" => vec![format!("silence {time}"), format!("every {time}")],
            _ => vec![time],
        }
    }

    /// The defaults with this key, and those that it makes no sense without.
    fn set(&self, value: &str) -> Result<GateConfig, ConfigError> {
        let mut config = GateConfig::default();
        match self.name.as_str() {
            "storm.first_retry_duration" => config = config.with("storm.longest_retry_duration", "86400s")?,
            "storm.longest_retry_duration" => config = config.with("storm.first_retry_duration", "1s")?,
            "webrtc.smoothing_duration" => config.vad = VadChoice::Webrtc,
            "forward.close_after" => config.forward.policy = ForwardPolicy::Keepalive,
            _ => {}
        }
        config.with(&self.name, value)
    }
}

/// Every key whose comment gives a range, as in `(0ms to 2s)`.
fn documented() -> Vec<Key> {
    let (mut section, mut comment, mut found) = ("", String::new(), Vec::new());
    for line in GateConfig::commented_toml().lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
        } else if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            comment.clear();
        } else if let Some((key, _)) = line.split_once(" = ") {
            let range = comment.rsplit_once('(').and_then(|(_, text)| range(text));
            found.extend(range.map(|(least, most)| Key { name: format!("{section}.{key}"), least, most }));
            comment.clear();
        }
    }
    assert!(found.len() >= 24, "only {} keys have a range", found.len());
    found
}

fn range(text: &str) -> Option<(Duration, Duration)> {
    let (least, rest) = text.split_once(" to ")?;
    let most = rest.split([')', ',', ':']).next()?;
    Some((humantime::parse_duration(least).ok()?, seconds(most)?))
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().strip_suffix('s').and_then(|number| number.parse().ok());
    seconds.map(Duration::from_secs_f64).or_else(|| humantime::parse_duration(text.trim()).ok())
}

/// A turn and a pause and a turn, then silence that ends any.
fn turn() -> Vec<Frame> {
    let silence = std::iter::repeat_n(Frame::gap(), 1_100);
    wav("clean_turn").into_iter().chain(silence).collect()
}

/// The user cuts in on the agent: the microphone, then silence, and the playback.
fn call() -> (Vec<Frame>, Vec<Frame>) {
    let silence = std::iter::repeat_n(Frame::gap(), 1_100);
    (wav("echo_mic").into_iter().chain(silence).collect(), wav("echo_playback"))
}

fn wav(name: &str) -> Vec<Frame> {
    let path = format!("{}/samples/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    let samples: Vec<i16> = hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect();
    let frame = |chunk: &[i16]| Frame::new(std::array::from_fn(|i| f32::from(chunk[i]) / 32_768.0)).unwrap();
    samples.chunks_exact(FRAME_LEN).map(frame).collect()
}
