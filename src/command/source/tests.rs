//! Every way that audio may be written, against the samples that went in.

mod written;

use std::io::Cursor;

use hound::WavReader;
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::encoding::Encoding;
use super::input::Input;
use super::*;
use crate::command::interrupt::Interrupt;
use written::{Format, RATE, Wav, extensible, format, ints, shares, ways_to_write};

#[test]
fn what_is_the_same_audio_reads_as_the_same_samples() {
    let audio = speech();
    let expected = shares(&audio);
    for (kind, bytes) in ways_to_write(&audio) {
        for input in [piped(&bytes), in_a_file(&bytes)] {
            let (read, end) = read(input);
            assert!(end.is_ok(), "{kind}: {end:?}");
            assert_eq!((read.sample_rate, read.channels, read.samples.len()), (RATE, 1, audio.len()), "{kind}");
            assert!(read.samples == expected, "{kind}");
        }
    }
}

/// A fit playback and a progress bar need it.
#[test]
fn a_file_tells_how_many_sample_frames_it_has() {
    let audio = speech();
    for (kind, bytes) in ways_to_write(&audio) {
        let known = read(in_a_file(&bytes)).0.frames;
        let is_told = matches!(kind, "a stale size" | "a stale size and a chunk");
        assert!(is_told || known == Some(audio.len() as u64), "{kind}: {known:?}");
    }
}

#[test]
fn valid_bits_count_from_the_top_of_their_container() {
    let loud = [i16::MIN, -16_384, -1, 0, 1, 16_384, i16::MAX];
    let bytes = Wav { format: extensible(4, 24), ..Wav::of(ints(&loud, 4)) }.bytes();
    assert_eq!(read(piped(&bytes)).0.samples, shares(&loud));
}

#[test]
fn channels_stay_interleaved() {
    let audio: Vec<i16> = (0..600).collect();
    let format = Format { channels: 3, ..format(1, 16) };
    let (read, _) = read(piped(&Wav { format: format.bytes(), ..Wav::of(ints(&audio, 2)) }.bytes()));
    assert_eq!((read.channels, read.samples), (3, shares(&audio)));
}

#[test]
fn mu_law_and_a_law_are_those_of_g711() {
    let codes: Vec<u8> = (0..=255).collect();
    for (tag, encoding, expand) in [(7, Encoding::Mulaw, mu_law as fn(u8) -> i16), (6, Encoding::Alaw, a_law)] {
        let expected = shares(&codes.iter().map(|code| expand(*code)).collect::<Vec<_>>());
        let wav = Wav { format: format(tag, 8).bytes(), ..Wav::of(codes.clone()) }.bytes();
        assert_eq!(read(piped(&wav)).0.samples, expected, "{encoding:?} in a WAV file");
        let mut raw = raw::open(piped(&codes), raw::RawFormat::new(8_000, 1, encoding));
        let mut samples = Vec::new();
        raw.decoder.decode(&mut samples, BLOCK).unwrap();
        assert_eq!(samples, expected, "raw {encoding:?}");
    }
}

#[test]
fn what_is_there_of_a_file_that_was_cut_off_is_read_first() {
    let audio = speech();
    let whole = Wav::of(ints(&audio, 2)).bytes();
    for kept in [whole.len() / 2 + 1, whole.len() - 200, 44 + 2] {
        for input in [piped(&whole[..kept]), in_a_file(&whole[..kept])] {
            let (read, end) = read(input);
            let told = end.unwrap_err().to_string();
            assert!(read.samples == shares(&audio[..(kept - 44) / 2]), "{kept}: {}", read.samples.len());
            assert!(told.contains("a test"), "{told}");
        }
    }
    for kept in [4, 11, 20, 36, 43] {
        let opened = Source::read_from(piped(&whole[..kept]), Headerless::Unknown);
        let refused = opened.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(kept < 12 || refused.contains("cut off"), "{kept}: {refused}");
        assert!(!refused.is_empty(), "{kept}");
    }
}

