//! Who gets in, what becomes of those who do not, and how calls end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::serve::{ServeConfig, ServeError};
use voxgate::stage::Clock;

use crate::support::{Agent, Gateway, begin, packet, sample};

async fn begun(gateway: &Gateway, agent: &Agent, name: &str) -> (crate::support::Client, crate::support::Called) {
    let (mut client, mut call) = gateway.call(agent).await;
    begin(&mut client, name).await;
    assert_eq!(call.next().await["event"], "connected");
    assert_eq!(call.next().await["event"], "start");
    (client, call)
}

#[tokio::test]
async fn a_call_has_one_stream() {
    let agent = Agent::start().await;
    let mut gateway = Gateway::to(agent.address, "").await;
    let (mut first, mut to_first) = begun(&gateway, &agent, "CA1").await;
    let (mut second, mut to_second) = gateway.call(&agent).await;
    begin(&mut second, "CA1").await;
    assert_eq!(second.closed().await, Some(1008));
    assert_eq!(to_second.closed().await, Some(1008));
    assert!(gateway.why().await.contains("another stream"));
    first.send(json!({"event": "tick"})).await;
    assert_eq!(to_first.next().await["event"], "tick", "the first goes on");
}

#[tokio::test]
async fn a_second_stream_replaces_the_first_where_the_settings_say_so() {
    let agent = Agent::start().await;
    let mut gateway = Gateway::to(agent.address, "second_stream = \"replace\"\n").await;
    let (mut first, mut to_first) = begun(&gateway, &agent, "CA1").await;
    let (_second, _to_second) = begun(&gateway, &agent, "CA1").await;
    assert_eq!(first.closed().await, Some(1008));
    assert_eq!(to_first.closed().await, Some(1008));
    assert!(gateway.why().await.contains("took the call over"));
}

