"""What a device does to the microphone before anyone else hears it: echo canceller, gain control, phone line, codec."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
from scipy.signal import butter, istft, resample_poly, sosfilt, stft

from speech import HOP, RATE, gain, hop_levels, per_sample


@dataclass
class Mix:
    """The microphone's parts, kept apart as long as every stage is a gain, so that the truth stays known."""

    near: np.ndarray
    echo: np.ndarray
    noise: np.ndarray

    def total(self):
        return self.near + self.echo + self.noise

    def scaled(self, by):
        return Mix(self.near * by, self.echo * by, self.noise * by)


# --- Stages that keep the parts apart ---

def weak_canceller(rng, mix):
    """A canceller of the device's own: takes 10 to 40 dB of the echo away, unevenly in time and frequency.

    The mask is a Wiener gain whose estimate of the echo is wrong by several dB, differently in every band and
    frame, so what is left is chopped and musical; the user is dented in double talk. It starts untrained.
    """
    drawn = {"depth_db": float(rng.uniform(10, 40)), "error_db": float(rng.uniform(2, 9)),
             "learns_s": float(rng.uniform(0.2, 4)), "over": float(rng.uniform(0.7, 2.5)),
             "musical": float(rng.uniform(0, 1)), "near_dent_db": float(rng.uniform(2, 10))}
    _, _, echo = stft(mix.echo, RATE, nperseg=2 * HOP)
    _, _, near = stft(mix.near, RATE, nperseg=2 * HOP)
    _, _, noise = stft(mix.noise, RATE, nperseg=2 * HOP)
    error = drawn["error_db"] * wander(rng, echo.shape, drawn["musical"])
    believed = np.square(np.abs(echo)) * drawn["over"] * 10 ** (error / 10)
    heard = np.square(np.abs(echo + near + noise)) + 1e-14
    mask = np.sqrt(np.clip(1 - believed / heard, 0, 1))
    mask = np.maximum(mask, gain(-drawn["depth_db"]))
    near_share = np.square(np.abs(near)) / heard
    mask = np.where(near_share > 0.3, np.maximum(mask, gain(-drawn["near_dent_db"])), mask)
    active = np.cumsum(np.abs(echo).mean(axis=0) > 1e-5) / (RATE / HOP)
    trained = 1 - np.exp(-active / drawn["learns_s"])
    mask = mask ** trained
    comfort = comfort_noise(rng, mix.noise, mask) if rng.random() < 0.7 else 0.0
    drawn["comfort_noise"] = not np.isscalar(comfort)
    parts = [istft(part * mask, RATE, nperseg=2 * HOP)[1][:len(mix.near)] for part in (near, echo, noise)]
    return Mix(parts[0], parts[1], parts[2] + comfort), drawn


