"""The voices: which recordings, where they come from, and where the speech in them is."""
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from sounds import resample


def human_voice(name):
    file, sha256, text = HUMAN_CLIPS[name]
    path = Path("/usr/share/pocketsphinx/test/data") / file
    if not path.exists():
        sys.exit(f"{path} is missing: apt-get install pocketsphinx-testdata")
    data = checked(path.read_bytes(), sha256, file)
    source = LIBRIVOX_SOURCE if file.startswith("librivox/") else SPHINX_SOURCE
    pcm = np.frombuffer(data[44:] if file.endswith(".wav") else data, "<i2")
    return text, {"clip": file, **source, "sha256": sha256}, pcm / 32768


def agent_voice(name):
    text, sha256 = AGENT_LINES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", path, text], check=True)
        checked(path.read_bytes(), sha256, f"espeak-ng: {text}")
        samples, rate = soundfile.read(path)
    source = {"clip": text, **AGENT_SOURCE, "sha256": sha256}
    return text, source, resample(samples, rate, VOICE_RATE)


def checked(data, sha256, what):
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        sys.exit(f"{what}: sha256 is {found}, expected {sha256}; "
                 "install the versions that make.py names")
    return data


def cut_to_speech(voice):
    """The clip with its own room faded out 40 to 80 ms away from the speech, and where that is."""
    (start_s, end_s), = speech_spans(voice, VOICE_RATE)
    first = max(0, round((start_s - 0.08) * VOICE_RATE))
    cut = voice[first:round((end_s + 0.08) * VOICE_RATE)]
    fade = np.hanning(2 * round(0.04 * VOICE_RATE))
    half = len(fade) // 2
    window = np.concatenate([fade[:half], np.ones(len(cut) - 2 * half), fade[half:]])
    return cut * window, (start_s - first / VOICE_RATE, end_s - first / VOICE_RATE)


