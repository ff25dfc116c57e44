#!/usr/bin/env python3
"""Writes the seeds of the corpora anew: small files of each kind, and headers that lie. Found inputs are kept beside them."""
import pathlib
import re
import struct

root = pathlib.Path(__file__).resolve().parent.parent
corpus = root / "fuzz" / "corpus"


def put(target, name, data):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def wav(tag=1, channels=1, rate=16_000, bits=16, data=b"\1\0" * 64, size=None, head=b"RIFF", extra=b""):
    order = ">" if head == b"RIFX" else "<"
    block = max(1, channels * bits // 8) & 0xFFFF
    form = struct.pack(order + "HHIIHH", tag, channels, rate, (rate * block) & 0xFFFFFFFF, block, bits) + extra
    body = b"WAVEfmt " + struct.pack(order + "I", len(form)) + form
    body += b"data" + struct.pack(order + "I", len(data) if size is None else size) + data
    return head + struct.pack(order + "I", (4 + len(body)) & 0xFFFFFFFF) + body


def fixture(name, length):
    return (root / "tests" / "cli" / "audio" / name).read_bytes()[:length]


put("audio", "s16.wav", wav())
put("audio", "f32_stereo.wav", wav(3, 2, 48_000, 32, struct.pack("<4f", 0.1, -2, float("nan"), 0) * 4))
put("audio", "rifx.wav", wav(head=b"RIFX"))
put("audio", "rf64.wav", wav(head=b"RF64", size=0xFFFFFFFF))
put("audio", "claims_4_gb.wav", wav(size=0xFFFFFF00))
put("audio", "claims_65535_channels.wav", wav(channels=65_535))
put("audio", "claims_4_ghz.wav", wav(rate=0xFFFFFFFF))
put("audio", "claims_1_hz.wav", wav(rate=1))
put("audio", "ima.wav", fixture("ima_adpcm.wav", 700))
put("audio", "ms.wav", fixture("ms_adpcm.wav", 700))
put("audio", "call.flac", fixture("call.flac", 2_500))
put("audio", "call.mp3", fixture("call.mp3", 1_200))
put("audio", "call.ogg", fixture("call.ogg", 4_500))
put("audio", "call.m4a", fixture("faststart.m4a", 2_500))
put("audio", "opus.ogg", fixture("opus.ogg", 1_000))

put("labels", "audacity", "0.5\t1.25\tspeech\n\\\t100\t200\n2\t3\tno_speech\n")
put("labels", "rttm", "SPEAKER call 1 0.40 1.66 <NA> <NA> user <NA> <NA>\n")
put("labels", "webvtt", "WEBVTT\n\n1\n00:01.000 --> 00:02.500\n<v Anna>Good morning\n\nNOTE x\n")
put("labels", "table", "start_ms,end_ms,label\n400,2060,speech\n")
put("labels", "textgrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n1\n"IntervalTier"\n"a"\n0\n2\n'
    '2\n0\n1\n"yes ""no"""\n1\n2\n""\n')
put("labels", "utf16", b"\xff\xfe" + "0.5\t1.25\tspeech\n".encode("utf-16-le"))
put("labels", "claims_many_tiers", '"ooTextFile" "TextGrid" 0 2 <exists> 18446744073709551615 "TextTier" "a" 0 2 18446744073709551615')

head = "t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms\n"
put("frames", "three", head + "0,0.1,0,,quiet,suppress,silence,0,\n10,0.9,0.2,48.5,speaking,forward,,1,20\n20,1,0,,stopping,hold,,0,\n")
put("frames", "other_order", "t_ms,released_ms,speech,echo,delay_ms,reason,forwarded,state,verdict\n0,,0.1,0,,\n")

put("settings", "turn", 'vad = "both"\nstorm = "off"\n[turn]\nhangover_duration = "300ms"\ntail_above_floor_db = 8\n')
put("settings", "dotted", "turn.hangover_duration=0.3")
put("settings", "deep", "a" + ".a" * 200 + " = 1")
put("settings", "nested", "a = " + "[" * 200 + "]" * 200)
put("settings", "misspelt", "[turns]\nhang_over = 1e999\n")
put("prices", "scenario", (root / "samples" / "incident.cost.toml").read_bytes()[:1_500])
put("prices", "book", (root / "crates/voxgate-guard/src/budget/prices.toml").read_bytes()[:1_200])


def tensors(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


put("weights", "one", tensors(b'{"8k.stft":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0\0\x80?"))
put("weights", "claims_2_64", struct.pack("<Q", 2**64 - 1) + b"{}")
put("weights", "overflow", tensors(b'{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,4]}}', b"\0" * 4))
for target in ("gate", "intake", "c_border"):
    put(target, "counting", bytes(range(256)) * 3)
    put(target, "zeros", bytes(600))
    put(target, "mixed", bytes((n * n * 31 + n // 7) & 0xFF for n in range(1_500)))

# A call through each door: every message that the gateway's tests break, and what the gate decides between them.
messages = re.findall(r'^    r?#?"(.*?)"#?,$', (root / "src/serve/untrusted.rs").read_text(), re.M)
assert any(message.startswith("c{") for message in messages) and "f20" in messages
doors = {
    "twilio": "twilio", "vonage": "vonage", "asterisk": "asterisk", "openai": "openai", "livekit_stt": "livekit_stt", "livekit_tts": "livekit_tts",
    "deepgram": "deepgram?encoding=mulaw&sample_rate=8000",
    "deepgram_reference": "deepgram?encoding=linear16&sample_rate=48000&channels=2&voxgate_reference=channel&utterance_end_ms=1000",
}
for name, door in doors.items():
    put("door", name, "\n".join([door, *messages, "f20", "s40", "t5000", *messages]))
