"""OpenAI's SDK for Python, through the gateway: only OPENAI_BASE_URL is another. To it, http:// means ws://."""

import asyncio
import base64
import json
import os
import unittest
import wave

import websockets
from gateway import REPOSITORY, gateway
from openai import AsyncOpenAI

RATE = 24_000
# After the hangover of what was said before, and before the pre-roll of what follows.
TYPING_S = (3.3, 5.7)


def recording():
    """Words and typing at 24 kHz."""
    with wave.open(str(REPOSITORY / "samples" / "keyboard.wav")) as file:
        whole = memoryview(file.readframes(file.getnframes())).cast("h")
    # From 16 kHz, by the nearest sample.
    return b"".join(whole[place * 2 // 3].to_bytes(2, "little", signed=True) for place in range(len(whole) * 3 // 2))


class OpenAI:
    """Plays OpenAI: it answers each commit with what it has heard."""

    def __init__(self):
        self.audio, self.kinds, self.request = b"", [], None

    async def session(self, socket):
        self.request = socket.request
        await socket.send(json.dumps({"type": "session.created", "event_id": "e0", "session": {"type": "realtime"}}))
        async for message in socket:
            event = json.loads(message)
            self.kinds.append(event["type"])
            if event["type"] == "input_audio_buffer.append":
                self.audio += base64.b64decode(event["audio"], validate=True)
            elif event["type"] == "response.create":
                await self.answer(socket)

    async def answer(self, socket):
        voice = base64.b64encode(b"\1\0" * RATE).decode()
        place = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        await socket.send(json.dumps({"type": "response.output_audio.delta", "event_id": "e1", "delta": voice, **place}))
        await socket.send(json.dumps({"type": "response.done", "event_id": "e2", "response": {"id": "r"}}))


class ThroughTheGateway(unittest.IsolatedAsyncioTestCase):
    async def test_the_sdk_speaks_and_is_answered(self):
        audio, service = recording(), OpenAI()
        async with websockets.serve(service.session, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with gateway(f"ws://127.0.0.1:{port}") as address:
                os.environ["OPENAI_BASE_URL"] = f"{address.replace('ws', 'http', 1)}/v1"
                voice = await asyncio.wait_for(self.converse(audio), 60)
        self.assertEqual(service.request.headers["authorization"], "Bearer key")
        self.assertEqual(service.request.path, "/v1/realtime?model=gpt-realtime")
        self.assertEqual(voice, b"\1\0" * RATE)
        self.assertEqual(service.kinds[0], "session.update")
        self.assertEqual(service.kinds[-2:], ["input_audio_buffer.commit", "response.create"])
        self.assertEqual(len(service.audio), len(audio), "no clock has moved")
        typing = slice(*(round(time * RATE) * 2 for time in TYPING_S))
        self.assertFalse(any(service.audio[typing]), "typing is silent")
        self.assertTrue(any(service.audio), "words are not")

    async def converse(self, audio):
        """As an application does it."""
        voice = b""
        async with AsyncOpenAI(api_key="key").realtime.connect(model="gpt-realtime") as connection:
            self.assertEqual((await connection.recv()).type, "session.created")
            await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
            for start in range(0, len(audio), RATE // 5):
                chunk = base64.b64encode(audio[start : start + RATE // 5]).decode()
                await connection.input_audio_buffer.append(audio=chunk)
            await connection.input_audio_buffer.commit()
            await connection.response.create()
            async for event in connection:
                if event.type == "response.output_audio.delta":
                    voice += base64.b64decode(event.delta)
                elif event.type == "response.done":
                    return voice


if __name__ == "__main__":
    unittest.main()
