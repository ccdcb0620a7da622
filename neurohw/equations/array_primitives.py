"""The primitives over int64 numpy arrays, for generated Lava process models.

Their text is copied into the exported script, which must stand alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def truth(x: Array) -> Array:
    return np.asarray(x).astype(np.int64)


def shr0(x: Array, n: Array) -> Array:
    return np.where(x >= 0, x >> n, -((-x) >> n))


def shrf(x: Array, n: Array) -> Array:
    return x >> n


def shrn(x: Array, n: Array) -> Array:
    return (x + ((np.int64(1) << n) >> 1)) >> n


def shre(x: Array, n: Array) -> Array:
    q = x >> n
    rest = (x - (q << n)) << 1
    whole = np.int64(1) << n
    return q + ((rest > whole) | ((rest == whole) & ((q & 1) == 1)))


def mulhi(a: Array, b: Array, n: int) -> Array:
    return (a * b) >> n


def fdiv(a: Array, b: Array) -> Array:
    return np.floor_divide(a, b)


def min_(a: Array, b: Array) -> Array:
    return np.minimum(a, b)


def max_(a: Array, b: Array) -> Array:
    return np.maximum(a, b)


def abs_(x: Array) -> Array:
    return np.abs(x)


def sign(x: Array) -> Array:
    return np.sign(x)


def clamp(x: Array, low: Array, high: Array) -> Array:
    return np.minimum(np.maximum(x, low), high)


def wrap(x: Array, bits: int) -> Array:
    low = x & ((1 << bits) - 1)
    return low - ((low >> (bits - 1)) << bits)


def uwrap(x: Array, bits: int) -> Array:
    return x & ((1 << bits) - 1)


def fold(x: Array, bits: int) -> Array:
    half = 1 << (bits - 1)
    y = np.where(x > half, x - 2 * half, x)
    return np.where(y <= -half, y + 2 * half, y)


def sat(x: Array, bits: int) -> Array:
    half = 1 << (bits - 1)
    return clamp(x, -half, half - 1)


def wide_shrf(a: Array, b: Array, n: int, k: int) -> Array:
    return (a * (b >> k) + ((a * (b & ((1 << k) - 1))) >> k)) >> (n - k)


def wide_shr0(a: Array, b: Array, n: int, k: int) -> Array:
    size = wide_shrf(np.abs(a), np.abs(b), n, k)
    return np.where((a >= 0) == (b >= 0), size, -size)


def mix(x: Array) -> Array:
    x = x & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return x ^ (x >> 15)


def random_bits(n: int, seed: Array, trial: Array, step: Array, neuron: Array, site: int) -> Array:
    x = mix(seed + 0x9E3779B9)
    x = mix(x + trial * 0x632BE5AB)
    x = mix(x + step * 0x2545F491)
    x = mix(x + neuron * 0x1B873593)
    x = mix(x + site * 0x27D4EB2F)
    return x >> (32 - n)
