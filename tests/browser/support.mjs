// Runs of the command, and a browser that shows their reports.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

export const ROOT = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target");
export const VOXGATE = process.env.VOXGATE ?? join(TARGET, "debug/voxgate");
/** Screenshots are kept here. */
export const PICTURES = join(TARGET, "screenshots");
mkdirSync(PICTURES, { recursive: true });

/** What `voxgate` prints. */
export function voxgate(...args) {
  return execFileSync(VOXGATE, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 });
}

/** Gates a recording; the report's path, the rows of the table and the events. */
export function gate(mic, ...args) {
  const dir = mkdtempSync(join(tmpdir(), "voxgate-report-"));
  const [report, table, log] = ["r.html", "f.csv", "e.jsonl"].map((name) => join(dir, name));
  voxgate("gate", mic, ...args, "--quiet", "--report", report, "--frames", table, "--events", log);
  const [header, ...lines] = readFileSync(table, "utf8").trim().split("\n");
  const names = header.split(",");
  const rows = lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i], cell])));
  const events = readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  return { report, rows, events };
}

export function openBrowser() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--autoplay-policy=user-gesture-required"] });
}

/** Opens a report; what went wrong in the page, or was asked of a network, is in `faults`. */
export async function open(browser, report, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.stack));
  page.on("request", (request) => request.url() === `file://${report}` || faults.push(`asks for ${request.url()}`));
  await page.goto(`file://${report}`);
  await page.waitForSelector("body[data-ready]", { timeout: 120_000 });
  await page.evaluate(painted);
  return { page, faults };
}

/** Waits until what was asked for is painted. */
export function painted() {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}
