"""Functions of 64-bit integers, compiled once and kept on disk as machine code.

numba compiles them; what it leaves is linked by LLVM alone, so that a process that finds it imports no
numba, which takes longer than most runs. Such a function raises nothing, makes no arrays and calls
nothing of Python's: it stands by itself. It has numba's own convention: a place for its result and one
that is not used come first, and it returns a status.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import re
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from neurohw import files
from neurohw.emulate.generate import native_version
from neurohw.emulate.store import cache_folder, load_kernel, make_room
from neurohw.errors import InputError

_ENTRIES: dict[tuple[str, str], Entry] = {}
_LOCK = threading.Lock()
_UNUSED = ctypes.create_string_buffer(8)
_KNOWN = {"memcpy", "memmove", "memset", "sched_yield"}
"""Functions of the C library that kernels may call."""


def entry_decorator(arguments: int = 3) -> str:
    """The line ahead of a function of so many 64-bit integers, returning one."""
    given = ", ".join(["int64"] * arguments)
    return (
        f'@njit("int64({given})", nogil=True, _nrt=False, error_model="numpy", '
        "no_cpython_wrapper=True, no_cfunc_wrapper=True)\n"
    )


class Entry:
    """A linked function: ``address`` for :func:`neurohw.native.call`; Python may call it too, and other
    threads run meanwhile."""

    def __init__(self, code: bytes, symbol: str, arguments: int) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self.address: int = self._engine.get_function_address(symbol)
        pointers = [ctypes.c_void_p] * 2
        self._function = ctypes.CFUNCTYPE(
            ctypes.c_int32, *pointers, *[ctypes.c_int64] * arguments
        )(self.address)  # fmt: skip

    def __call__(self, *numbers: int) -> int:
        result = ctypes.c_int64()
        status = self._function(ctypes.addressof(result), ctypes.addressof(_UNUSED), *numbers)
        assert status == 0, status
        return result.value


def load_entry(source: str, name: str) -> Entry:
    """The function ``name`` of a generated module, from memory, from disk, or compiled now. It stays for
    as long as the process: kernels hold its address."""
    with _LOCK:
        if (source, name) not in _ENTRIES:
            digest = hashlib.sha256(f"{name}\n{_machine()}\n{source}".encode()).hexdigest()[:20]
            path = cache_folder() / f"kernel_{digest}.o"
            symbol, code = _read(path) or _compile(source, name, path)
            given = re.search(rf"^def {name}\(([^)]*)\)", source, re.MULTILINE)
            assert given is not None
            _ENTRIES[source, name] = Entry(code, symbol, given[1].count(",") + 1)
        return _ENTRIES[source, name]


@cache
def _machine() -> str:
    """What machine code depends on beside its source."""
    import llvmlite
    import llvmlite.binding as llvm

    told = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_"))
    features = llvm.get_host_cpu_features().flatten()
    versions = [llvmlite.__version__, native_version()]
    return " ".join([*versions, llvm.get_host_cpu_name(), features, *told])


def _read(path: Path) -> tuple[str, bytes] | None:
    """Symbol and machine code, if the file is there and whole."""
    try:
        head, symbol, code = path.read_bytes().split(b"\n", 2)
    except (OSError, ValueError):
        return None
    if head != _digest(code):
        return None
    with contextlib.suppress(OSError):  # so that it stays, whatever the file system notes
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    return symbol.decode("ascii"), code


def _digest(code: bytes) -> bytes:
    return hashlib.sha256(code).hexdigest().encode()


def _compile(source: str, name: str, path: Path) -> tuple[str, bytes]:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise InputError(
            "NUMBA_DISABLE_JIT is set, and kernels are what numba compiles; unset it, or call interpret()"
        )
    make_room(path.parent)
    dispatcher: Any = getattr(load_kernel(source), name)
    (made,) = dispatcher.overloads.values()
    called = set(
        re.findall(r"^declare [^@]*@([\w.]+)\(", made.library.get_llvm_str(), re.MULTILINE)
    )
    outside = {c for c in called if not c.startswith("llvm.")} - _KNOWN
    assert not outside, f"{name} calls {outside}"
    symbol = made.fndesc.llvm_func_name
    code = made.library.serialize_using_object_code()[2][0]
    with files.replacing(path) as file:
        file.write(b"\n".join([_digest(code), symbol.encode("ascii"), code]))
    return symbol, code
