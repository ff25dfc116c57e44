"""The pictures of the book, drawn from what the command decides on the shipped samples.

    cargo build --release && python3 docs/pictures.py            writes docs/src/pictures/*.svg
    python3 docs/pictures.py --check                             compares instead: CI runs this

Only the standard library is needed. `VOXGATE` names the command; target/release/voxgate if not set. `mic.svg` is a
screenshot (docs/screenshot.py); `pipeline.svg`, `turn.svg` and `storm.svg` hold no data and are drawn by hand.
"""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import wave
from array import array
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs/src/pictures"
VOXGATE = os.environ.get("VOXGATE", str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/voxgate"))
WIDTH, LEFT, RIGHT = 760, 92, 92
TICKS_MS = [20, 50, 100, 200, 500, 1000, 2000]
STATES = {"quiet": "none", "starting": "wait", "speaking": "user", "stopping": "soft"}
# Scores differ a little between instruction sets; a line may move by this much, in pixels.
TOLERANCE = 1.5


def main():
    check = "--check" in sys.argv[1:]
    pictures = {
        "terminal": terminal("samples/keyboard.wav"),
        "gate": overview("keyboard"),
        "onset": onset("clean_turn"),
        "end": end("clean_turn"),
        "echo": echo(),
        "bursts": bursts(),
        "policies": policies("keyboard"),
        "plot": plot("echo_mic", "echo_playback"),
    }
    stale = [name for name, svg in pictures.items() if not alike(svg, PICTURES / f"{name}.svg")]
    if check:
        if stale:
            sys.exit(f"stale: {', '.join(stale)}; run python3 docs/pictures.py and look at them")
        return
    for name in stale:
        (PICTURES / f"{name}.svg").write_text(pictures[name])
        print(f"docs/src/pictures/{name}.svg")


# ------------------------------------------------------------------------------------------- the pictures


def terminal(sample):
    """What `voxgate gate SAMPLE` prints."""
    command = [VOXGATE, "gate", sample]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True,
                          env={**os.environ, "CLICOLOR_FORCE": "1"}).stdout
    prompt = f"$ voxgate gate {sample}\n"
    screenshot = [sys.executable, str(ROOT / "docs/screenshot.py")]
    return subprocess.run(screenshot, input=prompt + text, check=True, capture_output=True, text=True).stdout


def plot(mic, playback):
    """What `voxgate plot` draws."""
    voxgate = [str(Path(VOXGATE).resolve())]
    paths = [str(ROOT / "samples" / f"{name}.wav") for name in (mic, playback)]
    with tempfile.TemporaryDirectory() as folder:
        table = f"{mic}.csv"
        gate = ["gate", paths[0], "--playback", paths[1], "--quiet", "--frames", table]
        subprocess.run(voxgate + gate, cwd=folder, check=True)
        picture = voxgate + ["plot", table, "--out", "-"]
        return subprocess.run(picture, cwd=folder, check=True, capture_output=True, text=True).stdout


def overview(sample):
    """A recording, its score, the turn and what is sent."""
    run = Run(sample)
    chart = Chart(0, run.length_ms)
    chart.waveform("microphone", run.samples, run.rate, "mic")
    chart.line("speech score", [(row.t, row.speech) for row in run.rows], "score",
               levels=[(0.6, "sure"), (0.35, "likely")])
    chart.blocks("turn", [(row.t, STATES[row.state]) for row in run.rows],
                 legend={"wait": "starting", "user": "speaking", "soft": "stopping"})
    chart.blocks("sent", [(row.t, "user" if row.forwarded else "none") for row in run.rows])
    return chart.svg("Key strokes stay below the thresholds or are too short; both sentences are sent with pre-roll and hangover")


def onset(sample):
    """The first opening of a recording, in slow motion."""
    run = Run(sample)
    start = next(event for event in run.events if event["event"] == "speech_start")
    opened, rose, sent_from = start["t_ms"], start["speech_ms"], start["audio_from_ms"]
    chart = Chart(sent_from - 120, opened + 220)
    chart.waveform("microphone", run.samples, run.rate, "mic")
    chart.steps("speech score", run.rows, "score", levels=[(0.6, "sure"), (0.35, "likely")])
    chart.blocks("turn", [(row.t, STATES[row.state]) for row in run.rows],
                 legend={"wait": "starting", "user": "speaking"})
    chart.blocks("sent", [(row.t, "user" if row.forwarded else "none") for row in run.rows])
    chart.span("pre-roll", sent_from, rose)
    chart.span("confirmation", rose, opened)
    chart.mark(rose, "the score rises")
    chart.mark(opened, "the gate opens")
    return chart.svg(f"Onset: decided {opened - rose:.0f} ms after the score rose; audio from {rose - sent_from:.0f} ms before it is sent")


