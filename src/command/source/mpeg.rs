//! MP3 and AAC without a header: known by two frames that follow each other.

use std::io::Cursor;

use symphonia::core::errors::Result;
use symphonia::core::formats::probe::{Score, Scoreable};
use symphonia::core::io::{MediaSourceStream, ScopedStream};
use symphonia::default::formats::{AdtsReader, MpaReader};

/// Whether two frames of MP3 or AAC follow each other.
pub(super) fn is_mpeg(head: &[u8]) -> bool {
    let sure = |score: fn(ScopedStream<&mut MediaSourceStream<'_>>) -> Result<Score>| {
        let mut stream = MediaSourceStream::new(Box::new(Cursor::new(head.to_vec())), Default::default());
        matches!(score(ScopedStream::new(&mut stream, head.len() as u64)), Ok(Score::Supported(u8::MAX)))
    };
    sure(MpaReader::score) || sure(AdtsReader::score)
}
