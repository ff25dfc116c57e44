"""The bot's own audio, as it is written to the transport, for the analyzer."""

from __future__ import annotations

from pipecat.frames.frames import Frame, InterruptionFrame, OutputAudioRawFrame, TTSTextFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from ._analyzer import VoxgateVADAnalyzer


class EchoReference(FrameProcessor):
    """Tells the analyzer what the bot says: then its echo is no speech. It stands behind `transport.output()`, which
    passes audio on once it is written; nothing is changed.
    """

    def __init__(self, analyzer: VoxgateVADAnalyzer) -> None:
        super().__init__()
        self._analyzer = analyzer

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction == FrameDirection.DOWNSTREAM:
            self._hear(frame)
        await self.push_frame(frame, direction)

    def _hear(self, frame: Frame) -> None:
        if isinstance(frame, OutputAudioRawFrame):
            self._analyzer._play(frame.audio, frame.sample_rate, frame.num_channels)
        elif isinstance(frame, InterruptionFrame):
            self._analyzer._silence()
        elif isinstance(frame, TTSTextFrame):
            self._analyzer.agent_said(frame.text)
