"""What several tests share: the shipped recordings, and the command."""

from __future__ import annotations

import os
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from servers import postgres_url, redis_url
from stores import store

__all__ = ["postgres_url", "redis_url", "store"]

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "samples"


@dataclass(frozen=True)
class Recording:
    """A recording: int16 samples of shape (sample frames, channels)."""

    path: Path
    rate: int
    samples: npt.NDArray[np.int16]

    @property
    def mono(self) -> npt.NDArray[np.int16]:
        return self.samples[:, 0]


def recording(name: str) -> Recording:
    """A shipped recording, by its name."""
    path = SAMPLES / f"{name}.wav"
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return Recording(path, file.getframerate(), samples.reshape(-1, file.getnchannels()))


def run_command(*arguments: str | Path) -> str:
    """What the command `voxgate` prints."""
    given = os.environ.get("VOXGATE_COMMAND")
    command = [given] if given else ["cargo", "run", "--quiet", "--manifest-path", str(ROOT / "Cargo.toml"), "--"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=sorted(path.stem for path in SAMPLES.glob("*.wav")))
def any_recording(request: pytest.FixtureRequest) -> Recording:
    return recording(str(request.param))
