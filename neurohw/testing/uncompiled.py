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

_ENTRIES: dict[int, Callable[..., int]] = {}
_NUMBERS = itertools.count(1)


class _Entry:
    def __init__(self, function: Callable[..., int]) -> None:
        self.address = next(_NUMBERS)
        _ENTRIES[self.address] = function


def _view(address: Any, size: Any, dtype: Any) -> Any:
    kind = np.dtype(dtype)
    if int(size) == 0:
        return np.zeros(0, kind)
    memory = (ctypes.c_char * (int(size) * kind.itemsize)).from_address(int(address))
    return np.frombuffer(memory, kind)


def _array_at(table: Any, place: int, dtype: Any) -> Any:
    return _view(table[place], table[place + 1], dtype)


def _narrow(x: Any) -> int:
    return (int(x) + 2**31) % 2**32 - 2**31


def _wide(x: Any) -> int:
    assert -(2**63) <= int(x) < 2**63
    return int(x)


def _store(array: Any, scope: int, index: Any, value: Any) -> None:
    array[index] = int(value)


_NATIVE: dict[str, Any] = {
    "njit": lambda **_: lambda f: f, "cfunc": lambda *_, **__: _Entry, "view": _view,
    "array_at": _array_at, "load": lambda array, scope, index: int(array[index]), "store": _store,
    "shl32": lambda x, n: _narrow(int(x) << int(n)), "shr32": lambda x, n: int(x) >> int(n),
    "select": lambda test, a, b: a if test else b, "prefetch": lambda *_: None,
    "call": lambda address, *arguments: _ENTRIES[int(address)](*arguments),
    "widest_vectors": lambda: None, "_i32": _narrow, "_i64": _wide,
}  # fmt: skip


def load_uncompiled(source: str) -> types.ModuleType:
    """The module of a generated source, to stand in for ``neurohw.emulate.store.load_kernel``."""
    text = re.sub(
        r"^from (numba|neurohw\.native) import (\([^)]*\)|.*)$", "", source, flags=re.MULTILINE
    )
    text = text.replace("_i32, _i64 = np.int32, np.int64", "")
    text = re.sub(r"^(_[cm]\d+) = np\.int32\((-?\d+)\)$", r"\1 = \2", text, flags=re.MULTILINE)
    module = types.ModuleType("uncompiled")
    module.__dict__.update(_NATIVE)
    exec(text, module.__dict__)
    return module
