//! The room around you: `arecord` for the microphone and `aplay` for the loudspeaker, as every Linux desktop has them.

use std::collections::VecDeque;
use std::pin::pin;
use std::process::Stdio;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use voxgate::stage::MicIn;
use voxgate::{AudioFormat, Chunk, SAMPLE_RATE, Samples};

use crate::room::{PACKET, Speaker};

/// Hears and speaks until Ctrl-C.
pub(crate) async fn run(mut mic: MicIn, orders: mpsc::Receiver<Speaker>) -> anyhow::Result<()> {
    let mut recorder = start("arecord", &["--period-time=20000"], Stdio::null(), Stdio::piped())?;
    let mut recorded = recorder.stdout.take().context("arecord has no output")?;
    let mut loudspeaker = pin!(speak(orders));
    let mut bytes = [0; 2 * PACKET];
    loop {
        // Nothing of a packet is lost: when another branch is taken, it is over.
        tokio::select! {
            read = recorded.read_exact(&mut bytes) => read.context("arecord stopped; does it record by itself?")?,
            spoken = &mut loudspeaker => return spoken,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let samples: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        mic.push(Chunk::new(Samples::I16(&samples), AudioFormat::mono(SAMPLE_RATE)))?;
    }
}

/// Plays one thing after the other; an order to stop silences all that was asked for before.
async fn speak(mut orders: mpsc::Receiver<Speaker>) -> anyhow::Result<()> {
    let (mut waiting, mut playing) = (VecDeque::new(), JoinSet::new());
    loop {
        if playing.is_empty() {
            waiting.pop_front().map(|voice| playing.spawn(play(voice)));
        }
        tokio::select! {
            Some(played) = playing.join_next() => played??,
            order = orders.recv() => match order {
                Some(Speaker::Play(voice)) => waiting.push_back(voice),
                Some(Speaker::Stop) => {
                    waiting.clear();
                    playing.shutdown().await;
                }
                None => return Ok(()),
            },
        }
    }
}

async fn play(voice: Vec<f32>) -> anyhow::Result<()> {
    let mut player = start("aplay", &[], Stdio::piped(), Stdio::null())?;
    let bytes: Vec<u8> = voice.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
    player.stdin.take().context("aplay has no input")?.write_all(&bytes).await?;
    player.wait().await?;
    Ok(())
}

/// A program of ALSA's that ends when it is dropped, and not by a Ctrl-C of its own.
fn start(program: &str, more: &[&str], stdin: Stdio, stdout: Stdio) -> anyhow::Result<Child> {
    let mut command = Command::new(program);
    command.args(["-q", "-t", "raw", "-f", "S16_LE", "-r", "16000", "-c", "1"]).args(more);
    let child = command.stdin(stdin).stdout(stdout).process_group(0).kill_on_drop(true).spawn();
    child.with_context(|| format!("cannot start {program}; install it: apt install alsa-utils"))
}
