"use strict";
// A pyramid of lowest and highest values: level 0 has a value for each frame, each next one a value for two of the last.
// What is drawn is taken from the level that has at most a value for a pixel, so that an hour draws as fast as a second.

class Pyramid {
  constructor(lowest, highest = lowest) {
    this.levels = [{ step: 1, lowest, highest }];
    for (let last = this.levels[0]; last.lowest.length > 256; last = this.levels.at(-1)) {
      this.levels.push(joined(last));
    }
  }

  // The values over the frames [from, to), at most `most` of them: their frames, and the lowest and highest in each.
  over(from, to, most, scaled) {
    const level = this.levels.find(({ step }) => (to - from) / step <= most) ?? this.levels.at(-1);
    const first = Math.max(0, Math.floor(from / level.step));
    const end = Math.min(level.lowest.length, Math.ceil(to / level.step) + 1);
    const times = [], lowest = [], highest = [];
    for (let i = first; i < end; i++) {
      times.push(i * level.step * FRAME_S);
      lowest.push(scaled(level.lowest[i]));
      highest.push(scaled(level.highest[i]));
    }
    return [times, lowest, highest];
  }
}

function joined({ step, lowest, highest }) {
  const count = Math.ceil(lowest.length / 2);
  const low = new lowest.constructor(count), high = new highest.constructor(count);
  for (let i = 0; i < count; i++) {
    const one = 2 * i, other = Math.min(one + 1, lowest.length - 1);
    low[i] = Math.min(lowest[one], lowest[other]);
    high[i] = Math.max(highest[one], highest[other]);
  }
  return { step: 2 * step, lowest: low, highest: high };
}
