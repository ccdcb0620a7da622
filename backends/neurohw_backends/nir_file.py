"""A NIR file as plain arrays: the HDF5 tree of a stranger, checked before anything is read.

The layout is that of the nir library's writer (all versions): a group ``node`` with ``type``,
``nodes`` and ``edges``; each node a group with its ``type`` and its parameters. It is read here
with h5py rather than with ``nir.read``, which rejects some published files over shapes that mean
the same, follows links out of the file, and allocates whatever size the file claims.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from neurohw.errors import FileError
from neurohw_backends.nir_hdf5 import Checked, opened

OURS = "neurohw"
"""The key of this package's own notes in a node's metadata."""

_DEPTH = 64


@dataclass(frozen=True)
class Node:
    """One NIR node as stored: its type, fields, own metadata, and for a graph its nodes and edges.

    ``ours`` is what this package wrote into the metadata, ``beyond`` the arrays beside it: what NIR
    has no field for. Metadata of others is not read.
    """

    type: str
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    edges: tuple[tuple[str, str], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    ours: Mapping[str, Any] = field(default_factory=dict)
    beyond: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def load(path: Path) -> Node:
    """The root graph of a NIR file; FileError for anything that is not one."""

    def root(file: Checked, item: Any) -> Node:
        if "node" not in item:
            raise file.fail("is HDF5 but no NIR file: it has no group 'node'")
        return _node(file, file.member(item, "node"), "", 0)

    return opened(path, "NIR file", root)


def version(path: Path) -> str:
    """The version of the nir library that wrote the file, as it says; '' if it doesn't."""

    def text(file: Checked, item: Any) -> str:
        return file.text(file.member(item, "version"), "'version'") if "version" in item else ""

    return opened(path, "NIR file", text)


def _node(file: Checked, group: Any, name: str, depth: int) -> Node:
    what = f"node '{name}'" if name else "the graph"
    if depth > _DEPTH:
        raise file.fail(f"graphs are nested more than {_DEPTH} deep; flatten them")
    if not file.is_group(group):
        raise file.fail(f"{what} is no group; export the file again")
    if "type" not in group:
        raise file.fail(f"{what} has no 'type'; export the file again")
    kind = file.text(file.member(group, "type", name), f"{what}: 'type'")
    if kind != "NIRGraph" and not name:
        return Node(kind)
    ours, beyond = _metadata(file, group, name, what)
    if kind != "NIRGraph":
        values, texts = _values(file, group, name, what)
        return Node(kind, values, texts=texts, ours=ours, beyond=beyond)
    for key in ("nodes", "edges"):
        if key not in group:
            raise file.fail(f"{what} has no '{key}'; export the file again")
    inner = file.member(group, "nodes", name)
    prefix = f"{name}." if name else ""
    nodes = {
        key: _node(file, file.member(inner, key, name), prefix + key, depth + 1) for key in inner
    }
    return Node(kind, nodes=nodes, edges=_edges(file, group, name, what), ours=ours, beyond=beyond)


def _values(
    file: Checked, group: Any, name: str, what: str
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The numeric fields, and the texts: 'same' and 'valid' are paddings."""
    values, texts = {}, {}
    for key in group:
        item = file.member(group, key, name)
        if key in ("type", "metadata"):
            continue
        if file.is_text(item):
            texts[key] = file.text(item, f"{what}: '{key}'")
        else:
            values[key] = file.numbers(item, f"{what}: '{key}'")
    return values, texts


def _metadata(
    file: Checked, group: Any, name: str, what: str
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if "metadata" not in group:
        return {}, {}
    inner = file.member(group, "metadata", name)
    if not file.is_group(inner) or OURS not in inner:
        return {}, {}
    label = f"{what}: metadata '{OURS}'"
    try:
        ours = json.loads(file.text(file.member(inner, OURS, name), label))
        if not isinstance(ours, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        raise file.fail(f"{label} is no JSON ({error}); write the file again") from None
    beyond = {
        key: file.numbers(file.member(inner, key, name), f"{what}: metadata '{key}'")
        for key in inner if key != OURS
    }  # fmt: skip
    return ours, beyond


def _edges(file: Checked, group: Any, name: str, what: str) -> tuple[tuple[str, str], ...]:
    item = file.member(group, "edges", name)
    empty = getattr(item, "shape", None)
    if empty is not None and 0 in empty:
        return ()
    pairs = file.texts(item, f"{what}: 'edges'")
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise file.fail(f"{what}: 'edges' has shape {pairs.shape}, not (edges, 2)")
    return tuple((str(a), str(b)) for a, b in pairs)
