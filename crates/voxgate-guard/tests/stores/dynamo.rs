//! A store in DynamoDB: processes that race, clocks, and a service that refuses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use voxgate_guard::store::{
    Allowance, AwsCredentials, DynamoStore, GuardStore, Health, Release, Renewal, RoomAnswer, SharedConfig, SlotAnswer,
    Spend, Spent, StoreError, WorkerState,
};

use crate::contract::ready;
use crate::requests::{granted, lease, name, room, term, worker};
use crate::server::{Dynalite, free_port, hasty, patient, term_ms};

pub(crate) fn open(address: &str, config: SharedConfig) -> DynamoStore {
    DynamoStore::with_credentials(address, key("AKIDEXAMPLE"), config).unwrap()
}

fn key(id: &str) -> AwsCredentials {
    let (access_key_id, secret_access_key) = (id.to_owned(), "hunter2".to_owned());
    AwsCredentials { access_key_id, secret_access_key, session_token: Some(format!("token of {id}")) }
}

/// Not a test of its own: what a started process does.
#[tokio::test(flavor = "multi_thread")]
async fn racing_process() {
    let Ok(address) = std::env::var("VOXGATE_TEST_DYNAMODB") else { return };
    let (store, own) = (open(&address, patient()), u64::from(std::process::id()));
    let owner = own.to_string();
    store.report(&worker(&owner, ROUNDS, WorkerState::Ready, term_ms(20_000))).await.unwrap();
    println!("\nready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let (mut rooms, mut small, mut slots, mut spent) = (Vec::new(), 0, 0, 0);
    for round in 0..ROUNDS {
        let mut claim = room(&format!("round {round}"), &owner, own);
        let mut of_small = room(&format!("small {round} {own}"), "small", own);
        let mut slot = lease("slots", SLOTS, &owner, own << 32 | u64::from(round));
        (claim.term, of_small.term, slot.term) = (term_ms(20_000), term_ms(20_000), term_ms(20_000));
        let allowance = Allowance::Monthly { n: NonZeroU64::new(QUOTA).unwrap() };
        let spend = Spend { resource: name("quota"), allowance, amount: 1 };
        let (claimed, of_small, slot, counted) = tokio::try_join!(
            store.claim_room(&claim),
            store.claim_room(&of_small),
            store.take_slot(&slot),
            store.spend(&spend)
        )
        .unwrap();
        rooms.extend(matches!(claimed, RoomAnswer::Granted(_)).then_some(round));
        small += u32::from(matches!(of_small, RoomAnswer::Granted(_)));
        slots += u32::from(matches!(slot, SlotAnswer::Granted(_)));
        spent += u64::from(matches!(counted, Spent::Counted { .. }));
    }
    println!("\ncounts {small} {slots} {spent} {rooms:?}");
}

fn start(address: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "dynamo::racing_process", "--nocapture", "--test-threads=1"]);
    command.env("VOXGATE_TEST_DYNAMODB", address).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// One winner for each room, and no limit exceeded or left unused, whoever is faster.
