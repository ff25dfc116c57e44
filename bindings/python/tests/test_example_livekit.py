"""`examples/livekit_agent.py` runs, in a room with an echo, with speech-to-text and the rest faked."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

agents = pytest.importorskip("livekit.agents")
if agents.__version__ >= "2":
    pytest.skip("the example is written for LiveKit Agents 1", allow_module_level=True)

from conftest import recording
from echo_room import RATE, Room
from fake_stt import HEARD, FakeSTT
from livekit.agents import AgentSession, llm, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit_room import FakeContext, Loudspeaker, Microphone
from livekit_support import run

GREETING = recording("echo_playback").mono[round(0.4 * RATE) : round(4.6 * RATE)]
USER = recording("clean_turn").mono[round(0.6 * RATE) : round(3.3 * RATE)]


class FakeLLM(llm.LLM):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def chat(self, *, chat_ctx: llm.ChatContext, conn_options: APIConnectOptions, **_: Any) -> llm.LLMStream:
        self.asked.append(chat_ctx.items[-1].text_content or "")  # type: ignore[union-attr]
        return FakeAnswer(self, chat_ctx=chat_ctx, tools=[], conn_options=conn_options)


class FakeAnswer(llm.LLMStream):
    async def _run(self) -> None:
        delta = llm.ChoiceDelta(role="assistant", content="Which card do you play?")
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=delta))


class FakeTTS(tts.TTS):
    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return FakeSpeech(tts=self, input_text=text, conn_options=conn_options)


class FakeSpeech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="1", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(GREETING.tobytes())
        output_emitter.flush()


@pytest.fixture
def example() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "examples" / "livekit_agent.py"
    spec = importlib.util.spec_from_file_location("livekit_agent", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_agent_greets_listens_and_answers(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOXGATE_STORE", raising=False)

    async def work() -> None:
        fake_stt, fake_llm, context = FakeSTT(), FakeLLM(), FakeContext()
        room = Room(30)
        loudspeaker, sessions = Loudspeaker(room), list[Any]()
        start = AgentSession.start

        async def start_in_room(session: AgentSession[None], agent: Any, **_: Any) -> None:
            session.input.audio, session.output.audio = Microphone(room), loudspeaker
            sessions.append(session)
            await start(session, agent, record=False)

        monkeypatch.setattr(AgentSession, "start", start_in_room)
        monkeypatch.setattr(example, "models", lambda: {"stt": fake_stt, "llm": fake_llm, "tts": FakeTTS()})

        entrypoint = asyncio.create_task(example.entrypoint(context))
        await asyncio.sleep(0.3)
        rival = FakeContext()
        await example.entrypoint(rival)
        assert rival.refused == ["held"], "another job has the room"

        await asyncio.wait_for(entrypoint, 20)  # the greeting is played to its end
        assert not loudspeaker.cleared_s and not fake_llm.asked, "the agent has not heard itself"
        sent_s = len(fake_stt.received) / RATE
        assert sent_s <= 0.2, f"{sent_s} s of silence, so that speech-to-text does not hang up"
        await asyncio.sleep(0.5)
        at = room.now() + 400
        room.said[at : at + len(USER)] = USER
        for _ in range(100):
            await asyncio.sleep(0.1)
            if fake_llm.asked and sessions[0].agent_state == "speaking":
                break
        assert fake_llm.asked == [HEARD]
        sent_s = len(fake_stt.received) / RATE
        assert 2.5 <= sent_s <= 2.5 + 0.6 + 0.5 + 1.5, "one utterance, whole, and hardly more"
        heard = [ear.gate for ear in sessions[0].vad._ears if ear.gate is not None and ear.gate.now]
        assert len(heard) == 1, "each frame is analysed once"
        await sessions[0].aclose()
        for callback in context.at_the_end:
            await callback()

    run(work())
