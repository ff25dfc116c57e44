"""A room with a loudspeaker, a microphone and an echo, in real time and without a network."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from livekit import rtc
from livekit.agents.voice import io
from livekit_support import Samples

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


class Microphone(io.AudioInput):
    def __init__(self, room: Room) -> None:
        super().__init__(label="microphone")
        self._room, self._at = room, 0

    async def __anext__(self) -> rtc.AudioFrame:
        end = self._at + RATE // 50
        await asyncio.sleep(max((end - self._room.now()) / RATE, 0))
        samples, self._at = self._room.heard(self._at, end), end
        return rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples))


class Loudspeaker(io.AudioOutput):
    def __init__(self, room: Room) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._room = room
        self._start: int | None = None
        self._end = 0
        self._finish: asyncio.TimerHandle | None = None
        self.cleared_s: list[float] = []

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._start is None:
            self._start = self._end = self._room.now()
            self.on_playback_started(created_at=time.time())
        samples = np.frombuffer(frame.data, np.int16)
        self._room.played[self._end : self._end + len(samples)] = samples
        self._end += len(samples)

    def flush(self) -> None:
        super().flush()
        if self._start is not None:
            left_s = max((self._end - self._room.now()) / RATE, 0)
            self._finish = asyncio.get_running_loop().call_later(left_s, self._done, self._end, False)

    def clear_buffer(self) -> None:
        if self._start is None:
            return
        if self._finish is not None:
            self._finish.cancel()
        now = self._room.now()
        self._room.played[now:] = 0
        self.cleared_s.append(now / RATE)
        self._done(now, True)

    def _done(self, at: int, interrupted: bool) -> None:
        assert self._start is not None
        position_s, self._start = (at - self._start) / RATE, None
        self.on_playback_finished(playback_position=position_s, interrupted=interrupted)
