"use strict";
// What part of the recording is seen, and the frame that is pointed at.

class Timeline {
  constructor(host, position, lanes, columns, onCursor, onClick, onSelect) {
    Object.assign(this, { host, position, lanes, columns, onCursor, onClick, onSelect });
    this.total = columns.frames * FRAME_S;
    this.from = 0;
    this.to = this.total;
    this.cursor = 0;
    this.due = false;
    this.listen();
    this.redraw();
  }

  get least() {
    return Math.min(this.total, 0.2);
  }

  see(from, to) {
    const length = Math.min(this.total, Math.max(this.least, to - from));
    this.from = Math.min(Math.max(0, from), this.total - length);
    this.to = this.from + length;
    this.redraw();
  }

  // Shows more or less, and leaves `about` where it is.
  zoom(factor, about = this.cursor * FRAME_S) {
    const fixed = about >= this.from && about <= this.to ? about : (this.from + this.to) / 2;
    const length = Math.min(this.total, Math.max(this.least, (this.to - this.from) * factor));
    const share = (fixed - this.from) / (this.to - this.from);
    this.see(fixed - share * length, fixed + (1 - share) * length);
  }

  pan(seconds) {
    this.see(this.from + seconds, this.to + seconds);
  }

  // Points at a frame, and brings it into view.
  point(frame) {
    this.cursor = Math.min(Math.max(0, Math.floor(frame)), this.columns.frames - 1);
    const at = this.cursor * FRAME_S, length = this.to - this.from;
    if (at < this.from || at >= this.to) this.see(at - length / 4, at + (3 * length) / 4);
    this.redraw();
  }

  redraw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.due = false;
    const { from, to, columns } = this;
    if (this.drawnFrom !== from || this.drawnTo !== to) {
      for (const { plot, data } of this.lanes) {
        plot.batch(() => {
          plot.setData(data(Math.floor(from / FRAME_S), Math.min(columns.frames, Math.ceil(to / FRAME_S)), plot.width), false);
          plot.setScale("x", { min: from, max: to });
        });
      }
      [this.drawnFrom, this.drawnTo] = [from, to];
      const free = this.total - (to - from);
      this.position.disabled = free <= 0;
      this.position.value = free > 0 ? (1000 * from) / free : 0;
    }
    const at = (this.cursor + 0.5) * FRAME_S;
    for (const { plot } of this.lanes) {
      plot.setCursor({ left: at < from || at > to ? -10 : plot.valToPos(at, "x"), top: 1 }, false);
    }
    this.onCursor(this.cursor);
  }

  // Draws all again, in the size and the colours of now.
  refresh() {
    for (const { plot } of this.lanes) plot.setSize({ width: this.host.clientWidth, height: plot.height });
    this.repaint();
  }

  // Draws all again, where something else than the view has changed.
  repaint() {
    this.drawnFrom = null;
    this.redraw();
  }

  timeAt(x) {
    const { plot } = this.lanes[0];
    return plot.posToVal(x - plot.over.getBoundingClientRect().left, "x");
  }

  listen() {
    const { host, position } = this;
    const held = new Map();
    let moved = false, selectFrom = null;
    host.addEventListener("wheel", (event) => {
      event.preventDefault();
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      const width = this.lanes[0].plot.over.clientWidth;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.pan((sideways / width) * (this.to - this.from));
      } else {
        this.zoom(Math.exp(event.deltaY * 0.002), this.timeAt(event.clientX));
      }
    }, { passive: false });
    host.addEventListener("pointerdown", (event) => {
      held.set(event.pointerId, event.clientX);
      moved = held.size > 1;
      selectFrom = event.shiftKey ? this.timeAt(event.clientX) / FRAME_S : null;
    });
    host.addEventListener("pointermove", (event) => {
      if (!held.has(event.pointerId)) return this.point(this.timeAt(event.clientX) / FRAME_S);
      const before = [...held.values()];
      if (!moved && Math.abs(event.clientX - held.get(event.pointerId)) < 5) return;
      if (!moved) host.setPointerCapture(event.pointerId);
      moved = true;
      held.set(event.pointerId, event.clientX);
      if (selectFrom !== null) return this.onSelect(selectFrom, this.timeAt(event.clientX) / FRAME_S);
      this.drag(before, [...held.values()]);
    });
    const release = (event) => {
      if (held.delete(event.pointerId) && event.type === "pointerup" && !moved) this.onClick(this.timeAt(event.clientX) / FRAME_S);
    };
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) host.addEventListener(name, release);
    position.addEventListener("input", () => {
      const length = this.to - this.from;
      const from = (position.value / 1000) * (this.total - length);
      this.see(from, from + length);
    });
  }

  // One finger or the mouse moves the timeline, two stretch it.
  drag(before, after) {
    const middle = (points) => points.reduce((sum, x) => sum + x, 0) / points.length;
    const apart = (points) => Math.max(20, Math.abs(points[0] - points.at(-1)));
    if (before.length > 1) this.zoom(apart(before) / apart(after), this.timeAt(middle(after)));
    const { plot } = this.lanes[0];
    this.pan(((middle(before) - middle(after)) / plot.over.clientWidth) * (this.to - this.from));
  }
}
