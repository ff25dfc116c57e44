"""voxgate in Pipecat: a VAD analyzer that knows the bot's own voice.

>>> from voxgate.pipecat import EchoReference, VoxgateVADAnalyzer
>>> analyzer = VoxgateVADAnalyzer()  # in the place of SileroVADAnalyzer()
>>> Pipeline([transport.input(), stt, ..., transport.output(), EchoReference(analyzer), ...])  # doctest: +SKIP
"""

from ._analyzer import VoxgateVADAnalyzer
from ._echo_reference import EchoReference

__all__ = ["EchoReference", "VoxgateVADAnalyzer"]
