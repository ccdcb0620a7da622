"""Successive cancellation on a lattice, compiled: matrices are small, and there are thousands of them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def cancelled(aim: Floats, step: Floats, low: Floats, high: Floats, moments: Floats) -> Floats:
    """Points of the lattice, (m,), chosen one after the other, each to make up for those before it.

    With ``moments`` (m, m) = R R', R upper triangular, an error e costs the sum over k of
    (R[k,k] e[k] + sum over j < k of R[j,k] e[j])^2, and term k is smallest where e[k] cancels the others
    (nearest plane; L. Babai, Combinatorica 6, 1 (1986)). ``moments`` is positive definite.
    """
    m = aim.size
    root = np.zeros((m, m))
    for k in range(m - 1, -1, -1):
        left = moments[k, k]
        for j in range(k + 1, m):
            left -= root[k, j] * root[k, j]
        root[k, k] = np.sqrt(max(left, 1e-300))
        for i in range(k):
            left = moments[i, k]
            for j in range(k + 1, m):
                left -= root[i, j] * root[k, j]
            root[i, k] = left / root[k, k]
    found, owed = np.zeros(m), np.zeros(m)
    for k in range(m):
        code = np.rint((aim[k] - owed[k] / root[k, k]) / step[k])
        found[k] = min(max(code, low[k]), high[k]) * step[k]
        error = found[k] - aim[k]
        for j in range(k + 1, m):
            owed[j] += root[k, j] * error
    return found
