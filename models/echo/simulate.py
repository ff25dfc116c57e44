"""Make training scenes for the echo detector: what the mic hears, what was played, and who really spoke.

    apt-get install flite festival festvox-kallpc16k festvox-us-slt-hts espeak-ng
    pip install -r models/echo/requirements.txt
    python3 models/echo/simulate.py --scenes 180 --seed 1 --split train --out scenes/train

The first run fetches the recordings (585 MB of Debian packages, listed in sources.py) and makes a bank of voices
from them; later ones start at once. The same seed makes the same scenes, whatever --processes is. A scene is a folder
OUT/FAMILY/NNN with mic.wav and playback.wav (16 kHz, one in six 8 kHz; 16 bit, aligned), truth.csv (a row every 10 ms: does the user
speak, is the echo audible) and meta.json (every parameter drawn; delay_ms is the echo's delay against the reference).
"""

import argparse
import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

import scenes
import sources
from speech import HOP, RATE
from voices import Bank


def main():
    options = parse_options()
    Bank(options.cache)  # made once, before the processes start
    partial = options.out.with_name(options.out.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    jobs = [(options, partial, number) for number in range(options.scenes)]
    with multiprocessing.Pool(options.processes, start, (options.cache,)) as pool:
        metas = pool.map(make_one, jobs, chunksize=1)
    shutil.rmtree(options.out, ignore_errors=True)
    partial.rename(options.out)
    report(metas)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--scenes", type=int, default=180, help="how many, of 20 to 40 s each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=SPLITS, default="train", help="speakers of the two are disjoint")
    parser.add_argument("--family", choices=scenes.FAMILIES, help="all scenes of this family (default: as SHARES has them)")
    parser.add_argument("--out", type=Path, required=True, help="folder to make; one that is there is replaced")
    parser.add_argument("--parts", action="store_true", help="also write near.wav and echo.wav, the mic's parts")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=sources.DEFAULT_CACHE, help="where recordings are kept")
    return parser.parse_args()


def start(cache):
    global bank
    bank = Bank(cache)


def make_one(job):
    """Draws from a generator of its own, so that the order of work changes nothing."""
    options, root, number = job
    rng = np.random.default_rng([options.seed, SPLITS.index(options.split), number])
    family = options.family or FAMILY_CYCLE[number % len(FAMILY_CYCLE)]
    scene = scenes.make(rng, bank, options.split, family)
    folder = root / family / f"{number:03d}"
    folder.mkdir(parents=True)
    rate = recorded_rate(options, number)
    scene["playback"] = scene["playback"] + reference_noise(options, number, len(scene["playback"]))
    write_wav(folder / "mic.wav", scene["mic"], rate)
    write_wav(folder / "playback.wav", scene["playback"], rate)
    if options.parts:
        write_wav(folder / "near.wav", scene["parts"].near)
        write_wav(folder / "echo.wav", scene["parts"].echo)
    rows = (f"{int(near)},{int(echo)}\n" for near, echo in zip(scene["near"], scene["echo"]))
    (folder / "truth.csv").write_text("near,echo\n" + "".join(rows))
    meta = dict(scene["meta"], seed=options.seed, number=number, rate=rate)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1, default=np.generic.item) + "\n")
    return meta


def recorded_rate(options, number):
    """8 kHz for one scene in six, as on a telephone line: both files have nothing above 4 kHz then."""
    return RATE // 2 if own_rng(options, number, "rate").random() < 1 / 6 else RATE


def reference_noise(options, number, length):
    """White noise of -100 to -70 dBFS on the reference of one scene in four: dither, or what a synthesiser leaves."""
    rng = own_rng(options, number, "noise")
    level_db = rng.uniform(-100, -70)
    return rng.standard_normal(length) * 10 ** (level_db / 20) if rng.random() < 1 / 4 else np.zeros(length)


def own_rng(options, number, purpose):
    """A generator that no other draw of the scene depends on."""
    return np.random.default_rng([options.seed, SPLITS.index(options.split), number, *purpose.encode()])


def write_wav(path, samples, rate=RATE):
    samples = samples[:len(samples) // HOP * HOP]
    if rate != RATE:
        samples = resample_poly(samples, rate, RATE)
    rounded = np.round(np.clip(samples, -1, 1) * 32_767).astype(np.int16)
    soundfile.write(path, rounded, rate, subtype="PCM_16")


def report(metas):
    for family in scenes.FAMILIES:
        own = [meta for meta in metas if meta["family"] == family]
        minutes, near, echo = (sum(meta[key] for meta in own) / divisor for key, divisor in MINUTES.items())
        print(f"{family:11} {len(own):4} scenes {minutes:6.1f} min, user {near:5.1f} min, audible echo {echo:5.1f} min")


MINUTES = {"seconds": 60, "near_hops": 6000, "echo_hops": 6000}
SPLITS = ("train", "valid")
FAMILY_CYCLE = [family for family, share in scenes.SHARES.items() for _ in range(share)]

if __name__ == "__main__":
    main()