#[test]
fn audio_that_is_not_read_says_what_it_is_and_how_to_convert_it() {
    let wav = |tag, bits| Wav { format: format(tag, bits).bytes(), ..Wav::of(vec![0; 650]) }.bytes();
    for (bytes, expected) in [
        (wav(0x31, 0), "holds GSM 6.10 audio"),
        (wav(0x55, 0), "holds MPEG audio"),
        (wav(0x1234, 16), "holds audio of the kind 0x1234"),
        (wav(3, 16), "holds floats of 16 bits"),
        (wav(1, 64), "holds integers of 64 bits"),
        (b"FORM\0\0\0\0AIFF".to_vec(), "is an AIFF file"),
        (b"\x1a\x45\xdf\xa3webm webm".to_vec(), "is a WebM or Matroska file"),
        (b"Remember the milk.".to_vec(), "is not audio that is read here"),
        #[cfg(feature = "formats")]
        (fixture("opus.ogg"), "holds Opus audio"),
    ] {
        let error = Source::read_from(piped(&bytes), Headerless::Unknown).err().map(|error| format!("{error:#}"));
        let told = error.unwrap_or_default();
        assert!(told.contains(expected) && told.contains("`ffmpeg -i IN OUT.wav`"), "{expected}: {told}");
    }
}

#[cfg(feature = "formats")]
mod coded {
    use super::*;

    #[test]
    fn flac_reads_as_the_samples_that_went_in() {
        for input in [piped(&fixture("call.flac")), fixture_file("call.flac")] {
            let (read, end) = read(input);
            assert!(end.is_ok() && read.samples == shares(&call()), "{end:?}, {}", read.samples.len());
            assert_eq!((read.sample_rate, read.channels, read.frames), (8_000, 1, Some(20_000)));
        }
    }

    /// The encoder's delay and padding are left out: the speech is where it was.
    #[test]
    fn lossy_kinds_keep_the_time() {
        for (name, longer_by) in [
            ("call.mp3", 0..=0),
            ("call.ogg", 0..=0),
            ("call.m4a", 0..=8),        // its length is in milliseconds
            ("ima_adpcm.wav", 0..=504), // the last block is filled up
            ("ms_adpcm.wav", 0..=499),
        ] {
            let (read, end) = read(fixture_file(name));
            assert!(end.is_ok(), "{name}: {end:?}");
            let (call, len) = (shares(&call()), read.samples.len());
            assert!(longer_by.contains(&(len - call.len())), "{name}: {len} samples");
            assert!(read.frames.is_none_or(|frames| frames == len as u64), "{name}: {:?} of {len}", read.frames);
            let lag = (-1_200..=1_200)
                .max_by(|a, b| likeness(&call, &read.samples, *a).total_cmp(&likeness(&call, &read.samples, *b)));
            assert!(lag.is_some_and(|lag: i32| lag.abs() <= 1), "{name}: {lag:?} samples late");
        }
    }

    #[test]
    fn a_pipe_gives_the_same_samples_as_a_file() {
        for name in ["call.mp3", "call.ogg", "ima_adpcm.wav", "ms_adpcm.wav"] {
            let (file, pipe) = (read(fixture_file(name)).0, read(piped(&fixture(name))).0);
            assert!(!file.samples.is_empty() && file.samples == pipe.samples, "{name}");
        }
    }

    #[test]
    fn what_is_there_of_a_file_that_was_cut_off_is_read_first() {
        for name in ["call.flac", "call.mp3", "faststart.m4a", "ima_adpcm.wav", "ms_adpcm.wav"] {
            let whole = fixture(name);
            let kept = &whole[..whole.len() * 6 / 10];
            let all = read(in_a_file(&whole)).0;
            let (part, end) = read(in_a_file(kept));
            let same = part.samples.len().min(all.samples.len() / 2);
            assert!(part.samples.len() > all.samples.len() * 4 / 10, "{name}: {} samples", part.samples.len());
            assert!(part.samples[..same] == all.samples[..same], "{name}");
            assert!(end.is_err_and(|error| format!("{error:#}").contains("cut off")), "{name}");
        }
    }

