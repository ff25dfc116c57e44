//! The time map: from STT timestamps back to the microphone's sample clock.

use std::collections::VecDeque;

use crate::frame::{SampleIndex, Span};

/// Which microphone sample became which sample of the gated stream, exactly.
///
/// One map belongs to one STT session: a new connection starts its clock, and so its map, at zero. A
/// [`Forwarder`](crate::Forwarder) keeps the map of its connection.
///
/// ```
/// use voxgate::{ForwardConfig, Forwarder, SampleIndex};
///
/// let forwarder = Forwarder::new(&ForwardConfig::default());
/// // … audio has gone out, and the provider says that a word began 100 ms into what it was sent:
/// let said_at = forwarder.time_map().mic(SampleIndex(1_600));
/// println!("it was said {} ms into the call", said_at.as_ms());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeMap {
    pieces: VecDeque<Piece>,
    /// Samples in the gated stream so far.
    len: u64,
}

impl TimeMap {
    /// The map of a session that has sent nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the audio of `mic` was sent. Spans must come in order of time.
    pub(crate) fn sent(&mut self, mic: Span) {
        self.append(Kind::Sent, mic.start, mic.len());
    }

    /// Notes that zeros were sent in the place of `mic`.
    pub(crate) fn muted(&mut self, mic: Span) {
        self.append(Kind::Muted, mic.start, mic.len());
    }

    /// Notes that `samples` zeros were sent which stand for no time of the microphone.
    pub(crate) fn padded(&mut self, samples: u64) {
        let at = self.pieces.back().map_or(SampleIndex::default(), Piece::mic_end);
        self.append(Kind::Padded, at, samples);
    }

    /// Samples in the gated stream so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was sent yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The microphone's instant for an instant in the gated stream. Padding maps to the end of the
    /// audio before it, instants past the end map to the end, forgotten ones to the oldest instant
    /// that is known.
    pub fn mic(&self, gated: SampleIndex) -> SampleIndex {
        let next = self.pieces.partition_point(|piece| piece.gated <= gated);
        match next.checked_sub(1).and_then(|i| self.pieces.get(i)) {
            Some(piece) => {
                piece.mic + if piece.kind == Kind::Padded { 0 } else { gated.since(piece.gated).min(piece.len) }
            }
            None => self.pieces.front().map_or(gated, |piece| piece.mic),
        }
    }

    /// Where in the gated stream a microphone sample was sent; `None` if it was not (or was
    /// forgotten).
    pub fn gated(&self, mic: SampleIndex) -> Option<SampleIndex> {
        let next = self.pieces.partition_point(|piece| piece.mic <= mic);
        let sent = self.pieces.range(..next).rev().find(|piece| piece.kind != Kind::Padded)?;
        let offset = mic.since(sent.mic);
        (sent.kind == Kind::Sent && offset < sent.len).then(|| sent.gated + offset)
    }

    /// Forgets whole pieces that end at or before `gated`: a transcript that is final needs them no more.
    pub fn forget_before(&mut self, gated: SampleIndex) {
        let keep = self.pieces.partition_point(|piece| piece.gated + piece.len <= gated);
        // The last piece stays: it is where padding, and the next span, belong.
        self.pieces.drain(..keep.min(self.pieces.len().saturating_sub(1)));
    }

    fn append(&mut self, kind: Kind, mic: SampleIndex, len: u64) {
        if len == 0 {
            return;
        }
        let gated = SampleIndex(self.len);
        self.len = self.len.saturating_add(len);
        match self.pieces.back_mut() {
            Some(last) if last.kind == kind && (kind == Kind::Padded || last.mic_end() == mic) => {
                last.len = last.len.saturating_add(len);
            }
            _ => self.pieces.push_back(Piece { kind, gated, mic, len }),
        }
    }
}

/// A run of the gated stream that maps to one run of the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    kind: Kind,
    gated: SampleIndex,
    mic: SampleIndex,
    len: u64,
}

impl Piece {
    fn mic_end(&self) -> SampleIndex {
        self.mic + if self.kind == Kind::Padded { 0 } else { self.len }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Muted,
    Padded,
    Sent,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The operations of a caller: skip, send, mute, pad.
    fn steps() -> impl Strategy<Value = Vec<(u8, u64)>> {
        prop::collection::vec((0_u8..4, 0_u64..50), 0..40)
    }

    /// The map, and the same as a plain list: for each gated sample its mic instant and whether it was sent.
    fn build(steps: &[(u8, u64)]) -> (TimeMap, Vec<(u64, bool)>, u64) {
        let (mut map, mut plain, mut mic, mut end) = (TimeMap::new(), Vec::new(), 0, 0);
        for &(what, len) in steps {
            let span = Span::new(SampleIndex(mic), SampleIndex(mic + len));
            match what {
                0 => {}
                1 => map.sent(span),
                2 => map.muted(span),
                _ => map.padded(len),
            }
            match what {
                0 => mic += len,
                3 => plain.extend((0..len).map(|_| (end, false))),
                _ => {
                    plain.extend((0..len).map(|i| (mic + i, what == 1)));
                    mic += len;
                    end = if len > 0 { mic } else { end };
                }
            }
        }
        (map, plain, mic)
    }

    proptest! {
        #[test]
        fn no_number_is_too_large(
            steps in prop::collection::vec((0_u8..3, any::<u64>(), any::<u64>()), 0..12),
            at in any::<u64>(),
        ) {
            let mut map = TimeMap::new();
            for (what, start, end) in steps {
                let span = Span { start: SampleIndex(start), end: SampleIndex(end) };
                match what {
                    0 => map.sent(span),
                    1 => map.muted(span),
                    _ => map.padded(end),
                }
            }
            for at in [at, 0, u64::MAX, map.len()].map(SampleIndex) {
                _ = (map.mic(at), map.gated(at));
            }
            map.forget_before(SampleIndex(at));
            _ = (map.mic(SampleIndex(at)), map.gated(SampleIndex(at)));
        }

        #[test]
        fn the_map_is_exact_both_ways(steps in steps()) {
            let (map, plain, mic_end) = build(&steps);
            prop_assert_eq!(map.len(), plain.len() as u64);
            for (gated, &(mic, sent)) in plain.iter().enumerate() {
                prop_assert_eq!(map.mic(SampleIndex(gated as u64)), SampleIndex(mic));
                if sent {
                    prop_assert_eq!(map.gated(SampleIndex(mic)), Some(SampleIndex(gated as u64)));
                }
            }
            for mic in 0..mic_end + 5 {
                let sent = plain.iter().any(|&(m, sent)| sent && m == mic);
                prop_assert_eq!(map.gated(SampleIndex(mic)).is_some(), sent);
            }
        }

        #[test]
        fn forgetting_keeps_what_lies_ahead(steps in steps(), at in 0_u64..800) {
            let (mut map, plain, _) = build(&steps);
            map.forget_before(SampleIndex(at));
            for (gated, &(mic, _)) in plain.iter().enumerate().skip(at as usize) {
                prop_assert_eq!(map.mic(SampleIndex(gated as u64)), SampleIndex(mic));
            }
            let behind = map.pieces.iter().filter(|piece| piece.gated.0 + piece.len <= at).count();
            prop_assert!(behind == 0 || map.pieces.len() == 1, "{} pieces behind {} are kept", behind, at);
        }
    }
}
