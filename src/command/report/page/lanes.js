"use strict";
// The lanes: charts by uPlot that share the time, one above the other.

function makeLanes(host, columns, facts, run, marks) {
  const right = columns.hasEcho ? SIDE : 12;
  const make = (name, height, build) => {
    const { title, note, options, data } = build;
    const heading = document.createElement("h3");
    heading.append(title, " ");
    heading.append(Object.assign(document.createElement("span"), { textContent: note ?? "" }));
    const place = document.createElement("div");
    place.dataset.lane = name;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", `${title} ${note ?? ""}`);
    host.append(heading, place);
    const plot = new uPlot(withDefaults(options, host.clientWidth, height ?? build.height, right), [[0, 1], ...options.series.map(() => [0, 0])], place);
    return { name, plot, data };
  };
  const lanes = [make("mic", 84, wave("Microphone", columns["mic-lowest"], columns["mic-highest"]))];
  if (columns.hasPlayback) {
    lanes.push(make("playback", 64, wave("The agent’s playback", columns["playback-lowest"], columns["playback-highest"])));
  }
  lanes.push(make("speech", 104, speech(columns, facts.thresholds)));
  if (columns.hasEcho) lanes.push(make("echo", 104, echo(columns, facts)));
  lanes.push(make("decisions", null, decisions(columns, facts, run, marks)));
  return lanes;
}

function wave(title, lowest, highest) {
  const peak = Math.max(0.01, ...[Math.min, Math.max].map((most, i) =>
    Math.abs(amplitude([lowest, highest][i].reduce((a, b) => most(a, b), 128)))));
  const pyramid = new Pyramid(lowest, highest);
  const line = { stroke: () => colour("soft"), width: 1, points: { show: false } };
  return {
    title,
    note: `peak ${(20 * Math.log10(peak)).toFixed(0)} dBFS`,
    options: {
      series: [line, line],
      bands: [{ series: [2, 1], fill: () => colour("soft") }],
      scales: { y: { range: [-1, 1] } },
      axes: [{ splits: () => [] }],
    },
    data: (from, to, most) => {
      const [times, low, high] = pyramid.over(from, to, most, (value) => amplitude(value) / peak);
      return [times, low, high];
    },
  };
}

// The inverse of the command's companding: 128 is zero, on the scale of the square root.
function amplitude(value) {
  const root = (value - 128) / 127;
  return Math.sign(root) * root * root;
}

function speech(columns, thresholds) {
  const pyramid = new Pyramid(columns.speech);
  const level = (name, dash, of) => ({ label: name, stroke: () => colour(of), width: 1.5, dash, spanGaps: true, points: { show: false } });
  const score = { stroke: () => colour("accent"), width: 1.5, points: { show: false } };
  const { start, sure, continue: onward } = thresholds;
  return {
    title: "Speech probability",
    note: `thresholds: start ${start.toFixed(2)} (dashes), sure ${sure.toFixed(2)} (long dashes), continue ${onward.toFixed(2)} (dots)`,
    options: {
      series: [score, score, level("start", [6, 6], "burst"), level("sure", [14, 5], "burst"), level("continue", [2, 5], "front")],
      bands: [{ series: [2, 1], fill: () => colour("accent") + "55" }],
      scales: { y: { range: [0, 1] } },
      axes: [{ splits: () => [0, 0.5, 1] }],
    },
    data: (from, to, most) => {
      const [times, low, high] = pyramid.over(from, to, most, (value) => value / 1000);
      // A line from the first time to the last: dashes along many points are slow.
      const across = (value) => times.map((_, i) => (i === 0 || i === times.length - 1 ? value : null));
      return [times, low, high, ...[start, sure, onward].map(across)];
    },
  };
}

function echo(columns, facts) {
  const { none } = facts.codes;
  const [agent, near, delay] = ["echo", "near", "delay"].map((name) => new Pyramid(columns[name]));
  const known = (of) => (value) => (value === none ? null : value / of);
  const longest = columns.delay.reduce((a, b) => Math.max(a, b), 0) / 10;
  const line = (of, width, dash) => ({ stroke: () => colour(of), width, dash, points: { show: false } });
  const to_ms = Math.max(50, Math.ceil(longest * 1.25 / 50) * 50);
  return {
    title: "Echo",
    note: "likelihood that the agent alone is heard (thick), probability of the user (thin), delay in ms (dots, on the right)",
    options: {
      series: [line("echo", 2), line("forward", 1), { ...line("front", 1.5, [2, 4]), scale: "ms" }],
      scales: { y: { range: [0, 1] }, ms: { range: [0, to_ms] } },
      axes: [
        { splits: () => [0, 0.5, 1] },
        { side: 1, scale: "ms", size: SIDE, splits: () => [0, to_ms / 2, to_ms], grid: { show: false }, stroke: () => colour("soft") },
      ],
    },
    data: (from, to, most) => {
      const [times, , likely] = agent.over(from, to, most, known(1000));
      return [times, likely, near.over(from, to, most, known(1000))[2], delay.over(from, to, most, known(10))[2]];
    },
  };
}

