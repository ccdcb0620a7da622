"""From a network in floating point down to the chip, one limit at a time.

The order is that of the design: time step, the chip's equations in real numbers, delays, weights,
parameters, state (rounding, then overflow), the chip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from neurohw.emulate import emulate
from neurohw.explain.ladder import SAME, Stage
from neurohw.explain.settings import Settings
from neurohw.explain.twin import Probes, Twin, supported
from neurohw.fixed import FixedPointNetwork
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network

Tick = Callable[[], None]
ON: Final[Mapping[str, Settings]] = {
    "equations": Settings(),
    "delays": Settings(delays=True),
    "weights": Settings(delays=True, weights=True),
    "parameters": Settings(delays=True, weights=True, parameters=True),
    "rounding": Settings(delays=True, weights=True, parameters=True, rounding=True),
    "overflow": Settings(True, True, True, True, True),
}
"""The limits in force from each rung on."""
WORDS: Final[Mapping[str, str]] = {
    "time step": "a fine time step -> the chip's",
    "equations": "the model -> the chip's equations in real numbers",
    "delays": "delays -> the ticks that the chip holds",
    "weights": "weights -> stored weights",
    "parameters": "thresholds, decays, biases -> codes",
    "rounding": "real numbers in registers and currents -> integers",
    "overflow": "registers without end -> formats that clamp or wrap",
    "chip": "the switches -> the chip, emulated bit for bit",
    "whole chip": "the model -> the chip, which can't be taken apart",
}
"""What each rung changes."""
STAGES: Final = len(ON) + 1


def descend(
    network: Network, fixed: FixedPointNetwork, inputs: Inputs, steps: int, *, seed: int = 0,
    record: Mapping[str, Sequence[str]] | None = None, tick: Tick = lambda: None,
) -> list[Stage]:  # fmt: skip
    """The rungs below the float network at the chip's time step, the emulated chip last.

    Recordings in physical units; None where a limit changes nothing by construction. ``record``:
    registers by population, of the chip only.
    """
    chip = emulate(fixed, inputs, steps=steps, seed=seed, record=record)
    tick()
    last = fixed.physical(chip)
    if supported(fixed):
        return [Stage("whole chip", last, supported(fixed))]
    twin = Twin.of(network, fixed, inputs, steps, seed)
    changes = {
        "delays": any((s.delay != s.steps).any() for s in twin.synapses),
        "weights": _stored(twin, inputs),
        "overflow": any(sum(v.values()) for v in chip.overflows.values()),
    }
    probes: Probes = {}
    found = []
    for name, settings in ON.items():
        if changes.get(name, True):
            found.append(Stage(name, fixed.physical(twin.run(settings, probes))))
        else:
            found.append(Stage(name, None, SAME))
        tick()
    found.append(Stage("chip", last))
    return found


def _stored(twin: Twin, inputs: Inputs) -> bool:
    """Whether any weight that a spike can pass through is stored."""
    silent = {k for k, s in inputs.spikes.items() if not s.count}
    silent |= {k for k in twin.fixed.inputs if k not in inputs.spikes} - set(twin.fixed.constant)
    return any(s.fixed.source not in silent for s in twin.synapses)
