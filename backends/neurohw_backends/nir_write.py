"""A network as a NIR file, laid out as the nir library 1.0.6 does, so that ``nir.read`` takes it.

Each population is a node of its own name, each projection a Linear or Scale node for every delay that
it has, followed by a Delay node; a bias makes an Affine node of one of them. The time step, the
semantics and the order of things lie in the metadata, which NIR leaves to its writers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.errors import InputError, NetworkError
from neurohw.network import Network, Population, Projection
from neurohw.network.semantics import Semantics
from neurohw_backends.nir_file import OURS
from neurohw_backends.nir_hdf5 import LARGEST, library

Beyond = Literal["refuse", "metadata"]
Fields = dict[str, Any]

VERSION = "1.0.6"
_WORTH = 1024
"""Bytes from which packing an array pays."""

_NODES: Mapping[str, tuple[str, ...]] = {
    "LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
    "LI": ("tau", "r", "v_leak"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    "IF": ("r", "v_threshold", "v_reset"),
}
_NEAREST = {"ALIF": "LIF", "ATRLIF": "CubaLIF"}
_ABSENT = {"v_leak": 0.0, "v_reset": 0.0}


def write(network: Network, path: str | Path, *, beyond: Beyond = "refuse") -> Path:
    """Write ``network`` to the NIR file ``path``; :func:`read` gives it back equal.

    ``beyond``: what becomes of that for which NIR has no field, that is a refractory time, an adaptive
    threshold (ALIF, ATRLIF) and a reset by subtraction or in the next step. ``refuse`` (NetworkError
    names it), or ``metadata``: kept beside the nearest NIR node, where only this package reads it and
    any other tool reads a network without it. Synapses of weight 0 do nothing and are not written; those of
    a rule are written one by one. Matrices are dense in NIR: NetworkError for one larger than 8 GiB.
    """
    if not isinstance(network, Network):
        raise InputError(f"network is a {type(network).__name__}; give a Network")
    if beyond not in ("refuse", "metadata"):
        raise InputError(f"beyond is {beyond!r}; it is 'refuse' or 'metadata'")
    path = Path(path)
    meant = network.semantics
    if beyond == "refuse":
        _check_semantics(network, meant)
    nodes: dict[str, Fields] = {}
    edges: list[tuple[str, str]] = []
    for k, (name, population) in enumerate(network.populations.items()):
        nodes[_sound(name)] = _population(name, population, k, beyond)
    for k, output in enumerate(network.outputs):
        label = _free("output" if k == 0 else f"output_{k}", nodes)
        n = network.populations[output].n
        nodes[label] = {"type": "Output", "shape": np.array([n]), **_noted({"order": k})}
        edges.append((output, label))
    biases = {
        name: bias for name, p in network.populations.items()
        if (bias := getattr(p, "bias", None)) is not None and bias.any()
    }  # fmt: skip
    for k, projection in enumerate(network.projections):
        _projection(network, projection, k, nodes, edges, biases)
    for name, bias in biases.items():
        _lone_bias(network, name, bias, nodes, edges)
    notes = {
        "format": 1, "dt": network.dt, "name": network.name, "semantics": meant.as_dict(),
    }  # fmt: skip
    graph = {"type": "NIRGraph", "nodes": nodes, "edges": edges, **_noted(notes)}
    with files.replacing(path) as stream:
        stream.write(_encoded({"version": VERSION, "node": graph}))
    return path


def _check_semantics(network: Network, meant: Semantics) -> None:
    plain = (meant.reset, meant.reset_time, meant.comparison) == ("zero", "same", ">")
    if not plain:
        raise NetworkError(
            f"network '{network.name}': NIR spikes above the threshold and resets to v_reset at once, "
            f"not: {meant}; write with beyond='metadata' to keep it for this package alone"
        )


def _sound(name: str) -> str:
    if not name or "/" in name or name in (".", "..") or "\0" in name:
        raise NetworkError(
            f"population '{name}': a name in a NIR file is not empty and has no '/'; rename it"
        )
    return name


def _free(name: str, taken: Mapping[str, object]) -> str:
    name = name.replace("/", "|")
    while name in taken:
        name += "_"
    return name


def _noted(ours: Mapping[str, object], beyond: Mapping[str, Any] = {}) -> Fields:
    return {"metadata": {OURS: json.dumps(ours), **beyond}}


def _population(name: str, population: Population, order: int, beyond: Beyond) -> Fields:
    kind = population.kind
    if kind in ("SpikeInput", "CurrentInput"):
        note = {"order": order, **({"kind": kind} if kind == "CurrentInput" else {})}
        return {"type": "Input", "shape": np.array([population.n]), **_noted(note)}
    node = _NEAREST.get(kind, kind)
    values = dict(population.parameters())
    rest = {
        k: v for k, v in values.items()
        if k not in (*_NODES[node], "bias") and (k != "t_ref" or v.any())
    }  # fmt: skip
    if rest and beyond == "refuse":
        raise NetworkError(
            f"population '{name}' ({kind}): NIR has no field for {', '.join(rest)}; write with "
            "beyond='metadata' to keep it for this package alone"
        )
    fields = {k: values.get(k, np.full(population.n, _ABSENT.get(k, 0.0))) for k in _NODES[node]}
    note = {"order": order, **({"kind": kind} if kind != node else {})}
    return {"type": node, **fields, **_noted(note, rest)}


def _projection(
    network: Network, p: Projection, order: int, nodes: dict[str, Fields],
    edges: list[tuple[str, str]], biases: dict[str, NDArray[np.float64]],
) -> None:  # fmt: skip
    """The nodes of one projection, between its two ends; a bias of the target goes with the first."""
    shape = network.populations[p.target].n, network.populations[p.source].n
    for k, (delay, weight) in enumerate(_matrices(p, shape)):
        note = _noted({"order": order, "projection": p.name})
        label = _free(p.name if k == 0 else f"{p.name}@{k}", nodes)
        fields: Fields = {"type": "Scale", "scale": weight}
        if weight.ndim == 2:
            bias = biases.pop(p.target, None)
            fields = {"type": "Linear", "weight": weight}
            if bias is not None:
                fields = {"type": "Affine", "weight": weight, "bias": bias}
        nodes[label] = fields | note
        edges.append((p.source, label))
        if delay:
            line = _free(f"{label} delay", nodes)
            nodes[line] = {"type": "Delay", "delay": np.full(shape[0], delay)} | note
            edges.append((label, line))
            label = line
        edges.append((label, p.target))


def _matrices(p: Projection, shape: tuple[int, int]) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Delay and weights of synapses that one matrix, or a diagonal of many neurons, can hold.

    Several synapses between two neurons with one delay go to as many matrices.
    """
    blocks = [block for block in p.blocks() if block[0].size]
    if not blocks:
        return
    pre, post, weight, delay = (np.concatenate([b[k] for b in blocks]) for k in range(4))
    kept = np.flatnonzero(weight)
    order = kept[np.lexsort((pre[kept], post[kept], delay[kept]))]
    pre, post, weight, delay = (column[order] for column in (pre, post, weight, delay))
    same = np.zeros(pre.size, np.bool_)
    same[1:] = (pre[1:] == pre[:-1]) & (post[1:] == post[:-1]) & (delay[1:] == delay[:-1])
    first = np.maximum.accumulate(np.where(same, 0, np.arange(pre.size)))
    copy = np.arange(pre.size) - first
    for value in np.unique(delay):
        for which in np.unique(copy[delay == value]):
            on = (delay == value) & (copy == which)
            if shape[0] == shape[1] and shape[0] > 1 and np.array_equal(pre[on], post[on]):
                scale = np.zeros(shape[0])
                scale[pre[on]] = weight[on]
                yield float(value), scale
                continue
            if 8 * shape[0] * shape[1] > LARGEST:
                raise NetworkError(
                    f"projection '{p.name}': NIR stores matrices whole, here {shape[0]:,} x "
                    f"{shape[1]:,}, {8 * shape[0] * shape[1]:,} bytes, more than the {LARGEST:,} "
                    "allowed; split the population"
                )
            matrix = np.zeros(shape)
            matrix[post[on], pre[on]] = weight[on]
            yield float(value), matrix


