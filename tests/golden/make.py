"""Reference scores of Silero VAD v6.2 by ONNX Runtime, for the Rust tests to compare with.

    python3 tests/golden/make.py samples        # tests/golden/NAME.scores.csv for each 8 or 16 kHz samples/NAME.wav
    python3 tests/golden/make.py long OUT_DIR   # 9 files of hard audio (over 13 minutes), for a 5e-5 comparison

Needs numpy, scipy and onnxruntime (pip install numpy scipy onnxruntime). The model is the one that
models/convert_silero.py pins: it is fetched with pip, or given with --onnx silero_vad.onnx.

A score belongs to one full window of 512 samples (256 at 8 kHz); the tail that fills no window has none.
State and context start at zero and are carried through the file. `samples` reads channel 0 as int16 / 32768
and skips files of other rates; a row is `window,score` with 9 significant digits. `long` writes NAME.wav
(16 kHz, or 8 kHz where the name says so; mono, 32-bit float, not clamped) and NAME.scores.f32 (little-endian
f32, one a window); its seed is fixed, its speech is whatever samples/ holds, resampled where needed.
"""

import argparse
import sys
from math import gcd
from pathlib import Path

import numpy as np
import onnxruntime
from scipy.io import wavfile
from scipy.signal import resample_poly

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "models"))
from convert_silero import read_onnx  # noqa: E402

RATE = 16_000
WINDOW, CONTEXT, HIDDEN = {16_000: 512, 8_000: 256}, {16_000: 64, 8_000: 32}, 128  # models/silero_vad_v6.2.md
SEED = 62
PIECE_SECONDS = 100  # of speech in each of the files made from speech; 8 files then exceed 12 minutes


def main():
    arguments = parse_arguments()
    reference = Reference(read_onnx(arguments.onnx))
    if arguments.mode == "samples":
        score_samples(reference)
    else:
        score_long(reference, arguments.out_dir)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", type=Path, help="silero_vad.onnx; without it the pinned wheel is fetched")
    modes = parser.add_subparsers(dest="mode", required=True)
    modes.add_parser("samples")
    modes.add_parser("long").add_argument("out_dir", type=Path)
    return parser.parse_args()


def score_samples(reference):
    for path, rate, audio in read_samples():
        if rate not in WINDOW:
            print(f"{path.name}: skipped, {rate} Hz")
            continue
        scores = reference.scores(audio, rate)
        rows = "".join(f"{i},{score:.9g}\n" for i, score in enumerate(scores))
        Path(__file__).with_name(f"{path.stem}.scores.csv").write_text("window,score\n" + rows, newline="\n")
        print(f"{path.name}: {len(scores)} windows, {np.mean(scores >= 0.5):.0%} at or over 0.5")


def score_long(reference, out_dir):
    out_dir.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    total = 0
    for name, rate, audio in long_files(gather_speech(), rng):
        audio = np.ascontiguousarray(np.clip(audio, -1, 1), "<f4")
        if not np.isfinite(audio).all():  # silence cannot be brought to a level
            fail(f"{name} holds a value that is not finite.", "see that samples/ holds speech, not silence.")
        scores = reference.scores(audio, rate)
        # Not soundfile: it writes the time of day into float WAVs (PEAK chunk).
        wavfile.write(out_dir / f"{name}.wav", rate, audio)
        scores.astype("<f4").tofile(out_dir / f"{name}.scores.f32")
        total += len(audio) / rate
        print(f"{name}: {len(scores)} windows, {np.mean(scores >= 0.5):.0%} at or over 0.5")
    print(f"{total / 60:.1f} minutes in {out_dir}")


