"""Every block of Python in the book and in the package's README runs, in order."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ROOT


def blocks(path: str) -> list[str]:
    text = (ROOT / path).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_readme_run() -> None:
    found = blocks("bindings/python/README.md")
    assert len(found) == 1
    exec(compile(found[0], "README.md", "exec"), {})


def test_the_blocks_of_the_chapter_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("livekit.agents")
    pytest.importorskip("pipecat")
    from fake_stt import FakeSTT
    from livekit_room import FakeContext
    from livekit_support import FakeOutput
    from pipecat.processors.filters.identity_filter import IdentityFilter

    namespace: dict[str, Any] = {}
    found = blocks("docs/src/python.md")
    assert len(found) == 14

    async def nothing(*_: Any, **__: Any) -> None:
        pass

    async def started(session: Any) -> None:
        session.output.audio = FakeOutput()
        await namespace["start"](session, None, None)
        assert type(session.output.audio).__module__ == "voxgate.livekit._echo_reference"

    async def in_a_loop(block: str) -> None:
        exec(compile(block, "python.md", "exec"), namespace)

    for block in found:
        if "asyncio.run" in block:
            exec(compile(block, "python.md", "exec"), namespace)
        else:
            asyncio.run(in_a_loop(block))  # Pipecat's processors want one
        if "async def start" in block:
            session = SimpleNamespace(start=nothing, output=SimpleNamespace(audio=None))
            asyncio.run(started(session))

    async def guarded() -> None:
        call = await namespace["entrypoint"](FakeContext(), None, FakeSTT())
        assert type(call.session.stt).__name__ == "GatedSTT"

    monkeypatch.setattr(namespace["GuardedCall"], "start", nothing)
    asyncio.run(guarded())

    async def around_pipecats_stt() -> None:
        names = [type(stage).__name__ for stage in namespace["stages"](IdentityFilter(), 1, [2], 3, 4)]
        assert names == [
            "VADProcessor",
            "SttGate",
            "IdentityFilter",
            "SttFeedback",
            *3 * ["int"],
            "EchoReference",
            "int",
        ]

    asyncio.run(around_pipecats_stt())

    async def with_stt() -> None:
        assert type(namespace["session_with"](FakeSTT()).stt).__name__ == "GatedSTT"

    asyncio.run(with_stt())
    printed = capsys.readouterr().out
    assert (
        "suppress silence 0.0" in printed and "ours, fence" in printed and "<TrackRuling: start, session 0>" in printed
    )
    assert "unmatched None" in printed
    assert "every ready worker is full: 1 of 1 rooms busy on 1 worker: raise the capacity" in printed
    assert "connected with stt connections" in printed and "['assemblyai'] 0.0" in printed
    assert "0.0048 USD\n0.0048 USD more would pass the ceiling" in printed
