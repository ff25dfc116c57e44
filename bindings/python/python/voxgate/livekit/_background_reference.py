"""What is played beside the agent's voice, for the VAD."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from livekit import rtc
from livekit.agents import BackgroundAudioPlayer

from .._errors import MisuseError
from ._analysis import pcm_of
from ._vad import VAD


@runtime_checkable
class Source(Protocol):
    """What the reference uses of an `rtc.AudioSource`."""

    @property
    def queued_duration(self) -> float: ...
    async def capture_frame(self, frame: rtc.AudioFrame) -> None: ...


class BackgroundReference:
    """Listens to background audio, and tells the VAD what is played, and when: then its echo is no speech.

    >>> player = BackgroundAudioPlayer(ambient_sound=BuiltinAudioClip.CROWDED_ROOM)  # doctest: +SKIP
    >>> BackgroundReference(player, vad)  # doctest: +SKIP
    >>> await player.start(room=ctx.room, agent_session=session)  # doctest: +SKIP

    `source` is LiveKit's player, or the `rtc.AudioSource` of a track that you publish yourself. Its `capture_frame` is
    wrapped: it does what it did before, after the VAD was told.

    Raises:
        MisuseError: The player of this livekit-agents has no audio source.
    """

    def __init__(self, source: BackgroundAudioPlayer | Source, vad: VAD) -> None:
        found = getattr(source, "_audio_source", None) if isinstance(source, BackgroundAudioPlayer) else source
        if not isinstance(found, Source):
            raise MisuseError(
                f"{type(source).__name__} has no audio source that can be listened to; publish the background audio by"
                " an rtc.AudioSource of your own, and give that"
            )
        self._source = found
        self._vad = vad
        self._capture = self._source.capture_frame
        self._ends_s: float | None = None  # when what was captured has been played; None if the VAD is to be told anew
        self._source.capture_frame = self._capture_frame  # type: ignore[method-assign]
        vad._references.add(self)

    async def _capture_frame(self, frame: rtc.AudioFrame) -> None:
        plays_s = self._vad._clock() + self._source.queued_duration
        at_s: float | None = None  # after what was captured before
        if self._ends_s is None or abs(plays_s - self._ends_s) > _TOLERANCE_S:
            at_s = self._ends_s = plays_s
        self._vad._play(pcm_of(frame), frame.sample_rate, frame.num_channels, at_s, source="background")
        self._ends_s += frame.duration
        await self._capture(frame)

    def _replay(self) -> None:
        """The VAD's clock has moved: the next frame is placed anew."""
        self._ends_s = None


_TOLERANCE_S = 0.1
"""The queue's length is an estimate that jitters; the gate follows a delay that moves by less."""
