"use strict";
// Reads the data, and joins timeline, player, tables and marks.

async function main() {
  const [columns, run] = await Promise.all([readColumns(), jsonOf("run")]);
  const { facts, segments, events } = run;
  const summary = events.at(-1);
  const by = (id) => document.getElementById(id);
  by("title").textContent = facts.title;
  document.title = `${facts.title.split(" · ")[0]} – voxgate report`;
  showTotals(summary, facts.bill);
  showVersions(facts, summary);
  if (!columns.hasPlayback) by("track").querySelector('[value="playback"]').remove();

  const segmentAt = (frame) => Math.min(segments.length - 1, firstAfter(spans, frame * FRAME_S + 1e-6));
  const spans = segments.map(({ end_ms }) => ({ to: end_ms / 1000 }));
  const before = run.before.map(({ end_ms, fate }) => ({ to: end_ms / 1000, fate }));
  const misfires = events.filter(({ event }) => event === "misfire");
  const told = events.filter(({ event }) => ["misfire", "gap", "repeat", "storm"].includes(event));
  let timeline = null;
  const player = new Player(
    (seconds) => timeline.point(seconds / FRAME_S),
    () => setPlaying(false),
  );
  const table = new SegmentTable(segments, misfires, jump, playSegment);
  const marks = new Marks(facts, events, columns, () => timeline?.repaint(), (start_ms, end_ms) => see(start_ms, end_ms));
  const lanes = makeLanes(by("lanes"), columns, facts, run, marks);
  by("lanes").setAttribute("aria-label", `Timeline of ${clock(columns.frames * FRAME_S)}`);
  let shown = null;
  timeline = new Timeline(by("lanes"), by("position"), lanes, columns, (frame) => {
    if (frame === shown) return;
    shown = frame;
    by("evidence").textContent = textOf(frame);
    table.mark(segmentAt(frame));
  }, (frame) => {
    timeline.point(frame);
    playSegment(segmentAt(frame));
  }, (from, to) => marks.select(from, to));
  drawLegend();

  function drawLegend() {
    showLegend([...new Set(segments.map(fateName))].sort((a, b) => (b === "forward") - (a === "forward")));
  }

  function textOf(frame) {
    const { text, fate } = evidenceOf(columns, facts, frame);
    const at = frame * 10;
    const here = told.filter(({ t_ms, start_ms = t_ms - 10, end_ms = t_ms }) => start_ms < at + 10 && end_ms > at);
    const then = before[firstAfter(before, frame * FRAME_S + 1e-6)];
    const was = then ? [`before: ${then.fate === "sent" ? "sent" : `not sent: ${then.fate}`}`] : [];
    const lines = here.map(({ event, ...rest }) => [event, ...Object.entries(rest).map((pair) => pair.join(" "))].join(" · "));
    return [text, "", fate, ...was, ...lines].join("\n");
  }

  function jump(index) {
    see(segments[index].start_ms, segments[index].end_ms);
  }

  function see(start_ms, end_ms) {
    const [from, to] = [start_ms / 1000, end_ms / 1000], length = timeline.to - timeline.from;
    if (to - from > length) timeline.see(from - 0.1 * (to - from), to + 0.1 * (to - from));
    else if (from < timeline.from || to > timeline.to) timeline.see((from + to - length) / 2, (from + to + length) / 2);
    timeline.point(start_ms / 10);
    by("lanes").scrollIntoView({ block: "nearest" });
  }

  async function playSegment(index) {
    const { start_ms, end_ms, verdict, reason } = segments[index];
    const track = by("track").value;
    if (track === "sent" && verdict !== "forward") {
      player.stop();
      by("said").textContent = "nothing of this was sent to speech-to-text";
      return;
    }
    setPlaying(true);
    by("said").textContent = `${(start_ms / 1000).toFixed(2)} to ${(end_ms / 1000).toFixed(2)} s, ${reason || "sent"}`;
    const isSent = track === "sent" ? (frame) => columns.decided[frame] >> 7 === 1 : null;
    const source = track === "sent" && !columns.hasPlayback ? "mic" : track;
    await player.play(source, start_ms / 1000, end_ms / 1000, isSent);
    setPlaying(player.playing);
  }

  function setPlaying(playing) {
    by("play").textContent = playing ? "■ Stop" : "▶ Play";
    by("play").setAttribute("aria-pressed", String(playing));
  }

  function toggle() {
    if (player.playing) player.stop(); else playSegment(segmentAt(timeline.cursor));
  }

  function step(steps) {
    const index = Math.min(segments.length - 1, Math.max(0, segmentAt(timeline.cursor) + steps));
    jump(index);
  }

  const mark = (verdict) => marks.add(verdict, segments[segmentAt(timeline.cursor)]);

  // From the frame at the cursor, or up to it; the other end is where it was, or that of the segment.
  function select(end) {
    const { start_ms, end_ms } = marks.selected ?? segments[segmentAt(timeline.cursor)];
    const at = timeline.cursor;
    if (end === "from") marks.select(at, Math.max(end_ms / 10, at + 1)); else marks.select(Math.min(start_ms / 10, at), at + 1);
  }

  const keys = {
    p: () => mark("pass"),
    b: () => mark("back"),
    "[": () => select("from"),
    "]": () => select("to"),
    Escape: () => marks.unselect(),
    ArrowLeft: (event) => timeline.point(timeline.cursor - (event.shiftKey ? 100 : 1)),
    ArrowRight: (event) => timeline.point(timeline.cursor + (event.shiftKey ? 100 : 1)),
    ArrowUp: () => step(-1),
    ArrowDown: () => step(1),
    " ": toggle,
    "+": () => timeline.zoom(0.5),
    "=": () => timeline.zoom(0.5),
    "-": () => timeline.zoom(2),
    Home: () => timeline.see(0, timeline.total),
  };
  document.addEventListener("keydown", (event) => {
    const key = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!key || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, button")) return;
    event.preventDefault();
    key(event);
  });
  by("play").addEventListener("click", toggle);
  by("mark-pass").addEventListener("click", () => mark("pass"));
  by("mark-back").addEventListener("click", () => mark("back"));
  by("select-from").addEventListener("click", () => select("from"));
  by("select-to").addEventListener("click", () => select("to"));
  by("unselect").addEventListener("click", () => marks.unselect());
  by("zoom-in").addEventListener("click", () => timeline.zoom(0.5));
  by("zoom-out").addEventListener("click", () => timeline.zoom(2));
  by("zoom-all").addEventListener("click", () => timeline.see(0, timeline.total));
  new ResizeObserver(() => timeline.refresh()).observe(by("lanes"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    forgetColours();
    timeline.refresh();
    drawLegend();
  });
  window.report = { timeline, player, marks, columns, facts, segments, events, textOf };
  document.body.dataset.ready = "true";
}

main().catch((error) => {
  document.getElementById("title").textContent = `The report cannot be shown: ${error.message}`;
  throw error;
});
