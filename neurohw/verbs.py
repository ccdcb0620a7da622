"""Packages that are named as a verb and can be called as one.

``neurohw.compare`` is a package and the function that it is about. Whichever way it was imported,
``neurohw.compare(a, b)`` works and ``neurohw.compare.spikes`` is its module.
"""

from __future__ import annotations

import sys
import types
from typing import Any


class VerbModule(types.ModuleType):
    """A package that calls the function of its own name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


def callable_package(name: str) -> None:
    """Make the package of that name callable."""
    sys.modules[name].__class__ = VerbModule
