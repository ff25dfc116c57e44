"""The guards: claims on rooms, reconnects, tracks and misfires; each no is typed and has its evidence."""

from __future__ import annotations

import asyncio
import datetime
import gc
import multiprocessing
import os
import shutil
import subprocess
import warnings
from typing import Any

import pytest
import voxgate
from servers import free_port
from stores import Store, run
from voxgate.budget import Concurrent, Counted, Limits, Rate
from voxgate.guard import (
    DispatchGuard,
    DispatchWatchdog,
    EmptyRoomGuard,
    Lease,
    LoopDetector,
    MemoryStore,
    MisfireGuard,
    PostgresStore,
    Presence,
    Reconnect,
    ReconnectGuard,
    RedisStore,
    Refusal,
    SqliteStore,
    TimeLimit,
    TrackGuard,
    suspicions,
    why,
)


def worker(store: Store, name: str, capacity: int = 2) -> DispatchGuard:
    return DispatchGuard(store, worker=name, build="b1", agent="receptionist", capacity=capacity, term_s=0.3)


async def ready(guard: DispatchGuard) -> Presence:
    # A Redis that has just started grants nothing for a term: somebody may still renew.
    presence = await guard.present("ready")
    for _ in range(40):
        claim = await guard.claim("warm-up")
        if isinstance(claim, Lease):
            await claim.release()
            return presence
        await asyncio.sleep(0.05)
    raise AssertionError(f"never ready: {claim}")


def test_one_of_two_workers_has_the_room(store: Store) -> None:
    async def work() -> None:
        one, other = worker(store, "w-1"), worker(store, "w-2")
        presences = [await ready(one), await ready(other)]
        lease = await one.claim("call-17", session="RM_1")
        assert isinstance(lease, Lease) and lease.is_held and lease.name == "call-17"
        refusal = await other.claim("call-17", session="RM_1")
        assert isinstance(refusal, Refusal) and not refusal and refusal.kind == "held"
        assert "w-1 has the room call-17" in str(refusal)
        held = refusal.evidence["held"]
        assert (held["by"]["by"], held["by"]["fence"], held["name"]) == ("w-1", lease.fence, "same_session")
        assert refusal.retry_at is not None and refusal.retry_at.tzinfo is datetime.timezone.utc
        assert refusal.retry_at_s is None and refusal.retry_after_s is None

        await asyncio.sleep(0.8)  # the heartbeat renews
        assert lease.is_held and (await other.claim("call-17")) != lease
        assert await lease.release() is True
        assert not lease.is_held and await lease.release() is False
        assert await lease.lost() is None
        later = await other.claim("call-17")
        assert isinstance(later, Lease) and later.fence > lease.fence
        assert presences[0].last() == []

    run(work())


@pytest.mark.parametrize("of_servers", [RedisStore, PostgresStore])
def test_stores_at_one_address_share_their_claims(request: pytest.FixtureRequest, of_servers: Any) -> None:
    url: str = request.getfixturevalue("redis_url" if of_servers is RedisStore else "postgres_url")

    async def work() -> None:
        one, same = (of_servers(url, namespace="shared", timeout_s=10.0, longest_lease_s=0.3) for _ in range(2))
        other = of_servers(url, namespace="other", timeout_s=10.0, longest_lease_s=0.3)
        guards = [worker(store, f"w-{n}") for n, store in enumerate((one, same, other))]
        presences = [await ready(guard) for guard in guards]
        lease = await guards[0].claim("call-17")
        refusal = await guards[1].claim("call-17")
        assert isinstance(lease, Lease) and isinstance(refusal, Refusal) and refusal.kind == "held"
        assert isinstance(await guards[2].claim("call-17"), Lease), "another project's room"
        del presences

    run(work())


def test_a_worker_that_was_not_presented_counts_as_ready(store: Store) -> None:
    async def work() -> None:
        assert isinstance(await worker(store, "w-1").claim("call-17"), Lease)

    run(work())


def test_a_plain_check_of_reconnects_needs_no_reports() -> None:
    guard = ReconnectGuard(first_delay="2s")
    first, second, third = (guard.check("signal_lost", at_s=at) for at in (0.0, 5.0, 10.0))
    assert isinstance(first, Reconnect) and 1.0 <= first.after_s <= 2.0
    assert isinstance(second, Reconnect)
    assert isinstance(third, Refusal) and third.kind == "stop"


