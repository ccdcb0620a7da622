"""The closed list of primitives: what each computes, on unlimited Python integers, and its range.

This is their definition. The fast versions stand in ``kernel_primitives`` and
``array_primitives``; the tests compare all three over the whole list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Interval = tuple[int, int]


@dataclass(frozen=True)
class Primitive:
    """``define`` maps integers to an integer; ``bounds`` maps argument intervals to the result's.

    ``literal`` are positions whose argument must be a constant; ``domain`` gives, by position, the
    interval that an argument must provably stay in.
    """

    name: str
    arity: int
    doc: str
    define: Callable[..., int]
    bounds: Callable[..., Interval]
    literal: tuple[int, ...] = ()
    domain: tuple[tuple[int, Interval], ...] = ()


def _sign(x: int) -> int:
    return (x > 0) - (x < 0)


def _shr0(x: int, n: int) -> int:
    return _sign(x) * (abs(x) >> n)


def _shrn(x: int, n: int) -> int:
    return (x + ((1 << n) >> 1)) >> n


def _shre(x: int, n: int) -> int:
    whole = 1 << n
    quotient, rest = divmod(x, whole)
    return quotient + (2 * rest > whole or (2 * rest == whole and quotient % 2 == 1))


def _monotone(shift: Callable[[int, int], int]) -> Callable[[Interval, Interval], Interval]:
    """Bounds of a right shift: it never grows with n in size, and grows with x."""

    def bounds(x: Interval, n: Interval) -> Interval:
        ends = [shift(a, b) for a in x for b in n]
        return min(ends), max(ends)

    return bounds


def wrap(x: int, bits: int) -> int:
    """Two's complement: the ``bits``-bit signed integer congruent to x."""
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


def _clip(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def _abs_bounds(x: Interval) -> Interval:
    low, high = x
    if low <= 0 <= high:
        return 0, max(-low, high)
    return min(abs(low), abs(high)), max(abs(low), abs(high))


def _fdiv_bounds(a: Interval, b: Interval) -> Interval:
    ends = [x // y for x in a for y in b]
    return min(ends), max(ends)


def product(a: Interval, b: Interval) -> Interval:
    """Interval of a product."""
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def _mulhi_bounds(a: Interval, b: Interval, n: Interval) -> Interval:
    low, high = product(a, b)
    return low >> n[0], high >> n[0]


_SHIFT: Interval = (0, 62)
_WIDTH: Interval = (2, 62)

PRIMITIVES: dict[str, Primitive] = {
    p.name: p
    for p in (
        Primitive(
            "shr0", 2, "x / 2^n rounded toward zero", _shr0, _monotone(_shr0),
            domain=((1, _SHIFT),),
        ),
        Primitive(
            "shrf", 2, "x / 2^n rounded down (floor), the same as x >> n",
            lambda x, n: x >> n, _monotone(lambda x, n: x >> n), domain=((1, _SHIFT),),
        ),
        Primitive(
            "shrn", 2, "x / 2^n to the nearest, halves up", _shrn, _monotone(_shrn),
            domain=((1, (0, 61)),),
        ),
        Primitive(
            "shre", 2, "x / 2^n to the nearest, halves to even", _shre, _monotone(_shre),
            domain=((1, (0, 61)),),
        ),
        Primitive(
            "mulhi", 3, "a * b / 2^n rounded down; a * b may exceed 64 bits, n is a constant",
            lambda a, b, n: (a * b) >> n, _mulhi_bounds, literal=(2,), domain=((2, _SHIFT),),
        ),
        Primitive(
            "fdiv", 2, "a / b rounded down; b is at least 1",
            lambda a, b: a // b, _fdiv_bounds, domain=((1, (1, 2**63 - 1)),),
        ),
        Primitive(
            "min", 2, "the smaller", min, lambda a, b: (min(a[0], b[0]), min(a[1], b[1]))
        ),
        Primitive(
            "max", 2, "the larger", max, lambda a, b: (max(a[0], b[0]), max(a[1], b[1]))
        ),
        Primitive("abs", 1, "the size without the sign", abs, _abs_bounds),
        Primitive("sign", 1, "-1, 0 or 1", _sign, lambda x: (_sign(x[0]), _sign(x[1]))),
        Primitive(
            "clamp", 3, "x, or the nearer of low and high if outside; low <= high",
            _clip,
            lambda x, lo, hi: (_clip(x[0], lo[0], hi[0]), _clip(x[1], lo[1], hi[1])),
        ),
        Primitive(
            "wrap", 2, "x in two's complement of the given number of bits",
            wrap, lambda x, n: x if wrap(x[0], n[0]) == x[0] and wrap(x[1], n[0]) == x[1]
            else (-(1 << (n[0] - 1)), (1 << (n[0] - 1)) - 1),
            literal=(1,), domain=((1, _WIDTH),),
        ),
        Primitive(
            "sat", 2, "x saturated to the given number of bits, signed",
            lambda x, n: _clip(x, -(1 << (n - 1)), (1 << (n - 1)) - 1),
            lambda x, n: (
                _clip(x[0], -(1 << (n[0] - 1)), (1 << (n[0] - 1)) - 1),
                _clip(x[1], -(1 << (n[0] - 1)), (1 << (n[0] - 1)) - 1),
            ),
            literal=(1,), domain=((1, _WIDTH),),
        ),
        Primitive(
            "random", 1, "the chip's random number, uniform in 0 .. 2^n - 1",
            lambda n: 0, lambda n: (0, (1 << n[1]) - 1), literal=(0,), domain=((0, (1, 31)),),
        ),
    )
}  # fmt: skip
