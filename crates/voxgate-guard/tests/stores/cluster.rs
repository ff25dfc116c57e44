//! A Redis Cluster of real nodes: each namespace lies on one of them, and is found from any.

use std::sync::Arc;

use voxgate_guard::store::{GuardStore, RedisStore, Renewal, RoomAnswer, SharedConfig, WorkerState};

use crate::contract::{Really, keeps_its_promises};
use crate::failover::{ask, is_replicated, until};
use crate::requests::{granted, name, room, worker};
use crate::server::{self, Redis, patient, term_ms};

/// Three primaries that share all slots, and one more that has none.
async fn nodes() -> Option<Vec<Redis>> {
    let mut nodes = Vec::new();
    let mut buses = Vec::new();
    for _ in 0..4 {
        let bus = server::free_port().to_string();
        let words =
            ["--save", "", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
        nodes.push(Redis::start_with(&words)?);
        buses.push(bus);
    }
    for (at, (first, last)) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")].into_iter().enumerate() {
        ask(nodes[at].port(), &["CLUSTER", "ADDSLOTSRANGE", first, last]).await.unwrap();
        ask(nodes[at].port(), &["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]).await.unwrap();
    }
    for at in 1..4 {
        let port = nodes[at].port().to_string();
        ask(nodes[0].port(), &["CLUSTER", "MEET", "127.0.0.1", &port, &buses[at]]).await.unwrap();
    }
    for node in &nodes {
        until("the cluster is well", async || {
            let info = ask(node.port(), &["CLUSTER", "INFO"]).await?.remove(0);
            (info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:4")).then_some(())
        })
        .await;
    }
    Some(nodes)
}

/// As if each had begun long ago: the owner takes the key, the others refuse it.
async fn end_the_grace(nodes: &[Redis]) -> usize {
    let mut owner = None;
    for (at, node) in nodes.iter().enumerate() {
        let info = ask(node.port(), &["INFO"]).await.unwrap().remove(0);
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap().trim();
        let memory = format!("{run}:1:1");
        if ask(node.port(), &["SET", "{voxgate:default}:memory:", &memory]).await.is_some() {
            owner = Some(at);
        }
    }
    owner.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_its_promises_and_survives_a_node() {
    let _quiet = crate::BUSY.read().await;
    let Some(mut nodes) = nodes().await else { return };
    let config = SharedConfig { longest_lease: term_ms(20_000), ..patient() };
    let mut stores = Vec::new();
    for node in &nodes {
        stores.push(Arc::new(RedisStore::connect(&node.url(), config.clone()).await.unwrap()));
    }
    let owner = end_the_grace(&nodes).await;
    keeps_its_promises(&stores, &Really).await;

    // The fourth follows the owner, which dies.
    let owners_name = ask(nodes[owner].port(), &["CLUSTER", "MYID"]).await.unwrap().remove(0);
    ask(nodes[3].port(), &["CLUSTER", "REPLICATE", &owners_name]).await.unwrap();
    let (beside, long) = (&stores[(owner + 1) % 3], config.longest_lease);
    beside.report(&worker("lasting", 9, WorkerState::Ready, long)).await.unwrap();
    let mut claim = room("lasting", "lasting", 77);
    claim.term = long;
    let grant = granted(beside.claim_room(&claim).await.unwrap());
    is_replicated(&nodes[3], "busy:n:lasting").await;
    nodes[owner].kill();
    until("another node has the namespace", async || match beside.renew(&grant, long).await {
        Ok(Renewal::Renewed { .. }) => Some(()),
        Ok(lost) => panic!("{lost:?}"),
        Err(_) => None,
    })
    .await;
    let rival = RedisStore::connect(&nodes[(owner + 2) % 3].url(), config).await.unwrap();
    claim.holder.owner = name("rival");
    let answer = rival.claim_room(&claim).await.unwrap();
    assert!(matches!(answer, RoomAnswer::Taken { .. }), "{answer:?}");
}
