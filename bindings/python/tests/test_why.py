"""Why no agent comes, on every store; and what a day costs, as the command says it."""

from __future__ import annotations

import json

import pytest
import voxgate
from conftest import SAMPLES, run_command
from servers import free_port
from stores import Store, run
from voxgate.budget import Concurrent, Limits, PriceBook, estimate
from voxgate.guard import DispatchGuard, Lease, PostgresStore, why

SCENARIO = (SAMPLES / "support_line.cost.toml").read_text(encoding="utf-8")


def test_what_keeps_an_agent_out_of_a_room(store: Store) -> None:
    async def causes(room: str, agent: str | None = None) -> list[str]:
        return [obstacle.cause for obstacle in await why(store, room, agent=agent)]

    async def work() -> None:
        assert await causes("call-1") == ["no_worker"]
        guard = DispatchGuard(store, worker="w-1", build="b1", agent="receptionist", term_s=0.3)
        presence = await guard.present("starting")
        (starting,) = await why(store, "call-1")
        assert starting.cause == "none_ready" and starting.evidence["starting"][0][0] == "w-1"
        assert "w-1 has been starting for 0 s" in str(starting) and "wait" in starting.remedy
        await presence.set("ready")
        assert await causes("call-1") == [] and await causes("call-1", "booking") == ["no_worker_of_that_name"]
        lease = await guard.claim("call-1", session="RM_a")
        assert isinstance(lease, Lease)
        in_use, full = await why(store, "call-1")
        assert (in_use.cause, full.cause) == ("in_use", "all_at_capacity")
        assert in_use.evidence["by"]["by"] == "w-1" and "as RM_a" in str(in_use)
        slot = await Limits(store, owner="w-1", term_s=0.3).acquire(Concurrent("stt", 1))
        assert slot and (await causes("call-2"))[-1] == "limit_reached"
        assert repr(full).startswith("<Obstacle (all_at_capacity): every ready worker is full: 1 of 1 rooms busy")

    run(work())


def test_a_store_that_is_gone_says_so() -> None:
    async def work() -> None:
        with pytest.raises(voxgate.StoreError, match="cannot be reached"):
            await why(PostgresStore(f"postgres://nobody@127.0.0.1:{free_port()}/none"), "call-1")
        with pytest.raises(voxgate.InputError, match="name is empty"):
            await why(PostgresStore("postgres://nobody@127.0.0.1/none"), "")

    run(work())


def test_an_estimate_is_that_of_the_command() -> None:
    told = json.loads(run_command("cost", "estimate", SAMPLES / "support_line.cost.toml", "--json"))
    bill = estimate(SCENARIO)
    assert (bill.name, bill.notes) == (told["name"], told["notes"])
    assert (bill.without_guards_usd, bill.with_guards_usd) == (told["without_guards"], told["with_guards"])
    for line, of_command in zip(bill.lines, told["lines"], strict=True):
        assert (line.service, line.item) == (of_command["service"], of_command["item"])
        assert (line.without_guards_usd, line.with_guards_usd) == (
            of_command["without_guards"],
            of_command["with_guards"],
        )
    assert bill.saved_usd == {saved["cause"]: saved["usd"] for saved in told["saved"]}
    assert bill.with_guards_usd < bill.without_guards_usd


def test_an_estimate_goes_by_my_prices_and_names_what_is_wrong() -> None:
    mine = PriceBook(PriceBook.toml().replace("usd = ", "usd = 0 # "))
    assert estimate(SCENARIO, mine).without_guards_usd == 0.0
    with pytest.raises(voxgate.ConfigError, match="gold"):
        estimate(SCENARIO.replace('"deepgram-nova-3"', '"gold"'))
    with pytest.raises(voxgate.ConfigError, match="call.per_day"):
        estimate(SCENARIO.replace("per_day = 400", "per_day = -1"))
