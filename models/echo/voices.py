"""The bank of voices: every usable recording and synthetic sentence at 16 kHz, by speaker, split in train and valid."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from G722 import G722
from scipy.signal import resample_poly

import sentences
import silero
import sources
from sources import fetch, require_command
from speech import HOP, RATE, active_level, gain, per_sample, runs, speech_hops


class Bank:
    """Recordings in one array, read as they are needed; `clips` and `sounds` describe them."""

    def __init__(self, cache):
        if not (cache / INDEX).is_file():
            build(cache)
        index = json.loads((cache / INDEX).read_text())
        self.samples = np.load(cache / SAMPLES, mmap_mode="r")
        self.clips = [Clip(**clip) for clip in index["clips"]]
        self.sounds = [Clip(**sound) for sound in index["sounds"]]

    def audio(self, clip):
        """Samples at -20 dBFS (RMS over its speech)."""
        return self.samples[clip.start:clip.start + clip.length].astype(np.float32) / FULL_SCALE

    def speech(self, clip):
        """Which hops are speech."""
        active = np.zeros(clip.length // HOP, bool)
        for start, end in clip.spans:
            active[start:end] = True
        return active

    def speakers(self, split, role):
        """Clips by speaker, of those that can play the role: `user` or `agent`."""
        found = {}
        for clip in self.clips:
            if clip.split == split and role in clip.roles:
                found.setdefault(clip.speaker, []).append(clip)
        return found


@dataclass(frozen=True)
class Clip:
    speaker: str
    split: str
    roles: list
    start: int
    length: int
    spans: list

    @property
    def seconds(self):
        return self.length / RATE


def build(cache):
    """Fetch, read, judge and store every recording; takes a few minutes, once."""
    folders = {package.name: fetch(package, cache) for package in sources.PACKAGES}
    store, score = Store(), silero.Scorer(cache)
    for speaker, files in recorded(folders):
        store.add_speaker(speaker, (read(file) for file in files), ["user", "agent"], score)
    for speaker, audio in synthetic():
        store.add_speaker(speaker, audio, ["agent"], score)
    stamps = sorted(folders[sources.TUXPAINT.name].rglob("*"))
    for file in stamps:
        if file.suffix in (".ogg", ".wav") and "_desc" not in file.name and not file.is_symlink():
            store.add_sound(read(file), score)
    store.save(cache)


def recorded(folders):
    """Every speaker with the files of that voice, in a fixed order."""
    by_speaker = {}
    for package, speaker_of in SPEAKER_OF.items():
        for file in sorted(folders[package.name].rglob("*")):
            if file.suffix in (".ogg", ".wav", ".g722") and not file.is_symlink():
                speaker = speaker_of(file)
                if speaker:
                    by_speaker.setdefault(speaker, []).append(file)
    return sorted(by_speaker.items())


def fillets_speaker(file):
    """Big and small fish are `-v-` and `-m-`; the other creatures are left together."""
    language = file.parent.name
    if language not in ("cs", "nl", "en"):
        return None
    fish = next((part for part in file.stem.split("-") if part in ("v", "m")), "others")
    return f"fillets/{language}/{fish}"


def tuxpaint_speaker(file):
    name, _, language = file.stem.partition("_desc")
    return f"tuxpaint/{language.strip('_') or 'en'}" if "_desc" in file.stem else None


def folder_speaker(prefix, level, kept=lambda path: True):
    """Names the speaker by the folder `level` above the file."""
    return lambda file: f"{prefix}/{file.parents[level].name}" if kept(file) else None


def is_prompt(file):
    return "silence" not in file.parts


SPEAKER_OF = {
    sources.FILLETS: fillets_speaker,
    sources.FILLETS_CS: fillets_speaker,
    sources.FILLETS_NL: fillets_speaker,
    sources.TUXPAINT: tuxpaint_speaker,
    sources.HEDGEWARS: folder_speaker("hedgewars", 0, lambda file: file.parents[1].name == "voices"),
    sources.KLETTRES: folder_speaker("klettres", 1),
    sources.KTUBERLING: folder_speaker("ktuberling", 0, lambda file: not file.parent.name.startswith("sr@")),
    sources.ASTERISK_FR: lambda file: "asterisk/fr" if is_prompt(file) else None,
    sources.ASTERISK_IT: lambda file: "asterisk/it" if is_prompt(file) else None,
    sources.ASTERISK_RU: lambda file: "asterisk/ru" if is_prompt(file) else None,
    sources.MENARDI: lambda file: "menardi/it" if is_prompt(file) else None,
}


def split_of(speaker):
    """By language, so that a person who recorded for two packages lands on one side; synthetic voices by name."""
    if speaker.startswith("tts/"):
        return "valid" if speaker in VALID_SYNTHETIC else "train"
    language = speaker.split("/")[1].split("_")[-1]
    return "valid" if language in VALID_LANGUAGES else "train"


def synthetic():
    """(speaker, sentences as audio) for every synthetic voice, by Debian's flite, festival and espeak-ng."""
    for command, package in (("flite", "flite"), ("text2wave", "festival"), ("espeak-ng", "espeak-ng")):
        require_command(command, f"{package} {' '.join(FESTIVAL_PACKAGES)}")
    for number, (voice, command) in enumerate(sorted(SYNTHETIC.items())):
        texts = sentences.draw(np.random.default_rng(number), SENTENCES_A_VOICE)
        yield f"tts/{voice}", (speak(command, text) for text in texts)


