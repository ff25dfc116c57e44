"""From what the agent says to what the microphone picks up: delay, loudspeaker, room, noise."""

import numpy as np
import pyroomacoustics
from scipy.signal import butter, fftconvolve, iirpeak, lfilter, resample_poly, sosfilt

from speech import HOP, RATE, gain, hop_levels, per_sample


# --- Delay between the reference and its echo ---

class Delay:
    """Milliseconds by which the echo is late in the mic, over the scene: a base, jumps, drift and slow jitter."""

    def __init__(self, rng, seconds):
        early = rng.random() < 0.06
        self.base_ms = rng.uniform(-100, 0) if early else float(np.exp(rng.uniform(np.log(8), np.log(1000))))
        self.jumps = []  # (second, milliseconds)
        if rng.random() < 0.33:
            for at in sorted(rng.uniform(4, seconds - 3, rng.integers(1, 3))):
                self.jumps.append((float(at), self.jump(rng)))
        self.drift_ppm = rng.uniform(-200, 200) if rng.random() < 0.33 else 0.0
        self.jitter_ms = rng.uniform(0.2, 2) if rng.random() < 0.25 else 0.0
        knots = rng.standard_normal(int(seconds * 2) + 3)
        self.knots = np.cumsum(knots - knots.mean()) * 0.5

    def jump(self, rng):
        """60 to 300 ms either way, as far as the delay stays between -100 and 1,000 ms."""
        now = self.base_ms + sum(jump for _, jump in self.jumps)
        jump = rng.uniform(60, 300) * rng.choice([-1, 1])
        return float(jump if -100 < now + jump < 1000 else -jump)

    def at(self, seconds):
        """Delay in ms at the given times of the mic's clock."""
        seconds = np.asarray(seconds, float)
        delay = self.base_ms + self.drift_ppm * 1e-3 * seconds
        for at, jump in self.jumps:
            delay = delay + np.where(seconds >= at, jump, 0.0)
        return delay + self.jitter_ms * np.interp(seconds * 2, np.arange(len(self.knots)), self.knots)

    def apply(self, samples):
        """The delayed signal, by linear interpolation at four times the rate; a 5 ms dip where the delay jumps."""
        seconds = np.arange(len(samples)) / RATE
        fine = resample_poly(samples, 4, 1)
        read = (seconds - self.at(seconds) / 1000) * RATE * 4
        delayed = np.interp(read, np.arange(len(fine)), fine, left=0.0, right=0.0)
        for at, _ in self.jumps:
            delayed *= np.clip(np.abs(seconds - at) / 0.005, 0, 1)
        return delayed

    def describe(self):
        return {"base_ms": self.base_ms, "jumps_s_ms": self.jumps, "drift_ppm": self.drift_ppm,
                "jitter_ms": self.jitter_ms}


# --- Loudspeaker ---

def loudspeaker(rng, samples):
    """(sound of a small device, what was drawn): distortion, then a peaky band-limited response, then rattle."""
    kind = rng.choice(["none", "soft", "hard", "sigmoid", "memory"], p=[0.25, 0.25, 0.15, 0.2, 0.15])
    drawn = {"distortion": str(kind), "drive": float(rng.uniform(1, 5)), "low_hz": float(rng.uniform(150, 500)),
             "high_hz": float(rng.uniform(3500, 7800)), "rattle": bool(rng.random() < 0.12),
             "loudness_ratio": float(rng.uniform(1.5, 6)) if rng.random() < 0.3 else 1.0}
    if drawn["loudness_ratio"] > 1:
        samples = loudness(rng, samples, drawn["loudness_ratio"])
    peak = max(float(np.max(np.abs(samples))), 1e-4)
    moved = distort(samples / peak, kind, drawn["drive"]) * peak
    band = butter(2, [drawn["low_hz"], drawn["high_hz"]], "bandpass", fs=RATE, output="sos")
    sound = sosfilt(band, moved)
    for _ in range(rng.integers(1, 5)):
        b, a = iirpeak(rng.uniform(400, 5500), rng.uniform(2, 12), fs=RATE)
        sound = sound + rng.uniform(-0.7, 2.0) * lfilter(b, a, sound)
    return sound + rattle(rng, sound) if drawn["rattle"] else sound, drawn


def loudness(rng, samples, ratio):
    """A phone's loudness stage: three bands, each compressed by itself, so that no fixed filter describes it."""
    edges = [rng.uniform(300, 900), rng.uniform(1500, 3500)]
    low = sosfilt(butter(2, edges[0], "lowpass", fs=RATE, output="sos"), samples)
    high = sosfilt(butter(2, edges[1], "highpass", fs=RATE, output="sos"), samples)
    out = np.zeros(len(samples))
    for band in (low, samples - low - high, high):
        levels = np.maximum(hop_levels(band), -70)
        slow = lfilter([0.15], [1, -0.85], levels - levels.max()) + levels.max()  # 60 ms, in hops
        out += band * per_sample(gain((levels.max() - slow).clip(0, 30) * (1 - 1 / ratio)), len(band))
    return out


