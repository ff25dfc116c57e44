"""`voxgate.pipecat.GatedInput`: a speech-to-speech service hears the user, and silence in the place of the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pipecat")

import voxgate
from conftest import recording
from pipecat.audio.mixers.base_audio_mixer import BaseAudioMixer
from pipecat.frames.frames import (
    FilterEnableFrame,
    Frame,
    InputAudioRawFrame,
    MixerControlFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from voxgate.pipecat import EchoReference, GatedInput, VoxgateVADAnalyzer

Samples = np.ndarray[Any, np.dtype[np.int16]]
RATE = 16_000
SPOKEN = np.concatenate([np.zeros(2 * RATE, np.int16), recording("clean_turn").mono])
MIC, AGENT = recording("echo_mic").mono, recording("echo_playback").mono


def chunks(samples: Samples, size: int = 320) -> list[bytes]:
    return [samples[start : start + size].tobytes() for start in range(0, len(samples), size)]


class Microphone(BaseInputTransport):
    """Records faster than in real time."""

    def __init__(self, samples: Samples, gated: GatedInput) -> None:
        super().__init__(TransportParams(audio_in_enabled=True, audio_in_filter=gated))
        self._samples = samples

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        for chunk in chunks(self._samples):
            await self.push_audio_frame(InputAudioRawFrame(chunk, RATE, 1))


class Service(FrameProcessor):
    """A speech-to-speech service, which is what hears the transport."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.heard += frame.audio
        await self.push_frame(frame, direction)


def test_in_a_pipeline_speech_passes_where_it_was_and_the_rest_is_zeros() -> None:
    async def work() -> tuple[Samples, GatedInput]:
        gated, service = GatedInput(VoxgateVADAnalyzer()), Service()
        await run_test(
            Pipeline([Microphone(SPOKEN, gated), service]),
            frames_to_send=[SleepFrame(1.0)],
            pipeline_params=PipelineParams(audio_in_sample_rate=RATE),
        )
        return np.frombuffer(service.heard, np.int16), gated

    heard, gated = asyncio.run(asyncio.wait_for(work(), 60))
    assert len(SPOKEN) - 0.6 * RATE <= len(heard) <= len(SPOKEN), "the end is yet to be decided on"
    spoken = SPOKEN[: len(heard)]
    passed = heard != 0
    assert 0.2 < passed.mean() < 0.8
    assert passed[np.abs(spoken) > 2_000].mean() > 0.99, "the words are there"
    assert np.abs(heard[passed].astype(int) - spoken[passed]).max() <= 1, "in their place"
    assert gated.heard_s == pytest.approx(len(SPOKEN) / RATE) and gated.sent_s < 0.8 * gated.heard_s


def test_what_the_bot_says_is_silence() -> None:
    async def work() -> bytes:
        now_s = 50.0
        analyzer = VoxgateVADAnalyzer()
        analyzer._clock = lambda: now_s
        gated, reference, heard = GatedInput(analyzer), EchoReference(analyzer), b""
        for i, chunk in enumerate(chunks(MIC[: int(6.9 * RATE)]), 1):
            if i % 2:
                reference._hear(TTSAudioRawFrame(AGENT[(i - 1) * 320 : (i + 1) * 320].tobytes(), RATE, 1))
            now_s += 0.02
            heard += await gated.filter(chunk)
        return heard

    heard = asyncio.run(work())
    assert len(heard) > 6 * 2 * RATE and not any(heard)


class Loudspeaker(BaseOutputTransport):
    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await asyncio.sleep(frame.num_frames / frame.sample_rate)
        return True


class Music(BaseAudioMixer):
    """A constant, so that it is known again."""

    async def start(self, sample_rate: int) -> None: ...
    async def stop(self) -> None: ...
    async def process_frame(self, frame: MixerControlFrame) -> None: ...
    async def mix(self, audio: bytes) -> bytes:
        return (np.frombuffer(audio, np.int16) + 900).astype(np.int16).tobytes()


def test_what_a_mixer_adds_is_in_the_reference() -> None:
    """Background audio needs no reference of its own: what is behind the output is what was mixed."""
    heard: list[bytes] = []

    class Reference(EchoReference):
        def _hear(self, frame: Frame) -> None:
            if isinstance(frame, OutputAudioRawFrame):
                heard.append(frame.audio)

    async def work() -> None:
        params = TransportParams(audio_out_enabled=True, audio_out_mixer=Music())
        voice = TTSAudioRawFrame(np.full(RATE // 5, 100, np.int16).tobytes(), RATE, 1)
        await run_test(
            Pipeline([Loudspeaker(params), Reference(VoxgateVADAnalyzer())]),
            frames_to_send=[SleepFrame(0.2), voice, SleepFrame(0.5)],
            pipeline_params=PipelineParams(audio_out_sample_rate=RATE),
        )

    asyncio.run(asyncio.wait_for(work(), 60))
    samples = np.frombuffer(b"".join(heard), np.int16)
    assert np.count_nonzero(samples == 1_000) == RATE // 5, "the bot over the music"
    assert np.count_nonzero(samples == 900) > RATE // 5, "the music alone"


def test_it_can_be_taken_out_of_the_way_and_put_back() -> None:
    async def work() -> list[Samples]:
        gated, heard = GatedInput(VoxgateVADAnalyzer()), []
        noise = np.random.default_rng(3).normal(0, 30, 3 * RATE).astype(np.int16)
        for enabled in (True, False, True):
            await gated.process_frame(FilterEnableFrame(enabled))
            parts = [await gated.filter(chunk) for chunk in chunks(noise)]
            heard.append(np.frombuffer(b"".join(parts), np.int16))
        await gated.stop()
        return [noise, *heard]

    noise, gated, plain, again = asyncio.run(work())
    late = len(noise) - len(gated)
    assert not gated.any() and 0 < late < 0.6 * RATE
    np.testing.assert_array_equal(plain[late:], noise)
    assert not plain[:late].any() and not again.any(), "what was held came first"


def test_a_failed_gate_lets_the_audio_pass() -> None:
    async def work() -> None:
        gated, (first, *_) = GatedInput(VoxgateVADAnalyzer()), chunks(SPOKEN[3 * RATE :])
        assert await gated.filter(first) == b""
        with pytest.raises(voxgate.InternalError):
            gated._outlet.ear.gate._panic()  # type: ignore[union-attr]
        assert await gated.filter(first) == first
        assert await gated.filter(first) == b""

    asyncio.run(work())


def test_it_wants_16_khz() -> None:
    with pytest.raises(ValueError, match="audio_in_sample_rate=16000"):
        asyncio.run(GatedInput(VoxgateVADAnalyzer()).start(24_000))
