"""Speech-to-text that receives, and bills, the user's speech only."""

from __future__ import annotations

from pipecat.frames.frames import Frame, InputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from .. import SAMPLE_RATE, Config
from .._outlet import Outlet, audio_of
from ._analyzer import VoxgateVADAnalyzer


class SttGate(FrameProcessor):
    """Passes on only the audio that its gate forwards. It stands before the speech-to-text service, and behind a
    `VADProcessor` with the analyzer, which hears everything; the user aggregator then gets no analyzer.

    Pauses are not sent. Half a second of zeros follows each stretch of speech, so that the provider hears its end, and
    a tenth of a second every five seconds, so that it does not hang up. Both rates are 16 kHz, Pipecat's default.
    """

    def __init__(self, analyzer: VoxgateVADAnalyzer, *, config: Config | None = None) -> None:
        """Args:
        analyzer: Its `EchoReference` and `SttFeedback` serve this gate too.
        config: Settings of the gate; `forward` is {"policy": "keepalive", "provider": "generic"} if it is not given.
        """
        super().__init__()
        settings = config if config is not None else Config(forward={"policy": "keepalive"})
        self._outlet = Outlet(analyzer._new_ear(), settings)
        self.heard_s = 0.0
        """Seconds of audio that came."""
        self.sent_s = 0.0
        """Seconds that went on, zeros included."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, InputAudioRawFrame) or direction != FrameDirection.DOWNSTREAM:
            await self.push_frame(frame, direction)
            return
        for audio in self._forwarded(frame):
            self.sent_s += len(audio) / (2 * SAMPLE_RATE)
            await self.push_frame(InputAudioRawFrame(audio, SAMPLE_RATE, 1))

    def _forwarded(self, frame: InputAudioRawFrame) -> list[bytes]:
        """What goes on after this frame, as int16."""
        if frame.sample_rate != SAMPLE_RATE:
            raise ValueError(f"the audio has {frame.sample_rate} Hz; set PipelineParams(audio_in_sample_rate=16000)")
        self.heard_s += frame.num_frames / SAMPLE_RATE
        items = self._outlet.hear(frame.audio, SAMPLE_RATE, frame.num_channels)
        if items is None:
            return [frame.audio]  # the audio passes
        # Messages have no audio: Pipecat's services have keep-alives of their own.
        return [audio for item in items if (audio := audio_of(item))]
