// The report in a real browser: what is seen is what the table says, and it plays, on keys and on a phone.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PICTURES, gate, open, openBrowser, painted, voxgate } from "./support.mjs";

const SAMPLES = {
  backgrounded_app: [], clean_turn: [], echo_mic: ["--playback", "samples/echo_playback.wav"], echo_playback: [],
  keyboard: [], packet_loss: [], phone: [], short_words: [], soft_speaker: [], stereo_call: ["--channels", "mic=0,playback=1"],
};
let browser;
before(async () => { browser = await openBrowser(); });
after(() => browser.close());

for (const [name, args] of Object.entries(SAMPLES)) {
  test(`${name}: the page shows what the table says`, async () => {
    const run = gate(`samples/${name}.wav`, ...args);
    const { page, faults } = await open(browser, run.report);
    await evidenceIsThatOfTheTable(page, run.rows);
    await wordsAreThoseOfExplain(page, name, args, run.rows.length);
    await segmentsAreThoseOfTheEvents(page, run);
    await totalsAreThoseOfTheSummary(page, run.events.at(-1));
    await everyLaneIsPainted(page, run.rows);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
    assert.deepEqual(faults, []);
    await page.close();
  });
}

/** Frame by frame, by the keyboard's way: the timeline points, the page writes. */
async function evidenceIsThatOfTheTable(page, rows) {
  const frames = rows.map((_, frame) => frame).filter((frame) => frame % 7 === 0);
  const texts = await page.evaluate((frames) => frames.map((frame) => window.report.textOf(frame)), frames);
  for (const [i, frame] of frames.entries()) {
    const row = rows[frame], text = texts[i];
    const said = (what) => `frame ${frame}: ${what} of ${JSON.stringify(row)} in\n${text}`;
    const number = (pattern) => Number(text.match(pattern)?.[1] ?? 0);
    assert.ok(text.startsWith(`at ${row.t_ms} ms: ${row.verdict} `), said("verdict"));
    assert.ok(text.includes(`, turn ${row.state}\n`), said("turn"));
    assert.ok(Math.abs(number(/speech +([\d.]+)/) - row.speech) <= 0.000506, said("speech"));
    assert.ok(Math.abs(number(/agent alone ([\d.]+)/) - row.echo) <= 0.000506, said("echo"));
    if (row.delay_ms) assert.equal(number(/delay ([-\d.]+) ms \(locked\)/), Number(row.delay_ms), said("delay"));
    if (row.verdict === "suppress" && row.forwarded === "0") assert.ok(text.includes(`not sent: ${row.reason}`), said("reason"));
    const wait = row.forwarded === "1" ? row.released_ms - row.t_ms - 10 : null;
    if (wait !== null) assert.ok(text.includes(wait ? `sent ${wait} ms later` : "sent at once"), said("wait"));
  }
}

/** The same sentences as on the terminal; there are more of them there, about the kinds of evidence of echo. */
async function wordsAreThoseOfExplain(page, name, args, frames) {
  const instants = [0.1, 0.3, 0.45, 0.6, 0.62, 0.85].map((share) => 10 * Math.floor(share * frames));
  const told = voxgate("gate", `samples/${name}.wav`, ...args, "--quiet", "--explain", instants.join(","));
  for (const block of told.trim().split("\n\n")) {
    const lines = block.split("\n").filter((line) => !/^ {4}\w/.test(line));
    const at = Number(lines[0].match(/^at (\d+) ms/)[1]);
    const shown = await page.evaluate((frame) => window.report.textOf(frame), at / 10);
    assert.deepEqual(shown.split("\n\n")[0].split("\n"), lines);
  }
}

