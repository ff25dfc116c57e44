"""A voice activity detector for `AgentSession(vad=…)`."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from livekit import rtc
from livekit.agents import utils, vad
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given

from .. import SAMPLE_RATE, Config, Decision, Gate, SpeechEnd, SpeechStart
from .._ear import Ear
from .._recording import Recording, Source
from ._analysis import Analysis, Note, noted, pcm_of
from ._utterance import Utterance

if TYPE_CHECKING:
    from ._background_reference import BackgroundReference
    from ._echo_reference import EchoReference

logger = logging.getLogger("voxgate.livekit")


@dataclass(frozen=True)
class _Options:
    """The options of `silero.VAD`; times in seconds. None is voxgate's own."""

    min_speech_duration: float | None
    min_silence_duration: float
    prefix_padding_duration: float
    max_buffered_speech: float
    activation_threshold: float | None
    deactivation_threshold: float | None

    def over(self, config: Config) -> Config:
        """The settings with these options."""
        turn: dict[str, float | str] = {
            "padding": "fixed",  # the frames of an event begin this long before the speech, exactly
            "min_silence_duration": self.min_silence_duration,
            "prefix_padding_duration": self.prefix_padding_duration,
            "max_speech_duration": 86_400.0,  # a turn is never cut
        }
        if self.min_speech_duration is not None:
            # A longer one is waited for here, also when the score is sure.
            turn["min_speech_duration"] = min(self.min_speech_duration, float(config["turn.min_speech_duration"]))
        if (activation := self.activation_threshold) is not None:
            turn["activation_threshold"] = activation
            turn["sure_threshold"] = max(activation, float(config["turn.sure_threshold"]))
            turn["deactivation_threshold"] = max(activation - 0.15, 0.01)  # as silero.VAD does
        if self.deactivation_threshold is not None:
            turn["deactivation_threshold"] = self.deactivation_threshold
        return config.replace(turn=turn)


