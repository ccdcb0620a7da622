"""The door to foreign libraries: a backend is found by name through an entry point.

Third parties use the same door: a package that declares an entry point in the group
``neurohw.backends`` is a backend. The core imports no backend, and no backend's library, until it is
asked for by name.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from neurohw.errors import BackendMissing, UnknownName

GROUP = "neurohw.backends"


def list_backends() -> list[str]:
    """Names of the installed backends."""
    return sorted({e.name for e in metadata.entry_points(group=GROUP)})


def load_backend(name: str) -> Any:
    """The backend of that name; UnknownName, or BackendMissing if what it needs is not there."""
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            try:
                return entry.load()
            except ImportError as error:
                raise BackendMissing(
                    f"backend '{name}' can't be imported ({error}); install what it needs with pip"
                ) from None
    raise UnknownName.of("backend", name, list_backends())
