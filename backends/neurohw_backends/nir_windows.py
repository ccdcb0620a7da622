"""Convolutions and pools of a NIR graph: kernels that slide over images, checked, as linear maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurohw_backends.nir_flat import POOLS
from neurohw_backends.nir_sparse import Sparse, convolution, extents

if TYPE_CHECKING:
    from neurohw_backends.nir_nodes import Nodes

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Window:
    """A kernel (out, in / groups, y, x) over images of ``size`` (y, x); see ``convolution``."""

    weight: NDArray[np.float64]
    size: Pair
    stride: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair
    groups: int

    @property
    def takes(self) -> int:
        """Values of an image with all its channels."""
        return int(self.weight.shape[1]) * self.groups * self.size[0] * self.size[1]

    def gives(self, where: str) -> tuple[int, int, int]:
        """Channels, y and x of what comes out; NetworkError if the kernel does not fit."""
        kernel = (self.weight.shape[2], self.weight.shape[3])
        out = extents(kernel, self.size, self.stride, self.padding, self.dilation, where)
        return (self.weight.shape[0], *out)

    def map(self, where: str) -> Sparse:
        """All its synapses."""
        return convolution(
            self.weight, self.size, self.stride, self.padding, self.dilation, self.groups, where
        )


def window_of(nodes: Nodes, name: str) -> Window | None:
    """The window of a Conv1d, Conv2d, SumPool2d or AvgPool2d; None if its image is not known yet.

    A Conv1d is a Conv2d on images of one row. A pool weighs each pixel 1, AvgPool2d the inverse of
    the kernel's size, zeros of the padding counted, as PyTorch does unless told otherwise.
    """
    kind, shape = nodes.flat.nodes[name].type, nodes.arriving(name, None)
    if kind in POOLS:
        return _pool(nodes, name, (1, *shape) if len(shape) == 2 else shape)
    weight, groups = _kernel(nodes, name), _groups(nodes, name)
    if "input_shape" in nodes.flat.nodes[name].values:
        size = nodes.whole(name, "input_shape", 1)[-2:]
    else:
        size = list(shape[-2:])
        if len(shape) < 2:
            return None
    if kind == "Conv1d":
        size = [1, size[-1]]
    elif len(size) < 2:
        nodes.fail(name, f"has input_shape {size[0]}; give (y, x)")
    stride, dilation = _pair(nodes, name, "stride", 1), _pair(nodes, name, "dilation", 1)
    padding = _padding(nodes, name, weight, stride, dilation)
    return Window(weight, (size[0], size[1]), stride, padding, dilation, groups)


def _pool(nodes: Nodes, name: str, shape: tuple[int, ...]) -> Window | None:
    if len(shape) < 3:
        return None
    ky, kx = _pair(nodes, name, "kernel_size", 1)
    py, px = _pair(nodes, name, "padding", 0)
    channels, size = int(np.prod(shape[:-2])), (shape[-2], shape[-1])
    if ky > size[0] + 2 * py or kx > size[1] + 2 * px:
        nodes.fail(name, f"has a window of {ky} x {kx} for images of {size[0]} x {size[1]}")
    share = ky * kx if nodes.flat.nodes[name].type == "AvgPool2d" else 1
    weight = np.broadcast_to(np.float64(1 / share), (channels, 1, ky, kx))
    stride = _pair(nodes, name, "stride", 1)
    return Window(weight, size, stride, ((py, py), (px, px)), (1, 1), channels)


def _kernel(nodes: Nodes, name: str) -> NDArray[np.float64]:
    weight, one = nodes.value(name, "weight"), nodes.flat.nodes[name].type == "Conv1d"
    if weight.ndim != (3 if one else 4) or not weight.size:
        dims = "(out, in, x)" if one else "(out, in, y, x)"
        nodes.fail(name, f"has a weight of shape {weight.shape}; give {dims}")
    return weight[:, :, None, :] if one else weight


def _groups(nodes: Nodes, name: str) -> int:
    groups, out = nodes.whole(name, "groups", 1)[0], nodes.value(name, "weight").shape[0]
    if out % groups:
        nodes.fail(name, f"has {out} output channels in {groups} groups; they must divide evenly")
    return groups


def _pair(nodes: Nodes, name: str, key: str, low: int) -> Pair:
    """One or two whole numbers, for y and x; of a Conv1d for x only."""
    found = nodes.whole(name, key, low)
    if nodes.flat.nodes[name].type == "Conv1d" and len(found) == 1:
        return (0 if key == "padding" else 1, found[0])
    if len(found) not in (1, 2):
        nodes.fail(name, f"has {len(found)} values for {key}; give one or two")
    return found[0], found[-1]


def _padding(
    nodes: Nodes, name: str, weight: NDArray[np.float64], stride: Pair, dilation: Pair
) -> tuple[Pair, Pair]:
    """Zeros before and after, for y and x. 'same' puts the odd one after, as PyTorch does."""
    text = nodes.flat.nodes[name].texts.get("padding")
    if text is None:
        y, x = _pair(nodes, name, "padding", 0)
        return (y, y), (x, x)
    if text == "valid":
        return (0, 0), (0, 0)
    if text != "same" or stride != (1, 1):
        nodes.fail(
            name,
            f"has padding '{text}' and stride {stride[0]}, {stride[1]}; padding is numbers, 'valid', "
            "or 'same' with stride 1",
        )
    y, x = (dilation[a] * (weight.shape[2 + a] - 1) for a in (0, 1))
    return (y // 2, y - y // 2), (x // 2, x - x // 2)
