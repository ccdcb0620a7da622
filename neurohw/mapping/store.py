"""Images in files: an .npz of arrays with JSON beside them, and a hash over all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.chip.load import parse_chip
from neurohw.chip.model import Chip
from neurohw.errors import FileError, NeurohwError
from neurohw.fixed import FixedCurrent, FixedPointNetwork, FixedPopulation
from neurohw.mapping.image import ChipImage, End
from neurohw.mapping.sound import column
from neurohw.mapping.synapses import Form
from neurohw.network.checks import whole

FORMAT = 1
KIND = "neurohw chip image"
FAULTS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What wrong names, types and sizes in a file raise, our own errors among them."""


def save_image(image: ChipImage, path: str | Path) -> None:
    """Write an image as .npz: arrays, and a JSON 'meta' with the chip's whole profile and the content's
    hash; complete or not at all."""
    meta, arrays = content(image)
    stored = {**json.loads(meta), "hash": image.hash}
    files.write_npz(path, {**arrays, "meta": np.array(json.dumps(stored))})


def load_image(path: str | Path) -> ChipImage:
    """The image in a file; FileError if it is none, damaged, or not what its hash says.

    What codes stand for in the float model is not in it: recordings have registers only.
    """
    data = files.read_npz(path)
    meta = files.read_meta(path, data, KIND, FORMAT)
    try:
        image = _read(meta, data)
    except FAULTS as e:
        raise FileError(
            f"{path}: not a complete chip image ({_reason(e)}); map the network again"
        ) from None
    if image.hash != meta.get("hash"):
        raise FileError(
            f"{path}: its content has the hash {image.hash[:12]}, not {str(meta.get('hash'))[:12]} as it "
            "says; map the network again"
        )
    try:
        image.followed  # noqa: B018
    except FAULTS as e:
        raise FileError(f"{path}: {_reason(e)}") from None
    return image


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, NeurohwError) else repr(error)


def content(image: ChipImage) -> tuple[str, dict[str, NDArray[Any]]]:
    """What an image holds: JSON text, and arrays by name. Codes are in the order of cores and slots."""
    net = image.network
    origin = net.chip.origin
    if origin is None:
        raise FileError(
            f"chip {net.chip.name} was not read from a profile, so an image of it can't be kept"
        )
    arrays: dict[str, NDArray[Any]] = {"core": image.core, "slot": image.slot}
    arrays.update({f"image.{k}": v for k, v in image.arrays.items()})
    populations = []
    start = sum(net.inputs.values())
    for p in net.populations.values():
        order = _order(image, start, p.n)
        start += p.n
        for kind, codes in (("parameter", p.parameters), ("initial", p.initial)):
            arrays.update({f"{kind}.{p.name}.{k}": v[order] for k, v in codes.items()})
        if p.alias is not None:
            arrays[f"alias.{p.name}"] = p.alias[order]
        populations.append(
            {"name": p.name, "n": p.n, "neuron": p.neuron.name, "parameters": list(p.parameters),
             "initial": list(p.initial), "alias": p.alias is not None}
        )  # fmt: skip
    currents = []
    for k, c in enumerate(net.currents):
        arrays[f"current.{k}"] = c.weight
        currents.append(
            {
                "name": c.name,
                "source": c.source,
                "target": c.target,
                "delay": c.delay,
                "ports": c.ports,
            }
        )
    if net.synapse_memory is not None:
        arrays["synapse_memory"] = net.synapse_memory
    meta = {
        "kind": KIND, "format": FORMAT, "method": image.method, "name": net.name, "dt": net.dt,
        "chip": {"text": origin.text, "changes": dict(origin.changes), "variant": origin.variant},
        "chips": net.chips, "inputs": dict(net.inputs), "spiking": dict(net.spiking_inputs),
        "outputs": list(net.outputs), "input_latency": net.input_latency,
        "constant": list(net.constant), "seeds": {k: list(v) for k, v in net.seeds.items()},
        "configuration": dict(net.configuration), "populations": populations, "currents": currents,
        "ends": [asdict(e) for e in image.ends], "forms": [asdict(f) for f in image.forms],
        "arrays": sorted(image.arrays),
    }  # fmt: skip
    return json.dumps(meta, sort_keys=True), arrays


def _order(image: ChipImage, start: int, n: int) -> NDArray[np.int64]:
    """The neurons of a population in the order of cores and slots."""
    here = slice(start, start + n)
    order: NDArray[np.int64] = np.lexsort((image.slot[here], image.core[here])).astype(np.int64)
    return order


