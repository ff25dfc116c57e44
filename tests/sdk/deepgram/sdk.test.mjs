// Deepgram's SDK for JavaScript, through the gateway: the transcript has the client's own times, and silence is not sent.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { DeepgramClient } from "@deepgram/sdk";
import { WebSocketServer } from "ws";

const RATE = 16_000;
const repository = join(import.meta.dirname, "..", "..", "..");
const target = process.env.CARGO_TARGET_DIR ?? join(repository, "target");
// Of the second turn, by its label: samples/clean_turn.labels.csv.
const WORD_S = [4.4, 4.9];

/** Two turns, 20 s of a room's noise, and the turns again. */
function recording() {
  const turns = readFileSync(join(repository, "samples", "clean_turn.wav")).subarray(44);
  const pause = Buffer.alloc(20 * RATE * 2);
  let state = 7;
  for (let place = 0; place < pause.length; place += 2) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    pause.writeInt16LE((state >>> 27) - 15, place);
  }
  return { audio: Buffer.concat([turns, pause, turns]), again: turns.length + pause.length };
}

/** Runs `voxgate serve` in front of an upstream; gives its address. */
async function gateway(upstream) {
  const config = join(mkdtempSync(join(tmpdir(), "voxgate-")), "serve.toml");
  writeFileSync(
    config,
    `listen = "127.0.0.1:0"
limits.late = "60s" # the recording comes faster than real time
[[route]]
path = "/v1/listen"
door = "deepgram"
upstream = "${upstream}/v1/listen"
`,
  );
  const process = spawn(join(target, "debug", "voxgate"), ["serve", "--config", config]);
  for await (const line of createInterface({ input: process.stderr })) {
    const address = line.match(/(ws:\/\/[0-9.:]+)\/v1\/listen/);
    if (address) return { process, address: address[1] };
  }
  throw new Error("the gateway did not start");
}

/** Plays Deepgram: it answers, once the stream is closed, with times of the audio that it got. */
function deepgram(word) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  const got = { audio: Buffer.alloc(0), request: null };
  server.on("connection", (socket, request) => {
    got.request = request;
    socket.on("message", (data, isBinary) => {
      if (isBinary) {
        assert.ok(data.length > 0, "an empty message closes the stream");
        got.audio = Buffer.concat([got.audio, data]);
      } else if (JSON.parse(data).type === "CloseStream") {
        const start = got.audio.lastIndexOf(word) / 2 / RATE;
        const words = [{ word: "unless", start, end: start + word.length / 2 / RATE, confidence: 0.9 }];
        const duration = got.audio.length / 2 / RATE;
        const channel = { alternatives: [{ transcript: "unless", confidence: 0.9, words }] };
        const result = { type: "Results", channel_index: [0, 1], start: 0, duration, is_final: true, speech_final: true, channel };
        socket.send(JSON.stringify(result));
        socket.send(JSON.stringify({ type: "Metadata", request_id: "r", duration, channels: 1 }));
        socket.close(1000);
      }
    });
  });
  return { server, got };
}

/** As an application does it; only `baseUrl` is another. */
async function transcribe(baseUrl, audio) {
  const client = new DeepgramClient({ apiKey: "key", baseUrl });
  const connection = await client.listen.v1.connect({
    model: "nova-3",
    encoding: "linear16",
    sample_rate: RATE,
    reconnectAttempts: 0,
  });
  const told = {};
  const over = new Promise((resolve, reject) => {
    connection.on("message", (message) => {
      told[message.type] = message;
    });
    connection.on("close", resolve);
    connection.on("error", reject);
  });
  connection.connect();
  await connection.waitForOpen();
  for (let start = 0; start < audio.length; start += RATE / 5) {
    connection.sendMedia(audio.subarray(start, start + RATE / 5));
  }
  connection.sendCloseStream({ type: "CloseStream" });
  await over;
  connection.close();
  return told;
}

test("the SDK gets its own times and pays for speech", { timeout: 120_000 }, async () => {
  const { audio, again } = recording();
  const [from, to] = WORD_S.map((time) => again + time * RATE * 2);
  const { server, got } = deepgram(audio.subarray(from, to));
  await new Promise((resolve) => server.once("listening", resolve));
  const { process, address } = await gateway(`ws://127.0.0.1:${server.address().port}`);
  try {
    const { Results, Metadata } = await transcribe(address, audio);
    assert.match(got.request.headers.authorization, /key$/);
    assert.match(got.request.url, /encoding=linear16/);
    const near = (given, bytes) => assert.ok(Math.abs(given - bytes / 2 / RATE) < 0.001, `${given}`);
    near(Results.channel.alternatives[0].words[0].start, from);
    near(Results.channel.alternatives[0].words[0].end, to);
    near(Metadata.duration, audio.length);
    const share = got.audio.length / audio.length;
    console.log(`${(share * 100).toFixed(1)} % of the audio was sent`);
    assert.ok(share < 0.75, `${share}`);
  } finally {
    process.kill();
    server.close();
  }
});
