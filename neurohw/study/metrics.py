"""The figures that a study's table can have, each a function of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from neurohw.errors import UnknownName

if TYPE_CHECKING:
    from neurohw.compare import Comparison, PopulationComparison
    from neurohw.fixed import FixedPointNetwork
    from neurohw.mapping.summary import Summary
    from neurohw.network import Network
    from neurohw.recording import Recording

Number = float | int | None


@dataclass(frozen=True)
class Run:
    """One task's run: the model, its integers, what the chip did, and how far that is from float."""

    network: Network
    fixed: FixedPointNetwork
    chip: Recording
    comparison: Comparison | None = None

    def of_comparison(self) -> Comparison:
        """The comparison, which is there if any figure needs it."""
        assert self.comparison is not None
        return self.comparison

    def neurons(self) -> list[PopulationComparison]:
        """Populations that are no inputs."""
        found = self.of_comparison().populations.items()
        return [p for name, p in found if name not in self.network.inputs]


@dataclass(frozen=True)
class Metric:
    """A figure: which way is better ('' for neither), and whether it needs the float reference."""

    of: Callable[[Run], Number]
    text: str
    better: Literal["more", "less", ""] = ""
    compares: bool = True


def agreement(run: Run) -> Number:
    """Share of all neurons' spikes that are in both at the same step; None without any."""
    total = sum(p.spikes_reference + p.spikes_other for p in run.neurons())
    return 2 * sum(p.agreeing for p in run.neurons()) / total if total else None


def worst_error(run: Run) -> Number:
    """The largest difference of a membrane, in the model's unit."""
    found = [float(p.traces["v"].largest) for p in run.neurons() if "v" in p.traces]
    return max((f for f in found if math.isfinite(f)), default=None)


def weight_bits(run: Run) -> int:
    """Synapses times the bits of a weight."""
    return run.fixed.synapses * run.fixed.chip.weight.bits


def state_bits(run: Run) -> int:
    """Neurons times the bits of their registers."""
    return sum(
        p.n * sum(form.bits for form in p.neuron.tick.registers.values())
        for p in run.fixed.populations.values()
    )


def mapped(run: Run) -> Summary:
    """The network on the chip's cores, with what the run cost there."""
    from neurohw.mapping.activity import activity_of
    from neurohw.mapping.map import map_network
    from neurohw.mapping.summary import summarise

    image = map_network(run.fixed, activity=run.chip)
    return summarise(image, activity_of(run.fixed, run.chip), run.chip)


def energy(run: Run) -> Number:
    """J of a trial by the chip's prices; None where it has none. A neuron counts as busy at every step."""
    cost = mapped(run).cost
    return None if cost is None or cost.energy is None else cost.energy / run.chip.trials


def _mean(name: str) -> Callable[[Run], Number]:
    """A population's figure over all of them, each as often as it has trains with a spike."""

    def of(run: Run) -> Number:
        pairs = [(getattr(p, name), p.trains) for p in run.neurons()]
        pairs = [(value, trains) for value, trains in pairs if value is not None]
        total = sum(trains for _, trains in pairs)
        return sum(value * trains for value, trains in pairs) / total if total else None

    return of


def _spikes(populations: Iterable[str], chip: Recording) -> int:
    return sum(chip.spikes[name].count for name in populations if name in chip.spikes)


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(
        lambda r: r.of_comparison().accuracy_other, "share of trials decided rightly", "more"
    ),
    "accuracy_reference": Metric(
        lambda r: r.of_comparison().accuracy_reference, "the same in floating point"
    ),
    "same_decision": Metric(
        lambda r: r.of_comparison().same_decision, "share of trials decided as in float", "more"
    ),
    "spike_agreement": Metric(agreement, "share of spikes at the same step as in float", "more"),
    "gamma": Metric(_mean("gamma"), "coincidence factor", "more"),
    "van_rossum": Metric(_mean("van_rossum"), "van Rossum distance", "less"),
    "victor_purpura": Metric(_mean("victor_purpura"), "Victor-Purpura distance", "less"),
    "isi_distance": Metric(_mean("isi_distance"), "ISI-distance", "less"),
    "spike_distance": Metric(_mean("spike_distance"), "SPIKE-distance", "less"),
    "rate_error": Metric(_mean("rate_error"), "absolute error of the rate, Hz", "less"),
    "rate_bias": Metric(_mean("rate_bias"), "signed error of the rate, Hz"),
    "worst_error": Metric(worst_error, "largest error of a membrane, in its unit", "less"),
    "spikes": Metric(
        lambda r: _spikes(r.fixed.populations, r.chip), "spikes of neurons", "", False
    ),
    "overflows": Metric(
        lambda r: sum(sum(v.values()) for v in r.chip.overflows.values()),
        "stores that the register could not hold", "less", False,
    ),
    "synaptic_operations": Metric(
        lambda r: sum(r.chip.synaptic_events.values()) / r.chip.trials,
        "synaptic events of a trial", "less", False,
    ),
    "clipped": Metric(
        lambda r: len(r.fixed.record.clips) if r.fixed.record else 0,
        "parameters that were clipped", "less", False,
    ),
    "weight_bits": Metric(weight_bits, "bits of all weights", "less", False),
    "state_bits": Metric(state_bits, "bits of all registers", "less", False),
    "energy": Metric(energy, "energy of a trial by the chip's prices, J", "less", False),
    "cores": Metric(lambda r: mapped(r).image.cores, "cores that the network takes", "less", False),
    "packets": Metric(lambda r: mapped(r).remote, "packets a step between cores", "less", False),
    "bits": Metric(lambda r: weight_bits(r) + state_bits(r), "bits of both", "less", False),
}  # fmt: skip
"""By name. A metric called ``energy`` is drawn against as soon as there is one."""
ALWAYS = ("bits",)
"""Figures that every row has."""
DEFAULT = ("accuracy", "spike_agreement", "van_rossum", "rate_error", "overflows",
           "synaptic_operations")  # fmt: skip


def of_population(name: str) -> tuple[str, str] | None:
    """(population, figure) of a name such as ``lif1.gamma``; None if it is no such name."""
    from neurohw.compare import PopulationComparison

    population, dot, figure = name.rpartition(".")
    known = {f.name for f in fields(PopulationComparison)} - {"traces"}
    return (population, figure) if dot and figure in known else None


def is_metric(name: Any) -> bool:
    """Whether there is such a metric, or it is a population's figure such as ``lif1.gamma``."""
    return isinstance(name, str) and (name in METRICS or of_population(name) is not None)


def columns(names: Iterable[str]) -> list[str]:
    """The figures of a row: these, and those that every row has."""
    return list(dict.fromkeys([*names, *ALWAYS]))


def compares(names: Iterable[str]) -> bool:
    """Whether any of these figures needs the float reference."""
    return any(name not in METRICS or METRICS[name].compares for name in names)


def figures(run: Run, names: Iterable[str]) -> dict[str, Number]:
    """The figures of these names; what is undefined or not finite is None."""
    found: dict[str, Number] = {}
    for name in columns(names):
        value = METRICS[name].of(run) if name in METRICS else _population(run, name)
        if value is None or not math.isfinite(value):
            found[name] = None
        else:  # no scalars of numpy, which JSON does not know
            found[name] = float(value) if isinstance(value, float) else int(value)
    return found


def _population(run: Run, name: str) -> Number:
    population, _, figure = name.rpartition(".")
    known = run.of_comparison().populations
    if population not in known:
        raise UnknownName.of("population", population, known)
    value: Number = getattr(known[population], figure)
    return value
