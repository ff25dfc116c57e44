"""A worker's entrypoint for one call with every guard in its place, and without a framework: what goes where.

    python guarded_entrypoint.py [STORE] [ROOM]

STORE is a file such as voxgate.db, which the workers of one machine share, or redis://… or postgres://…; without it
the claims are those of this process. `livekit_agent.py` has the same around LiveKit's session in one call.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import dataclass

from voxgate.budget import CallCost, Concurrent, Failover, Limits, Meter, Picked, plan_limits, read_refusal
from voxgate.guard import (
    DispatchGuard,
    EmptyRoomGuard,
    Lease,
    LoopDetector,
    MemoryStore,
    MisfireGuard,
    PostgresStore,
    ReconnectGuard,
    RedisStore,
    SqliteStore,
    TimeLimit,
    TrackGuard,
    why,
)

Store = MemoryStore | SqliteStore | RedisStore | PostgresStore

SPEECH_TO_TEXT = {"assemblyai": "assemblyai-universal-3-6-pro", "deepgram": "deepgram-nova-3"}
"""Providers in the order in which they are wanted, each with the item that it bills."""


def store_of(address: str | None) -> Store:
    if address is None:
        return MemoryStore()
    if address.startswith(("redis://", "rediss://")):
        return RedisStore(address)
    if address.startswith(("postgres://", "postgresql://")):
        return PostgresStore(address)
    return SqliteStore(address)


@dataclass
class Report:
    """What became of the call."""

    provider: str
    spent_usd: float
    told: list[str]
    """What the guards refused, each with its reason."""


async def entrypoint(store: Store, room: str, *, term_s: float = 30.0) -> Report | None:
    """Serves the room; None if another worker does."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    dispatch = DispatchGuard(store, worker=worker, build="2026-11-27", agent="receptionist", term_s=term_s)
    presence = await dispatch.present("ready")  # heartbeats, for `voxgate why` and for rolling deployments
    claim = await dispatch.claim(room)
    if not isinstance(claim, Lease):
        print(claim)  # who has it, until when, and what to do
        for obstacle in await why(store, room):
            print(f"{obstacle}: {obstacle.remedy}")
        return None
    try:
        async with claim:  # it renews itself; claim.lost() tells if another worker may have taken the room
            return await serve(store, worker, term_s)
    finally:
        await presence.set("draining")


async def serve(store: Store, worker: str, term_s: float) -> Report:
    """The call: what happens to it here stands for what a framework's events would tell."""
    told: list[str] = []
    providers = Failover(*SPEECH_TO_TEXT)
    limits = Limits(store, owner=worker, term_s=term_s)
    picked = await connect(limits, providers)

    # The provider refuses all the same. Out of money is final, too many at once is not.
    refusal = read_refusal(402, "Payment Required")
    providers.refused(picked.provider, refusal)
    told.append(f"{picked.provider}: {refusal.kind}")
    await picked.lease.release()
    picked = await connect(limits, providers)

    async with picked:
        # The microphone is published again: its one session of speech-to-text goes on.
        tracks = TrackGuard()
        assert tracks.subscribed("TR_1").verdict == "start"
        tracks.unsubscribed("TR_1")
        assert tracks.subscribed("TR_2").verdict == "reuse"

        # Money is asked for before it is spent.
        meter, call = Meter(per_call_usd=0.02), CallCost()
        while charge := meter.charge(call, SPEECH_TO_TEXT[picked.provider], audio_s=60):
            meter.saved(SPEECH_TO_TEXT[picked.provider], "silence", audio_s=20)  # what the gate kept back
        told.append(str(charge))

        # Transcripts without words open the breaker: nothing more is answered for a while.
        misfires = MisfireGuard(misfires=3)
        heard = [misfires.judge(text) for text in ("", "...", "[noise]")]
        told.append(f"misfires: {heard[-1].breaker}")

        # The agent calls the same tool again and again.
        calls = LoopDetector()
        cycles = [cycle for _ in range(3) if (cycle := calls.push("look_up(42)"))]
        told += map(repr, cycles)

        # The link to the room is lost: reconnect with a growing delay, but not in circles.
        reconnects = ReconnectGuard(seed=os.getpid())
        while again := reconnects.check("signal_lost"):
            print(f"reconnect in {again.after_s:.1f} s")
        told.append(str(again))

        # A recording is cut off after some hours: the next one starts before.
        longest_s = plan_limits("livekit_build").longest_s["livekit/egress to a file"]
        recording = TimeLimit(longest=f"{longest_s:.0f}s")
        assert recording.poll() is None, "there is time"

        # The last person leaves, and so does the agent after a while.
        people = EmptyRoomGuard()
        assert people.people(1) is None
        told.append(f"alone: leave in {people.people(0):.0f} s")
    return Report(picked.provider, meter.bill().spent_usd, told)


async def connect(limits: Limits, providers: Failover) -> Picked:
    """A slot of the first provider that has room and has not refused."""
    picked = await limits.acquire_first(providers, [Concurrent(name, 5) for name in SPEECH_TO_TEXT])
    if not isinstance(picked, Picked):
        raise RuntimeError(str(picked))
    return picked


if __name__ == "__main__":
    address = sys.argv[1] if len(sys.argv) > 1 else None
    print(asyncio.run(entrypoint(store_of(address), sys.argv[2] if len(sys.argv) > 2 else "call-17")))
