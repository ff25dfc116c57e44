"""`voxgate serve` as a process, for the tests of frameworks behind it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def gateway_command() -> str:
    """The command with the gateway in it, as the tests of Rust have built it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = target / "debug" / "voxgate"
    known = command.exists() and subprocess.run([command, "serve", "--example"], capture_output=True).returncode == 0
    if not known:
        if os.environ.get("CI"):
            pytest.fail(f"{command} has no gateway; run `cargo test --workspace --all-features` first")
        pytest.skip(f"{command} has no gateway; `cargo build --workspace --all-features` builds it")
    return str(command)


@contextmanager
def gateway(settings: str, folder: Path) -> Iterator[str]:
    """A gateway with these settings; its address, such as `ws://127.0.0.1:8080/twilio`."""
    file = folder / "serve.toml"
    file.write_text(f'listen = "127.0.0.1:0"\n{settings}')
    arguments = [gateway_command(), "serve", "--config", str(file)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        try:
            yield line.split()[-1]
        finally:
            process.terminate()
