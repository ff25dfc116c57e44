//! A malicious Redis: it exhausts no memory of this process, and overflows none of its arithmetic.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use voxgate_guard::store::{GuardStore, RedisStore, StoreError};

use crate::requests::room;
use crate::server::patient;

/// What it answers to a step.
#[derive(Clone, Copy)]
enum Evil {
    /// A list of so many nulls: three bytes each, and twenty times that in memory.
    Nothings(usize),
    /// A text of so many bytes.
    Text(usize),
    /// Plain words.
    Says(&'static str),
}

/// Not a test of its own: what a started process does.
#[tokio::test(flavor = "current_thread")]
async fn victim_process() {
    let Ok(url) = std::env::var("VOXGATE_TEST_HOSTILE") else { return };
    let store = RedisStore::connect(&url, patient()).await.unwrap();
    let error = store.claim_room(&room("room", "one", 1)).await.unwrap_err();
    println!("\npeak {} {error}", peak_kb().unwrap());
}

/// The most memory that this process has had; only Linux tells.
pub(crate) fn peak_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(target_os = "linux")]
#[test]
fn a_hostile_redis_takes_no_memory() {
    for evil in [Evil::Nothings(12_000_000), Evil::Text(600_000_000)] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "hostile::victim_process", "--nocapture", "--test-threads=1"]);
        let output = command.env("VOXGATE_TEST_HOSTILE", serve("7", evil)).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let (peak_kb, error) = told
            .lines()
            .find_map(|line| line.strip_prefix("peak ")?.split_once(' '))
            .unwrap_or_else(|| panic!("{told}{}", String::from_utf8_lossy(&output.stderr)));
        println!("{peak_kb} kB: {error}");
        assert!(peak_kb.parse::<u64>().unwrap() < 100_000, "{peak_kb} kB: {error}");
        assert!(error.contains("more than a store has to say"), "{error}");
    }
}

#[tokio::test]
async fn numbers_past_u64_are_errors() {
    const MOST: &str = "18446744073709551615";
    let late = RedisStore::connect(&serve(MOST, Evil::Says("+no\r\n")), patient()).await.unwrap_err();
    assert!(matches!(&late, StoreError::Refused { cause, .. } if cause.contains(MOST)), "{late}");
    for evil in [
        "*3\r\n$4\r\nfull\r\n$20\r\n18446744073709551616\r\n$1\r\nx\r\n",
        "*2\r\n$10\r\nrecovering\r\n$21\r\n184467440737095516150\r\n",
        "*2\r\n$12\r\nat_capacity\r\n:-1\r\n",
        ":9223372036854775807\r\n",
        "*9223372036854775807\r\n",
        "$-9223372036854775808\r\n",
    ] {
        let store = RedisStore::connect(&serve("7", Evil::Says(evil)), patient()).await.unwrap();
        let error = store.claim_room(&room("room", "one", 1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. } | StoreError::Unreachable { .. }), "{evil:?}: {error}");
    }
}

/// The address of a server that greets, says that it is `seconds` past 1970, and then gives the malicious answer.
fn serve(seconds: &'static str, evil: Evil) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            // The other side hangs up on it, or is done.
            _ = socket.and_then(|socket| answer(socket, seconds, evil));
        }
    });
    format!("redis://127.0.0.1:{port}")
}

fn answer(mut socket: TcpStream, seconds: &str, evil: Evil) -> std::io::Result<()> {
    let mut heard = [0; 65_536];
    loop {
        let length = socket.read(&mut heard)?;
        if length == 0 {
            return Ok(());
        }
        let asked = String::from_utf8_lossy(&heard[..length]);
        for _ in asked.matches("SETINFO") {
            socket.write_all(b"+OK\r\n")?;
        }
        if asked.contains("$4\r\nINFO") {
            let info = "run_id:evil\r\nmaxmemory:0\r\nuptime_in_seconds:5\r\n";
            let time = format!("*2\r\n${}\r\n{seconds}\r\n$1\r\n9\r\n", seconds.len());
            socket.write_all(format!("${}\r\n{info}\r\n{time}", info.len()).as_bytes())?;
        }
        if asked.contains("$3\r\nGET") {
            socket.write_all(b"$1\r\n1\r\n")?; // the version of its layout
        }
        if asked.contains("EVALSHA") {
            harm(&mut socket, evil)?;
        }
    }
}

fn harm(socket: &mut TcpStream, evil: Evil) -> std::io::Result<()> {
    let (head, block, bytes) = match evil {
        Evil::Says(words) => return socket.write_all(words.as_bytes()),
        Evil::Nothings(n) => (format!("*{n}\r\n"), "_\r\n".repeat(20_000), 3 * n),
        Evil::Text(bytes) => (format!("${bytes}\r\n"), "x".repeat(60_000), bytes),
    };
    socket.write_all(head.as_bytes())?;
    (0..bytes / block.len()).try_for_each(|_| socket.write_all(block.as_bytes()))
}
