"""Codes of one population from its physical parameters, by the formulas of the profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip, FromPhysical, Neuron
from neurohw.errors import CapacityError
from neurohw.formulas import Functions
from neurohw.network.populations import Population


@dataclass(frozen=True, eq=False)
class Coded:
    """Codes of every parameter and initial register, int64 (n,), and what was lost on the way."""

    codes: dict[str, NDArray[np.int64]]
    initial: dict[str, NDArray[np.int64]]
    wanted: dict[str, NDArray[np.float64]]
    clipped: dict[str, int]
    vanished: dict[str, int]
    values: dict[str, Any]

    def trouble(self, rules: FromPhysical) -> list[str]:
        """Parameters that were clipped, or became 0 where that changes the neuron's nature."""
        clipped = [k for k, count in self.clipped.items() if count]
        return clipped + [
            k for k, count in self.vanished.items()
            if count and k not in rules.may_vanish and k not in clipped
        ]  # fmt: skip


def choose_neuron(chip: Chip, name: str, population: Population) -> tuple[Neuron, FromPhysical]:
    """The first neuron of the chip that can be this population; CapacityError says why none can."""
    reasons = []
    values = dict(population.parameters())
    for neuron in chip.neurons.values():
        rules = neuron.from_physical.get(population.kind)
        if rules is None:
            continue
        known = {**values, "bias": np.zeros(population.n)} if rules.bias_spikes else values
        unmet = [r.otherwise for r in rules.require if not np.all(r.test(known))]
        if not unmet:
            return neuron, rules
        reasons.append(f"{neuron.name}: {unmet[0]}")
    if reasons:
        raise CapacityError(
            f"population '{name}': no neuron of {chip.name} can be this {population.kind} "
            f"({'; '.join(reasons)})"
        )
    kinds = sorted({k for n in chip.neurons.values() for k in n.from_physical})
    raise CapacityError(
        f"population '{name}' is a {population.kind}; {chip.name} can be: {', '.join(kinds)}. Choose "
        "another chip or model"
    )


def compute_codes(
    population: Population,
    neuron: Neuron,
    rules: FromPhysical,
    functions: Functions,
    dt: float,
    scale: float | NDArray[np.float64],
) -> Coded:
    """Evaluate the formulas at ``scale``, round half to even, clip to the formats."""
    n = population.n
    values: dict[str, Any] = dict(population.parameters())
    values.update({k: float(v) for k, v in neuron.tick.constants.items()})
    values.update(dt=dt, scale=scale)
    codes, initial, wanted = {}, {}, {}
    clipped, vanished = {}, {}
    for name, formula in rules.codes.items():
        real = np.array(np.broadcast_to(np.asarray(formula(values, functions), float), (n,)))
        if name not in neuron.tick.parameters:
            values[name] = real
            continue
        form = neuron.tick.parameters[name]
        codes[name], clipped[name], vanished[name] = _round(real, form.low, form.high)
        wanted[name] = real
        values[name] = codes[name].astype(np.float64)
    for name, formula in rules.initial.items():
        real = np.array(np.broadcast_to(np.asarray(formula(values, functions), float), (n,)))
        form = neuron.tick.registers[name]
        initial[name], clipped[f"initial {name}"], _ = _round(real, form.low, form.high)
    return Coded(codes, initial, wanted, clipped, vanished, values)


def _round(real: NDArray[np.float64], low: int, high: int) -> tuple[NDArray[np.int64], int, int]:
    whole = np.rint(np.nan_to_num(real, nan=0.0, posinf=2.0**62, neginf=-(2.0**62)))
    code = np.clip(np.clip(whole, float(low), float(high)).astype(np.int64), low, high)
    # Within one code of the end of the format it is rounding, no clip: a decay of 4095.6 / 4096.
    clipped = np.isnan(real) | (np.abs(whole - code) > 1)
    return code, int(clipped.sum()), int(((code == 0) & (np.abs(real) > 0)).sum())


def realised(
    rules: FromPhysical, coded: Coded, functions: Functions
) -> Mapping[str, NDArray[np.float64]]:
    """The physical value that each code stands for, by physical parameter."""
    return {
        name: np.asarray(formula(coded.values, functions), float)
        for name, formula in rules.realised.items()
    }
