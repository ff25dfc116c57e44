"""A real-time audio gatekeeper between a microphone and paid speech-to-text.

>>> import numpy as np, voxgate
>>> gate = voxgate.Gate(48_000)
>>> stt = voxgate.Forwarder(gate)
>>> packet = np.zeros(960, np.int16)  # 20 ms from the microphone, again and again
>>> for decision in gate.push(packet):
...     print(decision.verdict, decision.reason)
suppress silence
>>> for item in stt.take():
...     print(item)  # audio to send, and messages: finalize, keep alive, open, close, zeros

``gate.playback(samples)`` tells it what the agent says, ``gate.feedback(text)`` what speech-to-text made of an opening.
``voxgate.livekit`` and ``voxgate.pipecat`` put it into these frameworks; ``voxgate.guard`` has the guards
around it, ``voxgate.budget`` limits, prices and a meter.

Times are samples at 16 kHz of the microphone, or seconds where the name ends in ``_s``.
"""

from ._errors import (
    ConfigError,
    Error,
    InputError,
    InternalError,
    MisuseError,
    ModelError,
    ReconfigureError,
    RefusedError,
    StoreError,
)
from ._voxgate import (
    FRAME_LEN,
    SAMPLE_RATE,
    Abandoned,
    Audio,
    Close,
    Config,
    Decision,
    Echo,
    Evidence,
    Finalize,
    Forwarder,
    Gate,
    KeepAlive,
    Ledger,
    LedgerRow,
    Open,
    PlaybackReport,
    Ruling,
    Span,
    SpeechEnd,
    SpeechStart,
    StormStep,
    TimeMap,
    Zeros,
    __version__,
    push_together,
)

__all__ = [
    "FRAME_LEN",
    "SAMPLE_RATE",
    "Abandoned",
    "Audio",
    "Close",
    "Config",
    "ConfigError",
    "Decision",
    "Echo",
    "Error",
    "Evidence",
    "Finalize",
    "Forwarder",
    "Gate",
    "InputError",
    "InternalError",
    "KeepAlive",
    "Ledger",
    "LedgerRow",
    "MisuseError",
    "ModelError",
    "Open",
    "PlaybackReport",
    "ReconfigureError",
    "RefusedError",
    "Ruling",
    "Span",
    "SpeechEnd",
    "SpeechStart",
    "StoreError",
    "StormStep",
    "TimeMap",
    "Zeros",
    "__version__",
    "push_together",
]
