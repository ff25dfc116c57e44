"""Wrong input and wrong use: a clear exception, never a crash."""

from __future__ import annotations

import array
import datetime
import multiprocessing
import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import voxgate

ZEROS = np.zeros(160, np.int16)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros(160, np.float64), "float64, expected int16"),
        (np.zeros(160, np.int32), "int32, expected int16"),
        (np.zeros(160, ">i2"), "expected int16"),
        (np.zeros((2, 160), np.int16), r"shape \(2, 160\), expected \(sample frames, 1\)"),
        (np.zeros((1, 160), np.int16), "transpose it"),
        (np.zeros((2, 2, 2), np.int16), "3 dimensions"),
        (np.array(3, np.int16), "0 dimensions"),
        (b"abc", "3 bytes are no whole int16"),
        (bytearray(b"abc"), "bytearray is no audio"),
        (memoryview(np.zeros(4, np.float64)), "format 'd'|format \"d\""),
        (array.array("d", [0.0] * 4), 'format "d"'),
        ("text", "str is no audio"),
        ([1, 2, 3], "list is no audio"),
        (None, "NoneType is no audio"),
        (np.array([None]), "object, expected int16"),
    ],
)
def test_what_is_no_audio_is_refused_and_nothing_taken(samples: Any, says: str) -> None:
    gate = voxgate.Gate()
    with pytest.raises(voxgate.InputError, match=says):
        gate.push(samples)
    with pytest.raises(voxgate.InputError, match=says):
        gate.playback(samples)
    assert gate.now == 0 and gate.intake_report["received"] == 0
    assert len(gate.push(ZEROS)) == 1


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: voxgate.Gate(4_000), voxgate.InputError, "4000"),
        (lambda: voxgate.Gate(channels=9), voxgate.InputError, "9 channels"),
        (lambda: voxgate.Gate(channels=2, channel=2), voxgate.InputError, "channel 2 was chosen"),
        (lambda: voxgate.Gate(preset="loud"), voxgate.ConfigError, "no preset"),
        (lambda: voxgate.Gate(toml="vad ="), voxgate.ConfigError, "TOML"),
        (lambda: voxgate.Gate(vad="onnx"), voxgate.ModelError, "onnx"),
        (lambda: voxgate.Gate(turn={"hangover": 1}), voxgate.ConfigError, "did you mean `turn.hangover_duration`"),
        (lambda: voxgate.Gate(turn={"activation_threshold": 1.7}), voxgate.ConfigError, "not a probability"),
        (lambda: voxgate.Gate(turn={"hangover_duration": "13s"}), voxgate.ConfigError, "from 0ms to 10s"),
        (lambda: voxgate.Gate(turn=object()), voxgate.ConfigError, "`turn` is a object"),
        (lambda: voxgate.Gate(turn="on"), voxgate.ConfigError, "section"),
        (lambda: voxgate.Gate(config=voxgate.Config(), preset="telephony"), voxgate.ConfigError, "replace"),
        (lambda: voxgate.Gate(config=voxgate.Config(), preset="default"), voxgate.ConfigError, "replace"),
        (lambda: voxgate.Gate(48_000.5), TypeError, "float"),
        (lambda: voxgate.Gate(-1), OverflowError, "out of range"),
        (lambda: voxgate.Span(5, 4), voxgate.InputError, "before it starts"),
        (lambda: voxgate.Gate().feedback("a", confidence=2), voxgate.InputError, "confidence: 2 is not a prob"),
        (lambda: voxgate.Gate().push(ZEROS, at_s=-1.0), voxgate.InputError, "at_s is -1"),
        (lambda: voxgate.Gate().push(ZEROS, at_s=float("nan")), voxgate.InputError, "at_s is NaN"),
        (lambda: voxgate.Gate().push(ZEROS, at_s=1e300), voxgate.InputError, "at_s is 1"),
        (lambda: voxgate.Gate().push(ZEROS, sample_rate=48_000), voxgate.InputError, "changed from 16000 Hz to 48000"),
        (lambda: voxgate.Gate().playback(ZEROS, at_s=1e300), voxgate.InputError, "at_s"),
        (lambda: voxgate.Gate().playback(ZEROS, sample_rate=3), voxgate.InputError, "3 Hz"),
        (lambda: voxgate.Gate(channels=2).push(ZEROS[:159]), voxgate.InputError, "159 interleaved"),
    ],
)
def test_wrong_arguments_are_refused_with_the_remedy(
    make: Callable[[], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        make()


def test_errors_have_their_classes_and_their_setting() -> None:
    with pytest.raises(voxgate.ConfigError) as caught:
        voxgate.Config(trun={"hangover_duration": 1})
    assert (caught.value.key, caught.value.nearest) == ("trun.hangover_duration", "turn.hangover_duration")
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, voxgate.Error)
    with pytest.raises(voxgate.ReconfigureError, match="vad cannot change"):
        voxgate.Gate().reconfigure(voxgate.Config(vad="webrtc"))


def test_settings_are_text_numbers_times_and_tables() -> None:
    expected = voxgate.Config(toml='[turn]\nhangover_duration = "200ms"')
    for value in ("200ms", 0.2, np.float64(0.2), datetime.timedelta(milliseconds=200)):
        assert voxgate.Config(turn={"hangover_duration": value}) == expected
    assert voxgate.Config(**{"turn.hangover_duration": "200ms"}) == expected
    assert voxgate.Config(burst="off").replace(burst={}) == voxgate.Config(burst="off")
    assert "hangover_duration" in repr(expected) and repr(voxgate.Config()) == "Config()"
    assert voxgate.Config(toml=voxgate.Config.commented_toml()) == voxgate.Config()
    over = voxgate.Config(preset="telephony", toml='turn.hangover_duration = "200ms"')
    assert over == voxgate.Config(preset="telephony").replace(turn={"hangover_duration": "200ms"})
    assert voxgate.Config(toml=over.to_toml()) == over
    assert voxgate.Config.presets() == ["default", "low_latency", "open_office", "telephony"]
    gate = voxgate.Gate(preset="telephony")
    gate.reconfigure(over)
    assert gate.config == over


def test_a_finished_stream_takes_no_more() -> None:
    gate = voxgate.Gate()
    gate.push(np.zeros(100, np.int16))
    decisions, edge = gate.finish()
    assert len(decisions) == 1 and edge is None
    for use in (lambda: gate.push(ZEROS), lambda: gate.playback(ZEROS), gate.finish):
        with pytest.raises(voxgate.MisuseError, match="finished"):
            use()
    gate.reset()
    assert len(gate.push(ZEROS)) == 1


def test_two_threads_at_once_are_told_apart() -> None:
    gate, errors, long = voxgate.Gate(), [], np.zeros(16_000 * 60, np.int16)
    barrier = threading.Barrier(2)

    def push() -> None:
        barrier.wait()
        try:
            gate.push(long)
        except voxgate.MisuseError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=push) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 1 and "another thread is using this gate" in errors[0]
    assert len(gate.push(ZEROS)) == 1, "one after the other is fine"


