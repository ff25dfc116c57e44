"""A gate that hears one microphone of a session, and the agent on its clock."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .. import Config, Decision, Gate, InternalError
from .._mic_clock import MicClock

if TYPE_CHECKING:
    from ._vad import VAD

logger = logging.getLogger("voxgate.livekit")


class Ear:
    """Opens its gate with the first frame; what the session's agent plays reaches it through the VAD."""

    def __init__(self, vad: VAD) -> None:
        self.gate: Gate | None = None
        self._vad = vad
        self._mic_clock = MicClock()
        vad._ears.add(self)

    def open(self, rate: int, channels: int, config: Config) -> Gate:
        self._mic_clock = MicClock()
        self.gate = Gate(rate, channels, config=config)
        return self.gate

    def hear(self, gate: Gate, data: memoryview) -> list[Decision] | None:
        """Decides on the next audio; None if the gate failed, and cannot be used any more."""
        try:
            first = gate.now == 0
            decisions = gate.push(data)
        except InternalError:
            logger.exception("the gate failed; a new one goes on with the next frame")
            return None
        self._mic_clock.note(gate.now_s, self._vad._clock())
        if first:
            for reference in self._vad._references:
                reference._replay()
        return decisions

    def forget(self) -> None:
        """Begins anew: the next sample is sample 0."""
        self._mic_clock = MicClock()
        if self.gate is not None:
            self.gate.reset()

    def play(self, data: bytes | memoryview, rate: int, channels: int, wall_s: float | None) -> None:
        """The agent's audio begins to play at `wall_s`, or goes on."""
        if self.gate is None:
            return
        at_s = None if wall_s is None else self._mic_clock.at(wall_s)
        if at_s is not None and at_s < 0:
            before = int(-at_s * rate) * 2 * channels
            data, at_s = memoryview(data).cast("B")[before:], 0.0
        self.gate.playback(data, at_s=at_s, sample_rate=rate, channels=channels)

    def silence(self, wall_s: float) -> None:
        """The agent is silent from `wall_s` on."""
        at_s = self._mic_clock.at(wall_s)
        if self.gate is not None and at_s is not None:
            self.gate.playback_clear(at_s=max(at_s, 0.0))