#[tokio::test]
async fn keys_origins_and_limits_decide_who_gets_in() {
    let agent = Agent::start().await;
    let more = "keys = [\"right\", \"also right\"]\norigins = [\"https://ours\"]\ncalls = 2\ncalls_per_key = 1\n";
    let gateway = Gateway::to(agent.address, more).await;
    let refused = |headers: &'static [(&'static str, &'static str)]| gateway.connect("/twilio", headers);
    assert_eq!(refused(&[]).await.err().expect("no key").0, 401);
    let (status, why) = refused(&[("authorization", "Bearer wrong")]).await.err().expect("a wrong key");
    assert_eq!((status, why.contains("not on the list")), (401, true));
    assert!(!why.contains("right"), "no key is told: {why}");
    let foreign = [("authorization", "Bearer right"), ("origin", "https://theirs")];
    assert_eq!(gateway.connect("/twilio", &foreign).await.err().expect("a foreign page").0, 403);
    let ours = [("authorization", "Bearer right"), ("origin", "https://ours")];
    let (first, call) = tokio::join!(gateway.connect("/twilio", &ours), agent.accept());
    let first = first.expect("let in");
    let (status, why) = gateway.connect("/twilio", &ours).await.err().expect("one call a key");
    assert_eq!(status, 429, "{why}");
    // When it is over its place is free.
    drop((first, call));
    let again = async {
        loop {
            match tokio::join!(
                gateway.connect("/twilio", &ours),
                tokio::time::timeout(Duration::from_millis(200), agent.accept())
            ) {
                (Ok(client), _) => return client,
                (Err((status, _)), _) => assert_eq!(status, 429),
            }
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, again).await.expect("the place is free again");
}

#[tokio::test]
async fn an_instance_has_a_bound_and_says_so() {
    let agent = Agent::start().await;
    let route = format!(
        "limits.calls = 1\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{}/ws\"\n",
        agent.address
    );
    let gateway = Gateway::start(&route, AnyStore::new(MemoryStore::new()), Clock::system()).await;
    let _call = gateway.call(&agent).await;
    let (status, why) = gateway.connect("/twilio", &[]).await.err().expect("full");
    assert_eq!((status, why.contains("limits.calls")), (503, true));
    assert_eq!(gateway.connect("/nowhere", &[]).await.err().expect("no route").0, 404);
    assert_eq!(gateway.ask("GET", "/twilio", "").await.0, 426);
}

#[tokio::test]
async fn the_upstream_gets_what_the_client_added_and_the_client_its_refusal() {
    let agent = Agent::start().await;
    let gateway = Gateway::to(agent.address, "[route.headers]\nauthorization = \"Token ours\"\n").await;
    let headers = [("authorization", "Token theirs"), ("x-customer", "7")];
    let (client, (_, path, seen)) = tokio::join!(gateway.connect("/twilio/a/b?c=d", &headers), agent.accept());
    client.expect("let in");
    assert_eq!(path, "/ws/a/b?c=d");
    assert_eq!((seen["authorization"].as_str(), seen["x-customer"].as_str()), ("Token ours", "7"));
    assert_eq!(seen["x-forwarded-host"], gateway.address.to_string());
    let refusal = "HTTP/1.1 402 Payment Required\r\ndg-error: empty\r\ncontent-length: 8\r\n\r\nno money";
    let (client, ()) = tokio::join!(gateway.connect("/twilio", &[]), agent.refuse(refusal));
    assert_eq!(client.err().expect("refused"), (402, "no money".to_owned()));
}

#[tokio::test]
async fn the_next_upstream_takes_the_call_if_one_is_away() {
    let agent = Agent::start().await;
    let gone = Agent::start().await;
    let away = gone.address;
    drop(gone);
    let route = format!(
        "[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = [\"ws://{away}/ws\", \"ws://{}/ws\"]\n",
        agent.address
    );
    let gateway = Gateway::start(&route, AnyStore::new(MemoryStore::new()), Clock::system()).await;
    let _first = gateway.call(&agent).await;
    let _second = gateway.call(&agent).await;
}

#[tokio::test]
async fn each_side_hears_how_the_other_closed() {
    let agent = Agent::start().await;
    let mut gateway = Gateway::to(agent.address, "").await;
    let (mut client, mut call) = begun(&gateway, &agent, "CA1").await;
    call.socket.close(Some(CloseFrame { code: 4_321.into(), reason: "had enough".into() })).await.unwrap();
    assert_eq!(client.closed().await, Some(4_321));
    assert!(gateway.why().await.contains("had enough"));
    let (client, mut call) = begun(&gateway, &agent, "CA1").await;
    drop(client);
    call.closed().await;
    assert!(gateway.why().await.contains("the client"));
}

#[tokio::test]
async fn on_shutdown_no_call_is_taken_and_what_is_left_is_closed() {
    let agent = Agent::start().await;
    let route = format!(
        "limits.drain = \"300ms\"\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{}/ws\"\n",
        agent.address
    );
    let mut gateway = Gateway::start(&route, AnyStore::new(MemoryStore::new()), Clock::system()).await;
    let (mut client, mut call) = begun(&gateway, &agent, "CA1").await;
    assert_eq!(gateway.ask("GET", "/readyz", "").await.0, 200);
    gateway.ask_to_end();
    while gateway.ask("GET", "/readyz", "").await.0 != 503 {}
    assert_eq!(gateway.connect("/twilio", &[]).await.err().expect("no new calls").0, 503);
    client.send(json!({"event": "tick"})).await;
    assert_eq!(call.next().await["event"], "tick", "those that are there go on");
    assert_eq!(client.closed().await, Some(1001));
    assert_eq!(call.closed().await, Some(1001));
    gateway.ends().await;
}

#[tokio::test]
async fn operators_see_calls_change_their_mode_and_end_them() {
    let agent = Agent::start().await;
    let route = format!(
        "admin_token = \"secret\"\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{}/ws\"\n",
        agent.address
    );
    let mut gateway = Gateway::start(&route, AnyStore::new(MemoryStore::new()), Clock::system()).await;
    let (mut client, mut call) = begun(&gateway, &agent, "CA1").await;
    assert_eq!(gateway.ask("GET", "/v1/calls", "").await.0, 401);
    assert_eq!(gateway.ask("GET", "/metrics", "authorization: Bearer wrong\r\n").await.0, 401);
    let ours = "authorization: Bearer secret\r\n";
    let (_, body) = gateway.ask("GET", "/v1/calls", ours).await;
    let calls: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&calls[0]["name"], &calls[0]["mode"]), (&json!("CA1"), &json!("gate")));
    let id = &calls[0]["id"];
    let (status, body) = gateway.ask("PUT", &format!("/v1/calls/{id}/mode/bypass"), ours).await;
    assert_eq!((status, body.contains("\"mode\":\"bypass\"")), (200, true));
    let quiet = packet(0, &[8; 160]);
    client.send(quiet.clone()).await;
    assert_eq!(call.next().await, quiet, "it passes at once");
    assert_eq!(gateway.ask("PUT", &format!("/v1/calls/{id}/mode/loud"), ours).await.0, 400);
    assert_eq!(gateway.ask("GET", "/v1/calls/999", ours).await.0, 404);
    assert_eq!(gateway.ask("DELETE", &format!("/v1/calls/{id}"), ours).await.0, 202);
    assert_eq!(client.closed().await, Some(1000));
    gateway.why().await;
    let (_, metrics) = gateway.ask("GET", "/metrics", ours).await;
    assert!(
        metrics.contains("\nvoxgate_calls 0\n") && metrics.contains("\nvoxgate_calls_ended_total 1\n"),
        "{metrics}"
    );
    assert_eq!(gateway.ask("GET", "/healthz", "").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn spending_stops_at_its_ceiling() {
    let agent = Agent::start().await;
    let more = "mode = \"bypass\"\nprice = \"deepgram-nova-3\"\nceilings = { per_call_usd = 0.0002 }\n";
    let mut gateway = Gateway::to(agent.address, more).await;
    let (mut client, _call) = begun(&gateway, &agent, "CA1").await;
    // 0.0048 USD a minute: 2.5 s are paid for.
    for (n, audio) in sample("clean_turn").chunks_exact(160).take(200).enumerate() {
        client.send(packet(n, audio)).await;
    }
    assert_eq!(client.closed().await, Some(1008));
    assert!(gateway.why().await.contains("ceiling"));
}

#[test]
fn settings_that_cannot_be_meant_are_refused_with_the_remedy() {
    let refused = |text: &str| ServeConfig::from_toml(text).expect_err("refused").to_string();
    let route = "[[route]]\npath = \"/a\"\ndoor = \"twilio\"\nupstream = \"ws://b\"\n";
    assert!(ServeConfig::from_toml(route).is_ok());
    assert!(refused("").contains("[[route]]"));
    assert!(refused(&format!("lisen = 1\n{route}")).contains("lisen"));
    assert!(refused(&route.replace("/a", "a")).contains("expected a path"));
    assert!(refused(&route.replace("/a", "/metrics")).contains("choose another"));
    assert!(refused(&route.replace("ws://", "http://")).contains("expected ws://"));
    assert!(refused(&format!("{route}{route}")).contains("two routes"));
    assert!(refused(&route.replace("twilio", "twillio")).contains("twillio"));
    assert!(refused(&format!("{route}mode = \"open\"\n")).contains("\"shadow\""));
    assert!(refused(&format!("{route}[route.gate.turn]\nhangover = 3\n")).contains("hangover"));
    assert!(refused(&format!("{route}quota_reserve = 0.9\n")).contains("a share from 0 to 0.5"));
    assert!(refused(&format!("{route}ceilings = {{ per_week_usd = 1.0 }}\n")).contains("per_key_and_day_usd"));
    assert!(matches!(
        ServeConfig::from_toml(&format!("{route}keys = [\"env:VOXGATE_NO_SUCH\"]")).unwrap().routes[0].keys[0].reveal(),
        Err(ServeError::Variable { .. })
    ));
    assert!(!format!("{:?}", ServeConfig::from_toml(&format!("{route}keys = [\"hush\"]")).unwrap()).contains("hush"));
}
