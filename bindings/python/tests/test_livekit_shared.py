"""A VAD and a `GatedSTT` that hear the same frames have one gate, and decide as it does alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

import voxgate
from conftest import recording
from fake_stt import RATE, FakeSTT
from livekit import rtc
from livekit.agents import stt, utils, vad
from livekit_support import END, START, FakeOutput, Samples, events_of, frames, joined, of, run
from voxgate._outlet import pcm16
from voxgate.livekit import VAD, EchoReference, FrameAnalyzer, GatedSTT, decisions_of

SPOKEN = np.concatenate([recording("clean_turn").mono, np.zeros(RATE, np.int16)])
"""From 0.70 to 3.22 and from 4.40 to 9.19 s."""
MIC, AGENT = recording("echo_mic").mono, recording("echo_playback").mono
"""The agent speaks from 0.6 to 8.3 s; the user from 7.0 to 8.6 s and at 9.5 s."""
CHUNK_S = 0.05


@dataclass
class Session:
    """What an AgentSession does with a microphone: each frame goes to speech-to-text and to the VAD."""

    vad: VAD = field(default_factory=VAD.load)
    fake: FakeSTT = field(default_factory=FakeSTT)

    def __post_init__(self) -> None:
        self.now_s = 1_000_000.0
        self.vad._clock = lambda: self.now_s
        self.gated = GatedSTT(self.fake, self.vad)
        self.events: list[vad.VADEvent] = []
        self.said: list[stt.SpeechData] = []
        self._collecting: list[asyncio.Task[None]] = []
        self.detector, self.speech = self.new_detector(), self.new_speech()

    def new_detector(self) -> vad.VADStream:
        self.detector = self.vad.stream()
        self._collect(self.detector, self.events.append)
        return self.detector

    def new_speech(self) -> stt.RecognizeStream:
        self.speech = self.gated.stream()
        self._collect(self.speech, lambda event: self.said.extend(event.alternatives))
        return self.speech

    async def hear(self, heard: Iterable[rtc.AudioFrame], *, for_speech: Callable[[Any], Any] = lambda f: f) -> None:
        for frame in heard:
            self.now_s += frame.duration
            self.speech.push_frame(for_speech(frame))
            self.detector.push_frame(frame)
            await self.settle()

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def close(self) -> None:
        self.speech.end_input()
        if not self.detector._input_ch.closed:
            self.detector.end_input()
        await asyncio.gather(*self._collecting)
        await self.speech.aclose()
        await self.detector.aclose()

    @property
    def gates(self) -> int:
        """How many have heard something."""
        return sum(ear.gate is not None and ear.gate.now > 0 for ear in self.vad._ears)

    def _collect(self, events: AsyncIterator[Any], take: Callable[[Any], object]) -> None:
        async def work() -> None:
            async for event in events:
                take(event)

        self._collecting.append(asyncio.create_task(work()))


def alone(mic: Samples, config: voxgate.Config) -> Samples:
    """What one gate forwards of it."""
    gate = voxgate.Gate(config=config)
    forwarder, found = voxgate.Forwarder(gate), []
    for frame in frames(mic, RATE, CHUNK_S):
        gate.push(bytes(frame.data))
        for item in forwarder.take():
            if isinstance(item, voxgate.Audio):
                found.append(np.frombuffer(pcm16(item.samples), np.int16))
            elif isinstance(item, voxgate.Zeros):
                found.append(np.zeros(item.count, np.int16))
    gate.finish()
    return np.concatenate(found)


def told(events: Iterable[vad.VADEvent]) -> list[tuple[Any, ...]]:
    return [
        (event.type, event.samples_index, event.probability, event.speech_duration, joined(event.frames).tobytes())
        for event in events
    ]


def test_both_decide_as_one_gate_does_alone() -> None:
    async def work() -> Session:
        session = Session()
        await session.hear(frames(SPOKEN, RATE, CHUNK_S))
        assert session.gates == 1
        await session.close()
        return session

    session = run(work())
    assert told(session.events) == told(run(events_of(VAD.load(), frames(SPOKEN, RATE, CHUNK_S))))
    np.testing.assert_array_equal(session.fake.received, alone(SPOKEN, session.vad._config))
    assert [one.start_time for one in session.said] == pytest.approx([0.70 - 0.5, 4.40 - 0.5], abs=0.15)


def test_the_echo_is_kept_from_both_by_one_gate() -> None:
    async def work() -> Session:
        session = Session()
        await session.hear(frames(MIC[:800], RATE, CHUNK_S))
        reference = EchoReference(FakeOutput(), session.vad)
        for frame in frames(AGENT, RATE, 0.1):
            await reference.capture_frame(frame)
        reference.on_playback_started(created_at=session.now_s - CHUNK_S)
        await session.hear(frames(MIC[800 : round(6.9 * RATE)], RATE, CHUNK_S))
        assert not session.fake.received.any() and not of(START, session.events)
        await session.hear(frames(MIC[round(6.9 * RATE) :], RATE, CHUNK_S))
        assert session.gates == 1
        await session.close()
        return session

    session = run(work())
    assert 7.0 <= of(START, session.events)[0].timestamp <= 7.3 and session.fake.received.any()


@pytest.mark.parametrize("restarted", ["detector", "speech", "both"])
def test_one_of_both_may_be_made_anew_in_mid_call(restarted: str) -> None:
    async def work() -> Session:
        session = Session()
        heard = list(frames(SPOKEN, RATE, CHUNK_S))
        await session.hear(heard[:80])  # between the two turns
        if restarted != "speech":
            old = session.detector
            session.new_detector()
            await old.aclose()
        if restarted != "detector":
            old_speech = session.speech
            session.new_speech()  # the old one is closed later, as LiveKit does
            await session.hear(heard[80:82])
            await old_speech.aclose()
        await session.hear(heard[82 if restarted != "detector" else 80 :])
        assert session.detector._gate is session.speech._tap.gate  # type: ignore[attr-defined]
        await session.close()
        return session

    session = run(work())
    starts = [event.timestamp - event.speech_duration for event in of(START, session.events)]
    lead_s = 4.0 if restarted != "speech" else 0.0
    assert starts == pytest.approx([0.70, 4.40 - lead_s], abs=0.15) and len(of(END, session.events)) == 2
    lead_s = 4.0 if restarted != "detector" else 0.0
    assert session.said[-1].start_time == pytest.approx(4.40 - 0.5 - lead_s, abs=0.15)


def test_each_works_without_the_other() -> None:
    async def work() -> tuple[Session, Session]:
        deaf, mute = Session(), Session()
        for frame in frames(SPOKEN, RATE, CHUNK_S):
            deaf.speech.push_frame(frame)
            await deaf.settle()
        await deaf.close()
        for frame in frames(SPOKEN, RATE, CHUNK_S):
            mute.detector.push_frame(frame)
            await mute.settle()
        assert mute.detector._analysis._forwarder.take() == []  # type: ignore[attr-defined]
        await mute.close()
        return deaf, mute

    deaf, mute = run(work())
    np.testing.assert_array_equal(deaf.fake.received, alone(SPOKEN, deaf.vad._config))
    assert len(of(START, mute.events)) == len(of(END, mute.events)) == 2


def test_a_vad_that_comes_late_or_goes_early_changes_nothing_for_speech_to_text() -> None:
    async def work() -> Session:
        session = Session()
        heard = list(frames(SPOKEN, RATE, CHUNK_S))
        for frame in heard[:20]:
            session.speech.push_frame(frame)
            await session.settle()
        await session.hear(heard[20:100])
        await session.detector.aclose()
        for frame in heard[100:]:
            session.speech.push_frame(frame)
            await session.settle()
        assert session.gates == 1
        await session.close()
        return session

    session = run(work())
    np.testing.assert_array_equal(session.fake.received, alone(SPOKEN, session.vad._config))


def test_what_is_muted_for_speech_to_text_is_zeros_of_the_same_length() -> None:
    """As LiveKit does while the agent may not be interrupted: the VAD hears on."""

    async def work() -> Session:
        session = Session()
        heard = list(frames(SPOKEN, RATE, CHUNK_S))
        await session.hear(heard[:100])
        await session.hear(heard[100:120], for_speech=utils.audio.silence_frame_like)  # from 5.0 to 6.0 s, in speech
        await session.hear(heard[120:])
        assert session.gates == 1
        await session.close()
        return session

    session = run(work())
    assert len(of(START, session.events)) == 2
    expected, received = alone(SPOKEN, session.vad._config), session.fake.received
    assert len(expected) == len(received)
    changed = np.flatnonzero(expected != received)
    assert changed[-1] - changed[0] <= RATE and not received[changed].any()
    cut = expected[changed[0] : changed[0] + 400]
    assert any(np.abs(SPOKEN[at : at + 400].astype(int) - cut).max() <= 1 for at in range(5 * RATE - 2, 5 * RATE + 3))


def test_frames_of_its_own_make_speech_to_text_a_gate_of_its_own() -> None:
    """As where an agent's stt_node filters the audio."""

    def copy(frame: rtc.AudioFrame) -> rtc.AudioFrame:
        return rtc.AudioFrame(bytes(frame.data), RATE, 1, frame.samples_per_channel)

    async def work(from_the_start: bool) -> Session:
        session = Session()
        heard = list(frames(SPOKEN, RATE, CHUNK_S))
        first = 0 if from_the_start else 80
        await session.hear(heard[:first])
        await session.hear(heard[first:], for_speech=copy)
        assert session.gates == 2
        await session.close()
        return session

    for from_the_start in (True, False):
        session = run(work(from_the_start))
        assert told(session.events) == told(run(events_of(VAD.load(), frames(SPOKEN, RATE, CHUNK_S))))
        assert len(session.said) == 2


