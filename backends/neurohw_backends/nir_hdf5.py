"""An HDF5 file of a stranger, checked before anything of it is read or allocated.

The HDF5 library follows links out of the file, allocates whatever size a file claims, and can be led
into an endless loop. What is handed out here lies in the file, is plain numbers or text, and is no
larger than what is stored.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import BackendMissing, FileError, NeurohwError

LARGEST = 8 * 2**30
"""Bytes that the arrays of a file, and of the network made from it, may take as float64."""

_HEAP = b"GCOL\x01"
_OBJECTS, _LONGEST = 1_000_000, 2**16
# The best ratios that DEFLATE (1032) and the other filters can reach, with room for metadata.
_RATIO, _SLACK = 2000, 2**16

T = TypeVar("T")


def library() -> Any:
    """The module h5py; BackendMissing without it."""
    try:
        import h5py  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        raise BackendMissing(
            "NIR files need the library h5py, which is not installed: pip install h5py"
        ) from None
    return h5py


def opened(path: Path, kind: str, use: Callable[[Checked, Any], T]) -> T:
    """What ``use`` makes of the open file; FileError for anything that is no readable ``kind``."""
    h5py = library()
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    try:
        _check_heaps(path)
        with h5py.File(path, "r") as file:
            return use(Checked(h5py, path), file)
    except NeurohwError:
        raise
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, ... on damage
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(f"{path}: not a readable {kind} ({reason}); export it again") from None


def _check_heaps(path: Path) -> None:
    """Refuse a file whose texts would keep the HDF5 library in an endless loop.

    Texts lie in global heaps (HDF5 file format, III.E): 'GCOL', version 1, the size at byte 8;
    then objects, each a header of 16 bytes with its index and size, followed by its bytes. The
    library walks from object to object without checking that it moves on.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_HEAP)
        while start >= 0:
            end = start + int.from_bytes(data[start + 8 : start + 16], "little")
            at = start + 16 if end <= len(data) else end
            sound = at < end
            while sound and at + 16 <= end:
                index = int.from_bytes(data[at : at + 2], "little")
                size = int.from_bytes(data[at + 8 : at + 16], "little")
                step = 16 + -(-size // 8) * 8 if index else size
                sound = step >= 16 and at + step <= end
                at += step
            if not sound:
                raise FileError(f"{path}: the HDF5 heap at byte {start} is damaged; copy it again")
            start = data.find(_HEAP, start + 8)


class Checked:
    """Reads members of an open file, counting what they take."""

    def __init__(self, h5py: Any, path: Path) -> None:
        self.h5py, self.path = h5py, path
        self.bytes = self.objects = 0

    def fail(self, message: str) -> FileError:
        """A FileError that names the file."""
        return FileError(f"{self.path}: {message}")

    def member(self, group: Any, key: str, name: str = "") -> Any:
        """What ``group`` holds under ``key``; links to elsewhere are refused, objects counted."""
        link = group.get(key, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            place = f"{name}.{key}" if name else key
            raise self.fail(f"'{place}' is a link; links are not followed")
        self.objects += 1
        if self.objects > _OBJECTS:
            raise self.fail(f"more than {_OBJECTS:,} objects; split the network")
        return group[key]

    def is_group(self, item: Any) -> bool:
        """Whether this is a group."""
        return isinstance(item, self.h5py.Group)

    def is_text(self, item: Any) -> bool:
        """Whether this is a dataset of texts."""
        return isinstance(item, self.h5py.Dataset) and (
            self.h5py.check_string_dtype(item.dtype) is not None
        )

    def numbers(self, item: Any, what: str) -> NDArray[Any]:
        """A dataset of plain numbers as an array."""
        if not isinstance(item, self.h5py.Dataset):
            raise self.fail(f"{what} is no array; export the file again")
        if item.shape is None or item.dtype.kind not in "fiub":
            raise self.fail(f"{what} has dtype {item.dtype}; only plain numbers are read")
        self.claim(item, what)
        return np.asarray(item[()])

    def texts(self, item: Any, what: str) -> NDArray[Any]:
        """A dataset of texts as an array of str."""
        if not self.is_text(item) or item.shape is None or item.size < 1:
            raise self.fail(f"{what} is no text; export the file again")
        self.claim(item, what)
        self._lengths(item, what)
        return np.asarray(item.asstr()[()], dtype=object)

    def text(self, item: Any, what: str) -> str:
        """The first text of a dataset."""
        return str(self.texts(item, what).reshape(-1)[0])

    def _lengths(self, item: Any, what: str) -> None:
        """Refuse absurd text lengths, for which the library would allocate first and look later.

        A text is stored as its length, the address of its heap and its index there, 16 bytes.
        """
        offset = item.id.get_offset()
        if offset is not None and item.dtype.hasobject:
            with self.path.open("rb") as stream:
                stream.seek(offset)
                raw = np.frombuffer(stream.read(int(item.id.get_storage_size())), "<u4")
            if raw.size == 4 * item.size and int(raw[::4].max()) > _LONGEST:
                raise self.fail(
                    f"{what} claims a text of {raw[::4].max():,} bytes, more than the "
                    f"{_LONGEST:,} allowed; the file is damaged"
                )

    def claim(self, item: Any, what: str) -> None:
        """Refuse what the file claims to hold but can't, or what would take too much memory."""
        size = 1
        for extent in item.shape:
            size *= int(extent)
        stored = int(item.id.get_storage_size())
        claimed = size * item.dtype.itemsize
        if item.external or item.is_virtual:
            raise self.fail(f"{what} lies in another file; store it in this one")
        packed = item.id.get_create_plist().get_nfilters() > 0
        limit = stored * _RATIO + _SLACK if packed else stored
        if claimed > limit:
            raise self.fail(
                f"{what} claims shape {tuple(item.shape)} of {item.dtype}, "
                f"{claimed:,} bytes, but {stored:,} are stored; the file is damaged"
            )
        self.bytes += max(claimed, size * 8)
        if self.bytes > LARGEST:
            raise self.fail(
                f"{what} brings the arrays to {self.bytes:,} bytes, more than the "
                f"{LARGEST:,} allowed; split the network"
            )
