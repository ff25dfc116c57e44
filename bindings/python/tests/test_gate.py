"""The gate decides as the command does, however its audio comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import numpy as np
import pytest
import voxgate
from conftest import Recording, recording, run_command

HEADER = "t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms"


def table(decisions: Iterable[voxgate.Decision], samples: int) -> str:
    """The decisions as the command's frames table; `samples` is the length of the recording at 16 kHz."""
    decisions = list(decisions)
    ledger = voxgate.Ledger()
    rows = [row for decision in decisions for row in ledger.push(decision)] + ledger.finish()
    lines = [HEADER]
    for decision, row in zip(decisions, rows, strict=True):
        if row.frame.end > samples:
            continue
        assert decision.frame == row.frame
        echo = decision.evidence.echo
        likelihood = echo.likelihood if echo else 0.0
        known = echo is not None and echo.quality == "locked" and echo.delay_ms is not None
        delay = f"{echo.delay_ms:.1f}" if known and echo else ""
        reason = {"forward": "", "hold": decision.reason, "suppress": row.reason or decision.reason}[decision.verdict]
        sent = row.released is not None
        released = "" if row.released is None else f"{row.released / 16:g}"
        lines.append(
            f"{decision.frame.start / 16:g},{decision.evidence.speech:.5f},{likelihood:.5f},{delay},{decision.turn},"
            f"{decision.verdict},{reason},{int(sent)},{released}"
        )
    return "\n".join(lines) + "\n"


def decide(gate: voxgate.Gate, chunks: Iterable[object]) -> list[voxgate.Decision]:
    decisions = [decision for chunk in chunks for decision in gate.push(chunk)]  # type: ignore[arg-type]
    return decisions + gate.finish()[0]


def test_decisions_are_those_of_the_command(any_recording: Recording) -> None:
    mic = any_recording
    stereo = mic.samples.shape[1] == 2
    playback = recording("echo_playback") if mic.path.stem == "echo_mic" else None
    arguments: list[str] = ["--channels", "mic=0,playback=1"] if stereo else []
    if playback:
        arguments += ["--playback", str(playback.path)]
    expected = run_command("gate", mic.path, "--quiet", "--frames", "-", *arguments)

    gate = voxgate.Gate(mic.rate, mic.samples.shape[1])
    if stereo:
        gate.playback(np.ascontiguousarray(mic.samples[:, 1]))
    if playback:
        gate.playback(playback.mono, sample_rate=playback.rate)
    decisions = decide(gate, [mic.samples])
    samples = len(mic.samples) * 16_000 // mic.rate
    assert table(decisions, samples) == expected


@pytest.mark.parametrize("size", [1, 7, 160, 161, 480, 12_345])
def test_any_chunking_gives_the_same_decisions(size: int) -> None:
    rate, mic = recording("clean_turn").rate, recording("clean_turn").mono[:60_000]
    whole = decide(voxgate.Gate(rate), [mic])
    parts = decide(voxgate.Gate(rate), [mic[i : i + size] for i in range(0, len(mic), size)])
    assert parts == whole
    assert any(decision.verdict == "forward" for decision in whole)


def test_chunks_of_both_sides_in_turn_decide_as_all_at_once() -> None:
    mic, agent = recording("echo_mic"), recording("echo_playback")
    whole = voxgate.Gate(mic.rate)
    whole.playback(agent.mono)
    expected = decide(whole, [mic.mono])

    gate, decisions, size = voxgate.Gate(mic.rate), [], mic.rate // 50
    for i in range(0, len(mic.mono), size):
        gate.playback(agent.mono[i : i + size])
        decisions += gate.push(mic.mono[i : i + size])
    decisions += gate.finish()[0]
    assert decisions == expected
    assert any(decision.reason == "echo" for decision in decisions)


