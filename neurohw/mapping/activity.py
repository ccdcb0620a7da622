"""How often each neuron and input spikes: from a recorded run, from rates, or all alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError, UnknownName
from neurohw.fixed import FixedPointNetwork
from neurohw.network.checks import numbers
from neurohw.recording import Recording

Float = NDArray[np.float64]


def activity_of(
    network: FixedPointNetwork, given: Recording | Mapping[str, ArrayLike] | None
) -> Float:
    """Spikes a step of every vertex, inputs first, float64 (vertices,); 1 where nothing is known.

    ``given``: a recording, or rates in Hz by population, a number or one for each neuron. Populations
    that it leaves out spike as often as the mean of the others.
    """
    sizes = network.sizes
    if given is None:
        return np.ones(sum(sizes.values()))
    found: dict[str, Float] = {}
    if isinstance(given, Recording):
        for name, spikes in given.spikes.items():
            if sizes.get(name) == spikes.n:
                total = max(given.steps * given.trials, 1)
                found[name] = np.bincount(spikes.neuron, minlength=spikes.n) / total
    elif isinstance(given, Mapping):
        for name, rates in given.items():
            if name not in sizes:
                raise UnknownName.of("population in activity", name, sizes)
            values = numbers(f"activity of '{name}'", rates, InputError)
            if (
                values.shape not in ((), (sizes[name],))
                or not (np.isfinite(values) & (values >= 0)).all()
            ):
                raise InputError(
                    f"activity of '{name}' has shape {values.shape}; give a rate in Hz, 0 or more, or "
                    f"{sizes[name]} of them"
                )
            found[name] = np.broadcast_to(values * network.dt, (sizes[name],)).astype(np.float64)
    else:
        raise InputError(
            f"activity is a {type(given).__name__}; give a Recording or rates by population"
        )
    known = np.concatenate(list(found.values())) if found else np.ones(1)
    mean = float(known.mean()) if known.size else 1.0
    return np.concatenate(
        [found.get(k, np.full(n, mean)) for k, n in sizes.items()] or [np.zeros(0)]
    )
