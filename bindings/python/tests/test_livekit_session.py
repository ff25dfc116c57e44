"""A real `AgentSession` in a room with an echo, in real time and without a network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

from conftest import recording
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, vad
from livekit.agents.voice import io
from livekit_support import Samples, frames, run
from voxgate.livekit import VAD, EchoReference

RATE = 16_000
DELAY, GAIN = round(0.18 * RATE), 10 ** (-15 / 20)
REPLY = recording("echo_playback").mono[round(0.4 * RATE) : round(5.0 * RATE)]
USER = recording("clean_turn").mono[round(0.7 * RATE) : round(3.2 * RATE)]


class Room:
    """A loudspeaker and a microphone: what is played is heard 180 ms later, 15 dB down."""

    def __init__(self, seconds: float) -> None:
        self.began_s = time.time()
        self.played = np.zeros(round((seconds + 30) * RATE), np.float64)
        self.said = np.zeros_like(self.played)
        self.noise = np.random.default_rng(7).normal(0, 20, len(self.played))

    def now(self) -> int:
        return round((time.time() - self.began_s) * RATE)

    def heard(self, start: int, end: int) -> Samples:
        echo = self.played[max(start - DELAY, 0) : max(end - DELAY, 0)] * GAIN
        echo = np.pad(echo, (end - start - len(echo), 0))
        return (echo + self.said[start:end] + self.noise[start:end]).clip(-32_768, 32_767).astype(np.int16)


class Microphone(io.AudioInput):
    def __init__(self, room: Room) -> None:
        super().__init__(label="microphone")
        self._room, self._at = room, 0

    async def __anext__(self) -> rtc.AudioFrame:
        end = self._at + RATE // 50
        await asyncio.sleep(max((end - self._room.now()) / RATE, 0))
        samples, self._at = self._room.heard(self._at, end), end
        return rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples))


class Loudspeaker(io.AudioOutput):
    def __init__(self, room: Room) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._room = room
        self._start: int | None = None
        self._end = 0
        self._finish: asyncio.TimerHandle | None = None
        self.cleared_s: list[float] = []

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._start is None:
            self._start = self._end = self._room.now()
            self.on_playback_started(created_at=time.time())
        samples = np.frombuffer(frame.data, np.int16)
        self._room.played[self._end : self._end + len(samples)] = samples
        self._end += len(samples)

    def flush(self) -> None:
        super().flush()
        if self._start is not None:
            left_s = max((self._end - self._room.now()) / RATE, 0)
            self._finish = asyncio.get_running_loop().call_later(left_s, self._done, self._end, False)

    def clear_buffer(self) -> None:
        if self._start is None:
            return
        if self._finish is not None:
            self._finish.cancel()
        now = self._room.now()
        self._room.played[now:] = 0
        self.cleared_s.append(now / RATE)
        self._done(now, True)

    def _done(self, at: int, interrupted: bool) -> None:
        assert self._start is not None
        position_s, self._start = (at - self._start) / RATE, None
        self.on_playback_finished(playback_position=position_s, interrupted=interrupted)


@dataclass
class Outcome:
    interrupted: bool
    user_spoke_s: float | None
    cleared_s: list[float]


async def reply_in_a_room(detector: vad.VAD, *, barge_in: bool) -> Outcome:
    """The agent says its reply; the user speaks over it after 2.5 s, or not at all."""
    room = Room(10)
    loudspeaker = Loudspeaker(room)
    session: AgentSession[None] = AgentSession(
        vad=detector,
        aec_warmup_duration=None,
        turn_handling={
            "turn_detection": "vad",
            "interruption": {"mode": "vad", "min_duration": 0.1, "resume_false_interruption": False},
        },
    )
    session.input.audio = Microphone(room)
    session.output.audio = EchoReference(loudspeaker, detector) if isinstance(detector, VAD) else loudspeaker
    await session.start(Agent(instructions=""), record=False)

    async def audio() -> AsyncIterator[rtc.AudioFrame]:
        for frame in frames(REPLY, RATE, 0.1):
            yield frame  # faster than it is played

    await asyncio.sleep(0.5)
    speech = session.say("It is your turn to play.", audio=audio())
    user_spoke_s = None
    if barge_in:
        await asyncio.sleep(2.5)
        start = room.now() + 400
        room.said[start : start + len(USER)] = USER
        user_spoke_s = start / RATE
    await asyncio.wait_for(speech.wait_for_playout(), 30)
    await session.aclose()
    return Outcome(speech.interrupted, user_spoke_s, loudspeaker.cleared_s)


def test_the_agent_does_not_interrupt_itself_and_the_user_does() -> None:
    async def work() -> list[Outcome]:
        return await asyncio.gather(
            reply_in_a_room(inference.VAD(), barge_in=False),
            reply_in_a_room(VAD.load(), barge_in=False),
            reply_in_a_room(VAD.load(), barge_in=True),
        )

    without, alone, over = run(work())
    assert without.interrupted, "LiveKit's VAD takes the echo for the user"
    assert not alone.interrupted and not alone.cleared_s
    assert over.interrupted and over.user_spoke_s is not None
    took_s = over.cleared_s[0] - over.user_spoke_s
    assert 0 < took_s <= 0.3, f"the user was heard after {took_s:.3f} s"
