"""`voxgate.livekit.guard`: what it puts around a session, what the guards refuse, and what it changes in shadow."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

from conftest import recording
from fake_stt import FakeSTT
from livekit import rtc
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit_room import FakeContext
from livekit_support import frames, run
from voxgate.guard import MemoryStore, Refusal
from voxgate.livekit import VAD, GatedSTT, GuardedCall, guard

SPOKEN = recording("clean_turn").mono[: 6 * 16_000]
DUPLICATE_IDENTITY = 2


async def made(**options: Any) -> tuple[FakeContext, GuardedCall]:
    context = FakeContext()
    call = await guard(context, **{"store": MemoryStore(), **options})  # type: ignore[arg-type]
    assert isinstance(call, GuardedCall)
    return context, call


def test_a_room_has_one_call_until_it_is_given_back() -> None:
    async def work() -> None:
        store = MemoryStore()
        context, call = await made(stt=FakeSTT(), store=store, worker="one")
        assert isinstance(call.session.vad, VAD) and isinstance(call.session.stt, GatedSTT)
        rival = FakeContext()
        refused = await guard(rival, stt=FakeSTT(), store=store, worker="two")  # type: ignore[arg-type]
        assert isinstance(refused, Refusal) and rival.refused == ["held"]
        for callback in context.at_the_end:
            await callback()
        await made(stt=FakeSTT(), store=store, worker="two")

    run(work())


def test_without_a_store_the_threads_of_the_process_share_one() -> None:
    async def work(room: str) -> GuardedCall | Refusal:
        context = FakeContext()
        context.room.name = room
        return await guard(context, stt=FakeSTT())  # type: ignore[arg-type]

    def in_a_thread(room: str) -> GuardedCall | Refusal:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: run(work(room))).result()

    async def end(call: GuardedCall) -> None:
        await call.aclose()

    first, second, other = in_a_thread("shared-1"), in_a_thread("shared-1"), in_a_thread("shared-2")
    assert isinstance(first, GuardedCall) and isinstance(other, GuardedCall), "each call is a worker of its own"
    assert isinstance(second, Refusal) and second.kind == "held"
    run(end(first))
    again = in_a_thread("shared-1")
    assert isinstance(again, GuardedCall)
    for call in (again, other):
        run(end(call))


def test_a_track_published_again_and_again_is_told_of_and_heard() -> None:
    async def work() -> None:
        context, call = await made(stt=FakeSTT())
        participant = SimpleNamespace(identity="caller")
        for n in range(8):
            publication = SimpleNamespace(kind=rtc.TrackKind.KIND_AUDIO, sid=f"TR_{n}")
            context.room.emit("track_subscribed", None, publication, participant)
            context.room.emit("track_unsubscribed", None, publication, participant)
        trips = call.stats().trips
        assert len(trips) == 6 and "cascade" in trips[0], "the first two are a microphone as any other"
        assert not context.refused, "the call goes on"
        video = SimpleNamespace(kind=rtc.TrackKind.KIND_VIDEO, sid="TR_9")
        context.room.emit("track_subscribed", None, video, participant)
        assert call.stats().trips == trips

    run(work())


def test_a_duplicate_ends_the_job_and_is_told() -> None:
    async def work() -> None:
        context, call = await made(stt=FakeSTT())
        context.room.emit("disconnected", DUPLICATE_IDENTITY)
        assert context.refused and len(call.stats().trips) == 1

    run(work())


def test_one_lost_signal_is_no_loop() -> None:
    async def work() -> None:
        context, call = await made(stt=FakeSTT())
        context.room.emit("reconnecting")
        context.room.emit("reconnected")
        assert not context.refused and not call.stats().trips

    run(work())


def test_in_shadow_everything_is_sent_and_nothing_is_claimed() -> None:
    async def work() -> None:
        store, fake = MemoryStore(), FakeSTT()
        context, call = await made(stt=fake, store=store, shadow=True)
        await made(stt=FakeSTT(), store=store)  # the room is free
        assert not isinstance(call.session.vad, VAD)
        gated = call.session.stt
        assert isinstance(gated, GatedSTT)
        stream = gated.stream(conn_options=DEFAULT_API_CONNECT_OPTIONS)
        silence = np.zeros(5 * 16_000, np.int16)
        for frame in frames(np.concatenate([silence, SPOKEN]), 16_000):
            stream.push_frame(frame)
        stream.end_input()
        async for _ in stream:
            pass
        await stream.aclose()
        stats = call.stats()
        assert stats.heard_s == pytest.approx(11.0) and len(fake.received) == 11 * 16_000
        assert 2.0 < stats.sent_s < 7.0, "what would have been sent"
        context.room.emit("disconnected", DUPLICATE_IDENTITY)
        assert len(call.stats().trips) == 1 and not context.refused

    run(work())


@pytest.mark.parametrize("stt", [FakeSTT(streaming=False), None])
def test_what_cannot_be_gated_is_used_as_it_is(stt: FakeSTT | None) -> None:
    async def work() -> None:
        _, call = await made(stt=stt)
        assert call.session.stt is stt
        assert call.stats().heard_s == 0.0

    run(work())


def test_a_claim_that_is_lost_ends_the_job() -> None:
    async def work() -> None:
        store = MemoryStore()
        context, call = await made(stt=FakeSTT(), store=store)
        taken = await guard(FakeContext(), stt=FakeSTT(), store=store, worker="two")  # type: ignore[arg-type]
        assert isinstance(taken, Refusal)

        async def lost() -> Refusal:
            return taken

        await call._watch_claim(SimpleNamespace(lost=lost))  # type: ignore[arg-type]
        assert context.refused == ["held"] and call.stats().trips == (str(taken),)

    run(work())


def test_a_claim_that_is_given_back_is_not_lost() -> None:
    async def work() -> None:
        context, call = await made(stt=FakeSTT())
        await call.aclose()
        await asyncio.sleep(0.1)
        assert not context.refused and not call.stats().trips

    run(work())