def distort(x, kind, drive):
    """`x` has a peak of 1. `sigmoid` and the hard clip before it follow the AEC challenge's recipe in kind."""
    if kind == "soft":
        return np.tanh(drive * x) / np.tanh(drive)
    if kind == "hard":
        limit = 1 / drive
        return np.clip(x, -limit, limit)
    if kind == "sigmoid":
        bent = 1.5 * np.clip(x, -0.8, 0.8) - 0.3 * np.square(x)
        return 2 / (1 + np.exp(-np.where(bent > 0, drive, drive / 4) * bent)) - 1
    if kind == "memory":
        slow = lfilter([0.02], [1, -0.98], np.abs(x))  # 3 ms: the amplifier's limiter lags behind
        squeezed = x / (1 + 2 * drive * slow)
        return np.tanh(squeezed + 0.3 * np.concatenate(([0], squeezed[:-1])) ** 2)
    return x


def rattle(rng, sound):
    """Something loose that buzzes while the low notes are strong."""
    low = sosfilt(butter(2, 400, fs=RATE, output="sos"), sound)
    threshold = 2.5 * np.sqrt(np.mean(np.square(low))) + 1e-9
    buzz = np.maximum(np.abs(low) - threshold, 0) * rng.standard_normal(len(sound))
    return sosfilt(butter(2, [1200, 5000], "bandpass", fs=RATE, output="sos"), buzz) * rng.uniform(0.5, 3)


# --- Room ---

class Room:
    """A box with a microphone; gives responses from points near it, the direct sound at time 0."""

    def __init__(self, rng):
        self.rt60 = float(rng.uniform(0.1, 0.7))
        self.size = rng.uniform([2.2, 2.2, 2.2], [8, 6, 3.5])
        self.mic = rng.uniform(0.5, self.size - 0.5)

    def response(self, rng, distance):
        """From a point at about `distance` metres; its strongest tap is 1."""
        direction = rng.standard_normal(3) * [1, 1, 0.4]
        place = np.clip(self.mic + direction / np.linalg.norm(direction) * distance, 0.2, self.size - 0.2)
        absorption, order = self.materials()
        box = pyroomacoustics.ShoeBox(self.size, fs=RATE, materials=pyroomacoustics.Material(absorption),
                                      max_order=min(order, MAX_IMAGE_ORDER))
        box.add_source(place)
        box.add_microphone(self.mic)
        box.compute_rir()
        response = box.rir[0][0]
        direct = int(np.argmax(np.abs(response)))
        response = response[max(0, direct - DIRECT_LEAD):]
        return self.with_tail(rng, response) / np.abs(response).max()

    def materials(self):
        try:
            return pyroomacoustics.inverse_sabine(self.rt60, self.size)
        except ValueError:  # too large a room for so short a tail: the driest walls there are
            return 0.95, 3

    def with_tail(self, rng, response):
        """Late reverberation as decaying noise, from where the image sources end."""
        length = int(self.rt60 * RATE)
        seconds = np.arange(length) / RATE
        start = int(0.03 * RATE)
        tail = rng.standard_normal(length) * np.exp(-6.9 * seconds / self.rt60)
        early = response[start:start + HOP * 2]
        tail *= np.sqrt(np.mean(np.square(early)) + 1e-12) if len(early) else 0.0
        tail[:start] = 0
        mixed = np.zeros(max(length, len(response)))
        mixed[:len(response)] = response
        mixed[:length] += 0.5 * tail
        return mixed


def through_room(rng, samples, room, distance, moving):
    """Reverberant sound; `moving` wanders between two places twice or more."""
    first = fftconvolve(samples, room.response(rng, distance))[DIRECT_LEAD:][:len(samples)]
    if not moving:
        return first
    second = fftconvolve(samples, room.response(rng, distance * rng.uniform(0.6, 2)))[DIRECT_LEAD:][:len(samples)]
    period = rng.uniform(3, 12)
    blend = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(samples)) / RATE / period)
    return first * (1 - blend) + second * blend


# --- Noise ---

def noise_bed(rng, length):
    """(steady noise at an RMS of 1, its colour)."""
    colour = rng.choice(["white", "pink", "brown", "speech", "hum", "fan"])
    frequency = np.fft.rfftfreq(length, 1 / RATE)
    shape = {"white": np.ones_like(frequency), "pink": frequency.clip(40) ** -0.5, "brown": frequency.clip(40) ** -1.0,
             "speech": 1 / (1 + (frequency / 500) ** 2) * (frequency > 80), "hum": frequency.clip(60) ** -0.7,
             "fan": np.exp(-np.square(np.log2(frequency.clip(20) / rng.uniform(150, 900))) / 2)}[colour]
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * shape, length)
    noise /= np.sqrt(np.mean(np.square(noise)))
    if colour in ("hum", "fan"):
        base, time = rng.choice([50, 60, rng.uniform(90, 240)]), np.arange(length) / RATE
        for partial in range(1, 9):
            noise += rng.uniform(0, 1) / partial * np.sin(2 * np.pi * base * partial * time + rng.uniform(0, 6))
    swell = 1 + rng.uniform(0, 0.3) * np.sin(2 * np.pi * np.arange(length) / RATE / rng.uniform(2, 9))
    noise *= swell
    return noise / np.sqrt(np.mean(np.square(noise))), str(colour)


