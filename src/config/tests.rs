use std::time::Duration;

use super::*;
use crate::error::ConfigError;

#[test]
fn the_commented_text_is_the_default() {
    assert_eq!(GateConfig::from_toml(GateConfig::commented_toml()).unwrap(), GateConfig::default());
    let given: toml::Table = GateConfig::commented_toml().parse().unwrap();
    assert_eq!(given, toml::Table::try_from(GateConfig::default()).unwrap(), "every key, written the same way");
}

#[test]
fn every_preset_is_a_valid_config() {
    for &preset in Preset::ALL {
        GateConfig::preset(preset).refuse_contradictions().unwrap();
    }
}

#[test]
fn durations_are_read_in_every_usual_way() {
    let ms = |text: &str| GateConfig::from_toml(text).unwrap().turn.min_silence_duration.as_millis();
    assert_eq!(ms("turn.min_silence_duration = \"650ms\""), 650);
    assert_eq!(ms("turn.min_silence_duration = \"1.25s\""), 1_250);
    assert_eq!(ms("turn.min_silence_duration = 0.4"), 400);
    assert_eq!(ms("turn.min_silence_duration = 2"), 2_000);
    let reset = |text: &str| GateConfig::default().with("silero.reset", text).map(|c| c.silero.reset);
    assert_eq!(reset("silence 10s"), Ok(SileroReset::Silence(Duration::from_secs(10))));
    assert_eq!(reset("\"every 2500ms\""), Ok(SileroReset::Every(Duration::from_millis(2_500))));
    assert!(reset("sometimes").is_err() && reset("every -5s").is_err() && reset("every 0s").is_err());
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    let nearest = |text: &str| match GateConfig::from_toml(text) {
        Err(ConfigError::UnknownKey { key, nearest }) => (key, nearest.unwrap_or_default()),
        other => panic!("{text}: {other:?}"),
    };
    let named = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(nearest("vda = \"both\""), named("vda", "vad"));
    assert_eq!(nearest("[turn]\nmin_silence = 1"), named("turn.min_silence", "turn.min_silence_duration"));
    assert_eq!(nearest("hangover_duration = 1"), named("hangover_duration", "turn.hangover_duration"));
    assert_eq!(nearest("[qqq]\nzzz = 1"), named("qqq.zzz", ""));
}

#[test]
fn values_out_of_range_are_refused_not_clamped() {
    for (text, part) in [
        ("turn.activation_threshold = 1.7", "1.7 is not a probability"),
        ("turn.deactivation_threshold = 0.9", "at most turn.activation_threshold (0.35)"),
        ("turn.sure_threshold = 0.2", "at least turn.activation_threshold (0.35)"),
        ("turn.tail_above_floor_db = -3.0", "from 0 to 60 dB"),
        ("turn.hangover_duration = \"13s\"", "from 0ms to 10s"),
        ("turn.tail_duration = \"13s\"", "from 0ms to 10s"),
        ("turn.max_speech_duration = \"5ms\"", "from 1s to 86400s"),
        ("webrtc.mode = 4", "expected 0, 1, 2 or 3"),
        ("webrtc.window = \"15ms\"", "10ms"),
        ("webrtc.smoothing_duration = \"5ms\"", "from 20ms to 1.28s"),
        ("vad = \"neural\"", "silero"),
        ("onnx.model = 3", "expected"),
        ("turn.min_speech_duration = \"soon\"", "such as 300ms"),
        ("turn.min_speech_duration = -1.0", "not a duration"),
        ("turn = 3", "turn"),
    ] {
        let message = GateConfig::from_toml(text).unwrap_err().to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn a_key_is_set_over_what_is_there() {
    let config = GateConfig::default().with("vad", "both").unwrap().with("turn.hangover_duration", "100ms").unwrap();
    assert_eq!((config.vad, config.turn.hangover_duration), (VadChoice::Both, Duration::from_millis(100)));
    let message = |key, value| GateConfig::default().with(key, value).unwrap_err().to_string();
    assert_eq!(message("turn.hangover", "1s"), "unknown key `turn.hangover`; did you mean `turn.hangover_duration`?");
    assert!(message("turn", "1").contains("is a section"));
    assert!(message("vad.mode", "1").contains("unknown key `vad.mode`"));
    assert!(message("turn.activation_threshold", "1.7").contains("1.7 is not a probability"));
    let nearest = "unknown key `trun.hangover_duration`; did you mean `turn.hangover_duration`?";
    assert_eq!(message("trun.hangover_duration", "1s"), nearest);
}
