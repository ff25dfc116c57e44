"use strict";
// What a listener says of spans: that they should have passed, or should have been kept back.

class Marks {
  constructor(facts, events, columns, onChange, onJump) {
    Object.assign(this, { facts, events, length_ms: columns.frames * 10, onChange, onJump, selected: null });
    this.key = `voxgate marks: ${facts.title}`;
    this.list = this.stored();
    this.body = document.querySelector("#marks tbody");
    for (const button of document.querySelectorAll("[data-labels]")) {
      button.addEventListener("click", () => this.download(button.dataset.labels));
    }
    this.show();
  }

  // Frames [from, to), or none.
  select(from, to) {
    const [first, last] = [Math.min(from, to), Math.max(from, to)].map((frame) => Math.min(this.length_ms, Math.max(0, 10 * Math.round(frame))));
    this.selected = first < last ? { start_ms: first, end_ms: last } : null;
    this.show();
  }

  unselect() {
    this.selected = null;
    this.show();
  }

  // Of what is selected, or else of the segment.
  add(verdict, segment) {
    const { start_ms, end_ms } = this.selected ?? segment;
    this.list.push({ start_ms: Math.round(start_ms), end_ms: Math.min(this.length_ms, Math.round(end_ms)), verdict });
    this.selected = null;
    this.store();
    this.show();
  }

  remove(index) {
    this.list.splice(index, 1);
    this.store();
    this.show();
  }

  // What is drawn of them, in order: the later mark covers the earlier one, and the selection all.
  bars() {
    const bar = ({ start_ms, end_ms }, fate, text) => ({ from: start_ms / 1000, to: end_ms / 1000, least: 3, fate, text });
    const labels = labelsOf([], this.list).map((label) =>
      label.text === "speech" ? bar(label, "forward", "should pass") : bar(label, "breaker", "keep back"));
    if (!this.selected) return labels;
    const chosen = bar(this.selected, "undecided", "selected");
    const left = labels.flatMap((one) => without([[one.from, one.to]], chosen.from, chosen.to).map(([from, to]) => ({ ...one, from, to })));
    return [...left, chosen].sort((a, b) => a.from - b.from);
  }

  show() {
    this.body.replaceChildren(...this.list.map((mark, index) => this.row(mark, index)));
    document.getElementById("marks").hidden = this.list.length === 0;
    document.getElementById("unselect").hidden = this.selected === null;
    const { start_ms, end_ms } = this.selected ?? {};
    document.getElementById("selected").textContent = this.selected ? `${(start_ms / 1000).toFixed(2)} to ${(end_ms / 1000).toFixed(2)} s selected` : "";
    this.onChange();
  }

  row({ start_ms, end_ms, verdict }, index) {
    const row = element("tr", "", { "data-mark": index });
    const seconds = (ms) => (ms / 1000).toFixed(2);
    const place = element("td"), undo = element("td");
    const go = element("button", `${seconds(start_ms)} to ${seconds(end_ms)}`, { "aria-label": `Go to ${seconds(start_ms)} s` });
    go.addEventListener("click", () => this.onJump(start_ms, end_ms));
    const remove = element("button", "Remove", { "aria-label": `Remove the mark from ${seconds(start_ms)} to ${seconds(end_ms)} s` });
    remove.addEventListener("click", () => this.remove(index));
    place.append(go);
    undo.append(remove);
    row.append(place, element("td", verdict === "pass" ? "should have passed" : "should have been kept back"), undo);
    return row;
  }

  download(extension) {
    const { recording } = this.facts;
    const text = LABEL_FORMATS[extension](labelsOf(this.events, this.list), recording, this.length_ms);
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    const link = element("a", "", { href: url, download: `${recording}.${extension}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  // Where the browser keeps nothing for the page, marks last as long as it is open.
  stored() {
    try {
      const list = JSON.parse(localStorage.getItem(this.key) ?? "[]");
      const isMark = ({ start_ms, end_ms, verdict }) => 0 <= start_ms && start_ms < end_ms && end_ms <= this.length_ms && ["pass", "back"].includes(verdict);
      return Array.isArray(list) ? list.filter((mark) => mark && isMark(mark)) : [];
    } catch {
      return [];
    }
  }

  store() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.list));
    } catch {
      // As above.
    }
  }
}
