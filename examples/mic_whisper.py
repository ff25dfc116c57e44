"""Whisper on one gated segment: a WAV on standard input, its words on standard output.

    pip install faster-whisper
    voxgate mic --stt 'python3 examples/mic_whisper.py'

The first run fetches the model (tiny.en, 75 MB); a name or a folder as argument picks another.
"""

import io
import sys

from faster_whisper import WhisperModel

model = WhisperModel(sys.argv[1] if len(sys.argv) > 1 else "tiny.en", device="cpu", compute_type="int8")
audio = io.BytesIO(sys.stdin.buffer.read())
segments, _ = model.transcribe(audio, language="en", beam_size=1, condition_on_previous_text=False)
print(" ".join(segment.text.strip() for segment in segments))
