"""How well can a talker in the background be told from the user by level and reverberation?

    python3 models/echo/background.py [--rooms 40] [--seed 5]

In each made room the user speaks 0.15 to 0.8 m from the microphone and another person 1.5 to 4 m away, 6 dB softer to 6 dB louder,
over noise of -70 to -50 dBFS; once as it is, once behind a slow gain control, as telephones and browsers have it. Prints for each
measure over a second of speech the area under the ROC curve (0.5 is chance, 1 is certain).
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

import acoustics
import sources
from speech import HOP, RATE, active_level, gain, hop_levels, per_sample
from voices import Bank


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=sources.DEFAULT_CACHE)
    options = parser.parse_args()
    rng, bank = np.random.default_rng(options.seed), Bank(options.cache)
    seconds = {"as recorded": [], "gain control": []}
    for _ in range(options.rooms):
        user, other, noise = make(rng, bank)
        whole = np.concatenate([user[0], other[0]]) + noise
        for kind, control in (("as recorded", 1.0), ("gain control", slow_gain(whole))):
            heard = whole * control
            parts = measure(heard[:len(user[0])], user[1]), measure(heard[len(user[0]):], other[1])
            own_db = np.median(parts[0][:, 0])  # the user's level in this call
            seconds[kind] += [(part - [own_db, 0, 0], label) for part, label in zip(parts, (1, 0))]
    for kind, parts in seconds.items():
        report(kind, np.concatenate([part for part, _ in parts]), np.concatenate([[label] * len(part) for part, label in parts]))


def make(rng, bank):
    """((audio, speech hops) of the user and of the other talker in one room, noise as long as both)."""
    speakers = bank.speakers("valid", "user")
    names = [name for name in sorted(speakers) if sum(clip.seconds for clip in speakers[name]) > 20]
    room, chosen = acoustics.Room(rng), rng.choice(len(names), 2, replace=False)
    talkers = []
    for name, (near, far), level_db in zip(chosen, ((0.15, 0.8), (1.5, 4.0)), (0, rng.uniform(-6, 6))):
        dry, speech = talk(rng, bank, speakers[names[name]])
        metres = rng.uniform(near, far)
        talkers.append((acoustics.through_room(rng, dry, room, metres, False) / metres * gain(level_db), speech))
    to_usual = gain(-25 - active_level(*talkers[0]))
    user, other = ((audio * to_usual, speech) for audio, speech in talkers)
    return user, other, rng.standard_normal(len(user[0]) + len(other[0])) * gain(rng.uniform(-70, -50))


def talk(rng, bank, clips):
    """Eight seconds of one person, pauses of 0.3 s between the recordings."""
    audio, speech = [], []
    while sum(map(len, speech)) < 800:
        clip = clips[rng.integers(len(clips))]
        hops = bank.speech(clip)
        audio += [bank.audio(clip)[:len(hops) * HOP], np.zeros(30 * HOP)]
        speech += [hops, np.zeros(30, bool)]
    return np.concatenate(audio), np.concatenate(speech)


def slow_gain(samples):
    """A gain that brings the peaks of the last seconds to -20 dBFS: it falls at once and rises by 5 dB a second."""
    levels = np.maximum(hop_levels(samples), -60)
    peak = np.maximum.accumulate(levels + 0.05 * np.arange(len(levels))) - 0.05 * np.arange(len(levels))
    return per_sample(gain(np.clip(-20 - peak, -20, 20)), len(samples))


def measure(samples, speech):
    """For each second with speech in half of it: level in dB, 95th over 20th percentile of levels, modulation ratio in dB."""
    levels, found = hop_levels(samples), []
    for start in range(0, len(speech) - 100, 100):
        active = speech[start:start + 100]
        if active.mean() < 0.5:
            continue
        second = levels[start:start + 100]
        level_db = 10 * np.log10(np.mean(10 ** (second[active] / 10)))
        low, high = np.percentile(second, [20, 95])
        found.append((level_db, high - low, modulation_db(samples[start * HOP:(start + 100) * HOP])))
    return np.array(found).reshape(-1, 3)


def modulation_db(samples):
    """Slow (3 to 12 Hz) over fast (20 to 60 Hz) modulation of four bands: reverberation adds to the fast."""
    ratios = []
    for low, high in ((300, 800), (800, 1600), (1600, 3000), (3000, 5500)):
        band = np.abs(sosfilt(butter(2, [low, high], "bandpass", fs=RATE, output="sos"), samples))
        envelope = band[:len(band) // 80 * 80].reshape(-1, 80).mean(1)
        power, hertz = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2, np.fft.rfftfreq(len(envelope), 80 / RATE)
        slow, fast = power[(hertz > 3) & (hertz < 12)].sum(), power[(hertz > 20) & (hertz < 60)].sum()
        ratios.append(10 * np.log10((slow + 1e-12) / (fast + 1e-12)))
    return np.mean(ratios)


def report(kind, values, is_user):
    names = ("level against the user's", "range of levels", "modulation")
    areas = [f"{name} {area(column, is_user):.2f}" for name, column in zip(names, values.T)]
    print(f"{kind:12} {', '.join(areas)}, all three (logistic, fitted on the same) {area(logistic(values, is_user), is_user):.2f}")


def area(score, is_user):
    return float((score[is_user == 1][:, None] > score[is_user == 0][None]).mean())


def logistic(values, is_user):
    x = np.column_stack([(values - values.mean(0)) / values.std(0), np.ones(len(values))])
    weights = np.zeros(4)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        weights += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + 1e-3 * np.eye(4), x.T @ (is_user - p))
    return x @ weights


if __name__ == "__main__":
    main()