def test_a_frame_that_is_pushed_again_and_again_is_heard_as_often() -> None:
    async def work() -> Session:
        session = Session()
        await session.hear(frames(SPOKEN[: 5 * RATE], RATE, CHUNK_S))
        silence = rtc.AudioFrame(bytes(6_400), RATE, 1, 3_200)
        for _ in range(10):  # as commit_user_turn does
            session.speech.push_frame(silence)
            session.detector.push_frame(silence)
        await session.settle()
        assert session.gates == 1 and session.detector._gate.now == 7 * RATE  # type: ignore[attr-defined]
        await session.close()
        return session

    session = run(work())
    assert len(session.said) == len(of(END, session.events)) == 2


def test_calls_that_share_a_vad_do_not_hear_each_other() -> None:
    async def work() -> list[Samples]:
        one = Session()
        two = Session(vad=one.vad)
        spoken, silent = frames(SPOKEN, RATE, CHUNK_S), frames(np.zeros_like(SPOKEN), RATE, CHUNK_S)
        for a, b in zip(spoken, silent, strict=True):
            await one.hear([a])
            await two.hear([b])
        assert one.gates == 2
        for session in (one, two):
            await session.close()
        return [one.fake.received, two.fake.received]

    spoken, silent = run(work())
    assert spoken.any() and not silent.any()


