//! What a file is, by its first bytes.

use std::io;

use super::input::Input;
use super::raw::Headerless;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    Coded(Coding),
    /// A kind that is known and not read, with its name.
    Foreign(&'static str),
    /// Raw samples, or no audio.
    Headerless,
}

/// A kind whose samples a codec makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Flac,
    Ogg,
    /// MP3, or AAC without a container.
    Mpeg,
    Mp4,
}

impl Kind {
    /// What comes next on `input`. Where the user says that it is raw, only an unmistakable header says otherwise.
    pub(super) fn of(input: &mut Input, headerless: Headerless) -> io::Result<Self> {
        let head = input.peek(HEAD_BYTES)?;
        let kind = Self::of_head(&head);
        if kind == Self::Headerless && !matches!(headerless, Headerless::Said(_)) && may_be_mpeg(&head) {
            return Ok(if is_mpeg(input)? { Self::Coded(Coding::Mpeg) } else { kind });
        }
        Ok(kind)
    }

    /// A header's name, with its article; `None` without one.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Wav => Some("a WAV file"),
            Self::Coded(coding) => Some(coding.name()),
            Self::Foreign(name) => Some(name),
            Self::Headerless => None,
        }
    }

    fn of_head(head: &[u8]) -> Self {
        let begins = |magic: &[u8]| head.starts_with(magic);
        let form = head.get(8..12).unwrap_or_default();
        if [b"RIFF", b"RIFX", b"RF64", b"BW64"].iter().any(|magic| begins(*magic)) {
            return if form == b"WAVE" { Self::Wav } else { Self::Foreign("a RIFF file without a WAVE in it") };
        }
        if head.get(4..8) == Some(b"ftyp") {
            return Self::Coded(Coding::Mp4);
        }
        let coded: [(&[u8], Coding); 3] = [(b"fLaC", Coding::Flac), (b"OggS", Coding::Ogg), (b"ID3", Coding::Mpeg)];
        if let Some((_, coding)) = coded.into_iter().find(|(magic, _)| begins(magic)) {
            return Self::Coded(coding);
        }
        let foreign = FOREIGN.iter().find(|(magic, _)| begins(magic));
        foreign.map_or(Self::Headerless, |(_, name)| Self::Foreign(name))
    }
}

impl Coding {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flac => "a FLAC file",
            Self::Ogg => "an Ogg file",
            Self::Mpeg => "an MP3 or AAC file",
            Self::Mp4 => "an MP4 file",
        }
    }
}

/// The sync word of an MP3 (MPEG 1, 2 and 2.5 layer III) or AAC frame; loud raw samples can begin so too.
fn may_be_mpeg(head: &[u8]) -> bool {
    matches!(head, [0xff, 0xfa | 0xfb | 0xf2 | 0xf3 | 0xe2 | 0xe3 | 0xf0 | 0xf1 | 0xf8 | 0xf9, ..])
}

/// Whether a second frame follows the first.
#[cfg(feature = "formats")]
fn is_mpeg(input: &mut Input) -> io::Result<bool> {
    Ok(super::mpeg::is_mpeg(&input.peek(MPEG_HEAD_BYTES)?))
}

#[cfg(not(feature = "formats"))]
fn is_mpeg(_: &mut Input) -> io::Result<bool> {
    Ok(false)
}

const FOREIGN: [(&[u8], &str); 8] = [
    (b"FORM", "an AIFF file"),
    (b"caff", "a CAF file"),
    (b".snd", "an AU file"),
    (b"riff\x2e\x91\xcf\x11", "a Wave64 file"),
    (b"#!AMR", "an AMR file"),
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
    (b"\x30\x26\xb2\x75", "a WMA file"),
    (b"NIST_1A", "a NIST SPHERE file"),
];
const HEAD_BYTES: usize = 12;
/// Room for the longest MP3 frame, 1441 bytes, and all but the longest of AAC.
#[cfg(feature = "formats")]
const MPEG_HEAD_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_and_samples_are_not_taken_for_them() {
        for (head, expected) in [
            (&b"RIFF\0\0\0\0WAVE"[..], Kind::Wav),
            (b"RIFX\0\0\0\0WAVE", Kind::Wav),
            (b"BW64\xff\xff\xff\xffWAVE", Kind::Wav),
            (b"RIFF\0\0\0\0AVI ", Kind::Foreign("a RIFF file without a WAVE in it")),
            (b"\0\0\0\x20ftypM4A ", Kind::Coded(Coding::Mp4)),
            (b"ID3\x04\0\0\0\0\0\0\0\0", Kind::Coded(Coding::Mpeg)),
            (b"FORM\0\0\0\0AIFF", Kind::Foreign("an AIFF file")),
            (b"RIF", Kind::Headerless),
            (b"", Kind::Headerless),
            (&[0xfe, 0xff, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0], Kind::Headerless),
        ] {
            assert_eq!(Kind::of_head(head), expected, "{head:?}");
        }
    }
}