def test_a_panic_is_an_exception_and_the_gate_is_used_no_more() -> None:
    gate = voxgate.Gate()
    with pytest.raises(voxgate.InternalError, match="panicked: asked to"):
        gate._panic()
    with pytest.raises(voxgate.InternalError, match="panicked before; make a new one"):
        gate.push(ZEROS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_is_refused() -> None:
    gate = voxgate.Gate()

    def use(answers: Any) -> None:
        try:
            gate.push(ZEROS)
        except voxgate.MisuseError as error:
            answers.put(str(error))
        answers.put(len(voxgate.Gate().push(ZEROS)))

    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy may have threads of its own
        child = context.Process(target=use, args=(answers,))
        child.start()
    assert "is a fork of it" in answers.get(timeout=20)
    assert answers.get(timeout=20) == 1
    child.join(20)
    assert child.exitcode == 0


def test_hostile_samples_are_mended_and_counted() -> None:
    gate = voxgate.Gate()
    gate.push(np.array([np.nan, np.inf, -np.inf, 7.0, -7.0], np.float32))
    assert gate.intake_report["not_finite"] == 3 and gate.intake_report["out_of_range"] == 2
    assert gate.push(np.empty(0, np.int16)) == [] and gate.push(b"") == []


def test_an_array_of_floats_is_taken_as_floats() -> None:
    samples = np.full(1_600, 0.1, np.float32)
    levels = [
        [decision.evidence.level_dbfs for decision in voxgate.Gate().push(chunk)]
        for chunk in (samples, array.array("f", samples.tolist()), memoryview(samples))
    ]
    assert len(levels[0]) == 10 and levels[0] == levels[1] == levels[2]
