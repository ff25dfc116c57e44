"""Check a made set against its own parts: is the truth where the user and the echo really are?

    python3 models/echo/simulate.py --parts --out scenes/valid --split valid --scenes 60
    python3 models/echo/check.py scenes/valid

Exits 1 if files are not aligned, if the user is louder outside `near` than in it, or if the delay found by
cross-correlation (GCC-PHAT of playback and echo.wav over 4 s) disagrees with meta.json too often.
"""

import json
import sys
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from speech import HOP, RATE, active_level


def main():
    folders = sorted(Path(sys.argv[1]).glob("*/*/"))
    if not folders:
        sys.exit(f"error: {sys.argv[1]} holds no scenes\nhelp: make some with simulate.py --parts --out {sys.argv[1]}")
    contrasts, errors, ratios, problems = [], [], [], []
    for folder in folders:
        scene = read(folder)
        problems += misaligned(folder, scene)
        near, echo = scene["truth"].T
        if near.any():
            contrasts.append(active_level(scene["near"], near) - active_level(scene["near"], ~near))
        if (near & echo).sum() > 20:
            ratios.append(active_level(scene["near"], near & echo) - active_level(scene["echo"], near & echo))
        errors += delay_errors(scene)
    problems += judge(contrasts, np.array(errors))
    show("user in near over the rest, dB", contrasts)
    show("user over echo in double talk, dB", ratios)
    share = agreement(np.array(errors))
    print(f"delay within {DELAY_ERROR_MS} ms of GCC-PHAT: {share:.1%} of {len(errors)} stretches of 4 s")
    print("\n".join(problems) or f"{len(folders)} scenes, no problem found")
    sys.exit(bool(problems))


def read(folder):
    audio = {name: at_16_khz(*soundfile.read(folder / f"{name}.wav")) for name in ("mic", "playback", "near", "echo")}
    truth = np.loadtxt(folder / "truth.csv", delimiter=",", skiprows=1, dtype=int).astype(bool)
    return {**audio, "truth": truth, "meta": json.loads((folder / "meta.json").read_text())}


def at_16_khz(samples, rate):
    return samples if rate == RATE else resample_poly(samples, RATE, rate)


def misaligned(folder, scene):
    expected = len(scene["truth"]) * HOP
    return [f"{folder}/{name}.wav has {len(scene[name])} samples, truth.csv rows for {expected}"
            for name in ("mic", "playback", "near", "echo") if len(scene[name]) != expected]


def delay_errors(scene):
    """Found minus stated delay in ms, for stretches of 4 s that are mostly echo and have no jump in them."""
    if scene["meta"]["delay_ms"] is None:
        return []
    curve, echo_truth, errors = np.array(scene["meta"]["delay_ms"]), scene["truth"][:, 1], []
    for start in range(0, len(echo_truth) - STRETCH, STRETCH):
        stated = np.interp(np.arange(start, start + STRETCH, 10) / 100, curve[:, 0], curve[:, 1])
        if echo_truth[start:start + STRETCH].mean() > 0.5 and np.ptp(stated) < 20:
            errors.append(found_delay_ms(scene, start) - float(np.median(stated)))
    return errors


def found_delay_ms(scene, start):
    echo = scene["echo"][start * HOP:(start + STRETCH) * HOP]
    before = max(0, start * HOP - 2 * RATE)  # more than the largest delay
    played = scene["playback"][before:(start + STRETCH) * HOP + RATE // 5]
    size = 1 << 18
    cross = np.fft.rfft(echo, size) * np.conj(np.fft.rfft(played, size))
    cross /= np.abs(cross) + 1e-6 * np.abs(cross).max()
    lag = int(np.argmax(np.fft.irfft(cross)))
    return ((lag if lag < size // 2 else lag - size) + start * HOP - before) * 1000 / RATE


def judge(contrasts, errors):
    problems = []
    if contrasts and np.percentile(contrasts, 2) < CONTRAST_DB:
        problems.append(f"near: the user is only {np.percentile(contrasts, 2):.1f} dB louder in it than outside")
    if len(errors) and agreement(errors) < AGREEMENT:
        problems.append(f"delay_ms: only {agreement(errors):.1%} of the stretches agree")
    return problems


def agreement(errors):
    return float(np.mean(np.abs(errors) < DELAY_ERROR_MS)) if len(errors) else 1.0


def show(what, values):
    if values:
        low, middle, high = np.percentile(values, [5, 50, 95])
        print(f"{what}: {low:.1f} / {middle:.1f} / {high:.1f} (5th, 50th, 95th percentile)")


STRETCH = 400  # hops
DELAY_ERROR_MS = 5
# The rest is echo whose strongest arrival is a reflection or that hardly stands out of its distortion.
AGREEMENT = 0.93
# What a room's reverberation leaves outside `near` in the worst scenes is 18 dB down.
CONTRAST_DB = 12

if __name__ == "__main__":
    main()
