"""`GatedInput`: a realtime model hears the user, and silence in the place of everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

from conftest import recording
from fake_stt import FakeSTT
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import io
from livekit_room import FakeContext
from livekit_support import FakeOutput, Samples, frames, joined, resampled, run
from voxgate.guard import MemoryStore
from voxgate.livekit import VAD, EchoReference, GatedInput, GuardedCall, guard

SPOKEN = np.concatenate([np.zeros(5 * 16_000, np.int16), recording("clean_turn").mono])


class Recorded(io.AudioInput):
    def __init__(self, samples: Samples, rate: int) -> None:
        super().__init__(label="recorded")
        self._frames: Iterator[rtc.AudioFrame] = frames(samples, rate, 0.02)

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(0)
        try:
            return next(self._frames)
        except StopIteration:
            raise StopAsyncIteration from None


async def heard_through(gated: GatedInput) -> Samples:
    return joined([frame async for frame in gated])


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_speech_passes_where_it_was_and_the_rest_is_zeros(rate: int) -> None:
    gated = GatedInput(Recorded(resampled(SPOKEN, 16_000, rate), rate), VAD.load())
    heard = run(heard_through(gated))
    assert abs(len(heard) - len(SPOKEN)) <= 160, "the timeline is kept"
    length = min(len(heard), len(SPOKEN))
    passed = heard[:length] != 0
    assert 0.2 < passed.mean() < 0.8
    loud = np.abs(SPOKEN[:length]) > 2_000
    assert passed[loud].mean() > 0.99, "the words are there"
    if rate == 16_000:
        assert np.abs(heard[:length][passed].astype(int) - SPOKEN[:length][passed]).max() <= 1
    assert gated.heard_s == pytest.approx(len(SPOKEN) / 16_000, abs=0.03)
    assert gated.sent_s < 0.8 * gated.heard_s


def test_the_agents_echo_is_silence() -> None:
    async def work() -> Samples:
        mic, playback = recording("echo_mic").mono, recording("echo_playback").mono
        vad = VAD.load()
        gated = GatedInput(Recorded(mic[: 6 * 16_000], 16_000), vad)
        began_s = vad._clock()
        vad._clock = lambda: began_s + gated.heard_s  # the room's time goes with the audio
        reference = EchoReference(FakeOutput(), vad)
        heard = []
        for frame in frames(playback[: 6 * 16_000], 16_000, 0.02):
            await reference.capture_frame(frame)
        reference.on_playback_started(created_at=began_s)
        async for frame in gated:
            heard.append(frame)
        return joined(heard)

    assert not run(work()).any()


def test_a_guarded_realtime_session_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def started(session: AgentSession[None], *_: object, **__: object) -> None:
        session.input.audio = Recorded(SPOKEN, 16_000)

    async def work() -> None:
        monkeypatch.setattr(AgentSession, "start", started)
        for options, gated in (({}, True), ({"stt": FakeSTT()}, False), ({"shadow": True}, False)):
            call = await guard(FakeContext(), store=MemoryStore(), **options)  # type: ignore[arg-type]
            assert isinstance(call, GuardedCall)
            await call.start(Agent(instructions=""))
            assert isinstance(call.session.input.audio, GatedInput) is gated
            if gated:
                await call.session.input.audio.__anext__()  # type: ignore[union-attr]
                assert call.stats().heard_s > 0

    run(work())
