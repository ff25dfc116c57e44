// The demonstration and the live page of `voxgate serve`, in a browser whose microphone plays a recording.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { PICTURES, ROOT, VOXGATE } from "./support.mjs";

let gateway, address;
before(async () => {
  const port = await new Promise((found) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => found(port));
    });
  });
  gateway = spawn(VOXGATE, ["serve", "--demo", "--listen", `127.0.0.1:${port}`], { cwd: ROOT });
  address = `http://127.0.0.1:${port}`;
  await new Promise((ready) => gateway.stderr.once("data", ready));
});
after(() => gateway.kill());

/** A browser whose microphone is a recording, again and again. */
function withMicrophone(recording) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${join(ROOT, recording)}`];
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", ...fake] });
}

test("the agent reads until the caller speaks, and the live page shows the call", async () => {
  const browser = await withMicrophone("samples/clean_turn.wav");
  try {
    const page = await browser.newPage({ viewport: { width: 900, height: 900 } });
    const faults = [];
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.stack));
    await page.goto(`${address}/demo.html`);
    await page.click("#start");
    await page.waitForFunction(() => document.querySelector("#log").textContent.includes("it heard something"), null, { timeout: 30_000 });
    assert.equal(await page.textContent("#state"), "the call is on");
    await page.screenshot({ path: join(PICTURES, "demo.png") });

    const live = await browser.newPage({ viewport: { width: 1100, height: 500 } });
    await live.goto(`${address}/`);
    await live.waitForSelector("tbody tr", { timeout: 10_000 });
    assert.match(await live.textContent("tbody tr"), /^demo-/);
    await live.screenshot({ path: join(PICTURES, "calls.png") });
    await live.selectOption("tbody select", "bypass");
    await live.waitForFunction(async () => (await (await fetch("/v1/calls")).json())[0].mode === "bypass");

    await page.click("#stop");
    await page.waitForFunction(() => !document.querySelector("#start").disabled);
    await live.waitForFunction(() => document.querySelector("#sum").textContent === "No call at the moment.", null, { timeout: 10_000 });
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
  }
});
