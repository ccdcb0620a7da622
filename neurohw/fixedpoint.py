"""Register formats: how many bits, signed or not, and what a store does on overflow.

A format is written as the field writes it: ``s24 wrap`` (24 bits, two's complement, wraps),
``s16 clamp`` (saturates to -32768..32767), ``s24 clamp symmetric`` (saturates to +-(2^23 - 1)),
``u12`` (0..4095; a store outside is an error that names the register). ``int`` is an exact
intermediate of unlimited width, which the analysis must prove to fit into 64 bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Overflow = Literal["error", "wrap", "clamp", "clamp symmetric", "exact"]

_PATTERN = re.compile(r"(?P<sign>[su])(?P<bits>[0-9]{1,2})(?: (?P<mode>wrap|clamp|clamp symmetric))?")
INT64 = (-(2**63), 2**63 - 1)


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
        return -(2 ** (self.bits - 1)) + (self.overflow == "clamp symmetric")

    @property
    def high(self) -> int:
        """Largest value that the format holds."""
        return int(2 ** (self.bits - self.signed) - 1)

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
            return (value - self.low) % (2**self.bits) + self.low
        if self.overflow == "error":
            raise OverflowError(value)
        return min(max(value, self.low), self.high)

    @property
    def storage(self) -> str:
        """Name of the smallest numpy dtype that holds every value of the format."""
        for bits in (8, 16, 32):
            if self.low >= -(2 ** (bits - 1)) and self.high < 2 ** (bits - 1):
                return f"int{bits}"
        return "int64"

    def __str__(self) -> str:
        if self.overflow == "exact":
            return "int"
        mode = "" if self.overflow == "error" else f" {self.overflow}"
        return f"{'s' if self.signed else 'u'}{self.bits}{mode}"


EXACT = Format(64, True, "exact")
BOOLEAN = Format(1, False)


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
    if mode == "clamp symmetric" and not signed:
        raise ValueError(f"'{text}': only a signed register can clamp symmetrically; write 'clamp'")
    return Format(bits, signed, mode)
