//! What is told of a call when it is over.

use serde::Serialize;

use super::calls::CallView;

/// A call that is over.
#[derive(Debug, Serialize)]
pub struct CallRecord {
    #[serde(flatten)]
    pub(super) call: CallView,
    pub(super) why: String,
}

impl CallRecord {
    /// Why it ended.
    pub fn why(&self) -> &str {
        &self.why
    }
}
