"""A voice activity detector for Pipecat's pipelines."""

from __future__ import annotations

import time
import weakref

from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams, VADState

from .. import SAMPLE_RATE, Config, Decision, Gate, SpeechStart
from .._ear import Ear


class VoxgateVADAnalyzer(VADAnalyzer):
    """voxgate as the VAD analyzer of a transport, a user aggregator or a `VADProcessor`.

    It owns `analyze_audio`: the states are those of the gate's turn, at any sample rate, and take no thread. With an
    `EchoReference` the bot's own voice does not count as speech.
    """

    def __init__(
        self, *, sample_rate: int | None = None, params: VADParams | None = None, config: Config | None = None
    ) -> None:
        """Args:
        sample_rate: Hz, 8,000 to 192,000; None is the pipeline's.
        params: What is set in it counts: `confidence` (a score at or above it is speech), `start_secs` (speech lasts so
            long before it is spoken of) and `stop_secs` (so does silence). What is not set is voxgate's own, and 200 ms
            for `stop_secs`, which Pipecat's turn models expect. `min_volume` is not used: the gate follows the noise
            floor.
        config: Settings of the gate beside these, such as `Config(preset="telephony")`.

        Raises:
            ValueError: A param out of its range (`voxgate.ConfigError` names it).
        """
        self._base = config if config is not None else Config()
        self._clock = time.monotonic
        self._ears: weakref.WeakSet[Ear] = weakref.WeakSet()
        self._ear = self._new_ear()
        self._state = VADState.QUIET
        self._score = 0.0
        self._run_start: int | None = None  # of speech without a pause, in samples at 16 kHz
        self._plays_until = 0.0  # what was written, by the clock
        self._least_speech_s = _least_speech_s(params)
        self._config, params = _in_force(self._base, params)
        super().__init__(sample_rate=sample_rate, params=params)

    def set_sample_rate(self, sample_rate: int) -> None:
        super().set_sample_rate(sample_rate)
        if self._gate is None or self._gate.sample_rate != self.sample_rate:
            self._open()

    def set_params(self, params: VADParams) -> None:
        """Changes the params; the state is quiet then, and what is known of the echo stays."""
        if params is not self._params:  # set_sample_rate() hands back those in force
            self._least_speech_s = _least_speech_s(params)
            self._config, params = _in_force(self._base, params)
        super().set_params(params)
        self._state, self._run_start = VADState.QUIET, None
        if self._gate is not None:
            self._gate.end_turn()
            self._gate.reconfigure(self._config)

    def num_frames_required(self) -> int:
        """10 ms; any number will do."""
        return max(self.sample_rate // 100, 1)

    def voice_confidence(self, buffer: bytes) -> float:
        """Takes the next audio (int16, mono) and returns the score in force, from 0 to 1."""
        self._take(buffer)
        return self._score

    async def analyze_audio(self, buffer: bytes) -> VADState:
        """Takes the next audio (int16, mono, any length) and returns the state after it."""
        self._take(buffer)
        return self._state

    def feedback(self, text: str, *, confidence: float | None = None) -> None:
        """A final transcript, empty if nothing was understood: see `Gate.feedback`."""
        for ear in self._ears:
            if ear.gate is not None:
                ear.gate.feedback(text, confidence=confidence)

    def agent_said(self, text: str) -> None:
        """The bot's words, sentence by sentence as they are played: see `Gate.agent_said`."""
        for ear in self._ears:
            if ear.gate is not None:
                ear.gate.agent_said(text)

    @property
    def _gate(self) -> Gate | None:
        return self._ear.gate

    def _new_ear(self) -> Ear:
        """One more that hears the microphone, and what the bot says."""
        ear = Ear(lambda: self._clock())
        self._ears.add(ear)
        return ear

    def _open(self) -> None:
        self._ear.open(self.sample_rate, 1, self._config)
        self._state, self._run_start = VADState.QUIET, None

    def _take(self, buffer: bytes) -> None:
        gate = self._gate
        if gate is None:
            raise RuntimeError("the sample rate is not set; call set_sample_rate() first, as Pipecat's start does")
        decisions = self._ear.hear(gate, buffer)
        if decisions is None:
            return self._open()
        for decision in decisions:
            self._state = self._state_after(decision)
        if decisions:
            evidence = decisions[-1].evidence
            echo = evidence.echo
            self._score = echo.near if echo is not None and echo.quality == "locked" else evidence.speech

    def _state_after(self, decision: Decision) -> VADState:
        turn, edge = decision.turn, decision.edge
        if isinstance(edge, SpeechStart):
            self._run_start = edge.speech
        if turn == "speaking":
            if self._run_start is None:
                self._run_start = decision.frame.start
            lasted_s = (decision.frame.end - self._run_start) / SAMPLE_RATE
            spoken_of = self._state in (VADState.SPEAKING, VADState.STOPPING)
            return VADState.SPEAKING if spoken_of or lasted_s >= self._least_speech_s else VADState.STARTING
        self._run_start = None
        if turn == "stopping" and self._state in (VADState.SPEAKING, VADState.STOPPING):
            return VADState.STOPPING
        # What is held as echo, burst or storm is no onset.
        return VADState.STARTING if turn == "starting" and decision.reason == "undecided" else VADState.QUIET

    def _play(self, audio: bytes, rate: int, channels: int) -> None:
        """The bot's audio has been written to the transport."""
        now = self._clock()
        at = now + _AHEAD_S if now > self._plays_until else None
        self._plays_until = (self._plays_until if at is None else at) + len(audio) / (2 * channels * rate)
        for ear in self._ears:
            ear.play(audio, rate, channels, at)

    def _silence(self) -> None:
        """The bot was interrupted."""
        self._plays_until = 0.0
        for ear in self._ears:
            ear.silence(self._clock())


def _least_speech_s(params: VADParams | None) -> float:
    """How long speech has to last if a time was asked for; else a sure score opens at once."""
    return params.start_secs if params is not None and "start_secs" in params.model_fields_set else 0.0


def _in_force(base: Config, params: VADParams | None) -> tuple[Config, VADParams]:
    """The settings with what is set in `params`, and the params that then hold."""
    given = params.model_dump(include=params.model_fields_set) if params is not None else {}
    own_start_s = float(base["turn.min_speech_duration"])
    start_s, stop_s = float(given.get("start_secs", own_start_s)), float(given.get("stop_secs", _STOP_S))
    turn: dict[str, float] = {
        "min_speech_duration": min(start_s, own_start_s),
        "min_silence_duration": stop_s,
        "max_speech_duration": 86_400.0,  # a turn is never cut
    }
    if "confidence" in given:
        confidence = float(given["confidence"])
        turn["activation_threshold"] = confidence
        turn["sure_threshold"] = max(confidence, float(base["turn.sure_threshold"]))
        turn["deactivation_threshold"] = min(confidence, float(base["turn.deactivation_threshold"]))
    config = base.replace(turn=turn)
    threshold = float(config["turn.activation_threshold"])
    return config, VADParams(confidence=threshold, start_secs=start_s, stop_secs=stop_s, min_volume=0.0)


_STOP_S = 0.2
"""Pipecat's default: its turn models decide after it."""
_AHEAD_S = 0.06
"""Audio is written before it is played; so much, one chunk and a half, is certain."""
