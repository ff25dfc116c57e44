"""What a gate heard, was told of the agent, and decided: the last seconds of it, to be written as files."""

from __future__ import annotations

import wave
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ._voxgate import SAMPLE_RATE, Decision, Gate, Ledger

Samples = npt.NDArray[np.int16]
Source = Literal["voice", "background"]
"""What is played: the agent's voice, or what is beside it."""


class Recording:
    """Times are seconds of the microphone."""

    def __init__(self, gate: Gate, keep_s: float) -> None:
        self._gate, self._keep_s = gate, keep_s
        self._mic: deque[Samples] = deque()
        self._start = self._end = 0  # of the microphone's audio that is kept, in its sample frames
        self._decisions: deque[Decision] = deque()
        self._tracks: dict[Source, _Track] = {"voice": _Track(), "background": _Track()}
        self.heard_at = 0.0
        """When it heard something last, by the clock of who hears."""

    @property
    def heard_s(self) -> float:
        """How long it has heard."""
        return self._gate.now_s

    def heard(self, data: bytes | memoryview, decisions: list[Decision], now: float) -> None:
        self.heard_at = now
        self._mic.append(_first_channel(data, self._gate.channels))
        self._end += len(self._mic[-1])
        self._decisions += decisions
        self._forget_before(self._gate.now_s - self._keep_s)

    def played(
        self, data: bytes | memoryview, rate: int, channels: int, at_s: float | None, source: Source = "voice"
    ) -> None:
        """Audio is played from `at_s` on, or after what the source played before."""
        self._tracks[source].play(_first_channel(data, channels), rate, at_s, self._gate.now_s)

    def silent(self, at_s: float) -> None:
        """The agent is silent from `at_s` on."""
        self._tracks["voice"].end_at(at_s)

    def write(self, folder: Path) -> None:
        """Writes mic.wav and playback.wav, which begin and end together, decisions.csv and config.toml."""
        rate = self._gate.sample_rate
        frame = rate // 100
        skipped = -self._start % frame  # so that frames are where they were
        mic = np.concatenate([*self._mic, np.empty(0, np.int16)])[skipped:]
        playback = _mixed([track.audio(rate, self._start + skipped, len(mic)) for track in self._tracks.values()])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_wav(folder / "mic.wav", mic, rate)
        _write_wav(folder / "playback.wav", playback, rate)
        start = (self._start + skipped) * SAMPLE_RATE // rate
        decisions = [decision for decision in self._decisions if decision.frame.start >= start]
        (folder / "decisions.csv").write_text("\n".join(_rows(decisions, start)) + "\n")
        (folder / "config.toml").write_text(self._gate.config.to_toml())

    def _forget_before(self, at_s: float) -> None:
        while self._mic and self._start + len(self._mic[0]) < at_s * self._gate.sample_rate:
            self._start += len(self._mic.popleft())
        while self._decisions and self._decisions[0].frame.start * self._gate.sample_rate < self._start * SAMPLE_RATE:
            self._decisions.popleft()
        for track in self._tracks.values():
            track.begin_at(at_s)


class _Track:
    """What one source played."""

    def __init__(self) -> None:
        self.lines: list[_Line] = []

    def play(self, samples: Samples, rate: int, at_s: float | None, now_s: float) -> None:
        line = self.lines[-1] if self.lines else None
        if line is None or not line.goes_on(rate, at_s, now_s):
            line = _Line(rate, now_s if at_s is None else at_s, bytearray())
            self.lines.append(line)
        line.audio += samples.tobytes()

    def end_at(self, at_s: float) -> None:
        for line in self.lines:
            line.end_at(at_s)

    def begin_at(self, at_s: float) -> None:
        for line in self.lines:
            line.begin_at(at_s)
        self.lines = [line for line in self.lines if line.end_s > at_s or line is self.lines[-1]]

    def audio(self, rate: int, start: int, length: int) -> Samples:
        """The `length` sample frames from `start` on."""
        audio = np.zeros(length, np.int16)
        for line in self.lines:
            samples, at = line.resampled(rate), round(line.at_s * rate) - start
            part = samples[max(-at, 0) : max(length - at, 0)]
            audio[max(at, 0) : max(at, 0) + len(part)] = part
        return audio


@dataclass
class _Line:
    """Playback without a gap, int16."""

    rate: int
    at_s: float
    audio: bytearray

    @property
    def end_s(self) -> float:
        return self.at_s + len(self.audio) / (2 * self.rate)

    def goes_on(self, rate: int, at_s: float | None, now_s: float) -> bool:
        in_time = self.end_s >= now_s if at_s is None else abs(at_s - self.end_s) <= _TOLERANCE_S
        return self.rate == rate and in_time

    def begin_at(self, at_s: float) -> None:
        early = int((at_s - self.at_s) * self.rate)
        if early > self.rate:  # rarely, for each time moves the rest
            del self.audio[: 2 * early]
            self.at_s += early / self.rate

    def end_at(self, at_s: float) -> None:
        del self.audio[2 * max(round((at_s - self.at_s) * self.rate), 0) :]

    def resampled(self, rate: int) -> Samples:
        samples = np.frombuffer(bytes(self.audio), np.int16)
        if rate == self.rate or not len(samples):
            return samples
        count = len(samples) * rate // self.rate
        spectrum = np.fft.rfft(samples)[: count // 2 + 1]
        return np.clip(np.rint(np.fft.irfft(spectrum, count) * count / len(samples)), -32_768, 32_767).astype(np.int16)


def _rows(decisions: list[Decision], start: int) -> Iterator[str]:
    """The table of `voxgate gate --frames`; its times are those of the files."""
    yield "t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms"
    ledger = Ledger()
    settled = [row for decision in decisions for row in ledger.push(decision)] + ledger.finish()
    for decision, row in zip(decisions, settled, strict=True):
        echo, at = decision.evidence.echo, decision.frame.start - start
        delay_ms = echo.delay_ms if echo is not None and echo.quality == "locked" else None
        fields = [
            f"{at / 16:g}",
            f"{decision.evidence.speech:.5f}",
            f"{echo.likelihood if echo else 0.0:.5f}",
            "" if delay_ms is None else f"{delay_ms:.1f}",
            decision.turn,
            decision.verdict,
            {"forward": "", "hold": decision.reason, "suppress": row.reason or decision.reason}[decision.verdict] or "",
            "0" if row.released is None else "1",
            "" if row.released is None else f"{(row.released - start) / 16:g}",
        ]
        yield ",".join(fields)


def _mixed(sounds: list[Samples]) -> Samples:
    total = np.sum(sounds, axis=0, dtype=np.int32)
    return np.clip(total, -32_768, 32_767).astype(np.int16)


def _first_channel(data: bytes | memoryview, channels: int) -> Samples:
    """A copy of what the gate hears of int16 samples."""
    return np.frombuffer(bytes(data), np.int16)[::channels]


def _write_wav(path: Path, samples: Samples, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


_TOLERANCE_S = 0.005
"""Times within it of the end of what was played before are taken as equal, as the gate does."""
