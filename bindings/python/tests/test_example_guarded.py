"""The entrypoint with every guard runs as it stands, on every store."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT
from stores import Store, run
from voxgate.guard import DispatchGuard, Lease

EXAMPLE = ROOT / "bindings/python/examples/guarded_entrypoint.py"


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("guarded_entrypoint", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_every_guard_has_its_say(example: ModuleType, store: Store) -> None:
    report = run(example.entrypoint(store, "call-17", term_s=0.3))
    assert report.provider == "deepgram" and 0.0 < report.spent_usd <= 0.02
    refused, ceiling, misfires, cycle, loop, alone = report.told
    assert refused == "assemblyai: terminal" and "ceiling" in ceiling and misfires == "misfires: opened"
    assert "3 times look_up(42)" in cycle and "loop" in loop and alone == "alone: leave in 20 s"
    again = run(example.entrypoint(store, "call-17", term_s=0.3))
    assert again is not None, "the room was given back"


def test_a_room_of_another_worker_is_left_alone(
    example: ModuleType, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        rival = DispatchGuard(store, worker="rival", build="b1", agent="receptionist", term_s=0.3)
        claim = await rival.claim("call-17")
        assert isinstance(claim, Lease)
        assert await example.entrypoint(store, "call-17", term_s=0.3) is None
        await claim.release()

    run(work())
    printed = capsys.readouterr().out
    assert "rival has the room call-17 until" in printed and "leave the room to it" in printed


def test_it_runs_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE, tmp_path / "voxgate.db", "lobby"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "provider='deepgram'" in done.stdout
