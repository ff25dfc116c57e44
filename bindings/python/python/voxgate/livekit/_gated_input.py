"""Audio for a realtime model: the user's speech, and silence in the place of everything else."""

from __future__ import annotations

from collections import deque

from livekit import rtc
from livekit.agents.voice import io

from .. import SAMPLE_RATE, Audio, Config
from .._ear import Ear
from .._outlet import Item, Outlet, audio_of
from ._analysis import pcm_of
from ._vad import VAD


class GatedInput(io.AudioInput):
    """Wraps a session's audio input for a speech-to-speech model, which hears the microphone without a `stt`.

    >>> session.input.audio = GatedInput(session.input.audio, vad)  # doctest: +SKIP

    The timeline is kept: what the gate does not forward becomes zeros, sample for sample, 16 kHz mono. Silence comes
    out as late as it could still have become pre-roll, some 0.4 s; when the gate opens, everything up to now follows.
    The VAD's `EchoReference` serves this gate too.
    """

    def __init__(self, source: io.AudioInput, vad: VAD, *, config: Config | None = None) -> None:
        """Args:
        source: The session's own input.
        vad: The session's VAD.
        config: Settings of the gate; `forward.policy` is "silence" whatever they say.
        """
        super().__init__(label="voxgate.GatedInput", source=source)
        base = config if config is not None else Config()
        self._outlet = Outlet(vad._ear(), base.replace(forward={"policy": "silence"}))
        self._ready: deque[rtc.AudioFrame] = deque()
        self.heard_s = 0.0
        """Seconds of audio that came from the microphone."""
        self.sent_s = 0.0
        """Seconds of it that went on; the rest is silence."""

    @property
    def ear(self) -> Ear:
        return self._outlet.ear

    async def __anext__(self) -> rtc.AudioFrame:
        while not self._ready:
            try:
                frame = await super().__anext__()
            except StopAsyncIteration:
                self._take(self._outlet.finish())
                if not self._ready:
                    raise
                break
            self._hear(frame)
        return self._ready.popleft()

    def _hear(self, frame: rtc.AudioFrame) -> None:
        self.heard_s += frame.duration
        items = self._outlet.hear(pcm_of(frame), frame.sample_rate, frame.num_channels)
        if items is None:
            return self._ready.append(frame)  # the audio passes
        self._take(items)

    def _take(self, items: list[Item]) -> None:
        for item in items:
            if audio := audio_of(item):
                self._ready.append(rtc.AudioFrame(audio, SAMPLE_RATE, 1, len(audio) // 2))
            if isinstance(item, Audio):
                self.sent_s += len(item.samples) / SAMPLE_RATE
