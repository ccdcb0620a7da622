"""Whether there is room for an array, asked before it is made."""

from __future__ import annotations

from pathlib import Path

from neurohw.errors import CapacityError

SMALL = 1 << 26
"""Bytes that are not worth asking about."""


def available() -> int | None:
    """Bytes of memory that can be had without swapping, None if the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def check_room(what: str, nbytes: int) -> None:
    """CapacityError if ``what`` would need more memory than there is."""
    if nbytes < SMALL:
        return
    free = available()
    if free is not None and nbytes > free:
        raise CapacityError(
            f"{what} would need {nbytes / 1e9:.1f} GB, {free / 1e9:.1f} GB of memory are free; use a "
            "smaller network, or fewer threads or trials at once"
        )
