"""How threads meet once a tick.

The text of this function is copied into the generated file.
"""

from __future__ import annotations

from typing import Any

from neurohw.native import add_atomic, give_way, read_atomic


def _wait(barrier: Any, threads: int, turn: int) -> None:
    """Until every thread has come here ``turn`` times: spin a little, then give way."""
    add_atomic(barrier, 0, 1)
    spins = 0
    while read_atomic(barrier, 0) < turn * threads:
        spins += 1
        if spins > 2000:
            give_way()
            spins = 1000
