"""Networks whose spikes pass through all layers in one step, on chips that take a step for each."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.fixed import FixedPointNetwork
    from neurohw.in_step import Delayed
    from neurohw.network import Network

NAMED = 6
"""Populations whose lag a note names."""


def quantised(network: Network, chip: Chip, **how: Any) -> tuple[Delayed, FixedPointNetwork]:
    """What ``quantise`` makes of the network as the chip can run it, and how late each layer is then.

    ``calibration``, as everything in ``how``, is that of the network itself.
    """
    from neurohw.in_step import for_chip
    from neurohw.network import Inputs
    from neurohw.quantise import quantise

    late = for_chip(network, chip)
    if isinstance(sample := how.get("calibration"), Inputs):
        how["calibration"] = late.inputs(sample)
    fixed = quantise(late.network, chip, **how)
    if not late.longest or fixed.record is None:
        return late, fixed
    record = replace(fixed.record, notes=(*fixed.record.notes, note(late)))
    return late, replace(fixed, record=record)


def note(late: Delayed) -> str:
    """How late each population is: '... on the chip lif1 is 1 step late, lif2 2'."""
    behind = [(name, lag) for name, lag in late.lag.items() if lag]
    lags = [f"{name} {lag}" for name, lag in behind[:NAMED]]
    name, lag = behind[0]
    lags[0] = f"{name} is {lag} step{'s'[: lag > 1]} late"
    more = f" and {len(behind) - NAMED} more" if len(behind) > NAMED else ""
    return f"spikes pass all layers in one step; on the chip {', '.join(lags)}{more}"


def say(late: Delayed, steps: Literal["network", "chip", ""]) -> None:
    """Print the note, if anything is late, and whose steps are shown, if any are."""
    from neurohw.cli import console

    if late.longest:
        whose = f"; steps here are the {steps}'s" if steps else ""
        text = f"note: {note(late)}{whose}"
        console.line(textwrap.fill(text, console.WIDTH, subsequent_indent="  "))
