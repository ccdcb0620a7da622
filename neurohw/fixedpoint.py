"""Register formats: how many bits, signed or not, and what a store does on overflow.

A format is written as the field writes it: ``s24 wrap`` (24 bits, two's complement, wraps),
``s16 clamp`` (saturates to -32768..32767), ``s24 clamp symmetric`` (saturates to +-(2^23 - 1)),
``u12`` (0..4095; a store outside is an error that names the register). ``s24 fold`` takes one
conditional turn of 2^24, as lava-nc's LIF does instead of wrapping: it holds (-2^23, 2^23] and, for
values more than a turn outside, up to what its 32-bit container holds. ``int`` is an exact
intermediate of unlimited width, which the analysis must prove to fit into 64 bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Overflow = Literal["error", "wrap", "clamp", "clamp symmetric", "fold", "exact"]

_PATTERN = re.compile(
    r"(?P<sign>[su])(?P<bits>[0-9]{1,2})(?: (?P<mode>wrap|clamp|clamp symmetric|fold))?"
)
INT64 = (-(2**63), 2**63 - 1)


def fold(value: int, bits: int) -> int:
    """One conditional turn: minus 2^bits if above 2^(bits-1), then plus 2^bits if at most
    -2^(bits-1) (lava-nc 0.10, proc/lif/models.py)."""
    half = 1 << (bits - 1)
    if value > half:
        value -= 2 * half
    if value <= -half:
        value += 2 * half
    return value


@dataclass(frozen=True)
class Format:
    """Width, sign and overflow mode of a register, wire, parameter or input."""

    bits: int
    signed: bool
    overflow: Overflow = "error"

    @property
    def low(self) -> int:
        """Smallest value that the format holds."""
        if not self.signed:
            return 0
        return -(1 << (self.bits - 1)) + (self.overflow in ("clamp symmetric", "fold"))

    @property
    def high(self) -> int:
        """Largest value that the format holds."""
        return (1 << (self.bits - self.signed)) - (self.overflow != "fold")

    @property
    def reads(self) -> tuple[int, int]:
        """Smallest and largest value that may be found in the register."""
        if self.overflow != "fold":
            return self.low, self.high
        container = 32 if self.bits < 32 else 64
        return -(1 << (container - 1)), (1 << (container - 1)) - 1

    def holds(self, value: int) -> bool:
        """Whether ``value`` is stored unchanged."""
        return self.low <= value <= self.high

    def store(self, value: int) -> int:
        """What the register holds after ``value`` (any integer) was assigned to it.

        Raises OverflowError for a format without an overflow mode; the caller, who knows the
        register, neuron and tick, turns that into a message.
        """
        if self.overflow == "exact" or self.low <= value <= self.high:
            return value
        if self.overflow == "wrap":
            return (value - self.low) % (1 << self.bits) + self.low
        if self.overflow == "error":
            raise OverflowError(value)
        if self.overflow == "fold":
            return fold(value, self.bits)
        return min(max(value, self.low), self.high)

    @property
    def storage(self) -> str:
        """Name of the smallest numpy dtype that holds every value of the format."""
        return storage_of(*self.reads)

    def __str__(self) -> str:
        if self.overflow == "exact":
            return "int"
        mode = "" if self.overflow == "error" else f" {self.overflow}"
        return f"{'s' if self.signed else 'u'}{self.bits}{mode}"


def storage_of(low: int, high: int) -> str:
    """Name of the smallest signed numpy dtype that holds low .. high, int64 if none does."""
    for bits in (8, 16, 32):
        if low >= -(1 << (bits - 1)) and high < 1 << (bits - 1):
            return f"int{bits}"
    return "int64"


EXACT = Format(64, True, "exact")


def parse_format(text: str) -> Format:
    """The format that ``text`` names; ValueError with a sentence saying what is wrong with it."""
    if text == "int":
        return EXACT
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"'{text}' is not a format; write s24, u12 or int, with 'wrap', 'clamp' or "
            "'clamp symmetric' behind it if it may overflow"
        )
    bits, signed = int(match["bits"]), match["sign"] == "s"
    mode: Overflow = match["mode"] or "error"  # type: ignore[assignment]
    widest = 64 if signed else 63
    if not (1 + signed) <= bits <= widest:
        raise ValueError(f"'{text}' has {bits} bits; a register has {1 + signed} to {widest}")
    if mode in ("clamp symmetric", "fold") and not signed:
        raise ValueError(f"'{text}': only a signed register can {mode}; write 'clamp' or 'wrap'")
    return Format(bits, signed, mode)
