"""Real servers for the tests of stores: each in a folder and on a port of its own, ended with the tests."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that keeps nothing on disk."""
    program, port = _program("redis-server"), free_port()
    folder = str(tmp_path_factory.mktemp("redis"))
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
        _wait_for("Redis", lambda: _listens(port))
        yield f"redis://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL with an empty database."""
    programs, port = Path(_program("initdb")).resolve().parent, free_port()
    # Not in pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="voxgate-postgres-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        options = ["--no-sync", "--auth=trust", "--username=voxgate", "--encoding=UTF8", "--locale=C", "-D", data]
        subprocess.run([*_unprivileged(), programs / "initdb", *options], check=True, capture_output=True, cwd="/")
        options = ["-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
        options += ["-c", f"unix_socket_directories={folder}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*_unprivileged(), programs / "postgres", *options], cwd="/", **quiet) as server:
            ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
            _wait_for("PostgreSQL", lambda: subprocess.run(ready, check=False).returncode == 0)
            yield f"postgres://voxgate@127.0.0.1:{port}/postgres"
            # It ends once its connections do; stores have theirs until they are collected.
            subprocess.run(["kill", "-s", "INT", str(server.pid)], check=False)


def end_the_grace(redis_url: str, namespace: str) -> None:
    """As if it had started long ago: else it grants nothing for the longest lease, or the window of a rate."""
    with (
        socket.create_connection(("127.0.0.1", int(redis_url.rsplit(":", 1)[1]))) as redis,
        redis.makefile("rwb") as line,
    ):

        def ask(command: str) -> bytes:
            line.write(command.encode() + b"\r\n")
            line.flush()
            answer: bytes = line.readline()
            return line.read(int(answer[1:]) + 2) if answer.startswith(b"$") else answer

        run = next(row[7:] for row in ask("INFO server").decode().splitlines() if row.startswith("run_id:"))
        assert ask(f"SET {{voxgate:{namespace}}}:memory: {run}:1:1") == b"+OK\r\n"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _program(name: str) -> str:
    # Debian keeps PostgreSQL's out of the PATH.
    found = shutil.which(name) or next(iter(glob.glob(f"/usr/lib/postgresql/*/bin/{name}")), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed; tests/run installs it")
        pytest.skip(f"{name} is not installed; tests/run installs it")
    return found


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root."""
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    return as_postgres if os.geteuid() == 0 else []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(server: str, ready: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < until, f"{server} does not start"
        time.sleep(0.05)
