//! What a door asks for, for its tests.

use tokio_tungstenite::tungstenite::Message;

use super::protocol::{Door, Step};

/// When the client sends a message that is allowed.
pub(super) fn client(door: &mut dyn Door, message: Message) -> Vec<Step> {
    let mut steps = Vec::new();
    door.client_sent(message, &mut steps).expect("a message that is allowed");
    steps
}

/// When the upstream does.
pub(super) fn upstream(door: &mut dyn Door, message: Message) -> Vec<Step> {
    let mut steps = Vec::new();
    door.upstream_sent(message, &mut steps).expect("a message that is allowed");
    steps
}
