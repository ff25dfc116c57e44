"""What of a microphone goes on to speech-to-text: the VAD's analysis says, where it hears the same frames."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from livekit import rtc

from .. import SAMPLE_RATE, Audio, Config, Finalize, Forwarder, Gate, InternalError, Zeros
from .._outlet import Item, Outlet, pcm16
from ._analysis import Analysis, Note, noted, pcm_of
from ._vad import VAD

Piece: TypeAlias = bytes | rtc.AudioFrame | Finalize
"""Audio at 16 kHz, a frame that passes as it is because its gate failed, or the end of a segment."""


class Tap:
    """Reads the notes of the VAD's analysis. What has none it has analysed itself, with the VAD's settings, and a VAD
    that comes later reads that.

    A session may give speech-to-text other frames than the VAD: zeros while the user shall not be heard, which then
    takes the place of what the gate forwards of that time; or audio of its own, which gets a gate of its own.
    """

    def __init__(self, vad: VAD, config: Config | None) -> None:
        """With a `config` nothing is shared."""
        self._vad, self._config = vad, config
        self._analysis: Analysis | None = None
        self._outlet = None if config is None else Outlet(vad._ear(), config)
        self._waiting: deque[rtc.AudioFrame] = deque()
        self._heard_s = 0.0
        self._muted: list[int] = []  # begin, end, begin, … of what speech-to-text is not to hear, in the gate's time
        self.forwarder: Forwarder | None = None
        self.first = 0
        """How much the forwarder had forwarded when it became this tap's, in samples at 16 kHz."""
        self._taken = 0  # the same, now
        self._lead_s = 0.0  # from the gate's time to this stream's

    @property
    def gate(self) -> Gate | None:
        if self._outlet is not None:
            return self._outlet.ear.gate
        return None if self._analysis is None else self._analysis.gate

    def mic_s(self, forwarded: int) -> float:
        """When, in seconds of this stream, the sample was heard that was forwarded as this one."""
        try:
            if self.forwarder is not None:
                return self.forwarder.time_map.mic_s(max(forwarded, 0) / SAMPLE_RATE) + self._lead_s
        except InternalError:
            pass  # its gate has failed
        return forwarded / SAMPLE_RATE

    def gate_instant(self, stream_s: float) -> int:
        """The gate's sample at a time of this stream."""
        return max(round((stream_s - self._lead_s) * SAMPLE_RATE), 0)

    async def hear(self, frame: rtc.AudioFrame) -> list[Piece]:
        """What goes on after this frame."""
        if self._outlet is None and (self._analysis is None or self._analysis.is_led):
            await noted(frame, self._vad, turns=_PATIENCE)
        self._waiting.append(frame)
        return self._hear_waiting()

    def flush(self) -> list[Piece]:
        """What goes on at a hard boundary. A turn that the VAD follows is the VAD's to end."""
        if self._outlet is not None:
            return self._pieces(self._outlet.end_turn())
        if self._analysis is not None and not self._analysis.is_led:
            self._analysis.gate.end_turn()
        return self._take()

    def finish(self) -> list[Piece]:
        """What goes on at the end of the stream; audio that comes later begins another."""
        pieces = self._hear_waiting(are_last=True)
        pieces += self.flush() if self._outlet is None else self._pieces(self._outlet.finish())
        self.close()
        return pieces

    def close(self) -> None:
        """Leaves the forwarder to another."""
        if self._analysis is not None and self._analysis.tap is self:
            self._analysis.tap = None
        self._analysis = None

    def _hear_waiting(self, *, are_last: bool = False) -> list[Piece]:
        pieces: list[Piece] = []
        while self._waiting:
            found = self._hear_next(self._waiting[0])
            if found is None:
                if not are_last and len(self._waiting) < _MOST_WAITING:
                    break
                pieces += self._leave()  # the VAD does not hear these frames
                continue
            pieces += found
            self._heard_s += self._waiting.popleft().duration
        return pieces

    def _hear_next(self, frame: rtc.AudioFrame) -> list[Piece] | None:
        """What goes on after the frame; None if the VAD has yet to hear it."""
        own = self._analysis
        if own is not None and own.tap is not self:
            self.forwarder = None  # another stream of speech-to-text has come to it
            self._leave()
        if self._outlet is not None:
            return self._hear_alone(self._outlet, frame)
        note = Note.of(frame, self._vad)
        if note is not None and (note.analysis is own or note.analysis.is_led):
            return self._read(frame, note)
        if own is None or (not own.is_led and not own.fits(frame)):
            own = Analysis(self._vad, frame.sample_rate, frame.num_channels)
        if not own.is_led:
            note = own.begin(frame)
            own.hear(note, pcm_of(frame))
            return self._read(frame, note)
        if not any(pcm_of(frame)):
            return self._mute()
        return None

    def _read(self, frame: rtc.AudioFrame, note: Note) -> list[Piece]:
        analysis = note.analysis
        if note.gate is not analysis.gate:  # it has failed, and the next frame has another
            self.forwarder = None
            return [frame]
        self._join(analysis, note.start)
        if self._is_muted:
            self._muted.append(analysis.instant(note.start))
        return self._take()

    def _join(self, analysis: Analysis, at: int) -> None:
        """Takes what the analysis forwards from now on; its sample frame `at` was heard first."""
        if self._analysis is not analysis:
            self.close()
            self._analysis, analysis.tap = analysis, self
        if self.forwarder is not analysis.forwarder:
            self.forwarder = analysis.forwarder
            if at > 0:
                self.forwarder.take()  # of what was heard before
            self.first = self._taken = len(self.forwarder.time_map) if at > 0 else 0
            self._lead_s, self._muted = self._heard_s - at / analysis.rate, []

    @property
    def _is_muted(self) -> bool:
        return len(self._muted) % 2 == 1

    def _mute(self) -> list[Piece]:
        """Zeros that the VAD does not hear: so much of what it hears is not for speech-to-text."""
        if not self._is_muted:
            self._muted.append(self.gate_instant(self._heard_s))
        return self._take()

    def _leave(self) -> list[Piece]:
        """Goes on with a gate of its own."""
        rest = self._take()
        self.close()
        self._outlet = Outlet(self._vad._ear(), self._vad._config)
        return rest

    def _hear_alone(self, outlet: Outlet, frame: rtc.AudioFrame) -> list[Piece]:
        items = outlet.hear(pcm_of(frame), frame.sample_rate, frame.num_channels)
        if outlet.forwarder is not self.forwarder:
            self.forwarder, self.first, self._taken = outlet.forwarder, 0, 0
            self._lead_s, self._muted = self._heard_s, []
        return [frame] if items is None else self._pieces(items)

    def _take(self) -> list[Piece]:
        try:
            return [] if self.forwarder is None else self._pieces(self.forwarder.take())
        except InternalError:  # its gate has failed with a later frame
            self.forwarder = None
            return []

    def _pieces(self, items: list[Item]) -> list[Piece]:
        pieces: list[Piece] = []
        for item in items:
            if isinstance(item, Finalize):
                pieces.append(item)
            elif isinstance(item, (Audio, Zeros)):
                audio = bytes(2 * item.count) if isinstance(item, Zeros) else self._heard(pcm16(item.samples))
                self._taken += len(audio) // 2
                pieces.append(audio)
        return pieces

    def _heard(self, audio: bytes) -> bytes:
        """The next audio, without what speech-to-text is not to hear."""
        if not self._muted or self.forwarder is None:
            return audio
        since, heard = self.forwarder.time_map.mic(self._taken), bytearray(audio)
        spans = [*self._muted, since + len(audio)]  # one that has no end yet ends with it
        for begin, end in zip(spans[::2], spans[1::2], strict=False):
            first, last = (2 * min(max(at - since, 0), len(audio) // 2) for at in (begin, end))
            heard[first:last] = bytes(last - first)
        return bytes(heard)


_PATIENCE = 4
"""Turns of the event loop in which the VAD, which gets a frame at the same time, comes to hear it."""
_MOST_WAITING = 20
"""Frames, of 50 ms in LiveKit, that wait for the VAD at most: then it has stopped, or hears others."""
