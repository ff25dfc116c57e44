"use strict";
// The truth that follows from what was sent and what was marked, as labels in the formats that `voxgate score` reads. The
// command writes the same with `--labels-out`.

// What nobody marked was judged right: the turns, from where their score rose to where it last was up. A mark overrules
// them and the marks before it.
function labelsOf(events, marks) {
  const turns = events.filter(({ event }) => event === "speech_end");
  let speech = turns.map(({ start_ms, end_ms }) => [start_ms, end_ms].map(Math.round)), back = [];
  for (const { start_ms, end_ms, verdict } of marks) {
    const [to, from] = verdict === "pass" ? [speech, back] : [back, speech];
    const [more, less] = [joinedWith(to, start_ms, end_ms), without(from, start_ms, end_ms)];
    [speech, back] = verdict === "pass" ? [more, less] : [less, more];
  }
  const named = (text) => ([start_ms, end_ms]) => ({ start_ms, end_ms, text });
  return [...speech.map(named("speech")), ...back.map(named("no_speech"))].sort((a, b) => a.start_ms - b.start_ms);
}

// Spans are in order and apart from each other.
function joinedWith(spans, start, end) {
  const apart = spans.filter(([from, to]) => to < start || from > end);
  const near = spans.filter(([from, to]) => to >= start && from <= end);
  const joined = [Math.min(start, ...near.map(([from]) => from)), Math.max(end, ...near.map(([, to]) => to))];
  return [...apart, joined].sort((a, b) => a[0] - b[0]);
}

function without(spans, start, end) {
  return spans.flatMap(([from, to]) => [[from, Math.min(to, start)], [Math.max(from, end), to]]).filter(([from, to]) => from < to);
}

const pad = (number, digits) => String(number).padStart(digits, "0");
const inSeconds = (ms) => `${Math.floor(ms / 1000)}.${pad(ms % 1000, 3)}`;

const LABEL_FORMATS = {
  txt: (labels) => labels.map(({ start_ms, end_ms, text }) => `${inSeconds(start_ms)}000\t${inSeconds(end_ms)}000\t${text}\n`).join(""),
  rttm: (labels, recording) => {
    const id = recording.replace(/\s/gu, "_");
    const speech = labels.filter(({ text }) => text === "speech");
    return speech.map(({ start_ms, end_ms, text }) =>
      `SPEAKER ${id} 1 ${inSeconds(start_ms)} ${inSeconds(end_ms - start_ms)} <NA> <NA> ${text} <NA> <NA>\n`).join("");
  },
  vtt: (labels) => {
    const clock = (ms) => `${pad(Math.floor(ms / 3600000), 2)}:${pad(Math.floor(ms / 60000) % 60, 2)}:${pad(Math.floor(ms / 1000) % 60, 2)}.${pad(ms % 1000, 3)}`;
    return `WEBVTT\n${labels.map(({ start_ms, end_ms, text }) => `\n${clock(start_ms)} --> ${clock(end_ms)}\n${text}\n`).join("")}`;
  },
  TextGrid: (labels, _, length_ms) => {
    const intervals = [];
    let end = 0;
    for (const { start_ms, end_ms, text } of labels) {
      if (start_ms > end) intervals.push([end, start_ms, ""]);
      intervals.push([start_ms, end_ms, text]);
      end = end_ms;
    }
    if (end < length_ms) intervals.push([end, length_ms, ""]);
    const head = `0\n${inSeconds(Math.max(length_ms, end))}\n`;
    return `File type = "ooTextFile"\nObject class = "TextGrid"\n\n${head}<exists>\n1\n"IntervalTier"\n"voxgate"\n${head}${intervals.length}\n` +
      intervals.map(([from, to, text]) => `${inSeconds(from)}\n${inSeconds(to)}\n"${text}"\n`).join("");
  },
};
