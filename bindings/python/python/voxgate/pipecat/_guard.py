"""All of voxgate around a pipeline's speech-to-text."""

from __future__ import annotations

from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameProcessor

from .. import Config
from ._analyzer import VoxgateVADAnalyzer
from ._echo_reference import EchoReference
from ._stt_feedback import SttFeedback
from ._stt_gate import SttGate


class GuardedStt:
    """A speech-to-text service that receives the user's speech only, and the reference that makes it deaf to the bot.

    >>> listening = guard(stt)  # doctest: +SKIP
    >>> Pipeline([  # doctest: +SKIP
    ...     transport.input(), *listening.processors, aggregators.user(), llm, tts,
    ...     transport.output(), listening.reference, aggregators.assistant(),
    ... ])
    """

    def __init__(self, stt: FrameProcessor, config: Config | None, params: VADParams | None) -> None:
        self.analyzer = VoxgateVADAnalyzer(params=params, config=config)
        """The VAD; `analyzer.agent_said` and `analyzer.feedback` are for what does not pass through the pipeline."""
        self.gate = SttGate(self.analyzer, config=config)
        """`gate.heard_s` and `gate.sent_s` say what was saved."""
        self.processors: list[FrameProcessor] = [
            VADProcessor(vad_analyzer=self.analyzer),
            self.gate,
            stt,
            SttFeedback(self.analyzer),
        ]
        """From behind `transport.input()` to before the user aggregator, which then gets no analyzer."""
        self.reference = EchoReference(self.analyzer)
        """Its place is behind `transport.output()`."""


def guard(stt: FrameProcessor, *, config: Config | None = None, params: VADParams | None = None) -> GuardedStt:
    """Puts the VAD, the gate and its feedback around a speech-to-text service.

    Args:
        stt: The service.
        config: Settings of the gate; a `forward` policy other than "keepalive" is for providers that want it.
        params: Pipecat's own; those that are set count.
    """
    return GuardedStt(stt, config, params)
