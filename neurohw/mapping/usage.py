"""What every core uses of what it has, and every limit that is exceeded, by whom and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork
from neurohw.mapping.synapses import Synapses

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

ADVICE = {
    "neurons": "use more cores",
    "input_axons": "group neurons that share sources, use more cores, or prune sources",
    "output_axons": "group targets on fewer cores, or give a population fewer far targets",
    "synapse_bits": "use more cores, fewer weight bits or delays, or prune synapses",
    "synapse_formats": "use one exponent and mode for more projections",
    "table_entries": "use fewer, larger cores, or group what talks together",
    "cores": "use a larger chip, more chips (chips=), or a smaller network",
}


@dataclass(frozen=True)
class Excess:
    """A limit that is exceeded: used and limit at core (or router) ``place``, and what most of it is."""

    resource: str
    place: int
    used: int
    limit: int
    responsible: str

    @property
    def advice(self) -> str:
        """What to change."""
        return ADVICE.get(self.resource, "give neurons of a core fewer different parameters")


@dataclass(frozen=True, eq=False)
class Usage:
    """``used`` int64 (cores,) by resource, and the ``limits`` of a core, where the chip has one."""

    used: Mapping[str, Int64]
    limits: Mapping[str, int]

    def over(self) -> dict[str, Int64]:
        """The cores at which each resource is exceeded."""
        found = {
            k: np.flatnonzero(v > self.limits[k]) for k, v in self.used.items() if k in self.limits
        }
        return {k: v for k, v in found.items() if v.size}


def core_limits(chip: Chip) -> dict[str, int]:
    """What one core holds of each resource."""
    names = {
        "neurons": "neurons_per_core", "input_axons": "input_axons", "output_axons": "output_axons",
        "synapse_bits": "synapse_bits", "synapse_formats": "synapse_formats",
    }  # fmt: skip
    found = {k: int(chip.limits[v].value) for k, v in names.items() if v in chip.limits}
    if chip.cores is not None:
        found.update({f"sets of {k}": most for k, (_, most) in chip.cores.sets.items()})
    return found


def parameter_sets(network: FixedPointNetwork, core: Int32) -> dict[str, Int64]:
    """Different combinations on each core of the parameters that a core has few of, by their name."""
    assert network.chip.cores is not None
    cores, inputs = int(core.max(initial=-1)) + 1, sum(network.inputs.values())
    found = {}
    for key, (parameters, _) in network.chip.cores.sets.items():
        kinds: dict[tuple[int, ...], int] = {}
        which = []
        for p in network.populations.values():
            mine = [p.parameters[k] for k in parameters if k in p.parameters]
            if not mine:
                which.append(np.full(p.n, -1, np.int64))
                continue
            columns, inverse = np.unique(np.stack(mine), axis=1, return_inverse=True)
            numbers = [kinds.setdefault(tuple(c), len(kinds)) for c in columns.T.tolist()]
            which.append(np.array(numbers, np.int64)[inverse.reshape(-1)])
        numbers_of = np.concatenate([np.full(inputs, -1, np.int64), *which])
        real = (numbers_of >= 0) & (core >= 0)
        pairs = np.unique(core[real].astype(np.int64) * max(len(kinds), 1) + numbers_of[real])
        found[f"sets of {key}"] = np.bincount(pairs // max(len(kinds), 1), minlength=cores)
    return found


def exceeded(usage: Usage, s: Synapses, core: Int32) -> list[Excess]:
    """The worst core of every resource that is exceeded, and the population that most of its neurons
    are of."""
    found = []
    population = s.populations()
    for resource, cores in usage.over().items():
        used = usage.used[resource]
        worst = int(cores[np.argmax(used[cores])])
        here = np.bincount(population[core == worst], minlength=len(s.names))
        responsible = s.names[int(np.argmax(here))] if here.any() else "?"
        more = f"; {cores.size} cores exceed it" if cores.size > 1 else ""
        found.append(
            Excess(
                resource,
                worst,
                int(used[worst]),
                usage.limits[resource],
                f"mostly '{responsible}'{more}",
            )
        )
    return found


def table(excesses: list[Excess]) -> str:
    """Every exceeded limit, a line each, at most 100 columns."""
    rows = [("limit", "at", "used", "limit", "by")]
    for e in excesses:
        at = f"core {e.place}" if e.place >= 0 else "chip"
        rows.append(
            (e.resource.replace("_", " "), at, f"{e.used:,}", f"{e.limit:,}", e.responsible)
        )
    wide = [max(len(r[k]) for r in rows) for k in range(5)]
    lines = []
    for k, r in enumerate(rows):
        cells = [
            r[0].ljust(wide[0]),
            r[1].ljust(wide[1]),
            r[2].rjust(wide[2]),
            r[3].rjust(wide[3]),
            r[4],
        ]
        lines.append("  ".join(cells).rstrip()[:100])
        if k:
            lines.append(f"    {excesses[k - 1].advice}")
    return "\n".join(lines)


class DoesNotFit(CapacityError):
    """The network does not fit on the chip: ``excesses`` are all limits that it exceeds."""

    def __init__(self, chip: Chip, excesses: list[Excess]) -> None:
        worst = max(excesses, key=lambda e: e.used / max(e.limit, 1))
        at = f"core {worst.place}" if worst.place >= 0 else chip.name
        more = f" (and {len(excesses) - 1} more limits)" if len(excesses) > 1 else ""
        super().__init__(
            f"the network does not fit on {chip.name}: {worst.resource.replace('_', ' ')} at {at} "
            f"{worst.used:,} of {worst.limit:,}, {worst.responsible}{more}; {worst.advice}"
        )
        self.excesses = tuple(excesses)

    @property
    def table(self) -> str:
        """Every limit that is exceeded, a line each."""
        return table(list(self.excesses))
