"""Figures of the evaluation that must not get worse, pooled over seeds 1 and 2: held.py EVALUATION.json

The limits lie a little outside what was measured (benches/README.md), so that only a real loss trips them.
"""

import json
import sys

# family, group, figure, at least, at most
LIMITS = [
    ("quiet", "quiet", "near_kept", 99.6, None),
    ("quiet", "quiet", "onset_kept", 99.8, None),
    ("quiet", "quiet", "utt_lost", None, 0),
    ("quiet", "quiet", "cuts_per_utt", None, 0.02),
    ("quiet", "quiet", "latency_p50_ms", None, 70),
    ("quiet", "quiet", "latency_p90_ms", None, 190),
    ("quiet", "quiet", "waste_ratio", None, 1.30),
    ("noisy", "all", "near_kept", 98.7, None),
    ("noisy", "all", "extra_s_per_min", None, 11.5),
    ("noisy", "all", "utt_lost", None, 0),
    ("phone", "all", "near_kept", 99.4, None),
    ("phone", "all", "utt_lost", None, 0),
    ("gaps", "all", "near_kept", 99.6, None),
    ("gaps", "all", "events_opened", None, 0),
    ("bursts", "all", "events_opened", None, 0.9),
    ("traps", "shards", "events_opened", None, 1.9),
    ("traps", "hiss", "events_opened", None, 1.0),
    ("traps", "agc", "events_opened", None, 3.0),
    ("traps", "human", "events_opened", None, 32.0),
    ("vad", "ten", "auc", 0.939, None),
    ("echo", "real", "echo_leak", None, 1.3),
    ("echo", "real", "false_openings_per_min", None, 1.7),
    ("echo", "sim", "echo_leak", None, 1.0),
    ("echo", "sim", "false_openings_per_min", None, 0.5),
    ("bargein", "all", "fresh_300", 92.0, None),
    ("bargein", "all", "recall_500", 97.5, None),
    ("bargein", "all", "utt_lost", None, 1.0),
    ("bargein", "all", "onset_kept", 97.0, None),
    ("bargein", "all", "echo_leak", None, 3.2),
    ("clean_turns", "clean_turns", "near_kept", 99.5, None),
    ("call", "call", "near_kept", 99.5, None),
    ("call", "call", "onset_kept", 99.2, None),
    ("call", "call", "echo_leak", None, 0.9),
    ("call", "call", "waste_ratio", None, 1.42),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        families = json.load(file)["families"]
    worse = [line for line in (judge(families, *limit) for limit in LIMITS) if line]
    print("\n".join(worse) or f"all {len(LIMITS)} figures are held")
    sys.exit(bool(worse))


def judge(families, family, group, figure, least, most):
    """What is wrong with one figure, or None."""
    found = families[family][group][figure]
    if (least is None or found >= least) and (most is None or found <= most):
        return None
    expected = f"at least {least}" if least is not None else f"at most {most}"
    return f"{family} {group}: {figure} is {found:.3f}, expected {expected}"


if __name__ == "__main__":
    main()
