"use strict";
// Plays a span of a track by Web Audio, and says where it is.

class Player {
  constructor(onMove, onEnd) {
    Object.assign(this, { onMove, onEnd, source: null, wanted: 0 });
  }

  get playing() {
    return this.source !== null;
  }

  // Plays [from, to) in seconds; of what was sent only the frames that `isSent` knows, one after the other.
  async play(track, from, to, isSent) {
    this.stop();
    const wanted = ++this.wanted;
    this.context ??= new AudioContext();
    await this.context.resume();
    const samples = await samplesOf(track, Math.round(from * RATE), Math.round(to * RATE));
    const kept = isSent ? onlySent(samples, Math.round(from / FRAME_S), isSent) : { samples, times: null };
    if (wanted !== this.wanted || kept.samples.length === 0) return kept.samples.length;
    const buffer = this.context.createBuffer(1, kept.samples.length, RATE);
    buffer.copyToChannel(kept.samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    source.onended = () => this.source === source && this.stop();
    source.start();
    this.source = source;
    const began = this.context.currentTime;
    const follow = () => {
      if (this.source !== source) return;
      const played = this.context.currentTime - began;
      this.onMove(kept.times ? kept.times[Math.min(kept.times.length - 1, Math.floor(played / FRAME_S))] : from + played);
      requestAnimationFrame(follow);
    };
    requestAnimationFrame(follow);
    return kept.samples.length;
  }

  stop() {
    this.wanted++;
    const source = this.source;
    this.source = null;
    if (source) source.stop();
    this.onEnd();
  }
}

// The samples of frames that were sent, and when each of these frames was recorded.
function onlySent(samples, first, isSent) {
  const length = RATE * FRAME_S, times = [], parts = [];
  for (let i = 0; i * length < samples.length; i++) {
    if (!isSent(first + i)) continue;
    times.push((first + i) * FRAME_S);
    parts.push(samples.subarray(i * length, (i + 1) * length));
  }
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (joined.set(part, at), at + part.length), 0);
  return { samples: joined, times };
}