    #[test]
    fn an_mp4_that_was_never_finished_says_so() {
        let whole = fixture("call.m4a");
        let refused = Source::read_from(in_a_file(&whole[..whole.len() / 2]), Headerless::Unknown).err();
        assert!(refused.is_some_and(|error| error.to_string().contains("has no index")));
    }

    /// How alike `b` is to `a`, `lag` samples later.
    fn likeness(a: &[f32], b: &[f32], lag: i32) -> f64 {
        let at =
            |i: usize| usize::try_from(i as i64 + i64::from(lag)).ok().and_then(|i| b.get(i)).copied().unwrap_or(0.0);
        a.iter().enumerate().map(|(i, x)| f64::from(*x) * f64::from(at(i))).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Corrupt input ends in samples or in an error, not in a panic.
    #[test]
    fn rubbish_does_not_panic(
        seed in 0..SEEDS.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        kept in any::<prop::sample::Index>(),
        tail in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = fixture(SEEDS[seed]);
        // Half of the flips hit the header.
        let (half, len) = (flips.len() / 2, bytes.len());
        for (i, (at, value)) in flips.into_iter().enumerate() {
            bytes[at.index(if i < half { 64 } else { len })] = value;
        }
        bytes.truncate(kept.index(2 * len));
        bytes.extend(tail);
        bytes.push(0); // an empty file is refused by its name
        for input in [piped(&bytes), in_a_file(&bytes)] {
            let Ok(mut source) = Source::read_from(input, Headerless::Unknown) else { continue };
            let mut blocks = 0;
            while let Ok(Some(samples)) = source.read() {
                prop_assert_eq!(samples.len() % usize::from(source.channels), 0);
                blocks += 1;
                prop_assert!(blocks < 100_000, "it ends");
            }
        }
    }
}

struct Audio {
    sample_rate: u32,
    channels: u16,
    frames: Option<u64>,
    samples: Vec<f32>,
}

fn read(input: Input) -> (Audio, anyhow::Result<()>) {
    let mut source = Source::read_from(input, Headerless::Unknown).unwrap();
    let mut samples = Vec::new();
    let end = loop {
        match source.read() {
            Ok(Some(block)) => samples.extend_from_slice(block),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let Source { sample_rate, channels, frames, .. } = source;
    (Audio { sample_rate, channels, frames, samples }, end)
}

fn piped(bytes: &[u8]) -> Input {
    Input { bytes: Box::new(Cursor::new(bytes.to_vec())), name: "a test".into(), file: None }
}

/// A regular file, which is written over by the next.
fn in_a_file(bytes: &[u8]) -> Input {
    thread_local!(static FILE: NamedTempFile = NamedTempFile::new().unwrap());
    FILE.with(|file| {
        std::fs::write(file.path(), bytes).unwrap();
        Input { name: "a test".into(), ..Input::open(file.path(), &Interrupt::default()).unwrap() }
    })
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixture_path(name)).unwrap()
}

fn fixture_file(name: &str) -> Input {
    Input::open(&fixture_path(name), &Interrupt::default()).unwrap()
}

fn fixture_path(name: &str) -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if name == "phone.wav" { root.join("samples").join(name) } else { root.join("tests/cli/audio").join(name) }
}

/// What the fixtures were made of.
fn call() -> Vec<i16> {
    let wav = WavReader::open(fixture_path("phone.wav")).unwrap();
    wav.into_samples().take(20_000).map(Result::unwrap).collect()
}

/// Some of it, from where the user speaks.
fn speech() -> Vec<i16> {
    call().split_off(14_999)
}

/// ITU-T G.711, as Sun's g711.c expands it.
fn mu_law(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i16::from(code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
    if code & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

/// ITU-T G.711, as Sun's g711.c expands it.
fn a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let step = i16::from(code & 0x0f) << 4;
    let magnitude = match (code & 0x70) >> 4 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(feature = "formats")]
const SEEDS: [&str; 8] =
    ["phone.wav", "call.flac", "call.mp3", "call.ogg", "call.m4a", "faststart.m4a", "ima_adpcm.wav", "ms_adpcm.wav"];
#[cfg(not(feature = "formats"))]
const SEEDS: [&str; 1] = ["phone.wav"];
