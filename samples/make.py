#!/usr/bin/env python3
"""Makes the sample WAVs, their truth labels and manifest.toml, in the folder this file is in.

Needs: Debian 12 packages `pocketsphinx-testdata` (0.8+5prealpha+1-15: the human voices) and
`espeak-ng` (1.51+dfsg-10+deb12u2: the agent's voice); Python 3.11 with numpy 2.4.6, scipy 1.17.1
and soundfile 0.14.0. Everything else (noise, key clicks, rooms, lines) is computed here from
fixed seeds. The same inputs give the same files, bit for bit.

    apt-get install pocketsphinx-testdata espeak-ng
    pip install numpy==2.4.6 scipy==1.17.1 soundfile==0.14.0
    python3 samples/make.py
"""
import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from sounds import amplitude, bed, key_click, mu_law, resample, through_room
from voices import VOICE_RATE, agent_voice, cut_to_speech, human_voice, speech_spans

HERE = Path(__file__).resolve().parent


def main():
    scenes = [clean_turn(), keyboard(), *echo(), phone(), packet_loss(), backgrounded_app(),
              stereo_call(), soft_speaker(), short_words()]
    entries = [save(scene) for scene in scenes]
    head = "# Written by make.py: change that, not this. Times and rates: seconds, hertz.\n"
    (HERE / "manifest.toml").write_text(head + "\n".join(entries))


# The scenes. Times are seconds from the start of the file; levels are dBFS.

def clean_turn():
    scene = Scene("clean_turn", 16000, 10.2, "Two turns on a quiet bed: opening, pre-roll, "
                  "short dips inside a turn, hangover and closing with nothing in the way.")
    scene.mic += bed(len(scene.mic), scene.rate, 1, -65)
    scene.user("austen_880", at=0.7)
    scene.user("austen_890", at=4.4)
    return scene


def keyboard():
    scene = Scene("keyboard", 48000, 8.2, "Typing between two sentences, at 48 kHz: key clicks "
                  "are loud and short and must not open the gate; the intake resamples.")
    scene.mic += bed(len(scene.mic), scene.rate, 2, -62)
    scene.user("go_forward", at=0.4)
    for seed, at, keys in ((20, 2.5, 6), (21, 3.8, 9), (22, 5.35, 4)):
        scene.type_keys(seed, at, keys)
    scene.user("go_somewhere", at=6.2)
    return scene


def echo():
    playback = Scene("echo_playback", 16000, 11.2, "What the agent sends to the loudspeaker; "
                     "sample 0 is the same instant as in echo_mic.wav.", role="playback")
    playback.agent("welcome", at=0.4, dbfs=-20)
    playback.agent("turn", at=2.9, dbfs=-20)
    playback.agent("play", at=4.8, dbfs=-20)
    mic = Scene("echo_mic", 16000, 11.2, "The agent's voice comes back through the room, 180 ms "
                "late and 15 dB down; the user barges in over it, then speaks alone.",
                playback="echo_playback.wav")
    mic.mic += bed(len(mic.mic), mic.rate, 3, -65)
    mic.hear(playback.mic, playback, delay_s=0.180, gain_db=-15)
    mic.user("cards_2", at=7.0)
    mic.user("cards_1", at=9.5)
    return playback, mic


def phone():
    scene = Scene("phone", 8000, 10.6, "A telephone line at 8 kHz: 300-3400 Hz, mu-law and line "
                  "noise; the gate has to find speech without the upper band.")
    scene.user("go_somewhere", at=0.7, dbfs=-20)
    scene.user("austen_920", at=3.9, dbfs=-20)
    rng = np.random.default_rng(4)
    hiss = rng.standard_normal(len(scene.mic)) * amplitude(-54)
    hum = np.sin(2 * np.pi * 50 * scene.times()) * amplitude(-50)
    # ITU-T G.712 gives the channel 300 to 3400 Hz.
    line = signal.butter(4, (300, 3400), "bandpass", fs=scene.rate, output="sos")
    scene.mic = mu_law(signal.sosfiltfilt(line, scene.mic + hiss) + hum)
    return scene


def packet_loss():
    scene = Scene("packet_loss", 16000, 9.0, "A lossy link: 60 ms holes and repeated frames inside "
                  "words must not cut the turn, and shards of noise in silence must not open it.")
    scene.mic += bed(len(scene.mic), scene.rate, 5, -65)
    scene.user("austen_870", at=0.9)
    for at in (1.42, 2.26, 3.28, 4.74, 6.60):
        scene.lose(at, 0.060)
    for at in (1.82, 2.62, 4.24, 6.96):
        scene.repeat(at, frame_s=0.020, times=3)
    for seed, at, length in ((50, 0.30, 0.020), (51, 0.52, 0.035), (52, 7.95, 0.040),
                             (53, 8.20, 0.015), (54, 8.55, 0.030)):
        scene.burst(seed, at, length, -24, (300, 6000))
    return scene


