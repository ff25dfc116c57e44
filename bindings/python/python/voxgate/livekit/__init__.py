"""voxgate in LiveKit Agents: a VAD that knows the agent's own voice, and speech-to-text that gets speech only.

>>> from voxgate.livekit import VAD, EchoReference, GatedSTT
>>> vad = VAD.load()  # in the place of silero.VAD.load(), with the same options
>>> session = AgentSession(  # doctest: +SKIP
...     vad=vad, stt=GatedSTT(deepgram.STT(), vad), aec_warmup_duration=None, ...
... )
>>> await session.start(...)  # doctest: +SKIP
>>> session.output.audio = EchoReference(session.output.audio, vad)  # doctest: +SKIP

A VAD with an `EchoReference` belongs to one session.
"""

from ._disconnect import disconnect_cause
from ._echo_reference import EchoReference
from ._gated_stt import GatedSTT
from ._vad import VAD, VADStream

__all__ = ["VAD", "EchoReference", "GatedSTT", "VADStream", "disconnect_cause"]
