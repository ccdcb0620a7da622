"""Weights of a projection in groups, each of which has a mode and an exponent of its own.

A projection has one exponent, so its largest weight sets the step of all. Where a chip lets several
projections join the same populations, small weights can go into one with a smaller exponent, and
on chips with modes for one sign each sign into one of its own, which gains the bit that is the sign.
Every synapse keeps its one weight of as many bits as before.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.quantise.weights import Part

OCTAVES = 4


def may_group(chip: Chip) -> bool:
    """Whether projections have exponents of their own: rows that name a format, more than one exponent,
    and a route from core to core. A crossbar has one exponent for all its synapses, and so has a chip
    of a single core with one input memory."""
    cores, form = chip.cores, chip.weight
    return (
        cores is not None and cores.memory == "rows" and cores.routing != "local"
        and form.exponent[0] < form.exponent[1]
    )  # fmt: skip


def most_groups(chip: Chip, parts: int) -> int:
    """How many groups each of ``parts`` may have, by the formats of a core."""
    limit = chip.limits.get("synapse_formats")
    return 2 * OCTAVES if limit is None else int(limit.value) // max(parts, 1)


def group(part: Part, factor: NDArray[np.float64], chip: Chip, most: int) -> tuple[Part, ...]:
    """``part`` in up to ``most`` groups by sign and octave of the weights; itself if one is all."""
    wanted = part.wanted(factor)
    size = np.abs(wanted)
    top = float(size.max(initial=0.0))
    one_sided = any(m.low >= 0 for m in chip.weight.modes) and any(
        m.high <= 0 for m in chip.weight.modes
    )
    mixed = bool((wanted < 0).any() and (wanted > 0).any())
    signs = 2 if one_sided and mixed else 1
    octaves = min(OCTAVES, most // signs)
    if not top or octaves < 1 or octaves * signs < 2:
        return (part,)
    with np.errstate(divide="ignore"):
        octave = np.clip(np.floor(-np.log2(size / top)), 0, octaves - 1).astype(np.int64)
    key = octave + octaves * ((wanted < 0) if signs == 2 else 0)
    return tuple(
        replace(part, which=part.which[key == k], tag=_tag(int(k), octaves, signs))
        for k in np.unique(key)
    )


def _tag(key: int, octaves: int, signs: int) -> str:
    sign = ("positive ", "negative ")[key // octaves] if signs == 2 else ""
    return f"{sign}octave {key % octaves}"
