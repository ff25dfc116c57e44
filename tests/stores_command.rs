//! `voxgate usage`, `claims`, `why` and `release`, on the store that workers share.
// Not as `required-features`: packages leave this file out, and Cargo.toml must not name what is not there.
#![cfg(all(feature = "cli", feature = "redis", feature = "postgres", feature = "sqlite", feature = "tls"))]
#![allow(clippy::disallowed_methods, reason = "these tests wait for servers")]

#[allow(dead_code, reason = "the stores' own tests need more of it")]
#[path = "../crates/voxgate-guard/tests/stores/authority.rs"]
mod authority;
#[path = "../crates/voxgate-guard/tests/stores/requests.rs"]
mod requests;
#[allow(dead_code, reason = "the stores' own tests need more of it")]
#[path = "../crates/voxgate-guard/tests/stores/server.rs"]
mod server;

use std::time::Duration;

use serde_json::Value;
use voxgate::guard::store::{
    GuardStore, LeaseTerm, PostgresStore, RedisStore, RoomAnswer, RoomClaim, SlotRequest, SqliteStore, WorkerReport,
    WorkerState,
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
    command.args(args).args(["--store", url]).env_remove("CLICOLOR_FORCE");
    let output = command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "secret").output().unwrap();
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
        (
            "http://host",
            2,
            "`http://host` names no store; expected a file such as voxgate.db, redis[s]://host[:port] or postgres://",
        ),
        ("redis", 2, "`redis` names no store"),
        ("redis://127.0.0.1:99999", 2, "expected redis://[user:password@]host[:port]"),
        ("rediss://me:secret@host?sslmode=prefer", 2, "rediss:// is always encrypted"),
        ("rediss://me:secret@host?sslrootcert=/no.pem", 2, "/no.pem: cannot be read"),
        ("postgres://me:secret@host/x?sslmode=verify-ca", 2, "name it by `sslrootcert`"),
        ("rediss://me:secret@127.0.0.1:1?sslmode=require", 1, "Redis cannot be reached (Connection refused"),
        (
            "postgres://host:port/x",
            2,
            "invalid value for option `port`; expected postgres://user[:password]@host[:port]/database",
        ),
        ("redis://127.0.0.1:1", 1, "Redis cannot be reached (Connection refused"),
        ("postgres://me:secret@127.0.0.1:1/x", 1, "is it running, and is the address right?"),
        #[cfg(feature = "dynamodb")]
        ("dynamodb://calls?endpoint=http://127.0.0.1:1", 2, "expected dynamodb://TABLE?region=eu-west-1"),
        #[cfg(feature = "dynamodb")]
        ("dynamodb://calls?region=x&endpoint=http://127.0.0.1:1", 1, "DynamoDB cannot be reached (Connection refused"),
        #[cfg(not(feature = "dynamodb"))]
        ("dynamodb://calls?region=x", 2, "build it with `--features dynamodb`"),
    ] {
        for command in [&["usage"][..], &["claims"], &["doctor"], &["why", "call-1"], &["release", "host-1", "--yes"]] {
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
    let told = voxgate(&["doctor", "--longest-call", "1ms"], &redis.url());
    has(
        &told,
        &["it is a primary", "it is Redis ", "it keeps no append-only file", "appendonly yes", "its clock agrees"],
    );
    has(&told, &["have been held for longer than 0 s", "voxgate usage --explain"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_look_into_a_redis_over_tls() {
    let authority = authority::Authority::new();
    let (signed, ca, port) = (authority.sign("localhost"), authority.file(), server::free_port().to_string());
    let [certificate, key, ca] = [&signed.certificate, &signed.key, &ca].map(|path| path.to_str().unwrap());
    let files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", ca];
    let words = ["--save", "", "--tls-port", &port, "--tls-auth-clients", "no"];
    let Some(redis) = server::Redis::start_with(&[&words[..], &files].concat()) else { return };
    redis.end_the_grace().await;
    let url = format!("rediss://localhost:{port}?sslrootcert={ca}");
    let store = RedisStore::connect(&url, patient()).await.unwrap();
    store.report(&worker("host-1", 2, WorkerState::Ready, long_term())).await.unwrap();
    granted(store.claim_room(&room("call-7", "host-1", 1)).await.unwrap());
    has(&voxgate(&["claims"], &url), &["call-7", "host-1", &format!("rediss://localhost:{port} · default")]);
    has(&voxgate(&["doctor"], &url), &["the link to it is encrypted, and its certificate was checked"]);
    let (code, out, err) = run(&["claims"], &format!("rediss://127.0.0.1:{port}?sslrootcert={ca}"));
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    has(&err, &["its certificate is for another host", "subjectAltName"]);
}

/// As for `psql`.
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_says_how_postgres_is_spoken_to() {
    let Some(postgres) = server::Postgres::start() else { return };
    let claims = |mode| {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
        let output = command.args(["claims", "--store", &postgres.url()]).env("PGSSLMODE", mode).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(claims("prefer"), (0, String::new()));
    let (code, told) = claims("require");
    assert_eq!(code, 1);
    has(&told, &["no encrypted link to PostgreSQL", "set ssl = on there"]);
    let (code, told) = claims("always");
    assert_eq!(code, 2);
    has(&told, &["in the environment variable PGSSLMODE"]);
}

/// A replica answers, and takes no claims.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_a_replica_is_a_bad_store() {
    let Some(primary) = server::Redis::start() else { return };
    let port = primary.url().rsplit_once(':').unwrap().1.to_owned();
    let Some(replica) = server::Redis::start_with(&["--save", "", "--replicaof", &format!("127.0.0.1 {port}")]) else {
        return;
    };
    let (code, out, err) = run(&["doctor"], &replica.url());
    assert_eq!(code, 1, "{out}{err}");
    has(&out, &["bad  it is a replica, and takes no claims", "give the address of the primary"]);
    has(&err, &["the store is not well: 1 finding"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_tell_what_postgres_knows() {
    let Some(postgres) = server::Postgres::start() else { return };
    let store = PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    tell(&store, &postgres.url()).await;
    has(
        &voxgate(&["doctor"], &postgres.url()),
        &["it is PostgreSQL ", "claims are on its disk before they are granted"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_tell_what_a_file_knows() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("voxgate.db");
    let store = SqliteStore::open(&path, patient()).unwrap();
    tell(&store, path.to_str().unwrap()).await;
    has(&voxgate(&["doctor"], path.to_str().unwrap()), &["the file is whole", "on the disk before they are granted"]);
}

/// "Limits still show 5 of 5 after twelve hours": the peak is not what is used, and a worker that lives renews what it
/// forgot to release.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_seems_never_to_come_back_is_explained() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("voxgate.db");
    let url = path.to_str().unwrap();
    let store = SqliteStore::open(&path, patient()).unwrap();
    let report = WorkerReport { term: long_term(), ..worker("alive", 1, WorkerState::Ready, long_term()) };
    store.report(&report).await.unwrap();
    let slot = |resource, owner, token| SlotRequest { term: long_term(), ..lease(resource, 2, owner, token) };
    granted(store.take_slot(&slot("livekit/stt connections", "alive", 1)).await.unwrap());
    granted(store.take_slot(&slot("livekit/stt connections", "dead", 2)).await.unwrap());
    let given_back = granted(store.take_slot(&slot("livekit/tts connections", "alive", 3)).await.unwrap());
    store.release(&given_back).await.unwrap();
    let explain = ["usage", "--explain", "--plan", "build"];
    let early = voxgate(&explain, url);
    has(
        &early,
        &[
            "2 of 2 now, and never more in the last seven days",
            "0 of 2 now; 1 is the peak of the last seven days, not what is used",
            "its worker reports",
            "its worker is silent: free in",
            "the Build plan's limit cannot be raised: free a slot, go to the provider directly",
        ],
    );
    assert!(!early.contains("a leak") && !early.contains("voxgate release"), "{early}");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let late = voxgate(&[&explain[..], &["--longest-call", "1s"]].concat(), url);
    has(&late, &["no call lasts that long: a leak", "held for longer than any call (1 s)", "voxgate release 'alive'"]);
    let leaks = &json(&["usage", "--explain", "--longest-call", "1s"], url)["older_than_a_call"];
    assert_eq!((leaks[0]["by"].as_str(), leaks.as_array().map(Vec::len)), (Some("alive"), Some(2)));
}

/// "Quota page says 5 concurrent sessions, one call works, the second room never gets an agent."
#[tokio::test(flavor = "multi_thread")]
async fn the_second_room_that_never_gets_an_agent_is_explained() {
    let without_store = |args: &[&str]| {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
        let output = command.args(args).env_remove("VOXGATE_STORE").env_remove("CLICOLOR_FORCE").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let told = ["--plan", "build", "--agents", "hosted,self-hosted", "--avatar-slots", "1", "--calls", "2"];
    let answer = without_store(&[&["why", "call-2", "--waited", "90s"][..], &told].concat());
    println!("{answer}");
    let (likely, rest) = answer.split_once("possible, and not seen from here").unwrap();
    has(
        likely,
        &[
            "no store: workers and claims are not known",
            "several agents without a name: any of them takes the room (one runs on LiveKit Cloud, one elsewhere",
            "lk agent status",
            "the avatar's provider has no free session (its provider allows 1 at once, and there are 2 calls)",
        ],
    );
    let (possible, ruled_out) = rest.split_once("not the cause").unwrap();
    has(possible, &["the room's name is in use", "`lk room list`: is call-2 older", "`lk dispatch list call-2`"]);
    has(ruled_out, &["1 min 30 s is longer than a cold start takes", "replicas 1 / 1 / 1", "cannot know"]);

    // Workers of one build, without a name: any of them takes the room.
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("voxgate.db");
    let store = SqliteStore::open(&path, patient()).unwrap();
    for id in ["cloud", "laptop"] {
        let report = worker(id, 3, WorkerState::Ready, long_term());
        store.report(&WorkerReport { agent: None, term: long_term(), ..report }).await.unwrap();
    }
    let url = path.to_str().unwrap();
    has(
        &voxgate(&["why", "call-2", "--room-source", "per-call"], url),
        &[
            "nothing is in the way",
            "any of them takes the room (without a name report: cloud, laptop)",
            "each call has a name of its own",
        ],
    );
    let suspicions = &json(&["why", "call-2"], url)["suspicions"];
    assert_eq!(
        (suspicions[0]["cause"].as_str(), suspicions[0]["likelihood"].as_str()),
        (Some("unnamed_agents"), Some("likely"))
    );
}

/// On a terminal it asks for what it was not told; an answer that cannot be read is asked for again.
#[cfg(target_os = "linux")]
#[test]
fn why_asks_on_a_terminal() {
    use std::io::Write;
    let mut terminal = std::process::Command::new("script");
    let command = format!("{} why call-2", assert_cmd::cargo::cargo_bin!("voxgate").display());
    terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]).env_remove("VOXGATE_STORE");
    let mut child = terminal.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    // Where agents run, the plan, dispatch, room names, avatar, calls, time waited.
    child.stdin.take().unwrap().write_all(b"both\npremium\nbuild\n\nfixed\n1\n2\n90s\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    has(
        &told,
        &["one of the words or numbers in brackets", "the same name is used for every call", "allows 1 at once"],
    );
}

async fn tell(store: &impl GuardStore, url: &str) {
    has(&voxgate(&["claims"], url), &["no worker reports, and nothing is held"]);
    has(&voxgate(&["usage"], url), &["nothing was acquired or spent"]);
    has(&voxgate(&["why", "call-2"], url), &["no worker reports", "start one"]);

    let healthy = voxgate(&["doctor"], url);
    has(&healthy, &["it was reached", "0 workers report, and hold 0 rooms and slots"]);
    assert!(!healthy.contains("  bad  ") && !json(&["doctor"], url)["findings"][0]["what"].is_null(), "{healthy}");

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

#[cfg(feature = "dynamodb")]
#[test]
fn a_table_of_dynamodb_is_looked_into() {
    use voxgate::guard::store::{AwsCredentials, DynamoStore};
    let Some(service) = server::Dynalite::start() else { return };
    let (access_key_id, secret_access_key) = ("a".to_owned(), "secret".to_owned());
    let credentials = AwsCredentials { access_key_id, secret_access_key, session_token: None };
    let store = DynamoStore::with_credentials(&service.address(), credentials, patient()).unwrap();
    let term = LeaseTerm::new(Duration::from_secs(20)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        store.report(&worker("host-1", 2, WorkerState::Ready, term)).await.unwrap();
        granted(store.claim_room(&RoomClaim { term, ..room("call-1", "host-1", 1) }).await.unwrap());
    });
    let url = service.address();
    has(&voxgate(&["claims"], &url), &["dynamodb://calls · default", "call-1", "host-1"]);
    has(&voxgate(&["doctor"], &url), &["this machine's clock agrees with the service's"]);
    has(&voxgate(&["release", "host-1", "--yes"], &url), &["call-1"]);
    assert_eq!(json(&["claims"], &url)["claims"], Value::Array(Vec::new()));
    let (code, _, err) = run(&["claims"], &url.replace("//calls", "//voxgate"));
    let told = err.split('`').find(|part| part.starts_with("aws dynamodb create-table ")).expect(&err);
    assert_eq!(code, 1);
    has(include_str!("../docs/src/stores.md"), &[told]);
}
