//! What an upstream's headers say of its quotas decides where the next call goes.

use std::time::Duration;

use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::stage::{Clock, ClockHand};

use crate::support::{Agent, Called, Client, Gateway};

type Headers = [(&'static str, &'static str); 2];

const PLENTY: Headers = [("X-LiveKit-Inference-Credits-Limit", "1000"), ("X-LiveKit-Inference-Credits-Used", "10")];
/// The reserve of 2 % is left.
const FEW: Headers = [("X-LiveKit-Inference-Credits-Limit", "1000"), ("X-LiveKit-Inference-Credits-Used", "980")];

async fn gateway(upstreams: &[&Agent]) -> (Gateway, ClockHand) {
    let upstreams: Vec<String> = upstreams.iter().map(|agent| format!("\"ws://{}/v1\"", agent.address)).collect();
    let route =
        format!("[[route]]\npath = \"/v1\"\ndoor = \"livekit_inference\"\nupstream = [{}]\n", upstreams.join(", "));
    let (clock, hand) = Clock::by_hand();
    (Gateway::start(&route, AnyStore::new(MemoryStore::new()), clock).await, hand)
}

async fn call(gateway: &Gateway, agent: &Agent, headers: &Headers) -> (Client, Called) {
    let (client, call) = tokio::join!(gateway.connect("/v1/stt", &[]), agent.accept_with(headers));
    (client.expect("let in"), call)
}

#[tokio::test]
async fn a_call_goes_to_the_next_upstream_before_the_first_has_to_refuse_it() {
    let (first, second) = (Agent::start().await, Agent::start().await);
    let (gateway, hand) = gateway(&[&first, &second]).await;
    let _there = call(&gateway, &first, &FEW).await;
    let _next = call(&gateway, &second, &PLENTY).await;
    hand.advance(Duration::from_secs(299));
    let _next = call(&gateway, &second, &PLENTY).await;
    hand.advance(Duration::from_secs(2));
    let _asked_again = call(&gateway, &first, &FEW).await;
    let _next = call(&gateway, &second, &PLENTY).await;
    hand.advance(Duration::from_secs(301));
    let _asked_again = call(&gateway, &first, &PLENTY).await;
    let _back = call(&gateway, &first, &PLENTY).await;
}

#[tokio::test]
async fn a_call_that_no_upstream_has_credits_for_is_refused_with_the_remedy() {
    let agent = Agent::start().await;
    let (gateway, hand) = gateway(&[&agent]).await;
    let _there = call(&gateway, &agent, &FEW).await;
    let (status, why) = gateway.connect("/v1/stt", &[]).await.err().expect("refused before the upstream is asked");
    assert_eq!(status, 429, "{why}");
    assert!(why.contains("980 of its 1000 credits are used; buy credits, add an upstream"), "{why}");
    let (_, metrics) = gateway.ask("GET", "/metrics", "").await;
    let labels = "{path=\"/v1\",upstream=\"0\",quota=\"credits\"}";
    assert!(metrics.contains(&format!("voxgate_quota_used{labels} 980\n")), "{metrics}");
    assert!(metrics.contains(&format!("voxgate_quota_limit{labels} 1000\n")), "{metrics}");
    hand.advance(Duration::from_secs(301));
    let _asked_again = call(&gateway, &agent, &PLENTY).await;
    let _back = call(&gateway, &agent, &PLENTY).await;
}

#[tokio::test]
async fn a_refusal_for_the_minute_is_believed_for_a_minute() {
    let agent = Agent::start().await;
    let (gateway, hand) = gateway(&[&agent]).await;
    let refusal = "HTTP/1.1 429 Too Many Requests\r\nX-LiveKit-Inference-RPM-Limit: 5\r\n\
                   X-LiveKit-Inference-RPM-Used: 5\r\ncontent-length: 0\r\n\r\n";
    let (refused, ()) = tokio::join!(gateway.connect("/v1/stt", &[]), agent.refuse(refusal));
    assert_eq!(refused.err().expect("by the upstream"), (429, String::new()));
    let (status, why) = gateway.connect("/v1/stt", &[]).await.err().expect("by the gateway");
    assert_eq!((status, why.contains("5 of its 5 requests a minute")), (429, true), "{why}");
    hand.advance(Duration::from_secs(61));
    let _back = call(&gateway, &agent, &PLENTY).await;
}

/// A refusal for good, in the words of LiveKit, is one for as long as nobody has paid, which nobody tells the gateway.
#[tokio::test]
async fn an_upstream_without_credits_is_asked_again_after_a_while() {
    let (first, second) = (Agent::start().await, Agent::start().await);
    let (gateway, hand) = gateway(&[&first, &second]).await;
    let body = "{\"type\": \"inference_quota_exceeded\", \"category\": \"MaxGatewayCredits\"}";
    let refusal = format!("HTTP/1.1 429 Too Many Requests\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (client, (), _) =
        tokio::join!(gateway.connect("/v1/stt", &[]), first.refuse(&refusal), second.accept_with(&PLENTY));
    client.expect("the second takes it");
    let _next = call(&gateway, &second, &PLENTY).await;
    hand.advance(Duration::from_secs(301));
    let _back = call(&gateway, &first, &PLENTY).await;
}
