"""The network as a chip holds it: integers, formats, and what each code stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.chip.model import Chip, FromPhysical, Neuron
from neurohw.equations.interpret import execute
from neurohw.errors import (
    CapacityError,
    InputError,
    NetworkError,
    RegisterOverflow,
    UnknownName,
)
from neurohw.fixedpoint import INT64, Format
from neurohw.formulas import Functions
from neurohw.network.checks import MOST, integers, whole
from neurohw.network.projections import Block, Projection, ends, slices
from neurohw.ordering import order_by
from neurohw.recording import Recording, Trace

if TYPE_CHECKING:
    from neurohw.quantise.record import QuantisationRecord

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Meaning:
    """What the codes of a population stand for: the formulas and the values they were made from."""

    rules: FromPhysical
    values: Mapping[str, Any]
    functions: Functions
    scale: float | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FixedPopulation:
    """``n`` neurons of the chip's ``neuron``: int64 codes (n,) for every parameter.

    ``alias``: for each neuron the one whose aliased input takes its spikes, or -1.
    ``initial`` holds what the host writes into registers before the first tick; other registers
    start at 0, or at what the neuron's ``start`` equations say.
    """

    name: str
    n: int
    neuron: Neuron
    parameters: Mapping[str, Codes]
    initial: Mapping[str, Codes] = field(default_factory=dict)
    meaning: Meaning | None = None
    alias: Codes | None = None

    @classmethod
    def of(
        cls,
        name: str,
        n: int,
        neuron: Neuron,
        parameters: Mapping[str, ArrayLike],
        initial: Mapping[str, ArrayLike] | None = None,
        meaning: Meaning | None = None,
        alias: ArrayLike | None = None,
    ) -> FixedPopulation:
        """From codes (numbers or arrays), each checked against its format."""
        formats, n = neuron.tick.parameters, whole(f"population '{name}': n", n)
        for key in parameters:
            if key not in formats:
                raise UnknownName.of(f"parameter of {neuron.name}", key, formats)
        for key in formats:
            if key not in parameters:
                raise NetworkError(f"population '{name}': no code for parameter '{key}'; give one")
        for key in initial or {}:
            if key not in neuron.tick.registers:
                raise UnknownName.of(f"register of {neuron.name}", key, neuron.tick.registers)
        registers = neuron.tick.registers
        targets = None
        if alias is not None:
            targets = integers(f"population '{name}': alias", alias, -1, n - 1, NetworkError)
            if targets.shape != (n,):
                raise NetworkError(f"population '{name}': alias needs {n} targets, -1 for none")
            if not neuron.aliased and (targets >= 0).any():
                raise NetworkError(f"population '{name}': {neuron.name} has no aliased input")
        return cls(
            name, n, neuron,
            {k: _codes(f"{name}.{k}", v, n, formats[k]) for k, v in parameters.items()},
            {k: _codes(f"{name}.{k}", v, n, registers[k]) for k, v in (initial or {}).items()},
            meaning,
            targets if neuron.aliased and targets is not None and (targets >= 0).any() else None,
        )  # fmt: skip

    def start(self) -> dict[str, Codes]:
        """Every register before the first tick, int64 (n,)."""
        registers = self.neuron.tick.registers
        state = {k: np.zeros(self.n, np.int64) for k in registers}
        program = self.neuron.start
        if program is not None:

            def refused(k: int, register: str, value: int) -> None:
                form = program.targets[register]
                if form.overflow == "error":
                    raise RegisterOverflow(
                        f"{self.name}.{register} would start at {value}; {form} holds {form.low}.."
                        f"{form.high}: change the parameters it is derived from"
                    )

            names = list(self.parameters)
            rows = np.stack([self.parameters[k] for k in names] or [np.zeros(self.n, np.int64)])
            unique, inverse = np.unique(rows, axis=1, return_inverse=True)
            values = []
            for column in unique.T:
                cell = {
                    **dict.fromkeys(registers, 0),
                    **dict(zip(names, map(int, column), strict=False)),
                }
                execute(program, cell, on_overflow=refused)
                values.append([cell[k] for k in registers])
            table = np.array(values, np.int64)[np.ravel(inverse)]
            state = {k: np.ascontiguousarray(table[:, j]) for j, k in enumerate(registers)}
        return {**state, **{k: v.copy() for k, v in self.initial.items()}}


def _codes(what: str, value: ArrayLike, n: int, form: Format) -> Codes:
    array = integers(what, value, *INT64, NetworkError)
    try:
        codes = np.array(np.broadcast_to(array, (n,)))
    except ValueError:
        raise NetworkError(
            f"{what} has shape {array.shape} for {n} neurons; give a number or {n} of them"
        ) from None
    low, high = form.reads
    bad = (codes < low) | (codes > high)
    if bad.any():
        j = int(np.flatnonzero(bad)[0])
        raise CapacityError(
            f"{what}[{j}] is {codes[j]}; {form} holds {low}..{high}: choose a code inside"
        )
    codes.setflags(write=False)
    return codes


@dataclass(frozen=True, eq=False)
class FixedProjection:
    """Synapses as stored: ``weight`` int32 mantissas of one ``mode`` and ``exponent``, ``delay``
    int32 ticks beyond the mandatory one; all of shape (synapses,), sorted by source neuron.

    ``port`` is the input of the target that they write to, '' for its first; ``bits`` is what the
    chip's weight rule reads as such, None for the chip's own.
    """

    name: str
    source: str
    target: str
    pre: NDArray[np.int32]
    post: NDArray[np.int32]
    weight: NDArray[np.int32]
    delay: NDArray[np.int32]
    exponent: int = 0
    mode: str = ""
    port: str = ""
    bits: int | None = None

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return int(self.pre.size)

    @property
    def weight_table(self) -> NDArray[np.int32]:
        """The mantissas that synapses can have: here those that they have."""
        return self.weight

    @property
    def delay_table(self) -> NDArray[np.int32]:
        """The delays that synapses can have: here those that they have."""
        return self.delay

    def span(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Least and largest index of the source and of the target; (0, -1) where there is none."""
        return ends(self.pre), ends(self.post)

    def blocks(self, most: int = 1 << 18) -> Iterator[Block]:
        """All synapses in order, ``most`` at a time: pre, post, weight, delay, int32."""
        return slices((self.pre, self.post, self.weight, self.delay), most)

    @classmethod
    def of(
        cls,
        source: str,
        target: str,
        pre: ArrayLike,
        post: ArrayLike,
        weight: ArrayLike,
        delay: ArrayLike = 0,
        exponent: int = 0,
        name: str = "",
        port: str = "",
        bits: int | None = None,
        mode: str = "",
    ) -> FixedProjection:
        """From integer columns in any order."""
        label = name or f"{source}->{target}"
        given = {"pre": pre, "post": post, "weight": weight, "delay": delay}
        found = {
            k: integers(f"projection '{label}': {k}", v, -MOST, error=NetworkError)
            for k, v in given.items()
        }
        pre_ = np.atleast_1d(found.pop("pre")).astype(np.int32)
        columns = []
        for k, column in found.items():
            if column.shape not in ((), pre_.shape):
                raise NetworkError(
                    f"projection '{label}': {k} has shape {column.shape}, pre {pre_.shape}; give one "
                    "number or one per synapse"
                )
            columns.append(np.array(np.broadcast_to(column, pre_.shape)).astype(np.int32))
        order = order_by((pre_, columns[0]))
        post_, weight_, delay_ = (c[order] for c in columns)
        return cls(
            label, source, target, pre_[order], post_, weight_, delay_, exponent, mode, port, bits
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class FixedCurrent:
    """Current that the host computes and writes into a population's input, in weight units.

    ``weight`` is float64 (n_target, n_source), already in weight units; the sum of weight times
    value over the sources is rounded half to even, ``delay`` ticks after the mandatory one.
    ``ports``: the inputs that a positive and a negative sum go to, the latter as its size.
    """

    name: str
    source: str
    target: str
    weight: NDArray[np.float64]
    delay: int = 0
    ports: tuple[str, str] = ("", "")

    def codes(self, values: NDArray[np.float64]) -> Codes:
        """Integer currents (steps, n_target) from analogue values (steps, n_source).

        Added source by source, so that every machine rounds the same sum.
        """
        total = np.zeros((values.shape[0], self.weight.shape[0]))
        with np.errstate(over="ignore", invalid="ignore"):
            for k in range(self.weight.shape[1]):
                total += values[:, k, None] * self.weight[None, :, k]
        if not (np.abs(total) < 2**62).all():
            raise InputError(
                f"current '{self.name}' reaches {np.abs(total).max():g}; make it smaller"
            )
        return np.rint(total).astype(np.int64)


@dataclass(frozen=True, eq=False)
class FixedPointNetwork:
    """A network in the integers of one chip: the logical network, before it is mapped to cores.

    ``input_latency``: ticks from an input's spike to its earliest arrival, as the host presents it;
    by default the chip's own latency. ``constant`` inputs spike at every step, which is how a host
    gives a bias to neurons that have none. ``seeds`` of the chip's generators, by name, one for each
    lane. For a chip with a queue: its ``configuration`` registers, and its ``synapse_memory``
    (rows, neurons) of stored codes where it does not follow from projections. ``chips`` of one kind
    hold it together.
    """

    chip: Chip
    dt: float
    inputs: Mapping[str, int]
    populations: Mapping[str, FixedPopulation]
    projections: tuple[FixedProjection, ...]
    currents: tuple[FixedCurrent, ...] = ()
    spiking_inputs: Mapping[str, bool] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    record: QuantisationRecord | None = None
    name: str = "network"
    input_latency: int | None = None
    constant: tuple[str, ...] = ()
    seeds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    configuration: Mapping[str, int] = field(default_factory=dict)
    synapse_memory: Codes | None = None
    chips: int = 1

    def __post_init__(self) -> None:
        spiking = {name: self.spiking_inputs.get(name, True) for name in self.inputs}
        object.__setattr__(self, "spiking_inputs", MappingProxyType(spiking))
        object.__setattr__(self, "inputs", MappingProxyType(dict(self.inputs)))
        object.__setattr__(self, "populations", MappingProxyType(dict(self.populations)))
        for projection in self.projections:
            _check_projection(self, projection)
        sizes = {name: p.n for name, p in self.populations.items()}
        object.__setattr__(self, "chips", whole("chips", self.chips))
        check_limits(self.chip, self.inputs, sizes, self.projections, self.chips)
        self._check_chip()

    def _check_chip(self) -> None:
        chip = self.chip
        latency = chip.delivery.latency if self.input_latency is None else self.input_latency
        object.__setattr__(self, "input_latency", whole("input_latency", latency, 0, 16))
        seeds = {}
        for name, given in self.seeds.items():
            if name not in chip.generators:
                raise UnknownName.of(f"generator of {chip.name}", name, chip.generators)
            g = chip.generators[name]
            values = np.atleast_1d(integers(f"seed of '{name}'", given, 0, (1 << g.taps[1]) - 1))
            if values.shape != (g.lanes,):
                raise NetworkError(f"seed of '{name}' has {values.size} values for {g.lanes} lanes")
            seeds[name] = tuple(values.tolist())
        merged = {k: seeds.get(k, g.seed) for k, g in chip.generators.items()}
        object.__setattr__(self, "seeds", MappingProxyType(merged))
        formats = chip.machine.configuration if chip.machine else {}
        for key, value in self.configuration.items():
            if key not in formats:
                raise UnknownName.of(f"configuration of {chip.name}", key, formats)
            whole(f"configuration '{key}'", value, formats[key].low, formats[key].high)
        order = list(self.populations)
        for p in self.projections:
            if p.source in order and self.populations[p.source].neuron.relay:
                later = order.index(p.target) > order.index(p.source)
                if self.populations[p.target].neuron.relay and not later:
                    raise NetworkError(
                        f"projection '{p.name}': a relay passes on within the tick, so to neurons or to "
                        "a relay that comes later; change the order of populations"
                    )
        used = sum(self.sizes.values())
        if chip.machine is not None and used > chip.machine.neurons:
            raise CapacityError(
                f"the network has {used:,} neurons and inputs, {chip.name} has {chip.machine.neurons:,} "
                f"addresses: {used - chip.machine.neurons:,} too many; use a larger chip or a smaller "
                "network"
            )
        defaults = chip.machine.defaults if chip.machine else {}
        object.__setattr__(
            self, "configuration", MappingProxyType({**defaults, **self.configuration})
        )

    def port(self, p: FixedProjection) -> str:
        """The input of its target that a projection writes to."""
        return p.port or self.populations[p.target].neuron.port

    def mixed(self, p: FixedProjection) -> bool:
        """Whether the weight mode of a projection holds both signs."""
        modes = {m.name: m for m in self.chip.weight.modes}
        if p.mode:
            return modes[p.mode].low < 0 < modes[p.mode].high
        table = p.weight_table
        low, high = int(table.min(initial=0)), int(table.max(initial=0))
        for mode in modes.values():
            if mode.low <= low and high <= mode.high:
                return mode.low < 0 < mode.high
        return low < 0 < high

    @property
    def sizes(self) -> dict[str, int]:
        """Neurons by population, inputs first."""
        return {**self.inputs, **{k: p.n for k, p in self.populations.items()}}

    @property
    def neurons(self) -> int:
        """Number of neurons, inputs not counted."""
        return sum(p.n for p in self.populations.values())

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return sum(p.synapses for p in self.projections)

    def physical(self, recording: Recording) -> Recording:
        """The same recording with traces in physical units, named as in the float model."""
        traces: dict[str, dict[str, Trace]] = {}
        for name, registers in recording.traces.items():
            meaning = self.populations[name].meaning if name in self.populations else None
            if meaning is None:
                continue
            for variable, formula in meaning.rules.registers.items():
                read = [r for r in formula.names if r in registers]
                if len(read) != 1:
                    continue
                trace = registers[read[0]]
                values = {
                    k: np.asarray(v)[trace.neurons] if np.ndim(v) else v
                    for k, v in meaning.values.items()
                }
                values[read[0]] = trace.values.astype(np.float64)
                shaped = np.broadcast_to(formula(values, meaning.functions), trace.values.shape)
                traces.setdefault(name, {})[variable] = Trace(
                    np.array(shaped, dtype=np.float64), trace.neurons, trace.stride
                )
        fields = {**recording.__dict__, "traces": traces}
        return Recording(**fields)


def _check_projection(net: FixedPointNetwork, p: FixedProjection) -> None:
    chip, sizes = net.chip, net.sizes
    for end in (p.source, p.target):
        if end not in sizes:
            raise UnknownName.of(f"population in projection '{p.name}':", end, sizes)
    if p.target not in net.populations or not net.spiking_inputs.get(p.source, True):
        raise NetworkError(f"projection '{p.name}': spikes go from neurons or inputs to neurons")
    both = zip(("pre", "post"), p.span(), (sizes[p.source], sizes[p.target]), strict=True)
    for what, (first, last), high in both:
        if first < 0 or last >= high:
            raise NetworkError(f"projection '{p.name}': {what} index outside 0..{high - 1}")
    neuron = net.populations[p.target].neuron
    if p.port and p.port not in neuron.ports:
        raise UnknownName.of(
            f"input of {neuron.name} in projection '{p.name}':", p.port, neuron.ports
        )
    if p.mode and p.mode not in {m.name for m in chip.weight.modes}:
        raise UnknownName.of(
            f"weight mode of {chip.name}", p.mode, [m.name for m in chip.weight.modes]
        )
    low, high = chip.weight.exponent
    if not low <= p.exponent <= high:
        raise CapacityError(
            f"projection '{p.name}': exponent {p.exponent} is outside {low}..{high} of {chip.name}"
        )
    if p.synapses:
        weights, delays = p.weight_table, p.delay_table
        least, most = int(weights.min()), int(weights.max())
        raw = chip.weight.mantissa
        if raw is not None and not (raw.holds(least) and raw.holds(most)):
            raise CapacityError(
                f"projection '{p.name}': weights {least}..{most}; {chip.name} stores {raw.low}.."
                f"{raw.high}: requantise or split the projection"
            )
        fits = [raw] if raw else [
            m for m in chip.weight.modes
            if m.low <= least and most <= m.high and not ((weights - m.low) % m.step).any()
        ]  # fmt: skip
        if not fits:
            modes = ", ".join(f"{m.name} {m.low}..{m.high} by {m.step}" for m in chip.weight.modes)
            raise CapacityError(
                f"projection '{p.name}': weights {least}..{most} are in no weight mode of "
                f"{chip.name} ({modes}); requantise or split the projection"
            )
        if delays.min() < chip.delay.low or delays.max() > chip.delay.high:
            bad = int(delays.max() if delays.max() > chip.delay.high else delays.min())
            raise CapacityError(
                f"projection '{p.name}': a delay of {bad} ticks; {chip.name} holds "
                f"{chip.delay.low}..{chip.delay.high}: use a coarser time step or shorter delays"
            )


def check_limits(
    chip: Chip,
    inputs: Mapping[str, int],
    neurons: Mapping[str, int],
    projections: Sequence[Projection | FixedProjection],
    chips: int = 1,
) -> None:
    """CapacityError for the first limit of the chip that a network of these sizes exceeds.

    ``chips`` of them together hold so many times its neurons, inputs and synapses; what one neuron
    can have stays.
    """
    limits = {k: int(n.value) for k, n in chip.limits.items()}
    if "cores" in limits and "neurons_per_core" in limits:
        whole = limits["cores"] * limits["neurons_per_core"]
        limits["neurons"] = min(limits.get("neurons", whole), whole)
    used = {
        "neurons": sum(neurons.values()),
        "inputs": sum(inputs.values()),
        "synapses": sum(p.synapses for p in projections),
    }
    # Counted only where the chip has such a limit: that takes a pass over all synapses.
    for key, at_target in (("fan_in", True), ("fan_out", False)):
        if key in limits:
            used[key] = _most({**inputs, **neurons}, projections, at_target)
    for key, has in used.items():
        each = key in ("fan_in", "fan_out")
        room = limits.get(key, has) * (1 if each else chips)
        if has > room:
            enough = "" if each or chip.machine else f", or chips={-(-has // max(limits[key], 1))}"
            together = f"{chips} chips {chip.name} have" if chips > 1 else f"{chip.name} has"
            raise CapacityError(
                f"the network has {has:,} {key.replace('_', '-')}, {together} room for {room:,}: "
                f"{has - room:,} too many; use a larger chip or a smaller network{enough}"
            )


def _most(
    sizes: Mapping[str, int], projections: Sequence[Projection | FixedProjection], at_target: bool
) -> int:
    """Synapses of the neuron that has most at this end."""
    counts = {name: np.zeros(n, np.int64) for name, n in sizes.items()}
    for p in projections:
        name = p.target if at_target else p.source
        for block in p.blocks():
            counts[name] += np.bincount(block[at_target], minlength=sizes[name])
    return max((int(c.max(initial=0)) for c in counts.values()), default=0)
