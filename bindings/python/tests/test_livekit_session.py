"""A real `AgentSession` in a room with an echo, in real time and without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

pytest.importorskip("livekit.agents")

from conftest import recording
from echo_room import RATE, Room
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, vad
from livekit_room import Loudspeaker, Microphone
from livekit_support import frames, run
from voxgate.livekit import VAD, EchoReference

REPLY = recording("echo_playback").mono[round(0.4 * RATE) : round(5.0 * RATE)]
USER = recording("clean_turn").mono[round(0.7 * RATE) : round(3.2 * RATE)]


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
