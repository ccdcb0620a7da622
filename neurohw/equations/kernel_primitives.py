"""The primitives as kernels use them: one int64 at a time.

The text of these functions is copied into every generated kernel file, because numba keys its disk
cache on that file alone. Arguments have been proven to keep every intermediate inside 64 bits.
"""

from __future__ import annotations

from typing import Any

# ruff: noqa: FURB136  (min and max as branches: numba then emits a select, not a call)


def shr0(x: int, n: int) -> int:
    return x >> n if x >= 0 else -((-x) >> n)


def shrf(x: int, n: int) -> int:
    return x >> n


def shrn(x: int, n: int) -> int:
    return (x + ((1 << n) >> 1)) >> n


def shre(x: int, n: int) -> int:
    q = x >> n
    rest = (x - (q << n)) << 1
    whole = 1 << n
    up = 1 if rest > whole or (rest == whole and (q & 1) == 1) else 0
    return q + up


def mulhi(a: int, b: int, n: int) -> int:
    return (a * b) >> n


def fdiv(a: int, b: int) -> int:
    q = abs(a) // b
    return q if a >= 0 else -q - (1 if q * b != -a else 0)


def min_(a: int, b: int) -> int:
    return a if a < b else b


def max_(a: int, b: int) -> int:
    return a if a > b else b


def abs_(x: int) -> int:
    return x if x >= 0 else -x


def sign(x: int) -> int:
    return (1 if x > 0 else 0) - (1 if x < 0 else 0)


def clamp(x: int, low: int, high: int) -> int:
    return low if x < low else (high if x > high else x)


def wrap(x: int, bits: int) -> int:
    low = x & ((1 << bits) - 1)
    return low - ((low >> (bits - 1)) << bits)


def uwrap(x: int, bits: int) -> int:
    return x & ((1 << bits) - 1)


def fold(x: int, bits: int) -> int:
    half = 1 << (bits - 1)
    y = x - 2 * half if x > half else x
    return y + 2 * half if y <= -half else y


def sat(x: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return clamp(x, -half, half - 1)


def wide_shrf(a: int, b: int, n: int, k: int) -> int:
    """floor(a * b / 2^n) where a * b leaves 64 bits: b in two parts, the lower of k bits.

    a * b = (a * (b >> k)) * 2^k + a * (b mod 2^k), and dropping the low k bits of the second term
    first does not change the floor of the whole.
    """
    return (a * (b >> k) + ((a * (b & ((1 << k) - 1))) >> k)) >> (n - k)


def wide_shr0(a: int, b: int, n: int, k: int) -> int:
    size = wide_shrf(a if a >= 0 else -a, b if b >= 0 else -b, n, k)
    return size if (a >= 0) == (b >= 0) else -size


def mix(x: int) -> int:
    """A 32-bit mixing function (constants found by C. Wellons' hash-prospector, public domain)."""
    x = x & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return x ^ (x >> 15)


def random_bits(n: int, seed: int, trial: int, step: int, neuron: int, site: int) -> int:
    """Counter-based: the same number for the same place, whatever ran before or beside it."""
    x = mix(seed + 0x9E3779B9)
    x = mix(x + trial * 0x632BE5AB)
    x = mix(x + step * 0x2545F491)
    x = mix(x + neuron * 0x1B873593)
    x = mix(x + site * 0x27D4EB2F)
    return x >> (32 - n)


def take_bits(state: Any, lane: int, bits: int, near: int, far: int) -> int:
    """The next number of a shift register: ``state[lane]`` holds the ``far`` bits that will enter
    and the last ``near`` that came out, the newest as bit 0."""
    entering, out, value = state[lane, 0], state[lane, 1], 0
    for k in range(bits):
        bit = (entering & 1) ^ ((out >> (near - 1)) & 1)
        entering = (entering >> 1) | (bit << (far - 1))
        out = ((out << 1) | bit) & ((1 << near) - 1)
        value |= bit << k
    state[lane, 0], state[lane, 1] = entering, out
    return value
