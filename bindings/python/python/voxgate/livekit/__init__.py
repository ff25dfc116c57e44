"""voxgate in LiveKit Agents: a VAD that knows the agent's own voice, and speech-to-text that gets speech only.

>>> from voxgate.livekit import guard
>>> call = await guard(ctx, stt=deepgram.STT(), llm=..., tts=...)  # doctest: +SKIP
>>> await call.start(Agent(...))  # doctest: +SKIP

`guard` puts all of it around a session, and claims the room. The parts are there too:

>>> from voxgate.livekit import VAD, EchoReference, GatedSTT
>>> vad = VAD.load()  # in the place of silero.VAD.load(), with the same options
>>> session = AgentSession(  # doctest: +SKIP
...     vad=vad, stt=GatedSTT(deepgram.STT(), vad), aec_warmup_duration=None, ...
... )
>>> await session.start(...)  # doctest: +SKIP
>>> session.output.audio = EchoReference(session.output.audio, vad)  # doctest: +SKIP

A VAD with an `EchoReference` belongs to one session.
"""

from ._analysis import decisions_of
from ._background_reference import BackgroundReference
from ._disconnect import disconnect_cause
from ._echo_reference import EchoReference
from ._frame_analyzer import FrameAnalyzer
from ._gated_input import GatedInput
from ._gated_stt import GatedSTT
from ._guard import CallStats, GuardedCall, guard
from ._vad import VAD, VADStream

__all__ = [
    "VAD",
    "BackgroundReference",
    "CallStats",
    "EchoReference",
    "FrameAnalyzer",
    "GatedInput",
    "GatedSTT",
    "GuardedCall",
    "VADStream",
    "decisions_of",
    "disconnect_cause",
    "guard",
]
