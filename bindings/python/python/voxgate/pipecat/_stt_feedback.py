"""What speech-to-text found, for the analyzer's gate."""

from __future__ import annotations

from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from ._analyzer import VoxgateVADAnalyzer


class SttFeedback(FrameProcessor):
    """Tells the analyzer of every transcript: openings without words raise its bar. It stands behind the speech-to-text
    service; nothing is changed.
    """

    def __init__(self, analyzer: VoxgateVADAnalyzer) -> None:
        super().__init__()
        self._analyzer = analyzer

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame) and direction == FrameDirection.DOWNSTREAM:
            self._analyzer.feedback(frame.text)
        await self.push_frame(frame, direction)
