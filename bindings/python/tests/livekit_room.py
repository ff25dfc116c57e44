"""LiveKit's microphone and loudspeaker in a room with an echo, without a network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import numpy as np
from echo_room import RATE, Room
from livekit import rtc
from livekit.agents.voice import io


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


class FakeRoom(rtc.EventEmitter[str]):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class FakeContext(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(room=FakeRoom("call-17"), job=SimpleNamespace(room=SimpleNamespace(sid="RM_1")), refused=[])
        self.at_the_end: list[Callable[[], Awaitable[None]]] = []

    async def connect(self) -> None:
        pass

    def add_shutdown_callback(self, callback: Callable[[], Awaitable[None]]) -> None:
        self.at_the_end.append(callback)

    def shutdown(self, reason: str) -> None:
        self.refused.append(reason)
