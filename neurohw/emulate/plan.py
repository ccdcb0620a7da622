"""What a run is to do, checked once and the same for the interpreter and the kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.mapping.image import ChipImage
from neurohw.network.checks import integers, whole
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs

OnOverflow = Literal["count", "raise"]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked run: ``probes`` are the registers, wires and inputs to record, by population and
    name, with the int64 neuron indices; ``injected`` int64 (trials, steps, n) is added to an input
    of a population; ``variants`` int64 (trials, n) replace a population's parameters."""

    network: FixedPointNetwork
    steps: int
    trials: int
    spikes: Mapping[str, Spikes]
    injected: Mapping[str, Mapping[str, Codes]]
    probes: Mapping[str, Mapping[str, Codes]]
    stride: int
    seed: int
    on_overflow: OnOverflow
    variants: Mapping[str, Mapping[str, Codes]] = field(default_factory=dict)

    def codes(self, name: str, parameter: str, trial: int) -> Codes:
        """The codes of a population's parameter in a trial, int64 (n,)."""
        varied = self.variants.get(name, {}).get(parameter)
        population = self.network.populations[name]
        return population.parameters[parameter] if varied is None else varied[trial]

    def population(self, name: str, trial: int) -> FixedPopulation:
        """A population as it is in a trial."""
        population = self.network.populations[name]
        mine = {k: v[trial] for k, v in self.variants.get(name, {}).items()}
        if not mine:
            return population
        return replace(population, parameters={**population.parameters, **mine})


def plan_run(
    network: FixedPointNetwork | ChipImage,
    inputs: Inputs | None,
    steps: int | None,
    record: Mapping[str, Sequence[str]] | None,
    neurons: Mapping[str, ArrayLike] | None,
    stride: int,
    seed: int,
    on_overflow: OnOverflow,
    injected: Mapping[str, ArrayLike | Mapping[str, ArrayLike]] | None,
    parameters: Mapping[str, Mapping[str, ArrayLike]] | None = None,
) -> Plan:
    """Check everything a run is given; InputError or UnknownName name what does not fit."""
    if inputs is None:
        if steps is None:
            raise InputError("neither inputs nor steps given; say how many steps to run")
        inputs = Inputs(steps)
    if isinstance(network, ChipImage):
        network = network.delivered
    if not isinstance(network, FixedPointNetwork):
        raise InputError(f"network is a {type(network).__name__}; quantise it for a chip first")
    if not isinstance(inputs, Inputs):
        raise InputError(f"inputs is a {type(inputs).__name__}; give Inputs or None")
    steps = inputs.steps if steps is None else whole("steps", steps)
    inputs.check(network.inputs, network.spiking_inputs)
    inputs = _as_many(inputs, _trials(parameters or {}))
    given = {**inputs.spikes, **_constant(network, inputs.trials, steps)}
    stride, seed = whole("stride", stride), whole("seed", seed, 0, 2**32 - 1)
    if on_overflow not in ("count", "raise"):
        raise InputError(f"on_overflow is {on_overflow!r}; it is 'count' or 'raise'")
    for name, s in inputs.spikes.items():
        payload = network.chip.delivery.input_payload
        if s.value is not None and payload.bits == 1:
            raise InputError(
                f"input '{name}' has {int(s.value.max())} spikes of one channel in one step; spikes "
                f"of {network.chip.name} are binary: split the channel or thin the input"
            )
        if (
            s.value is not None
            and payload.overflow == "error"
            and s.count
            and not (payload.holds(int(s.value.min())) and payload.holds(int(s.value.max())))
        ):
            raise InputError(
                f"input '{name}' has a spike of value {int(np.abs(s.value).max())}; "
                f"{network.chip.name} takes {payload.low}..{payload.high}: scale the input down"
            )
        again = (np.diff(s.trial) == 0) & (np.diff(s.step) == 0) & (np.diff(s.neuron) == 0)
        if again.any():
            k = int(np.flatnonzero(again)[0])
            raise InputError(
                f"input '{name}' has the spike of channel {s.neuron[k]} at step {s.step[k]} of trial "
                f"{s.trial[k]} twice; give one event with the number of spikes, or drop one"
            )
    return Plan(
        network=network, steps=steps, trials=inputs.trials,
        spikes={
            name: _cut(given.get(name) or Spikes.none(n), steps, network)
            for name, n in network.inputs.items() if network.spiking_inputs[name]
        },
        injected=_injected(network, inputs, steps, injected or {}),
        probes=_probes(network, record or {}, neurons or {}), stride=stride, seed=seed,
        on_overflow=on_overflow, variants=_variants(network, parameters or {}, inputs.trials),
    )  # fmt: skip


