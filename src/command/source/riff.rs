//! Chunks, and what those before a WAV's samples say.

use std::io::{self, Cursor, Error, ErrorKind, Read};

use super::data::Size;
use super::decode::Bytes;

/// Four bits per sample, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adpcm {
    Microsoft,
    Ima,
}

/// What stands before the samples.
pub(super) struct Header {
    pub(super) format: Option<Format>,
    /// Sample frames, as compressed kinds tell them.
    #[cfg_attr(not(feature = "formats"), expect(dead_code, reason = "no compressed kind is read then"))]
    pub(super) frames: Option<u64>,
    pub(super) size: Size,
    pub(super) order: Order,
    /// Bytes before the first sample.
    pub(super) bytes: u64,
}

/// The `fmt ` chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// What codec, as `mmreg.h` numbers them; of an extensible format its sub-format.
    pub(super) tag: u16,
    pub(super) channels: u16,
    pub(super) sample_rate: u32,
    pub(super) block_bytes: u16,
    pub(super) bits: u16,
}

/// The order of the bytes in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    /// RIFX.
    Big,
}

impl Header {
    /// Reads up to the samples, which come next on the reader that is handed back.
    pub(super) fn read(bytes: Bytes) -> io::Result<(Self, Bytes)> {
        let mut chunks = Chunks::begin(bytes)?;
        let order = chunks.order;
        let (mut format, mut frames, mut long_size) = (None, None, None);
        loop {
            let (id, size) = chunks.next()?;
            match &id {
                b"fmt " => format = Some(Format::parse(&chunks.body(size)?, order)),
                b"fact" => frames = Some(u64::from(order.u32_at(&chunks.body(size)?, 0))),
                b"ds64" => long_size = chunks.body(size)?.get(8..16).and_then(|bytes| bytes.try_into().ok()),
                b"data" => {
                    let long = long_size.map(u64::from_le_bytes).filter(|_| size == u32::MAX);
                    let size = Size::new(long.unwrap_or(u64::from(size)));
                    let frames = frames.filter(|frames| *frames > 0);
                    return Ok((Self { format, frames, size, order, bytes: chunks.position }, chunks.bytes));
                }
                _ => chunks.skip(size)?,
            }
        }
    }
}

impl Format {
    /// What is missing counts as 0.
    fn parse(bytes: &[u8], order: Order) -> Self {
        let tag = match order.u16_at(bytes, 0) {
            // The sub-format's identifier begins with its tag.
            EXTENSIBLE if bytes.len() >= 28 => order.u32_at(bytes, 24) as u16,
            EXTENSIBLE => PCM,
            tag => tag,
        };
        Self {
            tag,
            channels: order.u16_at(bytes, 2),
            sample_rate: order.u32_at(bytes, 4),
            block_bytes: order.u16_at(bytes, 12),
            bits: order.u16_at(bytes, 14),
        }
    }
}

impl Order {
    /// The number at `at`; 0 if it is not there.
    fn u16_at(self, bytes: &[u8], at: usize) -> u16 {
        let number = bytes.get(at..).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or_default();
        if self == Self::Big { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) }
    }

    /// The number at `at`; 0 if it is not there.
    fn u32_at(self, bytes: &[u8], at: usize) -> u32 {
        let number = bytes.get(at..).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or_default();
        if self == Self::Big { u32::from_be_bytes(number) } else { u32::from_le_bytes(number) }
    }
}

/// Chunks one after the other.
struct Chunks {
    bytes: Bytes,
    order: Order,
    /// Bytes read so far.
    position: u64,
}

impl Chunks {
    fn begin(bytes: Bytes) -> io::Result<Self> {
        let mut chunks = Self { bytes, order: Order::Little, position: 0 };
        let head = chunks.take(12)?;
        chunks.order = if head.starts_with(b"RIFX") { Order::Big } else { Order::Little };
        Ok(chunks)
    }

    /// The name and the size of the next.
    fn next(&mut self) -> io::Result<([u8; 4], u32)> {
        let head = self.take(8)?;
        Ok(([head[0], head[1], head[2], head[3]], self.order.u32_at(&head, 4)))
    }

    /// What is in one that matters.
    fn body(&mut self, size: u32) -> io::Result<Vec<u8>> {
        if size > LONGEST_BODY {
            return Err(Error::new(ErrorKind::InvalidData, "its header makes no sense"));
        }
        let body = self.take(size as usize)?;
        self.pass_pad(size)?;
        Ok(body)
    }

    fn skip(&mut self, size: u32) -> io::Result<()> {
        let skipped = io::copy(&mut self.bytes.by_ref().take(u64::from(size)), &mut io::sink())?;
        self.position += skipped;
        if skipped < u64::from(size) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.pass_pad(size)
    }

    /// A zero pads chunks of odd length, as far as their writer knew.
    fn pass_pad(&mut self, size: u32) -> io::Result<()> {
        if size % 2 == 1 {
            let pad = self.take(1)?;
            if pad != [0] {
                self.position -= 1;
                let rest = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
                self.bytes = Box::new(Cursor::new(pad).chain(rest));
            }
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut taken = vec![0; len];
        self.bytes.read_exact(&mut taken)?;
        self.position += len as u64;
        Ok(taken)
    }
}

/// Integers.
pub(super) const PCM: u16 = 1;
/// The tag of a format that has its tag further down.
const EXTENSIBLE: u16 = 0xfffe;
/// Of a chunk that matters; the formats that there are take 18 to 1,000 bytes.
const LONGEST_BODY: u32 = 1 << 16;
