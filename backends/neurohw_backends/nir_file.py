"""A NIR file as plain arrays: the HDF5 tree of a stranger, checked before anything is read.

The layout is that of the nir library's writer (all versions): a group ``node`` with ``type``,
``nodes`` and ``edges``; each node a group with its ``type`` and its parameters. It is read here
with h5py rather than with ``nir.read``, which rejects some published files over shapes that mean
the same, follows links out of the file, and allocates whatever size the file claims.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import BackendMissing, FileError

LARGEST = 8 * 2**30
"""Bytes that the arrays of a file, and of the network made from it, may take as float64."""

_HEAP = b"GCOL\x01"
_OBJECTS, _DEPTH, _LONGEST = 1_000_000, 64, 2**16
# The best ratios that DEFLATE (1032) and the other filters can reach, with room for metadata.
_RATIO, _SLACK = 2000, 2**16


@dataclass(frozen=True)
class Node:
    """One NIR node as stored: its type, numeric fields, and for a graph its nodes and edges."""

    type: str
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    edges: tuple[tuple[str, str], ...] = ()


def load(path: Path) -> Node:
    """The root graph of a NIR file; FileError for anything that is not one."""
    h5py = _library()
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    try:
        _check_heaps(path)
        with h5py.File(path, "r") as file:
            return _Reader(h5py, path).root(file)
    except FileError:
        raise
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, ... on damage
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(f"{path}: not a readable NIR file ({reason}); export it again") from None


def _library() -> Any:
    try:
        import h5py  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        raise BackendMissing(
            "NIR files need the library h5py, which is not installed: pip install h5py"
        ) from None
    return h5py


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


class _Reader:
    def __init__(self, h5py: Any, path: Path) -> None:
        self.h5py, self.path = h5py, path
        self.bytes = self.objects = 0

    def root(self, file: Any) -> Node:
        if "node" not in file:
            raise FileError(f"{self.path}: is HDF5 but no NIR file: it has no group 'node'")
        return self.node(self.member(file, "node", ""), "", 0)

    def node(self, group: Any, name: str, depth: int) -> Node:
        what = f"node '{name}'" if name else "the graph"
        if depth > _DEPTH:
            raise FileError(f"{self.path}: graphs are nested more than {_DEPTH} deep; flatten them")
        if not isinstance(group, self.h5py.Group):
            raise FileError(f"{self.path}: {what} is no group; export the file again")
        if "type" not in group:
            raise FileError(f"{self.path}: {what} has no 'type'; export the file again")
        kind = str(self.texts(self.member(group, "type", name), f"{what}: 'type'").reshape(-1)[0])
        if kind != "NIRGraph" and not name:
            return Node(kind)
        if kind != "NIRGraph":
            return Node(kind, self.values(group, name, what))
        for key in ("nodes", "edges"):
            if key not in group:
                raise FileError(f"{self.path}: {what} has no '{key}'; export the file again")
        inner = self.member(group, "nodes", name)
        prefix = f"{name}." if name else ""
        nodes = {
            key: self.node(self.member(inner, key, name), prefix + key, depth + 1) for key in inner
        }
        return Node(kind, nodes=nodes, edges=self.edges(group, name, what))

    def values(self, group: Any, name: str, what: str) -> dict[str, NDArray[Any]]:
        """The numeric fields; texts and the metadata are no parameters and are not read."""
        values = {}
        for key in group:
            item = self.member(group, key, name)
            if key in ("type", "metadata") or self.is_text(item):
                continue
            if not isinstance(item, self.h5py.Dataset):
                raise FileError(f"{self.path}: {what}: '{key}' is no array; export the file again")
            if item.shape is None or item.dtype.kind not in "fiub":
                raise FileError(
                    f"{self.path}: {what}: '{key}' has dtype {item.dtype}; only plain numbers are "
                    "read"
                )
            self.claim(item, f"{what}: '{key}'")
            values[key] = np.asarray(item[()])
        return values

    def edges(self, group: Any, name: str, what: str) -> tuple[tuple[str, str], ...]:
        item = self.member(group, "edges", name)
        if isinstance(item, self.h5py.Dataset) and item.shape is not None and 0 in item.shape:
            return ()
        pairs = self.texts(item, f"{what}: 'edges'")
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise FileError(f"{self.path}: {what}: 'edges' has shape {pairs.shape}, not (edges, 2)")
        return tuple((str(a), str(b)) for a, b in pairs)

    def member(self, group: Any, key: str, name: str) -> Any:
        """What ``group`` holds under ``key``; links to elsewhere are refused, objects counted."""
        link = group.get(key, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            place = f"{name}.{key}" if name else key
            raise FileError(f"{self.path}: '{place}' is a link; links are not followed")
        self.objects += 1
        if self.objects > _OBJECTS:
            raise FileError(f"{self.path}: more than {_OBJECTS:,} objects; split the network")
        return group[key]

    def is_text(self, item: Any) -> bool:
        return isinstance(item, self.h5py.Dataset) and (
            self.h5py.check_string_dtype(item.dtype) is not None
        )

    def texts(self, item: Any, what: str) -> NDArray[Any]:
        if not self.is_text(item) or item.shape is None or item.size < 1:
            raise FileError(f"{self.path}: {what} is no text; export the file again")
        self.claim(item, what)
        self.lengths(item, what)
        return np.asarray(item.asstr()[()], dtype=object)

    def lengths(self, item: Any, what: str) -> None:
        """Refuse absurd text lengths, for which the library would allocate first and look later.

        A text is stored as its length, the address of its heap and its index there, 16 bytes.
        """
        offset = item.id.get_offset()
        if offset is not None and item.dtype.hasobject:
            with self.path.open("rb") as stream:
                stream.seek(offset)
                raw = np.frombuffer(stream.read(int(item.id.get_storage_size())), "<u4")
            if raw.size == 4 * item.size and int(raw[::4].max()) > _LONGEST:
                raise FileError(
                    f"{self.path}: {what} claims a text of {raw[::4].max():,} bytes, more than the "
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
            raise FileError(f"{self.path}: {what} lies in another file; store it in this one")
        packed = item.id.get_create_plist().get_nfilters() > 0
        limit = stored * _RATIO + _SLACK if packed else stored
        if claimed > limit:
            raise FileError(
                f"{self.path}: {what} claims shape {tuple(item.shape)} of {item.dtype}, "
                f"{claimed:,} bytes, but {stored:,} are stored; the file is damaged"
            )
        self.bytes += max(claimed, size * 8)
        if self.bytes > LARGEST:
            raise FileError(
                f"{self.path}: {what} brings the arrays to {self.bytes:,} bytes, more than the "
                f"{LARGEST:,} allowed; split the network"
            )
