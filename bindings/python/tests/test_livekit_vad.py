"""`voxgate.livekit.VAD` keeps the contract of LiveKit's own VADs, which are held to it in the same tests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

import voxgate
from conftest import recording
from livekit import rtc
from livekit.agents import inference, vad
from livekit_support import DONE, END, START, events_of, frames, joined, of, resampled, run
from voxgate.livekit import VAD

try:
    from livekit.plugins import silero

    THEIRS = [silero.VAD.load, inference.VAD]
except ImportError:  # there is none for LiveKit Agents 2 yet
    THEIRS = [inference.VAD]

Make = Callable[..., Any]
EVERY = pytest.mark.parametrize(
    "make",
    [VAD.load, *THEIRS],
    ids=lambda make: make.__module__ if isinstance(make, type) else make.__self__.__module__,
)
TURN = recording("clean_turn")
SILENCE = np.zeros(16_000, np.int16)
SPOKEN = np.concatenate([TURN.mono, SILENCE])  # from 0.70 to 3.22 and from 4.40 to 9.19 s


@EVERY
@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("chunk_s", [0.01, 1_000.0])
def test_every_start_has_its_end(make: Make, rate: int, chunk_s: float) -> None:
    audio = frames(resampled(SPOKEN, 16_000, rate), rate, chunk_s)
    events = run(events_of(make(min_speech_duration=0.5, min_silence_duration=0.75), audio))
    starts, ends = of(START, events), of(END, events)
    assert len(starts) == len(ends) == 2
    for start, end in zip(starts, ends, strict=True):
        assert start.speaking and not end.speaking
        assert start.speech_duration >= 0.499 and end.silence_duration >= 0.749
        (whole,), (first,) = end.frames, start.frames
        assert whole.sample_rate == first.sample_rate == rate
        assert bytes(whole.data).startswith(bytes(first.data)), "the end has the whole utterance"
        assert whole.duration >= end.speech_duration + 0.4, "with its pre-roll"


@EVERY
def test_times_say_when_speech_began_and_ended(make: Make) -> None:
    events = run(events_of(make(), frames(SPOKEN, 16_000)))
    began = [event.timestamp - event.speech_duration for event in of(START, events)]
    ended = [event.timestamp - event.silence_duration for event in of(END, events)]
    assert began == pytest.approx([0.70, 4.40], abs=0.15)
    assert ended == pytest.approx([3.22, 9.19], abs=0.3)
    for event in events:
        assert event.samples_index == pytest.approx(event.timestamp * 16_000)


@EVERY
@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_inference_is_told_every_32_ms_with_all_of_the_audio(make: Make, rate: int) -> None:
    samples = resampled(SPOKEN, 16_000, rate)
    detector = make()
    events = run(events_of(detector, frames(samples, rate, 0.05)))
    done = of(DONE, events)
    assert len(done) == pytest.approx(len(samples) / rate / 0.032, abs=2)
    assert detector.capabilities.update_interval == 0.032
    heard = joined(frame for event in done for frame in event.frames)
    assert len(heard) >= len(samples) - rate * 0.05
    np.testing.assert_array_equal(heard, samples[: len(heard)])
    speaking = [event for event in done if event.speaking]
    assert all(event.speech_duration > 0 and event.silence_duration == 0 for event in speaking)
    assert all(event.speech_duration == 0 for event in done if not event.speaking)
    assert all((event.raw_accumulated_speech > 0) != (event.raw_accumulated_silence > 0) for event in done[4:])
    assert all(0 <= event.probability <= 1 and event.inference_duration >= 0 for event in done)
    assert max(event.probability for event in done) > 0.9


@EVERY
@pytest.mark.parametrize("cut", [14_080, 14_240, 14_720, 32_000])
def test_flush_is_a_hard_boundary(make: Make, cut: int) -> None:
    async def work() -> list[vad.VADEvent]:
        stream = make().stream()
        for frame in frames(TURN.mono[:cut], 16_000):  # in the midst of speech, also of a window
            stream.push_frame(frame)
        stream.flush()
        for frame in frames(SILENCE, 16_000):
            stream.push_frame(frame)
        stream.flush()
        for frame in frames(SPOKEN, 16_000):
            stream.push_frame(frame)
        stream.end_input()
        return [event async for event in stream]

    events = run(work())
    kinds = [event.type for event in events if event.type != DONE]
    assert kinds == [START, START, END, START, END], "no end at the flush, nothing in the silence, and all of it again"
    restarts = [i for i in range(1, len(events)) if events[i].timestamp < events[i - 1].timestamp]
    assert len(restarts) == 2, "times begin anew at each flush"
    after = events[restarts[0]]
    assert after.speech_duration == 0 and not after.speaking and after.raw_accumulated_speech == 0


@EVERY
def test_speech_that_is_open_at_the_end_has_no_end(make: Make) -> None:
    events = run(events_of(make(), frames(TURN.mono[: 16_000 * 2], 16_000)))
    assert len(of(START, events)) == 1 and not of(END, events)


@EVERY
def test_a_frame_of_another_rate_is_left_out(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> list[vad.VADEvent]:
        stream = make().stream()
        stream.push_frame(next(frames(SILENCE, 16_000, 0.1)))
        stream.push_frame(next(frames(SILENCE, 8_000, 0.1)))
        stream.end_input()
        return [event async for event in stream]

    with caplog.at_level(logging.ERROR):
        assert len(run(work())) == 3
    assert any("pushed" in record.message for record in caplog.records)


@EVERY
def test_options_change_under_way(make: Make) -> None:
    async def work() -> list[vad.VADEvent]:
        detector = make(min_silence_duration=3.0)
        stream = detector.stream()
        for frame in frames(SPOKEN[: 16_000 * 3], 16_000):
            stream.push_frame(frame)
        while stream._input_ch.qsize():
            await asyncio.sleep(0)
        detector.update_options(min_silence_duration=0.3, prefix_padding_duration=0.2, max_buffered_speech=30.0)
        for frame in frames(SPOKEN[16_000 * 3 :], 16_000):
            stream.push_frame(frame)
        stream.end_input()
        return [event async for event in stream]

    ends = of(END, run(work()))
    assert len(ends) >= 2
    assert all(0.29 <= event.silence_duration < 0.5 for event in ends)


@EVERY
def test_a_long_utterance_is_cut_at_max_buffered_speech(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    detector = make(max_buffered_speech=1.0, prefix_padding_duration=0.3)
    events = run(events_of(detector, frames(SPOKEN, 16_000)))
    assert [event.frames[0].duration for event in of(END, events)] == pytest.approx([1.3, 1.3], abs=0.04)
    assert "max_buffered_speech" in caplog.text


@pytest.mark.parametrize("padding_s", [0.1, 0.5])
def test_the_padding_is_exact_though_the_speech_is_clear(padding_s: float) -> None:
    detector = VAD.load(prefix_padding_duration=padding_s)
    assert detector._config["turn.padding"] == "fixed"
    start = of(START, run(events_of(detector, frames(SPOKEN, 16_000))))[0]
    begun_s = start.samples_index / 16_000 - start.speech_duration
    buffered_s = sum(frame.duration for frame in start.frames)
    assert buffered_s == pytest.approx(start.speech_duration + min(padding_s, begun_s), abs=0.04)


@EVERY
def test_metrics_are_collected(make: Make) -> None:
    detector, collected = make(), []
    detector.on("metrics_collected", collected.append)
    run(events_of(detector, frames(SPOKEN, 16_000)))
    assert len(collected) >= 10 and collected[0].inference_count >= 31
    assert collected[0].metadata.model_name == detector.model


@EVERY
def test_a_closed_stream_takes_no_more(make: Make) -> None:
    async def work() -> None:
        stream = make().stream()
        stream.push_frame(next(frames(SILENCE, 16_000)))
        await stream.aclose()
        for use in (lambda: stream.push_frame(next(frames(SILENCE, 16_000))), stream.flush, stream.end_input):
            with pytest.raises(RuntimeError):
                use()
        assert [event async for event in stream] == []

    run(work())


def test_options_out_of_range_are_refused() -> None:
    for options, says in (
        ({"min_silence_duration": 11.0}, "min_silence_duration"),
        ({"activation_threshold": 1.5}, "not a probability"),
        ({"deactivation_threshold": 0.9}, "deactivation_threshold"),
        ({"deactivation_threshold": 0.0}, "greater than 0"),
        ({"sample_rate": 44_100}, "44100"),
        ({"onnx_file_path": "silero.onnx"}, "built in"),
    ):
        with pytest.raises(ValueError, match=says):
            VAD.load(**options)
    detector = VAD.load()
    with pytest.raises(voxgate.ConfigError):
        detector.update_options(activation_threshold=7.0)
    assert detector._options.activation_threshold is None, "nothing has changed"
    assert VAD.load(padding_duration=0.1)._config["turn.prefix_padding_duration"] == 0.1
    assert VAD.load(activation_threshold=0.7)._config["turn.deactivation_threshold"] == pytest.approx(0.55)


def test_min_speech_duration_is_waited_for() -> None:
    word = SPOKEN[: int(16_000 * 1.3)]  # 0.6 s of speech
    audio = np.concatenate([word, SILENCE])
    assert not of(START, run(events_of(VAD.load(min_speech_duration=0.9), frames(audio, 16_000))))
    events = run(events_of(VAD.load(min_speech_duration=0.3), frames(audio, 16_000)))
    (start,), (end,) = of(START, events), of(END, events)
    assert 0.3 <= start.speech_duration < 0.45 and end.frames[0].duration > 0.9


def test_stereo_input_is_heard_by_its_first_channel() -> None:
    stereo = np.stack([SPOKEN, np.zeros_like(SPOKEN)], axis=1)
    audio = [rtc.AudioFrame(part.tobytes(), 16_000, 2, len(part)) for part in np.array_split(stereo, 500)]
    events = run(events_of(VAD.load(), audio))
    assert len(of(START, events)) == len(of(END, events)) == 2
    assert of(END, events)[0].frames[0].num_channels == 2
    np.testing.assert_array_equal(joined(f for e in of(DONE, events) for f in e.frames)[1::2], 0)


def test_a_buffer_that_is_longer_than_its_frame_is_no_audio() -> None:
    padded = [rtc.AudioFrame(bytes(frame.data) + b"\x7f\x7f" * 33, 16_000, 1, 160) for frame in frames(SILENCE, 16_000)]
    events = run(events_of(VAD.load(), padded))
    assert not joined(part for event in events for part in event.frames).any()
    assert len(of(DONE, events)) == 31


def test_a_gate_that_fails_is_replaced_and_the_audio_goes_on() -> None:
    async def work() -> list[vad.VADEvent]:
        stream = VAD.load().stream()
        stream.push_frame(next(frames(SILENCE, 16_000)))
        await asyncio.sleep(0.01)
        with pytest.raises(voxgate.InternalError):
            stream._gate._panic()  # type: ignore[union-attr]
        for frame in frames(SPOKEN, 16_000):
            stream.push_frame(frame)
        stream.end_input()
        return [event async for event in stream]

    events = run(work())
    assert len(of(START, events)) == len(of(END, events)) == 2


def test_misfires_are_told_to_the_gate() -> None:
    async def work() -> voxgate.StormStep | None:
        detector = VAD.load()
        stream = detector.stream()
        for frame in frames(SPOKEN, 16_000):
            stream.push_frame(frame)
        await asyncio.sleep(0.05)
        detector.agent_said("hello there")
        detector.feedback("", confidence=None)
        gate = stream._gate
        assert gate is not None
        step = gate.push(SILENCE[:160])[0].storm
        await stream.aclose()
        return step

    step = run(work())
    assert step is not None and step.cause == "no_transcript"
