//! Load for `voxgate serve`: telephone calls in real time, an agent behind them, and what the gateway adds.
//!
//! ```text
//! cargo build --release --features serve --bins --examples
//! target/release/examples/serve_load gateway --calls 500 --seconds 60
//! target/release/examples/serve_load proxy --calls 500 --seconds 60     # the same through a proxy that passes bytes
//! ```
//!
//! It starts the gateway (or the proxy) as a process beside itself, and the agent in itself. Every call sends packets of 20 ms: a
//! user who speaks most of the time; the agent speaks in the pauses. Latency is from the client's send to the agent's receipt of a
//! packet that is at least 0.7 s into speech, on one clock; in the user's pauses packets are late by the pre-roll, by design. Clients, agent and
//! gateway share the machine, so the figures are an upper bound.

#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use audio_codec_algorithms::encode_ulaw;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

struct Args {
    through: String,
    calls: usize,
    seconds: u64,
}

/// What the agent has seen.
struct Seen {
    began: Instant,
    packets: AtomicU64,
    /// In-speech latencies in units of 0.1 ms, the last for all longer ones.
    latencies: Vec<AtomicU64>,
}

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "passes-bytes") {
        return runtime(1)?.block_on(pass_bytes(args[1].parse()?, args[2].parse()?));
    }
    let named = |name: &str, otherwise: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(otherwise)
    };
    let through = args.first().cloned().unwrap_or_default();
    if !matches!(through.as_str(), "gateway" | "proxy") {
        bail!("expected `gateway` or `proxy`, with --calls and --seconds");
    }
    let args = Args { through, calls: named("--calls", 100) as usize, seconds: named("--seconds", 30) };
    runtime(2)?.block_on(measure(args))
}

fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

