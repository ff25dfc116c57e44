"""The compiled part. Times are samples at 16 kHz of the microphone, or seconds where the name ends in ``_s``."""

import asyncio
import datetime
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, TypeAlias, final

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

_Samples: TypeAlias = npt.NDArray[np.int16] | npt.NDArray[np.float32] | Buffer
_Floats: TypeAlias = npt.NDArray[np.float32]
_Value: TypeAlias = str | float | datetime.timedelta | os.PathLike[str]
_Setting: TypeAlias = _Value | Mapping[str, _Value]
_Preset: TypeAlias = Literal["default", "low_latency", "open_office", "telephony"]
_Reason: TypeAlias = Literal["silence", "undecided", "burst", "storm", "breaker", "echo"]
_Doubt: TypeAlias = Literal["abrupt", "breaker", "echo", "late", "over", "storm"]
_Cause: TypeAlias = Literal[
    "duplicate_identity",
    "participant_removed",
    "room_deleted",
    "expired",
    "server_shutdown",
    "signal_lost",
    "media_failed",
    "join_failed",
]
_State: TypeAlias = Literal["starting", "ready", "draining"]
_Misfire: TypeAlias = Literal[
    "empty", "punctuation_only", "sound_tag", "low_confidence", "echo_of_agent", "ghost", "no_speech"
]
_Saving: TypeAlias = Literal["silence", "echo", "burst", "storm", "reconnect", "track", "duplicate", "empty_room"]
_Plan: TypeAlias = Literal[
    "livekit_build",
    "deepgram_pay_as_you_go",
    "assemblyai_free",
    "assemblyai_paid",
    "cartesia_free",
    "cartesia_pro",
    "cartesia_startup",
    "cartesia_scale",
]
_Level: TypeAlias = Literal["calm", "raised", "high", "breaker"]

__all__ = [
    "Abandoned",
    "Audio",
    "Bill",
    "BillLine",
    "CallCost",
    "Charged",
    "Close",
    "Concurrent",
    "ConcurrentEach",
    "Config",
    "Counted",
    "Cycle",
    "Decision",
    "DispatchGuard",
    "DispatchWatchdog",
    "Echo",
    "EmptyRoomGuard",
    "Estimate",
    "EstimateLine",
    "Evidence",
    "FRAME_LEN",
    "Failover",
    "Finalize",
    "Forwarder",
    "Gate",
    "Heard",
    "KeepAlive",
    "Lease",
    "Ledger",
    "LedgerRow",
    "Limits",
    "LoopDetector",
    "MemoryStore",
    "Meter",
    "Metered",
    "MisfireGuard",
    "Obstacle",
    "Open",
    "Picked",
    "PlanLimits",
    "PlaybackReport",
    "PostgresStore",
    "Presence",
    "Price",
    "PriceBook",
    "ProviderRefusal",
    "Quota",
    "Rate",
    "Reconnect",
    "ReconnectGuard",
    "RedisStore",
    "Refusal",
    "Ruling",
    "SAMPLE_RATE",
    "Span",
    "SpeechEnd",
    "SpeechStart",
    "SqliteStore",
    "Standing",
    "StormStep",
    "Suspicion",
    "TimeLimit",
    "TimeMap",
    "TrackGuard",
    "TrackRuling",
    "Zeros",
    "__version__",
    "estimate",
    "plan_limits",
    "plans",
    "push_together",
    "read_refusal",
    "run_command",
    "suspicions",
    "why",
]

__version__: Final[str]
SAMPLE_RATE: Final[int]
"""Samples per second inside: 16,000."""
FRAME_LEN: Final[int]
"""Samples in a frame: 160, 10 ms."""

def run_command(args: Sequence[str]) -> int:
    """Runs the `voxgate` command."""

@final
class Config:
    """How a gate decides and what is forwarded."""

    def __new__(cls, *, preset: _Preset | None = None, toml: str | None = None, **settings: _Setting) -> Config: ...
    @staticmethod
    def commented_toml() -> str: ...
    @staticmethod
    def presets() -> list[str]: ...
    def replace(self, **settings: _Setting) -> Config: ...
    def __getitem__(self, key: str, /) -> str | float: ...
    def to_toml(self) -> str: ...

