"""Functions of arrays and integers, compiled for the arrays' dtypes when they are called."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from neurohw.emulate.entries import Entry, entry_decorator, load_entry
from neurohw.emulate.generate import INNER, compiled_module
from neurohw.equations.emit import prelude

FEW = 1000
"""Elements of the first array that Python goes through before its function were compiled."""


class Called:
    """The function ``name`` of a generated module, which returns an integer; nothing is compiled yet."""

    def __init__(self, source: str, name: str) -> None:
        self.source, self.name = source, name
        self.known: dict[tuple[Any, ...], Entry] = {}

    def __call__(self, *arguments: Any) -> int:
        """Arrays are contiguous."""
        kinds = tuple((a.dtype, a.ndim) if isinstance(a, np.ndarray) else None for a in arguments)
        if kinds not in self.known:
            self.known[kinds] = load_entry(self._whole(kinds), "entry")
        numbers: list[int] = []
        for a in arguments:
            if isinstance(a, np.ndarray):
                assert a.flags.c_contiguous, (a.shape, a.strides)
                numbers += [a.ctypes.data, *a.shape]
            else:
                numbers.append(int(a))
        table = np.array(numbers, np.int64)
        return self.known[kinds](table.ctypes.data, 0, 0)

    def _whole(self, kinds: tuple[tuple[np.dtype[Any], int] | None, ...]) -> str:
        given, at = [], 0
        for kind in kinds:
            if kind is None:
                given.append(f"_t[{at}]")
                at += 1
                continue
            dtype, ndim = kind
            given.append(f"grid_at(_t, {at}, np.{dtype.name}, {ndim})")
            at += 1 + ndim
        return (
            f"{self.source}\n\nfrom neurohw.native import grid_at, view\n\n\n"
            f"{entry_decorator()}def entry(_table, _a, _b):\n"
            "    _t = view(_table, 1 << 20, np.int64)\n"
            f"    return {self.name}(\n        {f',{chr(10)}        '.join(given)},\n    )\n"
        )


class Compiled:
    """A function of a module, whose text is all that it is made of: it calls its neighbours at most. It
    goes through its first array; where that is short, it stays Python's."""

    def __init__(self, function: Callable[..., int]) -> None:
        self.function = function

    @cached_property
    def called(self) -> Called:
        """The same, compiled."""
        module, name = self.function.__module__, self.function.__name__
        return Called(compiled_module([], [prelude(module, INNER)]), name)

    def __call__(self, *arguments: Any) -> int:
        few = len(arguments[0]) <= FEW
        return self.function(*arguments) if few else self.called(*arguments)