def _lone_bias(
    network: Network, name: str, bias: NDArray[np.float64], nodes: dict[str, Fields],
    edges: list[tuple[str, str]],
) -> None:  # fmt: skip
    """A bias that no Linear node of the target can take: in an Affine of zeros from any population."""
    sources = (k for k, p in network.populations.items() if p.spiking or k in network.inputs)
    source = next(sources, None)
    if source is None:
        raise NetworkError(
            f"population '{name}': NIR keeps a bias in an Affine node, which needs a source; add an input"
        )
    label = _free(f"{name} bias", nodes)
    weight = np.zeros((bias.size, network.populations[source].n))
    nodes[label] = {"type": "Affine", "weight": weight, "bias": bias} | _noted({"bias": name})
    edges += [(source, label), (label, name)]


def _encoded(tree: Fields) -> bytes:
    h5py = library()

    def fill(group: Any, fields: Mapping[str, Any]) -> None:
        for key, value in fields.items():
            if isinstance(value, dict):
                fill(group.create_group(key), value)
            elif isinstance(value, str):
                group.create_dataset(key, data=value, dtype=h5py.string_dtype())
            elif isinstance(value, list):
                texts = np.array(value, dtype=object).reshape(-1, 2)
                group.create_dataset(key, data=texts, dtype=h5py.string_dtype())
            else:
                packed = "gzip" if value.nbytes > _WORTH else None
                group.create_dataset(key, data=value, compression=packed)

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        fill(file, tree)
    return stream.getvalue()