def _trials(parameters: Mapping[str, Mapping[str, ArrayLike]]) -> int:
    """How many variants are given; the longest first axis."""
    if not isinstance(parameters, Mapping):
        raise InputError(f"parameters is {parameters!r}; give a dictionary by population")
    found = 1
    for name, by in parameters.items():
        if not isinstance(by, Mapping):
            raise InputError(f"parameters['{name}'] is {by!r}; give codes by parameter")
        arrays = [
            integers(f"parameters['{name}']['{k}']", v, -(2**62), 2**62) for k, v in by.items()
        ]
        found = max([found, *(a.shape[0] for a in arrays if a.ndim)])
    return found


def _as_many(inputs: Inputs, trials: int) -> Inputs:
    """One trial repeated for every variant; several as they are."""
    if inputs.trials != 1 or trials == 1:
        return inputs
    spikes = {}
    for name, s in inputs.spikes.items():
        value = None if s.value is None else np.tile(s.value, trials)
        trial = np.repeat(np.arange(trials, dtype=np.int32), s.count)
        spikes[name] = Spikes(s.n, trial, np.tile(s.step, trials), np.tile(s.neuron, trials), value)
    currents = {k: np.repeat(v, trials, axis=0) for k, v in inputs.currents.items()}
    return Inputs(inputs.steps, trials, spikes, currents)


def _variants(
    network: FixedPointNetwork, parameters: Mapping[str, Mapping[str, ArrayLike]], trials: int
) -> dict[str, dict[str, Codes]]:
    """Codes int64 (trials, n) of every parameter that varies, each checked against its format."""
    found: dict[str, dict[str, Codes]] = {}
    for name, by in parameters.items():
        if name not in network.populations:
            raise UnknownName.of("population", name, network.populations)
        population = network.populations[name]
        for key, given in by.items():
            formats = population.neuron.tick.parameters
            if key not in formats:
                raise UnknownName.of(f"parameter of {population.neuron.name}", key, formats)
            low, high = formats[key].reads
            codes = integers(f"parameters['{name}']['{key}']", given, low, high)
            shape = (trials, population.n)
            if codes.ndim == 1 and codes.shape[0] == trials:
                codes = codes[:, None]
            if (
                codes.ndim > 2
                or codes.shape[:1] not in ((), (trials,))
                or (codes.ndim == 2 and codes.shape[1] not in (1, population.n))
            ):
                raise InputError(
                    f"parameters['{name}']['{key}'] has shape {codes.shape} for {trials} trials of "
                    f"{population.n} neurons; give ({trials},) or {shape}"
                )
            found.setdefault(name, {})[key] = np.array(np.broadcast_to(codes, shape), np.int64)
    return found


def _constant(network: FixedPointNetwork, trials: int, steps: int) -> dict[str, Spikes]:
    """A spike of every channel of the constant inputs at every step."""
    found = {}
    for name in network.constant:
        shape = (trials, steps, network.inputs[name])
        trial, step, channel = np.indices(shape).reshape(3, -1)
        found[name] = Spikes.of(network.inputs[name], trial, step, channel)
    return found


