"""Count calls in which the agent's first sentence opens a gate, with and without typing over it.

    python3 models/echo/first_sentence.py "voxgate gate --quiet" [--calls 90] [--seed 7]

A call is four sentences of a voice of the valid split after two seconds of noise at -71 dBFS, its echo 50 to 400 ms late and 6 or
15 dB down, dry or with a room; nobody else speaks. The command is run with MIC.wav --playback PLAYBACK.wav --frames -.
"""

import argparse
import csv
import io
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

import acoustics
import sources
from speech import RATE, active_level, gain, hop_levels
from voices import Bank


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gate", help="the command up to, not including, the microphone's file")
    parser.add_argument("--calls", type=int, default=90)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cache", type=Path, default=sources.DEFAULT_CACHE)
    options = parser.parse_args()
    bank = Bank(options.cache)
    opened = {"typing": [0, 0], "silence": [0, 0]}
    for number in range(options.calls):
        mic, playback, typing, ends_s = make(np.random.default_rng([options.seed, number]), bank)
        for kind, recorded in (("typing", mic + typing), ("silence", mic)):
            sent_s = sent_seconds(shlex.split(options.gate), recorded, playback)
            opened[kind][0] += any(at < ends_s for at in sent_s)
            opened[kind][1] += any(at >= ends_s for at in sent_s)
    for kind, (first, later) in opened.items():
        print(f"{kind:8} over the first sentence: {first} of {options.calls} open in it, {later} later")


def make(rng, bank):
    """(microphone, playback, typing, second at which the echo of the first sentence has ended)."""
    speakers = bank.speakers("valid", "agent")
    names = [name for name in sorted(speakers) if sum(clip.seconds for clip in speakers[name]) > 15]
    clips = speakers[names[rng.integers(len(names))]]
    sentences = [clip for clip in clips if 1 < clip.seconds < 6] or clips
    parts = [np.zeros(START_S * RATE)]
    for _ in range(4):
        spoken = bank.audio(sentences[rng.integers(len(sentences))]).astype(float)
        parts += [spoken, np.zeros(int(0.8 * RATE))]
    playback = np.concatenate(parts)
    playback *= gain(PLAYBACK_DB - active_level(playback, hop_levels(playback) > -45))
    delay_s = rng.uniform(0.05, 0.4)
    mic = echo_of(rng, playback, int(delay_s * RATE)) + rng.standard_normal(len(playback)) * gain(-71)
    first_s = START_S + len(parts[1]) / RATE
    typing = typed(rng, len(playback), int((START_S + delay_s) * RATE), int(first_s * RATE))
    return mic, playback, typing, first_s + delay_s + 0.4


def echo_of(rng, playback, delay):
    level_db, room = rng.choice([-6, -15]), acoustics.Room(rng)
    echo = np.concatenate([np.zeros(delay), playback])[:len(playback)]
    if rng.random() < 0.5:
        echo = acoustics.through_room(rng, echo, room, 0.5, False)
    levels = hop_levels(echo)
    return echo * gain(PLAYBACK_DB + level_db - active_level(echo, levels > levels.max() - 25))


def typed(rng, length, start, end):
    """Bursts of keys from sample `start` to `end`, each with a peak of -30 to -14 dBFS."""
    typing = np.zeros(length)
    while start < end:
        keys = acoustics.keys(rng)[:length - start]
        typing[start:start + len(keys)] += keys / max(np.abs(keys).max(), 1e-6) * gain(rng.uniform(-30, -14))
        start += len(keys) + int(0.1 * RATE)
    return typing


def sent_seconds(command, mic, playback):
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "mic.wav", Path(folder) / "playback.wav"]
        for file, samples in zip(files, (mic, playback)):
            soundfile.write(file, np.clip(samples, -1, 1), RATE, subtype="PCM_16")
        run = [*command, files[0], "--playback", files[1], "--frames", "-", "--events", os.devnull]
        rows = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    return [float(row["t_ms"]) / 1000 for row in csv.DictReader(io.StringIO(rows)) if row["forwarded"] == "1"]


START_S = 2
PLAYBACK_DB = -20

if __name__ == "__main__":
    main()
