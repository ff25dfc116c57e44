"""The gateway between a scripted Twilio and Pipecat's own serializer for it."""

import asyncio
import base64
import json
import wave
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pipecat", reason="Pipecat needs Python 3.11")
websockets = pytest.importorskip("websockets")

import numpy as np
from pipecat.frames.frames import InputAudioRawFrame, InterruptionFrame, OutputAudioRawFrame
from pipecat.serializers.twilio import TwilioFrameSerializer
from serve_support import ROOT, gateway
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

RATE = 16_000
PACKET = 160


def mulaw(samples: np.ndarray) -> bytes:
    """G.711, as its tables say."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32_635) + 132
    exponent = np.maximum(np.floor(np.log2(magnitude)).astype(np.int32) - 7, 0)
    sign = np.where(samples < 0, 0x80, 0)
    coded = ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 15) & 255
    return coded.astype(np.uint8).tobytes()


def telephone(name: str) -> bytes:
    with wave.open(str(ROOT / "samples" / f"{name}.wav")) as recording:
        rate, samples = recording.getframerate(), np.frombuffer(recording.readframes(recording.getnframes()), np.int16)
    step = rate // 8_000
    return mulaw(samples[: len(samples) // step * step].reshape(-1, step).mean(axis=1).astype(np.int16))


async def agent(socket: Any, heard: list[np.ndarray], said: asyncio.Event) -> None:
    """A Pipecat agent's end of the wire: it says something, is interrupted, and listens."""
    serializer = None
    async for text in socket:
        message = json.loads(text)
        if message["event"] == "start":
            params = TwilioFrameSerializer.InputParams(auto_hang_up=False, sample_rate=RATE)
            serializer = TwilioFrameSerializer(message["start"]["streamSid"], params=params)
            serializer._sample_rate = RATE
            speech = OutputAudioRawFrame(audio=b"\x00\x10" * RATE, sample_rate=RATE, num_channels=1)
            spoken = await serializer.serialize(speech)
            assert spoken is not None
            await socket.send(spoken)
            cleared = await serializer.serialize(InterruptionFrame())
            assert cleared is not None
            await socket.send(cleared)
            said.set()
        elif serializer is not None and (frame := await serializer.deserialize(text)) is not None:
            assert isinstance(frame, InputAudioRawFrame)
            heard.append(np.frombuffer(frame.audio, np.int16))


def test_an_agent_of_pipecat_hears_speech_and_no_typing(tmp_path: Path) -> None:
    asyncio.run(a_call_through_the_gateway(tmp_path))


async def a_call_through_the_gateway(tmp_path: Path) -> None:
    heard: list[np.ndarray] = []
    said = asyncio.Event()
    audio = telephone("keyboard")
    count = len(audio) // PACKET
    async with serve(lambda socket: agent(socket, heard, said), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        route = f'[[route]]\npath = "/twilio"\ndoor = "twilio"\nupstream = "ws://127.0.0.1:{port}"\n'
        with gateway(route, tmp_path) as url:
            async with connect(url) as call:
                media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1}
                start = {"streamSid": "MZ1", "callSid": "CA1", "mediaFormat": media_format}
                await call.send(
                    json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start})
                )
                await said.wait()
                first = json.loads(await call.recv())
                assert first["event"] == "media"
                assert len(base64.b64decode(first["media"]["payload"])) > 7_000, (
                    "a second, less what is still resampled"
                )
                events = [json.loads(await call.recv())["event"] for _ in range(2)]
                assert events == ["mark", "clear"], "a mark of the gateway's own, and the agent's interruption"
                for n in range(count):
                    payload = base64.b64encode(audio[n * PACKET : (n + 1) * PACKET]).decode()
                    media = {"track": "inbound", "timestamp": str(20 * n), "payload": payload}
                    await call.send(json.dumps({"event": "media", "streamSid": "MZ1", "media": media}))
                await call.send(json.dumps({"event": "stop", "streamSid": "MZ1"}))
                async with asyncio.timeout(20):
                    while sum(map(len, heard)) < (count - 10) * 2 * PACKET:
                        await asyncio.sleep(0.01)
    whole = np.abs(np.concatenate(heard).astype(np.int32))
    # From the labels: words from 0.4 to 2.06 s; keys from 3.8 to 5.8 s.
    assert whole[int(0.6 * RATE) : int(1.8 * RATE)].max() > 1_000
    assert whole[int(3.9 * RATE) : int(5.7 * RATE)].max() <= 4, "typing reaches no agent"
