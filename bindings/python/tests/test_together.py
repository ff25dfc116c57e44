"""Many gates at once decide as each would alone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import voxgate
from conftest import recording

IN_A_POOL = 1e-5
ZEROS = np.zeros(160, np.int16)


def scene(n: int) -> tuple[voxgate.Gate, voxgate.Forwarder]:
    preset = voxgate.Config.presets()[n % 4]
    gate = voxgate.Gate(16_000, preset=preset)
    return gate, voxgate.Forwarder(gate)


def test_gates_decide_together_as_alone() -> None:
    samples = recording("clean_turn")
    assert samples.rate == 16_000
    together, alone = [[scene(n) for n in range(9)] for _ in range(2)]
    for at in range(0, len(samples.mono) - 8_000, 480):
        pairs = []
        for n, ((gate, _), (twin, _)) in enumerate(zip(together, alone, strict=True)):
            chunk = samples.mono[at + 700 * n :][: 480 if n % 3 else 480 * (at // 480 % 2)]
            if n % 2 == 0:
                for one in (gate, twin):
                    one.playback(chunk)
            pairs.append((gate, twin, chunk))
        decided = voxgate.push_together([(gate, chunk) for gate, _, chunk in pairs])
        for (gate, twin, chunk), mine in zip(pairs, decided, strict=True):
            expected = twin.push(chunk)
            assert [decision.verdict for decision in mine] == [decision.verdict for decision in expected]
            assert [decision.edge for decision in mine] == [decision.edge for decision in expected]
            for one, other in zip(mine, expected, strict=True):
                assert abs(one.evidence.speech - other.evidence.speech) <= IN_A_POOL
                assert np.array_equal(np.asarray(one.audio), np.asarray(other.audio))
            assert gate.now == twin.now and gate.playback_report.accepted == twin.playback_report.accepted
    kinds = set()
    for (_, forwarder), (_, twin_forwarder) in zip(together, alone, strict=True):
        mine, expected = forwarder.take(), twin_forwarder.take()
        assert list(map(repr, mine)) == list(map(repr, expected))
        kinds |= {type(item) for item in mine}
    assert {voxgate.Audio, voxgate.Zeros} <= kinds


def test_rates_channels_and_lengths_may_differ() -> None:
    stereo, phone = voxgate.Gate(48_000, 2, channel=1), voxgate.Gate(8_000)
    decided = voxgate.push_together(
        [(stereo, np.zeros((4_800, 2), np.float32)), (phone, bytes(1_600)), (voxgate.Gate(), np.empty(0, np.int16))]
    )
    assert [len(decisions) for decisions in decided] == [9, 9, 0], "the resampler holds a part of the tenth back"
    assert voxgate.push_together([]) == []


@pytest.mark.parametrize("wrong", [np.zeros(160, np.float64), np.zeros(159, np.int16)])
def test_wrong_audio_of_one_takes_nothing_of_any(wrong: object) -> None:
    gate, stereo = voxgate.Gate(), voxgate.Gate(channels=2)
    with pytest.raises(voxgate.InputError):
        voxgate.push_together([(gate, ZEROS), (stereo, wrong)])  # type: ignore[list-item]
    assert gate.now == 0 and gate.intake_report["received"] == 0
    assert len(gate.push(ZEROS)) == 1


def test_wrong_use_is_refused() -> None:
    gate, finished = voxgate.Gate(), voxgate.Gate()
    finished.finish()
    with pytest.raises(voxgate.InputError, match="given twice"):
        voxgate.push_together([(gate, ZEROS), (gate, ZEROS)])
    with pytest.raises(voxgate.MisuseError, match="finished"):
        voxgate.push_together([(gate, ZEROS), (finished, ZEROS)])
    with pytest.raises(ValueError, match="tuple of length 2"):
        voxgate.push_together([(gate,)])  # type: ignore[list-item]
    assert len(gate.push(ZEROS)) == 1
    broken = voxgate.Gate()
    with pytest.raises(voxgate.InternalError):
        broken._panic()
    with pytest.raises(voxgate.InternalError, match="panicked before"):
        voxgate.push_together([(gate, ZEROS), (broken, ZEROS)])
    assert len(gate.push(ZEROS)) == 1, "the others are as they were"


def test_other_threads_run_meanwhile() -> None:
    gates, long = [voxgate.Gate() for _ in range(8)], np.zeros(16_000 * 30, np.int16)
    began, counted = threading.Event(), []

    def work() -> None:
        began.set()
        voxgate.push_together([(gate, long) for gate in gates])

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    while thread.is_alive():
        counted.append(None)
        thread.join(0.001)
    assert len(counted) > 20, "the GIL was held"
    assert {gate.now for gate in gates} == {16_000 * 30}
