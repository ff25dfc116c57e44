"""What goes on from one microphone: a gate and its forwarder, in the format that the audio comes in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._ear import Ear
from ._voxgate import Audio, Close, Config, Finalize, Forwarder, Gate, KeepAlive, Open, Zeros

Item = Audio | Zeros | Finalize | KeepAlive | Open | Close


class Outlet:
    """Makes its gate, and the forwarder that it feeds, with the first audio; and anew where the format changes or the
    gate fails.
    """

    def __init__(self, ear: Ear, config: Config) -> None:
        self.ear, self._config = ear, config
        self.forwarder: Forwarder | None = None
        self._format = _NONE

    def hear(self, data: bytes | memoryview, rate: int, channels: int) -> list[Item] | None:
        """What goes on after this audio; None if the gate failed: then the audio goes on as it is."""
        gate, forwarder = self.ear.gate, self.forwarder
        if gate is None or forwarder is None or (rate, channels) != self._format:
            gate, forwarder = self._open(rate, channels)
        if self.ear.hear(gate, data) is None:
            self._open(rate, channels)
            return None
        return forwarder.take()

    def end_turn(self) -> list[Item]:
        """What goes on at a hard boundary."""
        if self.ear.gate is None or self.forwarder is None:
            return []
        self.ear.gate.end_turn()
        return self.forwarder.take()

    def finish(self) -> list[Item]:
        """What goes on at the end of the stream; audio that comes later begins another."""
        if self.ear.gate is None or self.forwarder is None or self._format == _NONE:
            return []
        self._format = _NONE
        self.ear.gate.finish()
        return self.forwarder.take()

    def _open(self, rate: int, channels: int) -> tuple[Gate, Forwarder]:
        gate = self.ear.open(rate, channels, self._config)
        self._format, self.forwarder = (rate, channels), Forwarder(gate)
        return gate, self.forwarder


def audio_of(item: Item) -> bytes:
    """The audio of what goes on, as int16; none of a message."""
    if isinstance(item, Audio):
        return pcm16(item.samples)
    return bytes(2 * item.count) if isinstance(item, Zeros) else b""


def pcm16(samples: npt.NDArray[np.float32]) -> bytes:
    """Samples from -1 to 1 as int16, little-endian."""
    return np.clip(np.rint(samples * 32_768), -32_768, 32_767).astype(np.int16).tobytes()


_NONE = (0, 0)
"""No audio has come, or none since the stream ended."""
