"use strict";
// What the command wrote into the page: columns, chunks of audio and JSON, each compressed by deflate and in base64.

async function bytesOf(element) {
  const text = atob(element.textContent);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Numbers of 16 bits have all their high bytes first.
async function numbersOf(element) {
  const bytes = await bytesOf(element);
  if (element.dataset.bits === "8") return bytes;
  const count = bytes.length / 2;
  const numbers = new Int16Array(count);
  for (let i = 0; i < count; i++) numbers[i] = (bytes[i] << 8) | bytes[count + i];
  return numbers;
}

async function jsonOf(name) {
  const element = document.querySelector(`script[data-json="${name}"]`);
  return JSON.parse(new TextDecoder().decode(await bytesOf(element)));
}

async function readColumns() {
  const columns = {};
  for (const element of document.querySelectorAll("script[data-column]")) {
    columns[element.dataset.column] = await numbersOf(element);
  }
  columns.reaches = new Map(await jsonOf("reaches"));
  columns.frames = columns.decided.length;
  columns.hasEcho = "echo" in columns;
  columns.hasPlayback = "playback-lowest" in columns;
  return columns;
}

// Samples [from, to) of a track as floats, put together from the chunks that hold them.
async function samplesOf(track, from, to) {
  const samples = new Float32Array(Math.max(0, to - from));
  for (let chunk = Math.floor(from / CHUNK); chunk * CHUNK < to; chunk++) {
    const element = document.querySelector(`script[data-track="${track}"][data-chunk="${chunk}"]`);
    if (!element) break;
    const errors = await numbersOf(element);
    let value = 0;
    for (let i = 0; i < errors.length; i++) {
      value = ((value + errors[i]) << 16) >> 16;
      const at = chunk * CHUNK + i - from;
      if (at >= 0 && at < samples.length) samples[at] = value / 32768;
    }
  }
  return samples;
}

const RATE = 16000;
const CHUNK = 480000;
const FRAME_S = 0.01;