def speech_spans(samples, rate):
    """Where the speech is, by energy above 200 Hz in 10 ms steps: within 24 dB of the active
    level, no islands under 80 ms, split where it pauses for more than 300 ms. On the LibriVox
    clips it agrees with the project's own alignment within 30 ms (60 ms at a final f)."""
    sos = signal.butter(2, 200, "high", fs=rate, output="sos")
    step = rate // 100
    steps = signal.sosfilt(sos, samples)[:len(samples) // step * step].reshape(-1, step)
    power = np.convolve(np.mean(steps ** 2, axis=1), np.ones(3) / 3, "same")
    active = np.mean(power[power > power.max() / 100])
    loud = np.flatnonzero(power > active * 10 ** -2.4)
    islands = np.split(loud, np.flatnonzero(np.diff(loud) > 8) + 1)
    spans = []
    for island in (island for island in islands if len(island) >= 8):
        if spans and island[0] - spans[-1][1] <= 30:
            spans[-1][1] = int(island[-1]) + 1
        else:
            spans.append([int(island[0]), int(island[-1]) + 1])
    return [(start / 100, end / 100) for start, end in spans]


# name: (file under test/data, sha256, what is said)
HUMAN_CLIPS = {
    "austen_870": (
        "librivox/sense_and_sensibility_01_austen_64kb-0870.wav",
        "b0557cf95c974d930577e58e46b7f068c432a6e3afcc286563d88922b2a5315c",
        "And Mister John Dashwood had then leisure to consider how much there might be "
        "prudently in his power to do for them"),
    "austen_880": (
        "librivox/sense_and_sensibility_01_austen_64kb-0880.wav",
        "fbec491ef00ee734a67f0ee318e98c51c157b479e1629ff4f4426861ecac0414",
        "He was not an ill disposed young man"),
    "austen_890": (
        "librivox/sense_and_sensibility_01_austen_64kb-0890.wav",
        "5793ffbdee55fb8bfd284943a6866864c832d9d4accf2661cabd39915c84ee10",
        "Unless to be rather cold hearted and rather selfish is to be ill disposed"),
    "austen_920": (
        "librivox/sense_and_sensibility_01_austen_64kb-0920.wav",
        "40882414ef4cc51f3ff7a63bad0c8c87e7f595ffeb8209fbf756c8ebc5c28a59",
        "Had he married a more amiable woman he might have been made still more respectable "
        "than he was"),
    "austen_930": (
        "librivox/sense_and_sensibility_01_austen_64kb-0930.wav",
        "954adbf0b56ac8a148cbe77b39ca18d76b5f2a1e1f405565bd786ce3e68a68b7",
        "He might even have been made amiable himself"),
    "cards_1": (
        "cards/001.wav",
        "899951e768666f27c8f8b1d4090b96fe7909cae9cec01bec0a5d5d1b8a8d566e",
        "Ten of clubs"),
    "cards_2": (
        "cards/002.wav",
        "a3f9eae6fdb69a1231989e39a14d62388a6f52fb59666c76d95005318fadafec",
        "Four, queen of clubs"),
    "cards_3": (
        "cards/003.wav",
        "00d283e46bc257ae479e4aa86593cadb541656eba1d19fc8abeece37f6a5a18b",
        "Seven of clubs"),
    "cards_5": (
        "cards/005.wav",
        "090f18f5f76cf8b2b43cd9e6b07823f4685a4742d9a36cd98b174a6586c18cf9",
        "Eight of spades, four of clubs, seven of hearts"),
    "go_forward": (
        "goforward.raw",
        "f15c60ec54059d8b66e410d0064945a0b0a04ea56e1ddca1958e493c0cf70e71",
        "Go forward ten meters"),
    "go_somewhere": (
        "something.raw",
        "eb95b74ce3f3037487e49dcfd935bbcf8c158b5f4083dd19451729c3ee694f5f",
        "Go somewhere and do something"),
}

# name: (what is said, sha256 of the file that espeak-ng writes); the short words are the user's
AGENT_LINES = {
    "welcome": (
        "Welcome back to the card table.",
        "c1c0372c4af9ba3e99d3d3f67c2eb3e3e32ed3c2774d79a5f5f54b2bfb499c70"),
    "turn": (
        "It is your turn to play.",
        "b809d039fe2a5fcad1e35347ce0d5290e0f18158c1f6052648b8211e9b83b8dd"),
    "play": (
        "Please tell me which card you would like to play now.",
        "efba68d6e213fd06f74622648ff2acd92687b93bf41283eb9175acddf367aaf9"),
    "which_cards": (
        "Which cards do you hold?",
        "6b27e08033ec125e8996024098f4b833dffd24cdbaf506a453d25923f8c097d8"),
    "last_one": (
        "And which was the last one?",
        "37a748b5ca745bd030303f3b7e746e537a763af5c5fa372ac74a03c7d9a5a6be"),
    "yes": (
        "Yes.",
        "7fcdefff077386ce6f1511fe86015b9a9a4fb2899299e0db658ebb609bfea482"),
    "no": (
        "No.",
        "23ef931cdd64765e43bfec6c8e8e4ad76ce0c075b176c105da7f31240cbc00ac"),
    "three": (
        "Three.",
        "77f9f4e0f794eb4226ec4a57944751cbe266566c569ea4dbbab0096ca10eb787"),
    "eight": (
        "Eight.",
        "275d8a2b034ae1c4d172cea695f0bf39dc85d6801f07c03031d3da6bb464f461"),
}

VOICE_RATE = 16000
POCKETSPHINX = "Debian pocketsphinx-testdata 0.8+5prealpha+1-15"
LIBRIVOX_SOURCE = {
    "origin": "LibriVox, Sense and Sensibility by Jane Austen, ch. 1; pocketsphinx test data",
    "version": POCKETSPHINX,
    "licence": "public domain (LibriVox recording); packaged under BSD-2-Clause"}
SPHINX_SOURCE = {
    "origin": "CMU Sphinx, pocketsphinx test data",
    "version": POCKETSPHINX,
    "licence": "BSD-2-Clause"}
AGENT_SOURCE = {
    "origin": "espeak-ng -v en-us -s 150, our own text",
    "version": "Debian espeak-ng 1.51+dfsg-10+deb12u2",
    "licence": "output of a GPL-3.0-or-later program, which its licence does not cover"}