@final
class Gate:
    """Decides for every 10 ms of one microphone what goes on to speech-to-text."""

    def __new__(
        cls,
        sample_rate: int = 16_000,
        channels: int = 1,
        *,
        channel: int = 0,
        config: Config | None = None,
        preset: _Preset | None = None,
        toml: str | None = None,
        **settings: _Setting,
    ) -> Gate: ...
    def push(
        self, samples: _Samples, *, at_s: float | None = None, sample_rate: int | None = None
    ) -> list[Decision]: ...
    def playback(
        self, samples: _Samples, *, at_s: float | None = None, sample_rate: int | None = None, channels: int = 1
    ) -> None: ...
    def playback_clear(self, *, at_s: float | None = None) -> None: ...
    @property
    def playback_report(self) -> PlaybackReport: ...
    def background(
        self, samples: _Samples, *, at_s: float | None = None, sample_rate: int | None = None, channels: int = 1
    ) -> None: ...
    @property
    def background_report(self) -> PlaybackReport: ...
    def agent_said(self, text: str) -> None: ...
    def feedback(self, text: str, *, confidence: float | None = None, span: Span | None = None) -> Ruling: ...
    def audio(self, span: Span) -> _Floats | None: ...
    def end_turn(self) -> SpeechEnd | Abandoned | None: ...
    def finish(self) -> tuple[list[Decision], SpeechEnd | Abandoned | None]: ...
    def reset(self) -> None: ...
    def reconfigure(self, config: Config) -> None: ...
    def explain_echo(self) -> list[tuple[str, float]] | None: ...
    @property
    def config(self) -> Config: ...
    @property
    def now(self) -> int: ...
    @property
    def now_s(self) -> float: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def intake_report(self) -> dict[str, int]: ...
    def _panic(self) -> None: ...

def push_together(chunks: Sequence[tuple[Gate, _Samples]]) -> list[list[Decision]]:
    """Decides on the next audio of many gates at once."""

@final
class Span:
    """A stretch of the microphone's time: `start` is in it, `end` is not."""

    def __new__(cls, start: int, end: int) -> Span: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def duration_s(self) -> float: ...
    def __len__(self) -> int: ...

@final
class Decision:
    """The gate's decision on one frame of 10 ms."""

    @property
    def frame(self) -> Span: ...
    @property
    def verdict(self) -> Literal["forward", "hold", "suppress"]: ...
    @property
    def reason(self) -> _Reason | None: ...
    @property
    def forwarded(self) -> Span | None: ...
    @property
    def audio(self) -> _Floats | None: ...
    @property
    def turn(self) -> Literal["quiet", "starting", "speaking", "stopping"]: ...
    @property
    def edge(self) -> SpeechStart | SpeechEnd | Abandoned | None: ...
    @property
    def settled(self) -> int: ...
    @property
    def evidence(self) -> Evidence: ...
    @property
    def storm(self) -> StormStep | None: ...

@final
class Evidence:
    """The evidence that a decision rests on."""

    @property
    def speech(self) -> float: ...
    @property
    def window(self) -> Span | None: ...
    @property
    def level_dbfs(self) -> float: ...
    @property
    def floor_dbfs(self) -> float: ...
    @property
    def gap(self) -> bool: ...
    @property
    def artefact(self) -> Literal["gap", "repeat"] | None: ...
    @property
    def attack_db(self) -> float | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def echo(self) -> Echo | None: ...

@final
class Echo:
    """The evidence of the agent's echo in a frame."""

    @property
    def frame(self) -> Span: ...
    @property
    def near(self) -> float: ...
    @property
    def likelihood(self) -> float: ...
    @property
    def delay_ms(self) -> float | None: ...
    @property
    def quality(self) -> Literal["none", "coarse", "locked"]: ...
    @property
    def cancelled_db(self) -> float: ...

@final
class StormStep:
    """A step of the bar that misfires raise."""

    @property
    def at(self) -> int: ...
    @property
    def before(self) -> _Level: ...
    @property
    def after(self) -> _Level: ...
    @property
    def cause(self) -> Literal["no_speech", "no_transcript", "speech", "time", "transcript"]: ...