def noise_event(rng, bank, split):
    """(a sound that is not speech at a peak of 1, its kind): made up, or an animal or machine of the bank."""
    kind = rng.choice(["click", "knock", "cough", "keys", "rustle", "sound"], p=[0.15, 0.2, 0.2, 0.15, 0.1, 0.2])
    sounds = [sound for sound in bank.sounds if sound.split == split]
    if kind == "sound" and sounds:
        event = bank.audio(sounds[rng.integers(len(sounds))]).astype(float)
    else:
        event = EVENTS.get(str(kind), rustle)(rng)
    return event / max(np.max(np.abs(event)), 1e-6), str(kind)


def click(rng):
    length = int(rng.uniform(0.004, 0.03) * RATE)
    return rng.standard_normal(length) * np.exp(-np.arange(length) / length * 6)


def knock(rng):
    """One to four damped resonances."""
    time, knocks = np.arange(int(0.15 * RATE)) / RATE, []
    pitch, decay = rng.uniform(90, 700), rng.uniform(30, 120)
    for _ in range(rng.integers(1, 5)):
        ring = np.sin(2 * np.pi * pitch * time) + 0.5 * np.sin(2 * np.pi * pitch * rng.uniform(1.5, 3.5) * time)
        knocks += [(ring + 0.3 * rng.standard_normal(len(time))) * np.exp(-decay * time) * rng.uniform(0.5, 1),
                   np.zeros(int(rng.uniform(0.05, 0.2) * RATE))]
    return np.concatenate(knocks)


def cough(rng):
    """One to three bursts of noise through two or three formants, the second half partly voiced."""
    bursts, pitch = [], rng.uniform(90, 260)
    for _ in range(rng.integers(1, 4)):
        length = int(rng.uniform(0.12, 0.35) * RATE)
        time = np.arange(length) / RATE
        voice = np.sign(np.sin(2 * np.pi * pitch * time)) * np.clip(time / time[-1] - 0.3, 0, 1) * rng.uniform(0, 1)
        source = rng.standard_normal(length) + voice
        burst = sum(rng.uniform(0.3, 1) * lfilter(*iirpeak(formant, rng.uniform(2, 6), fs=RATE), source)
                    for formant in rng.uniform([400, 1000, 2200], [900, 2000, 4000]))
        attack = int(0.01 * RATE)
        envelope = np.exp(-4 * time / time[-1]) * np.minimum(1, np.arange(length) / attack)
        bursts += [burst * envelope, np.zeros(int(rng.uniform(0.05, 0.25) * RATE))]
    return np.concatenate(bursts)


def keys(rng):
    """Typing: a click or two every 80 to 300 ms."""
    length = int(rng.uniform(0.4, 2.5) * RATE)
    typed = np.zeros(length)
    at = 0
    while at < length:
        press = click(rng) * rng.uniform(0.3, 1)
        end = min(length, at + len(press))
        typed[at:end] += press[:end - at]
        at += int(rng.uniform(0.06, 0.3) * RATE)
    return typed


def rustle(rng):
    length = int(rng.uniform(0.2, 1.2) * RATE)
    band = butter(2, [rng.uniform(300, 1500), rng.uniform(2500, 7500)], "bandpass", fs=RATE, output="sos")
    knots = np.interp(np.arange(length), np.linspace(0, length, 12), np.concatenate(([0], rng.random(10), [0])))
    return sosfilt(band, rng.standard_normal(length)) * knots


EVENTS = {"click": click, "knock": knock, "cough": cough, "keys": keys, "rustle": rustle}

# Image sources beyond this order cost seconds; the tail is drawn as noise from there on.
MAX_IMAGE_ORDER = 12
# Samples kept before the direct sound: half of pyroomacoustics' fractional-delay filter.
DIRECT_LEAD = 40


def dropouts(rng, samples):
    """(samples with up to eight holes of 20 to 200 ms, their hops): the network or the device ran dry."""
    starts = np.sort(rng.integers(0, len(samples) // HOP, rng.integers(1, 9)))
    holes = [(int(at), int(rng.integers(2, 21))) for at in starts]
    samples = samples.copy()
    for at, hops in holes:
        samples[at * HOP:(at + hops) * HOP] = 0
    return samples, holes


def level_steps(rng, seconds):
    """Volume changes: dB a hop, a step of up to 12 dB every few seconds in a third of the scenes."""
    steps = np.zeros(int(seconds * 100))
    if rng.random() < 0.33:
        for at in rng.integers(0, len(steps), rng.integers(1, 4)):
            steps[at:] = rng.uniform(-12, 6)
    return steps
