"""A gateway of the command, in front of an upstream on this machine."""

import contextlib
import os
import pathlib
import re
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))


@contextlib.contextmanager
def gateway(upstream: str):
    """Runs `voxgate serve`; gives its address, `ws://…`."""
    settings = f"""
listen = "127.0.0.1:0"
limits.late = "60s" # the recording comes faster than real time
[[route]]
path = "/v1"
door = "openai_realtime"
upstream = "{upstream}/v1"
"""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write(settings)
        config.flush()
        command = [TARGET / "debug" / "voxgate", "serve", "--config", config.name]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                line = process.stderr.readline()
                yield re.search(r"(ws://[0-9.:]+)/v1", line).group(1)
            finally:
                process.terminate()
