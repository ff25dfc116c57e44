"""All of voxgate around a LiveKit session: the claim on the room, the gate, the echo reference, and the guards."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    BackgroundAudioPlayer,
    ConversationItemAddedEvent,
    JobContext,
    UserInputTranscribedEvent,
    stt,
)

from .. import Config, MisuseError
from ..guard import (
    DispatchGuard,
    Lease,
    MemoryStore,
    PostgresStore,
    Presence,
    ReconnectGuard,
    RedisStore,
    Refusal,
    SqliteStore,
    TrackGuard,
)
from ._background_reference import BackgroundReference
from ._disconnect import disconnect_cause
from ._echo_reference import EchoReference
from ._gated_input import GatedInput
from ._gated_stt import GatedSTT
from ._vad import VAD

logger = logging.getLogger("voxgate.livekit")


async def guard(
    ctx: JobContext,
    *,
    stt: stt.STT[Any] | None = None,
    store: MemoryStore | SqliteStore | RedisStore | PostgresStore | None = None,
    worker: str | None = None,
    build: str = "1",
    agent: str | None = None,
    config: Config | None = None,
    shadow: bool = False,
    keep_s: float | None = None,
    background: BackgroundAudioPlayer | None = None,
    **options: Any,
) -> GuardedCall | Refusal:
    """Claims the job's room and makes its session, with everything of voxgate in its place.

    >>> call = await guard(ctx, stt=deepgram.STT(), llm="openai/gpt-4.1-mini", tts=cartesia.TTS())  # doctest: +SKIP
    >>> if call:  # doctest: +SKIP
    ...     await call.start(Agent(instructions="Be brief."))

    The answer is the call, or a Refusal, which is false: another job has the room, and this one was shut down. With a
    call come the VAD that knows the agent's voice, speech-to-text that receives speech only, an end to reconnects in a
    loop, word of tracks that are published again and again, and feedback from transcripts. The claim is given back when
    the job ends.

    Args:
        stt: The speech-to-text. One that does not stream is used as it is; None leaves it to a realtime model, which
            then hears the user, and silence in the place of everything else.
        store: Where claims are kept. Without it the calls of this process share one MemoryStore, whatever thread they
            run in; LiveKit runs each job in a process of its own unless told otherwise, and these share a RedisStore,
            a PostgresStore, or on one machine a SqliteStore.
        worker: The name of this call's worker, which serves one room at a time; host, process and a number if it is
            not given.
        build, agent: The agent's version, and its name in LiveKit's dispatch.
        config: Settings of the gate.
        shadow: Decide and count, and change nothing: the session hears, sends and is interrupted as without voxgate,
            and the room is not claimed. For a first look at `GuardedCall.stats`.
        keep_s: Keep so many seconds of what was heard and decided, for `GuardedCall.dump`. Privacy: that is the voice
            of a person, in memory until the call ends, and on the disk from a dump until you delete it.
        background: The player of background audio, if there is one: its echo is no speech either. `GuardedCall.start`
            starts it, and the job's end closes it.
        options: What else `AgentSession` takes.
    """
    claim, presence = None, None
    if not shadow:
        name = worker or f"{socket.gethostname()}:{os.getpid()}:{next(_CALLS)}"
        dispatch = DispatchGuard(store or _store_of(os.getpid()), worker=name, build=build, agent=agent)
        presence = await dispatch.present("ready")
        found = await dispatch.claim(ctx.room.name, session=ctx.job.room.sid or None)
        if isinstance(found, Refusal):
            logger.warning("%s", found)
            ctx.shutdown(reason=found.kind)
            return found
        claim = found
    return GuardedCall(ctx, stt, config, shadow, keep_s, background, options, claim, presence)


@dataclass(frozen=True)
class CallStats:
    """What the gate and the guards did so far."""

    heard_s: float
    """Seconds of audio that the session pushed to speech-to-text, or to the realtime model."""
    sent_s: float
    """Seconds that it received, without silence for a realtime model; in shadow those that it would have."""
    misfires: int
    """Results of speech-to-text without words of the user."""
    trips: tuple[str, ...]
    """What the guards refused, each with its reason and remedy."""


class GuardedCall:
    """A session with voxgate around it; `session` is the AgentSession."""

    def __init__(
        self,
        ctx: JobContext,
        wrapped: stt.STT[Any] | None,
        config: Config | None,
        shadow: bool,
        keep_s: float | None,
        background: BackgroundAudioPlayer | None,
        options: dict[str, Any],
        claim: Lease | None,
        presence: Presence | None,
    ) -> None:
        self._ctx, self._shadow = ctx, shadow
        self._claim, self._presence = claim, presence
        self._vad = VAD.load(config=config)
        self._vad._keep_s = keep_s
        self._background = background
        if background is not None:
            self._background_reference = BackgroundReference(background, self._vad)
        self._gated: GatedSTT | None = None
        self._gated_input: GatedInput | None = None
        self._trips: list[str] = []
        self._reconnects = ReconnectGuard()
        self._tracks: dict[str, TrackGuard] = {}
        if wrapped is not None and wrapped.capabilities.streaming:
            self._gated = GatedSTT(wrapped, self._vad, shadow=shadow)
        self._config, self._is_realtime = config, wrapped is None
        if wrapped is not None:
            options = {"stt": self._gated or wrapped, **options}
        if not shadow:
            options = {"vad": self._vad, "aec_warmup_duration": None, **options}
        self.session: AgentSession[Any] = AgentSession(**options)
        self._listen()

    async def start(self, agent: Agent, **options: Any) -> None:
        """Connects the job and starts the session in its room; `options` are those of `AgentSession.start`."""
        await self._ctx.connect()
        self._reconnects.opened()
        given: dict[str, Any] = {"room": self._ctx.room, **options}
        await self.session.start(agent, **given)
        if self.session.output.audio is not None:
            self.session.output.audio = EchoReference(self.session.output.audio, self._vad)
        if self._is_realtime and not self._shadow and self.session.input.audio is not None:
            self._gated_input = GatedInput(self.session.input.audio, self._vad, config=self._config)
            self.session.input.audio = self._gated_input
        if self._background is not None:
            await self._background.start(room=self._ctx.room, agent_session=self.session)

    def stats(self) -> CallStats:
        """What the gate and the guards did so far."""
        gated = self._gated or self._gated_input
        heard_s, sent_s = (gated.heard_s, gated.sent_s) if gated else (0.0, 0.0)
        misfires = self._gated.misfires if self._gated else 0
        return CallStats(heard_s, sent_s, misfires, tuple(self._trips))

    def dump(self, folder: str | Path) -> None:
        """Writes what the gate heard and decided in the last `keep_s` seconds into a folder, which is made if need be.

        mic.wav and playback.wav begin and end together, decisions.csv is the table of `voxgate gate --frames`, and
        config.toml has the settings, so that the command can decide again:

            voxgate gate mic.wav --playback playback.wav --config config.toml --frames again.csv

        Privacy: the files hold the voice of a person. Whoever may read the folder hears it; delete them after use.

        Raises:
            MisuseError: `guard` was called without `keep_s`, or nothing was heard yet.
        """
        if self._vad._keep_s is None:
            raise MisuseError("nothing is kept for a dump; call guard(…, keep_s=30)")
        own = self._gated_input and self._gated_input.ear.recording  # else the VAD hears what that has gated
        recordings = [own] if own else [recording for recording in self._vad._recordings if recording.heard_s]
        if not recordings:
            raise MisuseError("nothing was heard yet; call dump() once the session hears the microphone")
        max(recordings, key=lambda recording: (round(recording.heard_at), recording.heard_s)).write(Path(folder))

    async def aclose(self) -> None:
        """Ends the background audio and gives the room back. The job's end does it by itself."""
        if self._background is not None:
            await self._background.aclose()
        claim, self._claim = self._claim, None
        if claim is not None:
            await claim.release()
        if self._presence is not None:
            await self._presence.set("draining")

    # --- What is heard of the session and of the room ---

    def _listen(self) -> None:
        self.session.on("user_input_transcribed", self._on_transcript)
        self.session.on("conversation_item_added", self._on_item)
        room = self._ctx.room
        room.on("reconnecting", self._on_reconnecting)
        room.on("reconnected", self._on_reconnected)
        room.on("disconnected", self._on_disconnected)
        room.on("track_subscribed", self._on_track_subscribed)
        room.on("track_unsubscribed", self._on_track_unsubscribed)
        self._ctx.add_shutdown_callback(self.aclose)
        if self._claim is not None:
            self._watch = asyncio.create_task(self._watch_claim(self._claim), name="voxgate.claim")

    def _on_transcript(self, event: UserInputTranscribedEvent) -> None:
        if event.is_final:
            self._vad.feedback(event.transcript)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if getattr(event.item, "role", None) == "assistant":
            self._vad.agent_said(getattr(event.item, "text_content", None) or "")

    def _on_reconnecting(self) -> None:
        self._ask("signal_lost")

    def _on_reconnected(self) -> None:
        self._reconnects.opened()

    def _on_disconnected(self, reason: int) -> None:
        self._ask(disconnect_cause(reason))

    def _ask(self, cause: Any) -> None:
        self._reconnects.closed()
        ruling = self._reconnects.ask(cause)
        if isinstance(ruling, Refusal):
            self._trip(ruling)

    def _on_track_subscribed(
        self, _track: Any, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if publication.kind != rtc.TrackKind.KIND_AUDIO:
            return
        tracks = self._tracks.setdefault(participant.identity, TrackGuard())
        refusal = tracks.subscribed(publication.sid).refusal
        if refusal is not None:
            self._note(refusal)  # LiveKit feeds the track to the session's one speech-to-text: nothing said is lost

    def _on_track_unsubscribed(
        self, _track: Any, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if (tracks := self._tracks.get(participant.identity)) is not None:
            tracks.unsubscribed(publication.sid)

    async def _watch_claim(self, claim: Lease) -> None:
        """A room that another worker may have taken is left."""
        if (lost := await claim.lost()) is not None:
            self._trip(lost)

    def _trip(self, refusal: Refusal) -> None:
        self._note(refusal)
        if not self._shadow:
            self._ctx.shutdown(reason=refusal.kind)

    def _note(self, refusal: Refusal) -> None:
        logger.warning("%s", refusal)
        self._trips.append(str(refusal))


@cache
def _store_of(_pid: int) -> MemoryStore:
    """The store that the calls of this process share; a fork makes its own."""
    return MemoryStore()


_CALLS = itertools.count(1)
