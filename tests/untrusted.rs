//! Input that nobody trusts: whatever a file claims, reading it takes no more memory than SECURITY.md states, does not
//! panic, and ends.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use voxgate::budget::PriceBook;
use voxgate::command::untrusted;
use voxgate::vad::SileroModel;
use voxgate::{AudioFormat, Chunk, GateConfig, Intake, Samples};

#[global_allocator]
static PEAK: Peak = Peak;

#[test]
fn the_peak_is_measured() {
    let (peak, ()) = peak_of(|| {
        drop(std::hint::black_box(vec![0_u8; 3_000_000]));
        drop(std::hint::black_box(vec![0_u8; 2_000_000]));
    });
    assert!((3_000_000..3_001_000).contains(&peak), "{peak}");
}

/// A header may claim what it likes.
#[test]
fn a_wav_that_lies_takes_no_memory() {
    for (channels, rate, bits, size) in [
        (1, 16_000, 16, 0xffff_ff00_u32),
        (65_535, 16_000, 16, 0xffff_ffff),
        (8, 0xffff_ffff, 32, 0x7fff_ffff),
        (1, 1, 16, 0xffff_0000),
        (0, 0, 0, 0),
        (65_535, 192_000, 65_535, 0xffff_ff00),
    ] {
        for tag in [1, 2, 3, 6, 0x11, 0xfffe_u16] {
            let file = wav(tag, channels, rate, bits, size, &[1; 4_000]);
            _ = holds(AUDIO, &format!("{tag} {channels} {rate} {bits} {size}"), || untrusted::audio_piped(&file));
            _ = holds(AUDIO, &format!("{tag} {channels} {rate} {bits} {size}"), || {
                in_a_file(&file, untrusted::audio_file)
            });
        }
    }
    let mut chunks = b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff".to_vec();
    _ = holds(AUDIO, "a format of 4 GB", || untrusted::audio_piped(&chunks));
    chunks.splice(12..16, *b"LIST");
    _ = holds(AUDIO, "a list of 4 GB", || untrusted::audio_piped(&chunks));
}

/// Each codec, its file cut off anywhere, and every byte of its head at its worst.
#[test]
fn a_coded_file_that_is_damaged_takes_no_memory() {
    for name in
        ["call.flac", "call.mp3", "call.ogg", "call.m4a", "faststart.m4a", "ima_adpcm.wav", "ms_adpcm.wav", "opus.ogg"]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/audio").join(name);
        let whole = std::fs::read(path).unwrap();
        for at in (0..whole.len().min(600)).chain((600..whole.len()).step_by(61)) {
            let mut file = whole.clone();
            file.truncate(6_000.max(at + 1));
            file[at] = if at % 2 == 0 { 0xff } else { 0x7f };
            _ = holds(AUDIO, &format!("{name}, byte {at}"), || untrusted::audio_piped(&file));
            if name.ends_with("m4a") && at < 600 {
                file = whole.clone();
                file[at] = 0xff;
                _ = holds(AUDIO, &format!("{name}, byte {at}"), || in_a_file(&file, untrusted::audio_file));
            }
        }
    }
}

/// A tag of an MP3, and a picture in a FLAC, that claim to be as long as their fields can say.
#[test]
fn a_tag_that_claims_hundreds_of_megabytes_takes_no_memory() {
    let mut tag = b"ID3\x04\0\0\x7f\x7f\x7f\x7fAPIC\x7f\x7f\x7f\x7f\0\0".to_vec();
    tag.resize(4_000, 1);
    _ = holds(AUDIO, "ID3", || untrusted::audio_piped(&tag));
    let mut picture = b"fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\0".to_vec();
    picture.resize(42, 0);
    picture.extend(b"\x86\xff\xff\xff\0\0\0\x03\xff\xff\xff\xff");
    picture.resize(4_000, 1);
    _ = holds(AUDIO, "a picture", || untrusted::audio_piped(&picture));
}

