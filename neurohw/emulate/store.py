"""Kernel source on disk, where numba wants it, and people can read it.

A generated module is a real file named by the hash of its text; ``entries`` keeps machine code beside
it. The folder is $NEUROHW_CACHE_DIR, else the user's cache folder, else a temporary one; what was
not used for longest leaves it when it is full.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from neurohw import files
from neurohw.errors import FileError

ROOM = 1 << 30
"""Bytes of kernels that are kept."""
_LOADED: dict[str, ModuleType] = {}
_OURS = re.compile(r"kernel_[0-9a-f]{20}\.")
"""Files that are made here: the folder may be anyone's."""


def cache_folder() -> Path:
    """A writable folder for generated kernels."""
    given = os.environ.get("NEUROHW_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME")
    candidates = [Path(given)] if given else []
    candidates.append(Path(home) / "neurohw" if home else Path.home() / ".cache" / "neurohw")
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return _temporary()


@cache
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="neurohw-kernels-"))


@cache
def make_room(folder: Path) -> None:
    """Once in a process: remove the kernels that were not used for longest, if there are too many, until
    half the room is free."""
    found = []
    for place in (folder, folder / "__pycache__"):
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for file in entries:
                if _OURS.match(file.name):
                    told = file.stat()
                    found.append((max(told.st_atime, told.st_mtime), told.st_size, file.path))
    size = sum(s for _, s, _ in found)
    if size <= ROOM:
        return
    for _, mine, path in sorted(found):
        if size <= ROOM // 2:
            break
        with contextlib.suppress(OSError):  # another process may have removed it
            Path(path).unlink()
        size -= mine


def load_kernel(source: str) -> ModuleType:
    """The module of this source text, from memory, from disk, or written now."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:20]
    if digest in _LOADED:
        return _LOADED[digest]
    path = cache_folder() / f"kernel_{digest}.py"
    try:
        known = path.read_text(encoding="utf-8") if path.is_file() else ""
    except OSError:
        known = ""
    if known != source:
        files.write_text(path, source)
    spec = importlib.util.spec_from_file_location(f"neurohw_kernel_{digest}", path)
    if spec is None or spec.loader is None:
        raise FileError(f"{path}: the generated kernel can't be loaded; empty the folder")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    _LOADED[digest] = module
    return module