#[tokio::test(flavor = "multi_thread")]
async fn dynamo_processes_that_race_never_exceed_a_limit() {
    let _alone = crate::BUSY.write().await;
    let Some(service) = Dynalite::start() else { return };
    let store = open(&service.address(), patient());
    store.report(&worker("small", CAPACITY, WorkerState::Ready, term_ms(20_000))).await.unwrap();
    let mut all: Vec<Child> = (0..PROCESSES).map(|_| start(&service.address())).collect();
    let mut lines: Vec<_> = all
        .iter_mut()
        .map(|child| BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok))
        .collect();
    for lines in &mut lines {
        lines.find(|line| line == "ready").expect("it is ready");
    }
    for child in &mut all {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let (mut winners, mut totals) = (vec![0; ROUNDS as usize], [0; 3]);
    for lines in &mut lines {
        let told = lines.find_map(|line| line.strip_prefix("counts ").map(str::to_owned)).expect("its counts");
        let (counts, rooms) = told.split_once('[').unwrap();
        for (total, count) in totals.iter_mut().zip(counts.split_whitespace()) {
            *total += count.parse::<u64>().unwrap();
        }
        for round in rooms.trim_end_matches(']').split(", ").filter(|round| !round.is_empty()) {
            winners[round.parse::<usize>().unwrap()] += 1;
        }
    }
    for mut child in all {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(winners, vec![1; ROUNDS as usize]);
    assert_eq!(totals, [u64::from(CAPACITY), u64::from(SLOTS), QUOTA], "rooms of one worker, slots, a quota");
    let survey = store.survey().await.unwrap();
    let small = survey.worker(&name("small")).unwrap();
    assert_eq!((small.busy, survey.leases.len()), (CAPACITY, SLOTS as usize));
}

/// Clocks differ: for others a slot is held for longer than for its holder, who has stopped by then.
#[tokio::test(flavor = "multi_thread")]
async fn dynamo_holds_for_others_by_the_margin_longer() {
    let _quiet = crate::BUSY.read().await;
    let Some(service) = Dynalite::start() else { return };
    let store = open(&service.address().replace("clock_margin=0s", "clock_margin=1500ms"), patient());
    for id in ["one", "two"] {
        store.report(&worker(id, 9, WorkerState::Ready, term_ms(20_000))).await.unwrap();
    }
    let first = granted(store.claim_room(&room("room", "one", 1)).await.unwrap());
    let slot = granted(store.take_slot(&lease("slots", 1, "one", 1)).await.unwrap());
    assert_eq!(first.expires.since(first.since), term().get());
    tokio::time::sleep(term().get() + Duration::from_millis(60)).await;
    let early = store.claim_room(&room("room", "two", 2)).await.unwrap();
    assert!(matches!(early, RoomAnswer::Taken { .. }), "{early:?}");
    let early = store.take_slot(&lease("slots", 1, "two", 2)).await.unwrap();
    assert!(matches!(early, SlotAnswer::Full { used: 1, .. }), "{early:?}");
    assert!(store.survey().await.unwrap().claims.is_empty(), "its term is over");
    for grant in [&first, &slot] {
        assert_eq!(store.renew(grant, term()).await.unwrap(), Renewal::Lost { to: None });
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(granted(store.claim_room(&room("room", "two", 2)).await.unwrap()).fence > first.fence);
    assert!(granted(store.take_slot(&lease("slots", 1, "two", 2)).await.unwrap()).fence > slot.fence);
}

/// A room that was released is forgotten only when no clock can be behind its last fence.
#[tokio::test(flavor = "multi_thread")]
async fn dynamo_keeps_what_it_needs_and_namespaces_apart() {
    let _quiet = crate::BUSY.read().await;
    let Some(service) = Dynalite::start() else { return };
    let two = SharedConfig { namespace: "two".parse().unwrap(), ..patient() };
    for store in [open(&service.address(), patient()), open(&service.address(), two)] {
        ready(&store, "w", 1).await;
        let grant = granted(store.claim_room(&room("room", "w", 1)).await.unwrap());
        assert_eq!(store.survey().await.unwrap().claims.len(), 1);
        assert_eq!(store.release(&grant).await.unwrap(), Release::Released);
    }
    let found = service.ask("Scan", r#"{"TableName":"calls"}"#);
    let items: serde_json::Value = serde_json::from_str(&found).unwrap();
    let now_s = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let rooms: Vec<_> =
        items["Items"].as_array().unwrap().iter().filter(|item| item["sk"]["S"] == "room:n:room").collect();
    assert_eq!(rooms.len(), 2, "{found}");
    for room in rooms {
        let ends: u64 = room["ttl"]["N"].as_str().unwrap().parse().unwrap();
        assert!((now_s + 86_000..now_s + 87_000).contains(&ends), "{room}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamo_tables_that_cannot_be_used() {
    let _quiet = crate::BUSY.read().await;
    let Some(service) = Dynalite::start() else { return };
    let healthy = open(&service.address(), patient()).checkup().await.unwrap();
    assert!(healthy.iter().all(|finding| finding.health == Health::Good), "{healthy:?}");

    let absent = open(&service.address().replace("calls", "absent"), patient());
    let error = absent.survey().await.unwrap_err().to_string();
    let made_by = "`aws dynamodb create-table --region eu-west-1 --table-name absent --billing-mode PAY_PER_REQUEST";
    assert!(error.contains("there is no table `absent` in eu-west-1") && error.contains(made_by), "{error}");

    service.make_table("foreign", "id", "at");
    let foreign = open(&service.address().replace("calls", "foreign"), patient());
    let error = foreign.report(&worker("w", 1, WorkerState::Ready, term())).await.unwrap_err().to_string();
    assert!(error.contains("the table has to be made by `aws dynamodb create-table"), "{error}");

    let put = |attributes: &str| {
        let key = r#""pk":{"S":"default"},"sk":{"S":"room:n:odd"}"#;
        service.ask("PutItem", &format!(r#"{{"TableName":"calls","Item":{{{key},{attributes}}}}}"#));
    };
    let store = open(&service.address(), patient());
    put(r#""layout":{"N":"9"}"#);
    let later = StoreError::Later { store: "DynamoDB", found: 9, known: 1 };
    assert_eq!(store.claim_room(&room("odd", "w", 1)).await, Err(later));
    let of_no_room = r#"{\"name\":null,\"now\":1,\"last_fence\":1,\"entry\":null}"#;
    let of_no_room = format!(r#""layout":{{"N":"1"}},"v":{{"N":"1"}},"body":{{"S":"{of_no_room}"}}"#);
    for odd in [r#""x":{"N":"1"}"#, r#""layout":{"N":"1"},"v":{"N":"1"},"body":{"S":"{"}"#, &of_no_room] {
        put(odd);
        let error = store.claim_room(&room("odd", "w", 1)).await.unwrap_err().to_string();
        assert!(error.contains("an item cannot be read") && error.contains("Delete it"), "{error}");
    }
}

/// A service that gives prepared answers, the last one for ever, and keeps what it was asked.
struct Prepared {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Prepared {
    fn new(answers: &[(u16, &str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let answers: Vec<String> = answers
            .iter()
            .map(|(status, headers, body)| {
                format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
            })
            .collect();
        let kept = asked.clone();
        std::thread::spawn(move || {
            let mut left = answers.iter().cycle().take(answers.len().saturating_sub(1));
            for socket in listener.incoming() {
                answer(socket.unwrap(), &kept, || left.next().unwrap_or_else(|| answers.last().unwrap()));
            }
        });
        Self { port, asked }
    }

    fn address(&self) -> String {
        format!("dynamodb://calls?region=eu-west-1&endpoint=http://127.0.0.1:{}", self.port)
    }
}

/// Until the other side ends, or an answer says that this one does.
fn answer<'a>(mut socket: TcpStream, asked: &Mutex<Vec<String>>, mut next: impl FnMut() -> &'a String) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        reader.read_exact(&mut vec![0; length.unwrap_or(0)]).unwrap();
        asked.lock().unwrap().push(head);
        let answer = next();
        socket.write_all(answer.as_bytes()).unwrap();
        if answer.contains("closes") {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamo_refusals_say_what_to_do() {
    let _quiet = crate::BUSY.read().await;
    for (status, headers, body, told) in [
        (400, "", r#"{"__type":"a#UnrecognizedClientException","message":"invalid"}"#, "look at AWS_ACCESS_KEY_ID"),
        (
            400,
            "",
            r#"{"__type":"a#InvalidSignatureException","message":"no match\n\nx-amz-security-token:hunter2"}"#,
            "whether they are for eu-west-1",
        ),
        (400, "", r#"{"__type":"a#ExpiredTokenException","message":"expired"}"#, "give newer ones"),
        (
            400,
            "",
            r#"{"__type":"a#AccessDeniedException","Message":"no"}"#,
            "allow dynamodb:BatchGetItem, dynamodb:PutItem",
        ),
        (400, "", r#"{"__type":"a#ItemTooLarge","message":"big"}"#, "DynamoDB refused: 400 ItemTooLarge: big"),
        (200, "", "<html>", "its answer is no JSON"),
        (200, "date: Fri, 21 Nov 2025 04:40:00 GMT\r\n", "{}", "from the service's, which lease terms do not allow"),
    ] {
        let store = open(&Prepared::new(&[(status, headers, body)]).address(), patient());
        let error = store.checkup().await.unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamo_that_is_throttled_is_asked_again_and_not_for_ever() {
    let _quiet = crate::BUSY.read().await;
    let throttled = (400, "", r#"{"__type":"a#ProvisionedThroughputExceededException","message":"slow down"}"#);
    let broken = (500, "", r#"{"__type":"a#InternalServerError","message":"oops"}"#);
    let nothing = (200, "", r#"{"Responses":{"calls":[]},"UnprocessedKeys":{}}"#);
    let soon = Prepared::new(&[throttled, broken, throttled, nothing]);
    assert!(open(&soon.address(), patient()).checkup().await.is_ok());
    assert_eq!(soon.asked.lock().unwrap().len(), 4);

    let never = Prepared::new(&[throttled]);
    let late = StoreError::Late { store: "DynamoDB", after: hasty().timeout };
    assert_eq!(open(&never.address(), hasty()).checkup().await, Err(late));

    // A change that failed in the service may have been done: it is not sent again.
    let unknown = Prepared::new(&[nothing, broken]);
    let error = open(&unknown.address(), patient()).take_slot(&lease("slots", 1, "one", 1)).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Unreachable { cause, .. } if cause.contains("500 InternalServerError")),
        "{error}"
    );
    assert_eq!(unknown.asked.lock().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamo_that_is_away_or_closes_its_connections() {
    let _quiet = crate::BUSY.read().await;
    let away = format!("dynamodb://calls?region=eu-west-1&endpoint=http://127.0.0.1:{}", free_port());
    let error = open(&away, patient()).survey().await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { store: "DynamoDB", .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");

    let closing = Prepared::new(&[(200, "x: closes\r\n", r#"{"Responses":{},"UnprocessedKeys":{}}"#)]);
    let store = open(&closing.address(), patient());
    for id in ["AKIDFIRST", "AKIDSECOND", "AKIDTHIRD"] {
        store.set_credentials(key(id));
        store.checkup().await.unwrap();
        let asked = closing.asked.lock().unwrap().last().unwrap().clone();
        assert!(asked.contains(&format!("Credential={id}/")) && asked.contains(&format!("token of {id}")), "{asked}");
    }
}

#[cfg(all(feature = "redis", feature = "postgres"))]
#[tokio::test(flavor = "multi_thread")]
async fn dynamo_is_spoken_to_over_tls() {
    let _quiet = crate::BUSY.read().await;
    let authority = crate::authority::Authority::new();
    let signed = authority.sign("localhost");
    let Some(service) = Dynalite::start_sealed(&signed.certificate, &signed.key) else { return };
    let at = |host: &str, further: &str| {
        let address = format!("dynamodb://calls?region=eu-west-1&endpoint=https://{host}:{}{further}", service.port());
        open(&address, patient())
    };
    let of_ours = format!("&sslrootcert={}", authority.file().display());
    let there = at("localhost", &of_ours).survey().await.unwrap_err().to_string();
    assert!(there.contains("there is no table `calls`"), "{there}");
    for (host, further, told) in [
        ("localhost", "", "not signed by an authority that is trusted here"),
        ("127.0.0.1", &of_ours, "for another host"),
    ] {
        let error = at(host, further).survey().await.unwrap_err().to_string();
        assert!(error.contains("no encrypted link to DynamoDB") && error.contains(told), "{error}");
    }
}

/// As behind a gateway that has forgotten them: each connection has one answer, then silence.
#[tokio::test(flavor = "multi_thread")]
async fn dynamo_connections_that_lead_nowhere_are_left_together() {
    let _quiet = crate::BUSY.read().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            std::thread::spawn(move || {
                _ = socket.read(&mut [0; 4_096]).unwrap();
                // Late enough for the other one to need a connection of its own.
                std::thread::sleep(Duration::from_millis(100));
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                while socket.read(&mut [0; 4_096]).is_ok_and(|bytes| bytes > 0) {}
            });
        }
    });
    let store = open(&format!("dynamodb://calls?region=eu-west-1&endpoint=http://127.0.0.1:{port}"), hasty());
    let (one, two) = tokio::join!(store.checkup(), store.checkup());
    assert!(one.is_ok() && two.is_ok());
    let late = StoreError::Late { store: "DynamoDB", after: hasty().timeout };
    assert_eq!(store.checkup().await, Err(late));
    assert!(store.checkup().await.is_ok());
}

const PROCESSES: usize = 8;
const ROUNDS: u32 = 25;
const SLOTS: u32 = 5;
const CAPACITY: u32 = 3;
const QUOTA: u64 = 40;