#[test]
fn labels_and_frames_are_bounded_and_told_in_brief() {
    let long = |line: &[u8], times: usize| line.repeat(times);
    for (what, file) in [
        ("a line of 40 MB", long(b"0.5 is no label ", 2_500_000)),
        ("a cell of 40 MB", [b"0.5\t".to_vec(), long(b"9", 40_000_000)].concat()),
        (
            "RTTM of two recordings",
            [b"SPEAKER a 1 0 1 x x u x\nSPEAKER ".to_vec(), long(b"b", 30_000_000), b" 1 0 1 x x u x".to_vec()]
                .concat(),
        ),
        ("a text without end", [b"\"ooTextFile\" \"".to_vec(), long(b"\"\"", 10_000_000)].concat()),
        ("a class of 20 MB", [b"\"ooTextFile\" \"".to_vec(), long(b"x", 20_000_000), b"\"".to_vec()].concat()),
        (
            "a tier of no kind",
            [
                b"\"ooTextFile\" \"TextGrid\" 0 1 <exists> 1 \"".to_vec(),
                long(b"x", 20_000_000),
                b"\" \"\" 0 1 1 ".to_vec(),
            ]
            .concat(),
        ),
        ("a count of 20 MB", [b"\"ooTextFile\" \"TextGrid\" 0 1 <exists> ".to_vec(), long(b"9", 20_000_000)].concat()),
        ("WebVTT of one line", [b"WEBVTT\n\n".to_vec(), long(b"-", 40_000_000)].concat()),
    ] {
        let error = holds(8 * file.len() + SMALL, what, || in_a_file(&file, untrusted::labels)).unwrap_err();
        assert!(error.len() < 2_000, "{what}: a message of {} bytes", error.len());
        let error = holds(8 * file.len() + SMALL, what, || in_a_file(&file, untrusted::frames)).unwrap_err();
        assert!(error.len() < 2_000, "{what}: a message of {} bytes", error.len());
    }
    let header = b"t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms\n";
    let row = [header.to_vec(), long(b"7", 100_000_000), b"\n".to_vec()].concat();
    let error = holds(8 * row.len(), "a row of 100 MB", || in_a_file(&row, untrusted::frames)).unwrap_err();
    assert!(error.len() < 2_000, "a message of {} bytes", error.len());
}

/// Columns may come in any order, and a row may lack any of its cells.
#[test]
fn a_row_of_frames_that_is_cut_off_is_refused_whatever_the_order_of_columns() {
    let mut columns = ["t_ms", "speech", "echo", "delay_ms", "state", "verdict", "reason", "forwarded", "released_ms"];
    let cells = |name: &&str| match *name {
        "state" => "quiet",
        "verdict" => "hold",
        "delay_ms" | "reason" | "released_ms" => "",
        _ => "0",
    };
    for _ in 1..columns.len() {
        columns[1..].rotate_left(1);
        let row: Vec<&str> = columns.iter().map(cells).collect();
        for kept in 1..=row.len() {
            let table = format!("{}\n{}\n", columns.join(","), row[..kept].join(","));
            let read = in_a_file(table.as_bytes(), untrusted::frames);
            assert_eq!(read.is_ok(), kept == row.len(), "{table}: {read:?}");
        }
    }
}

/// A path may lead to a device that never ends.
#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_refused() {
    let zeros = Path::new("/dev/zero");
    let error = holds(200 << 20, "labels", || untrusted::labels(zeros)).unwrap_err();
    assert!(error.contains("more than 64 MiB"), "{error}");
}

#[test]
fn settings_and_prices_are_bounded_however_deep_they_nest() {
    let deep = |open: &str, close: &str, times: usize| format!("a = {}1{}", open.repeat(times), close.repeat(times));
    for text in [
        deep("[", "]", 10_000),
        deep("{a=", "}", 10_000),
        format!("a{} = 1", ".a".repeat(10_000)),
        format!("turn{} = 1", ".a".repeat(100_000)),
        format!("[a{}]\nb = 1", ".a".repeat(10_000)),
        "[[a]]\n".repeat(100_000),
        format!("vad = \"{}\"", "x".repeat(1_000_000)),
        format!("turn.{} = 1", "x".repeat(1_000_000)),
        format!("a = {}", "9".repeat(1_000_000)),
        "a = 1\n".repeat(100_000),
    ] {
        let what = &text[..20];
        let error =
            holds(SETTINGS, what, || GateConfig::from_toml(&text).map(drop).map_err(|e| e.to_string())).unwrap_err();
        assert!(error.len() < 3_000, "{what}: a message of {} bytes", error.len());
        let (key, value) = text.split_once('=').unwrap_or((&text, ""));
        holds(SETTINGS, what, || GateConfig::default().with(key, value).map(drop).map_err(|e| e.to_string()))
            .unwrap_err();
        let error =
            holds(SETTINGS, what, || PriceBook::from_toml(&text).map(drop).map_err(|e| e.to_string())).unwrap_err();
        assert!(error.len() < 3_000, "{what}: a message of {} bytes", error.len());
    }
}

