"""Where the user really speaks in a clean recording, and small helpers for levels in hops of 10 ms."""

import numpy as np

RATE = 16_000
HOP = 160


def speech_hops(samples):
    """Which hops of a clean recording are speech, by energy; None if its background is too loud to tell.

    A hop is speech within 32 dB of the loud hops (95th percentile) and 10 dB over the quiet ones. Runs under
    50 ms go, gaps under 200 ms close: a word gap is not a pause, and a detector need not find it.
    """
    levels = hop_levels(samples)
    if len(levels) < 20:
        return None
    loud, quiet = np.percentile(levels, 95), np.percentile(levels[levels > levels.max() - 80], 4)
    if loud - quiet < CLEAN_DB:
        return None
    speech = levels > max(loud - 32, quiet + 10)
    speech = without_short_runs(close_gaps(speech, 5), 5)
    return close_gaps(speech, 20) if speech.any() else None


def hop_levels(samples):
    """RMS of each whole hop, in dBFS."""
    hops = samples[:len(samples) // HOP * HOP].reshape(-1, HOP)
    return decibels(np.sqrt(np.mean(np.square(hops, dtype=np.float64), axis=1)))


def active_level(samples, active):
    """RMS over the active hops, in dBFS."""
    hops = samples[:len(active) * HOP].reshape(-1, HOP)[active]
    return float(decibels(np.sqrt(np.mean(np.square(hops, dtype=np.float64))))) if len(hops) else -120.0


def decibels(amplitude):
    return 20 * np.log10(np.maximum(amplitude, 1e-6))


def gain(level_db):
    return 10 ** (np.asarray(level_db) / 20)


def runs(active):
    """Start and end (exclusive) of every run of true hops."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(active, np.int8), [0]))))
    return edges.reshape(-1, 2)


def close_gaps(active, shorter_than):
    closed = active.copy()
    spans = runs(active)
    for (_, end), (start, _) in zip(spans, spans[1:]):
        if start - end < shorter_than:
            closed[end:start] = True
    return closed


def without_short_runs(active, shorter_than):
    kept = active.copy()
    for start, end in runs(active):
        if end - start < shorter_than:
            kept[start:end] = False
    return kept


def per_sample(hop_values, length):
    """A value a hop, drawn out to samples and smoothed over 20 ms."""
    stretched = np.repeat(np.asarray(hop_values, float), HOP)
    stretched = np.pad(stretched, (0, max(0, length - len(stretched))), mode="edge")[:length]
    padded = np.pad(stretched, HOP, mode="edge")
    total = np.concatenate(([0.0], np.cumsum(padded)))
    return ((total[2 * HOP:] - total[:-2 * HOP]) / (2 * HOP))[:length]


# A recording with less between its loud and its quiet hops has noise that a truth by energy would call speech.
CLEAN_DB = 30