@final
class SpeechStart:
    """Speech is confirmed: it began at `speech`."""

    @property
    def speech(self) -> int: ...
    @property
    def speech_s(self) -> float: ...

@final
class SpeechEnd:
    """The turn is over."""

    @property
    def speech(self) -> Span: ...
    @property
    def voiced(self) -> int: ...
    @property
    def cause(self) -> Literal["silence", "max_speech", "stream_end"]: ...
    @property
    def is_misfire(self) -> bool: ...

@final
class Abandoned:
    """The score rose and fell again before speech was confirmed: nothing was sent."""

    @property
    def candidate(self) -> Span: ...
    @property
    def peak(self) -> float: ...
    @property
    def doubt(self) -> _Doubt | None: ...

@final
class Ruling:
    """How the gate counted a result of speech-to-text."""

    @property
    def verdict(self) -> Literal["genuine", "misfire", "duplicate", "unmatched"]: ...
    @property
    def misfire(self) -> _Misfire | None: ...
    @property
    def likelihood(self) -> float | None: ...

@final
class PlaybackReport:
    """What became of the frames of playback, 10 ms each."""

    @property
    def accepted(self) -> int: ...
    @property
    def late(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def dropped(self) -> int: ...

@final
class Forwarder:
    """Turns a gate's decisions into the audio and the messages for one connection to speech-to-text."""

    def __new__(cls, gate: Gate) -> Forwarder: ...
    def take(self) -> list[Audio | Zeros | Finalize | KeepAlive | Open | Close]: ...
    @property
    def time_map(self) -> TimeMap: ...

@final
class TimeMap:
    """Which instant of what a connection received is which of the microphone, exactly."""

    def mic(self, sent: int) -> int: ...
    def mic_s(self, sent_s: float) -> float: ...
    def sent(self, mic: int) -> int | None: ...
    def forget_before(self, sent: int) -> None: ...
    def __len__(self) -> int: ...

@final
class Audio:
    """Send this audio: float32 from -1 to 1, 16 kHz mono."""

    @property
    def samples(self) -> _Floats: ...

@final
class Zeros:
    """Send `count` samples of zeros, at 16 kHz."""

    @property
    def count(self) -> int: ...

@final
class Finalize:
    """The segment is over: ask the provider for its final transcript."""

@final
class KeepAlive:
    """Send the provider's keep-alive message."""

@final
class Open:
    """Open a new connection: speech follows."""

@final
class Close:
    """Close the idle connection, which is billed."""

@final
class Ledger:
    """Records for every decision, in order, whether its audio was sent."""

    def __new__(cls) -> Ledger: ...
    def push(self, decision: Decision) -> list[LedgerRow]: ...
    def finish(self) -> list[LedgerRow]: ...

@final
class LedgerRow:
    """One frame of 10 ms, and whether it was sent."""

    @property
    def frame(self) -> Span: ...
    @property
    def released(self) -> int | None: ...
    @property
    def reason(self) -> _Reason | None: ...
    @property
    def doubt(self) -> _Doubt | None: ...

@final
class Refusal:
    """A guard's no. As text it says why, and what to do; as a truth value it is false."""

    @property
    def kind(
        self,
    ) -> Literal[
        "held",
        "not_ready",
        "at_capacity",
        "indeterminate",
        "ended",
        "silence",
        "still_open",
        "stop",
        "frozen",
        "suppress",
        "denied",
        "no_room",
        "over_ceiling",
    ]: ...
    @property
    def evidence(self) -> Any: ...
    @property
    def retry_at(self) -> datetime.datetime | None: ...
    @property
    def retry_at_s(self) -> float | None: ...
    @property
    def retry_after_s(self) -> float | None: ...
    def __bool__(self) -> Literal[False]: ...
    def __aenter__(self) -> NoReturn: ...
    def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None, /
    ) -> asyncio.Future[None]: ...

@final
class MemoryStore:
    """Claims that the workers of this process share."""

    def __new__(cls) -> MemoryStore: ...

