"""What one connection to speech-to-text receives, and the map of its time."""

from __future__ import annotations

import numpy as np
import pytest
import voxgate
from conftest import recording


def test_audio_and_messages_come_in_order_and_the_map_leads_back() -> None:
    mic = recording("keyboard")
    gate = voxgate.Gate(mic.rate, forward={"policy": "keepalive", "provider": "deepgram"})
    stt = voxgate.Forwarder(gate)
    decisions = gate.push(mic.samples) + gate.push(np.zeros((5 * mic.rate, 1), np.int16)) + gate.finish()[0]
    items = stt.take()
    assert stt.take() == []
    sent = np.concatenate([item.samples for item in items if isinstance(item, voxgate.Audio)])
    forwarded = np.concatenate([d.audio for d in decisions if d.audio is not None])
    np.testing.assert_array_equal(sent, forwarded)
    assert any(isinstance(item, voxgate.Finalize) for item in items)
    assert any(isinstance(item, voxgate.KeepAlive) for item in items)

    first = next(d.forwarded for d in decisions if d.forwarded)
    times = stt.time_map
    assert len(times) == len(sent)
    assert times.mic(100) == first.start + 100
    assert times.mic_s(0.1) == pytest.approx(first.start_s + 0.1)
    assert times.sent(first.start + 100) == 100
    assert first.start == 0 or times.sent(first.start - 1) is None
    times.forget_before(len(sent))
    assert len(times) == len(sent)


def test_zeros_keep_the_timeline() -> None:
    mic = recording("keyboard")
    gate = voxgate.Gate(mic.rate, forward={"policy": "silence"})
    stt = voxgate.Forwarder(gate)
    gate.push(mic.samples)
    gate.finish()
    items = stt.take()
    length = sum(len(i.samples) if isinstance(i, voxgate.Audio) else i.count for i in items)  # type: ignore[union-attr]
    assert length == gate.now
    assert stt.time_map.mic(12_345) == 12_345


def test_a_gate_feeds_one_forwarder() -> None:
    gate = voxgate.Gate()
    voxgate.Forwarder(gate)
    with pytest.raises(voxgate.MisuseError, match="feeds a forwarder already"):
        voxgate.Forwarder(gate)
