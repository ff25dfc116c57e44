//! A call that is carried and not gated.

use tokio_tungstenite::tungstenite::Message;

use super::malformed::Malformed;
use super::protocol::{Door, Step};

/// All messages pass.
#[derive(Debug)]
pub(in crate::serve) struct Passing;

impl Door for Passing {
    fn client_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        steps.push(Step::ToUpstream(message));
        Ok(())
    }

    fn upstream_sent(&mut self, message: Message, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        steps.push(Step::ToClient(message));
        Ok(())
    }
}
