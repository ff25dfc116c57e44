//! WAV files as various programs write them.

/// `audio` in every kind that keeps it whole.
pub(super) fn ways_to_write(audio: &[i16]) -> Vec<(&'static str, Vec<u8>)> {
    let plain = || Wav::of(ints(audio, 2));
    let wide = |bytes: u16| Wav::of(ints(audio, bytes));
    let len = 2 * audio.len() as u32;
    let list = || (*b"LIST", b"INFOISFT\x05\0\0\0voxg\0\0".to_vec());
    let floats = |bits| Wav { format: format(3, bits).bytes(), ..Wav::of(floats(audio, bits)) };
    let sized = |size| Wav { size: Some(size), ..plain() };
    let rf64 = |magic: &[u8; 4], bytes: u64| {
        let ds64 = [0_u64.to_le_bytes(), bytes.to_le_bytes(), [0; 8]].concat();
        Wav { magic: *magic, size: Some(u32::MAX), before: vec![(*b"ds64", ds64)], ..plain() }
    };
    let formatted = |format: Format| Wav { format: format.bytes(), ..plain() };
    let mut ways = vec![
        ("16 bits", plain()),
        ("24 bits", Wav { format: format(1, 24).bytes(), ..wide(3) }),
        ("32 bits", Wav { format: format(1, 32).bytes(), ..wide(4) }),
        ("24 valid bits in 32", Wav { format: extensible(4, 24), ..wide(4) }),
        ("20 valid bits in 24", Wav { format: extensible(3, 20), ..wide(3) }),
        ("16 bits, extensible", Wav { format: extensible(2, 16), ..plain() }),
        ("24 bits in blocks of 32", Wav { format: Format { block: 4, ..format(1, 24) }.bytes(), ..wide(4) }),
        ("20 bits", Wav { format: format(1, 20).bytes(), ..wide(3) }),
        ("32-bit floats", floats(32)),
        ("64-bit floats", floats(64)),
        ("RF64", rf64(b"RF64", len.into())),
        ("BW64", rf64(b"BW64", len.into())),
        ("RF64 from a pipe", rf64(b"RF64", 0)),
        ("an odd chunk", Wav { before: vec![(*b"bext", vec![7; 603])], ..plain() }),
        ("chunks before and after", Wav { before: vec![list()], after: vec![list()], ..plain() }),
        ("a wrong byte rate", formatted(Format { byte_rate: 0, ..format(1, 16) })),
        ("a wrong block align", formatted(Format { block: 1, ..format(1, 16) })),
        ("no block align", formatted(Format { block: 0, ..format(1, 16) })),
        ("no bits", formatted(Format { bits: 0, ..format(1, 16) })),
        ("a killed recorder", sized(0)),
        ("ffmpeg to a pipe", sized(u32::MAX)),
        ("sox to a pipe", sized(0x7fff_f000)),
        ("Oboe", sized(i32::MAX as u32)),
        ("arecord", sized(0x8000_0000)),
        ("a header that counts itself", sized(len + 44)),
        ("a stale size", sized(len / 2)),
        ("a stale size and a chunk", Wav { before: vec![list()], ..sized(len / 4) }),
    ];
    ways.push(("RIFX", Wav { magic: *b"RIFX", ..Wav::of(audio.iter().flat_map(|x| x.to_be_bytes()).collect()) }));
    let mut ways: Vec<_> = ways.into_iter().map(|(kind, wav)| (kind, wav.bytes())).collect();
    // A writer that does not know of pad bytes.
    let mut unpadded = Wav { before: vec![(*b"bext", vec![7; 603])], ..plain() }.bytes();
    unpadded.remove(36 + 8 + 603);
    ways.push(("an odd chunk without its pad byte", unpadded));
    ways
}

/// A file to be written, chunk by chunk.
pub(super) struct Wav {
    pub(super) magic: [u8; 4],
    pub(super) format: Vec<u8>,
    pub(super) before: Vec<([u8; 4], Vec<u8>)>,
    /// What the header says, if not what is true.
    pub(super) size: Option<u32>,
    pub(super) data: Vec<u8>,
    pub(super) after: Vec<([u8; 4], Vec<u8>)>,
}

impl Wav {
    pub(super) fn of(data: Vec<u8>) -> Self {
        Self { magic: *b"RIFF", format: format(1, 16).bytes(), before: vec![], size: None, data, after: vec![] }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let number = |n: u32| if self.magic == *b"RIFX" { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut format = self.format.clone();
        if self.magic == *b"RIFX" {
            for field in [0..2, 2..4, 4..8, 8..12, 12..14, 14..16] {
                format[field].reverse();
            }
        }
        let mut bytes = [self.magic, number(u32::MAX), *b"WAVE"].concat();
        let mut chunk = |id: &[u8; 4], body: &[u8], size: u32| {
            bytes.extend([*id, number(size)].concat());
            bytes.extend(body);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
        };
        chunk(b"fmt ", &format, format.len() as u32);
        self.before.iter().for_each(|(id, body)| chunk(id, body, body.len() as u32));
        chunk(b"data", &self.data, self.size.unwrap_or(self.data.len() as u32));
        self.after.iter().for_each(|(id, body)| chunk(id, body, body.len() as u32));
        bytes
    }
}

/// The `fmt ` chunk.
#[derive(Clone, Copy)]
pub(super) struct Format {
    pub(super) tag: u16,
    pub(super) channels: u16,
    pub(super) byte_rate: u32,
    pub(super) block: u16,
    pub(super) bits: u16,
}

/// One channel, with all that follows from the bits.
pub(super) fn format(tag: u16, bits: u16) -> Format {
    let block = bits.div_ceil(8);
    Format { tag, channels: 1, byte_rate: RATE * u32::from(block), block, bits }
}

impl Format {
    pub(super) fn bytes(self) -> Vec<u8> {
        let Self { tag, channels, byte_rate, block, bits } = self;
        let block = block * channels;
        let mut bytes = [tag, channels].map(u16::to_le_bytes).concat();
        bytes.extend([RATE, byte_rate].map(u32::to_le_bytes).concat());
        bytes.extend([block, bits].map(u16::to_le_bytes).concat());
        bytes
    }
}

/// WAVE_FORMAT_EXTENSIBLE for integers.
pub(super) fn extensible(container_bytes: u16, valid_bits: u16) -> Vec<u8> {
    let mut bytes = format(0xfffe, 8 * container_bytes).bytes();
    bytes.extend([22, valid_bits, 4, 0].map(u16::to_le_bytes).concat());
    bytes.extend(b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    bytes
}

/// Integers at the top of `bytes`, little-endian.
pub(super) fn ints(samples: &[i16], bytes: u16) -> Vec<u8> {
    let pad = vec![0; usize::from(bytes) - 2];
    samples.iter().flat_map(|sample| [&pad[..], &sample.to_le_bytes()].concat()).collect()
}

fn floats(samples: &[i16], bits: u16) -> Vec<u8> {
    let shares = shares(samples);
    match bits {
        32 => shares.iter().flat_map(|share| share.to_le_bytes()).collect(),
        _ => shares.iter().flat_map(|share| f64::from(*share).to_le_bytes()).collect(),
    }
}

pub(super) fn shares(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect()
}

pub(super) const RATE: u32 = 8_000;
