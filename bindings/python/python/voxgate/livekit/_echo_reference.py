"""The agent's own audio, as it is played, for the VAD."""

from __future__ import annotations

from livekit import rtc
from livekit.agents.voice import io

from ._vad import VAD


class EchoReference(io.AudioOutput):
    """Wraps a session's audio output and tells the VAD what is played, and when: then the agent's echo is no speech.

    >>> session.output.audio = EchoReference(session.output.audio, vad)  # doctest: +SKIP

    Frames come faster than they are played; the events of the output beneath say when they are (`playback_started`,
    `playback_progressed`). A constant lag behind them, as of a network and a loudspeaker, of up to a second is found by
    the gate.
    """

    def __init__(self, next_in_chain: io.AudioOutput, vad: VAD) -> None:
        super().__init__(
            label="voxgate.EchoReference",
            capabilities=io.AudioOutputCapabilities(pause=True),
            next_in_chain=next_in_chain,
        )
        self._vad = vad
        self._segment = _Segment()
        vad._references.add(self)

    @property
    def sample_rate(self) -> int | None:
        return self._output.sample_rate

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._segment.is_over or not self._segment.takes(frame):
            begins_s = max(self._vad._clock(), self._segment.ends_s)
            self._segment = _Segment(begins_s, frame.sample_rate, frame.num_channels)
        segment = self._segment
        at_s = None if segment.audio else segment.begins_s
        segment.audio += frame.data
        if not segment.is_paused:
            self._vad._play(frame.data, segment.rate, segment.channels, at_s)
        await self._output.capture_frame(frame)

    def flush(self) -> None:
        super().flush()
        self._segment.is_over = True
        self._output.flush()

    def clear_buffer(self) -> None:
        self._output.clear_buffer()
        self._end()

    def pause(self) -> None:
        super().pause()
        now = self._vad._clock()
        self._segment.pause(now)
        self._vad._silence(now)

    def resume(self) -> None:
        super().resume()
        if self._segment.is_paused:
            self._segment.resume(self._vad._clock())
            self._replay()

    def on_playback_started(self, *, created_at: float) -> None:
        self._move(0.0, created_at)
        super().on_playback_started(created_at=created_at)

    def on_playback_progressed(self, *, started_at: float, offset: float, duration: float) -> None:
        self._move(offset, started_at)
        super().on_playback_progressed(started_at=started_at, offset=offset, duration=duration)

    def on_playback_finished(
        self, *, playback_position: float, interrupted: bool, synchronized_transcript: str | None = None
    ) -> None:
        if interrupted:
            self._end()
        super().on_playback_finished(
            playback_position=playback_position,
            interrupted=interrupted,
            synchronized_transcript=synchronized_transcript,
        )

    @property
    def _output(self) -> io.AudioOutput:
        output = self.next_in_chain
        assert output is not None, "it is given at construction"
        return output

    def _end(self) -> None:
        """Nothing more is played."""
        now = self._vad._clock()
        if self._segment.ends_s > now or self._segment.is_paused:
            self._vad._silence(now)
        self._segment = _Segment()

    def _move(self, offset_s: float, wall_s: float) -> None:
        """The segment's audio at `offset_s` was played at `wall_s`."""
        segment = self._segment
        if segment.audio and not segment.is_paused and abs(segment.wall_s(offset_s) - wall_s) > _TOLERANCE_S:
            segment.begins_s = wall_s - offset_s
            self._replay()

    def _replay(self) -> None:
        """Tells the VAD anew what is still to be played."""
        segment, now = self._segment, self._vad._clock()
        if segment.audio and not segment.is_paused:
            self._vad._silence(now)
            rest = segment.after(max(now - segment.begins_s, 0.0))
            self._vad._play(rest, segment.rate, segment.channels, max(now, segment.begins_s))


class _Segment:
    """The audio between two flushes."""

    def __init__(self, begins_s: float = 0.0, rate: int = 0, channels: int = 1) -> None:
        self.begins_s = begins_s  # when its first sample is played, as if it had never been paused
        self.rate, self.channels = rate, channels
        self.audio = bytearray()
        self.is_over = rate == 0
        self._paused_s: float | None = None

    @property
    def ends_s(self) -> float:
        return self.wall_s(len(self.audio) / (2 * self.channels * self.rate) if self.rate else 0.0)

    @property
    def is_paused(self) -> bool:
        return self._paused_s is not None

    def takes(self, frame: rtc.AudioFrame) -> bool:
        return (frame.sample_rate, frame.num_channels) == (self.rate, self.channels)

    def wall_s(self, offset_s: float) -> float:
        return self.begins_s + offset_s

    def after(self, offset_s: float) -> bytes:
        return bytes(self.audio[int(offset_s * self.rate) * 2 * self.channels :])

    def pause(self, now: float) -> None:
        if self._paused_s is None:
            self._paused_s = now

    def resume(self, now: float) -> None:
        if self._paused_s is not None:
            self.begins_s += now - self._paused_s
            self._paused_s = None


_TOLERANCE_S = 0.02
"""The gate follows smaller steps of the delay by itself."""
