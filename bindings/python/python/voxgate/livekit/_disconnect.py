"""LiveKit's reasons of a disconnect as causes of a `ReconnectGuard`."""

from __future__ import annotations

from typing import Literal, TypeAlias

Cause: TypeAlias = Literal[
    "duplicate_identity",
    "participant_removed",
    "room_deleted",
    "server_shutdown",
    "signal_lost",
    "media_failed",
    "join_failed",
]


def disconnect_cause(reason: int) -> Cause | int:
    """The cause that a `rtc.DisconnectReason` (an int) is to `ReconnectGuard.ask`.

    The first four end the session for good: whoever left, was removed or refused, or whose room is gone, does not come
    back by a reconnect. Other numbers, and those that a newer server makes, are causes of their own.
    """
    return _CAUSES.get(int(reason), int(reason))


_CAUSES: dict[int, Cause] = {
    1: "participant_removed",  # CLIENT_INITIATED: it left by itself
    2: "duplicate_identity",  # DUPLICATE_IDENTITY
    3: "server_shutdown",  # SERVER_SHUTDOWN
    4: "participant_removed",  # PARTICIPANT_REMOVED
    5: "room_deleted",  # ROOM_DELETED
    6: "signal_lost",  # STATE_MISMATCH
    7: "join_failed",  # JOIN_FAILURE
    8: "server_shutdown",  # MIGRATION
    9: "signal_lost",  # SIGNAL_CLOSE
    10: "room_deleted",  # ROOM_CLOSED
    11: "participant_removed",  # USER_UNAVAILABLE
    12: "participant_removed",  # USER_REJECTED
    14: "signal_lost",  # CONNECTION_TIMEOUT
    15: "media_failed",  # MEDIA_FAILURE
}
"""livekit_models.proto, DisconnectReason, as of livekit-protocol 1.1.29."""