def test_a_lease_ends_with_its_block_and_with_its_object(store: Store) -> None:
    async def work() -> None:
        guard = worker(store, "w-1")
        presence = await ready(guard)
        lease = await guard.claim("a")
        assert isinstance(lease, Lease)
        with pytest.raises(KeyError):
            async with lease as same:
                assert same is lease
                raise KeyError
        assert not lease.is_held
        dropped = await guard.claim("a")
        assert isinstance(dropped, Lease)
        del dropped
        gc.collect()
        for _ in range(40):
            again = await guard.claim("a")
            if again:
                break
            await asyncio.sleep(0.01)
        assert isinstance(again, Lease), "what is dropped is released"
        # A claim that nobody waits for any more is given back.
        await again.release()
        abandoned = guard.claim("b")
        abandoned.cancel()
        for _ in range(40):
            await asyncio.sleep(0.02)
            claim = await guard.claim("b")
            if claim:
                break
        assert isinstance(claim, Lease)
        del presence

    run(work())


def test_a_worker_is_asked_whether_it_is_ready_and_how_much_it_takes(store: Store) -> None:
    async def work() -> None:
        guard = worker(store, "w-1", capacity=1)
        first = await ready(guard)
        del first
        await asyncio.sleep(0.4)
        silent = await guard.claim("a")
        assert isinstance(silent, Refusal) and silent.kind == "not_ready" and "has not reported" in str(silent)
        presence = await guard.present("starting")
        starting = await guard.claim("a")
        assert isinstance(starting, Refusal) and starting.kind == "not_ready" and "starting" in str(starting)
        assert await presence.set("ready") == []
        lease = await guard.claim("a")
        assert isinstance(lease, Lease)
        full = await guard.claim("b")
        assert isinstance(full, Refusal) and full.kind == "at_capacity"
        assert full.evidence == {"at_capacity": {"busy": 1, "capacity": 1}}

    run(work())


def test_a_store_that_is_gone_is_a_doubt_and_a_loss(redis_url: str) -> None:
    async def work() -> None:
        for gone in (
            RedisStore(f"redis://127.0.0.1:{free_port()}", longest_lease_s=0.3),
            PostgresStore(f"postgres://nobody@127.0.0.1:{free_port()}/none", longest_lease_s=0.3),
        ):
            guard = worker(gone, "w-1")
            with pytest.raises(voxgate.StoreError, match="cannot be reached"):
                await guard.present("ready")
            doubt = await guard.claim("a")
            assert isinstance(doubt, Refusal) and doubt.kind == "indeterminate"
            assert doubt.retry_after_s == 1.0 and "counts as taken" in str(doubt)

        # Somebody flushes the store: what was held has ended.
        guard = worker(RedisStore(redis_url, namespace="flushed", longest_lease_s=0.3), "w-1")
        presence = await ready(guard)
        lease = await guard.claim("a")
        assert isinstance(lease, Lease)
        lost = lease.lost()
        subprocess.run(["redis-cli", "-u", redis_url, "FLUSHALL"], check=True, capture_output=True)
        loss = await asyncio.wait_for(lost, 5)
        assert isinstance(loss, Refusal) and loss.kind == "ended" and "stop the work" in str(loss)
        assert not lease.is_held and await lease.release() is False
        del presence

    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed")
    run(work())


def test_wrong_arguments_are_refused() -> None:
    store = MemoryStore()
    for error, says, make in (
        (voxgate.StoreError, "no address of a store", lambda: RedisStore("http://host")),
        (voxgate.ConfigError, "no namespace", lambda: RedisStore("redis://host", namespace="a b")),
        (voxgate.StoreError, "no address of a store", lambda: PostgresStore("redis://host")),
        (voxgate.StoreError, "does its folder exist", lambda: SqliteStore("/no such folder/voxgate.db")),
        (voxgate.ConfigError, "no namespace", lambda: PostgresStore("postgres://host/db", namespace="a b")),
        (voxgate.ConfigError, "timeout_s is -1", lambda: RedisStore("redis://host", timeout_s=-1.0)),
        (voxgate.ConfigError, "100ms", lambda: DispatchGuard(store, worker="w", build="b", term_s=0.01)),
        (voxgate.ConfigError, "capacity is 0", lambda: DispatchGuard(store, worker="w", build="b", capacity=0)),
        (voxgate.InputError, "name is empty", lambda: DispatchGuard(store, worker="", build="b")),
        (
            TypeError,
            "store is a str, expected a MemoryStore",
            lambda: DispatchGuard("redis://host", worker="w", build="b"),
        ),  # type: ignore[arg-type]
        (voxgate.ConfigError, "windw", lambda: TrackGuard(windw=3)),
        (voxgate.ConfigError, "not a duration", lambda: TrackGuard(window="soon")),
        (voxgate.InputError, "no cause", lambda: ReconnectGuard().ask("boredom")),  # type: ignore[arg-type]
        (voxgate.ConfigError, "at_s is -1", lambda: ReconnectGuard().opened(at_s=-1.0)),
        (voxgate.InputError, "no onset", lambda: MisfireGuard().admit("loud")),  # type: ignore[arg-type]
        (voxgate.InputError, "confidence", lambda: MisfireGuard().judge("a", confidence=3.0)),
        (RuntimeError, "event loop", lambda: worker(store, "w").claim("a")),
    ):
        with pytest.raises(error, match=says):
            make()

    async def wrong_state() -> None:
        with pytest.raises(voxgate.ConfigError, match="no state of a worker"):
            await worker(store, "w").present("asleep")  # type: ignore[arg-type]

    run(wrong_state())


