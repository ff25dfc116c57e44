//! A call that is carried and not gated.

use tokio_tungstenite::tungstenite::Message;

use super::malformed::Malformed;
use super::protocol::{Door, Step};

/// All messages pass, of a client that is this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Passing {
    Microphone,
    /// It may be silent for as long as it likes.
    Other,
}

impl Door for Passing {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        steps.push(Step::ToUpstream(message));
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        steps.push(Step::ToClient(message));
        Ok(())
    }

    fn has_microphone(&self) -> bool {
        *self == Self::Microphone
    }
}
