"""Guards around a voice agent: they keep costs from multiplying, without losing the conversation.

>>> from voxgate.guard import DispatchGuard, MemoryStore
>>> guard = DispatchGuard(MemoryStore(), worker="host-1:4711", build="2026-11-21", capacity=4)
>>> presence = await guard.present("ready")  # doctest: +SKIP
>>> claim = await guard.claim("call-17")  # doctest: +SKIP
>>> if not claim:  # doctest: +SKIP
...     print(claim)  # why, and what to do

A guard's yes is an object of its own class, its no a `Refusal`, which is false. Guards fail closed: in doubt, a guard
stops further spending. `why(store, room)` says why no agent comes, `suspicions(room, …)` what no store can see.
"""

from ._voxgate import (
    Cycle,
    DispatchGuard,
    DispatchWatchdog,
    EmptyRoomGuard,
    Heard,
    Lease,
    LoopDetector,
    MemoryStore,
    MisfireGuard,
    Obstacle,
    PostgresStore,
    Presence,
    Reconnect,
    ReconnectGuard,
    RedisStore,
    Refusal,
    SqliteStore,
    Suspicion,
    TimeLimit,
    TrackGuard,
    TrackRuling,
    suspicions,
    why,
)

__all__ = [
    "Cycle",
    "DispatchGuard",
    "DispatchWatchdog",
    "EmptyRoomGuard",
    "Heard",
    "Lease",
    "LoopDetector",
    "MemoryStore",
    "MisfireGuard",
    "Obstacle",
    "PostgresStore",
    "Presence",
    "Reconnect",
    "ReconnectGuard",
    "RedisStore",
    "Refusal",
    "SqliteStore",
    "Suspicion",
    "TimeLimit",
    "TrackGuard",
    "TrackRuling",
    "suspicions",
    "why",
]
