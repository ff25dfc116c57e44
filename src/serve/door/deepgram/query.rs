//! What a request for `/v1/listen` asks for, and whether it can be gated.

use std::time::Duration;

use super::super::encoding::{Encoding, Format};

/// What is to be done with a connection's audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Listening {
    /// It goes to the gate.
    Gated(Asked),
    /// It passes, and this is why.
    Passes(String),
}

/// What matters of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Asked {
    pub(in crate::serve) encoding: Encoding,
    pub(super) sample_rate: u32,
    pub(super) channels: Channels,
    pub(super) end: AskedEnd,
}

/// What the channels of the audio are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    Mono,
    /// The second is the agent's voice as it is played, for the gate only.
    WithReference,
}

/// How the client learns of the end of what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskedEnd {
    /// `endpointing`: silence until a result is marked `speech_final`; `None` if the client has switched it off.
    pub(super) endpointing: Option<Duration>,
    /// `utterance_end_ms`: the gap between words until an `UtteranceEnd`.
    pub(super) utterance_end: Option<Duration>,
}

impl Asked {
    /// Whether the audio is the microphone's alone.
    #[cfg(any(test, fuzzing))]
    pub(in crate::serve) fn is_mono(&self) -> bool {
        self.channels == Channels::Mono
    }
}

impl Listening {
    /// Of what a client adds to a route's path and of the upstream's address, whose query counts where the client is
    /// silent.
    pub(in crate::serve) fn asked(rest: &str, address: &str) -> Self {
        let path = [address, rest].map(|part| part.split_once('?').map_or(part, |(path, _)| path)).concat();
        let value = |name: &str| [rest, address].into_iter().find_map(|part| query_value(part, name));
        let passes = |why: String| Self::Passes(why);
        if path.contains("/v2/") {
            return passes("/v2/listen finds the ends of turns by itself, in audio without cuts".to_owned());
        }
        if value("callback").is_some() {
            return passes("with `callback` the results go elsewhere, and their times cannot be mapped".to_owned());
        }
        let Some(name) = value("encoding") else {
            return passes("without `encoding` the audio is in a container, which is not decoded".to_owned());
        };
        let Some(encoding) = encoding_named(name) else {
            return passes(format!("encoding={name} is not decoded; linear16, mulaw and alaw are"));
        };
        let rate = value("sample_rate").and_then(|rate| rate.parse().ok());
        let Some(Format { sample_rate, .. }) = rate.and_then(|rate| Format::new(encoding, rate)) else {
            return passes("`sample_rate` is not from 8000 to 192000".to_owned());
        };
        let channels = match (value("channels").unwrap_or("1"), value(REFERENCE)) {
            ("1", None) => Channels::Mono,
            ("2", Some("channel")) => Channels::WithReference,
            (_, Some(given)) => return passes(format!("{REFERENCE}={given}; expected `channel`, and channels=2")),
            (count, None) => return passes(format!("channels={count}; one is gated")),
        };
        let millis = |name: &str| value(name).and_then(|value| value.parse().ok()).map(Duration::from_millis);
        let endpointing = match value("endpointing") {
            Some("false") => None,
            _ => Some(millis("endpointing").unwrap_or(DEFAULT_ENDPOINTING)),
        };
        let end = AskedEnd { endpointing, utterance_end: millis("utterance_end_ms") };
        Self::Gated(Asked { encoding, sample_rate, channels, end })
    }

