"""What a study asks for, and the tasks that this comes to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

Settings = Mapping[str, Any]
"""Values by dotted key."""


def canonical(value: Any) -> str:
    """JSON that is the same text for equal values: keys sorted, no space, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Study:
    """A study as its file says: ``base`` settings, and ``points``, each replacing some of them.

    Keys of settings: ``chip``, ``seed``, ``network.*``, ``inputs.*``, ``reference.*``,
    ``quantise.*``; any other is a key of the profile, and ``KEY:WORD`` replaces WORD within the text
    at KEY. ``axes`` are the keys that vary, ``folder`` is what file names are relative to;
    ``places`` says where in the file each key stands.
    """

    name: str
    base: Settings
    axes: tuple[str, ...]
    points: tuple[Settings, ...]
    metrics: tuple[str, ...]
    folder: Path
    timeout: float | None = None
    file: str = ""
    places: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", MappingProxyType(dict(self.base)))
        object.__setattr__(self, "points", tuple(MappingProxyType(dict(p)) for p in self.points))

    def where(self, key: str) -> str:
        """FILE:LINE:COLUMN of a key, as far as known."""
        return self.places.get(key, self.file or self.name)


@dataclass(frozen=True)
class Task:
    """One point of a study with everything that decides its result; plain values that JSON holds.

    Files are named by their digests. ``shown`` are their names, which appear in messages only.
    """

    axes: Settings
    content: Mapping[str, Any]
    shown: Mapping[str, str]

    @property
    def id(self) -> str:
        """SHA-256 of all that decides the result, in hexadecimal digits."""
        text = canonical({"axes": dict(self.axes), **self.content})
        return hashlib.sha256(text.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """What a worker gets."""
        return {**self.content, "shown": dict(self.shown)}
