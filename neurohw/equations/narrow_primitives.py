"""The primitives in 32 bits, for values that are proven to stay within.

Vector units hold twice as many of them, and numba computes in 64 bits unless each step says no.
The text of these functions is copied into every generated kernel file, as ``kernel_primitives``.
"""

from __future__ import annotations

from typing import Any

from numpy import int32 as _i32

from neurohw.native import select, shr32

_m1, _c0, _c1, _c31, _c32 = _i32(-1), _i32(0), _i32(1), _i32(31), _i32(32)


def _shr0(x: Any, n: Any) -> Any:
    # Adding 2^n - 1 to negative numbers only turns the floor into truncation.
    return shr32(_i32(x + _i32(shr32(x, _c31) & _i32(_i32(_c1 << n) - _c1))), n)


def _min(a: Any, b: Any) -> Any:
    return select(a < b, a, b)


def _max(a: Any, b: Any) -> Any:
    return select(a > b, a, b)


def _abs(x: Any) -> Any:
    return select(x >= _c0, x, _i32(-x))


def _sign(x: Any) -> Any:
    return select(x > _c0, _c1, select(x < _c0, _m1, _c0))


def _clamp(x: Any, low: Any, high: Any) -> Any:
    return select(x < low, low, select(x > high, high, x))


def _wrap(x: Any, bits: Any) -> Any:
    up = _i32(_c32 - bits)
    return shr32(_i32(x << up), up)


def _uwrap(x: Any, bits: Any) -> Any:
    return _i32(x & _i32(_i32(_c1 << bits) - _c1))


def _fold(x: Any, bits: Any) -> Any:
    half = _i32(_c1 << _i32(bits - _c1))
    y = select(x > half, _i32(x - _i32(half + half)), x)
    return select(y <= _i32(-half), _i32(y + _i32(half + half)), y)


def _product_shrf(a: Any, b: Any, n: Any) -> Any:
    """floor(a * b / 2^n) where a * b needs more than 32 bits: a in two parts, the lower of n bits."""
    low = _i32(_i32(a & _i32(_i32(_c1 << n) - _c1)) * b)
    return _i32(_i32(shr32(a, n) * b) + shr32(low, n))


def _product_shr0(a: Any, b: Any, n: Any) -> Any:
    """The same toward zero, b >= 0: where a is negative the product is, and 2^n - 1 more turns the
    floor into truncation."""
    mask = _i32(_i32(_c1 << n) - _c1)
    low = _i32(_i32(_i32(a & mask) * b) + select(a < _c0, mask, _c0))
    return _i32(_i32(shr32(a, n) * b) + shr32(low, n))