class VAD(vad.VAD):
    """voxgate as the VAD of a session; `load` has the options of `silero.VAD.load`.

    With an `EchoReference` the agent's own voice does not count as speech.
    """

    def __init__(
        self,
        *,
        min_speech_duration: NotGivenOr[float] = NOT_GIVEN,
        min_silence_duration: float = 0.55,
        prefix_padding_duration: float = 0.5,
        max_buffered_speech: float = 60.0,
        activation_threshold: NotGivenOr[float] = NOT_GIVEN,
        deactivation_threshold: NotGivenOr[float] = NOT_GIVEN,
        config: Config | None = None,
    ) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=_WINDOW_S))
        self._base = _for_speech_to_text(config if config is not None else Config())
        self._options = _Options(
            min_speech_duration=_given(min_speech_duration),
            min_silence_duration=min_silence_duration,
            prefix_padding_duration=prefix_padding_duration,
            max_buffered_speech=max_buffered_speech,
            activation_threshold=_given(activation_threshold),
            deactivation_threshold=_positive(deactivation_threshold),
        )
        self._apply(self._options)
        self._streams: weakref.WeakSet[VADStream] = weakref.WeakSet()
        self._ears: weakref.WeakSet[Ear] = weakref.WeakSet()
        self._references: weakref.WeakSet[EchoReference | BackgroundReference] = weakref.WeakSet()
        self._clock = time.time  # that of LiveKit's playback events
        self._keep_s: float | None = None  # seconds of what is heard and decided that can be written
        self._recordings: deque[Recording] = deque(maxlen=4)  # they outlive their streams
        self._gates_stt = False  # a `GatedSTT` may come to what a stream hears

    @classmethod
    def load(
        cls,
        *,
        min_speech_duration: NotGivenOr[float] = NOT_GIVEN,
        min_silence_duration: float = 0.55,
        prefix_padding_duration: float = 0.5,
        max_buffered_speech: float = 60.0,
        activation_threshold: NotGivenOr[float] = NOT_GIVEN,
        sample_rate: Literal[8000, 16000] = 16000,
        force_cpu: bool = True,
        onnx_file_path: NotGivenOr[Path | str] = NOT_GIVEN,
        deactivation_threshold: NotGivenOr[float] = NOT_GIVEN,
        padding_duration: NotGivenOr[float] = NOT_GIVEN,
        config: Config | None = None,
    ) -> VAD:
        """A VAD with the options of `silero.VAD.load`; it takes a millisecond, and any input rate.

        Args:
            min_speech_duration: Seconds of speech before START_OF_SPEECH. Not given: speech opens at once where the
                score is sure, and after 60 ms where it is not.
            min_silence_duration: Seconds of silence before END_OF_SPEECH, at most 10.
            prefix_padding_duration: Seconds of audio from before the speech in the events' frames, at most 5.
            max_buffered_speech: Seconds of speech that the frames of END_OF_SPEECH hold at most, beside the padding.
            activation_threshold: A score at or above it is speech. Not given: voxgate's own, chosen by measurement.
            sample_rate: Accepted as silero.VAD does; the score is always that of 16 kHz.
            force_cpu: Accepted; there is nothing else.
            onnx_file_path: Refused: the weights of Silero v6.2 are built in.
            deactivation_threshold: A score below it is silence. Not given: max(activation_threshold - 0.15, 0.01).
            padding_duration: The old name of prefix_padding_duration.
            config: Settings of the gate beside these options, such as `Config(preset="telephony")`.

        Raises:
            ValueError: An option out of its range (`voxgate.ConfigError` names it).
        """
        del force_cpu
        if sample_rate not in (8_000, 16_000):
            raise ValueError(f"sample_rate is {sample_rate}, expected 8000 or 16000; the input may have any")
        if is_given(onnx_file_path):
            raise ValueError("the weights of Silero v6.2 are built in; leave out onnx_file_path")
        return cls(
            min_speech_duration=min_speech_duration,
            min_silence_duration=min_silence_duration,
            prefix_padding_duration=padding_duration if is_given(padding_duration) else prefix_padding_duration,
            max_buffered_speech=max_buffered_speech,
            activation_threshold=activation_threshold,
            deactivation_threshold=deactivation_threshold,
            config=config,
        )

    @property
    def model(self) -> str:
        return "silero-v6.2"

    @property
    def provider(self) -> str:
        return "voxgate"

    @property
    def min_silence_duration(self) -> float:
        """Seconds of silence before END_OF_SPEECH; LiveKit's turn detector asks for it."""
        return self._options.min_silence_duration

    def stream(self) -> VADStream:
        """A stream for one microphone. It needs a running event loop."""
        stream = VADStream(self)
        self._streams.add(stream)
        return stream

    def update_options(
        self,
        *,
        min_speech_duration: NotGivenOr[float] = NOT_GIVEN,
        min_silence_duration: NotGivenOr[float] = NOT_GIVEN,
        prefix_padding_duration: NotGivenOr[float] = NOT_GIVEN,
        max_buffered_speech: NotGivenOr[float] = NOT_GIVEN,
        activation_threshold: NotGivenOr[float] = NOT_GIVEN,
        deactivation_threshold: NotGivenOr[float] = NOT_GIVEN,
    ) -> None:
        """Changes options, also of the streams there are: all their state is kept, and so is an open turn.

        Raises:
            ValueError: An option out of its range; then nothing has changed.
        """
        given = {
            "min_speech_duration": min_speech_duration,
            "min_silence_duration": min_silence_duration,
            "prefix_padding_duration": prefix_padding_duration,
            "max_buffered_speech": max_buffered_speech,
            "activation_threshold": activation_threshold,
            "deactivation_threshold": _positive(deactivation_threshold) or NOT_GIVEN,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if is_given(value)}
        self._apply(replace(self._options, **changes))
        for stream in self._streams:
            stream._reconfigure()

    def _apply(self, options: _Options) -> None:
        self._config, self._options = options.over(self._base), options
        self._activation = float(self._config["turn.activation_threshold"])

    def agent_said(self, text: str) -> None:
        """The agent's words, sentence by sentence as they are played: see `Gate.agent_said`."""
        for ear in self._ears:
            if ear.gate is not None:
                ear.gate.agent_said(text)

    def feedback(self, text: str, *, confidence: float | None = None) -> None:
        """A final transcript, empty if nothing was understood: see `Gate.feedback`. A `GatedSTT` tells its own."""
        for stream in self._streams:
            analysis = stream._analysis
            if analysis is not None and analysis.tap is None:
                analysis.gate.feedback(text, confidence=confidence)

    def _ear(self) -> Ear:
        """One more that hears the microphone, and what the agent plays."""
        ear = Ear(lambda: self._clock(), self._replay, self._record)
        self._ears.add(ear)
        return ear

    def _record(self, gate: Gate) -> Recording | None:
        if self._keep_s is None:
            return None
        self._recordings.append(Recording(gate, self._keep_s))
        return self._recordings[-1]

    def _replay(self) -> None:
        for reference in self._references:
            reference._replay()

    def _play(
        self, data: bytes | memoryview, rate: int, channels: int, wall_s: float | None, source: Source = "voice"
    ) -> None:
        """Audio begins to play at `wall_s`, or goes on."""
        for ear in self._ears:
            ear.play(data, rate, channels, wall_s, source)

    def _silence(self, wall_s: float) -> None:
        """The agent is silent from `wall_s` on."""
        for ear in self._ears:
            ear.silence(wall_s)


