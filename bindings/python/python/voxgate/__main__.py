"""The command `voxgate`, which the package brings along: also `python -m voxgate`."""

from __future__ import annotations

import signal
import sys

from ._voxgate import run_command


def main() -> int:
    """Runs the command with the process's arguments; returns its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python's handler would note ctrl-c and wait for the command to return.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_command(["voxgate", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
