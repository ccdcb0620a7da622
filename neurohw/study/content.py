"""Files as content: what a task needs is known by its hash and travels with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neurohw.errors import FileError

LARGEST = 2**31
"""Bytes of a file that a study sends to its workers."""
PACKAGED = {
    "digits": "test_data.npz", "digits:lif": "lif.nir", "digits:cuba": "cuba.nir",
    "digits:rlif": "rlif.nir",
}  # fmt: skip
"""Names for the files of the digits example, which come with the package."""


@dataclass(frozen=True)
class Content:
    """A file: the name it goes by, its bytes, and their SHA-256 in hexadecimal digits."""

    name: str
    data: bytes
    digest: str

    @classmethod
    def of(cls, name: str, data: bytes) -> Content:
        """From what the file holds."""
        return cls(name, data, hashlib.sha256(data).hexdigest())


Blobs = Mapping[str, bytes]
"""Contents by digest."""


def find(name: str, folder: Path) -> Path:
    """The file of that name, relative to ``folder``, or of the packaged example."""
    if name in PACKAGED:
        return packaged(PACKAGED[name])
    path = folder / name
    if "\0" in name or not path.is_file():
        raise FileError(f"{path}: no such file")
    return path


def packaged(name: str) -> Path:
    """A file of the digits example: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_examples", package.parent / "examples"):
        if (folder / "digits" / name).is_file():
            return folder / "digits" / name
    raise FileError("the digits example is missing; install neurohw again")


def read(name: str, folder: Path) -> Content:
    """The content of the file that ``find`` finds; FileError if it can't be read."""
    path = find(name, folder)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise FileError(f"{path}: has {size:,} bytes; a study takes files up to {LARGEST:,}")
        return Content.of(path.name, path.read_bytes())
    except OSError as error:
        raise FileError(f"{path}: can't be read ({error.strerror})") from None
