"use strict";
// Totals, the table of segments, and what the run was made with.

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text ?? "";
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

function showTotals(summary, bill) {
  const list = document.getElementById("totals");
  const add = (name, seconds, rest) => {
    const item = element("li", "", { "data-total": name, style: `border-left: 5px solid var(--${name}, var(--line))` });
    item.append(element("b", `${seconds.toFixed(2)} s`), element("span", `${{ forward: "sent", stt: "to speech-to-text" }[name] ?? name}${rest ?? ""}`));
    list.append(item);
  };
  const share = (seconds) => ` · ${((100 * seconds) / (summary.seconds || 1)).toFixed(1)} %`;
  add("recording", summary.seconds);
  const misfires = summary.misfires ? `, ${plural(summary.misfires, "misfire")}` : "";
  add("forward", summary.forwarded_s, `${share(summary.forwarded_s)}, ${plural(summary.openings, "opening")}${misfires}`);
  for (const [reason, seconds] of Object.entries(summary.suppressed_s)) {
    if (seconds > 0) add(reason, seconds, share(seconds) + (bill ? `, saves ${dollars(bill.saved_usd[reason])}` : ""));
  }
  add("stt", summary.stt_s);
  if (bill) {
    document.getElementById("bill").textContent = `This recording costs ${dollars(bill.gated_usd)} instead of ` +
      `${dollars(bill.ungated_usd)} (${bill.price}, ${bill.trust} price of ${bill.read}).`;
  }
}

const dollars = (amount) => `${amount.toFixed(4)} USD`;

function showLegend(fates) {
  const list = document.getElementById("legend");
  list.replaceChildren(...fates.map((fate) => {
    const item = element("li");
    const chip = element("canvas", "", { "aria-hidden": "true" });
    [chip.width, chip.height] = [28 * devicePixelRatio, 14 * devicePixelRatio];
    const context = chip.getContext("2d");
    context.fillStyle = fillOf(context, fate);
    context.fillRect(0, 0, chip.width, chip.height);
    item.append(chip, fate === "forward" ? "sent" : `kept out: ${fate}`);
    return item;
  }));
}

class SegmentTable {
  constructor(segments, misfires, onJump, onPlay) {
    Object.assign(this, { segments, misfires, onJump, onPlay, shown: PAGE, current: -1 });
    this.body = document.querySelector("#segments tbody");
    this.filter = document.getElementById("filter");
    this.more = document.getElementById("more");
    const count = (fate) => segments.filter((segment) => fateName(segment) === fate).length;
    this.filter.append(new Option(`all ${plural(segments.length, "segment")}`, ""));
    for (const fate of new Set(segments.map(fateName))) {
      this.filter.append(new Option(`${fate === "forward" ? "sent" : fate} (${count(fate)})`, fate));
    }
    this.filter.addEventListener("change", () => this.show(PAGE));
    this.more.addEventListener("click", () => this.show(this.shown + PAGE));
    this.show(PAGE);
  }

  show(shown) {
    this.shown = shown;
    const wanted = [...this.segments.entries()].filter(([, one]) => !this.filter.value || fateName(one) === this.filter.value);
    this.body.replaceChildren(...wanted.slice(0, shown).map(([index, segment]) => this.row(index, segment)));
    this.more.hidden = wanted.length <= shown;
    this.more.textContent = `Show more of ${wanted.length}`;
  }

  row(index, segment) {
    const { start_ms, end_ms, verdict, reason, doubt, mean_speech, peak_speech, mean_echo } = segment;
    const row = element("tr", "", { "data-segment": index });
    if (index === this.current) row.setAttribute("aria-current", "true");
    const from = element("td");
    const seconds = (ms) => (ms / 1000).toFixed(2);
    from.append(element("button", `▶ ${seconds(start_ms)}`, { "aria-label": `Play from ${seconds(start_ms)} to ${seconds(end_ms)} s` }));
    const why = element("td");
    why.append(element("i", "", { style: `background: var(--${fateName(segment)})` }), reason || "–");
    const misfire = this.misfires.some((one) => one.start_ms < end_ms && one.end_ms > start_ms);
    const remark = [doubt && `doubt: ${doubt}`, misfire && verdict === "forward" && "misfire"].filter(Boolean).join(", ");
    row.append(from, element("td", seconds(end_ms)), element("td", verdict), why,
      ...[mean_speech, peak_speech, mean_echo].map((score) => element("td", score.toFixed(3))), element("td", remark));
    row.addEventListener("click", (event) => (event.target.closest("button") ? this.onPlay : this.onJump)(index));
    return row;
  }

  mark(index) {
    if (index === this.current) return;
    this.body.querySelector('[aria-current="true"]')?.removeAttribute("aria-current");
    this.current = index;
    this.body.querySelector(`[data-segment="${index}"]`)?.setAttribute("aria-current", "true");
  }
}

const fateName = ({ reason }) => reason || "forward";

function showVersions(facts, summary) {
  const list = document.getElementById("versions");
  const add = (name, text) => list.append(element("dt", name), element("dd", text));
  add("voxgate", facts.version);
  if (summary.model) add("model", `${summary.model.name ?? "unknown"}, sha256 ${summary.model.sha256}`);
  add("settings", facts.settings.length ? "these are not the defaults:" : "all are the defaults");
  const table = document.getElementById("settings");
  if (!facts.settings.length) return table.remove();
  const line = (cells, kind) => {
    const row = element("tr");
    row.append(...cells.map((cell) => element(kind, cell)));
    return row;
  };
  table.append(line(["setting", "here", "default"], "th"), ...facts.settings.map((cells) => line(cells, "td")));
}

// Rows that are made at a time.
const PAGE = 200;
