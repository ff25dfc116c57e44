"""What is played before the microphone's first audio, when nobody knows yet where it is in the microphone's time."""

from __future__ import annotations

from dataclasses import dataclass

from ._recording import Source


@dataclass
class Played:
    """Audio without a hole: int16."""

    starts_s: float
    """By the wall clock."""
    rate: int
    channels: int
    source: Source
    audio: bytearray

    def cut_head(self, until_s: float) -> None:
        """Forgets what was played before."""
        frames = min(int(max(until_s - self.starts_s, 0.0) * self.rate), len(self.audio) // self._frame)
        del self.audio[: frames * self._frame]
        self.starts_s += frames / self.rate

    def cut_tail(self, from_s: float) -> None:
        """Takes back what would be played later."""
        del self.audio[int(max(from_s - self.starts_s, 0.0) * self.rate) * self._frame :]

    @property
    def _frame(self) -> int:
        return 2 * self.channels


class EarlyPlayback:
    """Keeps it until the microphone's clock is known."""

    def __init__(self) -> None:
        self._played: list[Played] = []

    def add(self, data: bytes | memoryview, rate: int, channels: int, at: float | None, source: Source) -> bool:
        """At `at` of the wall clock, or behind the last; False if there is no last."""
        last = next((one for one in reversed(self._played) if one.source == source), None)
        if at is not None:
            last = Played(at, rate, channels, source, bytearray())
            self._played.append(last)
        if last is None:
            return False
        last.audio += data
        return True

    def forget(self, until_s: float) -> None:
        """What was played before is no echo any more."""
        for played in self._played:
            played.cut_head(until_s)
        self._played = [played for played in self._played if played.audio]

    def silence(self, at_s: float) -> None:
        """The agent is silent from `at_s` of the wall clock on; what is played beside its voice goes on."""
        for played in self._played:
            if played.source == "voice":
                played.cut_tail(at_s)

    def take(self) -> list[Played]:
        played, self._played = self._played, []
        return played
