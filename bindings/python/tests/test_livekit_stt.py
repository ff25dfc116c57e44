"""`GatedSTT` sends speech only, and its transcripts have the session's times."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

import voxgate
from conftest import recording
from fake_stt import RATE, FakeSTT
from livekit.agents import stt
from livekit_support import Samples, frames, run
from voxgate.livekit import VAD, GatedSTT

SPOKEN = np.concatenate([recording("clean_turn").mono, np.zeros(RATE, np.int16)])
"""From 0.70 to 3.22 and from 4.40 to 9.19 s."""


async def transcripts_of(gated: GatedSTT, mic: Samples, *, offset_s: float = 0.0) -> list[stt.SpeechData]:
    stream = gated.stream()
    stream.start_time_offset = offset_s
    for frame in frames(mic, RATE, 0.05):
        stream.push_frame(frame)
        await asyncio.sleep(0)
    stream.end_input()
    found = [event.alternatives[0] async for event in stream if event.alternatives]
    await stream.aclose()
    return found


@pytest.mark.parametrize("offset_s", [0.0, 5.0])
def test_speech_only_is_sent_and_times_are_the_session_s(offset_s: float) -> None:
    fake = FakeSTT()
    gated = GatedSTT(fake, VAD.load())
    said = run(transcripts_of(gated, SPOKEN, offset_s=offset_s))
    assert len(said) == 2
    starts = [one.start_time - offset_s for one in said]
    assert starts == pytest.approx([0.70 - 0.5, 4.40 - 0.5], abs=0.15), "with the pre-roll"
    assert [one.end_time - offset_s for one in said] == pytest.approx([3.22 + 0.3, 9.19 + 0.3], abs=0.4)
    for one in said:
        assert one.words is not None and (one.words[0].start_time, one.words[0].end_time) == (
            one.start_time,
            one.end_time,
        )
    # The sample that the provider calls the start is the very one of the microphone.
    zeros = np.flatnonzero(np.convolve(fake.received == 0, np.ones(7_000), "valid") == 7_000)
    second = int(zeros[0]) + 8_000
    at = round(starts[1] * RATE)
    np.testing.assert_allclose(fake.received[second : second + 1_600], SPOKEN[at : at + 1_600], atol=1)
    assert gated.heard_s == pytest.approx(len(SPOKEN) / RATE, abs=0.06)
    assert gated.sent_s == pytest.approx(len(fake.received) / RATE) and gated.sent_s < gated.heard_s - 1.0
    assert (gated.model, gated.provider) == (fake.model, fake.provider)


def test_silence_and_noise_are_not_sent() -> None:
    fake = FakeSTT()
    noise = np.random.default_rng(3).normal(0, 30, 12 * RATE).astype(np.int16)
    assert run(transcripts_of(GatedSTT(fake, VAD.load()), noise)) == []
    assert len(fake.received) == 2 * 1_600, "a tenth of a second every five, so that it does not hang up"


def test_a_connection_that_is_made_anew_has_a_clock_of_its_own() -> None:
    async def work() -> list[stt.SpeechData]:
        fake = FakeSTT()
        gated = GatedSTT(fake, VAD.load())
        stream = gated.stream()
        found: list[stt.SpeechData] = []

        async def collect() -> None:
            async for event in stream:
                found.extend(event.alternatives)

        collecting = asyncio.create_task(collect())
        for frame in frames(SPOKEN, RATE, 0.05):
            stream.push_frame(frame)
            for _ in range(5):
                await asyncio.sleep(0)
            if len(found) == 1 and fake.streams[0].start_time_offset < 50:
                fake.streams[0].reconnect()
        stream.end_input()
        await collecting
        await stream.aclose()
        return found

    said = run(work())
    assert [one.start_time for one in said] == pytest.approx([0.70 - 0.5, 4.40 - 0.5], abs=0.15)


def test_transcripts_go_to_the_gate() -> None:
    async def work() -> str:
        fake = FakeSTT(text="...")
        stream = GatedSTT(fake, VAD.load()).stream()
        for frame in frames(SPOKEN, RATE, 0.05):
            stream.push_frame(frame)
            for _ in range(5):
                await asyncio.sleep(0)
        gate = stream._tap.gate  # type: ignore[attr-defined]
        verdict = gate.feedback("I would like to book a table").verdict
        await stream.aclose()
        return verdict

    assert run(work()) == "unmatched", "both openings have their results"


def test_a_failed_gate_lets_the_audio_pass() -> None:
    async def work() -> FakeSTT:
        fake = FakeSTT()
        stream = GatedSTT(fake, VAD.load()).stream()
        stream.push_frame(next(frames(SPOKEN, RATE, 0.05)))
        await asyncio.sleep(0.01)
        with pytest.raises(voxgate.InternalError):
            stream._tap.gate._panic()  # type: ignore[attr-defined]
        stream.push_frame(next(frames(SPOKEN, RATE, 0.05)))
        stream.flush()
        stream.end_input()
        async for _ in stream:
            pass
        return fake

    fake = run(work())
    assert len(fake.received) == 800 and fake.flushes >= 1


def test_what_cannot_be_gated_is_refused() -> None:
    with pytest.raises(ValueError, match="does not stream"):
        GatedSTT(FakeSTT(streaming=False), VAD.load())
    with pytest.raises(voxgate.ConfigError, match="close_after"):
        config = voxgate.Config(forward={"policy": "keepalive", "close_after": "10s"})
        GatedSTT(FakeSTT(), VAD.load(), config=config)