class VADStream(vad.VADStream):
    """The events of one microphone."""

    def __init__(self, parent: VAD) -> None:
        self._parent = parent
        self._analysis: Analysis | None = None
        super().__init__(parent)

    def _begin(self, analysis: Analysis, at: int) -> None:
        """Nothing that was heard before the sample frame `at` of the input is known any more."""
        self._at = at
        self._began = began = analysis.instant(at)
        self._audio = Utterance(analysis.rate, analysis.channels, at)
        self._reported = began  # audio before it was in an INFERENCE_DONE
        self._quiet_since = began
        self._voiced_since: int | None = None
        self._silent_since: int | None = began
        self._heard_speech = at == 0  # else the gate's turn may be from before: then a window tells if it goes on
        self._opened = False  # the gate has opened; START may still be withheld
        self._speech_start = began
        self._run_start: int | None = None  # of speech without a pause, while START is withheld
        self._speaking = False  # START was sent
        self._spent_s = 0.0

    @utils.log_exceptions(logger=logger)
    async def _main_task(self) -> None:
        try:
            async for item in self._input_ch:
                if isinstance(item, rtc.AudioFrame):
                    await self._hear(item)
                elif self._analysis is not None:
                    self._begin(self._analysis, self._analysis.at)  # a hard boundary; nothing is sent
        finally:
            if self._analysis is not None:
                self._analysis.has_stream = False

    async def _hear(self, frame: rtc.AudioFrame) -> None:
        note = Note.of(frame, self._parent)
        if self._analysis is None and self._parent._gates_stt:
            note = await noted(frame, self._parent, turns=_PATIENCE)
        analysis = self._analysis or self._join(frame, note)
        if not analysis.fits(frame):
            logger.error("a frame of another format was pushed; it is left out. Make a new stream for it")
            return
        data = pcm_of(frame)
        if note is not None and note.analysis is analysis and note.gate is analysis.gate and note.start >= self._at:
            if note.start > self._at:
                self._begin(analysis, note.start)
            return self._take(note.decisions, data)
        if analysis.is_ahead and analysis.at != self._at:
            return  # what the analyzer has not heard has no place any more
        note = analysis.begin(frame)
        size = frame.sample_rate * frame.num_channels // 2  # half a second
        for start in range(0, len(data), size):
            part = data[start : start + size]
            started = time.perf_counter()
            decisions = analysis.hear(note, part)
            self._spent_s += time.perf_counter() - started
            self._take(decisions, part)
            if len(data) > size:
                await asyncio.sleep(0)

    @property
    def _gate(self) -> Gate | None:
        return None if self._analysis is None else self._analysis.gate

    def _join(self, frame: rtc.AudioFrame, note: Note | None) -> Analysis:
        """Leads the analysis that has heard the frame already, or a new one."""
        if note is not None and not note.analysis.has_stream and note.gate is note.analysis.gate:
            analysis, at = note.analysis, note.start
        else:
            analysis, at = Analysis(self._parent, frame.sample_rate, frame.num_channels), 0
        self._analysis, analysis.has_stream = analysis, True
        self._begin(analysis, at)
        return analysis

    def _take(self, decisions: list[Decision] | None, data: memoryview) -> None:
        """Sends the events of the next audio."""
        analysis = self._analysis
        assert analysis is not None
        if decisions is None:  # a new gate goes on
            return self._begin(analysis, analysis.at)
        self._at += len(data) // analysis.channels
        self._audio.push(data)
        for decision in decisions:
            if decision.frame.end > self._began:
                self._decide(decision)
        if decisions:
            self._audio.extend(decisions[-1].frame.end)
            self._audio.forget_before(min(decisions[-1].settled, self._reported))

    def _decide(self, decision: Decision) -> None:
        """Sends the events of 10 ms."""
        now, turn, edge, window = decision.frame.end, decision.turn, decision.edge, decision.evidence.window
        score = _score(decision)
        if window is not None and window.start >= self._began and score >= self._parent._activation:
            self._heard_speech = True
        self._note_voice(decision)
        if not self._opened and turn == "speaking" and self._heard_speech:
            self._open(decision)
        if window is not None:
            self._send_inference(now, max(window.end, self._reported), score)
        if self._opened and not self._speaking and turn == "speaking" and self._lasted(now):
            self._send_start(now)
        if isinstance(edge, SpeechEnd):
            if self._speaking:
                self._send_end(now, edge)
            self._opened = self._speaking = False
            self._audio.end()

    def _open(self, decision: Decision) -> None:
        """Speech has begun, or goes on after a boundary."""
        edge, forwarded = decision.edge, decision.forwarded
        since = edge.speech if isinstance(edge, SpeechStart) else self._run_start or decision.frame.start
        self._opened, self._speech_start = True, max(since, self._began)
        self._run_start = self._speech_start
        options = self._parent._options
        padded = self._speech_start - round(options.prefix_padding_duration * SAMPLE_RATE)
        start = forwarded.start if forwarded and isinstance(edge, SpeechStart) else padded
        longest_s = options.max_buffered_speech + options.prefix_padding_duration
        self._audio.begin(max(start, self._began), decision.frame.end, longest_s)

    def _note_voice(self, decision: Decision) -> None:
        """Frames that are held as echo, burst or storm are no voice."""
        turn = decision.turn
        voiced = turn == "speaking" or (turn == "starting" and decision.reason == "undecided")
        if voiced and self._heard_speech:
            self._silent_since = None
            if self._voiced_since is None:
                self._voiced_since = decision.frame.start
            if self._run_start is None:
                self._run_start = decision.frame.start
        else:
            self._voiced_since = self._run_start = None
            if self._silent_since is None:
                self._silent_since = decision.frame.start

    def _lasted(self, now: int) -> bool:
        """Whether speech has lasted for min_speech_duration."""
        return _seconds(self._run_start, now) >= (self._parent._options.min_speech_duration or 0.0)

    def _send_inference(self, now: int, window_end: int, score: float) -> None:
        self._send(
            vad.VADEventType.INFERENCE_DONE,
            now,
            speech_duration=_seconds(self._speech_start, now) if self._speaking else 0.0,
            silence_duration=0.0 if self._speaking else _seconds(self._quiet_since, now),
            frames=[self._audio.between(self._reported, window_end)],
            probability=score,
            raw_accumulated_silence=_seconds(self._silent_since, now),
            raw_accumulated_speech=_seconds(self._voiced_since, now),
        )
        self._reported = window_end

    def _send_start(self, now: int) -> None:
        self._speaking = True
        self._audio.extend(now)
        self._send(
            vad.VADEventType.START_OF_SPEECH,
            now,
            speech_duration=_seconds(self._speech_start, now),
            silence_duration=0.0,
            frames=[self._audio.so_far()],
        )

    def _send_end(self, now: int, edge: SpeechEnd) -> None:
        self._audio.extend(now)
        self._speaking = False
        self._quiet_since = edge.speech.end
        self._send(
            vad.VADEventType.END_OF_SPEECH,
            now,
            speech_duration=_seconds(self._speech_start, edge.speech.end),
            silence_duration=_seconds(edge.speech.end, now),
            frames=[self._audio.so_far()],
        )

    def _send(
        self,
        kind: vad.VADEventType,
        now: int,
        *,
        speech_duration: float,
        silence_duration: float,
        frames: list[rtc.AudioFrame],
        probability: float = 0.0,
        raw_accumulated_silence: float = 0.0,
        raw_accumulated_speech: float = 0.0,
    ) -> None:
        spent_s, self._spent_s = self._spent_s, 0.0
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=kind,
                samples_index=now - self._began,
                timestamp=_seconds(self._began, now),
                speech_duration=speech_duration,
                silence_duration=silence_duration,
                frames=frames,
                probability=probability,
                inference_duration=spent_s if kind == vad.VADEventType.INFERENCE_DONE else 0.0,
                speaking=self._speaking,
                raw_accumulated_silence=raw_accumulated_silence,
                raw_accumulated_speech=raw_accumulated_speech,
            )
        )

    def _reconfigure(self) -> None:
        if self._gate is not None:
            self._gate.reconfigure(self._parent._config)


def _for_speech_to_text(config: Config) -> Config:
    """A connection that gets nothing in a pause is closed by its provider."""
    return config.replace(forward={"policy": "keepalive"}) if config["forward.policy"] == "drop" else config


def _score(decision: Decision) -> float:
    """How likely the user speaks."""
    echo = decision.evidence.echo
    return echo.near if echo is not None and echo.quality == "locked" else decision.evidence.speech


def _seconds(start: int | None, end: int) -> float:
    return 0.0 if start is None else (end - start) / SAMPLE_RATE


def _given(option: NotGivenOr[float]) -> float | None:
    return option if is_given(option) else None


def _positive(deactivation_threshold: NotGivenOr[float]) -> float | None:
    """As silero.VAD refuses it."""
    if is_given(deactivation_threshold) and deactivation_threshold <= 0:
        raise ValueError("deactivation_threshold must be greater than 0")
    return _given(deactivation_threshold)


_WINDOW_S = 0.032
"""Silero scores 512 samples at 16 kHz."""
_PATIENCE = 12
"""Turns of the event loop in which speech-to-text, which gets the first frame at the same time, comes to hear it."""
