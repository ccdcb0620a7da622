"""One study at a time in a folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from neurohw.errors import InputError

try:
    import fcntl
except ImportError:  # no POSIX
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path``; InputError if another process does.

    Where the system has flock the lock ends with its process, however that ends. Elsewhere the file
    is the lock, and one that a killed process left behind has to be removed.
    """
    flags = os.O_RDWR | os.O_CREAT | (0 if fcntl else os.O_EXCL)
    busy = f"{path}: another study runs in this folder; wait for it, or name another with -o"
    try:
        handle = os.open(path, flags, 0o666)
    except FileExistsError:
        raise InputError(f"{busy}; if none runs, remove the file") from None
    try:
        if fcntl:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(busy) from None
        yield
    finally:
        os.close(handle)
        if not fcntl:
            path.unlink(missing_ok=True)
