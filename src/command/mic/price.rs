//! What gating saves, at the price of the book.

use std::time::Duration;

use anyhow::bail;
use voxgate::budget::{Price, PriceBook, Usage};
use voxgate::{ForwardConfig, Provider, Saving};

use crate::command::mic::report::BillEstimate;
use crate::command::paint::UsageError;

/// A price of speech-to-text, and whether gating saves anything of it.
#[derive(Clone, Debug)]
pub(crate) struct MicPrice {
    name: String,
    price: Price,
    saving: Saving,
}

impl MicPrice {
    /// The price of that name; if none is given the provider's, or a usual one.
    ///
    /// # Errors
    /// [`UsageError`] if the book has none of that name.
    pub(crate) fn new(name: Option<&str>, config: &ForwardConfig) -> anyhow::Result<Self> {
        let book = PriceBook::shipped();
        let of_provider = config.provider.price(&book).or_else(|| Provider::Deepgram.price(&book));
        let name = name.or(of_provider.map(|(name, _)| name)).unwrap_or_default();
        let Ok(price) = book.get(name).cloned() else {
            bail!(UsageError(format!("there is no price called `{name}`; `voxgate cost prices` lists them")));
        };
        Ok(Self { name: name.to_owned(), price, saving: config.provider.profile().saves(config) })
    }

    /// What `seconds` of audio cost ungated, and with `stt_s` of them sent.
    pub(crate) fn estimate(&self, seconds: f64, stt_s: f64) -> BillEstimate {
        let cost = |audio_s: f64| {
            let audio = Duration::from_secs_f64(audio_s.max(0.0));
            let socket = Duration::from_secs_f64(seconds.max(0.0));
            [Usage::Audio(audio), Usage::Segment(audio), Usage::Socket(socket)]
                .map(|usage| self.price.cost(usage))
                .into_iter()
                .sum()
        };
        let sent = if self.saving == Saving::UnsentAudio { stt_s } else { seconds };
        BillEstimate { ungated: cost(seconds), gated: cost(sent), price: self.name.clone() }
    }
}
