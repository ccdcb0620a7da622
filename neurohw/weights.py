"""What a stored weight delivers: mantissa * 2^exponent, or what the profile's equations say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.chip.model import Chip
from neurohw.equations.interpret import execute


def delivered(
    chip: Chip, weight: ArrayLike, exponent: int = 0, bits: int | None = None, mixed: bool = True
) -> NDArray[np.int64]:
    """What a synapse of each mantissa ``weight`` delivers for a payload of 1, int64 of their shape.

    ``bits``: weight bits of the projection, None for the chip's; ``mixed``: whether its mode holds both
    signs. Only the chip's rule ``weight.delivered`` reads these two.
    """
    mantissa = np.asarray(weight, np.int64)
    program = chip.weight.delivered
    if program is None:
        return mantissa << exponent if exponent >= 0 else mantissa >> -exponent
    different, where = np.unique(mantissa, return_inverse=True)
    found = []
    for value in different.tolist():
        cell = {
            "weight": value, "exponent": exponent, "bits": chip.weight.bits if bits is None else bits,
            "mixed": int(mixed),
        }  # fmt: skip
        execute(program, cell)
        found.append(cell["delivered"])
    table = np.array(found or [0], np.int64)
    return np.asarray(table[np.ravel(where)].reshape(mantissa.shape), np.int64)
