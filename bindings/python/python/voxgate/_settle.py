"""How a future of asyncio gets its answer from another thread."""

from __future__ import annotations

import asyncio


def settle(future: asyncio.Future[object], value: object, error: BaseException | None) -> None:
    """Runs in the event loop; a future that was cancelled wants no answer."""
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
