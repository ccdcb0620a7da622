"""A chain of LIF populations on Loihi as a lava-dl ``.net`` file of dense layers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.errors import NetworkError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw_backends.nir_hdf5 import LARGEST, library

_EXPONENT = 6


def write(network: FixedPointNetwork, path: str | Path) -> Path:
    """Write ``network`` as a ``.net`` file of dense layers, as lava-dl's ``export_hdf5`` does.

    The format holds a chain: one spike input, populations of ``lif`` neurons one after another, the
    output last, one weight for each pair, weights of exponent 0, biases that are multiples of 64, and
    delays that follow from the source neuron alone. NetworkError says what else there is.
    """
    chain = _chain(network)
    layers: list[dict[str, Any]] = []
    for k, p in enumerate(chain):
        population = network.populations[p.target]
        weight, delay = _dense(network, p)
        layer: dict[str, Any] = {
            "type": np.array([b"dense"], "S10"), "shape": np.array([population.n]),
            "inFeatures": weight.shape[1], "outFeatures": weight.shape[0],
            "weight": weight.astype(np.float32), **_neuron(network, population),
        }  # fmt: skip
        if delay.any():
            if k == 0:
                _fail(network, f"'{p.name}' delays the input's spikes, for which it has no place")
            layers[-1]["delay"] = delay.astype(np.float32)
        layers.append(layer)
    stream = io.BytesIO()
    with library().File(stream, "w") as file:
        for k, layer in enumerate(layers):
            for key, value in layer.items():
                file.create_dataset(f"layer/{k}/{key}", data=value)
    with files.replacing(path) as out:
        out.write(stream.getvalue())
    return Path(path)


def _fail(network: FixedPointNetwork, message: str) -> NoReturn:
    raise NetworkError(f"network '{network.name}' as lava-dl .net: {message}")


def _chain(network: FixedPointNetwork) -> list[FixedProjection]:
    """The projections from input to output; NetworkError if they form anything but a chain."""
    if network.currents or len(network.inputs) != 1 or network.constant:
        _fail(network, f"it has {len(network.inputs)} inputs; the format holds one, of spikes")
    after = {p.source: p for p in network.projections}
    at = next(iter(network.inputs))
    chain: list[FixedProjection] = []
    while at in after and len(chain) < len(network.projections):
        chain.append(after[at])
        at = after[at].target
    targets = [p.target for p in chain]
    whole = len(chain) == len(network.projections) == len(network.populations)
    if not whole or len(set(targets)) < len(targets) or not chain:
        _fail(network, "its populations are no chain; the format holds one layer after another")
    if tuple(network.outputs or targets[-1:]) != (targets[-1],):
        _fail(
            network, f"its outputs are {', '.join(network.outputs)}; the format reads out the last"
        )
    return chain


def _neuron(network: FixedPointNetwork, population: FixedPopulation) -> dict[str, Any]:
    codes, name = population.parameters, population.name
    if population.neuron.name != "lif" or set(codes) != {
        "du",
        "dv",
        "vth",
        "bias_mant",
        "bias_exp",
    }:
        _fail(network, f"population '{name}' is {population.neuron.name}; the format holds lif")
    if any(v.any() for v in population.initial.values()):
        _fail(network, f"population '{name}' starts with values in its registers")
    for key in ("du", "dv", "vth"):
        if (codes[key] != codes[key][0]).any():
            _fail(
                network, f"population '{name}' has several {key}; the format holds one for a layer"
            )
    bias = codes["bias_mant"] << codes["bias_exp"]
    if (bias & ((1 << _EXPONENT) - 1)).any():
        _fail(network, f"population '{name}' has a bias that is no multiple of {1 << _EXPONENT}")
    found: dict[str, Any] = {
        "neuron/type": "CUBA", "neuron/iDecay": int(codes["du"][0]) + 1,
        "neuron/vDecay": int(codes["dv"][0]), "neuron/vThMant": int(codes["vth"][0]),
        "neuron/refDelay": 1, "neuron/gradedSpike": False,
    }  # fmt: skip
    return found | ({"bias": (bias >> _EXPONENT).astype(np.float32)} if bias.any() else {})


def _dense(
    network: FixedPointNetwork, p: FixedProjection
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The weights (n_target, n_source) and the delay of each source neuron."""
    shape = network.sizes[p.target], network.sizes[p.source]
    if 8 * shape[0] * shape[1] > LARGEST:
        _fail(network, f"'{p.name}' is a matrix of {shape[0]:,} x {shape[1]:,}, too large")
    if p.exponent or (p.bits is not None and p.bits != network.chip.weight.bits):
        _fail(
            network, f"'{p.name}' has weight exponent {p.exponent}; the format holds weights of 0"
        )
    weight, delay = np.zeros(shape, np.int64), np.zeros(shape[1], np.int64)
    for pre, post, value, late in p.blocks():
        if weight[post, pre].any() or np.unique(post * np.int64(shape[1]) + pre).size < pre.size:
            _fail(network, f"'{p.name}' has several synapses between two neurons")
        weight[post, pre] = value
        np.maximum.at(delay, pre, late)
        if (delay[pre] != late).any():
            _fail(network, f"'{p.name}' has several delays from one neuron; the format holds one")
    return weight, delay