def wander(rng, shape, fast):
    """Unit noise over bands and frames: slow and broad, or (`fast` = 1) another value in every bin and frame."""
    bands, frames = shape
    knots = rng.standard_normal((bands // 12 + 2, frames // 25 + 2))
    across = np.linspace(0, knots.shape[0] - 1, bands)
    along = np.linspace(0, knots.shape[1] - 1, frames)
    coarse = np.stack([np.interp(along, np.arange(knots.shape[1]), row) for row in knots])
    low = np.floor(across).astype(int).clip(0, knots.shape[0] - 2)
    part = (across - low)[:, None]
    slow = coarse[low] * (1 - part) + coarse[low + 1] * part
    return (1 - fast) * slow + fast * rng.standard_normal(shape)


def comfort_noise(rng, noise, mask):
    """Noise like the room's, as loud as what the mask took away."""
    _, _, shape = stft(noise, RATE, nperseg=2 * HOP)
    level = np.sqrt(np.median(np.square(np.abs(shape)), axis=1, keepdims=True) / 0.69)
    made = level * (rng.standard_normal(mask.shape) + 1j * rng.standard_normal(mask.shape)) / np.sqrt(2)
    return istft(made * np.sqrt(1 - np.square(mask)), RATE, nperseg=2 * HOP)[1][:len(noise)]


def noise_gate(rng, mix):
    """Turns down every stretch that is near the noise: chops the quiet ends of echo and words alike."""
    levels = hop_levels(mix.total())
    threshold = np.percentile(levels, 10) + rng.uniform(6, 14)
    depth, hold = rng.uniform(8, 30), int(rng.integers(3, 25))
    opened = np.convolve(levels > threshold, np.ones(hold))[:len(levels)] > 0
    by = per_sample(np.where(opened, 1.0, gain(-depth)), len(mix.near))
    return mix.scaled(by), {"threshold_db": float(threshold), "depth_db": float(depth), "hold_ms": hold * 10}


def gain_control(rng, mix):
    """Slow automatic gain: swings of up to 12 dB either way."""
    hops = len(mix.near) // HOP
    knots = np.clip(np.cumsum(rng.normal(0, 5, hops // 100 + 3)), -12, 12)
    curve = np.interp(np.arange(hops), np.arange(len(knots)) * rng.uniform(80, 200), knots)
    return mix.scaled(per_sample(gain(curve), len(mix.near))), {"range_db": [float(curve.min()), float(curve.max())]}


def pumping(rng, mix):
    """A fast compressor: loud sounds are turned down at once, the background comes up behind them."""
    ratio, release = rng.uniform(2, 6), rng.uniform(0.1, 0.6)
    levels = np.maximum(hop_levels(mix.total()), -70)
    followed, envelope = np.empty(len(levels)), levels[0]
    for hop, level in enumerate(levels):
        envelope = level if level > envelope else envelope + (level - envelope) * (1 - np.exp(-0.01 / release))
        followed[hop] = envelope
    reduction = (np.percentile(followed, 90) - followed) * (1 - 1 / ratio)
    by = per_sample(gain(np.clip(reduction, -10, 18)), len(mix.near))
    return mix.scaled(by), {"ratio": float(ratio), "release_s": float(release)}


# --- Stages that hear the sum ---

def clip(rng, samples):
    """An overdriven input: the loudest 1 in 1,000 to 1 in 30 samples hit the ceiling."""
    share = float(np.exp(rng.uniform(np.log(0.001), np.log(0.03))))
    ceiling = max(float(np.quantile(np.abs(samples), 1 - share)), 1e-4)
    return np.clip(samples, -ceiling, ceiling), {"share": share}


def phone_line(samples):
    """8 kHz, 300 to 3,400 Hz, 8-bit mu-law (G.711's curve, mu = 255), and back to 16 kHz."""
    narrow = sosfilt(butter(3, [300, 3400], "bandpass", fs=RATE, output="sos"), samples)
    narrow = np.clip(resample_poly(narrow, 1, 2), -1, 1)
    coded = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    return resample_poly(np.sign(coded) * (256 ** np.abs(coded) - 1) / 255, 2, 1)[:len(samples)]


def opus(rng, samples):
    """A trip through Opus at about 10 to 50 kbit/s, aligned (libsndfile drops the pre-skip)."""
    level = float(rng.uniform(0.83, 0.98))
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1).astype(np.float32), RATE, format="OGG", subtype="OPUS",
                    compression_level=level)
    kbps = len(file.getvalue()) * 8 / 1000 / (len(samples) / RATE)
    file.seek(0)
    decoded, _ = soundfile.read(file)
    return np.pad(decoded, (0, max(0, len(samples) - len(decoded))))[:len(samples)], {"kbps": round(kbps, 1)}


# --- The order of things ---

def choose(rng):
    """The stages of a device. Drawn before the echo's level: a canceller has a loud echo in front of it."""
    return [name for name, (_, chance) in STAGES.items() if rng.random() < chance]


def record(rng, mix, stages):
    """(mic samples, the parts behind them, what was drawn)."""
    drawn = {}
    for name in stages:
        mix, drawn[name] = STAGES[name][0](rng, mix)
    samples = mix.total()
    if rng.random() < 0.06:
        samples, drawn["clipping"] = clip(rng, samples)
    line = rng.choice(["none", "phone", "opus"], p=[0.66, 0.14, 0.2])
    if line == "phone":
        samples, drawn["phone"] = phone_line(samples), True
    elif line == "opus":
        samples, drawn["opus"] = opus(rng, samples)
    return samples, mix, drawn


STAGES = {"canceller": (weak_canceller, 0.3), "noise_gate": (noise_gate, 0.1), "gain_control": (gain_control, 0.2),
          "pumping": (pumping, 0.08)}


def audible(echo, noise):
    """Hops in which the echo alone is 3 dB over the noise around it (its median over a second) and over -75 dBFS."""
    floor = hop_levels(noise)
    block = [np.median(floor[max(0, hop - 50):hop + 50]) for hop in range(0, len(floor), 10)]
    bed = np.repeat(block, 10)[:len(floor)]
    return hop_levels(echo) > np.maximum(bed, -75) + 3


def clean_ceiling(samples):
    """Turn a mix that would not fit into 16 bits down; returns (samples, factor)."""
    factor = min(1.0, 0.98 / max(float(np.max(np.abs(samples))), 1e-9))
    return samples * factor, factor
