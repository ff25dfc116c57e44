"""The session's own audio, at its own rate, for the frames of events."""

from __future__ import annotations

import logging

from livekit import rtc

from .. import SAMPLE_RATE

logger = logging.getLogger("voxgate.livekit")


class Utterance:
    """Keeps recent audio, and that of the utterance under way. Instants are samples at 16 kHz."""

    def __init__(self, rate: int, channels: int, start: int = 0) -> None:
        self.rate, self.channels = rate, channels
        self._recent = bytearray()
        self._recent_start = start  # which sample frame of the input it begins with
        self._speech: bytearray | None = None
        self._speech_until = 0
        self._limit = 0

    def push(self, data: memoryview) -> None:
        self._recent += data

    def begin(self, start: int, now: int, max_s: float) -> None:
        """An utterance begins at `start`; of what is longer than `max_s` seconds the beginning is kept."""
        self._speech, self._speech_until = bytearray(), start
        self._limit = int(max_s * self.rate) * self._width
        self.extend(now)

    def extend(self, now: int) -> None:
        """Adds what was heard until `now`, as far as there is room."""
        if self._speech is None or now <= self._speech_until:
            return
        heard = self._bytes(self._speech_until, now)
        room = self._limit - len(self._speech)
        self._speech += heard[: max(room, 0)]
        self._speech_until = now
        if 0 <= room < len(heard):
            self._limit = 0  # said once for each utterance
            logger.warning("max_buffered_speech reached: the rest of this speech is not in the events' frames")

    def so_far(self) -> rtc.AudioFrame:
        return self._frame(bytes(self._speech or b""))

    def end(self) -> None:
        self._speech = None

    def between(self, start: int, end: int) -> rtc.AudioFrame:
        """The audio from `start` to `end`, as far as it is still kept."""
        return self._frame(self._bytes(start, end))

    def forget_before(self, instant: int) -> None:
        gone = self._input(instant) - self._recent_start
        if gone * self._width > _CHUNK:  # rarely, for each time moves the rest
            del self._recent[: gone * self._width]
            self._recent_start += gone

    @property
    def _width(self) -> int:
        return 2 * self.channels

    def _input(self, instant: int) -> int:
        return instant * self.rate // SAMPLE_RATE

    def _bytes(self, start: int, end: int) -> bytes:
        first, last = (max(self._input(instant) - self._recent_start, 0) * self._width for instant in (start, end))
        return bytes(self._recent[first:last])

    def _frame(self, data: bytes) -> rtc.AudioFrame:
        return rtc.AudioFrame(data, self.rate, self.channels, len(data) // self._width)


_CHUNK = 32_768
"""Bytes that are forgotten at a time."""