def end(sample):
    """The end of the first turn."""
    run = Run(sample)
    over = next(event for event in run.events if event["event"] == "speech_end")
    last, closed = over["end_ms"], over["t_ms"]
    sent_until = max(row.t + 10 for row in run.rows if row.forwarded and row.t < closed)
    chart = Chart(last - 250, closed + 150)
    chart.waveform("microphone", run.samples, run.rate, "mic")
    chart.steps("speech score", run.rows, "score", levels=[(0.35, "silence <")])
    chart.blocks("turn", [(row.t, STATES[row.state]) for row in run.rows],
                 legend={"user": "speaking", "soft": "stopping"})
    chart.blocks("sent", [(row.t, "user" if row.forwarded else "wait" if row.verdict == "hold" else "none")
                          for row in run.rows], legend={"user": "sent", "wait": "held, then dropped"})
    chart.span("hangover", last, sent_until)
    chart.span("held", sent_until, closed)
    chart.mark(last, "last speech")
    chart.mark(closed, "the turn ends")
    return chart.svg(f"End of a turn: {sent_until - last:.0f} ms after the last speech are sent; {closed - last:.0f} ms of silence end it")


def echo():
    """The agent's voice in the microphone, and the user who cuts in."""
    run = Run("echo_mic", "--playback", "samples/echo_playback.wav")
    chart = Chart(0, run.length_ms)
    chart.waveform("playback", *read("echo_playback")[:2], "agent")
    chart.waveform("microphone", run.samples, run.rate, "mic")
    chart.line("speech score", [(row.t, row.speech) for row in run.rows], "score", levels=[(0.6, "sure")])
    chart.line("agent alone", [(row.t, row.echo) for row in run.rows], "agent")
    chart.blocks("decision", [(row.t, kind(row)) for row in run.rows], legend={"agent": "echo, kept out", "warn": "burst, kept out", "user": "sent"})
    found = next(row for row in run.rows if row.delay)
    chart.mark(found.t, f"delay found: {float(found.delay):.0f} ms")
    return chart.svg("The score takes the agent for speech; the echo detector does not")


def bursts():
    """Sounds that are no words, and four that are."""
    run = Run("short_words")
    chart = Chart(0, run.length_ms)
    chart.waveform("microphone", run.samples, run.rate, "mic")
    chart.line("speech score", [(row.t, row.speech) for row in run.rows], "score",
               levels=[(0.6, "sure"), (0.35, "likely")])
    chart.blocks("decision", [(row.t, kind(row)) for row in run.rows], legend={"warn": "burst, kept out", "user": "sent"})
    for start, stop, _, text in run.labels:
        chart.note(start, stop, text)
    return chart.svg("Shards, knocks, a cough and hiss stay out; the four words are sent")


def policies(sample):
    """One call as three policies send it."""
    streams = [("drop", ["drop"]), ("silence", ["silence"]), ("keepalive", ["keepalive", "deepgram"])]
    run = Run(sample)
    chart = Chart(0, run.length_ms)
    chart.blocks("microphone", [(row.t, "user" if row.forwarded else "room") for row in run.rows],
                 legend={"user": "forwarded", "room": "not forwarded"})
    for name, (policy, *provider) in streams:
        settings = [f"forward.policy={policy}", *(f"forward.provider={p}" for p in provider)]
        samples, rate = Run(sample, *(arg for s in settings for arg in ("--set", s))).stt
        step = rate // 100
        zero = [not any(samples[i:i + step]) for i in range(0, len(samples), step)]
        chart.blocks(name, [(10 * i, "soft" if silent else "user") for i, silent in enumerate(zero)],
                     legend={"soft": "zeros"} if not provider else {"user": f"no zeros: {provider[0]} takes messages"})
    return chart.svg("What speech-to-text receives, on its own clock")


def kind(row):
    if row.forwarded:
        return "user"
    return {"echo": "agent", "burst": "warn", "undecided": "warn"}.get(row.reason, "none")


# ------------------------------------------------------------------------------------------- the command


class Row:
    def __init__(self, cells):
        self.t, self.speech, self.echo = float(cells["t_ms"]), float(cells["speech"]), float(cells["echo"])
        self.delay, self.state, self.verdict = cells["delay_ms"], cells["state"], cells["verdict"]
        self.reason, self.forwarded = cells["reason"], cells["forwarded"] == "1"


