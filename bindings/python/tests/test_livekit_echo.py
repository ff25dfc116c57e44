"""With an `EchoReference` the agent's own voice is no speech, and the user's is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

from conftest import recording
from echo_room import RATE, Room
from livekit import rtc
from livekit.agents import vad
from livekit.agents.voice import io
from livekit_support import DONE, END, START, FakeOutput, Samples, frames, of, resampled, run
from voxgate._mic_clock import MicClock
from voxgate.livekit import VAD, EchoReference

MIC, AGENT = recording("echo_mic"), recording("echo_playback")
"""The agent speaks from 0.6 to 8.3 s, 180 ms earlier in its playback; the user from 7.0 to 8.6 s and at 9.5 s."""


@dataclass
class Call:
    """A call whose time is that of its microphone."""

    rate: int = 16_000
    now_s: float = 1_000_000.0
    output: FakeOutput = field(default_factory=FakeOutput)

    def __post_init__(self) -> None:
        self.vad = VAD.load()
        self.vad._clock = lambda: self.now_s
        self.stream = self.vad.stream()
        self.reference = EchoReference(self.output, self.vad)
        self.events: list[vad.VADEvent] = []
        self.started_s = self.now_s

    async def hear(self, mic: Samples, meanwhile: Callable[[float], Any] = lambda t: None) -> None:
        """The microphone's audio arrives as it is recorded, in frames of 50 ms."""
        for frame in frames(mic, self.rate, 0.05):
            self.now_s += frame.duration
            result = meanwhile(self.now_s - self.started_s)
            if result is not None:
                await result
            self.stream.push_frame(frame)
            while self.stream._input_ch.qsize():
                await asyncio.sleep(0)

    async def say(self, agent: Samples, rate: int = 16_000) -> None:
        for frame in frames(agent, rate, 0.1):
            await self.reference.capture_frame(frame)

    async def close(self) -> None:
        self.stream.end_input()
        self.events += [event async for event in self.stream]

    def starts_s(self) -> list[float]:
        return [event.timestamp for event in of(START, self.events)]


def test_without_a_reference_the_echo_is_speech() -> None:
    async def work() -> list[float]:
        call = Call()
        await call.hear(MIC.mono)
        await call.close()
        return call.starts_s()

    assert run(work())[0] < 1.5


