"""voxgate in LiveKit Agents: a VAD that knows the agent's own voice.

>>> from voxgate.livekit import VAD, EchoReference
>>> vad = VAD.load()  # in the place of silero.VAD.load(), with the same options
>>> session = AgentSession(vad=vad, aec_warmup_duration=None, ...)  # doctest: +SKIP
>>> await session.start(...)  # doctest: +SKIP
>>> session.output.audio = EchoReference(session.output.audio, vad)  # doctest: +SKIP

A VAD with an `EchoReference` belongs to one session.
"""

from ._disconnect import disconnect_cause
from ._echo_reference import EchoReference
from ._vad import VAD, VADStream

__all__ = ["VAD", "EchoReference", "VADStream", "disconnect_cause"]
