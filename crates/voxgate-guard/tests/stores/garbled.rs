//! Servers whose answers are damaged on the way: bytes change, go missing, come twice, or stop coming. Every step ends in an
//! answer or an error, in time, without a panic in any thread, and without much memory.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use fastrand::Rng;
use voxgate_guard::store::{GuardStore, PostgresStore, RedisStore, RoomAnswer, SharedConfig, WorkerState};

use crate::hostile::peak_kb;
use crate::requests::{lease, room, sliding, term, worker};
use crate::server::{self, hasty, patient};

#[tokio::test(flavor = "multi_thread")]
async fn damaged_answers_of_redis_and_postgres_are_errors() {
    let _quiet = crate::BUSY.read().await;
    let (Some(redis), Some(postgres)) = (server::Redis::start(), server::Postgres::start()) else { return };
    redis.end_the_grace().await;
    PostgresStore::connect(&postgres.url(), patient()).await.unwrap();
    for (url, port) in [(redis.url(), redis.port()), (postgres.url(), postgres.port())] {
        let through = url.replace(&format!(":{port}"), &format!(":{}", damaging_proxy(port)));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "garbled::victim_process", "--nocapture", "--test-threads=1"]);
        let output = command.env("VOXGATE_TEST_GARBLED", through).output().unwrap();
        let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !errors.contains("panicked"), "{url}: {told}{errors}");
        let counts = told.lines().find_map(|line| line.strip_prefix("answers, errors, peak kB: ")).unwrap();
        println!("{url}: {counts}");
        let counts: Vec<u64> = counts.split(' ').map(|count| count.parse().unwrap()).collect();
        assert!(counts[0] > 100 && counts[1] > 100 && counts[2] < 100_000, "{url}: {told}");
    }
}

/// Not a test of its own: what a started process does.
#[tokio::test(flavor = "multi_thread")]
async fn victim_process() {
    let Ok(url) = std::env::var("VOXGATE_TEST_GARBLED") else { return };
    let config = || SharedConfig { timeout: Duration::from_millis(100), ..hasty() };
    let mut counts = [0_u64; 2];
    for n in 0..ROUNDS {
        let answered = if url.starts_with("redis") {
            steps(&RedisStore::new(&url, config()).unwrap(), n).await
        } else {
            steps(&PostgresStore::new(&url, config()).unwrap(), n).await
        };
        answered.into_iter().for_each(|answered| counts[usize::from(!answered)] += 1);
    }
    let peak = peak_kb().unwrap_or_default();
    println!("\nanswers, errors, peak kB: {} {} {peak}", counts[0], counts[1]);
}

/// Which steps were answered.
async fn steps(store: &impl GuardStore, n: u64) -> [bool; 6] {
    let all = async {
        let reported = store.report(&worker("one", 4, WorkerState::Ready, term())).await.is_ok();
        let claimed = store.claim_room(&room("room", "one", n)).await;
        let taken = store.take_slot(&lease("stt", 1_000, "one", n)).await.is_ok();
        let spent = store.spend(&sliding("words", 1_000_000, Duration::from_secs(60), 1)).await.is_ok();
        let surveyed = store.survey().await.is_ok();
        let released = match &claimed {
            Ok(RoomAnswer::Granted(grant)) => {
                store.renew(grant, term()).await.is_ok() & store.release(grant).await.is_ok()
            }
            _ => false,
        };
        [reported, claimed.is_ok(), taken, spent, surveyed, released]
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("a step hangs")
}

/// The port of a proxy to the server at `port`, which damages what the server says.
fn damaging_proxy(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, client) in (0..).zip(listener.incoming()) {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port))) else { return };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || copy(from, to, Some));
            std::thread::spawn(move || {
                let mut rng = Rng::with_seed(number);
                copy(server, client, |bytes| if rng.u8(..) < DAMAGED { damage(bytes, &mut rng) } else { Some(bytes) });
            });
        }
    });
    own
}

/// Until one side hangs up, or nothing is left of what was read.
fn copy(mut from: TcpStream, mut to: TcpStream, mut change: impl FnMut(Vec<u8>) -> Option<Vec<u8>>) {
    let mut bytes = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let Some(changed) = change(bytes[..length].to_vec()) else { break };
        if to.write_all(&changed).is_err() {
            break;
        }
    }
    // The other side may have hung up already.
    _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// `None`: the connection breaks.
fn damage(mut bytes: Vec<u8>, rng: &mut Rng) -> Option<Vec<u8>> {
    let at = rng.usize(..bytes.len());
    let end = rng.usize(at..=bytes.len());
    match rng.u8(..8) {
        0 => return None,
        1 => bytes[at] = rng.u8(..),
        2 => bytes[at] ^= 1 << rng.u8(..8),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..end)),
        5 => bytes.extend_from_within(at..end),
        6 => drop(bytes.splice(at..end, std::iter::repeat_with(|| rng.u8(..)).take(16).collect::<Vec<_>>())),
        _ => {
            // Where a digit is, a number that is too large.
            let digit = bytes.iter().position(u8::is_ascii_digit).unwrap_or(at);
            drop(bytes.splice(digit..digit, *b"99999999999"));
        }
    }
    Some(bytes)
}

const ROUNDS: u64 = 200;
/// Of 256 answers.
const DAMAGED: u8 = 40;
