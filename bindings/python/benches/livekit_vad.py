"""What a window of 32 ms costs in LiveKit, by voxgate's VAD and by LiveKit's own, in one run.

python benches/livekit_vad.py [RECORDING.wav]

CPU time of the whole process, the session's frames of 50 ms at 24 kHz included; the median of seven rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents import inference, stt, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.voice import io
from voxgate.livekit import VAD, EchoReference, GatedSTT

RATE, CHUNK = 24_000, 1_200
SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def read(path: Path) -> npt.NDArray[np.int16]:
    """The recording at 24 kHz; how well it is resampled does not matter here."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)[:: file.getnchannels()]
        at = np.arange(len(samples) * RATE // file.getframerate()) * file.getframerate() / RATE
    return np.interp(at, np.arange(len(samples)), samples).astype(np.int16)


class Sink(io.AudioOutput):
    def __init__(self) -> None:
        super().__init__(label="sink", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=RATE)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)

    def flush(self) -> None:
        super().flush()

    def clear_buffer(self) -> None:
        pass


class DeafSTT(stt.STT[Any]):
    """Takes audio and finds nothing."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, buffer: Any, **_: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any) -> stt.RecognizeStream:
        return DeafStream(stt=self, conn_options=conn_options)


class DeafStream(stt.RecognizeStream):
    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass


@dataclass(frozen=True)
class Row:
    make: Callable[[], vad.VAD]
    agent_speaks: bool = False
    gates_stt: bool = False


async def cost_us(row: Row, mic: npt.NDArray[np.int16], agent: npt.NDArray[np.int16]) -> float:
    """Microseconds of CPU for each 32 ms."""
    detector = row.make()
    stream = detector.stream()
    now_s = 0.0
    reference, heard = None, None
    if isinstance(detector, VAD):
        detector._clock = lambda: now_s
        reference = EchoReference(Sink(), detector) if row.agent_speaks else None
        heard = GatedSTT(DeafSTT(), detector).stream() if row.gates_stt else None

    async def drain(events: AsyncIterator[Any]) -> None:
        async for _ in events:
            pass

    drained = [asyncio.create_task(drain(events)) for events in (heard, stream) if events is not None]
    started = time.process_time()
    for start in range(0, len(mic) - CHUNK, CHUNK):
        if reference is not None:
            await reference.capture_frame(rtc.AudioFrame(agent[start : start + CHUNK].tobytes(), RATE, 1, CHUNK))
        now_s += CHUNK / RATE
        frame = rtc.AudioFrame(mic[start : start + CHUNK].tobytes(), RATE, 1, CHUNK)
        if heard is not None:
            heard.push_frame(frame)
        stream.push_frame(frame)
        await asyncio.sleep(0)
    stream.end_input()
    if heard is not None:
        heard.end_input()
    await asyncio.gather(*drained)
    spent_s = time.process_time() - started
    await stream.aclose()
    if heard is not None:
        await heard.aclose()
    return spent_s * 1e6 / (len(mic) / RATE / 0.032)


def rows() -> dict[str, Row]:
    found = {
        "voxgate": Row(VAD.load),
        "voxgate, the agent speaks": Row(VAD.load, agent_speaks=True),
        "voxgate and GatedSTT": Row(VAD.load, gates_stt=True),
        "  the agent speaks": Row(VAD.load, agent_speaks=True, gates_stt=True),
        "livekit inference.VAD": Row(inference.VAD),
    }
    try:
        from livekit.plugins import silero
    except ImportError:
        return found
    return {**found, "livekit plugins.silero": Row(silero.VAD.load)}


def medians(mic: npt.NDArray[np.int16], agent: npt.NDArray[np.int16], rounds: int = 7) -> dict[str, float]:
    """Each round measures all of them, so that the machine's mood is shared."""
    costs: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, row in rows().items():
            costs.setdefault(name, []).append(asyncio.run(cost_us(row, mic, agent)))
    return {name: statistics.median(values) for name, values in costs.items()}


def main() -> None:
    mic = read(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES / "echo_mic.wav")
    agent = read(SAMPLES / "echo_playback.wav")
    agent = np.resize(agent, len(mic))
    found = medians(mic, agent)
    theirs = found["livekit inference.VAD"]
    for name, us in found.items():
        print(f"{name:<28}{us:8.1f} µs per 32 ms   {us / theirs:5.2f}")


if __name__ == "__main__":
    main()
