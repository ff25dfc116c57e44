"""The sounds and channels that are computed: beds, key clicks, a room, a telephone codec."""
import numpy as np
from scipy import signal


def bed(length, rate, seed, dbfs):
    """Room noise: white, with everything above 1 kHz rolled off."""
    noise = np.random.default_rng(seed).standard_normal(length)
    noise = signal.sosfilt(signal.butter(1, 1000, fs=rate, output="sos"), noise)
    return noise * amplitude(dbfs) / np.sqrt(np.mean(noise ** 2))


def key_click(rng, rate):
    """One key stroke at full scale: a snap, the ringing of cap, plate and desk, a little room."""
    time = np.arange(round(0.12 * rate)) / rate
    sound = rng.standard_normal(len(time)) * np.exp(-time / 0.0012)
    for low_hz, high_hz, decay_s, share in ((140, 260, 0.014, 0.5), (900, 1800, 0.006, 0.6),
                                            (2200, 4200, 0.004, 0.8), (5000, 9000, 0.002, 0.5)):
        tone_hz, phase = rng.uniform(low_hz, high_hz), rng.uniform(0, 2 * np.pi)
        sound += share * np.sin(2 * np.pi * tone_hz * time + phase) * np.exp(-time / decay_s)
    sound += 0.05 * rng.standard_normal(len(time)) * np.exp(-time / 0.025)
    return sound / np.max(np.abs(sound))


def through_room(playback, rate, delay_s):
    """Loudspeaker (200-6500 Hz, soft clipping), direct path, five reflections, a 0.25 s tail."""
    rng = np.random.default_rng(30)
    sos = signal.butter(2, (200, 6500), "bandpass", fs=rate, output="sos")
    driven = np.tanh(3 * signal.sosfilt(sos, playback)) / 3
    time = np.arange(round(0.25 * rate)) / rate
    room = 0.03 * rng.standard_normal(len(time)) * 10 ** (-3 * time / 0.25)
    room[0] = 1
    for at_s in rng.uniform(0.002, 0.030, 5):
        room[round(at_s * rate)] += rng.choice((-1, 1)) * 0.5 * 10 ** (-3 * at_s / 0.25)
    late = np.concatenate([np.zeros(round(delay_s * rate)), np.convolve(driven, room)])
    return late[:len(playback)]


def mu_law(samples):
    """There and back through 8-bit mu-law (ITU-T G.711, the continuous curve)."""
    squeezed = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    coded = np.round(squeezed * 127) / 127
    return np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255


def resample(samples, from_rate, to_rate):
    if from_rate == to_rate:
        return samples
    shared = np.gcd(from_rate, to_rate)
    return signal.resample_poly(samples, to_rate // shared, from_rate // shared)


def amplitude(db):
    return 10 ** (db / 20)