async fn measure(args: Args) -> anyhow::Result<()> {
    let agent = TcpListener::bind("127.0.0.1:0").await?;
    let upstream = agent.local_addr()?;
    let latencies = (0..LONGEST_TENTHS).map(|_| AtomicU64::new(0)).collect();
    let seen = Arc::new(Seen { began: Instant::now(), packets: AtomicU64::new(0), latencies });
    tokio::spawn(answer_calls(agent, Arc::clone(&seen)));
    let (mut process, address) = start(&args, upstream)?;
    let pid = process.id();
    let user = Arc::new(packets_of("samples/clean_turn.wav")?);
    let mut calls = Vec::new();
    for n in 0..args.calls {
        // Calls begin spread over a packet's time, as in life.
        tokio::time::sleep(Duration::from_millis(20) / args.calls as u32).await;
        let (user, began) = (Arc::clone(&user), seen.began);
        calls.push(tokio::spawn(call(format!("ws://{address}/twilio"), n, user, began, args.seconds)));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (cpu, rss) = (cpu_s(pid)?, rss_mib(pid)?);
    let from = Instant::now();
    tokio::time::sleep(Duration::from_secs(args.seconds.saturating_sub(6).max(1))).await;
    let used = (cpu_s(pid)? - cpu) / from.elapsed().as_secs_f64();
    let rss_end = rss_mib(pid)?;
    let mut sent = 0;
    for call in calls {
        sent += call.await??;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let got = seen.packets.load(Ordering::Relaxed);
    println!("{} calls of {} s through the {}", args.calls, args.seconds, args.through);
    println!("  packets: {sent} sent, {got} received");
    let at = |share: f64| quantile(&seen.latencies, share);
    println!("  latency in mid-speech: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms", at(0.5), at(0.99), at(0.999));
    println!("  processor: {:.2} of a core, {:.2} ms a second and call", used, used * 1_000.0 / args.calls as f64);
    println!(
        "  memory: {rss} MiB after 2 s, {rss_end} MiB at the end, {:.0} KiB a call",
        rss_end as f64 * 1_024.0 / args.calls as f64
    );
    process.kill()?;
    process.wait()?;
    Ok(())
}

/// The gateway or the proxy, and where it listens.
fn start(args: &Args, upstream: SocketAddr) -> anyhow::Result<(Child, SocketAddr)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let this = std::env::current_exe()?;
    let mut command = if args.through == "proxy" {
        let mut command = Command::new(&this);
        command.args(["passes-bytes", &port.to_string(), &upstream.to_string()]);
        command
    } else {
        let voxgate = this.parent().and_then(|examples| examples.parent()).context("no folder")?.join("voxgate");
        let settings = format!(
            "listen = \"{port}\"\nlimits.calls = {}\nlimits.connections = {}\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{upstream}\"\n",
            args.calls + 10,
            args.calls + 100,
        );
        let file = std::env::temp_dir().join(format!("voxgate-load-{}.toml", std::process::id()));
        std::fs::write(&file, settings)?;
        let mut command = Command::new(voxgate);
        command.args(["serve", "--config"]).arg(file);
        command
    };
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let patience = Instant::now();
    while std::net::TcpStream::connect(port).is_err() {
        if patience.elapsed() > Duration::from_secs(10) {
            bail!("it does not listen");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((child, port))
}

/// One call: a packet each 20 ms, with the time of its sending in its number. Reads what the agent says.
async fn call(url: String, n: usize, user: Arc<Vec<String>>, began: Instant, seconds: u64) -> anyhow::Result<u64> {
    let (socket, _) = connect_async(url).await?;
    let (mut out, mut back) = socket.split();
    tokio::spawn(async move { while let Some(Ok(_)) = back.next().await {} });
    let start = format!(
        r#"{{"event":"start","streamSid":"MZ{n}","start":{{"streamSid":"MZ{n}","callSid":"CA{n}","mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}}}}"#
    );
    out.send(Message::text(start)).await?;
    let mut pace = tokio::time::interval(PACKET);
    let count = seconds * 50;
    for packet in 0..count {
        pace.tick().await;
        let place = (packet as usize + n * 37) % user.len();
        let payload = &user[place];
        // A call that begins in mid-speech is no test of mid-speech at first.
        let spoken = u8::from(packet > 100 && SPOKEN.iter().any(|words| words.contains(&place)));
        let sent_us = began.elapsed().as_micros();
        out.send(Message::text(format!(
            r#"{{"event":"media","streamSid":"MZ{n}","sent":{sent_us},"spoken":{spoken},"media":{{"track":"inbound","timestamp":"{}","payload":"{payload}"}}}}"#,
            packet * 20
        ))).await?;
    }
    out.send(Message::text(format!(r#"{{"event":"stop","streamSid":"MZ{n}"}}"#))).await?;
    // What is under way arrives.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(count)
}

async fn answer_calls(listener: TcpListener, seen: Arc<Seen>) {
    let voice = packets_of("samples/echo_playback.wav").unwrap_or_default();
    let voice = Arc::new(voice);
    while let Ok((stream, _)) = listener.accept().await {
        _ = stream.set_nodelay(true);
        tokio::spawn(answer(stream, Arc::clone(&seen), Arc::clone(&voice)));
    }
}

/// The agent in one call: it speaks while it hears nothing.
async fn answer(stream: TcpStream, seen: Arc<Seen>, voice: Arc<Vec<String>>) -> anyhow::Result<()> {
    let mut socket = accept_async(stream).await?;
    let (mut quiet, mut said) = (0_u32, 0_usize);
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let Some(sent_us) = number_after(&text, r#""sent":"#) else { continue };
        seen.packets.fetch_add(1, Ordering::Relaxed);
        let payload = text.split(r#""payload":""#).nth(1).unwrap_or_default();
        quiet = if payload.starts_with("////////////////////////////////") { quiet + 1 } else { 0 };
        if number_after(&text, r#""spoken":"#) == Some(1) {
            let late_us = (seen.began.elapsed().as_micros() as u64).saturating_sub(sent_us);
            let tenths = (late_us / 100).min(LONGEST_TENTHS as u64 - 1) as usize;
            seen.latencies[tenths].fetch_add(1, Ordering::Relaxed);
        }
        if quiet > 10 {
            let payload = &voice[said % voice.len()];
            said += 1;
            let speech = format!(r#"{{"event":"media","streamSid":"MZ","media":{{"payload":"{payload}"}}}}"#);
            socket.send(Message::text(speech)).await?;
        }
    }
    Ok(())
}

/// A proxy that passes bytes.
async fn pass_bytes(listen: SocketAddr, to: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut upstream = TcpStream::connect(to).await?;
            client.set_nodelay(true)?;
            upstream.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await
        });
    }
}

/// A recording as packets of 20 ms of mu-law, in base64.
fn packets_of(path: &str) -> anyhow::Result<Vec<String>> {
    let mut reader = hound::WavReader::open(path).with_context(|| format!("{path}: run it in the repository"))?;
    let step = (reader.spec().sample_rate / 8_000) as usize;
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    let low: Vec<u8> = samples
        .chunks_exact(step)
        .map(|group| {
            let mean = group.iter().map(|&sample| i32::from(sample)).sum::<i32>() / step as i32;
            encode_ulaw(mean as i16)
        })
        .collect();
    Ok(low.chunks_exact(160).map(|packet| STANDARD.encode(packet)).collect())
}

fn number_after(text: &str, key: &str) -> Option<u64> {
    let digits = text.split(key).nth(1)?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn quantile(counts: &[AtomicU64], share: f64) -> f64 {
    let counts: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    let wanted = (counts.iter().sum::<u64>() as f64 * share) as u64;
    let mut below = 0;
    let at = counts.iter().position(|count| {
        below += count;
        below > wanted
    });
    at.unwrap_or(counts.len()) as f64 / 10.0
}

fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 / 100.0)
}

fn rss_mib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(number_after(&status.replace([' ', '\t'], ""), "VmRSS:").unwrap_or(0) / 1_024)
}

/// Packets of the user's recording in mid-speech, from its labels: 0.7 to 3.22 s and 4.4 to 9.19 s.
const SPOKEN: [std::ops::Range<usize>; 2] = [70..160, 255..455];
const PACKET: Duration = Duration::from_millis(20);
/// 2 s.
const LONGEST_TENTHS: usize = 20_000;