def backgrounded_app():
    scene = Scene("backgrounded_app", 16000, 12.2, "The app goes to the background: speech, "
                  "about 6 s of exact zeros with four short bursts that must not open the gate, "
                  "speech again.")
    scene.mic += bed(len(scene.mic), scene.rate, 6, -65)
    scene.user("austen_930", at=0.5)
    scene.user("austen_880", at=9.3)
    scene.silence(3.3, 9.1, bursts=[(4.6, 0.080), (5.9, 0.050), (6.3, 0.100), (7.8, 0.060)])
    return scene


def stereo_call():
    scene = Scene("stereo_call", 16000, 9.0, "Both sides of a call in one file: channel 0 is the "
                  "mic (a headset, echo 30 dB down), channel 1 is the playback.",
                  playback_channel=1)
    agent = Scene("playback", 16000, 9.0, "")
    agent.agent("which_cards", at=0.3, dbfs=-20)
    agent.agent("last_one", at=5.65, dbfs=-20)
    scene.mic += bed(len(scene.mic), scene.rate, 7, -65)
    scene.hear(agent.mic, agent, delay_s=0.040, gain_db=-30)
    scene.user("cards_5", at=2.3)
    scene.user("cards_3", at=7.45)
    scene.right = agent.mic
    return scene


def soft_speaker():
    scene = Scene("soft_speaker", 16000, 7.2, "A soft or distant speaker at -40 dBFS, 17 dB below "
                  "the other files: a gate that trusts level alone stays shut.")
    scene.mic += bed(len(scene.mic), scene.rate, 8, -68)
    scene.user("austen_920", at=0.8, dbfs=-40)
    return scene


def short_words():
    scene = Scene("short_words", 16000, 9.2, "Eight sounds that are no word (shards of vowels as a "
                  "lossy link leaves them, knocks, a cough of noise, hiss) and then four short words.")
    scene.mic += bed(len(scene.mic), scene.rate, 9, -65)
    _, _, voice = human_voice("austen_880")
    for at, from_s, length in ((0.40, 0.55, 0.045), (1.00, 0.95, 0.060), (2.20, 1.25, 0.070)):
        scene.shard(voice, at, from_s, length, -20)
    for seed, at in ((70, 1.60), (71, 2.75)):
        scene.knock(seed, at, -14)
    scene.burst(72, 3.20, 0.180, -18, (300, 2500), "cough")
    for seed, at, length in ((73, 3.75, 0.060), (74, 4.05, 0.090)):
        scene.burst(seed, at, length, -22, (2500, 6500), "hiss")
    for word, at in (("yes", 5.2), ("no", 6.2), ("three", 7.2), ("eight", 8.2)):
        text, source, voice = agent_voice(word)
        scene.speak(voice, at, -22, text.rstrip("."), source)
        scene.label("speech", *scene.spoken[-1])
    return scene


