// How smooth the report of an hour is: `node tests/browser/smooth.mjs [minutes]`. A call is repeated for so long, its report
// opened, and for five seconds each moved, zoomed and pointed at, a step for each picture. It prints how many
// pictures a second there were and the longest time between two, and fails if that is over 200 ms.

import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, gate, open, openBrowser } from "./support.mjs";

const LONGEST_MS = 200;
const minutes = Number(process.argv[2] ?? 60);
const dir = mkdtempSync(join(tmpdir(), "voxgate-hour-"));
const [mic, playback] = ["echo_mic", "echo_playback"].map((name) => repeated(name));
const { report, rows } = gate(mic, "--playback", playback);
const bytes = statSync(report).size;
const audio = readFileSync(report, "latin1").split("\n").filter((line) => line.includes("data-track=")).reduce((sum, line) => sum + line.length, 0);
console.log(`${rows.length} frames, ${(bytes / 1e6).toFixed(1)} MB, of which audio ${(audio / 1e6).toFixed(1)} MB`);

const browser = await openBrowser();
const began = performance.now();
const { page, faults } = await open(browser, report);
console.log(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
let failed = faults.length > 0;
for (const motion of ["pan over ten seconds of it", "pan over a minute", "pan over half of it", "zoom", "point"]) {
  const { pictures, longest } = await page.evaluate(measure, motion);
  console.log(`${motion}: ${pictures.toFixed(0)} pictures a second, longest ${longest.toFixed(0)} ms`);
  failed ||= longest > LONGEST_MS;
}
await browser.close();
if (faults.length) console.log(faults.join("\n"));
process.exit(failed ? 1 : 0);

/** The sample over and over, with other noise of -66 dBFS each time, as a WAV file of 16 kHz and 16 bits. */
function repeated(name) {
  const wav = readFileSync(join(ROOT, "samples", `${name}.wav`));
  const data = wav.subarray(44);
  const times = Math.ceil((minutes * 60 * 32_000) / data.length);
  const header = Buffer.from(wav.subarray(0, 44));
  header.writeUInt32LE(36 + times * data.length, 4);
  header.writeUInt32LE(times * data.length, 40);
  const path = join(dir, `${name}.wav`);
  const samples = Buffer.concat(Array(times).fill(data));
  for (let at = 0, random = 1; at < samples.length; at += 2) {
    random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
    const noise = (random >> 16) % 57 - 28;
    samples.writeInt16LE(Math.min(32_767, Math.max(-32_768, samples.readInt16LE(at) + noise)), at);
  }
  writeFileSync(path, Buffer.concat([header, samples]));
  return path;
}

/** In the page: a step of the motion for each picture, for five seconds. */
function measure(motion) {
  const { timeline } = window.report;
  const length = { "pan over ten seconds of it": 10, "pan over a minute": 60, "pan over half of it": timeline.total / 2 }[motion];
  if (length) timeline.see(0, length);
  if (motion === "point") timeline.see(0, timeline.total);
  return new Promise((done) => {
    let last = performance.now(), longest = 0, pictures = 0;
    const began = last;
    const step = (now) => {
      if (pictures++) longest = Math.max(longest, now - last);
      last = now;
      if (now - began > 5000) return done({ pictures: (1000 * pictures) / (now - began), longest });
      const turn = (now - began) / 5000;
      if (length) timeline.pan(length / 200);
      else if (motion === "zoom") timeline.zoom(turn < 0.5 ? 0.97 : 1.03, timeline.total / 3);
      else timeline.point(turn * timeline.columns.frames);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
}
