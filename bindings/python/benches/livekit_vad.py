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
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents import inference, vad
from livekit.agents.voice import io
from voxgate.livekit import VAD, EchoReference

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


async def cost_us(detector: vad.VAD, mic: npt.NDArray[np.int16], agent: npt.NDArray[np.int16] | None = None) -> float:
    """Microseconds of CPU for each 32 ms."""
    stream = detector.stream()
    now_s = 0.0
    reference = None
    if agent is not None:
        assert isinstance(detector, VAD)
        detector._clock = lambda: now_s
        reference = EchoReference(Sink(), detector)

    async def drain() -> None:
        async for _ in stream:
            pass

    drained = asyncio.create_task(drain())
    started = time.process_time()
    for start in range(0, len(mic) - CHUNK, CHUNK):
        if reference is not None and agent is not None:
            await reference.capture_frame(rtc.AudioFrame(agent[start : start + CHUNK].tobytes(), RATE, 1, CHUNK))
        now_s += CHUNK / RATE
        stream.push_frame(rtc.AudioFrame(mic[start : start + CHUNK].tobytes(), RATE, 1, CHUNK))
        await asyncio.sleep(0)
    stream.end_input()
    await drained
    spent_s = time.process_time() - started
    await stream.aclose()
    return spent_s * 1e6 / (len(mic) / RATE / 0.032)


def rows() -> list[tuple[str, Callable[[], vad.VAD], bool]]:
    found: list[tuple[str, Callable[[], vad.VAD], bool]] = [
        ("voxgate", VAD.load, False),
        ("voxgate, the agent speaks", VAD.load, True),
        ("livekit inference.VAD", inference.VAD, False),
    ]
    try:
        from livekit.plugins import silero
    except ImportError:
        return found
    return [*found, ("livekit plugins.silero", silero.VAD.load, False)]


def medians(mic: npt.NDArray[np.int16], agent: npt.NDArray[np.int16], rounds: int = 7) -> dict[str, float]:
    """Each round measures all of them, so that the machine's mood is shared."""
    costs: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, make, speaks in rows():
            costs.setdefault(name, []).append(asyncio.run(cost_us(make(), mic, agent if speaks else None)))
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
