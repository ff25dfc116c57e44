"""Where spending stops: limits on every store, failover, refusals, prices and the meter."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable

import pytest
import voxgate
from stores import Store, run
from voxgate.budget import (
    CallCost,
    Charged,
    Concurrent,
    ConcurrentEach,
    Counted,
    Failover,
    Limits,
    Meter,
    Picked,
    PriceBook,
    Quota,
    Rate,
    plan_limits,
    plans,
    read_refusal,
)
from voxgate.guard import Lease, MemoryStore, Refusal

STT = "deepgram-nova-3"
CENT = """
[cent]
usd = 0.01
per = "second"
billing = "audio_seconds"
trust = "contract"
source = "our contract"
read = "2026-11-01"
"""
TERM_S = 0.3


def test_a_slot_is_taken_renewed_and_given_back(store: Store) -> None:
    async def work() -> None:
        one, other = (Limits(store, owner=owner, term_s=TERM_S) for owner in ("w-1", "w-2"))
        limit = Concurrent("stt connections", 1)
        slot = await one.acquire(limit)
        assert isinstance(slot, Lease) and slot.is_held and slot.name == "stt connections"
        await asyncio.sleep(3 * TERM_S)  # the heartbeat renews
        denied = await other.acquire(limit)
        assert isinstance(denied, Refusal) and denied.kind == "denied" and not denied
        assert "1 of 1 of stt connections are used" in str(denied)
        assert denied.retry_at is not None and denied.evidence["denied"]["why"] == "limit"
        assert await slot.release() is True
        assert isinstance(await other.acquire(limit), Lease)

    run(work())


def test_a_block_holds_a_slot_or_raises(store: Store) -> None:
    async def work() -> None:
        limits, limit = Limits(store, owner="w-1", term_s=TERM_S), Concurrent("stt connections", 1)
        async with await limits.acquire(limit) as slot:
            assert slot.is_held
            with pytest.raises(voxgate.RefusedError, match="1 of 1") as caught:
                async with await limits.acquire(limit):
                    raise AssertionError("there was no slot")
            assert isinstance(caught.value.refusal, Refusal) and caught.value.refusal.kind == "denied"
        assert not slot.is_held
        assert isinstance(await limits.acquire(limit), Lease)

    run(work())


def test_what_is_spent_is_counted_once_for_all_workers(store: Store) -> None:
    async def work() -> None:
        one, other = (Limits(store, owner=owner, term_s=TERM_S) for owner in ("w-1", "w-2"))
        for limit in (Rate("llm tokens", 100, per_s=3600), Quota("minutes", 100)):
            counted = await one.spend(limit, 60)
            assert isinstance(counted, Counted) and counted.used == 60
            denied = await other.spend(limit, 60)
            assert isinstance(denied, Refusal) and denied.kind == "denied" and denied.retry_at is not None
            never = await other.spend(limit, 101)
            assert isinstance(never, Refusal) and never.retry_at is None and "ask for less" in str(never)
            again = await other.spend(limit)
            assert isinstance(again, Counted) and again.used == 61

    run(work())


def test_the_first_provider_with_room_is_picked(store: Store) -> None:
    async def work() -> None:
        limits, providers = Limits(store, owner="w-1", term_s=TERM_S), Failover("a", "b", "c")
        each = [Concurrent(name, 1) for name in ("a", "b", "c")]
        providers.refused("b", read_refusal(402))
        held = [await limits.acquire_first(providers, each) for _ in range(2)]
        assert [slot.provider for slot in held if isinstance(slot, Picked)] == ["a", "c"]
        none = await limits.acquire_first(providers, each)
        assert isinstance(none, Refusal) and none.kind == "no_room" and "1 of 1 of a" in str(none)
        assert isinstance(held[1], Picked)
        async with held[1] as picked:
            assert picked is held[1] and picked.lease.is_held
        again = await limits.acquire_first(providers, each)
        assert isinstance(again, Picked) and again.provider == "c"
        with pytest.raises(voxgate.ConfigError, match="2 limits are given for 3 providers"):
            await limits.acquire_first(providers, each[:2])

    run(work())


def test_a_store_that_is_gone_grants_nothing() -> None:
    from servers import free_port
    from voxgate.guard import RedisStore

    async def work() -> None:
        limits = Limits(RedisStore(f"redis://127.0.0.1:{free_port()}"), owner="w-1")
        for answer in (await limits.acquire(Concurrent("a", 1)), await limits.spend(Rate("b", 1))):
            assert isinstance(answer, Refusal) and answer.kind == "indeterminate" and answer.retry_after_s == 1.0

    run(work())


@pytest.mark.parametrize(
    ("status", "message", "kind", "cause", "lifted", "wait_s"),
    [
        (402, "", "terminal", "credits", "payment", None),
        (429, "no inference credits", "terminal", "credits", "next_month", None),
        (429, "the moon is full", "guess", None, None, 5.0),
        (503, "", "transient", "overload", None, 5.0),
        (404, "", "other", None, None, None),
    ],
)
def test_a_refusal_is_read(
    status: int, message: str, kind: str, cause: str | None, lifted: str | None, wait_s: float | None
) -> None:
    refusal = read_refusal(status, message)
    assert (refusal.kind, refusal.cause, refusal.lifted, refusal.wait_s) == (kind, cause, lifted, wait_s)
    assert str(refusal) in repr(refusal) and refusal == read_refusal(status, message)


def test_a_wait_that_the_provider_told_is_kept() -> None:
    assert read_refusal(429, "the moon is full", retry_after="17").wait_s == 17.0


def test_who_refused_is_asked_later_or_never() -> None:
    november = datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone.utc)
    now = november.timestamp()
    providers = Failover("a", "b")
    providers.refused("a", read_refusal(503), at_s=now)
    assert providers.candidates(at_s=now) == ["b"] and providers.candidates(at_s=now + 5) == ["a", "b"]
    assert providers.standings()["a"].until == november + datetime.timedelta(seconds=5)
    providers.refused("b", read_refusal(429, "no inference credits"), at_s=now)
    standing = providers.standings()["b"]
    assert (standing.kind, standing.cause) == ("exhausted", "credits")
    assert standing.until == datetime.datetime(2026, 12, 1, tzinfo=datetime.timezone.utc)
    assert providers.wait_s(at_s=now) == 5.0
    providers.restore("b")
    assert providers.standings()["b"].kind == "open" and providers.wait_s(at_s=now) == 0.0
    unpaid = Failover("a")
    unpaid.refused("a", read_refusal(402))
    assert unpaid.wait_s() is None and unpaid.standings()["a"].until is None


def test_money_is_asked_for_before_it_is_spent() -> None:
    meter, call = Meter(PriceBook(CENT), per_call_usd=0.02), CallCost()
    charges = [meter.charge(call, "cent", audio_s=1) for _ in range(3)]
    assert [isinstance(charge, Charged) and charge.usd for charge in charges] == [0.01, 0.01, False]
    refusal = charges[2]
    assert isinstance(refusal, Refusal) and refusal.kind == "over_ceiling" and "end the call" in str(refusal)
    assert refusal.retry_at_s is None and call.spent_usd == 0.02
    assert meter.settle(call, "cent", audio_s=3) == 0.03 and call.spent_usd == 0.05
    assert meter.saved("cent", "silence", audio_s=7) == 0.07
    assert isinstance(meter.charge(CallCost(), "cent", audio_s=1), Charged), "another call"
    bill = meter.bill()
    assert (bill.spent_usd, bill.saved_usd) == (0.06, 0.07)
    assert [(line.item, line.saved_usd) for line in bill.lines] == [("cent", {"silence": 0.07})]


def test_the_ceiling_of_a_day_is_lifted_at_midnight() -> None:
    meter, call = Meter(PriceBook(CENT), per_day_usd=0.01), CallCost()
    assert meter.charge(call, "cent", audio_s=1, at_s=86_400.0)
    refusal = meter.charge(call, "cent", audio_s=1, at_s=86_400.0)
    assert isinstance(refusal, Refusal) and refusal.retry_at_s == 2 * 86_400.0
    assert meter.charge(call, "cent", audio_s=1, at_s=2 * 86_400.0)
    assert meter.charge(call, "cent", tokens=1_000, at_s=2 * 86_400.0), "not billed by tokens"


def test_prices_have_their_source() -> None:
    price = PriceBook()[STT]
    assert (price.per, price.billing, price.trust) == ("minute", "audio_seconds", "second_hand")
    assert price.source and price.read.startswith("2026-") and price.cost(audio_s=60) == price.usd
    mine = PriceBook(CENT)
    assert mine["cent"].cost(audio_s=2) == 0.02 and mine["cent"].cost(socket_s=2) == 0.0
    assert len(mine) == len(PriceBook()) + 1 and STT in mine.names()
    assert PriceBook(PriceBook.toml()) == PriceBook()
    with pytest.raises(voxgate.ConfigError, match="did you mean") as caught:
        PriceBook()["deepgram-nova3"]
    assert (caught.value.key, caught.value.nearest) == ("deepgram-nova3", STT)


def test_plans_have_published_limits() -> None:
    for plan in plans():
        limits = plan_limits(plan)
        assert limits.source.startswith("https://") and limits.concurrent | limits.rates, plan
    build = plan_limits("livekit_build")
    assert build.concurrent["livekit/stt connections"] == Concurrent("livekit/stt connections", 5)
    assert build.rates["livekit/llm requests"] == Rate("livekit/llm requests", 100)
    assert build.quotas["livekit/sip minutes"].n == 1_000 and build.shared_by == "account"
    tracks = build.concurrent_each["livekit/audio tracks of a participant"]
    assert tracks.of("PA_1") != tracks.of("PA_2") and tracks.of("PA_1").n == 100
    assert build.longest_s["livekit/egress to a file"] == 3 * 3_600.0
    assert plan_limits("deepgram_pay_as_you_go").shared_by == "project"


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Concurrent("a", 0), voxgate.ConfigError, "n is 0"),
        (lambda: Concurrent("", 1), voxgate.InputError, "name is empty"),
        (lambda: Concurrent("a", -1), OverflowError, "out of range"),
        (lambda: Rate("a", 1, per_s=0), voxgate.ConfigError, "60 µs to 366 days"),
        (lambda: Quota("a", 0), voxgate.ConfigError, "n is 0"),
        (lambda: ConcurrentEach("a" * 65_000, 1).of("b" * 600), voxgate.InputError, "65602 bytes"),
        (lambda: Limits("redis://a", owner="w"), TypeError, "a PostgresStore"),  # type: ignore[arg-type]
        (lambda: Limits(MemoryStore(), owner="w", term_s=0.01), voxgate.ConfigError, "100ms"),
        (lambda: Limits(MemoryStore(), owner="w").acquire(Concurrent("a", 1)), RuntimeError, "event loop"),
        (lambda: Failover(), voxgate.ConfigError, "no provider is given"),
        (lambda: Failover("a", "a"), voxgate.ConfigError, "given twice"),
        (lambda: Failover("a").restore("b"), voxgate.InputError, '"b" is not on the list; expected one of "a"'),
        (lambda: Failover("a").candidates(at_s=-1.0), voxgate.ConfigError, "at_s is -1"),
        (lambda: plan_limits("gold"), voxgate.ConfigError, 'no plan "gold"; expected one of livekit_build'),  # type: ignore[arg-type]
        (lambda: Meter(per_day_usd=-1.0), voxgate.ConfigError, "per_day_usd: -1 is not an amount"),
        (lambda: Meter().charge(CallCost(), STT), voxgate.InputError, "give one quantity"),
        (lambda: Meter().charge(CallCost(), STT, audio_s=1, tokens=1), voxgate.InputError, "give one quantity"),
        (lambda: Meter().charge(CallCost(), STT, minutes=1), voxgate.InputError, "give one quantity"),  # type: ignore[call-arg]
        (lambda: Meter().charge(CallCost(), STT, audio_s=-1), voxgate.ConfigError, "audio_s is -1"),
        (lambda: Meter().charge(CallCost(), "gold", audio_s=1), voxgate.ConfigError, "gold"),
        (lambda: Meter().saved(STT, "luck", audio_s=1), voxgate.InputError, "no cause of a saving"),  # type: ignore[arg-type]
        (lambda: PriceBook("[a"), voxgate.ConfigError, "TOML"),
        (lambda: PriceBook(CENT.replace("second", "1k_tokens", 1)), voxgate.ConfigError, "cannot be priced"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


def test_a_wrong_limit_is_named() -> None:
    async def work() -> None:
        limits = Limits(MemoryStore(), owner="w")
        with pytest.raises(TypeError, match="a Concurrent is acquired"):
            await limits.spend(Concurrent("a", 1))  # type: ignore[arg-type]

    run(work())