async function segmentsAreThoseOfTheEvents(page, { rows, events }) {
  while (await page.locator("#more").isVisible()) await page.locator("#more").click();
  const cells = await page.locator("#segments tbody tr").evaluateAll((trs) => trs.map((tr) => [...tr.cells].map((td) => td.textContent)));
  const kept = cells.filter(([, , verdict]) => verdict === "suppress").map(([from, to, , reason]) => [from.replace("▶ ", ""), to, reason]);
  const told = events.filter(({ event }) => event === "suppressed");
  const seconds = (ms) => (ms / 1000).toFixed(2);
  assert.deepEqual(kept, told.map(({ start_ms, end_ms, reason }) => [seconds(start_ms), seconds(end_ms), reason]));
  const sent = cells.filter(([, , verdict]) => verdict === "forward")
    .reduce((sum, [from, to]) => sum + (Number(to) - Number(from.replace("▶ ", ""))), 0);
  assert.ok(Math.abs(sent - rows.filter(({ forwarded }) => forwarded === "1").length / 100) < 0.005);
}

async function totalsAreThoseOfTheSummary(page, summary) {
  const shown = async (name) => parseFloat(await page.locator(`[data-total="${name}"] b`).textContent());
  assert.equal(await shown("recording"), summary.seconds);
  assert.equal(await shown("forward"), summary.forwarded_s);
  for (const [reason, seconds] of Object.entries(summary.suppressed_s)) {
    if (seconds > 0) assert.equal(await shown(reason), seconds, reason);
  }
  assert.ok((await page.locator("#versions").textContent()).includes(summary.model.sha256));
}

/** The audio row is painted in the colour of what was sent where it was sent, and nowhere else. */
async function everyLaneIsPainted(page, rows) {
  const inks = await page.locator("[data-lane] canvas").evaluateAll((canvases) => canvases.map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length;
  }));
  assert.ok(inks.length >= 3 && inks.every((ink) => ink > 300), `${inks}`);
  const painted = await page.evaluate(() => {
    const { plot } = window.report.timeline.lanes.at(-1);
    const { left, top, width, height } = plot.bbox;
    const rows = Math.round((plot.height - 42) / 27);
    const { data } = plot.ctx.getImageData(left, top + Math.round((1.15 * height) / rows), width, 1);
    const blue = (i) => data[4 * i + 2] > 150 && data[4 * i] < 30 && data[4 * i + 3] === 255;
    return Array.from({ length: width }, (_, i) => blue(i));
  });
  const sent = (i) => rows[Math.floor(((i + 0.5) / painted.length) * rows.length)].forwarded === "1";
  const wrong = painted.filter((blue, i) => blue !== sent(i)).length;
  assert.ok(wrong <= 0.01 * painted.length, `${wrong} of ${painted.length} pixels have the colour of another fate`);
}

test("pointing and clicking, on a call with echo", async () => {
  const { report, rows } = gate("samples/echo_mic.wav", ...SAMPLES.echo_mic);
  const { page, faults } = await open(browser, report);
  const lane = await page.locator('[data-lane="speech"] .u-over').boundingBox();
  const at = (share) => [lane.x + lane.width * share, lane.y + lane.height / 2];
  await page.mouse.move(...at(0.25));
  await page.evaluate(painted);
  const frame = await page.evaluate(() => window.report.timeline.cursor);
  assert.ok(Math.abs(frame - 0.25 * rows.length) <= 1, `${frame}`);
  assert.ok((await page.locator("#evidence").textContent()).startsWith(`at ${rows[frame].t_ms} ms: `));

  await page.mouse.click(...at(0.7));
  await page.waitForSelector('#play[aria-pressed="true"]');
  const playhead = () => page.evaluate(() => window.report.timeline.cursor);
  const began = await playhead();
  await page.waitForFunction((began) => window.report.timeline.cursor > began + 10, began, { timeout: 10_000 });
  assert.equal(await page.locator("#segments tr[aria-current]").getAttribute("data-segment"), await segmentOf(page, await playhead()));
  await page.locator("#lanes").focus();
  await page.keyboard.press("Space");
  await page.waitForSelector('#play[aria-pressed="false"]');

  await page.locator("#track").selectOption("sent");
  await page.mouse.click(...at(0.25));
  await page.waitForFunction(() => document.getElementById("said").textContent.includes("nothing of this was sent"));
  await page.locator('#segments tr:has-text("forward") button').first().click();
  await page.waitForSelector('#play[aria-pressed="true"]');
  assert.deepEqual(faults, []);
  await page.close();
});

