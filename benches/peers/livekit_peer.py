"""LiveKit's native kernel (livekit-local-inference) as a peer: for every line that comes in it scores
the recording once, and answers with the microseconds of processor time per window of 512 samples.

The call from Python is not the kernel's fault and is subtracted: an empty call of the same shape, that
is, `predict` of a window that is a sample short, which is refused before anything is computed. Raising
that refusal makes it dearer than a call that succeeds, so this favours the peer.
"""

import sys
import time
import wave

import numpy
from livekit.local_inference import VAD, VAD_WINDOW_SAMPLES

with wave.open(sys.argv[1]) as recording:
    audio = numpy.frombuffer(recording.readframes(recording.getnframes()), dtype=numpy.int16)
windows = [audio[at : at + VAD_WINDOW_SAMPLES] for at in range(0, len(audio) - VAD_WINDOW_SAMPLES, VAD_WINDOW_SAMPLES)]
short = [window[:-1] for window in windows]
vad = VAD()


def score():
    begin = time.thread_time()
    for window in windows:
        vad.predict(window)
    return time.thread_time() - begin


def call():
    begin = time.thread_time()
    for window in short:
        try:
            vad.predict(window)
        except ValueError:
            continue
        sys.exit("a short window was not refused: this call is not empty")
    return time.thread_time() - begin


for _ in sys.stdin:
    print((score() - call()) * 1e6 / len(windows), flush=True)