def test_an_event_loop_that_closes_under_a_claim_loses_nothing() -> None:
    store = MemoryStore()
    guard = worker(store, "w-1")
    presence = run(ready(guard))
    event_loop = asyncio.new_event_loop()

    async def ask() -> None:
        guard.claim("a")

    event_loop.run_until_complete(ask())
    event_loop.close()

    async def claim_again() -> Lease | Refusal:
        for _ in range(60):
            claim = await guard.claim("a")
            if claim:
                return claim
            await asyncio.sleep(0.02)
        return claim

    assert isinstance(run(claim_again()), Lease)
    del presence


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_is_refused() -> None:
    guard = worker(MemoryStore(), "w-1")
    presence = run(ready(guard))

    def use(answers: Any) -> None:
        async def work() -> str:
            try:
                await guard.claim("a")
            except voxgate.MisuseError as error:
                return str(error)
            return "granted"

        answers.put(run(work()))
        answers.put(run(ready(worker(MemoryStore(), "w-2"))) is not None)

    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = context.Process(target=use, args=(answers,))
        child.start()
    assert "is a fork of it" in answers.get(timeout=20)
    assert answers.get(timeout=20) is True
    child.join(20)
    assert child.exitcode == 0
    del presence


def test_reconnects_are_delayed_and_loops_are_stopped() -> None:
    room = ReconnectGuard(seed=7, cool_down="100s")
    room.opened(at_s=0.0)
    open_still = room.ask("signal_lost", at_s=5.0)
    assert isinstance(open_still, Refusal) and open_still.kind == "still_open"
    delays = []
    for second in (5, 10):
        room.closed(at_s=second)
        again = room.ask("signal_lost", at_s=second)
        assert isinstance(again, Reconnect)
        delays.append(again.after_s)
        room.opened(at_s=second + 2)
    assert 0.5 <= delays[0] <= 1.0 <= delays[1] <= 2.0
    room.closed(at_s=15.0)
    loop = room.ask("signal_lost", at_s=15.0)
    assert isinstance(loop, Refusal) and loop.kind == "stop" and loop.retry_at_s == 115.0
    assert loop.evidence["stop"]["why"]["same_cause"] == {"cause": "signal_lost", "times": 3}
    gone = ReconnectGuard().ask("room_deleted")
    assert isinstance(gone, Refusal) and gone.retry_at_s is None and "cannot help" in str(gone)
    assert isinstance(ReconnectGuard().ask(16), Reconnect), "a number of your own"


def test_a_republished_track_goes_on_with_its_session() -> None:
    participant = TrackGuard(idle_limit=60)
    rulings = [participant.subscribed(f"TR_{n}", at_s=n * 7.5) for n in range(8)]  # eight times in a minute
    assert {ruling.session for ruling in rulings} == {0}, "one session"
    assert [ruling.verdict for ruling in rulings] == ["start", "reuse"] + ["frozen"] * 6
    refusal = rulings[-1].refusal
    assert refusal is not None and refusal.kind == "frozen" and refusal.retry_at_s == 52.5 + 30
    assert rulings[0].refusal is None and "cascade" in str(refusal)
    for n in range(8):
        participant.unsubscribed(f"TR_{n}", at_s=60.0)
    assert participant.again(at_s=61.0) is None
    assert participant.take_idle(at_s=119.0) is None and participant.take_idle(at_s=120.0) == 0
    assert participant.subscribed("TR_9", at_s=121.0).session == 1


def test_a_cycle_of_tool_calls_is_found() -> None:
    calls = LoopDetector(repeats=3, window="60s")
    found = [calls.push(tool, at_s=second) for second, tool in enumerate(["look_up", "ask"] * 3)]
    assert found[:-1] == [None] * 5
    cycle = found[-1]
    assert cycle is not None and (cycle.events, cycle.repeats, cycle.took_s) == (["look_up", "ask"], 3, 5.0)
    assert "look_up, ask" in repr(cycle)
    calls.reset()
    assert calls.push("look_up", at_s=7.0) is None
    with pytest.raises(voxgate.ConfigError, match="repeat"):
        LoopDetector(repeat=3)