class Reference:
    """silero_vad.onnx as its own package calls it: the context goes before each window."""

    def __init__(self, onnx):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

    def scores(self, audio, rate):
        window, context = WINDOW[rate], CONTEXT[rate]
        state = np.zeros((2, 1, HIDDEN), np.float32)
        padded = np.concatenate([np.zeros(context, np.float32), audio.astype(np.float32)])
        found = np.empty(len(audio) // window, np.float32)
        for i in range(len(found)):
            heard = padded[i * window:i * window + context + window]
            score, state = self.session.run(
                None, {"input": heard[None], "state": state, "sr": np.array(rate, np.int64)})
            found[i] = score[0, 0]
        return found


def read_samples():
    """Yields (path, rate, channel 0 as f32 in -1..1) in the order of the names."""
    paths = sorted((REPOSITORY / "samples").glob("*.wav"))
    if not paths:
        fail("samples/ holds no *.wav.", "put 16-bit WAV files with speech there first.")
    for path in paths:
        rate, audio = wavfile.read(path)
        if audio.dtype != np.int16:
            fail(f"{path.name} is {audio.dtype}, not 16-bit.", "save it as 16-bit PCM, e.g. `sox IN.wav -b 16 OUT.wav`.")
        channel = audio if audio.ndim == 1 else audio[:, 0]
        yield path, rate, channel.astype(np.float32) / 32768


def gather_speech():
    """All samples, one after another, repeated to PIECE_SECONDS."""
    parts = []
    for _, rate, audio in read_samples():
        parts.append(resample_poly(audio.astype(float), RATE // gcd(rate, RATE), rate // gcd(rate, RATE)))
    return np.resize(np.concatenate(parts), PIECE_SECONDS * RATE).astype(float)


def long_files(speech, rng):
    """Yields (name, rate, audio)."""
    yield "speech", RATE, speech
    yield "quiet-60dbfs", RATE, at_level(speech, -60)
    yield "quiet-80dbfs", RATE, at_level(speech, -80)
    yield "clipped", RATE, np.clip(speech * gain(30), -1, 1)
    yield "noise", RATE, noise_steps(speech, rng)
    yield "zeros-denormals", RATE, zeros_and_denormals(speech, rng)
    yield "dc-tones-clicks", RATE, dc_tones_clicks(speech, rng)
    yield "level-jumps", RATE, level_jumps(speech, rng)
    yield "8khz", RATE // 2, at_8_khz(speech, rng)


def at_8_khz(speech, rng):
    """Speech, the same 60 dB down and clipped, level jumps, zeros and denormals, for the 8 kHz network."""
    parts = [speech, at_level(speech, -60), np.clip(speech * gain(30), -1, 1), level_jumps(speech, rng)]
    return resample_poly(np.concatenate([*(part[:25 * RATE] for part in parts), zeros_and_denormals(speech, rng)]), 1, 2)


def noise_steps(speech, rng):
    """White and pink noise from -10 to -90 dBFS, then speech at -30 dBFS under each."""
    steps = [at_level(make(rng, 6 * RATE), level) for make in (white, pink) for level in (-10, -30, -50, -70, -90)]
    mixed = [at_level(speech[:20 * RATE], -30) + at_level(make(rng, 20 * RATE), -40) for make in (white, pink)]
    return np.concatenate(steps + mixed)


def zeros_and_denormals(speech, rng):
    """Exact zeros, values from 1e-39 (below the smallest normal f32, 1.2e-38) to 1e-30, speech between them."""
    n = 15 * RATE
    tiny = rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-39, -30, n)
    zeros, spoken = np.zeros(n), speech[:n]
    return np.concatenate([zeros, tiny, spoken, zeros, spoken * 1e-37, tiny, spoken])


def dc_tones_clicks(speech, rng):
    n = 10 * RATE
    time = np.arange(n) / RATE
    clicks = np.zeros(n)
    clicks[rng.integers(0, n, 60)] = rng.choice([-1.0, 1.0], 60)
    tones = (50, 0.5), (440, 0.1), (1000, 1.0), (7900, 0.5)  # hertz, amplitude
    sines = [level * np.sin(2 * np.pi * hertz * time) for hertz, level in tones]
    square = np.where(np.sin(2 * np.pi * 100 * time) >= 0, 1.0, -1.0)
    nyquist = np.where(np.arange(n) % 2, -1.0, 1.0)
    offsets = [speech[:n] + 0.5, np.full(n, 0.5), at_level(speech[:n], -60) - 0.1]
    return np.concatenate([*offsets, *sines, clicks, square, nyquist, speech[:n]])


def level_jumps(speech, rng):
    """Speech whose level jumps to anything from -90 to +20 dB every quarter second to three seconds."""
    out, at = speech.copy(), 0
    while at < len(out):
        end = at + int(rng.uniform(0.25, 3) * RATE)
        out[at:end] *= gain(rng.uniform(-90, 20))
        at = end
    return np.clip(out, -1, 1)


def white(rng, n):
    return rng.standard_normal(n)


def pink(rng, n):
    """White noise shaped by 1/sqrt(f) in the frequency domain; no DC."""
    spectrum = np.fft.rfft(white(rng, n))
    shape = np.append(0, 1 / np.sqrt(np.arange(1, len(spectrum))))
    return np.fft.irfft(spectrum * shape, n)


def at_level(signal, dbfs):
    """Scaled so that the RMS of the whole signal is at `dbfs`, where an RMS of 1 is 0 dBFS."""
    return signal * (gain(dbfs) / np.sqrt(np.mean(signal ** 2)))


def gain(db):
    return 10 ** (db / 20)


def fail(what, remedy):
    sys.exit(f"make.py: {what}\n  Remedy: {remedy}")


if __name__ == "__main__":
    main()
