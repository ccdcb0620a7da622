"""The layers of a lava-dl ``.net`` file as stored: checked arrays, one group for each layer.

The layout is that of lava-dl's ``export_hdf5``: ``layer/0`` to ``layer/n-1`` from input to output, each
with ``type`` and ``shape`` and, where it has neurons, a group ``neuron`` of device parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError
from neurohw_backends.nir_hdf5 import Checked, opened

Codes = NDArray[np.int64]
_LAYERS = 4096


@dataclass(frozen=True)
class Layer:
    """One layer: its type, shape (channels, y, x) or (n,), whole-number fields, and its neuron's."""

    path: Path
    index: int
    type: str
    shape: tuple[int, ...]
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    neuron: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    model: str = ""

    @property
    def size(self) -> int:
        """Neurons, or values that pass."""
        return prod(self.shape)

    def fail(self, message: str) -> NoReturn:
        """NetworkError about this layer."""
        raise NetworkError(f"{self.path}: layer {self.index} ({self.type}) {message}")

    def codes(self, key: str, of_neuron: bool = False) -> Codes:
        """A field as whole numbers; NetworkError if it lacks or has a fraction."""
        values = self.neuron if of_neuron else self.values
        if key not in values:
            self.fail(f"has no '{key}'; export the file again")
        array = np.asarray(values[key])
        rounded = np.rint(array)
        if not np.isfinite(array).all() or (array != rounded).any() or np.abs(array).max() > 2**31:
            self.fail(
                f"has a {key} that is no whole number; Loihi's are codes: export after training"
            )
        return np.asarray(rounded, np.int64)

    def number(self, key: str, of_neuron: bool = False) -> int:
        """A field that is one whole number."""
        found = self.codes(key, of_neuron).reshape(-1)
        if found.size != 1:
            self.fail(f"has {found.size} values for {key}; give one")
        return int(found[0])

    def pair(self, key: str, low: int) -> tuple[int, int]:
        """A field for y and x, from ``low`` on."""
        found = self.codes(key).reshape(-1).tolist()
        if len(found) not in (1, 2) or min(found) < low:
            self.fail(f"has {key} {found}; give one or two whole numbers from {low}")
        return found[0], found[-1]


def load(path: Path) -> list[Layer]:
    """The layers in order; FileError for a file that is no ``.net``."""

    def use(file: Checked, root: Any) -> list[Layer]:
        if "layer" not in root:
            raise file.fail("is HDF5 but no lava-dl network: it has no group 'layer'")
        group = file.member(root, "layer")
        count = len(group)
        if not 1 <= count <= _LAYERS:
            raise file.fail(f"has {count} layers; 1..{_LAYERS} are read")
        missing = [k for k in range(count) if str(k) not in group]
        if missing:
            raise file.fail(f"has no layer {missing[0]} of {count}; export it again")
        return [_layer(file, file.member(group, str(k), "layer"), k) for k in range(count)]

    return opened(path, "lava-dl network", use)


def _layer(file: Checked, group: Any, index: int) -> Layer:
    what = f"layer {index}"
    if not file.is_group(group) or "type" not in group:
        raise file.fail(f"{what} has no 'type'; export it again")
    kind = _text(file, file.member(group, "type", what), f"{what}: 'type'")
    values: dict[str, NDArray[Any]] = {}
    neuron: dict[str, NDArray[Any]] = {}
    model = ""
    for key in group:
        item = file.member(group, key, what)
        if key == "neuron" and file.is_group(item):
            for name in item:
                value = file.member(item, name, f"{what}.neuron")
                if name == "type":
                    model = _text(file, value, f"{what}: 'neuron.type'")
                elif not file.is_text(value):
                    neuron[name] = file.numbers(value, f"{what}: 'neuron.{name}'")
        elif file.is_group(item):
            raise file.fail(f"{what}: '{key}' has parts ({', '.join(item)}): complex weights of a "
                            "resonator, which Loihi's LIF can't be")  # fmt: skip
        elif key != "type":
            values[key] = file.numbers(item, f"{what}: '{key}'")
    shape = values.pop("shape", np.zeros(0, np.int64)).reshape(-1)
    if not shape.size or (shape < 1).any() or prod(int(k) for k in shape) >= 2**31:
        raise file.fail(f"{what} has shape {shape.tolist()}; give whole numbers from 1")
    return Layer(file.path, index, kind, tuple(int(k) for k in shape), values, neuron, model)


def _text(file: Checked, item: Any, what: str) -> str:
    """A text, of variable or fixed length."""
    return file.text(item, what)
