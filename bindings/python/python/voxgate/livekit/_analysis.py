"""One analysis of a microphone, for all who hear it: who leads has each frame heard, the others read its note."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from livekit import rtc

from .. import SAMPLE_RATE, Decision, Forwarder, Gate

if TYPE_CHECKING:
    from ._vad import VAD


class Note:
    """What the gate found in a frame of a session. It goes along with the frame, in its userdata."""

    __slots__ = ("analysis", "decisions", "gate", "start")

    def __init__(self, analysis: Analysis, gate: Gate, start: int) -> None:
        self.analysis, self.gate = analysis, gate
        self.start = start  # the frame's place in what the gate has heard, in sample frames of the input
        self.decisions: list[Decision] | None = []  # None: the gate failed

    @staticmethod
    def of(frame: rtc.AudioFrame, vad: VAD) -> Note | None:
        """The note that an analysis for `vad` has put to the frame."""
        note = frame.userdata.get(_KEY)
        return note if isinstance(note, Note) and note.analysis.vad is vad else None


class Analysis:
    """The gate of one microphone, with the settings of a VAD. A gate that fails is replaced with the next frame."""

    def __init__(self, vad: VAD, rate: int, channels: int) -> None:
        self.vad = vad
        self.rate, self.channels = rate, channels
        self.has_stream = False
        """A VAD stream tells of it, and hears what nobody has heard before."""
        self.is_ahead = False
        """A `FrameAnalyzer` hears every frame before the VAD and speech-to-text."""
        self.tap: object | None = None
        """Who hands on to speech-to-text what the gate forwards."""
        self._ear = vad._ear()
        self._forwarder: Forwarder | None = None
        self._open()

    @property
    def is_led(self) -> bool:
        """Whether another than speech-to-text has every frame analysed."""
        return self.has_stream or self.is_ahead

    def fits(self, frame: rtc.AudioFrame) -> bool:
        return (frame.sample_rate, frame.num_channels) == (self.rate, self.channels)

    def begin(self, frame: rtc.AudioFrame) -> Note:
        """Puts a note to the frame that is heard next."""
        note = Note(self, self.gate, self.at)
        frame.userdata[_KEY] = note
        return note

    def hear(self, note: Note, data: memoryview) -> list[Decision] | None:
        """Decides on audio of the note's frame; None if the gate failed."""
        decisions = self._ear.hear(self.gate, data)
        if decisions is None:
            note.decisions = None
            self._open()
        else:
            self.at += len(data) // self.channels
            if self.tap is None and self._forwarder is not None and self.at > self.rate:
                self._forwarder.take()  # nobody wants it, or not yet
            if note.decisions is not None:
                note.decisions += decisions
        return decisions

    def instant(self, at: int) -> int:
        """Samples at 16 kHz until a sample frame of the input."""
        return at * SAMPLE_RATE // self.rate

    @property
    def forwarder(self) -> Forwarder:
        """What the gate forwards, from the first call on."""
        if self._forwarder is None:
            self._forwarder = Forwarder(self.gate)
        return self._forwarder

    def _open(self) -> None:
        self.gate = self._ear.open(self.rate, self.channels, self.vad._config)
        self.at = 0  # sample frames of the input that the gate has heard
        self._forwarder = Forwarder(self.gate) if self.vad._gates_stt else None


def decisions_of(frame: rtc.AudioFrame) -> tuple[Decision, ...] | None:
    """What the gate of a VAD decided with a frame of its session, for every 10 ms; None if it has not heard the frame.

    The VAD hears a frame at the same time as an `stt_node`, perhaps later; with a `FrameAnalyzer` it is heard before.
    """
    note = frame.userdata.get(_KEY)
    return tuple(note.decisions) if isinstance(note, Note) and note.decisions is not None else None


async def noted(frame: rtc.AudioFrame, vad: VAD, *, turns: int) -> Note | None:
    """The frame's note, if another puts it there within some turns of the event loop."""
    for _ in range(turns):
        if Note.of(frame, vad) is not None:
            break
        await asyncio.sleep(0)
    return Note.of(frame, vad)


def pcm_of(frame: rtc.AudioFrame) -> memoryview:
    """The frame's samples: a buffer may be longer than its frame."""
    return frame.data[: frame.samples_per_channel * frame.num_channels]


_KEY = "voxgate"