@final
class RedisStore:
    """Claims that many workers share through Redis."""

    def __new__(
        cls, url: str, *, namespace: str = "default", timeout_s: float = 1.0, longest_lease_s: float = 30.0
    ) -> RedisStore: ...

@final
class PostgresStore:
    """Claims that many workers share through PostgreSQL."""

    def __new__(
        cls, url: str, *, namespace: str = "default", timeout_s: float = 1.0, longest_lease_s: float = 30.0
    ) -> PostgresStore: ...

@final
class SqliteStore:
    """Claims that the workers of one machine share through a file, without a server."""

    def __new__(
        cls,
        path: str | os.PathLike[str],
        *,
        namespace: str = "default",
        timeout_s: float = 1.0,
        longest_lease_s: float = 30.0,
    ) -> SqliteStore: ...

_Store: TypeAlias = MemoryStore | RedisStore | PostgresStore | SqliteStore

@final
class DispatchGuard:
    """Lets one worker, and one job of it, serve a room."""

    def __new__(
        cls,
        store: _Store,
        *,
        worker: str,
        build: str,
        agent: str | None = None,
        capacity: int = 1,
        term_s: float = 30.0,
    ) -> DispatchGuard: ...
    def present(self, state: _State = "starting") -> asyncio.Future[Presence]: ...
    def claim(self, room: str, *, session: str | None = None) -> asyncio.Future[Lease | Refusal]: ...

@final
class Presence:
    """A worker's heartbeat, which stops when this is dropped."""

    def set(self, state: _State) -> asyncio.Future[list[str]]: ...
    def last(self) -> list[str]: ...

@final
class Lease:
    """A room, or a slot of a resource, that is this worker's: heartbeats renew it until it is released or lost."""

    @property
    def name(self) -> str: ...
    @property
    def fence(self) -> int: ...
    @property
    def is_held(self) -> bool: ...
    def lost(self) -> asyncio.Future[Refusal | None]: ...
    def release(self) -> asyncio.Future[bool]: ...
    def __aenter__(self) -> asyncio.Future[Lease]: ...
    def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None, /
    ) -> asyncio.Future[None]: ...

@final
class Obstacle:
    """One thing that keeps an agent out of a room."""

    @property
    def cause(
        self,
    ) -> Literal[
        "recovering",
        "in_use",
        "stale_claim",
        "no_worker",
        "no_worker_of_that_name",
        "none_ready",
        "all_at_capacity",
        "limit_reached",
        "mixed_builds",
    ]: ...
    @property
    def remedy(self) -> str: ...
    @property
    def evidence(self) -> Any: ...

def why(store: _Store, room: str, *, agent: str | None = None) -> asyncio.Future[list[Obstacle]]:
    """What stands between a room and an agent."""

@final
class Suspicion:
    """A cause that may keep an agent out of a room, as far as it can be told from what is known."""

    @property
    def cause(self) -> str: ...
    @property
    def likelihood(self) -> str: ...
    @property
    def because(self) -> str: ...
    @property
    def check(self) -> str: ...
    @property
    def remedy(self) -> str: ...

def suspicions(
    room: str,
    *,
    plan: Literal["build", "ship", "scale", "self_hosted"] = ...,
    agents: list[str] = ...,
    dispatch: Literal["automatic", "explicit"] = ...,
    room_names: Literal["fixed", "per_call"] = ...,
    avatar_slots: int = ...,
    calls: int = ...,
    waited: str | float = ...,
) -> list[Suspicion]:
    """All that may keep an agent out of the room and that no store sees, the likeliest first."""

@final
class ReconnectGuard:
    """Lets an application reconnect to one room with backoff and jitter, and refuses reconnects in a loop."""

    def __new__(cls, *, seed: int = 0, **policy: _Value) -> ReconnectGuard: ...
    def opened(self, *, at_s: float | None = None) -> None: ...
    def closed(self, *, at_s: float | None = None) -> None: ...
    def ask(self, cause: _Cause | int, *, at_s: float | None = None) -> Reconnect | Refusal: ...
    def check(self, cause: _Cause | int, *, at_s: float | None = None) -> Reconnect | Refusal: ...

