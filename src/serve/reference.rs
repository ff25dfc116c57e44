//! A socket on which a client sends what it plays, for a call that another socket carries. There is no upstream behind it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::door::{PlayedAudio, Step, query_value};
use super::jobs::Voice;
use super::shared::Shared;
use super::socket::{Incoming, Socket};

/// The name that a client gives its call, by which its two sockets find each other: of a route, and of a key, so that
/// nobody else's voice is heard in it.
pub(super) fn call_name(index: usize, rest: &str, headers: &HeaderMap) -> Option<String> {
    let named = headers.get("x-voxgate-call").and_then(|value| value.to_str().ok());
    let name = named.or(query_value(rest, "voxgate_call")).filter(|name| !name.is_empty())?;
    // Browsers can set no other header.
    let key = headers.get(header::AUTHORIZATION).or_else(|| headers.get(header::SEC_WEBSOCKET_PROTOCOL));
    let key = Sha256::digest(key.map_or(&b""[..], HeaderValue::as_bytes));
    Some(format!("{index} {key:x?} {name}"))
}

/// Hands on what the client plays until it closes or the call is over.
pub(super) async fn hear(shared: Arc<Shared>, mut socket: Socket, mut audio: PlayedAudio, call: String) {
    let began = Instant::now();
    let end = loop {
        let incoming = tokio::time::timeout(LOOK, socket.next()).await;
        if !shared.jobs.is_heard(&call) {
            break closes(CloseCode::Normal, "the call is over");
        }
        if began.elapsed() > shared.config.limits.call {
            break closes(CloseCode::Policy, "the longest call is over");
        }
        let message = match incoming {
            Err(_) => continue,
            Ok(Incoming::Message(message)) => message,
            Ok(Incoming::TooLong { .. }) => break closes(CloseCode::Size, "longer than limits.message_bytes"),
            Ok(Incoming::Closes(frame)) => break frame,
            Ok(Incoming::Broken(_)) => break None,
        };
        match audio.sent(&message) {
            Ok(Some(Step::Playback(pcm))) => shared.jobs.tell(&call, &Voice::Plays(pcm)),
            Ok(Some(Step::PlaybackCleared)) => shared.jobs.tell(&call, &Voice::Cleared),
            Ok(_) => {}
            Err(refused) => break closes(CloseCode::Unsupported, &refused.to_string()),
        }
    };
    socket.close(end).await;
}

fn closes(code: CloseCode, why: &str) -> Option<CloseFrame> {
    // A reason has at most 123 bytes.
    let reason: String = why.chars().filter(char::is_ascii).take(120).collect();
    Some(CloseFrame { code, reason: reason.into() })
}

/// How often it is seen whether the call is still there.
const LOOK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_that_of_a_route_and_of_a_key() {
        let with = |key: &'static str, call: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(key));
            call.map(|call| headers.insert("x-voxgate-call", HeaderValue::from_static(call)));
            headers
        };
        let asked = call_name(1, "?a=b&voxgate_call=7", &with("Token a", None));
        assert!(asked.is_some());
        assert_eq!(asked, call_name(1, "/reference?voxgate_call=7&sample_rate=8000", &with("Token a", None)));
        assert_eq!(asked, call_name(1, "", &with("Token a", Some("7"))), "by a header");
        for other in [
            call_name(2, "?voxgate_call=7", &with("Token a", None)),
            call_name(1, "?voxgate_call=8", &with("Token a", None)),
            call_name(1, "?voxgate_call=7", &with("Token b", None)),
        ] {
            assert!(other.is_some() && other != asked);
        }
        assert_eq!(call_name(1, "?voxgate_call=&x=y", &with("Token a", None)), None);
    }
}
