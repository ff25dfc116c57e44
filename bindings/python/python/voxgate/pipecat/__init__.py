"""voxgate in Pipecat: a VAD analyzer that knows the bot's own voice.

>>> from voxgate.pipecat import EchoReference, SttFeedback, SttGate, VoxgateVADAnalyzer
>>> analyzer = VoxgateVADAnalyzer()  # in the place of SileroVADAnalyzer()
>>> Pipeline([  # doctest: +SKIP
...     transport.input(), VADProcessor(vad_analyzer=analyzer), SttGate(analyzer), stt, SttFeedback(analyzer), ...,
...     transport.output(), EchoReference(analyzer), ...
... ])
"""

from ._analyzer import VoxgateVADAnalyzer
from ._echo_reference import EchoReference
from ._stt_feedback import SttFeedback
from ._stt_gate import SttGate

__all__ = ["EchoReference", "SttFeedback", "SttGate", "VoxgateVADAnalyzer"]
