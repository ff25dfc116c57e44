"""The same tests on every store: one in this process, one in a file, one in Redis, one in PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from servers import end_the_grace
from voxgate.guard import MemoryStore, PostgresStore, RedisStore, SqliteStore

T = TypeVar("T")
Store = MemoryStore | RedisStore | PostgresStore | SqliteStore


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 30))


@pytest.fixture(params=["memory", "file", "redis", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """A store of the test's own, whose leases are short."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "file":
        path = request.getfixturevalue("tmp_path") / "voxgate.db"
        return SqliteStore(path, timeout_s=10.0, longest_lease_s=0.3)
    namespace = re.sub(r"[^\w.-]", "-", request.node.name)[-60:]
    of_servers = {"redis": RedisStore, "postgres": PostgresStore}[request.param]
    url: str = request.getfixturevalue(f"{request.param}_url")
    if request.param == "redis":
        end_the_grace(url, namespace)
    # A busy test machine may take a while to make the schema.
    return of_servers(url, namespace=namespace, timeout_s=10.0, longest_lease_s=0.3)
