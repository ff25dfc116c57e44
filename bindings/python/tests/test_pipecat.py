"""`voxgate.pipecat` in Pipecat's own controller and pipelines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest

pytest.importorskip("pipecat")

import voxgate
from conftest import recording
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams, VADState
from pipecat.audio.vad.vad_controller import VADController
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection
from pipecat.tests.utils import SleepFrame, run_test
from voxgate.pipecat import EchoReference, SttGate, VoxgateVADAnalyzer

T = TypeVar("T")
EVERY = pytest.mark.parametrize("make", [VoxgateVADAnalyzer, SileroVADAnalyzer], ids=["voxgate", "silero"])
SPOKEN = np.concatenate([recording("clean_turn").mono, np.zeros(16_000, np.int16)])
"""From 0.70 to 3.22 and from 4.40 to 9.19 s."""
MIC, AGENT = recording("echo_mic").mono, recording("echo_playback").mono


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 60))


def chunks(samples: np.ndarray, size: int = 320) -> list[bytes]:
    return [samples[start : start + size].tobytes() for start in range(0, len(samples), size)]


async def states_of(analyzer: VADAnalyzer, samples: np.ndarray, rate: int = 16_000) -> list[tuple[float, VADState]]:
    """Every change of state, and its time in seconds."""
    analyzer.set_sample_rate(rate)
    found: list[tuple[float, VADState]] = [(0.0, VADState.QUIET)]
    for i, chunk in enumerate(chunks(samples, rate // 50), 1):
        state = await analyzer.analyze_audio(chunk)
        if state != found[-1][1]:
            found.append((i * 0.02, state))
    await analyzer.cleanup()
    return found[1:]


def turns(states: list[tuple[float, VADState]]) -> list[tuple[float, float]]:
    """From the first SPEAKING to the QUIET after it."""
    found, began = [], math.nan
    for at, state in states:
        if state == VADState.SPEAKING and math.isnan(began):
            began = at
        if state == VADState.QUIET and not math.isnan(began):
            found.append((began, at))
            began = math.nan
    return found


@EVERY
def test_a_turn_is_spoken_of_from_its_start_to_its_end(make: type[VADAnalyzer]) -> None:
    params = VADParams(stop_secs=0.8, min_volume=0.0)
    found = turns(run(states_of(make(params=params), SPOKEN)))
    assert [began for began, _ in found] == pytest.approx([0.70, 4.40], abs=0.35)
    assert [ended for _, ended in found] == pytest.approx([3.22 + 0.8, 9.19 + 0.8], abs=0.35)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_any_rate_will_do(rate: int) -> None:
    at = np.arange(len(SPOKEN) * rate // 16_000) * 16_000 / rate
    samples = np.interp(at, np.arange(len(SPOKEN)), SPOKEN).astype(np.int16)
    found = turns(run(states_of(VoxgateVADAnalyzer(params=VADParams(stop_secs=0.8)), samples, rate)))
    assert [began for began, _ in found] == pytest.approx([0.8, 4.5], abs=0.1)


def test_its_own_params_are_in_force_and_those_that_are_set_too() -> None:
    own = VoxgateVADAnalyzer()
    assert (own.params.stop_secs, own.params.min_volume) == (0.2, 0.0)
    assert own.params.confidence == pytest.approx(0.35)
    late = turns(run(states_of(VoxgateVADAnalyzer(params=VADParams(start_secs=0.4, stop_secs=0.8)), SPOKEN)))
    soon = turns(run(states_of(VoxgateVADAnalyzer(params=VADParams(stop_secs=0.8)), SPOKEN)))
    assert [a - b for (a, _), (b, _) in zip(late, soon, strict=True)] == pytest.approx([0.35, 0.35], abs=0.1)
    with pytest.raises(voxgate.ConfigError, match="min_silence_duration"):
        VoxgateVADAnalyzer(params=VADParams(stop_secs=60))
    with pytest.raises(voxgate.ConfigError, match="not a probability"):
        own.set_params(VADParams(confidence=1.5))


def test_set_params_makes_it_quiet_and_the_stream_goes_on() -> None:
    async def work() -> None:
        analyzer = VoxgateVADAnalyzer()
        analyzer.set_sample_rate(16_000)
        for chunk in chunks(SPOKEN[: 16_000 * 2]):
            state = await analyzer.analyze_audio(chunk)
        assert state == VADState.SPEAKING
        analyzer.set_params(VADParams(stop_secs=0.5))
        assert analyzer.params.stop_secs == 0.5
        assert await analyzer.analyze_audio(b"") == VADState.QUIET
        states = [await analyzer.analyze_audio(chunk) for chunk in chunks(SPOKEN[16_000 * 2 :])]
        assert VADState.SPEAKING in states and states[-1] == VADState.QUIET
        assert 0 <= analyzer.voice_confidence(chunks(SPOKEN)[0]) <= 1

    run(work())


def test_without_a_sample_rate_it_says_so_and_a_failed_gate_is_replaced() -> None:
    async def work() -> None:
        analyzer = VoxgateVADAnalyzer()
        with pytest.raises(RuntimeError, match="sample rate is not set"):
            await analyzer.analyze_audio(b"")
        analyzer.set_sample_rate(16_000)
        with pytest.raises(voxgate.InternalError):
            analyzer._gate._panic()  # type: ignore[union-attr]
        states = [await analyzer.analyze_audio(chunk) for chunk in chunks(SPOKEN)]
        assert VADState.SPEAKING in states

    run(work())


def test_the_controller_tells_of_speech() -> None:
    async def work() -> list[str]:
        controller, told = VADController(VoxgateVADAnalyzer(params=VADParams(stop_secs=0.8))), []

        @controller.event_handler("on_speech_started")
        async def started(_: object) -> None:
            told.append("started")

        @controller.event_handler("on_speech_stopped")
        async def stopped(_: object) -> None:
            told.append("stopped")

        controller._vad_analyzer.set_sample_rate(16_000)
        for chunk in chunks(SPOKEN):
            await controller.process_frame(InputAudioRawFrame(chunk, 16_000, 1))
        return told

    assert run(work()) == ["started", "stopped"] * 2


def test_a_pipeline_gets_the_frames_of_speech() -> None:
    audio: list[Frame] = [InputAudioRawFrame(chunk, 16_000, 1) for chunk in chunks(SPOKEN)]
    processor = VADProcessor(vad_analyzer=VoxgateVADAnalyzer(params=VADParams(stop_secs=0.8)))
    down, _ = run(
        run_test(
            processor,
            frames_to_send=[*audio, SleepFrame(1.0)],
            pipeline_params=PipelineParams(audio_in_sample_rate=16_000),
        )
    )
    kinds = [
        type(frame) for frame in down if isinstance(frame, (VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame))
    ]
    assert kinds == [VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame] * 2
    assert sum(isinstance(frame, InputAudioRawFrame) for frame in down) == len(audio)


@pytest.mark.parametrize("referred", [False, True], ids=["without", "with"])
def test_the_echo_is_no_speech_and_the_user_still_cuts_in(referred: bool) -> None:
    async def work() -> list[tuple[float, float]]:
        now_s = 50.0
        analyzer = VoxgateVADAnalyzer(params=VADParams(stop_secs=0.3))
        analyzer._clock = lambda: now_s
        analyzer.set_sample_rate(16_000)
        reference = EchoReference(analyzer)
        states: list[tuple[float, VADState]] = []
        for i, chunk in enumerate(chunks(MIC), 1):
            if referred and i % 2:  # 40 ms are written at a time
                written = AGENT[(i - 1) * 320 : (i + 1) * 320].tobytes()
                reference._hear(TTSAudioRawFrame(written, 16_000, 1))
            now_s += 0.02 + (0.004 if i % 5 == 0 else -0.001)  # jitter
            states.append((i * 0.02, await analyzer.analyze_audio(chunk)))
        return turns([*states, (99.0, VADState.QUIET)])

    first = run(work())[0][0]
    assert 7.0 <= first <= 7.35 if referred else first < 1.0


def test_an_interruption_withdraws_what_was_written() -> None:
    async def work() -> tuple[int, int]:
        now_s = 50.0
        analyzer = VoxgateVADAnalyzer()
        analyzer._clock = lambda: now_s
        analyzer.set_sample_rate(16_000)
        await analyzer.analyze_audio(chunks(MIC)[0])
        reference, gate = EchoReference(analyzer), analyzer._gate
        assert gate is not None
        reference._hear(OutputAudioRawFrame(AGENT[:16_000].tobytes(), 16_000, 1))
        before = gate.playback_report.waiting
        reference._hear(InterruptionFrame())
        return before, gate.playback_report.waiting

    before, after = run(work())
    assert before >= 90 and after == 0


def test_the_reference_passes_everything_on() -> None:
    sent: list[Frame] = [
        OutputAudioRawFrame(bytes(640), 16_000, 1),
        TTSTextFrame("Hello.", text_type="sentence"),
        InputAudioRawFrame(bytes(640), 16_000, 1),
    ]
    reference = EchoReference(VoxgateVADAnalyzer())
    down, _ = run(run_test(reference, frames_to_send=sent))
    assert {type(frame) for frame in down} == {type(frame) for frame in sent}
    _, up = run(
        run_test(
            EchoReference(VoxgateVADAnalyzer()), frames_to_send=sent, frames_to_send_direction=FrameDirection.UPSTREAM
        )
    )
    assert {type(frame) for frame in sent} <= {type(frame) for frame in up}


def test_speech_to_text_gets_speech_only() -> None:
    analyzer = VoxgateVADAnalyzer()
    gate = SttGate(analyzer)
    audio: list[Frame] = [InputAudioRawFrame(chunk, 16_000, 1) for chunk in chunks(SPOKEN)]
    down, _ = run(
        run_test(
            Pipeline([VADProcessor(vad_analyzer=analyzer), gate]),
            frames_to_send=[*audio, SleepFrame(1.0)],
            pipeline_params=PipelineParams(audio_in_sample_rate=16_000),
        )
    )
    sent = np.concatenate([np.frombuffer(f.audio, np.int16) for f in down if isinstance(f, InputAudioRawFrame)])
    assert gate.heard_s == pytest.approx(len(SPOKEN) / 16_000)
    assert gate.sent_s == pytest.approx(len(sent) / 16_000) and gate.sent_s < gate.heard_s - 1.0
    onset = SPOKEN[int(0.7 * 16_000) : int(0.9 * 16_000)]
    at = int(np.flatnonzero(sent)[0])
    pre_roll = next(
        n for n in range(8_000) if np.abs(sent[at + n : at + n + len(onset)].astype(int) - onset).max() <= 1
    )
    assert pre_roll > 0.1 * 16_000, "the first word is whole"
    assert sum(isinstance(frame, VADUserStartedSpeakingFrame) for frame in down) >= 2


def test_the_gate_of_speech_to_text_wants_16_khz() -> None:
    frame = InputAudioRawFrame(bytes(960), 24_000, 1)
    with pytest.raises(ValueError, match="audio_in_sample_rate=16000"):
        run(SttGate(VoxgateVADAnalyzer()).process_frame(frame, FrameDirection.DOWNSTREAM))


def test_what_the_bot_says_is_not_sent_to_speech_to_text() -> None:
    async def work() -> float:
        now_s = 50.0
        analyzer = VoxgateVADAnalyzer()
        analyzer._clock = lambda: now_s
        gate, reference = SttGate(analyzer), EchoReference(analyzer)
        sent = 0
        for i, chunk in enumerate(chunks(MIC[: int(6.9 * 16_000)]), 1):
            if i % 2:
                reference._hear(TTSAudioRawFrame(AGENT[(i - 1) * 320 : (i + 1) * 320].tobytes(), 16_000, 1))
            now_s += 0.02
            sent += sum(len(audio) for audio in gate._forwarded(InputAudioRawFrame(chunk, 16_000, 1)) if any(audio))
        return sent / 32_000

    assert run(work()) == 0


def test_a_failed_gate_lets_the_audio_pass() -> None:
    gate = SttGate(VoxgateVADAnalyzer())
    frame = InputAudioRawFrame(chunks(SPOKEN)[0], 16_000, 1)
    assert gate._forwarded(frame) == []
    with pytest.raises(voxgate.InternalError):
        gate._outlet.ear.gate._panic()  # type: ignore[union-attr]
    assert gate._forwarded(frame) == [frame.audio]
    assert gate._forwarded(frame) == []
