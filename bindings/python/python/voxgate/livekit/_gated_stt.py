"""Speech-to-text that receives, and bills, the user's speech only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import Any

from livekit import rtc
from livekit.agents import stt, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr

from .. import SAMPLE_RATE, Config, ConfigError, Forwarder, Span
from ._tap import Piece, Tap
from ._vad import VAD

Restore = Callable[[float], float]


class GatedSTT(stt.STT[Any]):
    """Sends a streaming speech-to-text only what the gate forwards, and gives its times back in the session's.

    >>> session = AgentSession(stt=GatedSTT(deepgram.STT(), vad), vad=vad, ...)  # doctest: +SKIP

    Pauses are not sent. Half a second of zeros follows each stretch of speech, so that the provider hears its end, and
    a tenth of a second every five seconds, so that it does not hang up. Final transcripts go to the gate's feedback.
    """

    def __init__(self, wrapped: stt.STT[Any], vad: VAD, *, config: Config | None = None, shadow: bool = False) -> None:
        """Args:
        wrapped: A streaming STT; one that is not asks for whole utterances of the VAD as it is.
        vad: The session's VAD: its gate decides for both, with its settings, and each frame is analysed once. Of a VAD
            with `config`, the section `forward` counts here; its policy is "keepalive" in the place of "drop".
        config: Settings of a gate of its own, which hears the microphone beside the VAD; `forward` as given.
        shadow: Send everything, and count what would be sent.

        Raises:
            ValueError: An STT that does not stream, or a config that closes the connection.
        """
        if not wrapped.capabilities.streaming:
            raise ValueError(f"{wrapped.label} does not stream: give it to the session as it is")
        if (config or vad._config)["forward.close_after"] != "off":
            raise ConfigError("forward.close_after closes the connection, which is the STT's own; set it to off")
        super().__init__(capabilities=wrapped.capabilities)
        self._config, vad._gates_stt = config, True
        self._wrapped, self._vad, self._shadow = wrapped, vad, shadow
        self.heard_s = 0.0
        """Seconds of audio that the session pushed."""
        self.sent_s = 0.0
        """Seconds that the STT received, zeros included; in shadow those that it would have."""
        self.misfires = 0
        """Final transcripts without words of the user."""
        wrapped.on("metrics_collected", self._emit_metrics)

    @property
    def wrapped_stt(self) -> stt.STT[Any]:
        return self._wrapped

    @property
    def model(self) -> str:
        return self._wrapped.model

    @property
    def provider(self) -> str:
        return self._wrapped.provider

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        return await self._wrapped.recognize(buffer, language=language, conn_options=conn_options)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _GatedStream(self, language=language, conn_options=conn_options)

    def prewarm(self) -> None:
        self._wrapped.prewarm()

    async def aclose(self) -> None:
        self._wrapped.off("metrics_collected", self._emit_metrics)
        await self._wrapped.aclose()

    def _emit_metrics(self, *args: Any, **kwargs: Any) -> None:
        self.emit("metrics_collected", *args, **kwargs)


class _GatedStream(stt.RecognizeStream):
    def __init__(self, gated: GatedSTT, *, language: NotGivenOr[str], conn_options: APIConnectOptions) -> None:
        self._gated, self._language, self._inner_options = gated, language, conn_options
        self._tap = Tap(gated._vad, gated._config)
        self._forwarder: Forwarder | None = None  # the tap's, that the counts are of
        self._sent = 0  # samples at 16 kHz to the STT's present connection
        self._first = 0  # which of those that were forwarded is its first
        self._offset_s = 0.0  # that of the STT's present connection
        # The wrapped stream has retries of its own.
        super().__init__(stt=gated, conn_options=APIConnectOptions(max_retry=0, timeout=conn_options.timeout))

    async def _metrics_monitor_task(self, event_aiter: AsyncIterable[stt.SpeechEvent]) -> None:
        async for _ in event_aiter:
            pass  # the wrapped STT measures

    async def _run(self) -> None:
        inner = self._gated._wrapped.stream(language=self._language, conn_options=self._inner_options)
        inner.start_time_offset = self._offset_s = self.start_time_offset
        async with inner:
            tasks = [
                asyncio.create_task(self._forward(inner), name="voxgate.forward"),
                asyncio.create_task(self._hear_back(inner), name="voxgate.hear_back"),
            ]
            try:
                await asyncio.gather(*tasks)
            finally:
                await utils.aio.cancel_and_wait(*tasks)
                self._tap.close()

    async def _forward(self, inner: stt.RecognizeStream) -> None:
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                self._gated.heard_s += item.duration
                if self._gated._shadow:
                    inner.push_frame(item)
                self._send(await self._tap.hear(item), inner)
                continue
            self._send(self._tap.flush(), inner)
            inner.flush()
        self._send(self._tap.finish(), inner)
        inner.end_input()

    def _send(self, pieces: list[Piece], inner: stt.RecognizeStream) -> None:
        """Hands on what goes on to the STT; its own messages keep the connection."""
        if inner.start_time_offset != self._offset_s:  # it has connected anew
            self._first, self._sent, self._offset_s = self._first + self._sent, 0, inner.start_time_offset
        if self._forwarder is not self._tap.forwarder:
            self._forwarder, self._first = self._tap.forwarder, self._tap.first - self._sent
        for piece in pieces:
            if isinstance(piece, bytes):
                self._push(piece, inner)
            elif self._gated._shadow:
                continue
            elif isinstance(piece, rtc.AudioFrame):
                inner.push_frame(piece)
            else:
                inner.flush()

    def _push(self, data: bytes, inner: stt.RecognizeStream) -> None:
        count = len(data) // 2
        if not self._gated._shadow:
            inner.push_frame(rtc.AudioFrame(data, SAMPLE_RATE, 1, count))
        self._sent += count
        self._gated.sent_s += count / SAMPLE_RATE

    async def _hear_back(self, inner: stt.RecognizeStream) -> None:
        async for event in inner:
            for alternative in event.alternatives:
                self._restore(alternative)
            for name in ("speech_start_time", "speech_end_time"):
                if (wall_s := getattr(event, name, None)) is not None:
                    setattr(event, name, self.start_time + self._mic_s(wall_s - inner.start_time))
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT and event.alternatives:
                self._feed_back(event.alternatives[0])
            self._event_ch.send_nowait(event)

    def _restore(self, said: stt.SpeechData) -> None:
        """The provider counts the time of what it was sent."""
        for timed in (said, *(said.words or ())):
            if not isinstance(timed.end_time, float) or not timed.end_time:
                continue  # it gave none
            timed.end_time = self._session_s(timed.end_time)
            if isinstance(timed.start_time, float):
                timed.start_time = self._session_s(timed.start_time)

    def _session_s(self, given_s: float) -> float:
        return self.start_time_offset + self._mic_s(given_s - self._offset_s)

    def _mic_s(self, sent_s: float) -> float:
        if self._gated._shadow:
            return sent_s
        return self._tap.mic_s(round(max(sent_s, 0.0) * SAMPLE_RATE) + self._first)

    def _feed_back(self, said: stt.SpeechData) -> None:
        gate = self._tap.gate
        if gate is None:
            return
        start, end = (self._tap.gate_instant(at - self.start_time_offset) for at in (said.start_time, said.end_time))
        span = Span(start, end) if end > start else None
        confidence = said.confidence if 0 < said.confidence <= 1 else None
        self._gated.misfires += gate.feedback(said.text, confidence=confidence, span=span).verdict == "misfire"
