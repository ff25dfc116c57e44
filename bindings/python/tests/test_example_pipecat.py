"""`examples/pipecat_bot.py` runs, in a room with an echo, with speech-to-text and the rest faked."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import virtual_time

pytest.importorskip("pipecat")

from conftest import recording
from echo_room import RATE, Room
from pipecat.frames.frames import (
    CancelFrame,
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams

GREETING = recording("echo_playback").mono[round(0.4 * RATE) : round(4.6 * RATE)]
USER = recording("clean_turn").mono[round(0.6 * RATE) : round(3.3 * RATE)]
HEARD = "He was not an ill disposed young man"


class Microphone(BaseInputTransport):
    def __init__(self, room: Room, params: TransportParams) -> None:
        super().__init__(params)
        self._room, self._recording = room, None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        self._recording = self.create_task(self._record())
        await self.set_transport_ready(frame)

    async def _record(self) -> None:
        at = self._room.now()
        while True:
            end = at + RATE // 50
            await asyncio.sleep(max((end - self._room.now()) / RATE, 0))
            await self.push_audio_frame(InputAudioRawFrame(self._room.heard(at, end).tobytes(), RATE, 1))
            at = end

    async def cleanup(self) -> None:
        if self._recording is not None:
            await self.cancel_task(self._recording)
        await super().cleanup()


class Loudspeaker(BaseOutputTransport):
    def __init__(self, room: Room, params: TransportParams) -> None:
        super().__init__(params)
        self._room, self._end = room, 0
        self.played = 0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        samples = np.frombuffer(frame.audio, np.int16)
        start = max(self._end, self._room.now())
        self._room.played[start : start + len(samples)] = samples
        self._end = start + len(samples)
        self.played += int(np.count_nonzero(samples))
        await asyncio.sleep(max((start - self._room.now()) / RATE, 0))  # a chunk ahead
        return True


class Device(BaseTransport):
    def __init__(self, room: Room) -> None:
        super().__init__()
        params = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
        self._mic, self.speaker = Microphone(room, params), Loudspeaker(room, params)

    def input(self) -> FrameProcessor:
        return self._mic

    def output(self) -> FrameProcessor:
        return self.speaker


class FakeSTT(FrameProcessor):
    """A transcript for every end of speech."""

    def __init__(self) -> None:
        super().__init__()
        self.starts = 0
        self.received_s = 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.starts += isinstance(frame, VADUserStartedSpeakingFrame)
        self.received_s += frame.num_frames / RATE if isinstance(frame, InputAudioRawFrame) else 0
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            await self.push_frame(TranscriptionFrame(HEARD, "user", "2026-11-26T00:00:00Z", finalized=True))


class FakeLLM(FrameProcessor):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            return await self.push_frame(frame, direction)
        message: Any = frame.context.get_messages()[-1]
        self.asked.append(str(message["content"]))
        for answer in (LLMFullResponseStartFrame(), LLMTextFrame("Which card?"), LLMFullResponseEndFrame()):
            await self.push_frame(answer)


class FakeTTS(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, (TTSSpeakFrame, LLMTextFrame)):
            return await self.push_frame(frame, direction)
        await self.push_frame(TTSStartedFrame())
        await self.push_frame(TTSAudioRawFrame(GREETING.tobytes(), RATE, 1))
        await self.push_frame(TTSStoppedFrame())


@pytest.fixture
def example() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "examples" / "pipecat_bot.py"
    spec = importlib.util.spec_from_file_location("pipecat_bot", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bot_greets_listens_and_answers(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        room = Room(30)
        device, stt, llm = Device(room), FakeSTT(), FakeLLM()
        pipeline = example.bot(device, stt, llm, FakeTTS())
        running = asyncio.create_task(example.run(pipeline, "Welcome."))
        try:
            await asyncio.sleep(6.0)
            assert device.speaker.played >= 0.98 * np.count_nonzero(GREETING), "the greeting is played to its end"
            assert stt.starts == 0 and not llm.asked, "the bot has not heard itself"
            assert stt.received_s <= 0.2, "nothing is paid for it"
            at = room.now() + 400
            room.said[at : at + len(USER)] = USER
            before = device.speaker.played
            for _ in range(80):
                await asyncio.sleep(0.1)
                if device.speaker.played > before + RATE:
                    break
            assert stt.starts >= 1 and llm.asked[-1].startswith(HEARD)
            assert device.speaker.played > before + RATE, "it answers"
            assert 2.5 <= stt.received_s <= 2.5 + 0.6 + 0.5 + 1.5, "the user's words, and hardly more"
        finally:
            await pipeline.queue_frame(CancelFrame())
            running.cancel()
            await asyncio.wait([running], timeout=5)

    virtual_time.run(asyncio.wait_for(work(), 60), monkeypatch)
