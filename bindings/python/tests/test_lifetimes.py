"""Forks, event loops that close, and processes that end: an exception or nothing, never a crash or a hang."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
import voxgate
from stores import run
from voxgate.budget import CallCost, Concurrent, Failover, Limits, Meter
from voxgate.guard import DispatchGuard, Lease, MemoryStore, MisfireGuard, ReconnectGuard, Refusal, TrackGuard, why

ZEROS = np.zeros(160, np.int16)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def uses() -> dict[str, Callable[[], object]]:
    """A use of an object of each class, which was made before."""
    gate, ledger, meter, providers = voxgate.Gate(), voxgate.Ledger(), Meter(), Failover("a")
    forwarder, decision = voxgate.Forwarder(gate), voxgate.Gate().push(ZEROS)[0]
    time_map, tracks, reconnects, misfires = forwarder.time_map, TrackGuard(), ReconnectGuard(), MisfireGuard()
    limits, store, cost = Limits(MemoryStore(), owner="w"), MemoryStore(), CallCost()

    async def acquire() -> object:
        return await limits.acquire(Concurrent("a", 1))

    async def ask() -> object:
        return await why(store, "call-1")

    return {
        "gate": lambda: gate.push(ZEROS),
        "gates": lambda: voxgate.push_together([(gate, ZEROS)]),
        "forwarder": forwarder.take,
        "time map": lambda: time_map.mic(0),
        "ledger": lambda: ledger.push(decision),
        "tracks": lambda: tracks.subscribed("TR_1"),
        "reconnects": lambda: reconnects.ask("signal_lost"),
        "misfires": lambda: misfires.judge("hello"),
        "failover": providers.candidates,
        "meter": meter.bill,
        "call": lambda: cost.spent_usd,
        "limits": lambda: asyncio.run(acquire()),
        "why": lambda: asyncio.run(ask()),
    }


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_every_object_is_refused_in_a_fork() -> None:
    told_by, told = os.pipe()
    ready = uses()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a failure, not a hang
        wrong = []
        for name, use in ready.items():
            try:
                use()
                wrong.append(f"{name} was used")
            except voxgate.MisuseError as error:
                if "is a fork of it" not in str(error):
                    wrong.append(f"{name}: {error}")
            except BaseException as error:  # noqa: B902 - whatever it is, it must not leave the fork
                wrong.append(f"{name}: {error!r}")
        os.write(told, ("; ".join(wrong) or "refused").encode())
        os._exit(0)
    os.close(told)
    with os.fdopen(told_by) as answer:
        assert answer.read() == "refused"
    assert os.waitpid(child, 0)[1] == 0
    assert all(use() is not None for use in ready.values()), "they are as they were in the process that made them"


def test_a_process_ends_while_leases_are_held_and_futures_wait() -> None:
    script = """
import asyncio, threading
from voxgate.budget import Concurrent, Limits
from voxgate.guard import DispatchGuard, MemoryStore
store = MemoryStore()
kept = []

async def work():
    guard = DispatchGuard(store, worker="w", build="b", term_s=0.3)
    kept.append(await guard.present("ready"))
    kept.append(await guard.claim("call-1"))
    kept.append(await Limits(store, owner="w").acquire(Concurrent("a", 1)))
    kept.append(kept[1].lost())

asyncio.run(work())
print(kept[1].is_held)
"""
    for _ in range(20):  # an answer that is told while Python ends comes now and then
        assert _python(script) == ("True\n", "", 0)


def test_a_loop_that_closes_under_a_waiter_does_no_harm() -> None:
    store = MemoryStore()
    guard = DispatchGuard(store, worker="w", build="b", capacity=2, term_s=0.3)
    unraised: list[object] = []

    async def claimed() -> Lease:
        kept.append(await guard.present("ready"))
        lease = await guard.claim("call-1")
        assert isinstance(lease, Lease)
        return lease

    kept: list[object] = []
    event_loop = asyncio.new_event_loop()
    event_loop.set_exception_handler(lambda _, context: unraised.append(context))
    lease = event_loop.run_until_complete(claimed())

    async def wait_for_the_loss() -> None:
        kept.append(lease.lost())

    event_loop.run_until_complete(wait_for_the_loss())
    event_loop.close()

    async def use_it_in_another_loop() -> None:
        assert lease.is_held
        lost = lease.lost()
        assert await lease.release() is True
        assert await lost is None

    run(use_it_in_another_loop())
    assert unraised == []


def test_two_threads_may_share_a_store() -> None:
    store, granted, refused = MemoryStore(), [], []
    barrier = threading.Barrier(4)

    async def work(n: int) -> None:
        limits = Limits(store, owner=f"w-{n}")
        for _ in range(20):
            slot = await limits.acquire(Concurrent("a", 30))
            (refused if isinstance(slot, Refusal) else granted).append(slot)

    def thread(n: int) -> None:
        barrier.wait()
        run(work(n))

    threads = [threading.Thread(target=thread, args=(n,)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(granted), len(refused)) == (30, 50)


def test_what_is_finished_stays_so_and_a_rate_cannot_change_in_mid_stream() -> None:
    gate, ledger = voxgate.Gate(48_000), voxgate.Ledger()
    decisions = gate.push(np.zeros(4_800, np.int16))
    with pytest.raises(voxgate.InputError, match="changed from 48000 Hz to 16000 Hz; finish this gate"):
        gate.push(ZEROS, sample_rate=16_000)
    assert len(gate.push(np.zeros(480, np.int16), sample_rate=48_000)) == 1, "nothing was taken of the other"
    for decision in decisions:
        ledger.push(decision)
    gate.finish()
    ledger.finish()
    with pytest.raises(voxgate.MisuseError, match="finished"):
        gate.push(ZEROS)
    assert gate.end_turn() is None and gate.playback_report.late == 0, "what is over can be asked about"


def _python(script: str) -> tuple[str, str, int]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout, done.stderr, done.returncode
