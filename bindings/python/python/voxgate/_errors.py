"""The exceptions. Each says what is wrong and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._voxgate import Refusal


class Error(Exception):
    """Anything that voxgate refuses."""


class ConfigError(Error, ValueError):
    """A gate cannot be made as configured."""

    key: str | None = None
    """The setting to change, with its section."""
    nearest: str | None = None
    """The known setting most like an unknown one."""


class ModelError(ConfigError):
    """A model could not be read."""


class ReconfigureError(Error, ValueError):
    """A running gate cannot change to these settings. Nothing has changed."""


class InputError(Error, ValueError):
    """Audio, or another argument, that cannot be taken. Nothing of it was."""


class MisuseError(Error, RuntimeError):
    """A finished stream, two threads at once, or a fork of the process that made the object."""


class InternalError(Error, RuntimeError):
    """A fault in voxgate itself: please report it. The object that raised it is not used any more; make a new one."""


class RefusedError(Error, RuntimeError):
    """A guard said no where `async with` needs a yes."""

    refusal: Refusal
    """Why, and when to ask again."""


class StoreError(Error, RuntimeError):
    """A step of a store with an unknown outcome: it may have been done."""