@final
class Reconnect:
    """Reconnect after `after_s` seconds; then report opened(), or closed() if it fails."""

    @property
    def after_s(self) -> float: ...

@final
class LoopDetector:
    """Finds a cycle at the end of a sequence: A A A, or A B A B A B."""

    def __new__(cls, **policy: _Value) -> LoopDetector: ...
    def push(self, event: str, *, at_s: float | None = None) -> Cycle | None: ...
    def reset(self) -> None: ...

@final
class Cycle:
    """A loop: the end of the sequence is copies of one cycle."""

    @property
    def events(self) -> list[str]: ...
    @property
    def repeats(self) -> int: ...
    @property
    def took_s(self) -> float: ...

@final
class EmptyRoomGuard:
    """Says when an agent without people should leave its room."""

    def __new__(cls, *, at_s: float | None = None, **policy: _Value) -> EmptyRoomGuard: ...
    def people(self, count: int, *, at_s: float | None = None) -> float | None: ...
    def leave_after_s(self, *, at_s: float | None = None) -> float | None: ...

@final
class TimeLimit:
    """Times one thing that a provider cuts off: warns once, and says when the time is up."""

    def __new__(cls, *, at_s: float | None = None, **policy: _Value) -> TimeLimit: ...
    @property
    def due_s(self) -> float: ...
    def poll(self, *, at_s: float | None = None) -> Literal["ending", "over"] | None: ...

@final
class DispatchWatchdog:
    """Tells once that a person has waited for an agent for longer than a cold start takes."""

    def __new__(cls, **policy: _Value) -> DispatchWatchdog: ...
    def people(self, count: int, *, at_s: float | None = None) -> None: ...
    def agents(self, count: int, *, at_s: float | None = None) -> None: ...
    @property
    def due_s(self) -> float | None: ...
    def poll(self, *, at_s: float | None = None) -> Refusal | None: ...

@final
class TrackGuard:
    """Keeps one participant at one session of speech-to-text, however often the microphone is published again."""

    def __new__(cls, **policy: _Value) -> TrackGuard: ...
    def subscribed(self, track: str, *, at_s: float | None = None) -> TrackRuling: ...
    def again(self, *, at_s: float | None = None) -> TrackRuling | None: ...
    def unsubscribed(self, track: str, *, at_s: float | None = None) -> None: ...
    def take_idle(self, *, at_s: float | None = None) -> int | None: ...
    def session_ended(self, session: int) -> None: ...

@final
class TrackRuling:
    """What to do with a track that was subscribed."""

    @property
    def verdict(self) -> Literal["start", "reuse", "frozen"]: ...
    @property
    def session(self) -> int | None: ...
    @property
    def refusal(self) -> Refusal | None: ...

@final
class MisfireGuard:
    """Counts results without words in a row, and stops audio to speech-to-text when there are too many."""

    def __new__(cls, **policy: _Value) -> MisfireGuard: ...
    def judge(
        self, text: str, *, confidence: float | None = None, speech: float | None = None, at_s: float | None = None
    ) -> Heard: ...
    def admit(
        self, onset: Literal["clear", "unclear"] = "unclear", *, at_s: float | None = None
    ) -> Literal["pass", "probe"] | Refusal: ...
    def agent_said(self, text: str, *, at_s: float | None = None) -> None: ...

@final
class Heard:
    """What a result of speech-to-text was."""

    @property
    def misfire(self) -> _Misfire | None: ...
    @property
    def likelihood(self) -> float | None: ...
    @property
    def breaker(self) -> Literal["opened", "reopened", "closed"] | None: ...

@final
class Concurrent:
    """A concurrency limit (a semaphore) that all workers of a store share."""

    def __new__(cls, resource: str, n: int) -> Concurrent: ...
    @property
    def resource(self) -> str: ...
    @property
    def n(self) -> int: ...

@final
class ConcurrentEach:
    """A concurrency limit for each of something, such as the tracks of each participant."""

    def __new__(cls, resource: str, n: int) -> ConcurrentEach: ...
    def of(self, whose: str) -> Concurrent: ...
    @property
    def resource(self) -> str: ...
    @property
    def n(self) -> int: ...