const segmentOf = (page, frame) => page.evaluate((frame) =>
  String(window.report.segments.findIndex(({ end_ms }) => end_ms > frame * 10)), frame);

test("keys move, zoom and play", async () => {
  const { report, rows } = gate("samples/keyboard.wav");
  const { page, faults } = await open(browser, report);
  const state = () => page.evaluate(() => {
    const { cursor, from, to } = window.report.timeline;
    return { cursor, seen: to - from, playing: window.report.player.playing };
  });
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
    await page.evaluate(painted);
    return state();
  };
  assert.equal((await press("ArrowRight", "ArrowRight", "ArrowLeft")).cursor, 1);
  assert.equal((await press("Shift+ArrowRight")).cursor, 101);
  assert.ok((await page.locator("#evidence").textContent()).startsWith("at 1010 ms: "));
  const [zoomed, back] = [await press("+", "+"), await press("-")];
  assert.ok(Math.abs(zoomed.seen - rows.length / 400) < 1e-6 && Math.abs(back.seen - rows.length / 200) < 1e-6);
  assert.ok(Math.abs((await press("Home")).seen - rows.length / 100) < 1e-6);
  const second = await page.evaluate(() => window.report.segments[2].start_ms / 10);
  assert.equal((await press("ArrowDown")).cursor, second, "from the sent segment to the one after it");
  await press("Space");
  await page.waitForFunction(() => window.report.player.playing);
  await press("Space");
  await page.waitForFunction(() => !window.report.player.playing);
  assert.deepEqual(faults, []);
  await page.close();
});

test("the wheel zooms where it points, a drag moves", async () => {
  const { report } = gate("samples/clean_turn.wav");
  const { page, faults } = await open(browser, report);
  const lane = await page.locator('[data-lane="mic"] .u-over').boundingBox();
  const x = lane.x + lane.width / 4, y = lane.y + 20;
  const seen = () => page.evaluate(() => ({ from: window.report.timeline.from, to: window.report.timeline.to }));
  const all = await seen();
  await page.mouse.move(x, y);
  await page.mouse.wheel(0, -600);
  await page.waitForFunction((to) => window.report.timeline.to < to, all.to);
  const near = await seen();
  const pointed = (all.from + all.to) / 4;
  assert.ok(Math.abs(near.from + (near.to - near.from) / 4 - pointed) < 0.02, JSON.stringify({ all, near }));
  await page.mouse.down();
  await page.mouse.move(x - 100, y, { steps: 5 });
  await page.mouse.up();
  const moved = await seen();
  const by = (100 / lane.width) * (near.to - near.from);
  assert.ok(Math.abs(moved.from - near.from - by) < 0.01, JSON.stringify({ near, moved, by }));
  assert.equal(await page.locator("#play").getAttribute("aria-pressed"), "false", "a drag is no click");
  assert.deepEqual(faults, []);
  await page.close();
});

test("the table is filtered by reason, and a row jumps", async () => {
  const { report, events } = gate("samples/echo_mic.wav", ...SAMPLES.echo_mic);
  const { page, faults } = await open(browser, report);
  await page.locator("#filter").selectOption("echo");
  const echoes = events.filter(({ event, reason }) => event === "suppressed" && reason === "echo");
  assert.equal(await page.locator("#segments tbody tr").count(), echoes.length);
  await page.locator("#segments tbody tr").last().locator("td").nth(1).click();
  await page.evaluate(painted);
  assert.ok((await page.locator("#evidence").textContent()).startsWith(`at ${echoes.at(-1).start_ms} ms: `));
  assert.deepEqual(faults, []);
  await page.close();
});

