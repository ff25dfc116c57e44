//! Which channel of a file is the microphone, and which the playback.

use anyhow::bail;

use crate::command::paint::UsageError;
use crate::command::source::Source;

/// Which channel of the microphone's file is which.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Channels {
    pub(crate) mic: u16,
    pub(crate) playback: Option<u16>,
}

impl Channels {
    /// As on the command line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut channels = Self::default();
        for part in text.split(',') {
            let number =
                |n: &str| n.trim().parse().map_err(|_| format!("`{n}` is not a channel; they are counted from 0"));
            match part.split_once('=') {
                Some(("mic", n)) => channels.mic = number(n)?,
                Some(("playback", n)) => channels.playback = Some(number(n)?),
                _ => return Err("expected mic=N or mic=N,playback=M, as in mic=0,playback=1".into()),
            }
        }
        Ok(channels)
    }

    /// Channels are chosen, never mixed or guessed.
    pub(crate) fn choose(given: Option<Self>, source: &Source) -> anyhow::Result<Self> {
        let Some(channels) = given else {
            if source.channels > 1 {
                let (name, n) = (source.name(), source.channels);
                bail!(UsageError(format!(
                    "{name} has {n} channels; say which one is the microphone, as in --channels mic=0"
                )));
            }
            return Ok(Self::default());
        };
        if channels.mic >= source.channels {
            let (name, mic, n) = (source.name(), channels.mic, source.channels);
            bail!(UsageError(format!("mic={mic} is not a channel of {name}, which has {n} (counted from 0)")));
        }
        if let Some(playback) = channels.playback.filter(|p| *p >= source.channels || *p == channels.mic) {
            let (name, n) = (source.name(), source.channels);
            bail!(UsageError(format!(
                "playback={playback} is not another channel of {name}, which has {n} (counted from 0)"
            )));
        }
        Ok(channels)
    }
}
