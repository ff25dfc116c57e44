"""A gate that hears one microphone of a framework's session, and the agent on the microphone's clock."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ._early_playback import EarlyPlayback
from ._errors import InternalError
from ._mic_clock import MicClock
from ._recording import Recording, Source
from ._voxgate import Config, Decision, Gate

logger = logging.getLogger("voxgate")


class Ear:
    """Opens its gate with the first audio, or when it is told to.

    `clock` is that of the playback's events; `moved` is called when the first audio of a stream was heard, and when the
    microphone's clock has moved since, so that what is being played can be told anew. `record` makes the recording of a
    new gate.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        moved: Callable[[], None] = lambda: None,
        record: Callable[[Gate], Recording | None] = lambda _: None,
    ) -> None:
        self.gate: Gate | None = None
        self.recording: Recording | None = None
        self._clock, self._moved, self._record = clock, moved, record
        self._moved_s = 0.0  # how far the clock has moved since it was told
        self._mic_clock = MicClock()
        self._early = EarlyPlayback()

    def open(self, rate: int, channels: int, config: Config) -> Gate:
        self._mic_clock = MicClock()
        self.gate = Gate(rate, channels, config=config)
        self.recording = self._record(self.gate)
        return self.gate

    def hear(self, gate: Gate, data: bytes | memoryview) -> list[Decision] | None:
        """Decides on the next audio; None if the gate failed, and cannot be used any more."""
        try:
            first = gate.now == 0
            decisions = gate.push(data)
        except InternalError:
            logger.exception("the gate failed; a new one goes on with the next frame")
            return None
        if self.recording is not None:
            self.recording.heard(data, decisions, self._clock())
        self._moved_s += self._mic_clock.note(gate.now_s, self._clock())
        if first or abs(self._moved_s) > _FAR_S:
            self._moved_s = 0.0
            for early in self._early.take():
                self.play(bytes(early.audio), early.rate, early.channels, early.starts_s, early.source)
            self._moved()
        return decisions

    def play(
        self, data: bytes | memoryview, rate: int, channels: int, at: float | None, source: Source = "voice"
    ) -> None:
        """Audio begins to play at `at` of the clock, or goes on."""
        if self.gate is None:
            return
        if not self._mic_clock.is_known and self._early.add(data, rate, channels, at, source):
            self._early.forget(self._clock() - _ECHO_S)
            return
        at_s = None if at is None else self._mic_clock.at(at)
        if at_s is not None and at_s < 0:
            before = int(-at_s * rate) * 2 * channels
            data, at_s = memoryview(data).cast("B")[before:], 0.0
        take = self.gate.playback if source == "voice" else self.gate.background
        take(data, at_s=at_s, sample_rate=rate, channels=channels)
        if self.recording is not None:
            self.recording.played(data, rate, channels, at_s, source)

    def silence(self, at: float) -> None:
        """The agent is silent from `at` of the clock on."""
        self._early.silence(at)
        at_s = self._mic_clock.at(at)
        if self.gate is not None and at_s is not None:
            self.gate.playback_clear(at_s=max(at_s, 0.0))
            if self.recording is not None:
                self.recording.silent(max(at_s, 0.0))


_FAR_S = 0.25
"""A smaller step of the echo's delay is left to the gate, which searches up to a second of it."""
_ECHO_S = 2.0
"""What was played before is heard no more."""
