"""Initial potentials: a float Network has none, so they are written into the chip's registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.network.rules import Distribution

CURRENT = "i"


def spread_v(
    fixed: FixedPointNetwork, values: Mapping[str, Distribution], seed: int = 0
) -> FixedPointNetwork:
    """The network with potentials drawn for populations by name, volts; seeded.

    What the codes mean is read from the profile. A synaptic current starts at the value that the
    population's bias holds it at, as where a drive has always been on. NetworkError for a population
    without a known membrane.
    """
    populations = dict(fixed.populations)
    for name, distribution in values.items():
        if name not in populations:
            raise UnknownName.of("population", name, populations)
        p = populations[name]
        text = f"{seed}\0{name}\0v".encode()
        key = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
        from neurohw.network.edges import draws

        table = distribution.table(1 << 16)
        # The upper 16 bits name an entry.
        drawn = table[(draws(key, p.n) >> np.uint64(48)).astype(np.int64) * table.size >> 16]
        initial = {**p.initial, **_codes(p, "v", drawn)}
        if p.meaning is not None and CURRENT in p.meaning.rules.registers:
            steady = p.meaning.values.get("w_in", 1.0) * p.meaning.values["bias"]
            initial.update(_codes(p, CURRENT, np.broadcast_to(steady, (p.n,))))
        populations[name] = replace(p, initial=initial)
    return replace(fixed, populations=populations)


def _codes(
    p: FixedPopulation, variable: str, wanted: NDArray[np.float64]
) -> dict[str, NDArray[np.int64]]:
    """Codes of the register that stands for a variable, at the nearest to ``wanted`` that it holds."""
    formula = p.meaning.rules.registers.get(variable) if p.meaning else None
    if p.meaning is None or formula is None:
        raise NetworkError(
            f"population '{p.name}': nothing says which register is its {variable}; quantise it first"
        )
    register = next(k for k in formula.names if k in p.neuron.tick.registers)
    # The formula is a straight line in the code: two points give it.
    zero, one = (
        np.asarray(formula({**p.meaning.values, register: at}, p.meaning.functions), np.float64)
        for at in (0.0, 1.0)
    )
    form = p.neuron.tick.registers[register]
    code = np.rint(np.broadcast_to((wanted - zero) / (one - zero), (p.n,)))
    return {register: np.clip(code, *form.reads).astype(np.int64)}
