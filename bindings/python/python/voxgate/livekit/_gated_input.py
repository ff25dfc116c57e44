"""Audio for a realtime model: the user's speech, and silence in the place of everything else."""

from __future__ import annotations

from collections import deque

import numpy as np
from livekit import rtc
from livekit.agents.voice import io

from .. import SAMPLE_RATE, Audio, Config, Forwarder, Gate, Zeros
from ._vad import VAD


class GatedInput(io.AudioInput):
    """Wraps a session's audio input for a speech-to-speech model, which hears the microphone without a `stt`.

    >>> session.input.audio = GatedInput(session.input.audio, vad)  # doctest: +SKIP

    The timeline is kept: what the gate does not forward becomes zeros, sample for sample, 16 kHz mono. Silence comes
    out as late as it could still have become pre-roll, some 0.4 s; when the gate opens, everything up to now follows.
    The VAD's `EchoReference` serves this gate too.
    """

    def __init__(self, source: io.AudioInput, vad: VAD, *, config: Config | None = None) -> None:
        """Args:
        source: The session's own input.
        vad: The session's VAD.
        config: Settings of the gate; `forward.policy` is "silence" whatever they say.
        """
        super().__init__(label="voxgate.GatedInput", source=source)
        base = config if config is not None else Config()
        self._config = base.replace(forward={"policy": "silence"})
        self._ear = vad._ear()
        self._forwarder: Forwarder | None = None
        self._format = (0, 0)
        self._ready: deque[rtc.AudioFrame] = deque()
        self.heard_s = 0.0
        """Seconds of audio that came from the microphone."""
        self.sent_s = 0.0
        """Seconds of it that went on; the rest is silence."""

    async def __anext__(self) -> rtc.AudioFrame:
        while not self._ready:
            try:
                frame = await super().__anext__()
            except StopAsyncIteration:
                self._finish()
                if not self._ready:
                    raise
                break
            self._hear(frame)
        return self._ready.popleft()

    def _hear(self, frame: rtc.AudioFrame) -> None:
        gate, given = self._ear.gate, (frame.sample_rate, frame.num_channels)
        if gate is None or given != self._format:
            gate = self._open(*given)
        self.heard_s += frame.duration
        if self._ear.hear(gate, frame.data[: frame.samples_per_channel * frame.num_channels]) is None:
            self._open(*given)
            return self._ready.append(frame)  # the audio passes
        self._take()

    def _open(self, rate: int, channels: int) -> Gate:
        gate = self._ear.open(rate, channels, self._config)
        self._format, self._forwarder = (rate, channels), Forwarder(gate)
        return gate

    def _finish(self) -> None:
        if self._ear.gate is not None and self._forwarder is not None:
            self._ear.gate.finish()
            self._take()
            self._ear.gate, self._forwarder = None, None

    def _take(self) -> None:
        for item in self._forwarder.take() if self._forwarder else []:
            if isinstance(item, Audio):
                samples = np.clip(np.rint(item.samples * 32_768), -32_768, 32_767).astype(np.int16)
                self._ready.append(rtc.AudioFrame(samples.tobytes(), SAMPLE_RATE, 1, len(samples)))
                self.sent_s += len(samples) / SAMPLE_RATE
            elif isinstance(item, Zeros):
                self._ready.append(rtc.AudioFrame(bytes(2 * item.count), SAMPLE_RATE, 1, item.count))
