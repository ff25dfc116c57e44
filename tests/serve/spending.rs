//! Money: what a day and a key may spend over all instances, and what a call in shadow costs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use voxgate::guard::store::{AnyStore, MemoryStore, SharedConfig, SqliteStore};
use voxgate::stage::Clock;

use crate::support::{Agent, Called, Client, Gateway, PACKET, PATIENCE, begin, packet, sample};

/// A second costs 0.00008 USD, and a call takes 5 s at a time.
const SECOND_USD: f64 = 0.000_08;

fn route(agent: &Agent, more: &str) -> String {
    format!(
        "limits.late = \"60s\" # recordings come faster than real time\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\n\
         upstream = \"ws://{}/ws\"\nprice = \"deepgram-nova-3\"\n{more}",
        agent.address
    )
}

/// An instance.
async fn gateway(agent: &Agent, store: &Path, more: &str) -> Gateway {
    let config = SharedConfig { timeout: PATIENCE, ..SharedConfig::default() };
    let store = SqliteStore::open(store, config).expect("a store");
    Gateway::start(&route(agent, more), AnyStore::new(store), Clock::system()).await
}

/// A call with a key.
async fn call(gateway: &Gateway, agent: &Agent, key: &str) -> (Client, Called) {
    let headers = [("authorization", key)];
    let (client, (call, ..)) = tokio::join!(gateway.connect("/twilio", &headers), agent.accept());
    (client.expect("let in"), call)
}

async fn refused(gateway: &Gateway, key: &str) -> String {
    let (status, why) = gateway.connect("/twilio", &[("authorization", key)]).await.err().expect("refused");
    assert_eq!(status, 429, "{why}");
    why
}

async fn speak(client: &mut Client, audio: &[i16]) {
    begin(client, "CA1").await;
    for (n, audio) in audio.chunks_exact(PACKET).enumerate() {
        client.send(packet(n, audio)).await;
    }
}

#[tokio::test]
async fn a_key_spends_its_ceiling_of_a_day_once_over_three_instances() {
    let (folder, agent) = (tempfile::TempDir::new().unwrap(), Agent::start().await);
    let (store, ten_seconds) = (folder.path().join("store.db"), 10.0 * SECOND_USD);
    let more = format!("mode = \"bypass\"\nceilings = {{ per_key_and_day_usd = {ten_seconds} }}\n");
    let mut first = gateway(&agent, &store, &more).await;
    let (second, third) = (gateway(&agent, &store, &more).await, gateway(&agent, &store, &more).await);
    let (mut client, _call) = call(&first, &agent, "Bearer ours").await;
    let _there = call(&second, &agent, "Bearer ours").await;
    let why = refused(&third, "Bearer ours").await;
    assert!(
        why.contains("`ceilings.per_key_and_day_usd` allows 0.0008 USD a day") && why.contains("raise it"),
        "{why}"
    );
    let _other = call(&third, &agent, "Bearer theirs").await;
    // Of the two calls each has 5 s, and the first needs more.
    speak(&mut client, &sample("clean_turn")[..6 * 8_000]).await;
    assert_eq!(client.closed().await, Some(1008));
    let why = first.why().await;
    assert!(why.contains("ceilings.per_key_and_day_usd"), "{why}");
    refused(&first, "Bearer ours").await;
}

#[tokio::test]
async fn a_route_spends_its_ceiling_of_a_day_once_over_all_instances() {
    let (folder, agent) = (tempfile::TempDir::new().unwrap(), Agent::start().await);
    let store = folder.path().join("store.db");
    let more = format!("ceilings = {{ per_day_usd = {} }}\n", 5.0 * SECOND_USD);
    let (first, second) = (gateway(&agent, &store, &more).await, gateway(&agent, &store, &more).await);
    let _there = call(&first, &agent, "Bearer ours").await;
    assert!(refused(&second, "Bearer theirs").await.contains("`ceilings.per_day_usd`"));
}

#[tokio::test]
async fn calls_that_cost_nothing_leave_the_ceiling_as_it_is() {
    let agent = Agent::start().await;
    let more = format!("ceilings = {{ per_key_and_day_usd = {} }}\n", 5.0 * SECOND_USD);
    let mut gateway = Gateway::start(&route(&agent, &more), AnyStore::new(MemoryStore::new()), Clock::system()).await;
    for _ in 0..3 {
        drop(call(&gateway, &agent, "Bearer ours").await);
        gateway.why().await;
        let refusal = "HTTP/1.1 402 Payment Required\r\ncontent-length: 0\r\n\r\n";
        let headers = [("authorization", "Bearer ours")];
        let (client, ()) = tokio::join!(gateway.connect("/twilio", &headers), agent.refuse(refusal));
        assert_eq!(client.err().expect("by the upstream").0, 402);
    }
    let _there = call(&gateway, &agent, "Bearer ours").await;
    refused(&gateway, "Bearer ours").await;
}

/// What a call in this mode has cost, saved, and would have saved.
async fn amounts(mode: &str) -> [f64; 3] {
    let agent = Agent::start().await;
    let more = format!("mode = \"{mode}\"\n");
    let gateway = Gateway::start(&route(&agent, &more), AnyStore::new(MemoryStore::new()), Clock::system()).await;
    let (mut client, mut called) = gateway.call(&agent).await;
    let began = Instant::now();
    tokio::spawn(async move { called.closed().await });
    speak(&mut client, &sample("keyboard")).await;
    loop {
        let (_, body) = gateway.ask("GET", "/v1/calls", "").await;
        let calls: Value = serde_json::from_str(&body).expect("JSON");
        let amounts = ["spent_usd", "saved_usd", "would_save_usd"].map(|name| calls[0][name].as_f64().expect(name));
        // Of 8.2 s the gate has not decided on the last half second.
        if amounts[0] + amounts[1] >= 7.7 * SECOND_USD {
            return amounts;
        }
        assert!(began.elapsed() < PATIENCE, "{body}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn in_shadow_everything_is_paid_for_and_what_a_gate_would_save_is_told() {
    let ([spent, saved, would_save], gated) = (amounts("shadow").await, amounts("gate").await);
    println!("in shadow {spent} spent, {would_save} would be saved; with the gate {gated:?}");
    assert!(spent >= 7.7 * SECOND_USD && saved == 0.0, "{spent} {saved}");
    assert!((would_save - gated[1]).abs() < 0.3 * SECOND_USD, "{would_save} {gated:?}");
    // From the labels: typing between words, and silence before them.
    assert!(gated[1] > 2.0 * SECOND_USD && gated[2] == 0.0, "{gated:?}");
    let bypassed = amounts("bypass").await;
    assert!(bypassed[0] >= 7.7 * SECOND_USD && bypassed[1..] == [0.0, 0.0], "{bypassed:?}");
}
