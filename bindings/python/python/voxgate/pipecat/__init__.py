"""voxgate in Pipecat: a VAD analyzer that knows the bot's own voice.

>>> from voxgate.pipecat import guard
>>> listening = guard(stt)  # doctest: +SKIP
>>> Pipeline([  # doctest: +SKIP
...     transport.input(), *listening.processors, aggregators.user(), llm, tts,
...     transport.output(), listening.reference, aggregators.assistant(),
... ])

The parts are there too: `VoxgateVADAnalyzer` in the place of `SileroVADAnalyzer`, `SttGate`, `SttFeedback` and
`EchoReference`; and `GatedInput`, the transport's filter for a speech-to-speech service.
"""

from ._analyzer import VoxgateVADAnalyzer
from ._echo_reference import EchoReference
from ._gated_input import GatedInput
from ._guard import GuardedStt, guard
from ._stt_feedback import SttFeedback
from ._stt_gate import SttGate

__all__ = ["EchoReference", "GatedInput", "GuardedStt", "SttFeedback", "SttGate", "VoxgateVADAnalyzer", "guard"]
