"""Silero's score of every hop, by ONNX Runtime: judges whether a recording is speech at all."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

from speech import HOP, RATE

sys.path.append(str(Path(__file__).resolve().parent.parent))
import convert_silero  # noqa: E402  the pinned wheel and its sums are named there once


class Scorer:
    """Called with samples at 16 kHz, gives one score a hop."""

    def __init__(self, cache):
        onnx = cache / "silero_vad.onnx"
        if not onnx.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            onnx.write_bytes(convert_silero.read_onnx(None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])

    def __call__(self, samples):
        windows = -(-len(samples) // WINDOW)
        padded = np.zeros(CONTEXT + windows * WINDOW, np.float32)
        padded[CONTEXT:CONTEXT + len(samples)] = samples
        state, scores = np.zeros((2, 1, 128), np.float32), np.zeros(windows, np.float32)
        rate = np.array(RATE, np.int64)
        for window in range(windows):
            block = padded[window * WINDOW:window * WINDOW + CONTEXT + WINDOW][None]
            out, state = self.session.run(None, {"input": block, "state": state, "sr": rate})
            scores[window] = out[0, 0]
        hops = (np.arange(len(samples) // HOP) * HOP) // WINDOW
        return scores[hops]


WINDOW = 512
CONTEXT = 64
