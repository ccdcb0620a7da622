"""Functions of arrays and integers, compiled for the arrays' dtypes when they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neurohw.emulate.entries import Entry, entry_decorator, load_entry
from neurohw.emulate.generate import INNER, compiled_module
from neurohw.emulate.table import Slots
from neurohw.equations.emit import prelude

FEW = 1000
"""Elements of the first array that Python goes through before its function were compiled."""


class Compiled:
    """A function of a module, whose text is all that it is made of: it calls its neighbours at most. It
    goes through its first array; where that is short, it stays Python's."""

    def __init__(self, function: Callable[..., int]) -> None:
        self.function = function
        self.known: dict[tuple[np.dtype[Any] | None, ...], Entry] = {}

    def __call__(self, *arguments: Any) -> int:
        """Arrays have one dimension and are contiguous. It returns an integer."""
        if len(arguments[0]) <= FEW:
            return self.function(*arguments)
        kinds = tuple(a.dtype if isinstance(a, np.ndarray) else None for a in arguments)
        if kinds not in self.known:
            self.known[kinds] = load_entry(self._source(kinds), "entry")
        numbers: list[int] = []
        for a in arguments:
            if isinstance(a, np.ndarray):
                assert a.ndim == 1 and a.flags.c_contiguous, (a.shape, a.strides)
                numbers += [a.ctypes.data, a.size]
            else:
                numbers.append(int(a))
        table = np.array(numbers, np.int64)
        return self.known[kinds](table.ctypes.data, 0, 0)

    def _source(self, kinds: tuple[np.dtype[Any] | None, ...]) -> str:
        slots, name = Slots(), self.function.__name__
        given = [
            slots.array(f"_{k}", kind.name) if kind else slots.number(f"_{k}")
            for k, kind in enumerate(kinds)
        ]
        return compiled_module([], [
            prelude(self.function.__module__, INNER),
            f"{entry_decorator()}def entry(_table, _a, _b):\n"
            "    _t = view(_table, 1 << 20, np.int64)\n"
            f"    return {name}({', '.join(given)})\n",
        ])  # fmt: skip
