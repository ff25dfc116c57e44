"use strict";
// The evidence of a frame in the sentences of `voxgate gate --explain`, which come with the data.

function evidenceOf(columns, facts, frame) {
  const { words, codes } = facts;
  const put = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const value = (name, of, digits) => (columns[name][frame] / of).toFixed(digits);
  const at = frame * 10;
  const { verdict, turn, reason, forwarded } = decisionOf(columns, codes, frame);
  const from = columns.reaches.get(frame) ?? at;
  const decided = put(words[verdict], { from, reason });
  const window = columns["window-start"][frame] === 0 ? words.not_scored : put(words.scored, {
    from: Math.round(at + 10 - (columns["window-start"][frame] & 0xffff) / 16),
    to: Math.round(at + 10 - (columns["window-end"][frame] & 0xffff) / 16),
  });
  const lines = [
    put(words.title, { at, verdict: decided, turn }),
    put(words.speech, { speech: value("speech", 1000, 3), window }),
    put(words.level, { level: value("level", 10, 1), floor: value("floor", 10, 1) }),
  ];
  if (columns.attack[frame] !== codes.none) lines.push(put(words.attack, { attack: value("attack", 10, 1) }));
  const artefact = codes.artefacts[(columns.settled[frame] >> 3) & 3];
  if (artefact) lines.push(put(words.artefact, { artefact }));
  if (columns.hasEcho && columns.near[frame] !== codes.none) {
    const quality = codes.qualities[(columns.settled[frame] >> 5) & 3];
    const delay = columns.delay[frame] === codes.none
      ? words.no_delay : put(words.delay, { delay: value("delay", 10, 1), quality });
    lines.push(put(words.echo, { near: value("near", 1000, 3), agent: value("echo", 1000, 3), delay }));
    if (columns["echo-late"][frame]) lines.push(put(words.late, { late: columns["echo-late"][frame] * 10 }));
  }
  return { text: lines.join("\n"), fate: fateOf(columns, codes, frame, forwarded) };
}

function decisionOf(columns, codes, frame) {
  const bits = columns.decided[frame];
  return {
    verdict: codes.verdicts[bits & 3],
    turn: codes.turns[(bits >> 2) & 3],
    reason: codes.reasons[(bits >> 4) & 7],
    forwarded: bits >> 7 === 1,
  };
}

// What became of the frame in the end.
function fateOf(columns, codes, frame, forwarded) {
  const wait = columns.wait[frame] * 10;
  if (forwarded) return wait ? `sent ${wait} ms later` : "sent at once";
  return `not sent: ${codes.reasons[columns.settled[frame] & 7]}`;
}