#[test]
fn weights_that_lie_are_refused() {
    let of = |length: u64, header: &str| [&length.to_le_bytes(), header.as_bytes(), &[0; 64]].concat();
    let tensor = |shape: &str, offsets: &str| {
        let header = format!(r#"{{"8k.stft":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{offsets}]}}}}"#);
        of(header.len() as u64, &header)
    };
    for file in [
        vec![],
        of(u64::MAX, "{}"),
        of(100_000_000, "{}"),
        of(2, "[]"),
        tensor("4611686018427387904,8", "0,4"),
        tensor("1", "18446744073709551615,3"),
        tensor("18446744073709551615", "0,64"),
        tensor("", "64,0"),
    ] {
        holds(SMALL, "weights", || SileroModel::from_safetensors(&file).map(drop).map_err(|e| e.to_string()))
            .unwrap_err();
    }
}

/// A hole is refused, or handed out frame by frame, without memory.
#[test]
fn an_intake_takes_no_memory_for_what_is_claimed() {
    let sound = [1_i16; 1_600];
    holds(SMALL, "an intake", || {
        for rate in [0, 1, 7_999, 192_001, u32::MAX] {
            assert!(Intake::new(AudioFormat::mono(rate)).is_err());
        }
        for channels in [0, 9, u16::MAX] {
            assert!(Intake::new(AudioFormat::new(16_000, channels)).is_err());
        }
        let format = AudioFormat::mono(16_000);
        let mut intake = Intake::new(format).unwrap();
        let mut frames = 0;
        for at in [0, 599, 3_600, 86_400 * 365 * 900, u64::MAX] {
            let chunk = Chunk::new(Samples::I16(&sound), format).at(Duration::from_secs(at));
            _ = intake.push(chunk, |_| frames += 1);
        }
        assert!((59_000..61_000).contains(&frames), "{frames}");
        Ok::<(), String>(())
    })
    .unwrap();
}

fn wav(tag: u16, channels: u16, rate: u32, bits: u16, size: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0".to_vec();
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend(rate.wrapping_mul(2).to_le_bytes());
    file.extend(channels.wrapping_mul(bits / 8).to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(size.to_le_bytes());
    file.extend(data);
    file
}

fn in_a_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    read(file.path())
}

/// Does the work, which may take `most` bytes at once, and ten seconds of the processor.
#[track_caller]
fn holds<T>(most: usize, what: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let began = cpu_time::ThreadTime::now();
    let (peak, done) = peak_of(work);
    assert!(peak <= most, "{what}: {peak} bytes at once, at most {most} are stated");
    assert!(began.elapsed() < Duration::from_secs(10), "{what}: {:?}", began.elapsed());
    done
}

/// The most bytes that this thread had allocated at once within the work, beyond what it had before.
fn peak_of<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = IN_USE.get();
    MOST.set(before);
    let done = work();
    (MOST.get().saturating_sub(before) as usize, done)
}

thread_local! {
    static IN_USE: Cell<i64> = const { Cell::new(0) };
    static MOST: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of the bytes of each thread.
struct Peak;

// SAFETY: the system's allocator does the work; only sizes are counted beside it.
unsafe impl GlobalAlloc for Peak {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        used(layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        used(layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        used(-(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old and the new may both be there for a moment.
        used(size as i64);
        used(-(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

fn used(bytes: i64) {
    // A thread that ends has no locals any more.
    _ = IN_USE.try_with(|in_use| {
        in_use.set(in_use.get() + bytes);
        _ = MOST.try_with(|most| most.set(most.get().max(in_use.get())));
    });
}

/// For a file of audio, whatever it claims.
const AUDIO: usize = 64 << 20;
/// For settings and prices.
const SETTINGS: usize = 64 << 20;
const SMALL: usize = 4 << 20;
