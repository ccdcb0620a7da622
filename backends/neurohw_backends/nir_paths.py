"""Linear paths of a NIR graph between two populations, composed into weights and delays.

A :class:`Term` is the map ``y(t)[j] = sum_k matrix[j, k] x(t - before[k] - after[j])[k]``, with a
vector instead of the matrix where it is diagonal. Linear nodes act on terms; a delay that sits
between two matrices and is not the same on all channels splits a term, one for each of its values.
Constants (the bias of Affine nodes) pass through the same nodes; a delay does not change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError
from neurohw.network import Projection
from neurohw_backends.nir_file import LARGEST

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Term:
    """A weight, ``(n_out, n_in)`` or diagonal ``(n,)``, between delays per input and output."""

    weight: Floats
    before: Floats
    after: Floats

    @classmethod
    def identity(cls, n: int) -> Term:
        """Each of ``n`` channels to itself, at once."""
        return cls(np.ones(n), np.zeros(n), np.zeros(n))

    @property
    def diagonal(self) -> bool:
        """Whether ``weight`` holds the diagonal only."""
        return self.weight.ndim == 1

    def scaled(self, factor: Floats) -> Term:
        """Followed by a factor per channel."""
        weight = self.weight * (factor if self.diagonal else factor[:, None])
        return replace(self, weight=weight)

    def delayed(self, delay: Floats) -> Term:
        """Followed by a delay per channel."""
        return replace(self, after=self.after + delay)

    def through(self, matrix: Floats, where: str) -> list[Term]:
        """Followed by a matrix: one term, or one for each delay that its channels have."""
        zero = np.zeros(matrix.shape[0])
        if self.diagonal:
            return [Term(matrix * self.weight, self.before + self.after, zero)]
        delays = np.unique(self.after)
        need = 8 * matrix.shape[0] * self.weight.shape[1] * delays.size
        if need > LARGEST:
            raise NetworkError(
                f"{where}: composed with the matrix before it takes {need:,} bytes, more than the "
                f"{LARGEST:,} allowed; put a population between them"
            )
        terms = []
        for delay in delays:
            on = self.after == delay
            weight = matrix[:, on] @ self.weight[on]
            terms.append(Term(weight, self.before + delay, zero))
        return terms

    def projection(self, source: str, target: str) -> Projection:
        """As synapses; zeros make none."""
        if self.diagonal:
            k = np.flatnonzero(self.weight)
            delay = (self.before + self.after)[k]
            return Projection.sparse(source, target, k, k, self.weight[k], delay)
        delay = self.after[:, None] + self.before
        return Projection.dense(source, target, self.weight, delay)


def merged(terms: Sequence[Term]) -> list[Term]:
    """The same map in as few terms as possible: those of equal delays and form are added up."""
    kept: dict[tuple[int, bytes, bytes], Term] = {}
    for term in terms:
        key = (term.weight.ndim, term.before.tobytes(), term.after.tobytes())
        if key in kept:
            term = replace(term, weight=kept[key].weight + term.weight)
        kept[key] = term
    return list(kept.values())
