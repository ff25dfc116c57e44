//! `voxgate usage`, `claims`, `why` and `release`, on the store that workers share.
// Not as `required-features`: packages leave this file out, and Cargo.toml must not name what is not there.
#![cfg(all(feature = "cli", feature = "redis", feature = "postgres"))]
#![allow(clippy::disallowed_methods, reason = "these tests wait for servers")]

#[path = "../crates/voxgate-guard/tests/stores/requests.rs"]
mod requests;
#[allow(dead_code, reason = "the stores' own tests need more of it")]
#[path = "../crates/voxgate-guard/tests/stores/server.rs"]
mod server;

use std::time::Duration;

use serde_json::Value;
use voxgate::guard::store::{
    GuardStore, LeaseTerm, PostgresStore, RedisStore, RoomAnswer, RoomClaim, SlotRequest, WorkerReport, WorkerState,
};

use requests::{granted, lease, name, room, sliding, worker};
use server::patient;

/// What the command prints; it must succeed.
fn voxgate(args: &[&str], url: &str) -> String {
    let (code, out, err) = run(args, url);
    assert_eq!(code, 0, "{args:?}: {err}");
    println!("$ voxgate {} --store …\n{out}{err}", args.join(" "));
    out + &err
}

fn run(args: &[&str], url: &str) -> (i32, String, String) {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
    let output = command.args(args).args(["--store", url]).env_remove("CLICOLOR_FORCE").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(args: &[&str], url: &str) -> Value {
    serde_json::from_str(&voxgate(&[args, &["--json"]].concat(), url)).unwrap()
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` in\n{text}");
    }
}

#[test]
fn what_is_no_store_is_refused_with_its_remedy() {
    for (url, code, told) in [
        ("http://host", 2, "`http://host` names no store; expected redis://host[:port] or postgres://"),
        ("redis", 2, "`redis` names no store"),
        ("redis://127.0.0.1:99999", 2, "expected redis://[user:password@]host[:port]"),
        ("rediss://me:secret@host", 2, "rediss://host is no address"),
        (
            "postgres://host:port/x",
            2,
            "invalid value for option `port`; expected postgres://user[:password]@host[:port]/database",
        ),
        ("redis://127.0.0.1:1", 1, "Redis cannot be reached (Connection refused"),
        ("postgres://me:secret@127.0.0.1:1/x", 1, "is it running, and is the address right?"),
    ] {
        for command in [&["usage"][..], &["claims"], &["why", "call-1"], &["release", "host-1", "--yes"]] {
            let (got, out, err) = run(command, url);
            assert!(got == code && out.is_empty() && !err.contains("secret"), "{command:?} {url}: {got} {err}");
            has(&err, &[told]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_tell_what_redis_knows() {
    let Some(redis) = server::Redis::start() else { return };
    let store = RedisStore::connect(&redis.url(), patient()).await.unwrap();
    assert!(matches!(store.claim_room(&room("early", "early", 1)).await.unwrap(), RoomAnswer::Recovering { .. }));
    has(&voxgate(&["why", "early"], &redis.url()), &["the store lost its memory and grants nothing for another"]);
    redis.end_the_grace().await;
    tell(&store, &redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_tell_what_postgres_knows() {
    let Some(postgres) = server::Postgres::start() else { return };
    let store = PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    tell(&store, &postgres.url()).await;
}

async fn tell(store: &impl GuardStore, url: &str) {
    has(&voxgate(&["claims"], url), &["no worker reports, and nothing is held"]);
    has(&voxgate(&["usage"], url), &["nothing was acquired or spent"]);
    has(&voxgate(&["why", "call-2"], url), &["no worker reports", "start one"]);

    let report = |id: &str, state| WorkerReport { term: long_term(), ..worker(id, 1, state, long_term()) };
    store.report(&report("loading", WorkerState::Starting)).await.unwrap();
    has(&voxgate(&["why", "call-2"], url), &["no worker is ready; loading has been starting for", "no fault"]);
    store.report(&report("host-1:4711", WorkerState::Ready)).await.unwrap();
    let free = voxgate(&["why", "call-2"], url);
    has(&free, &["nothing is in the way", "was the room dispatched to agent?"]);

    let claim = |room_name: &str, owner: &str| RoomClaim { term: long_term(), ..room(room_name, owner, 1) };
    let mut call = claim("call-1", "host-1:4711");
    call.holder.session = Some(name("RM_a"));
    granted(store.claim_room(&call).await.unwrap());
    for token in 1..=5 {
        granted(
            store
                .take_slot(&SlotRequest {
                    term: long_term(),
                    ..lease("livekit/stt connections", 5, "host-1:4711", token)
                })
                .await
                .unwrap(),
        );
    }
    store.spend(&sliding("livekit/llm requests", 1_000_000, Duration::from_secs(60), 7)).await.unwrap();

    let usage = voxgate(&["usage"], url);
    has(&usage, &["resource", "livekit/stt connections  5", "5 at once", "1000000 a minute", "released, or in"]);
    assert_eq!(json(&["usage"], url)["usage"][1]["peak_7_days"], 5);
    let claims = voxgate(&["claims"], url);
    has(&claims, &["call-1 (RM_a)  host-1:4711", "ready", "1 of 1", "starting for", "livekit/stt connections"]);
    assert_eq!(json(&["claims"], url)["claims"][0]["by"], "host-1:4711");
    let second = voxgate(&["why", "call-2"], url);
    has(
        &second,
        &["every ready worker is full: 1 of 1 rooms busy on 1 worker", "livekit/stt connections is used up: 5 of 5"],
    );
    has(&voxgate(&["why", "call-1"], url), &["host-1:4711 has had the room for", "as RM_a", "its name was used again"]);
    assert_eq!(json(&["why", "call-2"], url)["obstacles"][0]["cause"], "all_at_capacity");
    has(
        &voxgate(&["why", "call-2", "--agent", "other"], url),
        &["no worker reports as agent other", "there are: agent;"],
    );

    #[cfg(target_os = "linux")]
    on_a_full_disk(url);
    let (code, _, err) = run(&["release", "host-1:4711"], url);
    assert_eq!(code, 2);
    has(&err, &["still reports: it is alive", "give --yes"]);
    let (code, out, err) = run(&["release", "nobody", "--yes"], url);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    has(&err, &["nobody here is called `nobody`", "voxgate claims"]);
    let (code, out, _) = run(&["release", "loading", "--yes"], url);
    assert_eq!(code, 0);
    has(&out, &["loading holds nothing"]);
    has(&voxgate(&["release", "host-1:4711", "--yes"], url), &["released 6 of 6"]);
    granted(store.claim_room(&claim("call-1", "host-1:4711")).await.unwrap());
    names_can_be_copied(store, url).await;
}

/// Names that are long, and names with escape sequences: what is shown can be copied, and is taken back.
async fn names_can_be_copied(store: &impl GuardStore, url: &str) {
    let painted = "host\u{1b}[31m\u{202e}\n\u{9b}2J";
    let (twin_a, twin_b) = ("twin\u{200b}", "twin\\u{200b}");
    let long = "a worker with a name far longer than any column ".repeat(5);
    for (n, owner) in (1..).zip([painted, &long, twin_a, twin_b]) {
        store
            .report(&WorkerReport { term: long_term(), ..worker(owner, 9, WorkerState::Ready, long_term()) })
            .await
            .unwrap();
        granted(
            store
                .claim_room(&RoomClaim { term: long_term(), ..room(&format!("{owner} {n}"), owner, 1) })
                .await
                .unwrap(),
        );
    }
    let shown = voxgate(&["claims"], url);
    has(&shown, &["host\\u{1b}[31m\\u{202e}\\n\\u{9b}2J", long.trim_end()]);
    let shown_json = voxgate(&["claims", "--json"], url);
    for text in [&shown, &shown_json] {
        assert!(!text.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
    }
    assert!(serde_json::from_str::<Value>(&shown_json).unwrap()["workers"].to_string().contains('\u{202e}'));
    has(&voxgate(&["why", "host\\u{1b}[31m\\u{202e}\\n\\u{9b}2J 1"], url), &["has had the room for"]);
    has(&voxgate(&["release", "host\\u{1b}[31m\\u{202e}\\n\\u{9b}2J", "--yes"], url), &["released 1 of 1"]);
    has(&voxgate(&["release", &long, "--yes"], url), &["released 1 of 1"]);
    has(&voxgate(&["release", twin_a, "--yes"], url), &["released 1 of 1"]);
    let (code, out, err) = run(&["release", twin_b, "--yes"], url);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    has(&err, &["2 workers are shown as `twin\\u{200b}`"]);
}

/// What cannot be printed is an error, and nothing is released that was not shown.
#[cfg(target_os = "linux")]
fn on_a_full_disk(url: &str) {
    let release = ["release", "host-1:4711", "--yes"];
    for args in [&["usage"][..], &["usage", "--json"], &["claims"], &["claims", "--json"], &["why", "call-1"], &release]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("voxgate"));
        let output = command.args(args).args(["--store", url]).stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        has(&told, &["cannot write standard output: No space left on device", "make room"]);
    }
}

/// Longer than a busy machine needs for all of these commands.
fn long_term() -> LeaseTerm {
    patient().longest_lease
}
