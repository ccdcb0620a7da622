"""Spikes, from flags to a list: what comes after a loop that must have no branches."""

from __future__ import annotations

from collections.abc import Sequence


def list_flagged(count: str, lines: Sequence[str], number: str) -> list[str]:
    """Statements that run ``lines`` for each place ``_k`` below ``count`` whose byte of ``_flag`` is set,
    ascending, and add 1 to ``number``. Bytes are read by 64."""
    return [
        f"for _w in range(0, {count}, 64):",
        "    _set = flag_bits(_flag, _w)",
        f"    if _w + 64 > {count}:",
        f"        _set &= (np.uint64(1) << np.uint64({count} - _w)) - np.uint64(1)",
        "    while _set != np.uint64(0):",
        "        _k = _w + first_set(_set)",
        *(f"        {line}" for line in lines),
        f"        {number} += 1",
        "        _set &= _set - np.uint64(1)",
    ]
