"""The microphone's time for a time of the wall clock."""

from __future__ import annotations


class MicClock:
    """Learns when the microphone's audio arrives. The earliest arrivals tell the clock, later ones are jitter."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._noted_s = 0.0

    def note(self, mic_s: float, wall_s: float) -> float:
        """The microphone's audio until `mic_s` has arrived by `wall_s`; returns how far the clock moves, in seconds."""
        offset = mic_s - wall_s
        known = self._offset_s
        if known is None or not known - _STALL_S < offset < known:
            self._offset_s = offset
        else:
            self._offset_s = max(offset, known - _DRIFT * (wall_s - self._noted_s))
        self._noted_s = wall_s
        return 0.0 if known is None else self._offset_s - known

    @property
    def is_known(self) -> bool:
        """Whether audio has come."""
        return self._offset_s is not None

    def at(self, wall_s: float) -> float | None:
        """The microphone's time at `wall_s`, in seconds; None until audio has come."""
        return None if self._offset_s is None else wall_s + self._offset_s


_STALL_S = 0.5
"""Audio that is later than this is no jitter: the microphone stood still, and its clock with it."""
_DRIFT = 0.001
"""Seconds a second by which the earliest arrival is forgotten: ten times the drift of cheap sound cards."""
