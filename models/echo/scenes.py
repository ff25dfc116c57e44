"""One scene: who speaks when, the echo of it, and the truth for every 10 ms."""

from dataclasses import dataclass, field

import numpy as np

import acoustics
import devices
from speech import HOP, active_level, gain, hop_levels, per_sample


def make(rng, bank, split, family):
    """A scene of the family: its audio, its truth and every parameter that was drawn."""
    scene = Scene.cast(rng, bank, split, family)
    FAMILIES[family](scene)
    scene.render_playback()
    mix = devices.Mix(scene.render_near(), scene.render_echo(), scene.render_noise())
    mic, mix, scene.meta["device"] = devices.record(rng, mix, scene.stages)
    mic, factor = devices.clean_ceiling(mic)
    mix = mix.scaled(factor)
    echo = devices.audible(mix.echo, mix.noise)
    scene.meta.update(family=family, split=split, seconds=scene.hops / 100, near_hops=int(scene.near.sum()),
                      echo_hops=int(echo.sum()), delay_ms=scene.delay_curve())
    return {"mic": mic, "playback": scene.playback, "near": scene.near, "echo": echo, "parts": mix, "meta": scene.meta}


@dataclass
class Scene:
    """What is being put together. `lines` are the agent's (hop, clip), `words` the user's (hop, clip, dB, pitch)."""

    rng: np.random.Generator
    bank: object
    split: str
    hops: int
    agent: list
    user: list
    delay: acoustics.Delay
    room: acoustics.Room
    stages: list
    echo_db: float
    bed_db: float
    lines: list = field(default_factory=list)
    words: list = field(default_factory=list)
    stops: list = field(default_factory=list)
    meta: dict = field(default_factory=dict)

    @classmethod
    def cast(cls, rng, bank, split, family):
        seconds = rng.uniform(20, 40)
        agent, user = cast_voices(rng, bank, split)
        bed, stages = rng.uniform(-75, -42), devices.choose(rng)
        scene = cls(rng, bank, split, int(seconds * 100), bank.speakers(split, "agent")[agent],
                    bank.speakers(split, "user")[user], acoustics.Delay(rng, seconds), acoustics.Room(rng),
                    stages, draw_echo_level(rng, family, bed, stages), bed)
        scene.meta = {"agent": agent, "user": user, "bed_db": bed, "echo_db": scene.echo_db,
                      "delay": scene.delay.describe()}
        return scene

    # --- Who speaks when ---

    def agent_speaks(self, at, seconds):
        """Lines of the agent from hop `at` on for about `seconds`; returns the hop after the last one."""
        end = at + int(seconds * 100)
        while at < min(end, self.hops - 50):
            clip = self.pick(self.agent, 0.6, (end - at) / 100 + 1)
            self.lines.append((at, clip))
            at += clip.length // HOP + int(self.rng.uniform(5, 40))
        return at

    def user_speaks(self, at, seconds, level_db):
        """The user from hop `at` on (mic time) for about `seconds`, at least one clip; returns the hop after."""
        at = max([at] + [start + clip.length // HOP + 20 for start, clip, *_ in self.words[-1:]])
        end = at + int(seconds * 100)
        while True:
            clip = self.pick(self.user, 0.0, min(seconds + 1.5, (self.hops - at) / 100))
            if at + clip.length // HOP >= self.hops:
                return at
            self.words.append((at, clip, level_db + self.rng.uniform(-2, 2), 1.0))
            at += clip.length // HOP
            if at >= end:
                return at
            at += int(self.rng.uniform(0, 30))

    def user_repeats(self, at, clip, level_db):
        """The user says at hop `at` what the agent said, 5 to 20 % higher or lower and as much faster or slower."""
        pitch = 1 + self.rng.uniform(0.05, 0.2) * self.rng.choice([-1, 1])
        free = all(at > start + other.length * 1.3 // HOP for start, other, *_ in self.words[-1:])
        if free and at + clip.length / pitch // HOP + 1 < self.hops:
            self.words.append((at, clip, level_db, pitch))

    def voice(self, clip, pitch):
        """Audio and speech hops of a clip at another pitch and speed."""
        audio, speech = self.bank.audio(clip), self.bank.speech(clip)
        if pitch == 1.0:
            return audio, speech
        audio = np.interp(np.arange(int(len(audio) / pitch)) * pitch, np.arange(len(audio)), audio)
        hops = (np.arange(len(audio) // HOP) * pitch).astype(int).clip(0, len(speech) - 1)
        return audio[:len(hops) * HOP], speech[hops]

    def pick(self, clips, shortest, longest):
        """One of the clips between so many seconds, or of the shortest eighth if none is."""
        fitting = [clip for clip in clips if shortest < clip.seconds < longest]
        fitting = fitting or sorted(clips, key=lambda clip: clip.seconds)[:len(clips) // 8 + 1]
        return fitting[self.rng.integers(len(fitting))]

    def heard_at(self, hop):
        """When in the mic the echo of a playback hop is heard."""
        return max(0, hop + int(self.delay.at(hop / 100) / 10))

    # --- Sound ---

    def render_playback(self):
        """Puts the agent's lines on the reference, at -30 to -12 dBFS, and cuts it where the user stopped it."""
        self.playback, spoken = np.zeros(self.hops * HOP), np.zeros(self.hops, bool)
        for at, clip in self.lines:
            speech = self.bank.speech(clip)[:self.hops - at]
            audio = self.bank.audio(clip)[:len(speech) * HOP]
            self.playback[at * HOP:at * HOP + len(audio)] += audio
            spoken[at:at + len(speech)] |= speech
        for start, end in self.stops:
            self.playback[start * HOP:end * HOP] = 0
            spoken[start:end] = False
        steps = acoustics.level_steps(self.rng, self.hops / 100)
        level = self.rng.uniform(-30, -12)
        by = gain(level + 20 + np.minimum(steps, -12 - level))
        self.playback *= per_sample(by, len(self.playback))
        self.playback *= min(1.0, 0.98 / max(np.abs(self.playback).max(), 1e-9))
        self.spoken = spoken
        self.meta.update(playback_db=active_level(self.playback, spoken))

    def render_echo(self):
        if self.echo_db is None or not self.spoken.any():
            return np.zeros(self.hops * HOP)
        rng, sound, path = self.rng, self.playback, {}
        if rng.random() < 0.2:
            sound, path["opus"] = devices.opus(rng, sound)
        elif rng.random() < 0.1:
            sound, path["phone"] = devices.phone_line(sound), True
        if rng.random() < 0.15:
            sound, path["dropouts"] = acoustics.dropouts(rng, sound)
        volume = acoustics.level_steps(rng, self.hops / 100)
        sound = sound * per_sample(gain(volume), len(sound))
        sound, path["loudspeaker"] = acoustics.loudspeaker(rng, self.delay.apply(sound))
        path.update(rt60_s=self.room.rt60, distance_m=float(rng.uniform(0.05, 1.2)), moving=bool(rng.random() < 0.25),
                    volume_db=[float(volume.min()), float(volume.max())])
        sound = acoustics.through_room(rng, sound, self.room, path["distance_m"], path["moving"])
        self.meta["path"] = path
        levels = hop_levels(sound)
        return sound * gain(self.echo_db - active_level(sound, levels > np.percentile(levels, 95) - 25))

    def render_near(self):
        """The user in the room; `near` is where the clean recording has speech."""
        rng, dry = self.rng, np.zeros(self.hops * HOP)
        self.near = np.zeros(self.hops, bool)
        spans = []
        for at, clip, level, pitch in self.words:
            audio, speech = self.voice(clip, pitch)
            dry[at * HOP:at * HOP + len(audio)] += audio * gain(level + 20)
            self.near[at:at + len(speech)] |= speech
            spans.append([at, at + len(speech), round(float(level), 1)])
        distance = float(rng.uniform(0.15, 1.5))
        self.meta.update(user_distance_m=distance, utterances=spans)
        if not spans:
            return dry
        wet = acoustics.through_room(rng, dry, self.room, distance, bool(rng.random() < 0.1))
        return wet * gain(active_level(dry, self.near) - active_level(wet, self.near))

    def render_noise(self):
        """The bed, and events a minute drawn between none and fifteen."""
        rng, length = self.rng, self.hops * HOP
        bed, colour = acoustics.noise_bed(rng, length)
        noise, events = bed * gain(self.bed_db), []
        for _ in range(rng.poisson(rng.choice([0, 2, 5, 15]) * self.hops / 6000)):
            event, kind = acoustics.noise_event(rng, self.bank, self.split)
            at = int(rng.integers(0, max(1, length - len(event))))
            peak_db = rng.uniform(-35, -6)
            noise[at:at + len(event)] += (event * gain(peak_db))[:length - at]
            events.append([at // HOP, kind, round(float(peak_db), 1)])
        self.meta.update(bed_colour=colour, events=events)
        return noise

    def delay_curve(self):
        """[[second, ms], …] every 500 ms; None where there is no echo."""
        if self.echo_db is None:
            return None
        seconds = np.arange(0, self.hops / 100, 0.5)
        return [[float(second), round(float(ms), 2)] for second, ms in zip(seconds, self.delay.at(seconds))]


def cast_voices(rng, bank, split):
    """An agent with enough to say, synthetic in two of five, and a user of another language (another person)."""
    agents, users = bank.speakers(split, "agent"), bank.speakers(split, "user")
    synthetic = rng.random() < SYNTHETIC_SHARE
    fluent = [name for name in sorted(agents) if name.startswith("tts/") == synthetic
              and speech_seconds(agents[name]) > 60 and speech_seconds(agents[name]) / len(agents[name]) > 1.2]
    agent = fluent[rng.integers(len(fluent))]
    others = [name for name in sorted(users) if not same_language(name, agent) and speech_seconds(users[name]) > 8]
    weights = np.sqrt([speech_seconds(users[name]) for name in others])  # sentences more often than letters
    return agent, others[rng.choice(len(others), p=weights / weights.sum())]


def speech_seconds(clips):
    return sum(clip.seconds for clip in clips)


def draw_echo_level(rng, family, bed_db, stages):
    """dBFS of the echo at the mic: -60 to -10, mostly over the bed; None where there is none."""
    if family in ("headphones", "alone") or family == "noise" and rng.random() < 0.6:
        return None
    if "canceller" in stages:
        return rng.uniform(-35, -10)
    if family == "echo" or rng.random() < 0.15:
        return rng.uniform(-60, -10)
    return rng.uniform(max(-55, min(bed_db + 8, -15)), -10)


def same_language(one, other):
    return one.split("/")[1].split("_")[0] == other.split("/")[1].split("_")[0]


# --- Families ---

def echo_only(scene):
    talk_with_pauses(scene)


def talk_with_pauses(scene):
    """The agent talks in turns of 1 to 12 s, with pauses of 0.3 to 4 s; returns the turns."""
    at, turns = int(scene.rng.uniform(0, 200)), []
    while at < scene.hops - 100:
        end = scene.agent_speaks(at, scene.rng.uniform(1, 12))
        turns.append((at, min(end, scene.hops)))
        at = end + int(np.exp(scene.rng.uniform(np.log(30), np.log(400))))
    return turns


def user_level(scene):
    """-16 to +14 dB over the echo's loud half, within -45 to -12 dBFS and 6 dB over the bed."""
    level = (scene.echo_db if scene.echo_db is not None else -35) + scene.rng.uniform(-16, 14)
    return float(np.clip(level, max(-45, scene.bed_db + 6), -12))


def barge_in(scene):
    """The user cuts into the agent's turns, once or several times; in some the agent then falls silent."""
    for start, end in talk_with_pauses(scene):
        at = start + int(scene.rng.uniform(20, 300))
        while at < end - 40:
            seconds = scene.rng.choice([0.3, scene.rng.uniform(0.5, 4)], p=[0.4, 0.6])
            done = scene.user_speaks(scene.heard_at(at), seconds, user_level(scene))
            if scene.rng.random() < 0.3:
                scene.stops.append((at + int(scene.rng.uniform(20, 80)), end))
                break
            at = max(at, done) + int(scene.rng.uniform(80, 500))


def double_talk(scene):
    """Both talk for long."""
    talk_with_pauses(scene)
    at = int(scene.rng.uniform(50, 400))
    while at < scene.hops - 200:
        at = scene.user_speaks(at, scene.rng.uniform(4, 12), user_level(scene))
        at += int(scene.rng.uniform(20, 400))


def repeats(scene):
    """The user repeats what the agent says: after it, or into its next words. For measuring, not in `SHARES`."""
    talk_with_pauses(scene)
    for at, clip in list(scene.lines):
        if scene.rng.random() < 0.5:
            after = at + clip.length // HOP + int(scene.rng.uniform(-60, 150))
            scene.user_repeats(scene.heard_at(after), clip, user_level(scene))


def call(scene):
    """Turns by agent and user, sometimes overlapping by a little, sometimes cut off."""
    at, level = int(scene.rng.uniform(0, 150)), user_level(scene)
    while at < scene.hops - 150:
        end = scene.agent_speaks(at, scene.rng.uniform(1, 7))
        reply = scene.heard_at(end) + int(scene.rng.normal(40, 40))
        done = scene.user_speaks(max(0, reply), scene.rng.choice([0.4, scene.rng.uniform(1, 6)], p=[0.3, 0.7]), level)
        if reply < scene.heard_at(end) - 20:
            scene.stops.append((reply + int(scene.rng.uniform(20, 80)), end))
        at = max(done, end) + int(scene.rng.uniform(20, 150))


def headphones(scene):
    """The agent plays, nothing of it is heard, and the user talks when they like."""
    talk_with_pauses(scene)
    alone(scene)


def alone(scene):
    """The user talks; nothing is played."""
    at, level = int(scene.rng.uniform(20, 300)), float(np.clip(scene.rng.uniform(-38, -14), scene.bed_db + 8, -12))
    while at < scene.hops - 100:
        at = scene.user_speaks(at, scene.rng.choice([0.3, scene.rng.uniform(1, 7)]), level)
        at += int(np.exp(scene.rng.uniform(np.log(30), np.log(500))))


FAMILIES = {"echo": echo_only, "bargein": barge_in, "doubletalk": double_talk, "call": call, "headphones": headphones,
            "alone": alone, "noise": echo_only, "repeats": repeats}
# Of twenty scenes in a row.
SHARES = {"echo": 4, "bargein": 5, "doubletalk": 2, "call": 4, "headphones": 3, "alone": 1, "noise": 1}
SYNTHETIC_SHARE = 0.4
