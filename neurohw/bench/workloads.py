"""Networks that every simulator runs alike: random, balanced, with delays, driven by a constant.

All of them are current-based LIF neurons with exponential synapses, 80 % excitatory and 20 %
inhibitory, and a fixed number of incoming synapses. There are no random numbers in the loop and
peers record nothing, so that their time is that of updating neurons and delivering spikes. Simulators
draw their own connections: networks are equal statistically, which equal rates confirm.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError, UnknownName
from neurohw.network import CubaLIF, Network, Projection
from neurohw.network.rules import FixedInDegree, Uniform

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.fixed import FixedPointNetwork

EXCITATORY = 0.8
"""Share of neurons, and of the synapses into each, that are excitatory."""


@dataclass(frozen=True)
class Workload:
    """``n`` neurons with ``k`` synapses into each; times in seconds, voltages mV, currents pA,
    capacitance pF, delays whole steps from ``delay_low`` to ``delay_high``, equally often.

    ``weight_e`` is how far one excitatory spike raises the synaptic current, an inhibitory one
    lowers it by ``g`` times as much. ``bias``: a constant current, or (low, high) over which those of
    the neurons of each kind are spread evenly. Membranes rest at 0 and start anywhere between
    ``reset`` and ``threshold``. ``run_s`` is timed, after ``warmup_s``.
    """

    name: str
    n: int
    k: int
    weight_e: float
    bias: float | tuple[float, float]
    g: float = 6.0
    dt: float = 1e-3
    tau_syn: float = 5e-3
    tau_mem: float = 20e-3
    t_ref: float = 2e-3
    threshold: float = 20.0
    reset: float = 0.0
    c_m: float = 250.0
    delay_low: int = 1
    delay_high: int = 16
    warmup_s: float = 0.2
    run_s: float = 1.0
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("n", "k", "delay_low", "threads"):
            if getattr(self, key) < 1:
                raise InputError(f"workload {self.name}: {key} is {getattr(self, key)}; 1 or more")
        if self.delay_high < self.delay_low:
            raise InputError(
                f"workload {self.name}: delays {self.delay_low}..{self.delay_high} steps; the longest "
                "must not be below the shortest"
            )
        if self.excitatory in (0, self.n):
            raise InputError(
                f"workload {self.name}: {self.n} neurons can't be 80 % excitatory; 3 or more"
            )

    @property
    def excitatory(self) -> int:
        """Number of excitatory neurons; the others are inhibitory."""
        return round(EXCITATORY * self.n)

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return self.n * self.k

    @property
    def steps(self) -> int:
        """Time steps that are timed."""
        return round(self.run_s / self.dt)

    @property
    def warmup(self) -> int:
        """Time steps before those."""
        return round(self.warmup_s / self.dt)

    @property
    def footprint(self) -> int:
        """Bytes of an int16 sum for each neuron and delay: what delivering a spike writes into."""
        return 2 * self.n * (1 << (self.delay_high - 1).bit_length())

    def scaled(self, scale: float) -> Workload:
        """As many neurons times ``scale``, each with as many synapses: rates stay as they are."""
        if not 0 < scale <= 1000:
            raise InputError(f"scale is {scale:g}; it must be above 0 and at most 1000")
        return replace(self, n=max(round(self.n * scale), 5))

    def as_json(self) -> str:
        """What the peers' scripts read."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Workload:
        """The workload that ``as_json`` wrote."""
        fields = json.loads(text)
        if isinstance(fields["bias"], list):
            fields["bias"] = tuple(fields["bias"])
        return cls(**fields)


W1 = Workload("w1", 10_000, 1000, weight_e=10.0, bias=530.0)
W2 = Workload("w2", 1000, 100, weight_e=30.0, bias=500.0)
W3 = Workload("w3", 100_000, 100, weight_e=30.0, bias=(0.0, 258.0))
# W2 as Lava can have it: no refractory time; few steps, for they take long. Lava's connections
# without delays are another, much faster process.
LAVA = replace(W2, name="lava", t_ref=0.0, warmup_s=0.1, run_s=0.1)
LAVA_PLAIN = replace(LAVA, name="lava-plain", delay_high=1, run_s=1.0)
WORKLOADS = {w.name: w for w in (W1, W2, W3, LAVA, LAVA_PLAIN)}


def workload(name: str) -> Workload:
    """One of WORKLOADS by name; UnknownName otherwise."""
    if name not in WORKLOADS:
        raise UnknownName.of("workload", name, WORKLOADS)
    return WORKLOADS[name]


def network(w: Workload) -> Network:
    """The workload as a float network with populations 'E' and 'I'.

    CubaLIF wants weights as charges: a spike of ``weight`` raises its current by ``weight * dt /
    tau_syn``. A delay of one step is the earliest arrival there is, which CubaLIF calls 0.
    """
    sizes = {"E": w.excitatory, "I": w.n - w.excitatory}
    populations = {
        name: CubaLIF(
            n, tau_syn=w.tau_syn, tau_mem=w.tau_mem, r=1e3 * w.tau_mem / w.c_m, v_reset=w.reset,
            v_threshold=w.threshold, t_ref=w.t_ref,
            bias=_drive(w.bias, n),
        ) for name, n in sizes.items()
    }  # fmt: skip
    charge = w.weight_e * w.tau_syn / w.dt
    inhibitory = round((1 - EXCITATORY) * w.k)
    delay = Uniform(w.dt * (w.delay_low - 1), w.dt * (w.delay_high - 1), step=w.dt)
    kinds = (("E", w.k - inhibitory, charge), ("I", inhibitory, -w.g * charge))
    projections = [
        Projection.by_rule(source, target, FixedInDegree(k), weight, delay, seed=w.seed)
        for source, k, weight in kinds for target in sizes
    ]  # fmt: skip
    return Network(populations, tuple(projections), dt=w.dt, name=w.name)


def _drive(bias: float | tuple[float, float], n: int) -> NDArray[np.float64]:
    """Spread, not drawn: how many neurons are just above threshold would decide the rate."""
    low, high = bias if isinstance(bias, tuple) else (bias, bias)
    return np.asarray(low + (high - low) * (np.arange(n) + 0.5) / n)


def fixed_network(w: Workload, chip: Chip) -> FixedPointNetwork:
    """The workload in a chip's integers, its membranes at their random starts."""
    from neurohw.quantise import quantise

    return with_membranes(quantise(network(w), whole_weights(chip)), w)


def whole_weights(chip: Chip) -> Chip:
    """The chip without negative weight exponents: where it shifts the sum of a projection right (as
    Lava does), every tick and delay costs a pass over sums, which no peer has to make."""
    form = chip.weight
    if form.right_shift != "sum" or form.exponent[0] >= 0:
        return chip
    return replace(chip, weight=replace(form, exponent=(0, form.exponent[1])))


def with_membranes(fixed: FixedPointNetwork, w: Workload) -> FixedPointNetwork:
    """The same network whose membranes start between reset and threshold, input currents at 0."""
    rng = np.random.default_rng(w.seed + 1)
    populations = {}
    for name, p in fixed.populations.items():
        assert p.meaning is not None
        span = (w.threshold - w.reset) * np.asarray(p.meaning.scale)
        v = np.floor(rng.random(p.n) * span).astype(np.int64)
        populations[name] = replace(p, initial={"v": v})
    return replace(fixed, populations=populations)
