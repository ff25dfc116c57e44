"""Audio for a speech-to-speech service: the user's speech, and silence in the place of everything else."""

from __future__ import annotations

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.frames.frames import FilterControlFrame, FilterEnableFrame

from .. import SAMPLE_RATE, Audio, Config
from .._outlet import Item, Outlet, audio_of
from ._analyzer import VoxgateVADAnalyzer


class GatedInput(BaseAudioFilter):
    """The input filter of a transport whose service hears the microphone without a speech-to-text of its own.

    >>> params = TransportParams(audio_in_enabled=True, audio_in_filter=GatedInput(analyzer))  # doctest: +SKIP

    The timeline is kept: what the gate does not forward becomes zeros, sample for sample, 16 kHz mono. Silence comes
    out as late as it could still have become pre-roll, some 0.4 s; when the gate opens, everything up to now follows.
    The analyzer's `EchoReference` serves this gate too. A `FilterEnableFrame` takes it away and puts it back.
    """

    def __init__(self, analyzer: VoxgateVADAnalyzer, *, config: Config | None = None) -> None:
        """Args:
        analyzer: Its `EchoReference` tells what the bot says; it need not hear anything.
        config: Settings of the gate; `forward.policy` is "silence" whatever they say.
        """
        base = config if config is not None else Config()
        self._outlet = Outlet(analyzer._new_ear(), base.replace(forward={"policy": "silence"}))
        self._gates = True
        self._left = b""
        self.heard_s = 0.0
        """Seconds of audio that came from the microphone."""
        self.sent_s = 0.0
        """Seconds of it that went on; the rest is silence."""

    async def start(self, sample_rate: int) -> None:
        """Raises ValueError for a rate other than 16 kHz, Pipecat's default."""
        if sample_rate != SAMPLE_RATE:
            raise ValueError(f"the audio has {sample_rate} Hz; set PipelineParams(audio_in_sample_rate=16000)")

    async def stop(self) -> None:
        self._left = b""
        self._outlet.finish()

    async def process_frame(self, frame: FilterControlFrame) -> None:
        if isinstance(frame, FilterEnableFrame) and frame.enable != self._gates:
            self._gates = frame.enable
            self._left += self._audio_of(self._outlet.finish())  # nothing, if it was out of the way

    async def filter(self, audio: bytes) -> bytes:
        """Takes the next audio (int16, mono) and returns what is decided on, empty if nothing is."""
        left, self._left = self._left, b""
        seconds = len(audio) / (2 * SAMPLE_RATE)
        self.heard_s += seconds
        items = self._outlet.hear(audio, SAMPLE_RATE, 1) if self._gates else None
        if items is None:
            self.sent_s += seconds
            return left + audio  # the audio passes
        return left + self._audio_of(items)

    def _audio_of(self, items: list[Item]) -> bytes:
        self.sent_s += sum(len(item.samples) for item in items if isinstance(item, Audio)) / SAMPLE_RATE
        return b"".join(map(audio_of, items))
