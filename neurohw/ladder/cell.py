"""A fitted integrate-and-fire model as a network of one neuron, and its current as a chip gets it.

The membrane is counted from its leak in thousandths (mV), the current as what it would lift it by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurohw.biophysics import Model, Stimulus
from neurohw.chip import Chip
from neurohw.errors import CapacityError, InputError
from neurohw.fixed import FixedPointNetwork
from neurohw.ladder.models import thousandth
from neurohw.network import ALIF, LIF, CurrentInput, Inputs, Network, Projection, SpikeInput
from neurohw.network.events import Spikes
from neurohw.quantise import quantise
from neurohw.recording import Recording, Trace

CELL = "cell"


@dataclass(frozen=True, eq=False)
class Cell:
    """The network, its input at the chip's time step, and the numbers that lead back to volts."""

    network: Network
    inputs: Inputs
    unit: float
    origin: float

    def quantised(self, chip: Chip) -> FixedPointNetwork:
        """On a chip; CapacityError, in one line, if that has no such neuron or takes no currents."""
        return quantise(self.network, chip)


def divided(dt: float, fine: float, duration: float) -> int:
    """How many fine steps are one of the chip's; InputError unless all divide one another."""
    k, steps = (round(dt / fine), round(duration / dt)) if 0 < dt <= duration else (0, 0)
    if k < 1 or abs(k * fine - dt) > 1e-6 * fine or abs(steps * dt - duration) > 1e-6 * fine:
        raise InputError(
            f"a time step of {dt:g} s is no multiple of {fine:g} s that divides a trial of "
            f"{duration:g} s; take 1e-3 or 1e-4"
        )
    return k


def cell(model: Model, stimulus: Stimulus, dt: float) -> Cell:
    """A fitted ``lif`` or ``alif`` on a stimulus, at the time step ``dt`` of a chip.

    A step gets the mean of the current over it. What arrives at step k was sent at step k - 1, as on
    every chip, so the host is one step ahead, and the spikes are on time.
    """
    k = divided(dt, stimulus.dt, stimulus.duration)
    steps = stimulus.steps // k
    unit = thousandth(model)
    value = model.value
    values = np.broadcast_to(stimulus.values, (stimulus.trials, stimulus.steps))
    means = values.reshape(stimulus.trials, steps, k).mean(axis=2)
    lift = means / value("g_l") / unit
    sent = np.zeros((stimulus.trials, steps, 1))
    sent[:, :-1, 0] = lift[:, 1:]

    def from_leak(name: str) -> float:
        return (value(name) - value("e_l")) / unit

    tau = value("c_m") / value("g_l")
    top, reset = from_leak("v_threshold"), from_leak("v_reset")
    neuron: LIF | ALIF
    if "t_ref" in model.parameters:
        neuron = LIF(1, tau=tau, v_threshold=top, v_reset=reset, t_ref=value("t_ref"))
    else:
        neuron = ALIF(
            1, tau=tau, tau_adapt=value("tau_theta"), adaptation=value("delta_theta") / unit,
            v_threshold=top, v_reset=reset,
        )  # fmt: skip
    # A channel that never spikes, as strong as the current ever is: quantising makes room for it.
    ends = [[max(float(sent.max()), 1e-6), min(float(sent.min()), -1e-6)]]
    network = Network(
        {"current": CurrentInput(1), "range": SpikeInput(2), CELL: neuron},
        (Projection.dense("current", CELL, [[1.0]]), Projection.dense("range", CELL, ends)),
        dt=dt, name=model.name,
    )  # fmt: skip
    inputs = Inputs(steps, stimulus.trials, {"range": Spikes.none(2)}, {"current": sent})
    return Cell(network, inputs, unit, value("e_l"))


def holds(chip: Chip, made: Cell) -> str:
    """Why a chip can't hold a cell, in one line; '' if it can."""
    try:
        made.quantised(chip)
    except CapacityError as error:
        return str(error)
    return ""


def as_cell(run: Recording) -> Recording:
    """The recording of a point model as that of a cell, to be compared with a network's."""
    (name,) = run.sizes
    traces = {CELL: run.traces[name]} if run.traces.get(name) else {}
    return Recording(
        run.dt, run.steps, run.trials, {CELL: 1}, {CELL: run.spikes[name]}, traces,
        source=run.source,
    )  # fmt: skip


def only_cell(run: Recording, made: Cell) -> Recording:
    """A network's recording of the cell alone, its membrane back in the model's unit."""
    t = run.traces.get(CELL, {}).get("v")
    traces = {}
    if t is not None:
        v = made.origin + made.unit * np.asarray(t.values, np.float64)
        traces = {CELL: {"v": Trace(v, t.neurons, t.stride)}}
    return Recording(
        run.dt, run.steps, run.trials, {CELL: 1}, {CELL: run.spikes[CELL]}, traces, run.overflows,
        source=run.source,
    )  # fmt: skip
