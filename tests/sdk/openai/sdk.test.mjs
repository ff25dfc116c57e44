// OpenAI's SDK for JavaScript, through the gateway: only OPENAI_BASE_URL is another. It speaks nothing but wss://, so the
// gateway has the certificate that NODE_EXTRA_CA_CERTS names.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { WebSocketServer } from "ws";

const RATE = 24_000;
// After the hangover of what was said before, and before the pre-roll of what follows.
const TYPING_S = [3.3, 5.7];
const repository = join(import.meta.dirname, "..", "..", "..");
const target = process.env.CARGO_TARGET_DIR ?? join(repository, "target");

/** Words and typing at 24 kHz: from 16 kHz, by the nearest sample. */
function recording() {
  const whole = readFileSync(join(repository, "samples", "keyboard.wav")).subarray(44);
  const audio = Buffer.alloc(Math.floor((whole.length * 3) / 4) * 2);
  for (let place = 0; place < audio.length / 2; place += 1) {
    audio.writeInt16LE(whole.readInt16LE(Math.floor((place * 2) / 3) * 2), place * 2);
  }
  return audio;
}

/** Runs `voxgate serve` in front of an upstream; gives its address. */
async function gateway(upstream) {
  const config = join(mkdtempSync(join(tmpdir(), "voxgate-")), "serve.toml");
  writeFileSync(
    config,
    `listen = "127.0.0.1:0"
limits.late = "60s" # the recording comes faster than real time
tls = { cert = "${process.env.NODE_EXTRA_CA_CERTS}", key = "${process.env.VOXGATE_TEST_KEY}" }
[[route]]
path = "/v1"
door = "openai_realtime"
upstream = "${upstream}/v1"
`,
  );
  const running = spawn(join(target, "debug", "voxgate"), ["serve", "--config", config]);
  for await (const line of createInterface({ input: running.stderr })) {
    const address = line.match(/wss:\/\/[0-9.]+:(\d+)\/v1/);
    if (address) return { running, port: address[1] };
  }
  throw new Error("the gateway did not start");
}

/** Plays OpenAI: it answers when it is asked to. */
function openai() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  const got = { audio: Buffer.alloc(0), kinds: [], request: null };
  server.on("connection", (socket, request) => {
    got.request = request;
    const send = (event) => socket.send(JSON.stringify(event));
    send({ type: "session.created", event_id: "e0", session: { type: "realtime" } });
    socket.on("message", (data) => {
      const event = JSON.parse(data);
      got.kinds.push(event.type);
      if (event.type === "input_audio_buffer.append") {
        got.audio = Buffer.concat([got.audio, Buffer.from(event.audio, "base64")]);
      } else if (event.type === "response.create") {
        const delta = Buffer.alloc(2 * RATE, 1).toString("base64");
        send({ type: "response.output_audio.delta", event_id: "e1", item_id: "i", response_id: "r", delta });
        send({ type: "response.done", event_id: "e2", response: { id: "r" } });
      }
    });
  });
  return { server, got };
}

/** As an application does it; resolves to the agent's voice. */
function converse(audio) {
  const realtime = new OpenAIRealtimeWS({ model: "gpt-realtime" }, new OpenAI({ apiKey: "key" }));
  return new Promise((resolve, reject) => {
    let voice = Buffer.alloc(0);
    realtime.on("error", reject);
    realtime.on("session.created", () => {
      realtime.send({ type: "session.update", session: { type: "realtime" } });
      for (let start = 0; start < audio.length; start += RATE / 5) {
        const chunk = audio.subarray(start, start + RATE / 5).toString("base64");
        realtime.send({ type: "input_audio_buffer.append", audio: chunk });
      }
      realtime.send({ type: "input_audio_buffer.commit" });
      realtime.send({ type: "response.create" });
    });
    realtime.on("response.output_audio.delta", (event) => {
      voice = Buffer.concat([voice, Buffer.from(event.delta, "base64")]);
    });
    realtime.on("response.done", () => {
      realtime.close();
      resolve(voice);
    });
  });
}

test("the SDK speaks and is answered", { timeout: 120_000 }, async () => {
  const audio = recording();
  const { server, got } = openai();
  await new Promise((resolve) => server.once("listening", resolve));
  const { running, port } = await gateway(`ws://127.0.0.1:${server.address().port}`);
  try {
    process.env.OPENAI_BASE_URL = `wss://localhost:${port}/v1`;
    const voice = await converse(audio);
    assert.equal(voice.length, 2 * RATE);
    assert.equal(got.request.headers.authorization, "Bearer key");
    assert.match(got.request.url, /^\/v1\/realtime\?model=gpt-realtime$/);
    assert.equal(got.kinds[0], "session.update");
    assert.deepEqual(got.kinds.slice(-2), ["input_audio_buffer.commit", "response.create"]);
    assert.equal(got.audio.length, audio.length, "no clock has moved");
    const [from, to] = TYPING_S.map((time) => time * RATE * 2);
    assert.ok(got.audio.subarray(from, to).every((byte) => byte === 0), "typing is silent");
    assert.ok(got.audio.some((byte) => byte !== 0), "words are not");
  } finally {
    running.kill();
    server.close();
  }
});
