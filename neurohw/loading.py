"""Networks and inputs from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.backend import Reader
from neurohw.entry import load_backend
from neurohw.errors import FileError, InputError
from neurohw.network.checks import integers
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.semantics import Integrator, Semantics


def load_network(
    path: str | Path,
    *,
    dt: float | None = None,
    integrator: Integrator | None = None,
    semantics: str | Semantics | None = None,
    outputs: Sequence[str] = (),
    analogue: Sequence[str] = (),
) -> Network:
    """A network from a NIR file.

    NIR stores neither the time step nor how it is stepped: ``dt`` in seconds is required (snnTorch
    exports for 1e-4, Norse for 1e-3 unless told otherwise), ``integrator`` is ``euler`` for networks
    trained in snnTorch or Norse and ``exact``, the default, for Nengo or Rockpool. ``semantics`` says
    that and how neurons reset, compare and pass spikes on: a preset's name (``snntorch``, ``norse``,
    ``sinabs``, ``rockpool``, ``lava``, ``spinnaker``) or Semantics. A file that neurohw wrote states all
    of it. ``analogue`` names input nodes that take currents instead of spikes.
    """
    path = Path(path)
    if path.suffix != ".nir":
        raise FileError(f"{path}: networks are read from .nir files; name one")
    reader = cast(Reader, load_backend("nir"))
    return reader.read(
        path, dt=dt, integrator=integrator, semantics=semantics, outputs=outputs, analogue=analogue
    )


def load_inputs(path: str | Path, network: Network) -> Inputs:
    """Inputs from an .npz file. For each input population NAME (or ``spikes`` if there is only one):

    - a raster (steps, n) or (trials, steps, n) of whole numbers for spikes, of numbers for currents;
      ``NAME_shape`` beside it says that the last axis is bit-packed (numpy.packbits);
    - or event lists ``NAME.step`` and ``NAME.neuron`` (and ``NAME.trial``) with ``steps`` (and
      ``trials``).

    ``labels`` (trials,) are the right classes. Other arrays are ignored.
    """
    data = files.read_npz(path)
    sizes = {name: network.populations[name].n for name in network.inputs}
    single = network.inputs[0] if len(network.inputs) == 1 else None
    spikes: dict[str, NDArray[Any]] = {}
    currents: dict[str, NDArray[Any]] = {}
    events: dict[str, Spikes] = {}
    for name in network.inputs:
        spiking = network.populations[name].spiking
        keys = [name] + ([("spikes" if spiking else "currents")] if name == single else [])
        for key in keys:
            if key in data:
                (spikes if spiking else currents)[name] = _raster(path, data, key)
                break
            if f"{key}.step" in data and spiking:
                events[name] = _events(path, data, key, sizes[name])
                break
        else:
            known = ", ".join(sorted(data))
            hint = f" or '{keys[-1]}'" if len(keys) > 1 else ""
            raise FileError(
                f"{path}: has no '{name}'{hint} for the input of that name, only: {known}"
            )
    labels = _labels(path, data)
    if events and (spikes or currents):
        raise FileError(f"{path}: mixes event lists and rasters; use one kind")
    try:
        if events:
            steps, trials = (_count(path, data, key, events, default) for key, default in
                             (("steps", None), ("trials", 1)))  # fmt: skip
            inputs = Inputs(steps, trials, events, {}, labels)
        else:
            inputs = Inputs.from_dense(spikes, currents, labels)
        inputs.check(sizes, {k: network.populations[k].spiking for k in network.inputs})
        return inputs
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _raster(path: str | Path, data: dict[str, NDArray[Any]], key: str) -> NDArray[Any]:
    raster = data[key]
    packed = data.get(f"{key}_shape")
    if packed is None:
        return raster
    if packed.dtype.kind not in "iu":
        raise FileError(f"{path}: '{key}_shape' holds {packed.dtype} values; give whole numbers")
    shape = [int(x) for x in np.ravel(packed)]
    if raster.dtype != np.uint8 or raster.ndim not in (2, 3) or len(shape) != raster.ndim:
        raise FileError(f"{path}: '{key}' is not bit-packed as '{key}_shape' {shape} says")
    if shape[:-1] != list(raster.shape[:-1]) or -(-shape[-1] // 8) != raster.shape[-1]:
        raise FileError(
            f"{path}: '{key}' {raster.shape} does not unpack to '{key}_shape' {tuple(shape)}"
        )
    return np.unpackbits(raster, axis=-1)[..., : shape[-1]]


def _events(path: str | Path, data: dict[str, NDArray[Any]], key: str, n: int) -> Spikes:
    step, neuron = data[f"{key}.step"], data.get(f"{key}.neuron")
    if neuron is None:
        raise FileError(f"{path}: has '{key}.step' but no '{key}.neuron'")
    trial = data.get(f"{key}.trial", np.zeros_like(step))
    for what, column in (("step", step), ("neuron", neuron), ("trial", trial)):
        if column.ndim != 1 or column.dtype.kind not in "iu" or column.shape != step.shape:
            raise FileError(f"{path}: '{key}.{what}' must be a list of integers, one an event")
        if column.size and (int(column.min()) < 0 or int(column.max()) >= 2**31):
            raise FileError(f"{path}: '{key}.{what}' has {column.min()}..{column.max()}")
    return Spikes.of(n, trial, step, neuron)


def _count(
    path: str | Path,
    data: dict[str, NDArray[Any]],
    key: str,
    events: dict[str, Spikes],
    default: int | None,
) -> int:
    if key in data:
        if data[key].size != 1 or data[key].dtype.kind not in "iu":
            raise FileError(f"{path}: '{key}' must be one whole number")
        return int(np.ravel(data[key])[0])
    column = "step" if key == "steps" else "trial"
    last = max((int(getattr(s, column).max(initial=0)) for s in events.values()), default=0)
    return last + 1 if default is None else max(last + 1, default)


def _labels(path: str | Path, data: dict[str, NDArray[Any]]) -> NDArray[np.int64] | None:
    labels = data.get("labels")
    if labels is None:
        return None
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise FileError(f"{path}: 'labels' must be a list of class numbers")
    return integers(f"{path}: 'labels'", labels, error=FileError)