    /// What goes on of what the client adds to the route's path.
    pub(in crate::serve) fn passed_on(&self, rest: &str) -> String {
        let Some((path, query)) = rest.split_once('?') else { return rest.to_owned() };
        let stripped = matches!(self, Self::Gated(Asked { channels: Channels::WithReference, .. }));
        let parameters = query.split('&').filter(|pair| !pair.starts_with("voxgate_")).map(|pair| match pair {
            "channels=2" if stripped => "channels=1",
            other => other,
        });
        let query = parameters.collect::<Vec<_>>().join("&");
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// Deepgram's names of what is decoded.
pub(super) fn encoding_named(name: &str) -> Option<Encoding> {
    match name {
        "linear16" => Some(Encoding::Linear16),
        "mulaw" => Some(Encoding::Mulaw),
        "alaw" => Some(Encoding::Alaw),
        _ => None,
    }
}

/// Of a path with a query.
pub(in crate::serve) fn query_value<'a>(part: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = part.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// 10 ms, if the client does not say; developers.deepgram.com/docs/endpointing.
const DEFAULT_ENDPOINTING: Duration = Duration::from_millis(10);
/// Says that the second channel is the agent's voice.
const REFERENCE: &str = "voxgate_reference";

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "wss://api.deepgram.com/v1/listen";

    fn asked(query: &str) -> Listening {
        Listening::asked(query, ADDRESS)
    }

    #[test]
    fn raw_audio_is_gated_and_all_else_passes_and_says_why() {
        let Listening::Gated(it) = asked("?model=nova-3&encoding=mulaw&sample_rate=8000") else { panic!("gated") };
        assert_eq!((it.encoding, it.sample_rate, it.channels), (Encoding::Mulaw, 8_000, Channels::Mono));
        assert_eq!(it.end.endpointing, Some(DEFAULT_ENDPOINTING));
        for (query, why) in [
            ("?model=nova-3", "container"),
            ("?encoding=opus&sample_rate=48000", "encoding=opus"),
            ("?encoding=linear16", "`sample_rate`"),
            ("?encoding=linear16&sample_rate=1", "`sample_rate`"),
            ("?encoding=linear16&sample_rate=16000&channels=2&multichannel=true", "channels=2"),
            ("?encoding=linear16&sample_rate=16000&channels=1&voxgate_reference=channel", "voxgate_reference"),
            ("?encoding=linear16&sample_rate=16000&callback=https%3A%2F%2Fexample.com", "callback"),
        ] {
            let Listening::Passes(told) = asked(query) else { panic!("{query} is gated") };
            assert!(told.contains(why), "{query}: {told}");
        }
        assert!(matches!(
            Listening::asked("?encoding=linear16&sample_rate=16000", "wss://d/v2/listen"),
            Listening::Passes(_)
        ));
    }

    #[test]
    fn the_address_says_what_the_client_does_not() {
        let fixed = format!("{ADDRESS}?encoding=linear16&sample_rate=16000");
        assert!(matches!(Listening::asked("?model=nova-3", &fixed), Listening::Gated(_)));
        assert!(matches!(Listening::asked("?encoding=opus", &fixed), Listening::Passes(_)));
    }

    #[test]
    fn how_an_end_is_told_is_read() {
        let end = |more: &str| match asked(&format!("?encoding=linear16&sample_rate=16000{more}")) {
            Listening::Gated(asked) => (asked.end.endpointing, asked.end.utterance_end),
            Listening::Passes(why) => panic!("{why}"),
        };
        let millis = |n| Some(Duration::from_millis(n));
        assert_eq!(end("&endpointing=300&utterance_end_ms=1000"), (millis(300), millis(1_000)));
        assert_eq!(end("&endpointing=false"), (None, None));
    }

    #[test]
    fn the_reference_is_for_the_gate_only() {
        let rest = "?encoding=linear16&sample_rate=16000&channels=2&voxgate_reference=channel&tag=channels%3D2";
        let listening = asked(rest);
        assert_eq!(listening.passed_on(rest), "?encoding=linear16&sample_rate=16000&channels=1&tag=channels%3D2");
        let multichannel = "/x?channels=2&multichannel=true";
        assert_eq!(asked(multichannel).passed_on(multichannel), multichannel);
        assert_eq!(asked("?voxgate_reference=channel").passed_on("?voxgate_reference=channel"), "");
    }
}