def speak(command, text):
    with tempfile.TemporaryDirectory() as folder:
        wav, txt = Path(folder, "speech.wav"), Path(folder, "text.txt")
        txt.write_text(text)
        subprocess.run([part.format(wav=wav, txt=txt) for part in command], check=True, capture_output=True)
        return read(wav)


def read(file):
    """Samples as mono at 16 kHz, or None if the file cannot be read."""
    if file.suffix == ".g722":
        return np.asarray(G722(RATE, 64_000).decode(file.read_bytes()), np.float32) / 32_768
    try:
        samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    divisor = np.gcd(rate, RATE)
    return resample_poly(samples.mean(axis=1), RATE // divisor, rate // divisor) if len(samples) else None


class Store:
    """Collects judged recordings as 16-bit samples."""

    def __init__(self):
        self.parts, self.length, self.clips, self.sounds = [], 0, [], []

    def add_speaker(self, speaker, recordings, roles, score):
        """Keep what is clean and is speech to Silero, up to a limit a speaker."""
        seconds = 0.0
        judged = filter(None, (prepare(samples) for samples in recordings))
        for samples, speech in judged:
            if seconds > SPEAKER_LIMIT_S:
                break
            scores = score(samples)[:len(speech)][speech[:len(samples) // HOP]]
            if np.mean(scores > 0.5) >= SPEECH_SHARE:
                spans = runs(speech).tolist()
                self.clips.append(vars(Clip(speaker, split_of(speaker), roles, *self.keep(samples), spans)))
                seconds += len(samples) / RATE

    def add_sound(self, samples, score):
        """Keep what never sounds like speech to Silero, as a noise event."""
        if samples is None or not RATE // 10 < len(samples) < 5 * RATE or np.max(np.abs(samples)) < 0.01:
            return
        samples = samples[:len(samples) // HOP * HOP]
        if score(samples).max() < 0.3:
            samples = samples * 0.7 / np.max(np.abs(samples))
            split = "valid" if len(self.sounds) % 4 == 0 else "train"
            self.sounds.append(vars(Clip("sound", split, ["sound"], *self.keep(samples), [])))

    def keep(self, samples):
        self.parts.append(np.round(np.clip(samples * FULL_SCALE, -32_768, 32_767)).astype(np.int16))
        start, self.length = self.length, self.length + len(samples)
        return start, len(samples)

    def save(self, cache):
        np.save(cache / SAMPLES, np.concatenate(self.parts))
        (cache / INDEX).write_text(json.dumps({"clips": self.clips, "sounds": self.sounds}))


def prepare(samples):
    """(samples at -20 dBFS cut to the speech and silent around it, speech hops), or None if it is not clean."""
    if samples is None or not RATE // 4 < len(samples) < 20 * RATE:
        return None
    speech = speech_hops(samples)
    if speech is None or speech.sum() < SHORTEST_HOPS:
        return None
    first, last = np.flatnonzero(speech)[[0, -1]]
    first, last = max(0, first - LEAD_HOPS), min(len(speech), last + 1 + TAIL_HOPS)
    samples, speech = samples[first * HOP:last * HOP], speech[first:last]
    near_speech = np.convolve(speech, np.ones(13))[6:-6] > 0
    samples = samples * per_sample(np.where(near_speech, 1.0, gain(BACKGROUND_DB)), len(samples))
    ramp = np.linspace(0, 1, HOP)
    samples[:HOP] *= ramp
    samples[-HOP:] *= ramp[::-1]
    return samples * gain(-20 - active_level(samples, speech)), speech


VALID_LANGUAGES = {"nl", "es", "da", "uk", "it", "bg", "sl", "hu", "gl", "HillBilly", "Pirate"}
VALID_SYNTHETIC = {"tts/flite-rms", "tts/espeak-f4", "tts/espeak-m5", "tts/festival-kal"}
FESTIVAL_PACKAGES = ("festvox-kallpc16k", "festvox-us-slt-hts")
SYNTHETIC = {
    **{f"flite-{name}": ["flite", "-voice", name, "-f", "{txt}", "-o", "{wav}"] for name in ("awb", "rms", "slt")},
    "festival-slt": ["text2wave", "-eval", "(voice_cmu_us_slt_arctic_hts)", "-o", "{wav}", "{txt}"],
    "festival-kal": ["text2wave", "-eval", "(voice_kal_diphone)", "-o", "{wav}", "{txt}"],
    **{f"espeak-{variant}": ["espeak-ng", "-v", f"{accent}+{variant}", "-s", "160", "-f", "{txt}", "-w", "{wav}"]
       for accent, variant in (("en-us", "f2"), ("en-gb", "m3"), ("en-us", "f4"), ("en-gb-scotland", "m5"))},
}
SENTENCES_A_VOICE = 60

INDEX = "bank.json"
SAMPLES = "bank.npy"
# 16-bit full scale for a sample of 1, with room for peaks 26 dB over the -20 dBFS of speech.
FULL_SCALE = 16_384
# Enough to vary, little enough that no voice rules the scenes.
SPEAKER_LIMIT_S = 480
SPEECH_SHARE = 0.3
SHORTEST_HOPS = 12
LEAD_HOPS = 10
TAIL_HOPS = 20
# What a recording's own noise is turned down by where nobody speaks: it must not announce the word.
BACKGROUND_DB = -20
