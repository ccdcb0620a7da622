"""The nodes of a flat NIR graph with their checked values, and the maps that they stand for.

A shape is that of one step's values without a batch: (n,), (channels, x) or (channels, y, x). Where a
shape is not needed for a convolution or a pool it counts by its number of elements only: (1, 1, 64)
is 64 channels.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError
from neurohw.network.populations import MODELS
from neurohw_backends.nir_flat import CONVOLUTIONS, NEURONS, POOLS, Flat
from neurohw_backends.nir_sparse import Sparse
from neurohw_backends.nir_windows import window_of

Floats = NDArray[np.float64]
Shape = tuple[int, ...]

MOST = 2**31 - 1
CHANNELS = 2**27
"""Channels of an input, which a file claims without storing anything for them."""

_OPTIONAL = {"v_reset": 0.0, "w_in": 1.0}


class Nodes:
    """Values, shapes and maps of the nodes of ``flat``, whose linear nodes come in ``order``."""

    def __init__(self, path: Path, flat: Flat, order: list[str]) -> None:
        self.path, self.flat, self.order = path, flat, order
        self._values: dict[tuple[str, str], Floats] = {}
        self._maps: dict[str, Floats | Sparse] = {}
        self.shapes: dict[str, Shape] = {}

    def fail(self, name: str, message: str) -> NoReturn:
        """NetworkError about one node."""
        raise NetworkError(f"{self.label(name)} {message}")

    def label(self, name: str) -> str:
        """File, name and type of a node."""
        kind = self.flat.nodes[name].type
        kind = "Input or Output of a subgraph" if kind == "Pass" else kind
        return f"{self.path}: node '{name}' ({kind})"

    def size(self, name: str) -> int:
        """Values that a node gives per step."""
        return prod(self.shapes[name])

    def value(self, name: str, key: str) -> Floats:
        """A numeric field as float64, finite."""
        if (name, key) not in self._values:
            values = self.flat.nodes[name].values
            if key not in values:
                self.fail(name, f"has no '{key}'; export the file again")
            array = values[key].astype(np.float64)
            if not np.isfinite(array).all():
                where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
                at = f"{list(where)}" if where else ""
                self.fail(name, f"has {key}{at} = {array[where]}; every parameter must be finite")
            self._values[name, key] = array
        return self._values[name, key]

    def whole(self, name: str, key: str, low: int) -> list[int]:
        """A field of whole numbers from ``low`` on."""
        found = []
        for number in self.value(name, key).reshape(-1).tolist():
            if number < low or number != int(number) or number > MOST:
                self.fail(name, f"has {key} {number:g}; give whole numbers from {low}")
            found.append(int(number))
        return found

    def vector(self, name: str, key: str) -> Floats:
        """A field with a value for each of the node's channels, (n,).

        A number holds for all, one per channel of images for their pixels: (c,) or (c, 1, 1).
        """
        value, shape = self.value(name, key), self.shapes[name]
        if value.size == 1:
            return np.full(prod(shape), value.reshape(-1)[0])
        if value.size == prod(shape):
            return value.reshape(-1)
        if 0 in value.shape:
            self.fail(name, f"has an empty {key}, shape {value.shape}; export the file again")
        spread = value.reshape(value.shape + (1,) * (len(shape) - value.ndim))
        if spread.ndim != len(shape) or any(
            spread.shape[k] not in (1, extent) for k, extent in enumerate(shape)
        ):
            self.fail(
                name, f"has {key} of shape {value.shape} for values of shape {shape}; check both"
            )
        return np.array(np.broadcast_to(spread, shape)).reshape(-1)

    def parameters(self, name: str) -> list[str]:
        """Fields of a neuron node that are parameters of the population."""
        node = self.flat.nodes[name]
        if node.type == "Threshold":
            return ["threshold"]
        names = [k for k in MODELS[node.type].parameter_names() if k not in ("bias", "t_ref")]
        return [k for k in names if k in node.values or k not in _OPTIONAL]

    def matrix(self, name: str) -> Floats:
        """The weight of a Linear or Affine node, (outputs, inputs)."""
        weight = self.value(name, "weight")
        if weight.ndim != 2 or not weight.size:
            self.fail(name, f"has a weight of shape {weight.shape}; give (outputs, inputs)")
        return weight

    def map(self, name: str) -> Floats | Sparse | None:
        """What a linear node multiplies by; None for one that passes values on or scales them."""
        kind = self.flat.nodes[name].type
        if kind in ("Affine", "Linear"):
            return self.matrix(name)
        if kind not in (*CONVOLUTIONS, *POOLS):
            return None
        if name not in self._maps:
            window = window_of(self, name)
            assert window is not None  # or its shape would not be known
            self._maps[name] = window.map(self.label(name))
        return self._maps[name]

    def biased(self, name: str) -> bool:
        """Whether a linear node adds something."""
        node = self.flat.nodes[name]
        return node.type == "Affine" or (node.type in CONVOLUTIONS and "bias" in node.values)

    def check_bias(self, name: str, rows: int) -> None:
        """NetworkError unless there is one bias, or one for each row or channel."""
        if self.biased(name) and self.value(name, "bias").size not in (1, rows):
            count = self.value(name, "bias").size
            self.fail(name, f"has {count} biases for {rows} rows of its weight")

    def bias(self, name: str) -> Floats:
        """What a linear node adds, (n,)."""
        rows, n = self.shapes[name][0], self.size(name)
        bias = np.broadcast_to(self.value(name, "bias").reshape(-1), (rows,))
        return np.repeat(bias, n // rows)

    def arriving(self, name: str, expected: int | None) -> Shape:
        """The shape of what arrives at a node; ``expected`` values, and as many from every side."""
        found: Shape = ()
        for source in self.flat.before[name]:
            size = self.size(source)
            expected = size if expected is None else expected
            if size != expected:
                self.fail(
                    name,
                    f"takes {expected} values but '{source}' gives {size}; check the shapes of both",
                )
            found = max(found, self.shapes[source], key=len)
        return found

    def own_shape(self, name: str) -> Shape:
        """Of an Input or Output as it says, of a population that of its largest parameter."""
        if self.flat.nodes[name].type in NEURONS:
            shapes = [self.value(name, key).shape for key in self.parameters(name)]
            return max(shapes, key=prod, default=()) or (1,)
        shape = []
        for extent in self.value(name, "shape").reshape(-1).tolist():
            if extent < 1 or extent != int(extent):
                self.fail(name, f"has an extent {extent:g} in its shape; give whole numbers from 1")
            shape.append(int(extent))
        if prod(shape) > CHANNELS:
            self.fail(name, f"has {prod(shape):,} channels, more than the {CHANNELS:,} allowed")
        return tuple(shape)