@final
class Rate:
    """A rate limit over a sliding window, which all workers of a store share."""

    def __new__(cls, resource: str, n: int, *, per_s: float = 60.0) -> Rate: ...
    @property
    def resource(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def per_s(self) -> float: ...

@final
class Metered:
    """An allowance of a paid plan: what goes beyond it is billed, not refused."""

    def __new__(cls, resource: str, included: int, *, usd_beyond: float) -> Metered: ...
    @property
    def resource(self) -> str: ...
    @property
    def included(self) -> int: ...
    @property
    def usd_beyond(self) -> float: ...
    def billed_usd(self, used: int, amount: int) -> float: ...

@final
class Quota:
    """A quota: so much in a calendar month, UTC."""

    def __new__(cls, resource: str, n: int) -> Quota: ...
    @property
    def resource(self) -> str: ...
    @property
    def n(self) -> int: ...

@final
class Limits:
    """Asks a store whether a limit has room, before the provider is asked and answers 429."""

    def __new__(cls, store: _Store, *, owner: str, term_s: float = 30.0) -> Limits: ...
    def acquire(self, limit: Concurrent) -> asyncio.Future[Lease | Refusal]: ...
    def acquire_first(
        self, providers: Failover, limits: Sequence[Concurrent], *, at_s: float | None = None
    ) -> asyncio.Future[Picked | Refusal]: ...
    def spend(self, limit: Rate | Quota | Metered, amount: int = 1) -> asyncio.Future[Counted | Refusal]: ...

@final
class Counted:
    """An amount that was counted."""

    @property
    def used(self) -> int: ...

@final
class Picked:
    """A slot of the first provider that had one."""

    @property
    def provider(self) -> str: ...
    @property
    def lease(self) -> Lease: ...
    def __aenter__(self) -> asyncio.Future[Picked]: ...
    def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None, /
    ) -> asyncio.Future[None]: ...

@final
class Failover:
    """Providers of one service in the order in which they are wanted."""

    def __new__(cls, *providers: str) -> Failover: ...
    def candidates(self, *, at_s: float | None = None) -> list[str]: ...
    def refused(self, provider: str, refusal: ProviderRefusal, *, at_s: float | None = None) -> None: ...
    def restore(self, provider: str) -> None: ...
    def standings(self) -> dict[str, Standing]: ...
    def wait_s(self, *, at_s: float | None = None) -> float | None: ...

@final
class Standing:
    """Whether a provider may be asked."""

    @property
    def kind(self) -> Literal["open", "until", "exhausted"]: ...
    @property
    def until(self) -> datetime.datetime | None: ...
    @property
    def cause(self) -> Literal["credits", "quota", "account"] | None: ...

@final
class ProviderRefusal:
    """What a provider's refusal means for retries."""

    @property
    def kind(self) -> Literal["terminal", "transient", "guess", "other"]: ...
    @property
    def cause(
        self,
    ) -> Literal["credits", "quota", "account", "concurrency", "rate", "daily", "overload"] | None: ...
    @property
    def lifted(self) -> Literal["next_month", "payment"] | None: ...
    @property
    def wait_s(self) -> float | None: ...

def read_refusal(status: int, message: str = "", *, code: str = "", retry_after: str | None = None) -> ProviderRefusal:
    """Reads a refusal by what the providers document."""

@final
class PlanLimits:
    """What a plan allows, by resource."""

    @property
    def concurrent(self) -> dict[str, Concurrent]: ...
    @property
    def concurrent_each(self) -> dict[str, ConcurrentEach]: ...
    @property
    def rates(self) -> dict[str, Rate]: ...
    @property
    def quotas(self) -> dict[str, Quota]: ...
    @property
    def longest_s(self) -> dict[str, float]: ...
    @property
    def shared_by(self) -> Literal["account", "project"]: ...
    @property
    def source(self) -> str: ...

def plan_limits(plan: _Plan) -> PlanLimits:
    """The published limits of a plan."""