def _read(meta: Mapping[str, Any], data: Mapping[str, NDArray[Any]]) -> ChipImage:
    profile = meta["chip"]
    chip = parse_chip(
        str(profile["text"]),
        "the image's profile",
        dict(profile["changes"]),
        str(profile["variant"]),
    )
    inputs = {str(k): whole(f"size of '{k}'", n) for k, n in meta["inputs"].items()}
    sizes = [whole("size of a population", p["n"]) for p in meta["populations"]]
    start = sum(inputs.values())
    core, slot = _places(chip, whole("chips", meta["chips"]), data, start, start + sum(sizes))
    populations: dict[str, FixedPopulation] = {}
    for entry in meta["populations"]:
        n, name = entry["n"], entry["name"]
        order = np.lexsort((slot[start : start + n], core[start : start + n]))
        start += n

        def placed(key: str, order: NDArray[np.int64] = order) -> NDArray[np.int64]:
            given = data[key]
            if given.shape != order.shape or given.dtype != np.int64:
                raise FileError(f"{key} is {given.dtype} {given.shape} for {order.size} neurons")
            found = np.empty(order.size, np.int64)
            found[order] = given
            return found

        populations[name] = FixedPopulation.of(
            name, n, chip.neurons[entry["neuron"]],
            {k: placed(f"parameter.{name}.{k}") for k in entry["parameters"]},
            {k: placed(f"initial.{name}.{k}") for k in entry["initial"]},
            alias=placed(f"alias.{name}") if entry["alias"] else None,
        )  # fmt: skip
    currents = tuple(
        FixedCurrent(
            c["name"], c["source"], c["target"], data[f"current.{k}"], c["delay"], tuple(c["ports"]),
        )
        for k, c in enumerate(meta["currents"])
    )  # fmt: skip
    dt = float(meta["dt"])
    if not 0 < dt < float("inf"):
        raise FileError(f"dt is {dt}")
    network = FixedPointNetwork(
        chip, dt, inputs, populations, (), currents, meta["spiking"], tuple(meta["outputs"]), None,
        str(meta["name"]), meta["input_latency"], tuple(meta["constant"]), meta["seeds"],
        meta["configuration"], data.get("synapse_memory"), meta["chips"],
    )  # fmt: skip
    forms, ends = tuple(Form(**f) for f in meta["forms"]), tuple(End(**e) for e in meta["ends"])
    _check(network, ends, forms)
    arrays = {k: data[f"image.{k}"] for k in meta["arrays"]}
    return ChipImage(network, core, slot, arrays, ends, forms, str(meta["method"]))


def _places(
    chip: Chip, chips: int, data: Mapping[str, NDArray[Any]], inputs: int, total: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """``core`` and ``slot`` of all vertices; FileError unless all neurons are on cores of the chip, and
    slots of a core are numbered without gaps."""
    if chip.cores is None:
        raise FileError(f"{chip.name} has no cores")
    core, slot = (column(data, k, np.int32, total, -1) for k in ("core", "slot"))
    placed, most = core >= 0, chip.cores.count * chips
    if (placed != (slot >= 0)).any() or not placed[inputs:].all():
        raise FileError("a neuron has no core or no slot")
    if int(core.max(initial=0)) >= most:
        raise FileError(f"core {int(core.max())} of {most:,}")
    order = np.lexsort((slot[placed], core[placed]))
    home, here = core[placed][order], slot[placed][order]
    if (here != np.arange(here.size) - np.searchsorted(home, home)).any():
        raise FileError("slots of a core are not numbered from 0 on")
    return core, slot


def _check(network: FixedPointNetwork, ends: tuple[End, ...], forms: tuple[Form, ...]) -> None:
    """An error unless what an image says of its network fits together."""
    for c in network.currents:
        shape = (network.populations[c.target].n, network.inputs[c.source])
        if c.weight.shape != shape or c.weight.dtype != np.float64:
            raise FileError(f"current '{c.name}' has weights {c.weight.dtype} {c.weight.shape}")
        if (
            not set(c.ports) <= {"", *network.populations[c.target].neuron.ports}
            or len(c.ports) != 2
        ):
            raise FileError(f"current '{c.name}' goes to inputs {c.ports}")
        whole(f"delay of current '{c.name}'", c.delay, 0, 1 << 16)
    known = set(network.sizes)
    if not known >= {*network.outputs, *network.constant, *network.spiking_inputs}:
        raise FileError("it names populations that it has not")
    for e in ends:
        if e.source not in known or e.target not in network.populations:
            raise FileError(f"projection '{e.name}' from '{e.source}' to '{e.target}'")
        whole(f"form of projection '{e.name}'", e.form, 0, len(forms) - 1)
    for f in forms:
        for key in ("exponent", "bits", "nth", "low", "step", "weight_bits", "delay_bits"):
            whole(f"form's {key}", getattr(f, key), -(1 << 31))
