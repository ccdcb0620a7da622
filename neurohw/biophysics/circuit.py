"""A random network of integrate-and-fire cells with conductance synapses, excitation and inhibition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.model import Model, Parameter
from neurohw.errors import InputError
from neurohw.network.checks import whole
from neurohw.recording import Recording

VA05: Final = "Vogels & Abbott, J. Neurosci. 25, 10786 (2005)"
B07: Final = "Brette et al., J. Comput. Neurosci. 23, 349 (2007), benchmark 1"

SMALL: Final = "chosen: small jumps for a small network"


def _p(
    value: float, unit: str, meaning: str, limit: str = "positive", source: str = B07
) -> Parameter:
    return Parameter(value, unit, meaning, source, limit)


COBA: Final = Model(
    name="lif-conductance",
    title="LIF with conductance synapses",
    summary="Excitation towards 0 mV and inhibition towards -80 mV open and close the membrane.",
    equations="""\
dv/dt = (g_l*(e_l - v) + g_e*(e_e - v) + g_i*(e_i - v) + i_0)/c_m : volt (unless refractory)
dg_e/dt = -g_e/tau_e : siemens
dg_i/dt = -g_i/tau_i : siemens
""",
    parameters={
        "c_m": _p(200e-12, "farad", "membrane capacitance"),
        "g_l": _p(10e-9, "siemens", "leak conductance"),
        "e_l": _p(-0.060, "volt", "leak reversal potential", "any"),
        "e_e": _p(0.0, "volt", "reversal potential of excitation", "any"),
        "e_i": _p(-0.080, "volt", "reversal potential of inhibition", "any"),
        "tau_e": _p(0.005, "second", "decay of excitation"),
        "tau_i": _p(0.010, "second", "decay of inhibition"),
        "v_threshold": _p(-0.050, "volt", "threshold", "any"),
        "v_reset": _p(-0.060, "volt", "potential after a spike", "any"),
        "t_ref": _p(0.005, "second", "refractory time", "non-negative"),
        "g_exc": _p(1e-9, "siemens", "jump at an excitatory spike", "non-negative", SMALL),
        "g_inh": _p(11e-9, "siemens", "jump at an inhibitory spike", "non-negative", SMALL),
        "i_0": _p(0.0, "amp", "constant current", "any"),
    },
    start={"v": -0.060, "g_e": 0.0, "g_i": 0.0},
    sources=(VA05, B07),
    threshold="v > v_threshold",
    reset="v = v_reset",
    refractory="t_ref",
    events={"exc": "g_e += g_exc", "inh": "g_i += g_inh"},
    step=1e-4,
    coarsest=5e-4,
    shows=("v", "g_e", "g_i"),
)


@dataclass(frozen=True)
class Circuit:
    """``excitatory`` and ``inhibitory`` cells; each gets ``in_exc`` and ``in_inh`` synapses from among
    them, and ``external`` excitatory spikes/s from outside. Everything random follows from ``seed``."""

    name: str
    title: str
    summary: str
    cell: Model
    excitatory: int
    inhibitory: int
    in_exc: int
    in_inh: int
    external: float
    delay: float
    seed: int = 1
    sources: tuple[str, ...] = (VA05, B07)

    def __post_init__(self) -> None:
        for what in ("excitatory", "inhibitory"):
            whole(f"{self.name}: {what}", getattr(self, what), 1, 100_000)
        whole(f"{self.name}: in_exc", self.in_exc, 0, self.excitatory)
        whole(f"{self.name}: in_inh", self.in_inh, 0, self.inhibitory)
        for what in ("external", "delay"):
            value = getattr(self, what)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{self.name}: {what} is {value!r}; it must be non-negative")

    @property
    def n(self) -> int:
        """Cells; the excitatory ones first."""
        return self.excitatory + self.inhibitory

    def synapses(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sources and targets, int64 (n * (in_exc + in_inh),) each; sources are drawn without repeats."""
        rng = np.random.default_rng(self.seed)
        e = [rng.choice(self.excitatory, self.in_exc, replace=False) for _ in range(self.n)]
        i = [rng.choice(self.inhibitory, self.in_inh, replace=False) for _ in range(self.n)]
        rows = [np.concatenate([a, b + self.excitatory]) for a, b in zip(e, i)]
        target = np.repeat(np.arange(self.n), self.in_exc + self.in_inh)
        return np.concatenate(rows).astype(np.int64), target.astype(np.int64)

    def with_(self, **values: float) -> Circuit:
        """The circuit with other parameter values of its cell."""
        return replace(self, cell=self.cell.with_(**values))


BALANCED: Final = Circuit(
    "balanced", "Balanced network",
    "Strong excitation and inhibition cancel on average; what is left is noise, and firing irregular.",
    COBA, 400, 100, 30, 7, 3000.0, 1.5e-3,
)  # fmt: skip


def irregularity(recording: Recording, after: float = 0.0, least: int = 5) -> NDArray[np.float64]:
    """CV of inter-spike intervals (standard deviation / mean) of each cell with ``least`` intervals.

    0 is a clock, 1 a Poisson process. Spikes before ``after`` seconds are left out.
    """
    found = []
    for name, spikes in recording.spikes.items():
        for trial in range(recording.trials):
            for neuron in range(spikes.n):
                times = recording.times(name, trial, neuron)
                gaps = np.diff(times[times >= after])
                if gaps.size >= least:
                    found.append(gaps.std() / gaps.mean())
    return np.array(found)