def _cut(spikes: Spikes, steps: int, network: FixedPointNetwork) -> Spikes:
    """What the run is given of the spikes: its steps, values as the chip's input holds them."""
    keep = spikes.step < steps
    value = spikes.value
    if value is not None:
        form = network.chip.delivery.input_payload
        value = np.array([form.store(v) for v in value.tolist()], np.int32)
        keep &= value != 0
        value = value[keep]
    return Spikes(spikes.n, spikes.trial[keep], spikes.step[keep], spikes.neuron[keep], value)


def _probes(
    network: FixedPointNetwork,
    record: Mapping[str, Sequence[str]],
    neurons: Mapping[str, ArrayLike],
) -> dict[str, dict[str, Codes]]:
    probes: dict[str, dict[str, Codes]] = {}
    for what, given in (("record", record), ("neurons", neurons)):
        if not isinstance(given, Mapping):
            raise InputError(f"{what} is {given!r}; give a dictionary by population")
    for name in neurons:
        if name not in record:
            raise InputError(f"neurons of '{name}' are listed, but no register of it is recorded")
    for name, registers in record.items():
        if name not in network.populations:
            raise UnknownName.of("population", name, network.populations)
        population = network.populations[name]
        if isinstance(registers, str):
            registers = (registers,)
        if not isinstance(registers, Iterable):
            raise InputError(f"record['{name}'] is {registers!r}; give a list of registers")
        chosen = neurons.get(name, np.arange(population.n))
        indices = np.unique(integers(f"neurons of '{name}'", chosen, 0, population.n - 1))
        for register in registers:
            if register not in population.neuron.formats:
                raise UnknownName.of(
                    f"register of {population.neuron.name} ('{name}')", register,
                    population.neuron.formats,
                )  # fmt: skip
            probes.setdefault(name, {})[register] = indices
    return probes


def _injected(
    network: FixedPointNetwork, inputs: Inputs, steps: int,
    direct: Mapping[str, ArrayLike | Mapping[str, ArrayLike]],
) -> dict[str, dict[str, Codes]]:  # fmt: skip
    total: dict[str, dict[str, Codes]] = {}
    if direct and network.chip.delivery.engine not in ("summed", "ring buffer"):
        raise InputError(f"{network.chip.name} has no sums to inject into; give spikes")

    def add(name: str, port: str, values: Codes, at: int) -> None:
        n = network.populations[name].n
        whole = total.setdefault(name, {}).setdefault(
            port, np.zeros((inputs.trials, steps, n), np.int64)
        )
        length = min(values.shape[1], steps - at)
        if length > 0:
            whole[:, at : at + length] += values[:, :length]

    for current in network.currents:
        if current.source in inputs.currents:
            analogue = inputs.currents[current.source]
            codes = np.stack([current.codes(trial) for trial in analogue])
            assert network.input_latency is not None
            at = network.input_latency + current.delay
            port = current.ports[0] or network.populations[current.target].neuron.port
            if current.ports[0] == current.ports[1]:
                add(current.target, port, codes, at)
            else:
                add(current.target, port, np.maximum(codes, 0), at)
                add(current.target, current.ports[1], np.maximum(-codes, 0), at)
    for name, given in direct.items():
        if name not in network.populations:
            raise UnknownName.of("population", name, network.populations)
        population = network.populations[name]
        by_port = given if isinstance(given, Mapping) else {population.neuron.port: given}
        for port, array in by_port.items():
            if port not in population.neuron.ports:
                raise UnknownName.of(f"input of '{name}'", port, population.neuron.ports)
            values = integers(f"injected['{name}']", array, -(2**61), 2**61)
            if values.ndim == 2:
                values = values[None]
            shape = (inputs.trials, steps, population.n)
            if values.ndim != 3 or values.shape[::2] != shape[::2]:
                raise InputError(
                    f"injected['{name}'] has shape {values.shape}; give integers "
                    f"(trials, steps, n) = {shape}"
                )
            add(name, port, values, 0)
    return total
