"""The command that the package brings along is the command, to the last byte and exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import voxgate
from conftest import ROOT, SAMPLES

SCRIPT = [str(Path(sysconfig.get_path("scripts")) / "voxgate")]
MODULE = [sys.executable, "-m", "voxgate"]
COMMAND = [os.environ["VOXGATE_COMMAND"]] if "VOXGATE_COMMAND" in os.environ else ["cargo", "run", "-q", "--"]
OURS = pytest.mark.parametrize("ours", [SCRIPT, MODULE], ids=["script", "module"])


def run(command: list[str], *args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*command, *args], capture_output=True, cwd=ROOT, check=False)


@OURS
@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["gate", "samples/clean_turn.wav"], 0),
        (["gate", "samples/keyboard.wav", "--frames", "-"], 0),
        (["config"], 0),
        (["cost", "estimate", "samples/support_line.cost.toml"], 0),
        (["--version"], 0),
        (["gate", "--help"], 0),
        (["gait"], 2),
        (["gate", "samples/clean_turn.wav", "--set", "trun.hangover_duration=1s"], 2),
        (["gate", "samples/nothing.wav"], 1),
        (["clean_turn.wav"], 2),
        ([], 2),
    ],
)
def test_it_prints_and_ends_as_the_command_does(ours: list[str], args: list[str], status: int) -> None:
    expected, given = run(COMMAND, *args), run(ours, *args)
    assert (given.stdout, given.stderr) == (expected.stdout, expected.stderr)
    assert given.returncode == expected.returncode == status
    assert given.stdout or given.stderr


@OURS
def test_a_reader_that_goes_away_is_no_error(ours: list[str]) -> None:
    command = [*ours, "gate", "samples/clean_turn.wav", "--frames", "-"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(30) == 0


@OURS
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_what_came_is_written(
    ours: list[str], number: signal.Signals, status: int, tmp_path: Path
) -> None:
    table = tmp_path / "frames.csv"
    audio = (SAMPLES / "clean_turn.wav").read_bytes()[44 : 44 + 64_000]
    command = [*ours, "gate", "-", "--raw-rate", "16000", "--frames", str(table)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(audio)
        process.stdin.flush()
        _wait_until(lambda: _catches(process.pid, signal.SIGTERM) and table.stat().st_size > 4_000)
        process.send_signal(number)
        told = process.stderr.read()
        assert process.wait(30) == status
    assert b"what had come until then was gated and written" in told and b"Traceback" not in told
    assert len(table.read_text(encoding="utf-8").splitlines()) > 100


@OURS
def test_ctrl_c_ends_what_waits_without_listening_to_signals(ours: list[str]) -> None:
    for command in (COMMAND, ours):
        args = [*command, "cost", "estimate", "/dev/stdin"]
        with subprocess.Popen(args, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            _wait_until(lambda: _opened_stdin(process.pid))
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == -signal.SIGINT


def test_a_program_can_run_it_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert voxgate._voxgate.run_command(["voxgate", "--version"]) == 0
    assert capfd.readouterr().out == f"voxgate {voxgate.__version__}\n"


def _catches(pid: int, number: signal.Signals) -> bool:
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _opened_stdin(pid: int) -> bool:
    """Whether it has opened what its standard input is once more."""
    files = Path(f"/proc/{pid}/fd")
    stdin = os.readlink(files / "0")
    return [os.readlink(file) for file in files.iterdir()].count(stdin) > 1


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)
