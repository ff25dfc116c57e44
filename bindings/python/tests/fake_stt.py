"""A streaming speech-to-text that hears an utterance's end by silence, as providers do."""

from __future__ import annotations

from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, TimedString

RATE = 16_000
HEARD = "He was not an ill disposed young man"


class FakeSTT(stt.STT[Any]):
    def __init__(self, text: str = HEARD, *, streaming: bool = True) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=streaming, interim_results=False))
        self.text = text
        self.received = np.empty(0, np.int16)
        self.flushes = 0
        self.streams: list[FakeStream] = []

    async def _recognize_impl(self, buffer: Any, **_: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any) -> FakeStream:
        self.streams.append(FakeStream(self, conn_options))
        return self.streams[-1]


class FakeStream(stt.RecognizeStream):
    """Each utterance is a final transcript with one word, from its first sample to its last."""

    def __init__(self, fake: FakeSTT, conn_options: APIConnectOptions) -> None:
        super().__init__(stt=fake, conn_options=conn_options)
        self._fake, self._at = fake, 0
        self._began: int | None = None
        self._ended = 0

    def reconnect(self) -> None:
        """The provider's clock begins anew, as after a lost connection."""
        self.start_time_offset += 100.0
        self._at, self._began = 0, None

    async def _run(self) -> None:
        async for item in self._input_ch:
            if not isinstance(item, rtc.AudioFrame):
                self._fake.flushes += 1
                continue
            assert item.sample_rate == RATE
            samples = np.frombuffer(item.data, np.int16)
            self._fake.received = np.concatenate([self._fake.received, samples])
            loud = np.flatnonzero(samples)
            if len(loud):
                self._began = self._at if self._began is None else self._began
                self._ended = self._at + int(loud[-1])
            self._at += len(samples)
            if self._began is not None and self._at - self._ended > 0.4 * RATE:
                self._tell(self._began / RATE, self._ended / RATE)
                self._began = None

    def _tell(self, start_s: float, end_s: float) -> None:
        start_s, end_s = start_s + self.start_time_offset, end_s + self.start_time_offset
        word = TimedString("He", start_time=start_s, end_time=end_s)
        said = stt.SpeechData(language="en", text=self._fake.text, start_time=start_s, end_time=end_s, words=[word])  # type: ignore[arg-type]
        self._event_ch.send_nowait(stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[said]))
