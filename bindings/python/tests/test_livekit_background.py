"""The echo of background audio is no speech, if the VAD is told of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

import voxgate
from conftest import recording
from echo_room import RATE, Room
from fake_stt import FakeSTT
from livekit import rtc
from livekit.agents import Agent, BackgroundAudioPlayer
from livekit.agents.voice.background_audio import AudioConfig
from livekit_room import FakeContext
from livekit_support import START, frames, of, resampled, run
from voxgate.guard import MemoryStore
from voxgate.livekit import VAD, BackgroundReference, GuardedCall, guard

TALKER = np.tile(recording("clean_turn").mono, 2)
"""Somebody who talks in the background."""
QUEUE_S = 0.4


class FakeSource:
    """A queue of 400 ms in front of the loudspeaker, which is filled as fast as it empties."""

    def __init__(self) -> None:
        self.captured: list[rtc.AudioFrame] = []
        self.queued_duration = QUEUE_S

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        self.captured.append(frame)


async def starts_over_background(rate: int, told: bool, keep_s: float | None = None) -> tuple[list[float], VAD]:
    """Where speech starts in a room in which the background is all that is heard."""
    room, vad, source, now_s = Room(22), VAD.load(), FakeSource(), 1_000_000.0
    room.played[: len(TALKER)] = TALKER
    vad._clock, vad._keep_s = lambda: now_s, keep_s
    if told:
        BackgroundReference(source, vad)
    stream, sound = vad.stream(), resampled(TALKER, RATE, rate)
    ahead = list(frames(sound, rate, 0.05))
    for n in range(400):  # of 50 ms
        if n + 8 < len(ahead):  # what the source takes now is played in 400 ms
            await source.capture_frame(ahead[n + 8])
        now_s += 0.05
        stream.push_frame(next(frames(room.heard(n * 800, n * 800 + 800), RATE, 0.05)))
        while stream._input_ch.qsize():
            await asyncio.sleep(0)
    stream.end_input()
    assert source.captured == ahead[8:], "the source has all that it was given"
    return [event.timestamp for event in of(START, [event async for event in stream])], vad


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_its_echo_is_no_speech(rate: int) -> None:
    starts, _ = run(starts_over_background(rate, told=True))
    assert not [at for at in starts if at > 1.5], "once its delay is known"


def test_without_the_reference_it_is() -> None:
    starts, _ = run(starts_over_background(16_000, told=False))
    assert len([at for at in starts if at > 1.5]) >= 3


def test_what_is_kept_of_a_call_has_it_in_the_playback() -> None:
    _, vad = run(starts_over_background(16_000, told=True, keep_s=60.0))
    (kept,) = vad._recordings
    background = kept._tracks["background"].audio(RATE, 0, 20 * RATE)
    np.testing.assert_array_equal(background[RATE:], TALKER[RATE : 20 * RATE])


def test_both_sounds_are_mixed() -> None:
    gate = voxgate.Gate()
    tone = np.full(1_600, 9_000, np.int16)
    gate.playback(tone, at_s=0.0)
    gate.background(tone, at_s=0.0)
    gate.push(np.zeros(1_600, np.int16))
    assert (gate.playback_report.accepted, gate.background_report.accepted) == (10, 10)
    gate.background(tone, at_s=0.2)
    gate.playback_clear(at_s=0.0)
    assert gate.background_report.waiting == 10, "it goes on when the agent is interrupted"


def test_livekits_own_player_is_heard() -> None:
    async def tone() -> Any:
        while True:
            yield rtc.AudioFrame((np.arange(4_800) % 100 * 90).astype(np.int16).tobytes(), 48_000, 1, 4_800)

    async def work() -> voxgate.PlaybackReport:
        player, vad = BackgroundAudioPlayer(ambient_sound=AudioConfig(tone(), volume=0.5)), VAD.load()
        BackgroundReference(player, vad)
        stream = vad.stream()
        stream.push_frame(next(frames(np.zeros(800, np.int16), RATE, 0.05)))
        await asyncio.sleep(0.01)
        await player.start(room=Published())  # type: ignore[arg-type]
        for _ in range(12):
            await asyncio.sleep(0.05)
            stream.push_frame(next(frames(np.zeros(800, np.int16), RATE, 0.05)))
        gate = stream._gate
        assert gate is not None
        report = gate.background_report
        await player.aclose()
        await stream.aclose()
        return report

    report = run(work())
    assert report.accepted >= 10, report  # a busy machine may stall for so long that others are late
    assert report.accepted + report.late + report.waiting >= 40, "what is queued waits for its time"


def test_a_guarded_call_starts_the_player_and_closes_it() -> None:
    async def work() -> tuple[list[str], GuardedCall]:
        events: list[str] = []
        player = BackgroundAudioPlayer()

        async def start(**given: Any) -> None:
            assert given["agent_session"] is call.session
            events.append("start")

        async def close() -> None:
            events.append("close")

        player.start, player.aclose = start, close  # type: ignore[method-assign]
        context = FakeContext()
        call = await guard(context, stt=FakeSTT(), store=MemoryStore(), background=player)  # type: ignore[arg-type]
        assert isinstance(call, GuardedCall)
        call.session.start = lambda *_, **__: asyncio.sleep(0)  # type: ignore[assignment,method-assign]
        await call.start(Agent(instructions="Be brief."))
        await call.aclose()
        return events, call

    events, _ = run(work())
    assert events == ["start", "close"]


def test_a_player_without_a_source_is_refused() -> None:
    async def work() -> None:
        player = BackgroundAudioPlayer()
        del player._audio_source
        with pytest.raises(voxgate.MisuseError, match="rtc.AudioSource of your own"):
            BackgroundReference(player, VAD.load())

    run(work())


class Published(SimpleNamespace):
    """A room that takes a track and plays it to nobody."""

    def __init__(self) -> None:
        async def publish(*_: Any) -> None:
            return None

        participant = SimpleNamespace(publish_track=publish, track_publications={})
        super().__init__(local_participant=participant)
