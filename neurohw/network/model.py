"""The float network: populations, projections, the time step, and how it is meant to be stepped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from neurohw.errors import NetworkError, UnknownName
from neurohw.network.populations import CurrentInput, Population, SpikeInput
from neurohw.network.projections import Projection
from neurohw.network.semantics import Integrator, Semantics


@dataclass(frozen=True, eq=False)
class Network:
    """What the author means: populations by name, projections between them, and time.

    ``dt`` is the time step in seconds for which the network was made; it is never guessed.
    ``integrator`` says how its author steps the equations: ``exact`` multiplies by
    ``exp(-dt / tau)``, ``euler`` by ``1 - dt / tau`` (what snnTorch, Norse and Lava train with).
    ``semantics`` says that and how it resets, compares and passes spikes on; if given, its
    integrator holds.
    ``outputs`` names the populations that are read out; by default those that project nowhere.
    """

    populations: Mapping[str, Population]
    projections: tuple[Projection, ...]
    dt: float
    integrator: Integrator = "exact"
    outputs: tuple[str, ...] = ()
    name: str = "network"
    semantics: Semantics = field(default=None)  # type: ignore[assignment]  # made of integrator
    inputs: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        if self.semantics is not None:
            object.__setattr__(self, "integrator", self.semantics.integrator)
        _check_populations(self.populations)
        _check_step(self)
        object.__setattr__(self, "semantics", self.semantics or Semantics(self.integrator))
        named = tuple(_placed(p, self.populations) for p in _named(self.projections))
        object.__setattr__(self, "dt", float(self.dt))
        sources = {p.source for p in named}
        given = (self.outputs,) if isinstance(self.outputs, str) else tuple(self.outputs or ())
        outputs = given or tuple(
            name for name, p in self.populations.items()
            if name not in sources and not isinstance(p, (SpikeInput, CurrentInput))
        )  # fmt: skip
        for output in outputs:
            if output not in self.populations:
                raise UnknownName.of("output population", output, self.populations)
        inputs = tuple(
            k for k, p in self.populations.items() if isinstance(p, (SpikeInput, CurrentInput))
        )
        object.__setattr__(self, "populations", MappingProxyType(dict(self.populations)))
        object.__setattr__(self, "projections", named)
        object.__setattr__(self, "outputs", outputs)
        object.__setattr__(self, "inputs", inputs)

    @property
    def neurons(self) -> int:
        """Number of neurons, inputs not counted."""
        return sum(p.n for name, p in self.populations.items() if name not in self.inputs)

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return sum(p.synapses for p in self.projections)

    def with_(self, **changes: object) -> Network:
        """The same network with some fields replaced."""
        if "integrator" in changes and "semantics" not in changes:
            changes["semantics"] = self.semantics.with_(integrator=changes["integrator"])
        return replace(self, **changes)  # type: ignore[arg-type]

    def latency(self) -> int:
        """Steps until a spike of an input has reached every population it can reach.

        The shortest path counts, one step for each projection plus its smallest delay: with this
        many more steps than the input has, its last spikes have shown their effect.
        """
        reached = dict.fromkeys(self.inputs, 0)
        frontier = list(self.inputs)
        while frontier:
            source = frontier.pop(0)
            for p in self.projections:
                if p.source == source and p.target not in reached and p.synapses:
                    extra = round(p.shortest() / self.dt)
                    reached[p.target] = reached[source] + 1 + extra
                    frontier.append(p.target)
        return max(reached.values(), default=0)


def _check_step(network: Network) -> None:
    dt = network.dt
    number = isinstance(dt, (int, float, np.number)) and not isinstance(dt, (bool, complex))
    if not number or not 1e-15 <= dt <= 1e9:
        raise NetworkError(
            f"dt is {dt!r}; give the time step in seconds, such as 1e-3, within 1e-15..1e9"
        )
    if network.integrator not in ("exact", "euler"):
        raise NetworkError(f"integrator is {network.integrator!r}; it is 'exact' or 'euler'")
    if network.integrator == "euler":
        for name, population in network.populations.items():
            for parameter, values in population.parameters():
                if parameter.startswith("tau") and values.min() < dt:
                    raise NetworkError(
                        f"{name}.{parameter} is {values.min():g} s, shorter than the time step "
                        f"{dt:g} s: Euler steps would overshoot; use a smaller dt or integrator "
                        "'exact'"
                    )


def _check_populations(populations: Mapping[str, Population]) -> None:
    if not populations:
        raise NetworkError("the network has no population; add one")
    if not isinstance(populations, Mapping):
        kind = type(populations).__name__
        raise NetworkError(f"populations is a {kind}; give a dictionary of populations by name")
    for name, population in populations.items():
        if not isinstance(name, str):
            raise NetworkError(f"population {name!r}: a name is a text")
        if not isinstance(population, Population) or type(population) is Population:
            raise NetworkError(
                f"population '{name}' is a {type(population).__name__}, no model; give a LIF, ..."
            )


def _named(projections: Iterable[Projection]) -> tuple[Projection, ...]:
    """Every projection with a name of its own: 'a->b', a second one 'a->b#2'."""
    seen: set[str] = set()
    named = []
    if not isinstance(projections, Iterable) or isinstance(projections, str):
        kind = type(projections).__name__
        raise NetworkError(f"projections is a {kind}; give a list of Projection")
    for projection in projections:
        if not isinstance(projection, Projection):
            raise NetworkError(f"{projection!r} in projections is no Projection; make one")
        base = projection.name or f"{projection.source}->{projection.target}"
        name, k = base, 1
        while name in seen:
            k += 1
            name = f"{base}#{k}"
        seen.add(name)
        named.append(projection if projection.name == name else replace(projection, name=name))
    return tuple(named)


def _placed(projection: Projection, populations: Mapping[str, Population]) -> Projection:
    """The projection with the sizes of its ends; NetworkError if it can't be between them."""
    label = f"projection '{projection.name}'"
    for end in (projection.source, projection.target):
        if not isinstance(end, str) or end not in populations:
            raise UnknownName.of(f"population in {label}:", end, populations)
    source, target = populations[projection.source], populations[projection.target]
    if isinstance(target, (SpikeInput, CurrentInput)):
        raise NetworkError(f"{label} ends at the input '{projection.target}'; inputs take none")
    if not source.spiking and not isinstance(source, CurrentInput):
        raise NetworkError(
            f"{label} starts at '{projection.source}', a {source.kind}, which never spikes"
        )
    projection = projection.sized(source.n, target.n)
    spans = projection.span()
    for which, (least, most), n, end in (
        ("source", spans[0], source.n, projection.source),
        ("target", spans[1], target.n, projection.target),
    ):
        if least < 0 or most >= n:
            raise NetworkError(
                f"{label}: {which} index {least if least < 0 else most} is outside '{end}', which has "
                f"{n} neurons; check the orientation of the weight matrix (n_target, n_source)"
            )
    return projection