def test_every_kind_of_sample_is_the_same_audio() -> None:
    mic = recording("short_words").mono[:16_000]
    expected = decide(voxgate.Gate(), [mic])
    stereo = np.stack([mic, mic // 2], axis=1)
    padded = np.zeros(2 * len(mic), np.int16)
    padded[::2] = mic
    unaligned = np.frombuffer(b"x" + mic.tobytes(), np.dtype("<i2"), offset=1)
    for given in (
        mic.tobytes(),
        bytearray(mic.tobytes()),
        memoryview(mic),
        memoryview(mic.tobytes()),
        mic.astype(np.float32) / 32_768,
        memoryview(mic.astype(np.float32) / np.float32(32_768)),
        padded[::2],
        unaligned,
        mic.reshape(-1, 1),
    ):
        assert decide(voxgate.Gate(), [given]) == expected, type(given)
    assert decide(voxgate.Gate(channels=2), [stereo]) == expected
    assert decide(voxgate.Gate(channels=2), [stereo.ravel()]) == expected
    assert decide(voxgate.Gate(channels=2), [np.asfortranarray(stereo)]) == expected
    assert decide(voxgate.Gate(channels=2, channel=1), [stereo[:, ::-1]]) == expected


def test_forwarded_audio_is_there_however_long_the_chunk_was() -> None:
    mic = recording("keyboard")
    gate = voxgate.Gate(mic.rate)
    decisions = decide(gate, [mic.samples])
    forwarded = [decision for decision in decisions if decision.verdict == "forward"]
    assert forwarded
    end = 0
    for decision in forwarded:
        span, audio = decision.forwarded, decision.audio
        assert span is not None and audio is not None
        assert audio.dtype == np.float32 and audio.shape == (len(span),)
        assert span.start >= end and span.end == decision.frame.end
        end = span.end


def test_the_gate_lends_recent_audio() -> None:
    gate = voxgate.Gate()
    noise = np.random.default_rng(1).integers(-3_000, 3_000, 1_600).astype(np.int16)
    gate.push(noise)
    audio = gate.audio(voxgate.Span(160, 1_600))
    assert audio is not None
    np.testing.assert_allclose(audio, noise[160:] / 32_768, atol=1e-6)
    assert gate.audio(voxgate.Span(1_500, 1_700)) is None
    assert (gate.now, gate.now_s) == (1_600, 0.1)


def test_timestamps_fill_holes() -> None:
    gate = voxgate.Gate()
    gate.push(np.ones(1_600, np.int16), at_s=5.0)
    decisions = gate.push(np.ones(1_600, np.int16), at_s=5.2)
    assert [decision.evidence.gap for decision in decisions] == [True] * 10 + [False] * 10
    assert gate.intake_report["missing"] == 1_600


def test_a_reset_gate_decides_as_a_new_one() -> None:
    mic, agent = recording("echo_mic"), recording("echo_playback")
    gate = voxgate.Gate(mic.rate)
    gate.playback(agent.mono)
    first = decide(gate, [mic.mono])
    gate.reset()
    gate.playback(agent.mono)
    assert decide(gate, [mic.mono]) == first


def test_a_turn_begins_and_ends_with_edges() -> None:
    decisions = decide(voxgate.Gate(recording("clean_turn").rate), [recording("clean_turn").samples])
    edges = [decision.edge for decision in decisions if decision.edge]
    start, end = edges[0], edges[-1]
    assert isinstance(start, voxgate.SpeechStart) and isinstance(end, voxgate.SpeechEnd)
    assert start.speech < end.speech.end and end.cause == "silence" and not end.is_misfire


def test_end_turn_drops_what_is_held_and_the_stream_goes_on() -> None:
    mic = recording("clean_turn").mono
    gate = voxgate.Gate(recording("clean_turn").rate)
    for i in range(0, len(mic), 320):
        if any(decision.turn == "speaking" for decision in gate.push(mic[i : i + 320])):
            break
    ended = gate.end_turn()
    assert isinstance(ended, voxgate.SpeechEnd) and ended.cause == "stream_end"
    assert gate.end_turn() is None
    again = [decision.edge for decision in gate.push(mic[i:])]
    assert any(isinstance(edge, voxgate.SpeechStart) for edge in again)


def test_feedback_is_ruled_with_its_evidence() -> None:
    mic = recording("clean_turn")
    gate = voxgate.Gate(mic.rate)
    assert gate.feedback("hello").verdict == "unmatched"
    decide(gate, [mic.samples])
    ruling = gate.feedback("hm", confidence=0.25)
    assert (ruling.verdict, ruling.misfire, ruling.likelihood) == ("misfire", "low_confidence", 0.25)
    gate.reset()
    decide(gate, [mic.samples])
    gate.agent_said("how can I help you today")
    ruling = gate.feedback("how can I help you today")
    assert (ruling.verdict, ruling.misfire) == ("misfire", "echo_of_agent")
    gate.reset()
    decide(gate, [mic.samples])
    assert gate.feedback("I would like to book a table").verdict == "genuine"


def test_playback_that_nobody_hears_is_bounded() -> None:
    gate, minute = voxgate.Gate(16_000), np.zeros(60 * 16_000, np.int16)
    for _ in range(11):  # the microphone stands still
        gate.playback(minute)
    report = gate.playback_report
    assert (report.waiting, report.dropped) == (60_000, 6_000)


def test_playback_is_reported_and_withdrawn() -> None:
    gate = voxgate.Gate()
    tone = np.full(16_000, 1_000, np.int16)
    gate.playback(tone)  # a second, at once
    assert (gate.playback_report.accepted, gate.playback_report.waiting) == (0, 100)
    gate.push(np.zeros(8_000, np.int16))
    assert (gate.playback_report.accepted, gate.playback_report.waiting) == (50, 50)
    gate.playback_clear()
    assert gate.playback_report.waiting == 0
    gate.push(np.zeros(32_000, np.int16))
    gate.playback(tone[:1_600], at_s=0.1)
    assert gate.playback_report.late == 10
    gate.playback(tone[:1_600])  # not in the past: from now on
    assert (gate.playback_report.late, gate.playback_report.waiting) == (10, 10)
    deaf = voxgate.Gate(echo="off")
    deaf.playback(tone)
    assert deaf.playback_report.waiting == 0


def test_long_audio_lets_other_threads_run() -> None:
    gate, counted, stop = voxgate.Gate(), [0], threading.Event()
    audio = np.zeros(16_000 * 600, np.int16)

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    started, before = time.perf_counter(), counted[0]
    time.sleep(0.2)
    alone = (counted[0] - before) / (time.perf_counter() - started)
    started, before = time.perf_counter(), counted[0]
    gate.push(audio)
    meanwhile = (counted[0] - before) / (time.perf_counter() - started)
    stop.set()
    thread.join()
    assert meanwhile > 0.2 * alone