def plans() -> list[_Plan]:
    """The plans whose limits are known."""

@final
class PriceBook:
    """Prices by name."""

    def __new__(cls, toml: str | None = None) -> PriceBook: ...
    @staticmethod
    def toml() -> str: ...
    def names(self) -> list[str]: ...
    def __getitem__(self, name: str, /) -> Price: ...
    def __len__(self) -> int: ...

@final
class Price:
    """A price, with what is needed to trust it."""

    @property
    def usd(self) -> float: ...
    @property
    def per(
        self,
    ) -> Literal["second", "minute", "hour", "1k_characters", "1m_characters", "1k_tokens", "1m_tokens"]: ...
    @property
    def billing(
        self,
    ) -> Literal["audio_seconds", "socket_seconds", "segments", "tokens", "characters", "minutes_rounded_up"]: ...
    @property
    def trust(self) -> Literal["second_hand", "vendor_page", "contract"]: ...
    @property
    def source(self) -> str: ...
    @property
    def read(self) -> str: ...
    def cost(
        self,
        *,
        audio_s: float = ...,
        socket_s: float = ...,
        segment_s: float = ...,
        session_s: float = ...,
        tokens: int = ...,
        characters: int = ...,
    ) -> float: ...

@final
class Meter:
    """Counts the money of one worker's calls, and refuses what would pass a ceiling."""

    def __new__(
        cls,
        prices: PriceBook | None = None,
        *,
        per_call_usd: float | None = None,
        per_day_usd: float | None = None,
    ) -> Meter: ...
    def charge(
        self,
        call: CallCost,
        item: str,
        *,
        at_s: float | None = None,
        audio_s: float = ...,
        socket_s: float = ...,
        segment_s: float = ...,
        session_s: float = ...,
        tokens: int = ...,
        characters: int = ...,
    ) -> Charged | Refusal: ...
    def settle(
        self,
        call: CallCost,
        item: str,
        *,
        at_s: float | None = None,
        audio_s: float = ...,
        socket_s: float = ...,
        segment_s: float = ...,
        session_s: float = ...,
        tokens: int = ...,
        characters: int = ...,
    ) -> float: ...
    def saved(
        self,
        item: str,
        cause: _Saving,
        *,
        audio_s: float = ...,
        socket_s: float = ...,
        segment_s: float = ...,
        session_s: float = ...,
        tokens: int = ...,
        characters: int = ...,
    ) -> float: ...
    def bill(self) -> Bill: ...

@final
class CallCost:
    """What one call has cost so far."""

    def __new__(cls) -> CallCost: ...
    @property
    def spent_usd(self) -> float: ...

@final
class Charged:
    """A spending that was counted."""

    @property
    def usd(self) -> float: ...

@final
class Bill:
    """All that a meter has counted."""

    @property
    def spent_usd(self) -> float: ...
    @property
    def saved_usd(self) -> float: ...
    @property
    def lines(self) -> list[BillLine]: ...

@final
class BillLine:
    """What a meter has counted of one item."""

    @property
    def item(self) -> str: ...
    @property
    def spent_usd(self) -> float: ...
    @property
    def saved_usd(self) -> dict[_Saving, float]: ...
    @property
    def unsent_but_billed_s(self) -> float: ...

@final
class Estimate:
    """The bill of a day."""

    @property
    def name(self) -> str: ...
    @property
    def without_guards_usd(self) -> float: ...
    @property
    def with_guards_usd(self) -> float: ...
    @property
    def lines(self) -> list[EstimateLine]: ...
    @property
    def saved_usd(self) -> dict[_Saving, float]: ...
    @property
    def notes(self) -> list[str]: ...

@final
class EstimateLine:
    """A service on the bill of a day."""

    @property
    def service(self) -> Literal["stt", "llm_input", "llm_output", "tts", "session"]: ...
    @property
    def item(self) -> str: ...
    @property
    def without_guards_usd(self) -> float: ...
    @property
    def with_guards_usd(self) -> float: ...

def estimate(scenario: str, prices: PriceBook | None = None) -> Estimate:
    """Estimates the bill of a day, with and without the guards."""
