"""An event loop with a time of its own: what waits in "real time" takes none, and a busy machine changes nothing."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any

import pytest


class _Jumping(selectors.DefaultSelector):
    """Instead of waiting it moves the time on. No thread may be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0  # no clock is at 0 when a process starts

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            return super().select()
        self.now_s += max(timeout, 0.0)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def run(work: Coroutine[Any, Any, None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs `work` in a loop whose time is also that of `time.time` and `time.monotonic`."""
    loop = _Loop()
    monkeypatch.setattr(time, "time", loop.time)
    monkeypatch.setattr(time, "monotonic", loop.time)
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()