class Run:
    """`voxgate gate` on a sample, with all that it writes."""

    def __init__(self, sample, *args):
        self.samples, self.rate, self.length_ms = read(sample)
        with tempfile.TemporaryDirectory() as folder:
            path = lambda name: os.path.join(folder, name)
            outputs = ["--frames", path("f.csv"), "--events", path("e.jsonl"), "--stt-out", path("s.wav")]
            subprocess.run([VOXGATE, "gate", f"samples/{sample}.wav", *args, *outputs, "--quiet"], cwd=ROOT, check=True)
            with open(path("f.csv"), newline="") as file:
                self.rows = [Row(cells) for cells in csv.DictReader(file)]
            with open(path("e.jsonl")) as file:
                self.events = [json.loads(line) for line in file]
            self.stt = read_wav(path("s.wav"))[:2]
        labels = ROOT / f"samples/{sample}.labels.csv"
        with open(labels, newline="") as file:
            self.labels = [(float(row["start_ms"]), float(row["end_ms"]), row["label"], row["text"])
                           for row in csv.DictReader(file)]


def read(sample):
    return read_wav(ROOT / f"samples/{sample}.wav")


def read_wav(path):
    """Samples of the first channel, rate, and length in milliseconds."""
    with wave.open(str(path)) as file:
        channels, rate, frames = file.getnchannels(), file.getframerate(), file.getnframes()
        samples = array("h", file.readframes(frames))[::channels]
    return samples, rate, 1000 * frames / rate


# ------------------------------------------------------------------------------------------- drawing


