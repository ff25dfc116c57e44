//! What a door refuses.

/// A message that the protocol does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(in crate::serve) struct Malformed(pub(in crate::serve) String);
