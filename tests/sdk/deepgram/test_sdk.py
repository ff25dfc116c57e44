"""Deepgram's SDK for Python, through the gateway: the transcript has the client's own times, and silence is not sent."""

import asyncio
import json
import random
import unittest
import wave

import websockets
from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from gateway import REPOSITORY, gateway

RATE = 16_000
# Of the second turn, by its label: samples/clean_turn.labels.csv.
WORD_S = (4.4, 4.9)


def recording():
    """Two turns, 20 s of a room's noise, and the turns again."""
    with wave.open(str(REPOSITORY / "samples" / "clean_turn.wav")) as file:
        turns = file.readframes(file.getnframes())
    noise = random.Random(7)
    pause = b"".join(noise.randint(-15, 15).to_bytes(2, "little", signed=True) for _ in range(20 * RATE))
    return turns + pause + turns, len(turns + pause)


class Deepgram:
    """Plays Deepgram: it answers, once the stream is closed, with times of the audio that it got."""

    def __init__(self, word: bytes):
        self.word, self.audio, self.texts, self.request = word, b"", [], None

    async def call(self, socket):
        self.request = socket.request
        async for message in socket:
            if isinstance(message, bytes):
                assert message, "an empty message closes the stream"
                self.audio += message
                continue
            self.texts.append(json.loads(message)["type"])
            if self.texts[-1] == "CloseStream":
                await self.answer(socket)
                return

    async def answer(self, socket):
        start = self.audio.rindex(self.word) / 2 / RATE
        end = start + len(self.word) / 2 / RATE
        word = {"word": "unless", "start": start, "end": end, "confidence": 0.9}
        metadata = {"request_id": "r", "model_info": {"name": "n", "version": "v", "arch": "a"}, "model_uuid": "m"}
        await socket.send(json.dumps({
            "type": "Results", "channel_index": [0, 1], "start": 0.0, "duration": len(self.audio) / 2 / RATE,
            "is_final": True, "speech_final": True, "metadata": metadata, "future_field": {"start": 1.0},
            "channel": {"alternatives": [{"transcript": "unless", "confidence": 0.9, "words": [word]}]},
        }))
        await socket.send(json.dumps({
            "type": "Metadata", "transaction_key": "t", "request_id": "r", "sha256": "s", "created": "now",
            "duration": len(self.audio) / 2 / RATE, "channels": 1,
        }))


class ThroughTheGateway(unittest.IsolatedAsyncioTestCase):
    async def test_the_sdk_gets_its_own_times_and_pays_for_speech(self):
        audio, again = recording()
        said = [again + round(time * RATE) * 2 for time in WORD_S]
        deepgram = Deepgram(audio[said[0] : said[1]])
        async with websockets.serve(deepgram.call, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with gateway(f"ws://127.0.0.1:{port}") as address:
                results, metadata = await self.transcribe(address, audio)
        self.assertEqual(deepgram.request.headers["authorization"], "Token key")
        self.assertIn("encoding=linear16", deepgram.request.path)
        self.assertEqual(deepgram.texts[0], "KeepAlive", "the client's messages come too")
        self.assertEqual(deepgram.texts[-1], "CloseStream")
        word = results.channel.alternatives[0].words[0]
        self.assertAlmostEqual(word.start, said[0] / 2 / RATE, delta=0.001)
        self.assertAlmostEqual(word.end, said[1] / 2 / RATE, delta=0.001)
        self.assertAlmostEqual(metadata.duration, len(audio) / 2 / RATE, delta=0.001)
        share = len(deepgram.audio) / len(audio)
        print(f"{share:.1%} of the audio was sent")
        self.assertLess(share, 0.75)

    async def transcribe(self, address, audio):
        """As an application does it; only `environment` is another."""
        environment = DeepgramClientEnvironment(base="http://127.0.0.1:1", production=address, agent=address, agent_rest="http://127.0.0.1:1")
        client = AsyncDeepgramClient(api_key="key", environment=environment)
        told, over = [], asyncio.Event()
        options = {"model": "nova-3", "encoding": "linear16", "sample_rate": RATE, "interim_results": True}
        async with client.listen.v1.connect(**options) as connection:
            connection.on(EventType.MESSAGE, told.append)
            connection.on(EventType.CLOSE, lambda _: over.set())
            listening = asyncio.create_task(connection.start_listening())
            await connection.send_keep_alive()
            for start in range(0, len(audio), RATE // 5):
                await connection.send_media(audio[start : start + RATE // 5])
            await connection.send_close_stream()
            await asyncio.wait_for(over.wait(), 60)
            await listening
        by_type = {message.type: message for message in told}
        return by_type["Results"], by_type["Metadata"]


if __name__ == "__main__":
    unittest.main()
