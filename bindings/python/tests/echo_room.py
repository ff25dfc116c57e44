"""A room with an echo, in real time."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
RATE = 16_000
DELAY, GAIN = round(0.18 * RATE), 10 ** (-15 / 20)


class Room:
    """A loudspeaker and a microphone: what is played is heard 180 ms later, 15 dB down."""

    def __init__(self, seconds: float) -> None:
        self.began_s = time.time()
        self.played = np.zeros(round((seconds + 30) * RATE), np.float64)
        self.said = np.zeros_like(self.played)
        self.noise = np.random.default_rng(7).normal(0, 20, len(self.played))

    def now(self) -> int:
        return round((time.time() - self.began_s) * RATE)

    def heard(self, start: int, end: int) -> Samples:
        echo = self.played[max(start - DELAY, 0) : max(end - DELAY, 0)] * GAIN
        echo = np.pad(echo, (end - start - len(echo), 0))
        return (echo + self.said[start:end] + self.noise[start:end]).clip(-32_768, 32_767).astype(np.int16)
