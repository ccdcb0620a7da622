"""Where oracle vectors are: shipped with the package, in a checkout, or in a folder of the user's."""

from __future__ import annotations

import fnmatch
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurohw import vectors
from neurohw.chip.model import Chip
from neurohw.errors import FileError, ProfileError, UnknownName

_OTHERS = {"case", "find", "prefix", "replay", "results"}
"""Modules that are no readers."""
SUFFIXES = (".npz", ".json")
LARGEST = 512 * 2**20
"""Bytes of a vector file; more is not opened."""

Reader = Callable[[Path, Chip], Sequence[Any]]


def vector_folder() -> Path | None:
    """The folder of shipped vectors, one folder in it for each oracle; None if there is none."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_golden", package.parent / "tests" / "golden"):
        if folder.is_dir():
            return folder
    return None


def vector_files(
    chip: Chip, folder: str | Path | None = None, files: Sequence[str] | None = None
) -> list[Path]:
    """The files of the chip's oracle in ``folder``, or in what ships; [] if it has no oracle.

    ``folder`` holds the files, or a folder of the oracle's name that does. A pattern such as
    ``loihi1/common_*`` is of another oracle's folder. ``files``: patterns that
    choose among them.
    """
    if folder is not None and not Path(folder).is_dir():
        raise FileError(f"{folder}: no such folder; name one that holds vectors")
    name = chip.oracle.vectors
    if not name:
        return []
    reader_of(chip)  # also: the name of a folder can't lead elsewhere
    place = vector_folder() if folder is None else Path(folder)
    if place is None:
        return []
    found = set()
    for pattern in chip.oracle.files:
        other, _, pattern_ = pattern.rpartition("/")
        home = place / (other or name)
        if not home.is_dir() and folder is not None and not other:
            home = place
        if home.is_dir() and (not other or other in readers()):
            found |= {p for p in home.iterdir() if fnmatch.fnmatchcase(p.name, pattern_)}
    return sorted(
        path for path in found
        if path.suffix in SUFFIXES and path.is_file() and _matches(path.name, files or ("*",))
    )  # fmt: skip


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def readers() -> list[str]:
    """Names of the formats of vectors that can be read."""
    found = (m.name for m in pkgutil.iter_modules(vectors.__path__) if not m.ispkg)
    return sorted(name for name in found if name.isidentifier() and name not in _OTHERS)


def reader_of(chip: Chip, path: Path | None = None) -> Reader:
    """The function that reads the chip's vectors: ``cases(path, chip)``.

    ``path``: of a file that may be in another oracle's folder, and then in its format.
    """
    name = chip.oracle.vectors
    others = {pattern.rpartition("/")[0] for pattern in chip.oracle.files}
    if path is not None and path.parent.name in others - {""}:
        name = path.parent.name
    if not name:
        raise ProfileError(f"{chip.name} has no vectors; [oracle] of its profile names none")
    known = readers()
    if name not in known:
        raise UnknownName.of(f"format of vectors (oracle.vectors of {chip.name})", name, known)
    reader: Reader = importlib.import_module(f"{vectors.__name__}.{name}").cases
    return reader