class Scene:
    """A file in the making: samples, truth labels, and the recordings that went into it."""

    def __init__(self, name, rate, seconds, shows, **more):
        self.name, self.rate, self.shows, self.more = name, rate, shows, more
        self.mic = np.zeros(round(rate * seconds))
        self.right = None
        self.labels, self.sources, self.spoken = [], {}, []

    def user(self, clip, at, dbfs=-23):
        text, source, voice = human_voice(clip)
        self.speak(voice, at, dbfs, text, source)
        self.label("speech", *self.spoken[-1])

    def agent(self, line, at, dbfs):
        text, source, voice = agent_voice(line)
        self.speak(voice, at, dbfs, text, source)

    def speak(self, voice, at, dbfs, text, source):
        """Adds a voice so that its first sound falls on `at`."""
        samples, (start_s, end_s) = cut_to_speech(voice)
        active = samples[round(start_s * VOICE_RATE):round(end_s * VOICE_RATE)]
        samples = samples * amplitude(dbfs) / np.sqrt(np.mean(active ** 2))
        self.add(at - start_s, resample(samples, VOICE_RATE, self.rate))
        self.spoken.append((at, at + end_s - start_s, text))
        self.sources[source["clip"]] = source

    def hear(self, playback, far, delay_s, gain_db):
        """Adds the playback as the mic hears it and labels what is audible of it."""
        heard = through_room(playback, self.rate, delay_s)
        power = np.mean(playback[playback != 0] ** 2) / np.mean(heard[playback != 0] ** 2)
        heard *= np.sqrt(power) * amplitude(gain_db)
        self.mic += heard
        self.sources.update(far.sources)
        texts = [text for _, _, text in far.spoken]
        for (start_s, end_s), text in zip(speech_spans(heard, self.rate), texts, strict=True):
            self.label("agent_echo", start_s, end_s, text)

    def type_keys(self, seed, at, keys):
        """A run of key strokes: uneven in time, level and colour, each with a down and an up."""
        rng = np.random.default_rng(seed)
        start, end = at, at
        for _ in range(keys):
            loud = rng.normal(-16, 3.5)
            held = rng.uniform(0.06, 0.11)
            self.add(at, key_click(rng, self.rate) * amplitude(loud))
            self.add(at + held, key_click(rng, self.rate) * amplitude(loud - rng.uniform(6, 10)))
            end = at + held + 0.04
            at += min(rng.lognormal(np.log(0.135), 0.3), 0.26)
        self.label("keyboard", start, end, f"{keys} keys")

    def shard(self, voice, at, from_s, length_s, dbfs):
        """A piece of a word, cut out hard: what loss concealment leaves of it."""
        cut = voice[round(from_s * VOICE_RATE):round((from_s + length_s) * VOICE_RATE)]
        cut = cut * signal.windows.tukey(len(cut), 0.02)
        self.add(at, cut * amplitude(dbfs) / np.sqrt(np.mean(cut ** 2)))
        self.label("burst", at, at + length_s, "shard")

    def knock(self, seed, at, dbfs):
        """Knuckles on wood: a thud of two low modes that dies within 80 ms."""
        rng = np.random.default_rng(seed)
        time = np.arange(round(0.12 * self.rate)) / self.rate
        thud = rng.standard_normal(len(time)) * np.exp(-time / 0.003)
        for low_hz, high_hz in ((90, 160), (280, 480)):
            thud += 2 * np.sin(2 * np.pi * rng.uniform(low_hz, high_hz) * time) * np.exp(-time / 0.018)
        self.add(at, thud / np.max(np.abs(thud)) * amplitude(dbfs))
        self.label("burst", at, at + 0.08, "knock")

    def burst(self, seed, at, length_s, dbfs, band_hz, text="noise"):
        noise = np.random.default_rng(seed).standard_normal(round(length_s * self.rate))
        sos = signal.butter(2, band_hz, "bandpass", fs=self.rate, output="sos")
        noise = signal.sosfilt(sos, noise) * signal.windows.tukey(len(noise), 0.3)
        self.add(at, noise * amplitude(dbfs) / np.sqrt(np.mean(noise ** 2)))
        self.label("burst", at, at + length_s, text)

    def lose(self, at, length_s):
        self.mic[self.span(at, length_s)] = 0
        self.label("loss", at, at + length_s, "hole")

    def repeat(self, at, frame_s, times):
        """What a receiver does about a lost packet: the last frame again, `times` times."""
        frame = self.mic[self.span(at - frame_s, frame_s)]
        self.mic[self.span(at, frame_s * times)] = np.tile(frame, times)
        self.label("loss", at, at + frame_s * times, "repeat")

    def silence(self, start, end, bursts):
        """Exact zeros but for bursts, by turns noise and stale audio from just before."""
        stale = self.mic[self.span(start - 1.2, 0.5)].copy()
        self.mic[self.span(start, end - start)] = 0
        edges = [start]
        for index, (at, length_s) in enumerate(bursts):
            if index % 2 == 0:
                self.burst(60 + index, at, length_s, -26, (300, 3400))
            else:
                self.add(at, stale[:round(length_s * self.rate)])
                self.label("burst", at, at + length_s, "stale audio")
            edges += [at, at + length_s]
        edges.append(end)
        for gap_start, gap_end in zip(edges[::2], edges[1::2]):
            self.label("gap", gap_start, gap_end, "exact zeros")

    def add(self, at, samples):
        start = round(at * self.rate)
        self.mic[start:start + len(samples)] += samples

    def label(self, kind, start_s, end_s, text):
        self.labels.append((round(start_s * 1000), round(end_s * 1000), kind, text))

    def span(self, at, length_s):
        return slice(round(at * self.rate), round(at * self.rate) + round(length_s * self.rate))

    def times(self):
        return np.arange(len(self.mic)) / self.rate


def save(scene):
    """Writes the WAV and its labels; returns the manifest entry."""
    columns = scene.mic if scene.right is None else np.column_stack([scene.mic, scene.right])
    assert np.max(np.abs(columns)) < 1, f"{scene.name} clips: lower its levels"
    wav = HERE / f"{scene.name}.wav"
    soundfile.write(wav, np.round(columns * 32767).astype("<i2"), scene.rate, "PCM_16")
    fields = {"file": wav.name, "sha256": hashlib.sha256(wav.read_bytes()).hexdigest(),
              "sample_rate": scene.rate, "channels": 1 if scene.right is None else 2,
              "duration_s": len(scene.mic) / scene.rate, "shows": scene.shows}
    fields |= scene.more
    if scene.more.get("role") != "playback":
        fields["labels"] = f"{scene.name}.labels.csv"
        with open(HERE / fields["labels"], "w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerows([("start_ms", "end_ms", "label", "text"), *sorted(scene.labels)])
    said = [label for label in sorted(scene.labels) if label[2] == "speech"]
    fields["transcript"] = ". ".join(text for _, _, _, text in said)
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    sources = ["  { " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in source.items())
               + " }," for source in scene.sources.values()]
    return "\n".join(["[[sample]]", *lines, "sources = [", *sources, "]\n"])


if __name__ == "__main__":
    main()
