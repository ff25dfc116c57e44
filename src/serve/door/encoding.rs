//! Encodings of telephone and speech audio: bytes into samples, and what is silent.

use audio_codec_algorithms::{decode_alaw, decode_ulaw};

/// How samples are written as bytes. Mono.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Encoding {
    /// G.711 μ-law, a byte a sample.
    Mulaw,
    /// G.711 A-law, a byte a sample.
    Alaw,
    /// Linear, 16 bits, little-endian.
    Linear16,
}

/// How audio is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Format {
    pub(in crate::serve) encoding: Encoding,
    pub(in crate::serve) sample_rate: u32,
}

impl Format {
    /// If the gate can hear audio of this rate.
    pub(in crate::serve) fn new(encoding: Encoding, sample_rate: u32) -> Option<Self> {
        (8_000..=192_000).contains(&sample_rate).then_some(Self { encoding, sample_rate })
    }
}

impl Encoding {
    /// By the names that the protocols use.
    pub(in crate::serve) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "audio/x-mulaw" | "audio/pcmu" | "pcmu" | "mulaw" | "g711_ulaw" => Some(Self::Mulaw),
            "audio/x-alaw" | "audio/pcma" | "pcma" | "alaw" | "g711_alaw" => Some(Self::Alaw),
            "audio/x-l16" | "audio/l16" | "l16" | "audio/pcm" | "pcm16" | "pcm_s16le" | "linear16" | "base64" => {
                Some(Self::Linear16)
            }
            _ => None,
        }
    }

    pub(in crate::serve) const fn bytes_a_sample(self) -> usize {
        match self {
            Self::Mulaw | Self::Alaw => 1,
            Self::Linear16 => 2,
        }
    }

    /// Half a sample at the end is dropped.
    pub(in crate::serve) fn decode(self, bytes: &[u8]) -> Vec<i16> {
        match self {
            Self::Mulaw => bytes.iter().map(|&byte| decode_ulaw(byte)).collect(),
            Self::Alaw => bytes.iter().map(|&byte| decode_alaw(byte)).collect(),
            Self::Linear16 => bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
        }
    }

    /// The byte that silence is made of.
    pub(in crate::serve) const fn silence(self) -> u8 {
        match self {
            Self::Mulaw => 0xFF,
            Self::Alaw => 0xD5,
            Self::Linear16 => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_the_quietest_that_each_encoding_has() {
        for (encoding, quietest) in [(Encoding::Mulaw, 0), (Encoding::Alaw, 8), (Encoding::Linear16, 0)] {
            let bytes = [encoding.silence(); 2];
            assert!(encoding.decode(&bytes).iter().all(|&sample| sample.abs() <= quietest), "{encoding:?}");
        }
    }

    #[test]
    fn a_sample_of_sixteen_bits_is_little_endian_and_half_a_sample_is_dropped() {
        assert_eq!(Encoding::Linear16.decode(&[0x34, 0x12, 0xFF]), [0x1234]);
        assert_eq!(Encoding::named("audio/x-mulaw"), Some(Encoding::Mulaw));
        assert_eq!(Encoding::named("opus"), None);
    }
}
