"""The whole network on the sample: what was made better for each population is better together, or is
not used."""

from __future__ import annotations

from dataclasses import replace

from neurohw.errors import NeurohwError
from neurohw.fixed import FixedPointNetwork
from neurohw.quantise.method import Method
from neurohw.quantise.sample import Calibration, mismatches


def not_worse(
    plain: FixedPointNetwork, better: FixedPointNetwork, sample: Calibration, method: Method
) -> FixedPointNetwork:
    """``better``, or ``plain`` if more of its spikes on the sample differ from the model's; with what
    was found in the notes of its record."""
    before, after = different_spikes(plain, sample), different_spikes(better, sample)
    found = (
        f"{method.name}: spikes that differ from the model's on the sample, {before:,} -> {after:,}"
    )
    if after > before:
        return _noted(plain, f"{found}; not better, so plain")
    return _noted(better, found)


def different_spikes(fixed: FixedPointNetwork, sample: Calibration) -> float:
    """Spikes of all populations that only the chip or only the model has; infinite if it can't run."""
    from neurohw.emulate import emulate  # numba takes its time to import

    try:
        run = emulate(fixed, sample.inputs, steps=sample.meant.steps)
    except NeurohwError:
        return float("inf")
    return sum(float(mismatches(sample.meant, run, name).sum()) for name in fixed.populations)


def _noted(fixed: FixedPointNetwork, note: str) -> FixedPointNetwork:
    assert fixed.record is not None
    return replace(fixed, record=replace(fixed.record, notes=(*fixed.record.notes, note)))
