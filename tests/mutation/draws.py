"""Numbers drawn where mistakes show: ends of formats, powers of two, small ones, ties."""

from __future__ import annotations

from typing import Any

import numpy as np
from executions import Compiled, Executions, differences
from numpy.random import Generator
from numpy.typing import NDArray

from neurohw.chip.model import Neuron
from neurohw.equations.tree import Draw
from neurohw.fixedpoint import Format

Array = NDArray[Any]


def edgy(rng: Generator, form: Format, shape: Any, small: float = 0.4) -> Array:
    """Numbers of a format: ends, powers of two and their neighbours, small ones, any."""
    low, high = form.low, form.high
    bits = rng.integers(0, form.bits, shape)
    power = (np.int64(1) << bits) + rng.integers(-1, 2, shape)
    power = np.where(rng.random(shape) < 0.5 * form.signed, -power, power)
    below, above = low + rng.integers(0, 2, shape), high - rng.integers(0, 2, shape)
    ends = np.where(rng.random(shape) < 0.5, below, above)
    few = rng.integers(-3 if form.signed else 0, 4, shape)
    kind = rng.random(shape)
    rest = (1 - small) / 3
    found = np.select(
        [kind < small, kind < small + rest, kind < small + 2 * rest], [few, power, ends],
        rng.integers(low, high, shape, endpoint=True),
    )  # fmt: skip
    return np.clip(found, low, high).astype(np.int64)


def seems_equal(old: Neuron, new: Neuron, executions: int = 200_000, seed: int = 0) -> bool:
    """Whether two neurons do the same in all of so many drawn executions of each phase."""
    rng = np.random.default_rng(seed)
    pairs = [(p, new.programs[k]) for k, p in old.programs.items()]
    if old.start is not None and new.start is not None:
        pairs.append((old.start, new.start))
    for before, after in pairs:
        if before == after:
            continue
        forms = {**before.registers, **before.parameters, **before.inputs}
        columns: dict[str, Array] = {}
        for k, (name, form) in enumerate(forms.items()):
            wide = Format(min(form.bits + (name in before.inputs and form.overflow != "error"), 62),
                          form.signed)  # fmt: skip
            values = edgy(rng, wide, executions, small=(0.2, 0.5, 0.8)[k % 3])
            for other in list(columns)[-6:]:
                tie = rng.random(executions) < 0.03
                shift = rng.choice([0, 6], executions)
                values = np.where(tie, columns[other] >> shift, values)
            columns[name] = np.clip(values, wide.low, wide.high)
        draws = {
            k: rng.integers(0, 1 << before.generators[a.value.generator], executions)
            for k, a in enumerate(before.assigns) if isinstance(a.value, Draw)
        }  # fmt: skip
        drawn = Executions(old.name, "", "", columns, np.arange(executions), draws)
        a, b = Compiled(before), Compiled(after)
        for low in range(0, executions, 20_000):
            if differences(a, b, drawn, low, low + 20_000)[0].any():
                return False
    return True