// Rows: the turn, what became of the audio, events if there are any, and the listener's marks, which change.
function decisions(columns, facts, run, marks) {
  const [turns, audio, events] = [turnsOf(columns, facts.codes), run.segments.map(bar), run.events.flatMap(barOfEvent)];
  const rows = [["turn", () => turns], ["audio", () => audio], ["marks", () => marks.bars()]];
  const before = run.before.map(({ start_ms, end_ms, fate }) =>
    ({ from: start_ms / 1000, to: end_ms / 1000, fate: fate === "sent" ? "forward" : fate, text: fate }));
  if (before.length) rows.splice(2, 0, ["before", () => before]);
  if (events.length) rows.splice(rows.length - 1, 0, ["events", () => events]);
  const draw = (plot) => rows.forEach(([name, bars], row) => drawRow(plot, bars(), name, row, rows.length));
  return {
    title: "Decisions",
    note: `the turn; what was sent and what was kept out, and why${before.length ? "; what it was before" : ""}${events.length ? "; misfires and other events" : ""}; your marks`,
    height: 42 + 27 * rows.length,
    options: { series: [], hooks: { draw: [draw] }, scales: { y: { range: [0, 1] } }, axes: [{ splits: () => [] }], ticks: true },
    data: (from, to) => [[from * FRAME_S, to * FRAME_S]],
  };
}

const bar = ({ start_ms, end_ms, reason }) =>
  ({ from: start_ms / 1000, to: end_ms / 1000, fate: reason || "forward", text: reason || "sent" });

function barOfEvent(event) {
  const at = { from: event.start_ms / 1000, to: event.end_ms / 1000, least: 3 };
  if (event.event === "misfire") return [{ ...at, fate: "breaker", text: "misfire" }];
  if (event.event === "gap" || event.event === "repeat") return [{ ...at, fate: "silence", text: event.event }];
  if (event.event !== "storm") return [];
  const from = event.t_ms / 1000;
  return [{ from, to: from, least: 4, fate: "storm", text: `bar ${event.from} → ${event.to}` }];
}

// The states of the turn but quiet.
function turnsOf(columns, codes) {
  const runs = [];
  let open = null;
  for (let frame = 0; frame <= columns.frames; frame++) {
    const turn = frame < columns.frames ? codes.turns[(columns.decided[frame] >> 2) & 3] : null;
    if (turn === open?.text) continue;
    if (open && open.text !== "quiet") runs.push({ ...open, to: frame * FRAME_S });
    open = { from: frame * FRAME_S, text: turn, fate: { speaking: "forward", starting: "undecided" }[turn] ?? "silence" };
  }
  return runs;
}

function drawRow(plot, bars, name, row, rows) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const height = bbox.height / rows, top = bbox.top + row * height + 2 * ratio, tall = height - 4 * ratio;
  const { min, max } = plot.scales.x;
  const x = (time) => bbox.left + ((time - min) / (max - min)) * bbox.width;
  ctx.save();
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "middle";
  ctx.fillStyle = colour("soft");
  ctx.textAlign = "right";
  ctx.fillText(name, bbox.left - 6 * ratio, top + tall / 2);
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.textAlign = "left";
  const first = firstAfter(bars, min);
  for (let i = first, painted = -1; i < bars.length && bars[i].from <= max; i++) {
    const { from, to, fate, text, least = 1 } = bars[i];
    const left = Math.max(bbox.left, x(from)), end = Math.min(bbox.left + bbox.width, Math.max(x(to), left + least * ratio));
    // Bars narrower than a pixel, of which one stands there already.
    if (end <= painted) continue;
    painted = Math.max(end, Math.ceil(left));
    // A pattern needs room to be seen, and time to be painted.
    ctx.fillStyle = end - left < 6 * ratio && fate !== "silence" ? colour(fate) : fillOf(ctx, fate);
    ctx.fillRect(left, top, end - left, tall);
    if (end - left < 20 * ratio) continue;
    const width = ctx.measureText(text).width;
    if (end - left > width + 10 * ratio) label(ctx, text, left + 5 * ratio, top + tall / 2, width, ratio);
  }
  ctx.restore();
}

// Text that stays readable on a pattern.
function label(ctx, text, x, y, width, ratio) {
  ctx.fillStyle = colour("back");
  ctx.fillRect(x - 3 * ratio, y - 8 * ratio, width + 6 * ratio, 16 * ratio);
  ctx.fillStyle = colour("front");
  ctx.fillText(text, x, y);
}

// The index of the first bar that ends after `time`.
function firstAfter(bars, time) {
  let low = 0, high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].to <= time) low = middle + 1; else high = middle;
  }
  return low;
}

function withDefaults(options, width, height, right) {
  const quiet = () => null;
  const axis = { stroke: () => colour("soft"), grid: { stroke: () => colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const two_sided = options.axes.length > 1;
  const time = { ...axis, show: options.ticks ?? false, size: 24, values: (_, splits) => splits.map(clock) };
  return {
    ...options,
    width, height,
    padding: [6, two_sided ? 0 : right, options.ticks ? 0 : 4, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { setScale: false, x: false, y: false }, bind: Object.fromEntries(
      ["mousedown", "mouseup", "click", "dblclick", "mousemove", "mouseleave", "mouseenter"].map((name) => [name, quiet])) },
    scales: { x: { time: false, auto: false, range: (_, min, max) => [min, max] }, ...options.scales },
    axes: [time, ...options.axes.map((one) => ({ ...axis, size: SIDE, ...one }))],
    series: [{}, ...options.series],
  };
}

// Seconds as a clock shows them, as far as they are needed.
function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6), part = seconds - whole;
  const minutes = Math.floor(whole / 60), rest = String(whole % 60).padStart(minutes ? 2 : 1, "0");
  const tail = part > 1e-4 ? part.toFixed(3).slice(1).replace(/0+$/, "") : "";
  return minutes ? `${minutes}:${rest}${tail}` : `${rest}${tail} s`;
}

// The width of an axis at the side.
const SIDE = 48;
