"""Generated kernels as plain Python, for tests: hundreds of programs in the time that one compiles.

Only the text is run, not what LLVM makes of it; ``neurohw.native`` is replaced by Python that does
the same, and a store into an array of numpy refuses what the analysis should have excluded.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from neurohw.emulate.store import load_kernel

_ENTRIES: dict[int, Callable[..., int]] = {}
_NUMBERS = itertools.count(1)


def njit(*_: Any, **__: Any) -> Callable[[Any], Any]:
    """``numba.njit``: the function as it is."""
    return lambda function: function


def view(address: Any, size: Any, dtype: Any) -> Any:
    """The array of ``size`` elements at an address."""
    kind = np.dtype(dtype)
    if int(size) == 0:
        return np.zeros(0, kind)
    memory = (ctypes.c_char * (int(size) * kind.itemsize)).from_address(int(address))
    return np.frombuffer(memory, kind)


def array_at(table: Any, place: int, dtype: Any) -> Any:
    """The array whose address and size a table holds."""
    return view(table[place], table[place + 1], dtype)


def load(array: Any, scope: int, index: Any) -> int:
    """An element as a Python integer."""
    return int(array[index])


def store(array: Any, scope: int, index: Any, value: Any) -> None:
    """Set an element; numpy refuses what its dtype does not hold."""
    array[index] = int(value)


def _i32(x: Any) -> int:
    return (int(x) + 2**31) % 2**32 - 2**31


def _i64(x: Any) -> int:
    assert -(2**63) <= int(x) < 2**63
    return int(x)


def shl32(x: Any, n: Any) -> int:
    """A shift to the left in 32 bits."""
    return _i32(int(x) << int(n))


def shr32(x: Any, n: Any) -> int:
    """A shift to the right."""
    return int(x) >> int(n)


def select(test: Any, a: Any, b: Any) -> Any:
    """One of two values."""
    return a if test else b


def flag_bits(flags: Any, at: Any) -> np.uint64:
    """Which of 64 bytes are not 0."""
    return np.uint64(sum(1 << k for k in range(64) if flags[int(at) + k]))


def first_set(bits: Any) -> int:
    """The place of the lowest bit that is set."""
    return (int(bits) & -int(bits)).bit_length() - 1


def call(address: Any, *arguments: Any) -> int:
    """Call a function by its address."""
    return _ENTRIES[int(address)](*arguments)


def prefetch(*_: Any) -> None:
    """Nothing: it is only about time."""


prefetch_outer = widest_vectors = give_way = prefetch


def add_atomic(array: Any, index: int, value: int) -> int:
    """Add to an element; there is one thread."""
    before = int(array[index])
    array[index] += value
    return before


def read_atomic(array: Any, index: int) -> int:
    """An element."""
    return int(array[index])


def load_uncompiled(source: str) -> types.ModuleType:
    """The module of a generated source, to stand in for ``neurohw.emulate.store.load_kernel``, which
    loads it too: only what it imports is replaced by what stands here."""
    here = f"from {__name__} import"
    text = re.sub(r"^from (numba|neurohw\.native) import", here, source, flags=re.MULTILINE)
    text = text.replace("_i32, _i64 = np.int32, np.int64", f"{here} _i32, _i64")
    text = re.sub(r"^(_[cm]\d+) = np\.int32\((-?\d+)\)$", r"\1 = \2", text, flags=re.MULTILINE)
    return load_kernel(text)


class Uncompiled:
    """An entry as plain Python, in place of ``neurohw.emulate.entries.Entry``."""

    def __init__(self, function: Callable[..., int]) -> None:
        self.address, self.function = next(_NUMBERS), function
        _ENTRIES[self.address] = function

    def __call__(self, *numbers: int) -> int:
        return self.function(*numbers)


def load_uncompiled_entry(source: str, name: str) -> Uncompiled:
    """To stand in for ``neurohw.emulate.entries.load_entry``."""
    return Uncompiled(getattr(load_uncompiled(source), name))


def load_uncompiled_call(source: str, name: str) -> Callable[..., int]:
    """To stand in for ``neurohw.emulate.called.Called``."""
    function: Callable[..., int] = getattr(load_uncompiled(source), name)
    return function


def uncompile(monkeypatch: Any) -> None:
    """Let every engine run its kernels as plain Python, for as long as a test's ``monkeypatch`` lasts."""
    monkeypatch.setattr("neurohw.emulate.engine.load_entry", load_uncompiled_entry)
    for module in ("ordered_run", "words"):
        monkeypatch.setattr(f"neurohw.emulate.{module}.Called", load_uncompiled_call)
