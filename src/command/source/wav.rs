//! WAV files as various programs write them: RIFF, RIFX, RF64 and BW64.
//!
//! Header fields that follow from the kind of the samples are ignored: the byte rate, and the block align where the
//! bits tell how wide a sample is. Valid bits stand at the top of their container (Microsoft, "Multiple Channel Audio
//! Data and WAVE Files"), so integers count as shares of the container's range.

use std::io::ErrorKind;

use anyhow::{Context, anyhow, bail};

use super::data::Data;
use super::decode::{CONVERT, CUT_OFF, Decode, Opened};
use super::encoding::{Encoding, Plain, Torn};
use super::input::Input;
use super::riff::{Adpcm, Format, Header, Order, PCM};

/// Reads the header and stops where the samples begin.
pub(super) fn open(input: Input) -> anyhow::Result<Opened> {
    let name = input.name;
    let (header, bytes) = Header::read(input.bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => anyhow!("{name} {CUT_OFF}"),
        _ => anyhow!("{name} cannot be read: {error}; {CONVERT}"),
    })?;
    let format = header.format.with_context(|| format!("{name} has no format in its header; {CONVERT}"))?;
    let Format { sample_rate, channels, .. } = format;
    if channels == 0 {
        bail!("{name} has 0 channels, by its header, which is broken; {CONVERT}");
    }
    let coding = coding(&format, header.order)
        .map_err(|what| anyhow!("{name} holds {what}, which is not read here; {CONVERT}"))?;
    let data = Data::new(bytes, header.size, header.bytes);
    let data_bytes = input.file.map(|(_, bytes)| data.len(bytes.saturating_sub(header.bytes)));
    let (frames, decoder): (_, Box<dyn Decode>) = match coding {
        Coding::Plain(encoding) => {
            let frame_bytes = encoding.bytes() as u64 * u64::from(channels);
            let decoder = Plain::new(data, encoding, channels, Torn::Dropped);
            (data_bytes.map(|bytes| bytes / frame_bytes), Box::new(decoder))
        }
        #[cfg(feature = "formats")]
        Coding::Adpcm(codec) => {
            let blocks = super::adpcm::Blocks::new(codec, &format).map_err(|error| anyhow!("{name} {error}"))?;
            let most = header.frames.unwrap_or(u64::MAX);
            (data_bytes.map(|bytes| blocks.frames(bytes).min(most)), Box::new(blocks.decoder(data, most)))
        }
        #[cfg(not(feature = "formats"))]
        Coding::Adpcm(_) => {
            bail!("{name} holds ADPCM audio, and this voxgate was built without the feature `formats`; {CONVERT}")
        }
    };
    Ok(Opened { sample_rate, channels, frames, decoder })
}

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain(Encoding),
    Adpcm(Adpcm),
}

/// How the samples are written; else what they are. The tags are those of `mmreg.h`.
fn coding(format: &Format, order: Order) -> Result<Coding, String> {
    let plain = |little, big| Ok(Coding::Plain(if order == Order::Big { big } else { little }));
    let bits = format.bits;
    match format.tag {
        PCM => match container_bytes(format) {
            1 => plain(Encoding::U8, Encoding::U8),
            2 => plain(Encoding::S16le, Encoding::S16be),
            3 => plain(Encoding::S24le, Encoding::S24be),
            4 => plain(Encoding::S32le, Encoding::S32be),
            _ => Err(format!("integers of {bits} bits")),
        },
        3 => match bits {
            32 => plain(Encoding::F32le, Encoding::F32be),
            64 => plain(Encoding::F64le, Encoding::F64be),
            _ => Err(format!("floats of {bits} bits")),
        },
        6 => plain(Encoding::Alaw, Encoding::Alaw),
        7 => plain(Encoding::Mulaw, Encoding::Mulaw),
        2 => Ok(Coding::Adpcm(Adpcm::Microsoft)),
        0x11 => Ok(Coding::Adpcm(Adpcm::Ima)),
        0x31 => Err("GSM 6.10 audio".into()),
        0x50 | 0x55 => Err("MPEG audio".into()),
        0x64 | 0x45 => Err("G.726 audio".into()),
        0x65 | 0x28f => Err("G.722 audio".into()),
        0x83 => Err("G.729 audio".into()),
        tag => Err(format!("audio of the kind {tag:#06x}")),
    }
}

/// Bytes per integer. The bits tell, but 24 of them may lie in four bytes.
fn container_bytes(format: &Format) -> u16 {
    let Format { channels, block_bytes, .. } = *format;
    match format.bits {
        0 => block_bytes / channels,
        17..=24 if u32::from(block_bytes) == 4 * u32::from(channels) => 4,
        bits => bits.div_ceil(8),
    }
}
