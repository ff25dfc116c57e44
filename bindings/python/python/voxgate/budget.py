"""Where spending stops: limits that workers share, failover between providers, prices and a meter.

>>> from voxgate.budget import CallCost, Concurrent, Failover, Limits, Meter, read_refusal
>>> from voxgate.guard import MemoryStore
>>> limits = Limits(MemoryStore(), owner="host-1:4711")  # workers share a RedisStore or a PostgresStore
>>> async with await limits.acquire(Concurrent("stt connections", 5)):  # doctest: +SKIP
...     ...  # connect; the slot comes back at the end. RefusedError if all are taken
>>> providers = Failover("deepgram", "assemblyai")
>>> providers.refused("deepgram", read_refusal(402))
>>> providers.candidates()
['assemblyai']
>>> meter, call = Meter(per_call_usd=0.50), CallCost()
>>> charge = meter.charge(call, "deepgram-nova-3", audio_s=60)

A yes is an object of its own class, a no a `Refusal`, which is false. In doubt nothing is spent.
"""

from ._voxgate import (
    Bill,
    BillLine,
    CallCost,
    Charged,
    Concurrent,
    ConcurrentEach,
    Counted,
    Estimate,
    EstimateLine,
    Failover,
    Limits,
    Meter,
    Metered,
    Picked,
    PlanLimits,
    Price,
    PriceBook,
    ProviderRefusal,
    Quota,
    Rate,
    Refusal,
    Standing,
    estimate,
    plan_limits,
    plans,
    read_refusal,
)

__all__ = [
    "Bill",
    "BillLine",
    "CallCost",
    "Charged",
    "Concurrent",
    "ConcurrentEach",
    "Counted",
    "Estimate",
    "EstimateLine",
    "Failover",
    "Limits",
    "Meter",
    "Metered",
    "Picked",
    "PlanLimits",
    "Price",
    "PriceBook",
    "ProviderRefusal",
    "Quota",
    "Rate",
    "Refusal",
    "Standing",
    "estimate",
    "plan_limits",
    "plans",
    "read_refusal",
]
