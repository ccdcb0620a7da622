"""Networks trained in lava-dl from and to its ``.net`` files: Loihi's integers, taken as they are.

lava-dl trains with the chip's codes, so nothing is quantised here: weights, decays, thresholds and
biases of the file are those of the chip. ``u = shr0(u (4096 - iDecay), 12) + (W s << 6)``,
``v = shr0(v (4096 - vDecay), 12) + u + (bias << 6)``, a spike and ``v = 0`` if ``v > vThMant << 6``.
lava-dl (archived 2026) is by Intel; the layout is told by its ``netx/README.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.chip import Chip, load_chip
from neurohw.errors import CapacityError, InputError, NetworkError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw_backends.lavadl_layers import Codes, Layer, load
from neurohw_backends.lavadl_write import write
from neurohw_backends.nir_sparse import Sparse, convolution

__all__ = ["image_codes", "read", "write"]

INPUT = "input"
_MODELS = ("CUBA", "LOIHI")
_EXPONENT = 6


def read(
    path: str | Path,
    *,
    dt: float = 1e-3,
    chip: Chip | None = None,
    reset_interval: int | None = None,
    reset_offset: int = 0,
) -> FixedPointNetwork:
    """The network in a ``.net`` file, in the integers of ``chip`` (default: loihi2).

    A layer k with neurons becomes the population ``layerK``. An input layer's neurons are driven by
    the biases that :func:`image_codes` makes of an image; without an input layer the network takes
    spikes at ``input``. Dense, conv and pool layers become projections of ``layer`` to ``layer``, an
    axonal ``delay`` goes to the synapses behind it, flatten only renames. Channels are flattened in
    the order (channel, y, x). ``dt`` is a label: the chip counts ticks. With ``reset_interval`` the states
    of layer k are cleared before tick ``reset_offset + k`` and every so many ticks from there: samples
    follow one another through the layers.

    NetworkError for a layer or neuron model that LIF neurons can't be, CapacityError for a code that
    the chip can't hold, FileError for another file.
    """
    path = Path(path)
    chip = load_chip("loihi2") if chip is None else chip
    layers = load(path)
    interval = None if reset_interval is None else (reset_interval, reset_offset)
    populations: dict[str, FixedPopulation] = {}
    projections: list[FixedProjection] = []
    inputs: dict[str, int] = {}
    last: Layer | None = None
    shape: tuple[int, ...] = ()
    for layer in layers:
        if layer.type == "flatten":
            continue
        if layer.type not in ("input", "dense", "conv", "pool"):
            layer.fail("can't be read; input, dense, conv, pool and flatten can")
        name = f"layer{layer.index}"
        populations[name] = _population(name, layer, chip, interval)
        if layer.type == "input":
            if last is not None:
                layer.fail("comes after another; a network has one input layer, its first")
        else:
            if last is None:
                shape = _input_shape(layer)
                inputs[INPUT] = int(np.prod(shape))
            source = INPUT if last is None else f"layer{last.index}"
            weights = _weights(layer, shape)
            projections.append(_projection(source, name, layer, weights, _delays(last)))
        last, shape = layer, layer.shape
    if last is None:
        raise NetworkError(f"{path}: has no layer with neurons")
    if _delays(last).any():
        last.fail("delays its spikes but nothing follows it; the network has no place for that")
    return FixedPointNetwork(
        chip, dt, inputs, populations, tuple(projections), outputs=(f"layer{last.index}",),
        name=path.stem,
    )  # fmt: skip


def image_codes(path: str | Path, images: ArrayLike) -> NDArray[np.int64]:
    """``bias_mant`` of the input layer for ``images`` (..., channels, y, x), int64 (..., n).

    ``2 weight x - weight + bias``, truncated, with the input layer's weight and bias. For
    ``emulate(..., parameters={"layer0": {"bias_mant": codes}})``, with an image for each trial.
    """
    layer = load(Path(path))[0]
    if layer.type != "input":
        layer.fail("is no input layer; the network takes spikes at 'input'")
    weight = layer.number("weight") if "weight" in layer.values else 64
    bias = layer.number("bias") if "bias" in layer.values else 0
    array = np.asarray(images, np.float64)
    if array.shape[array.ndim - len(layer.shape) :] != layer.shape:
        raise InputError(f"images have shape {array.shape}; the input layer takes {layer.shape}")
    codes = np.trunc(2 * weight * array - weight + bias).astype(np.int64)
    return codes.reshape(*array.shape[: array.ndim - len(layer.shape)], layer.size)


def _population(
    name: str, layer: Layer, chip: Chip, interval: tuple[int, int] | None
) -> FixedPopulation:
    if layer.model not in _MODELS:
        layer.fail(
            f"has neurons of type {layer.model or 'unknown'}; only {' and '.join(_MODELS)} are LIF "
            "neurons"
        )
    for key, plain, what in (
        ("gradedSpike", 0, "graded spikes"), ("refDelay", 1, "a refractory delay"),
        ("wgtExp", 0, "a weight exponent"), ("weight_exp", 0, "a weight exponent"),
    ):  # fmt: skip
        if key in layer.neuron and (layer.codes(key, True) != plain).any():
            layer.fail(f"has {what} ({key} {layer.codes(key, True).reshape(-1)[0]}), not read")
    wanted = "lif" if interval is None else "lif_reset"
    if wanted not in chip.neurons:
        raise CapacityError(
            f"{layer.path}: {chip.name} has no neuron '{wanted}'; read it for loihi2"
        )
    decay = layer.number("iDecay", True)
    parameters: dict[str, Any] = {
        "du": decay - 1, "dv": layer.number("vDecay", True),
        "vth": layer.number("vThMant", True),
        "bias_mant": _bias(layer), "bias_exp": _EXPONENT,
    }  # fmt: skip
    if decay < 1:
        layer.fail(f"has iDecay {decay}; Loihi holds iDecay - 1 in 0..4095")
    if interval is not None:
        parameters |= {"reset_interval": interval[0], "reset_offset": interval[1] + layer.index + 1}
    return FixedPopulation.of(name, layer.size, chip.neurons[wanted], parameters)


def _bias(layer: Layer) -> Codes:
    """A bias for each neuron, of a convolution one for each channel; an input layer's is its host's."""
    if "bias" not in layer.values or layer.type == "input":
        return np.zeros(layer.size, np.int64)
    bias = layer.codes("bias").reshape(-1)
    if bias.size not in (1, layer.shape[0], layer.size):
        layer.fail(f"has {bias.size} biases for shape {layer.shape}")
    return np.repeat(bias, layer.size // bias.size)


def _delays(layer: Layer | None) -> Codes:
    """Steps by which each neuron's spikes come later, (n,)."""
    if layer is None or "delay" not in layer.values:
        return np.zeros(1 if layer is None else layer.size, np.int64)
    delay = layer.codes("delay").reshape(-1)
    if delay.size not in (1, layer.shape[0], layer.size) or delay.min() < 0:
        layer.fail(f"has {delay.size} delays, from {delay.min()}, for shape {layer.shape}")
    return np.repeat(delay, layer.size // delay.size)


def _input_shape(layer: Layer) -> tuple[int, ...]:
    if layer.type != "dense":
        layer.fail(
            "is the first but has no input layer before it that tells the size of its images"
        )
    return (_matrix(layer).shape[1],)


def _matrix(layer: Layer) -> Codes:
    weight = layer.codes("weight")
    if weight.size % layer.size or not weight.size:
        layer.fail(f"has a weight of shape {weight.shape} for {layer.size} neurons")
    return weight.reshape(layer.size, -1)


def _weights(layer: Layer, shape: tuple[int, ...]) -> Sparse:
    if layer.type == "dense":
        matrix = _matrix(layer)
        if matrix.shape[1] != np.prod(shape):
            layer.fail(f"takes {matrix.shape[1]} values; the layer before gives {np.prod(shape)}")
        return Sparse.of(matrix.astype(np.float64))
    if len(shape) != 3:
        layer.fail(f"takes images; the layer before gives values of shape {shape}")
    weight = layer.codes("weight").astype(np.float64)
    weight = weight[..., 0] if weight.ndim == 5 and weight.shape[4] == 1 else weight
    groups = layer.number("groups") if "groups" in layer.values else 1
    if layer.type == "pool":
        ky, kx = layer.pair("kernelSize", 1)
        if weight.size not in (1, ky * kx):
            layer.fail(f"has a weight of shape {weight.shape} for a window of {ky} x {kx}")
        if ky * kx > shape[1] * shape[2]:
            layer.fail(f"has a window of {ky} x {kx} for images of {shape[1]} x {shape[2]}")
        window = np.broadcast_to(weight.reshape(-1), (ky * kx,)).reshape(1, 1, ky, kx)
        groups, weight = shape[0], np.broadcast_to(window, (shape[0], 1, ky, kx))
    if weight.ndim != 4 or not weight.size or groups < 1 or weight.shape[0] % groups:
        layer.fail(
            f"has a weight of shape {weight.shape} in {groups} groups; it is (out, in, y, x)"
        )
    if weight.shape[1] * groups != shape[0]:
        layer.fail(f"takes {weight.shape[1] * groups} channels; the layer before gives {shape[0]}")
    py, px = layer.pair("padding", 0)
    where = f"{layer.path}: layer {layer.index} ({layer.type})"
    made = convolution(
        weight, (shape[1], shape[2]), layer.pair("stride", 1), ((py, py), (px, px)),
        layer.pair("dilation", 1), groups, where,
    )  # fmt: skip
    if made.shape[0] != layer.size:
        layer.fail(f"gives {made.shape[0]} values; its shape {layer.shape} has {layer.size}")
    return made


def _projection(
    source: str, target: str, layer: Layer, weights: Sparse, delay: Codes
) -> FixedProjection:
    codes = weights.weight.astype(np.int64)
    if codes.size and not -256 <= codes.min() <= codes.max() <= 255:
        raise CapacityError(
            f"{layer.path}: layer {layer.index} ({layer.type}) has weights {codes.min()}..{codes.max()};"
            " Loihi holds -256..255: train with its quantiser"
        )
    late = delay[weights.pre] if delay.size > 1 else delay[0]
    return FixedProjection.of(source, target, weights.pre, weights.post, codes, late)