def test_an_agent_alone_leaves() -> None:
    room = EmptyRoomGuard(at_s=0.0, first_arrival="60s", return_within="20s")
    assert room.leave_after_s(at_s=10.0) == 50.0
    assert room.people(1, at_s=12.0) is None and room.leave_after_s(at_s=500.0) is None
    assert room.people(0, at_s=600.0) == 20.0 and room.leave_after_s(at_s=630.0) == 0.0


def test_what_lasts_too_long_is_told_before_it_is_cut_off() -> None:
    limit = TimeLimit(at_s=100.0, longest="60s", warn_before="10s")
    assert limit.due_s == 150.0 and limit.poll(at_s=149.0) is None
    assert [limit.poll(at_s=at) for at in (151.0, 152.0, 160.0)] == ["ending", None, "over"]
    with pytest.raises(voxgate.ConfigError, match="longest"):
        TimeLimit(longest="3 hours or so")


def test_a_person_who_waits_for_no_agent_is_told_of_once() -> None:
    room = DispatchWatchdog(patience="30s")
    assert room.due_s is None
    room.people(1, at_s=5.0)
    assert room.due_s == 35.0 and room.poll(at_s=34.0) is None
    unattended = room.poll(at_s=36.0)
    assert unattended is not None and not unattended and unattended.kind == "unattended"
    assert "has waited for an agent for 31 s" in str(unattended) and room.poll(at_s=40.0) is None
    room.agents(1, at_s=41.0)
    assert room.due_s is None


def test_what_no_store_sees_is_ranked() -> None:
    found = suspicions("lobby", plan="build", agents=["hosted", "self_hosted"], room_names="fixed", waited="40s")
    likely = [suspicion.cause for suspicion in found if suspicion.likelihood == "likely"]
    assert likely[:2] == ["unnamed_agents", "room_name_in_use"]
    assert found[1].because == "the same name is used for every call"
    assert "lobby" in found[1].check and found[1].remedy and "room_name_in_use" in repr(found[1])
    with pytest.raises(voxgate.ConfigError, match="plan"):
        suspicions("lobby", plan="gold")  # type: ignore[arg-type]


def test_results_without_words_open_the_breaker() -> None:
    guard = MisfireGuard(misfires=3)
    for second, text in enumerate(["", "...", "[noise]"]):
        heard = guard.judge(text, at_s=second)
    assert (heard.misfire, heard.breaker) == ("sound_tag", "opened")
    suppressed = guard.admit(at_s=3.0)
    assert isinstance(suppressed, Refusal) and suppressed.kind == "suppress" and suppressed.retry_at_s == 4.0
    assert guard.admit(at_s=4.0) == "probe"
    assert guard.judge("Are you there?", at_s=5.0).breaker == "closed"
    assert guard.admit("clear", at_s=5.0) == "pass"
    guard.agent_said("How can I help you today?", at_s=6.0)
    echo = guard.judge("how can I help you today", confidence=0.9, at_s=7.0)
    assert echo.misfire == "echo_of_agent" and echo.likelihood is not None and echo.likelihood > 0.9


def test_every_reason_of_livekit_has_its_cause() -> None:
    rtc = pytest.importorskip("livekit.rtc")
    from voxgate.livekit import disconnect_cause

    stops = {"CLIENT_INITIATED", "DUPLICATE_IDENTITY", "PARTICIPANT_REMOVED", "ROOM_DELETED", "ROOM_CLOSED"}
    stops |= {"USER_UNAVAILABLE", "USER_REJECTED"}
    for name, number in rtc.DisconnectReason.items():
        answer = ReconnectGuard().ask(disconnect_cause(number))
        assert (not answer) == (name in stops), name
    assert disconnect_cause(99) == 99


def test_a_store_that_nobody_keeps_answers_still() -> None:
    async def work() -> None:
        one, two = Concurrent("a", 1), Rate("b", 1)
        assert isinstance(await Limits(MemoryStore(), owner="w").acquire(one), Lease)
        assert isinstance(await Limits(MemoryStore(), owner="w").spend(two), Counted)
        assert await why(MemoryStore(), "call-1")
        assert await (await Limits(MemoryStore(), owner="w").acquire(one)).release() is True
        assert isinstance(await worker(MemoryStore(), "w").claim("call-1"), Lease)

    run(work())