class Chart:
    """Lanes over one time axis."""

    def __init__(self, start_ms, end_ms):
        self.start, self.end = start_ms, end_ms
        self.body, self.over, self.y = [], [], 36
        self.spans, self.marks, self.notes = [], [], []

    def x(self, ms):
        share = (min(max(ms, self.start), self.end) - self.start) / (self.end - self.start)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def lane(self, name, height):
        top = self.y
        self.y += height + 10
        self.text(LEFT - 10, top + height / 2 + 4, name, "name", "end")
        return top

    def waveform(self, name, samples, rate, style):
        height = 52
        top = self.lane(name, height)
        peak = max(1, max(abs(min(samples)), max(samples)))
        step_ms = max(2.0, (self.end - self.start) / (WIDTH - LEFT - RIGHT))
        upper, lower, t = [], [], self.start
        while t < self.end:
            part = samples[max(0, int(t * rate / 1000)):max(0, int((t + step_ms) * rate / 1000))]
            if part:
                scale = height / 2 / peak
                upper.append(f"{self.x(t):.1f},{top + height / 2 - max(part) * scale:.1f}")
                lower.append(f"{self.x(t):.1f},{top + height / 2 - min(part) * scale:.1f}")
            t += step_ms
        self.body.append(f'<polygon class="{style}" points="{" ".join(upper + lower[::-1])}"/>')

    def axes(self, name, levels):
        height = 64
        top = self.lane(name, height)
        y = lambda value: top + height * (1 - value)
        for value in (0, 1):
            self.body.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
        for value, label in levels:
            self.body.append(f'<path class="level" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
            self.text(WIDTH - RIGHT + 6, y(value) + 4, f"{label} {value:g}", "small")
        return y

    def line(self, name, points, style, levels=()):
        y = self.axes(name, levels)
        path = " ".join(f"{self.x(t):.1f},{y(value):.1f}" for t, value in points)
        self.body.append(f'<polyline class="line {style}" points="{path}"/>')

    def steps(self, name, rows, style, levels=()):
        """A score holds from the frame that completes its window until the next: drawn as it is in force."""
        y = self.axes(name, levels)
        points = [(t, row.speech) for row in rows for t in (row.t, row.t + 10) if self.start <= row.t < self.end]
        path = " ".join(f"{self.x(t):.1f},{y(value):.1f}" for t, value in points)
        self.body.append(f'<polyline class="line {style}" points="{path}"/>')

    def blocks(self, name, frames, legend=None):
        height = 16
        top = self.lane(name, height)
        self.body.append(f'<rect class="none" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height}" rx="3"/>')
        for start, stop, style in joined(frames):
            if style == "none" or stop <= self.start or start >= self.end:
                continue
            x = self.x(start)
            self.body.append(f'<rect class="{style}" x="{x:.1f}" y="{top}" width="{max(1, self.x(stop) - x):.1f}" height="{height}"/>')
        if legend:
            x = LEFT
            self.y += 8
            for style, text in legend.items():
                self.body.append(f'<rect class="{style}" x="{x}" y="{self.y - 12}" width="9" height="9"/>')
                self.text(x + 13, self.y - 4, text, "small")
                x += 26 + 6 * len(text)
            self.y += 8

    def span(self, name, start, stop):
        self.spans.append((name, start, stop))

    def mark(self, at, text):
        self.marks.append((at, text))

    def note(self, start, stop, text):
        self.notes.append(((start + stop) / 2, text))

    def text(self, x, y, text, style, anchor="start"):
        self.over.append(f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def finish(self):
        lanes_end = self.y
        for at, text in self.notes:
            self.text(self.x(at), self.y + 2, text, "small", "middle")
        if self.notes:
            self.y += 14
        for name, start, stop in self.spans:
            a, b = self.x(start), self.x(stop)
            self.body.append(f'<path class="mark" d="M{a:.1f} {self.y - 3}v6M{a:.1f} {self.y}H{b:.1f}M{b:.1f} {self.y - 3}v6"/>')
            self.text((a + b) / 2, self.y + 13, f"{name} {stop - start:.0f} ms", "small", "middle")
        if self.spans:
            self.y += 24
        for number, (at, text) in enumerate(self.marks):
            x = self.x(at)
            self.body.append(f'<path class="mark dash" d="M{x:.1f} 30V{lanes_end}"/>')
            self.text(x + (4 if number else -4), 28, text, "small", "start" if number or len(self.marks) == 1 else "end")
        step = next((t for t in TICKS_MS if (self.end - self.start) / t <= 14), TICKS_MS[-1])
        t = -(-self.start // step) * step
        while t <= self.end:
            x = self.x(t)
            self.body.append(f'<path class="grid" d="M{x:.1f} {self.y}v4"/>')
            self.text(x, self.y + 16, f"{t / 1000:.4g} s", "small", "middle")
            t += step
        self.y += 26

    def svg(self, title):
        self.finish()
        return card(self.y, title, self.body + self.over)


def joined(frames):
    """Runs of one style: (start, end, style)."""
    runs = []
    for t, style in frames:
        if runs and runs[-1][2] == style:
            runs[-1][1] = t + 10
        else:
            runs.append([t, t + 10, style])
    return runs


def card(height, title, parts):
    """A drawing on a ground of its own, light or dark as the reader's system is."""
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
            f'font-family="system-ui,-apple-system,Segoe UI,DejaVu Sans,sans-serif">')
    ground = f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="8"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", ground, *parts, "</svg>\n"])


STYLE = """
.ground{fill:#ffffff;stroke:#d0d7de}.none{fill:#eef1f4}.room{fill:#c9d1d9}.grid{stroke:#c9d1d9;fill:none}
.level{stroke:#8c959f;stroke-dasharray:3 3;fill:none}.mark{stroke:#1f2328;fill:none}.dash{stroke-dasharray:2 3}
.mic{fill:#57606a}.line{fill:none;stroke-width:1.5}.score{stroke:#0969da}.user{fill:#1a7f37}.soft{fill:#8fd19e}
.wait{fill:#bf8700}.warn{fill:#cf222e}.agent{fill:#8250df}.line.agent{fill:none;stroke:#8250df}
text{fill:#1f2328;font-size:12px}.name{font-size:12px}.small{font-size:10.5px;fill:#57606a}
@media(prefers-color-scheme:dark){
.ground{fill:#0d1117;stroke:#30363d}.none{fill:#1c2128}.room{fill:#484f58}.grid{stroke:#30363d}.level{stroke:#6e7681}
.mark{stroke:#e6edf3}.mic{fill:#9da7b3}.score{stroke:#58a6ff}.user{fill:#3fb950}.soft{fill:#238636}.wait{fill:#d29922}
.warn{fill:#f85149}.agent{fill:#a371f7}.line.agent{stroke:#a371f7}text{fill:#e6edf3}.small{fill:#9da7b3}}
"""


def alike(svg, path):
    """Whether a file shows the same: the same words, and the same elements with every number within the tolerance."""
    if not path.exists():
        return False
    number, tag = re.compile(r"-?\d+\.?\d*"), re.compile(r"<[^>]*>")
    old = path.read_text()
    if tag.split(old) != tag.split(svg):
        return False
    old, new = " ".join(tag.findall(old)), " ".join(tag.findall(svg))
    if number.sub("#", old) != number.sub("#", new):
        return False
    return all(abs(float(a) - float(b)) <= TOLERANCE for a, b in zip(number.findall(old), number.findall(new)))


if __name__ == "__main__":
    main()