@pytest.mark.parametrize("agent_rate", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("lag_s", [0.0, 0.2, 0.3])
def test_the_echo_withholds_start_and_the_user_still_cuts_in(agent_rate: int, lag_s: float) -> None:
    async def work() -> Call:
        call = Call()
        await call.hear(MIC.mono[:800])
        await call.say(resampled(AGENT.mono, 16_000, agent_rate), agent_rate)  # all of it at once
        # The events of the output come from before a network and a loudspeaker that delay it by `lag_s`.
        call.output.on_playback_started(created_at=call.started_s - lag_s)
        await call.hear(MIC.mono[800:])
        await call.close()
        return call

    call = run(work())
    held = [event for event in of(DONE, call.events) if event.timestamp < 6.9]
    assert all(event.speech_duration == 0 and not event.speaking for event in held)
    assert all(event.raw_accumulated_speech == 0 for event in held[30:]), "not even an onset, once the delay is known"
    starts = call.starts_s()
    assert 7.0 <= starts[0] <= 7.3, f"the user cuts in at 7.0 s, and is heard at {starts}"
    assert len(of(END, call.events)) >= 1


def test_audio_that_is_captured_as_it_plays_is_placed_as_well() -> None:
    async def work() -> Call:
        call = Call()

        def meanwhile(at_s: float) -> Any:
            part = AGENT.mono[round((at_s - 0.05) * 16_000) : round(at_s * 16_000)]
            return call.reference.capture_frame(rtc.AudioFrame(part.tobytes(), 16_000, 1, len(part)))

        await call.hear(MIC.mono, meanwhile)
        await call.close()
        return call

    starts = run(work()).starts_s()
    assert 7.0 <= starts[0] <= 7.4


def test_a_cleared_reply_is_no_reference_any_more() -> None:
    async def work() -> Call:
        call = Call()
        await call.hear(np.zeros(1_600, np.int16))
        await call.say(AGENT.mono)
        call.output.on_playback_started(created_at=call.now_s)
        await call.hear(np.zeros(16_000, np.int16))
        gate = call.stream._gate
        assert gate is not None and gate.playback_report.waiting > 500
        call.reference.clear_buffer()
        assert gate.playback_report.waiting == 0 and call.output.calls[-1] == "clear"
        call.output.on_playback_finished(playback_position=1.0, interrupted=True)
        await call.say(AGENT.mono[:16_000])
        assert 98 <= gate.playback_report.waiting <= 101, "the next reply is"
        await call.close()
        return call

    run(work())


def test_a_pause_moves_the_rest() -> None:
    async def work() -> Call:
        call = Call()
        await call.hear(MIC.mono[:800])
        await call.say(AGENT.mono)
        call.output.on_playback_started(created_at=call.started_s)
        await call.hear(MIC.mono[800 : 16_000 * 4])
        call.reference.pause()
        gate = call.stream._gate
        assert gate is not None and gate.playback_report.waiting == 0
        await call.hear(np.zeros(16_000, np.int16))
        call.reference.resume()
        assert call.output.calls[-2:] == ["pause", "resume"]
        assert gate.playback_report.waiting == pytest.approx((11.2 - 4.0) * 100, abs=3)
        await call.hear(MIC.mono[16_000 * 4 :])
        await call.close()
        return call

    starts = run(work()).starts_s()
    assert 8.0 <= starts[0] <= 8.4, "the user is heard a second later, too"


def test_a_flush_forgets_what_was_heard_and_not_what_is_played() -> None:
    async def work() -> Call:
        call = Call()
        await call.hear(MIC.mono[:800])
        await call.say(AGENT.mono)
        call.output.on_playback_started(created_at=call.started_s)
        cut = round(4.7 * 16_000)  # between two sentences of the agent
        await call.hear(MIC.mono[800:cut])
        call.stream.flush()
        await call.hear(MIC.mono[cut : cut + 800])
        gate = call.stream._gate
        assert gate is not None
        assert gate.playback_report.waiting == pytest.approx((11.2 - 4.75) * 100, abs=3)
        await call.hear(MIC.mono[cut + 800 :])
        await call.close()
        return call

    starts = [at + 4.7 for at in run(work()).starts_s()]
    assert 7.0 <= starts[0] <= 7.3, "times begin anew at the flush"


@pytest.mark.parametrize("cut_s", [2.0, 3.0, 6.0])
def test_after_a_flush_in_mid_call_echo_stays_out_as_before(cut_s: float) -> None:
    """What is known of the echo, its delay and the path of the canceller, is of the room, and stays."""

    async def work() -> Call:
        room, call = Room(12), Call()
        room.played[: len(AGENT.mono)] = AGENT.mono
        end, cut = round(8.0 * RATE), round(cut_s * RATE)
        await call.hear(room.heard(0, 800))
        await call.say(AGENT.mono)
        call.output.on_playback_started(created_at=call.started_s)
        await call.hear(room.heard(800, cut))
        call.stream.flush()
        await call.hear(room.heard(cut, end))
        await call.close()
        return call

    call = run(work())
    done = of(DONE, call.events)
    flushed = next(i for i in range(1, len(done)) if done[i].timestamp < done[i - 1].timestamp)
    assert max(event.probability for event in done[flushed:]) < 0.35, "from the first window on it is the agent's"
    assert not any(event.raw_accumulated_speech for event in done[flushed:]) and not call.starts_s()


def test_a_microphone_that_begins_with_a_backlog_is_caught_up_with() -> None:
    """Its first audio comes a second late, as from a buffer of before the connection, and the rest at once."""

    async def work() -> Call:
        call = Call()
        late_s = call.now_s + 1.0
        for i, frame in enumerate(frames(np.zeros(16_000, np.int16), 16_000, 0.05)):
            call.now_s = late_s - frame.duration
            await call.hear(np.frombuffer(frame.data, np.int16))
            if i == 0:
                await call.say(AGENT.mono)
                call.output.on_playback_started(created_at=late_s)
        await call.hear(MIC.mono)
        await call.close()
        return call

    starts = run(work()).starts_s()
    assert 8.0 <= starts[0] <= 8.3


def test_progress_corrects_where_it_plays() -> None:
    async def work() -> tuple[float, float]:
        call = Call()
        await call.hear(np.zeros(1_600, np.int16))
        await call.say(AGENT.mono)
        gate = call.stream._gate
        assert gate is not None
        before = gate.playback_report.waiting
        await call.hear(np.zeros(16_000, np.int16))
        # Its first 200 ms began to play 800 ms later than was thought.
        call.output.on_playback_progressed(started_at=call.now_s - 0.2, offset=0.0, duration=0.2)
        after = gate.playback_report.waiting
        await call.close()
        return before, after

    before, after = run(work())
    assert after == pytest.approx(before - 20, abs=3)


def test_a_stream_that_opens_later_gets_the_rest() -> None:
    async def work() -> float:
        call = Call()
        await call.hear(np.zeros(1_600, np.int16))
        await call.say(AGENT.mono[:16_000])
        await call.hear(np.zeros(8_000, np.int16))
        late = call.vad.stream()  # as after a hand-over to another agent
        late.push_frame(next(frames(np.zeros(800, np.int16), 16_000, 0.05)))
        await asyncio.sleep(0.01)
        gate = late._gate
        assert gate is not None
        await call.close()
        await late.aclose()
        return gate.playback_report.waiting

    assert run(work()) == pytest.approx(50, abs=3)


def test_events_and_calls_pass_through() -> None:
    async def work() -> None:
        call = Call()
        seen: list[object] = []
        for name in ("playback_started", "playback_progressed", "playback_finished"):
            call.reference.on(name, seen.append)  # type: ignore[arg-type]
        await call.say(AGENT.mono[:3_200])
        call.reference.flush()
        call.output.on_playback_started(created_at=1.0)
        call.output.on_playback_progressed(started_at=1.0, offset=0.0, duration=0.1)
        call.output.on_playback_finished(playback_position=0.2, interrupted=False)
        assert [type(event) for event in seen] == [
            io.PlaybackStartedEvent,
            io.PlaybackProgressedEvent,
            io.PlaybackFinishedEvent,
        ]
        assert call.output.calls == ["capture", "capture", "flush"]
        assert call.reference.sample_rate == 16_000 and call.reference.can_pause
        played = await asyncio.wait_for(call.reference.wait_for_playout(), 1)
        assert played.playback_position == 0.2
        await call.close()

    run(work())


def test_the_clock_is_that_of_the_earliest_arrivals() -> None:
    clock = MicClock()
    assert clock.at(7.0) is None
    clock.note(1.0, 101.0)
    clock.note(1.05, 101.1)  # 50 ms late
    assert clock.at(102.0) == pytest.approx(2.0, abs=0.001)
    clock.note(1.2, 101.15)  # earlier than ever
    assert clock.at(102.0) == pytest.approx(2.05, abs=0.001)
    clock.note(1.3, 111.25)  # muted for ten seconds
    assert clock.at(112.0) == pytest.approx(2.05, abs=0.001)
