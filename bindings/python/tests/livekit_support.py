"""LiveKit's side of the tests: frames, events and outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents import vad
from livekit.agents.voice import io
from scipy.signal import resample_poly

START, DONE, END = (
    vad.VADEventType.START_OF_SPEECH,
    vad.VADEventType.INFERENCE_DONE,
    vad.VADEventType.END_OF_SPEECH,
)
T = TypeVar("T")
Samples = npt.NDArray[np.int16]


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 120))


def frames(samples: Samples, rate: int, chunk_s: float = 0.01) -> Iterator[rtc.AudioFrame]:
    size = max(round(chunk_s * rate), 1)
    for start in range(0, len(samples), size):
        chunk = samples[start : start + size]
        yield rtc.AudioFrame(chunk.tobytes(), rate, 1, len(chunk))


def resampled(samples: Samples, rate: int, to: int) -> Samples:
    if rate == to:
        return samples
    divisor = np.gcd(rate, to)
    return (
        resample_poly(samples.astype(np.float64), to // divisor, rate // divisor).clip(-32_768, 32_767).astype(np.int16)
    )


def joined(parts: Iterable[rtc.AudioFrame]) -> Samples:
    found = [np.frombuffer(part.data, np.int16) for part in parts]
    return np.concatenate(found) if found else np.empty(0, np.int16)


async def events_of(detector: vad.VAD, audio: Iterable[rtc.AudioFrame]) -> list[vad.VADEvent]:
    stream = detector.stream()
    for frame in audio:
        stream.push_frame(frame)
    stream.end_input()
    events = [event async for event in stream]
    await stream.aclose()
    return events


def of(kind: vad.VADEventType, events: Iterable[vad.VADEvent]) -> list[vad.VADEvent]:
    return [event for event in events if event.type == kind]


class FakeOutput(io.AudioOutput):
    """A sink that takes everything at once; the test says what is played when."""

    def __init__(self) -> None:
        super().__init__(label="fake", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=16_000)
        self.calls: list[str] = []

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.calls.append("capture")

    def flush(self) -> None:
        super().flush()
        self.calls.append("flush")

    def clear_buffer(self) -> None:
        self.calls.append("clear")

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")
