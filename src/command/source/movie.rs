//! An MP4's index. Its edit list tells the encoder's delay and padding.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The index, which is called the movie.
pub(super) struct Movie {
    boxes: Vec<u8>,
    pub(super) place: Place,
}

/// Where the index lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    BeforeSamples,
    AfterSamples,
}

/// The part of a track that is to be heard, in sample frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) start: u64,
    pub(super) frames: u64,
}

impl Movie {
    /// The `moov` box of a file; `None` without one.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut file = File::open(path)?;
        let mut place = Place::BeforeSamples;
        loop {
            let mut head = [0; 16];
            if file.read(&mut head[..8])? < 8 {
                return Ok(None);
            }
            let body_bytes = match u32_at(&head, 0) {
                // A box that reaches to the end of the file is the last.
                None | Some(0) => return Ok(None),
                Some(1) => {
                    file.read_exact(&mut head[8..])?;
                    u64_at(&head, 8).unwrap_or(0).saturating_sub(16)
                }
                Some(bytes) => u64::from(bytes).saturating_sub(8),
            };
            match &head[4..8] {
                b"moov" => {
                    let mut boxes = Vec::new();
                    file.take(body_bytes.min(LONGEST_MOVIE_BYTES)).read_to_end(&mut boxes)?;
                    return Ok(Some(Self { boxes, place }));
                }
                b"mdat" => place = Place::AfterSamples,
                _ => {}
            }
            let Ok(ahead) = i64::try_from(body_bytes) else { return Ok(None) };
            file.seek(SeekFrom::Current(ahead))?;
        }
    }

    /// What is to be heard of the first audio track; `None` without an edit list.
    pub(super) fn edit(&self, sample_rate: u32) -> Option<Edit> {
        let movie = &self.boxes[..];
        let tracks = children(movie).filter(|(kind, _)| kind == b"trak").map(|(_, track)| track);
        let (track, media) = tracks.filter_map(|track| Some((track, child(track, b"mdia")?))).find(is_audio)?;
        let track_hz = timescale_hz(child(media, b"mdhd")?)?;
        let movie_hz = timescale_hz(child(movie, b"mvhd")?)?;
        let (duration, start) = edit(child(child(track, b"edts")?, b"elst")?)?;
        let frames = |units: u64, hz: u32| {
            u64::try_from(u128::from(units) * u128::from(sample_rate) / u128::from(hz)).unwrap_or(u64::MAX)
        };
        Some(Edit { start: frames(start, track_hz), frames: frames(duration, movie_hz) })
    }
}

fn is_audio((_, media): &(&[u8], &[u8])) -> bool {
    child(media, b"hdlr").is_some_and(|handler| handler.get(8..12) == Some(b"soun"))
}

/// The first edit that plays something: its duration on the movie's clock, its start on the track's.
fn edit(list: &[u8]) -> Option<(u64, u64)> {
    let (is_long, entries) = (*list.first()? == 1, list.get(8..)?);
    let entry = |entry: &[u8]| match is_long {
        true => Some((u64_at(entry, 0)?, u64_at(entry, 8)? as i64)),
        false => Some((u64::from(u32_at(entry, 0)?), i64::from(u32_at(entry, 4)? as i32))),
    };
    let edits = entries.chunks_exact(if is_long { 20 } else { 12 }).filter_map(entry);
    // An empty edit, which starts at -1, only shifts the track against others.
    edits.filter_map(|(duration, start)| Some((duration, u64::try_from(start).ok()?))).next()
}

/// Of an `mvhd` or `mdhd` box.
fn timescale_hz(header: &[u8]) -> Option<u32> {
    let hz = u32_at(header, if *header.first()? == 1 { 20 } else { 12 })?;
    (hz > 0).then_some(hz)
}

fn child<'a>(parent: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(parent).find(|(other, _)| other == kind).map(|(_, body)| body)
}

/// The boxes in a box.
fn children(mut parent: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let len = u32_at(parent, 0)? as usize;
        let kind = *parent.get(4..)?.first_chunk()?;
        let body = parent.get(8..len)?;
        parent = &parent[len..];
        Some((kind, body))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Ten hours of AAC take 7 MB.
const LONGEST_MOVIE_BYTES: u64 = 1 << 26;