def test_a_gate_that_fails_is_replaced_for_both() -> None:
    async def work() -> Session:
        session = Session()
        heard = list(frames(SPOKEN, RATE, CHUNK_S))
        await session.hear(heard[:1])
        with pytest.raises(voxgate.InternalError):
            session.detector._gate._panic()  # type: ignore[attr-defined]
        await session.hear(heard[1:2])
        np.testing.assert_array_equal(session.fake.received, SPOKEN[800:1_600])
        await session.hear(heard[2:])
        assert session.detector._gate is session.speech._tap.gate  # type: ignore[attr-defined]
        await session.close()
        return session

    session = run(work())
    assert len(of(START, session.events)) == 2
    assert [one.start_time for one in session.said[-2:]] == pytest.approx([0.70 - 0.5, 4.40 - 0.5], abs=0.15)


def test_a_transcript_is_told_to_the_gate_once() -> None:
    async def work() -> tuple[int, voxgate.Ruling]:
        session = Session(fake=FakeSTT(text="..."))
        await session.hear(frames(SPOKEN, RATE, CHUNK_S))
        session.vad.feedback("...")  # a guarded call hears of it as well
        ruling = session.detector._gate.feedback("...")  # type: ignore[attr-defined]
        await session.close()
        return session.gated.misfires, ruling

    misfires, ruling = run(work())
    assert misfires == 2 and ruling.verdict == "unmatched", "both openings have their results"


def test_an_analyzer_hears_first_and_the_others_read() -> None:
    async def work() -> Session:
        session = Session()
        analyzer, decided = FrameAnalyzer(session.vad), []
        for frame in frames(SPOKEN, RATE, CHUNK_S):
            assert decisions_of(frame) is None
            assert analyzer._process(frame) is frame
            decided += decisions_of(frame) or ()
            await session.hear([frame])
        assert session.gates == 1
        assert decided == voxgate.Gate(config=session.vad._config).push(SPOKEN)
        await session.close()
        return session

    session = run(work())
    assert told(session.events) == told(run(events_of(VAD.load(), frames(SPOKEN, RATE, CHUNK_S))))
    np.testing.assert_array_equal(session.fake.received, alone(SPOKEN, session.vad._config))


def test_an_analyzer_that_is_switched_off_leaves_its_gate_to_the_vad() -> None:
    async def work() -> Session:
        session = Session()
        analyzer = FrameAnalyzer(session.vad)
        for i, frame in enumerate(frames(SPOKEN, RATE, CHUNK_S)):
            if i == 100:
                analyzer.enabled = False
            if analyzer.enabled:  # as LiveKit's stream asks
                analyzer._process(frame)
            await session.hear([frame])
        assert session.gates == 1
        await session.close()
        return session

    session = run(work())
    assert told(session.events) == told(run(events_of(VAD.load(), frames(SPOKEN, RATE, CHUNK_S))))


def test_frames_of_another_format_get_another_gate_of_the_analyzer() -> None:
    analyzer = FrameAnalyzer(VAD.load())
    first, second = next(frames(SPOKEN, RATE, CHUNK_S)), next(frames(SPOKEN, 48_000, CHUNK_S))
    for frame in (first, second):
        analyzer._process(frame)
    assert len(decisions_of(first) or ()) == 5 and len(decisions_of(second) or ()) == 4
