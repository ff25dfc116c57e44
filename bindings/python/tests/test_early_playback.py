"""The agent speaks before the microphone is there."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import recording
from echo_room import DELAY, GAIN, RATE
from voxgate import Config
from voxgate._ear import Ear

GREETING = recording("echo_playback").mono[round(0.4 * RATE) : round(4.6 * RATE)]
PACKET = RATE // 50


@pytest.mark.parametrize("starts_s", [0.0, 0.1, 0.5, 3.0])
def test_its_echo_is_known_and_so_is_that_of_what_it_says_next(starts_s: float) -> None:
    """The microphone starts late; the second time the agent speaks, the delay of its echo is the same."""
    now = 1000.0
    ear = Ear(lambda: now)
    gate = ear.open(RATE, 1, Config())
    room = np.zeros(round(14.0 * RATE))
    for begins in (0, round(8.0 * RATE)):
        room[begins + DELAY : begins + DELAY + len(GREETING)] += GREETING * GAIN
    room += np.random.default_rng(7).normal(0, 20, len(room))
    forwarded = 0
    for packet in range(len(room) // PACKET):
        at, now = packet * PACKET, 1000.0 + packet / 50
        for begins in (0, round(8.0 * RATE)):
            if begins <= at < begins + len(GREETING):
                piece = GREETING[at - begins : at - begins + PACKET]
                ear.play(piece.tobytes(), RATE, 1, now if at == begins else None)
        now += 0.02
        if at >= starts_s * RATE:
            decisions = ear.hear(gate, room[at : at + PACKET].astype(np.int16).tobytes())
            assert decisions is not None
            forwarded += sum(decision.verdict == "forward" for decision in decisions)
    assert forwarded == 0, f"{forwarded} frames of the agent went to speech-to-text"


def test_what_was_taken_back_is_not_told() -> None:
    now = 1000.0
    ear = Ear(lambda: now)
    gate = ear.open(RATE, 1, Config())
    ear.play(bytes(4 * RATE), RATE, 1, now)
    ear.silence(now + 0.5)
    now += 0.02
    ear.hear(gate, bytes(2 * PACKET))
    report = gate.playback_report
    assert 45 <= report.accepted + report.waiting <= 50, report
