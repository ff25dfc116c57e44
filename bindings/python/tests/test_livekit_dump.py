"""`GuardedCall.dump`: what the gate heard and decided, in files from which the command decides again."""

from __future__ import annotations

import asyncio
import math
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

import voxgate
from conftest import recording, run_command
from fake_stt import FakeSTT
from livekit_room import FakeContext
from livekit_support import FakeOutput, Samples, frames, resampled, run
from voxgate.guard import MemoryStore
from voxgate.livekit import EchoReference, GuardedCall, guard

MIC, AGENT = recording("echo_mic").mono, recording("echo_playback").mono
LENGTH_S = len(MIC) / 16_000


async def call_of(mic: Samples, rate: int, keep_s: float | None, agent_rate: int = 16_000) -> GuardedCall:
    """A call that has heard the agent's echo and the user."""
    call = await guard(FakeContext(), stt=FakeSTT(), store=MemoryStore(), keep_s=keep_s)  # type: ignore[arg-type]
    assert isinstance(call, GuardedCall)
    vad, now_s = call._vad, 1_000_000.0
    vad._clock = lambda: now_s
    stream, reference = vad.stream(), EchoReference(FakeOutput(), vad)
    agent = resampled(AGENT, 16_000, agent_rate)
    for i, frame in enumerate(frames(mic, rate, 0.05)):
        now_s += frame.duration
        stream.push_frame(frame)
        for _ in range(20):
            await asyncio.sleep(0)
        if i == 0:
            for said in frames(agent, agent_rate, 0.1):
                await reference.capture_frame(said)
            reference.on_playback_started(created_at=1_000_000.0)
    await stream.aclose()
    return call


def read(path: Path) -> tuple[int, Samples]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)


def decided_again(folder: Path) -> list[str]:
    files = ("--playback", folder / "playback.wav", "--config", folder / "config.toml")
    return run_command("gate", folder / "mic.wav", *files, "--quiet", "--frames", "-").splitlines()


def test_of_a_whole_call_the_command_decides_as_the_gate_did(tmp_path: Path) -> None:
    call = run(call_of(MIC, 16_000, keep_s=60.0))
    call.dump(tmp_path / "call")
    rate, mic = read(tmp_path / "call" / "mic.wav")
    assert rate == 16_000
    np.testing.assert_array_equal(mic, MIC)
    _, playback = read(tmp_path / "call" / "playback.wav")
    np.testing.assert_array_equal(playback[800:], AGENT[800 : len(MIC)])
    decided = (tmp_path / "call" / "decisions.csv").read_text().splitlines()
    again = decided_again(tmp_path / "call")
    assert len(decided) == len(again) == len(MIC) // 160 + 1
    # The first frame came before it was known what plays.
    assert decided[0] == again[0] and decided[6:] == again[6:]
    assert any(",echo," in row for row in decided) and any(",forward," in row for row in decided)


@pytest.mark.parametrize(("rate", "agent_rate"), [(16_000, 16_000), (24_000, 16_000), (48_000, 24_000)])
def test_of_a_part_of_it_the_command_opens_where_the_gate_did(tmp_path: Path, rate: int, agent_rate: int) -> None:
    call = run(call_of(resampled(MIC, 16_000, rate), rate, keep_s=8.0, agent_rate=agent_rate))
    call.dump(tmp_path)
    found, mic = read(tmp_path / "mic.wav")
    _, playback = read(tmp_path / "playback.wav")
    assert found == rate and len(mic) == len(playback) and 8.0 <= len(mic) / rate <= 8.1
    decided, again = (tmp_path / "decisions.csv").read_text().splitlines(), decided_again(tmp_path)
    assert len(again) - 2 <= len(decided) <= len(again), "what the resampler holds was not decided on"
    opened = [next(i for i, row in enumerate(table) if ",forward," in row) for table in (decided, again)]
    start_s = LENGTH_S - len(mic) / rate
    assert start_s + opened[0] / 100 == pytest.approx(7.15, abs=0.2), "the user cuts in"
    assert opened[1] == pytest.approx(opened[0], abs=5)


def test_what_is_withdrawn_is_not_in_the_playback(tmp_path: Path) -> None:
    async def work() -> GuardedCall:
        call = await call_of(MIC[: 4 * 16_000], 16_000, keep_s=60.0)
        stream, reference = call._vad.stream(), EchoReference(FakeOutput(), call._vad)
        quiet = np.zeros(1_600, np.int16)
        for part in (quiet, quiet):
            for frame in frames(part, 16_000, 0.05):
                stream.push_frame(frame)
            while stream._input_ch.qsize():
                await asyncio.sleep(0)
            for said in frames(AGENT[8_000:24_000], 16_000, 0.1):
                await reference.capture_frame(said)
            reference.clear_buffer()
        await stream.aclose()
        return call

    call = run(work())
    call.dump(tmp_path)
    assert math.isclose(len(read(tmp_path / "playback.wav")[1]) / 16_000, 4.0, abs_tol=0.01), (
        "the longest that was heard"
    )


def test_only_the_last_seconds_are_kept(tmp_path: Path) -> None:
    call = run(call_of(np.tile(MIC, 3), 16_000, keep_s=2.0))
    (kept,) = call._vad._recordings
    assert sum(map(len, kept._mic)) <= 2.1 * 16_000 and len(kept._decisions) <= 206
    assert sum(len(line.audio) for line in kept._tracks["voice"].lines) <= 2 * 3.1 * 16_000


def test_nothing_is_kept_unless_it_was_asked_for(tmp_path: Path) -> None:
    call = run(call_of(MIC[:16_000], 16_000, keep_s=None))
    assert not call._vad._recordings
    with pytest.raises(voxgate.MisuseError, match="keep_s=30"):
        call.dump(tmp_path / "call")
    call = run(call_of(MIC[:0], 16_000, keep_s=5.0))
    with pytest.raises(voxgate.MisuseError, match="nothing was heard yet"):
        call.dump(tmp_path / "call")
    assert not (tmp_path / "call").exists()