test("settings, money and misfires are told", async () => {
  const { report, events } = gate("samples/short_words.wav", "--set", "burst=off", "--set", "turn.sure_threshold=0.9",
    "--set", "turn.activation_threshold=0.9", "--set", "forward.provider=deepgram");
  const misfire = events.find(({ event }) => event === "misfire");
  const { page, faults } = await open(browser, report);
  assert.match(await page.locator("#settings").textContent(), /turn\.sure_threshold0\.90\.6/);
  assert.match(await page.locator("#bill").textContent(), /costs 0\.\d{4} USD instead of 0\.\d{4} USD \(deepgram-nova-3/);
  assert.ok((await page.locator("#segments").textContent()).includes("misfire"));
  const text = await page.evaluate((frame) => window.report.textOf(frame), Math.floor(misfire.start_ms / 10));
  assert.ok(text.includes(`\nmisfire · end_ms ${misfire.end_ms} · start_ms ${misfire.start_ms}`), text);
  assert.deepEqual(faults, []);
  await page.close();
});

test("an earlier run is shown beside this one", async () => {
  const dir = mkdtempSync(join(tmpdir(), "voxgate-before-"));
  const table = join(dir, "before.csv");
  voxgate("gate", "samples/short_words.wav", "--quiet", "--set", "turn.sure_threshold=0.9", "--set", "burst=off", "--frames", table);
  const before = readFileSync(table, "utf8").trim().split("\n").slice(1).map((line) => line.split(","));
  const { report, rows } = gate("samples/short_words.wav", "--before", table);
  const { page, faults } = await open(browser, report);
  const texts = await page.evaluate((frames) => Array.from({ length: frames }, (_, frame) => window.report.textOf(frame)), rows.length);
  let changed = 0;
  for (const [frame, text] of texts.entries()) {
    const [, , , , , , reason, sent] = before[frame];
    assert.ok(text.includes(`\nbefore: ${sent === "1" ? "sent" : `not sent: ${reason}`}`), `frame ${frame}: ${reason} in\n${text}`);
    if (sent !== rows[frame].forwarded) changed++;
  }
  assert.ok(changed > 10, `${changed} frames changed`);
  await page.screenshot({ path: join(PICTURES, "short_words-before.png"), fullPage: true });
  assert.deepEqual(faults, []);
  await page.close();
});

test("marks are made, kept, taken back and saved as labels", async () => {
  const mic = "samples/keyboard.wav";
  const { report, rows, events } = gate(mic);
  const { page, faults } = await open(browser, report);
  const list = () => page.evaluate(() => window.report.marks.list);
  for (const [extension, text] of Object.entries(await saved(page))) {
    voxgate("gate", mic, "--quiet", "--labels-out", labelsFile(extension));
    assert.equal(text, readFileSync(labelsFile(extension), "utf8"), extension);
  }

  await page.evaluate(() => scrollTo(0, 0));
  const lane = await page.locator('[data-lane="speech"] .u-over').boundingBox();
  const x = (seconds) => lane.x + (lane.width * seconds) / (rows.length / 100), y = lane.y + lane.height / 2;
  await page.keyboard.down("Shift");
  await page.mouse.move(x(2.5), y);
  await page.mouse.down();
  await page.mouse.move(x(3.4), y, { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  assert.match(await page.locator("#selected").textContent(), /^2\.(49|50|51) to 3\.(39|40|41) s selected$/);
  assert.equal(await page.locator("#play").getAttribute("aria-pressed"), "false", "a selection is no click");
  await page.locator("#mark-pass").click();
  await page.evaluate(() => window.report.timeline.point(620));
  await page.locator("#lanes").focus();
  await page.keyboard.press("[");
  await page.evaluate(() => window.report.timeline.point(699));
  await page.keyboard.press("]");
  await page.keyboard.press("b");
  const [pass, back] = await list();
  assert.deepEqual(back, { start_ms: 6200, end_ms: 7000, verdict: "back" });
  await page.evaluate(painted);
  await page.screenshot({ path: join(PICTURES, "keyboard-marks.png"), fullPage: true });

  const turns = events.filter(({ event }) => event === "speech_end").map(({ start_ms, end_ms }) => [start_ms, end_ms]);
  const expected = [turns[0], [pass.start_ms, pass.end_ms], [Math.max(7000, turns[1][0]), turns[1][1]]];
  for (const [extension, text] of Object.entries(await saved(page))) {
    writeFileSync(labelsFile(extension), text);
    const told = JSON.parse(voxgate("score", mic, "--labels", labelsFile(extension), "--json"));
    assert.deepEqual(told.each_utterance.map(({ start_ms, end_ms }) => [start_ms, end_ms]), expected, extension);
    assert.equal(told.utterances_lost, 1, "what should have passed did not");
  }

  await page.reload();
  await page.waitForSelector("body[data-ready]");
  assert.deepEqual(await list(), [pass, back], "they are there again");
  assert.equal(await page.locator("#marks tbody tr").count(), 2);
  await page.locator('[data-mark="1"] button', { hasText: "Remove" }).click();
  assert.deepEqual(await list(), [pass]);
  await page.evaluate(() => window.report.timeline.point(700));
  await page.locator("#mark-back").click();
  const { start_ms, end_ms } = await page.evaluate(() => window.report.segments.find(({ end_ms }) => end_ms > 7000));
  assert.deepEqual((await list())[1], { start_ms, end_ms, verdict: "back" }, "nothing is selected: it is the segment's");
  assert.deepEqual(faults, []);
  await page.close();
});

test("where nothing can be kept, marks last as long as the page", async () => {
  const { report } = gate("samples/short_words.wav");
  const context = await browser.newContext();
  await context.addInitScript(() => Object.defineProperty(window, "localStorage", { get() { throw new DOMException("blocked", "SecurityError"); } }));
  const { page, faults } = await open(context, report);
  await page.locator("#mark-back").click();
  assert.equal(await page.locator("#marks tbody tr").count(), 1);
  assert.deepEqual(faults, []);
  await context.close();
});

const FOLDER = mkdtempSync(join(tmpdir(), "voxgate-labels-"));
const labelsFile = (extension) => join(FOLDER, `keyboard.${extension}`);

/** The text of every file that the page saves, by its extension. */
async function saved(page) {
  const texts = {};
  for (const button of await page.locator("[data-labels]").all()) {
    const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
    const extension = await button.getAttribute("data-labels");
    assert.equal(download.suggestedFilename(), `keyboard.${extension}`);
    texts[extension] = readFileSync(await download.path(), "utf8");
  }
  assert.equal(Object.keys(texts).length, 4);
  return texts;
}

for (const [name, options] of Object.entries({
  dark: { colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
})) {
  test(`it fits: ${name}`, async () => {
    const { report } = gate("samples/echo_mic.wav", ...SAMPLES.echo_mic);
    const { page, faults } = await open(browser, report, options);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wider <= 0, `the page is ${wider} pixels wider than the screen`);
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(back, options.colorScheme === "dark" ? "rgb(20, 23, 28)" : "rgb(255, 255, 255)");
    const { x, width, y } = await page.locator('[data-lane="speech"] .u-over').boundingBox();
    if (options.hasTouch) await page.touchscreen.tap(x + 0.7 * width, y + 20);
    else await page.mouse.click(x + 0.7 * width, y + 20);
    await page.waitForSelector('#play[aria-pressed="true"]');
    await page.locator("#play").click();
    await page.screenshot({ path: join(PICTURES, `echo_mic-${name}.png`), fullPage: true });
    assert.deepEqual(faults, []);
    await page.close();
  });
}
