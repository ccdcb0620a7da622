"""Linear paths of a NIR graph between two populations, composed into weights and delays.

A :class:`Term` is the map ``y(t)[j] = sum_k weight[j, k] x(t - before[k] - after[j])[k]``: dense, a
diagonal, or with few entries where a convolution or a pool is on the path. Linear nodes act on terms;
a delay that sits between two matrices and is not the same on all channels splits a term, one for each
of its values. Constants (the bias of Affine nodes) pass through the same nodes; a delay does not
change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError
from neurohw.network import Projection
from neurohw_backends.nir_hdf5 import LARGEST
from neurohw_backends.nir_sparse import Sparse

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Term:
    """A weight, ``(n_out, n_in)``, diagonal ``(n,)`` or sparse, between delays per input and output."""

    weight: Floats | Sparse
    before: Floats
    after: Floats

    @classmethod
    def identity(cls, n: int) -> Term:
        """Each of ``n`` channels to itself, at once."""
        return cls(np.ones(n), np.zeros(n), np.zeros(n))

    def scaled(self, factor: Floats) -> Term:
        """Followed by a factor per channel."""
        weight = self.weight
        if isinstance(weight, Sparse):
            return replace(self, weight=weight.scaled(factor))
        return replace(self, weight=weight * (factor if weight.ndim == 1 else factor[:, None]))

    def delayed(self, delay: Floats) -> Term:
        """Followed by a delay per channel."""
        return replace(self, after=self.after + delay)

    def through(self, matrix: Floats | Sparse, where: str) -> list[Term]:
        """Followed by a matrix: one term, or one for each delay that its channels have."""
        weight, zero = self.weight, np.zeros(matrix.shape[0])
        if not isinstance(weight, Sparse) and weight.ndim == 1:
            before = self.before + self.after
            if isinstance(matrix, Sparse):
                scaled = replace(matrix, weight=matrix.weight * weight[matrix.pre])
                return [Term(scaled, before, zero)]
            return [Term(matrix * weight, before, zero)]
        delays = np.unique(self.after)
        if isinstance(weight, Sparse) or isinstance(matrix, Sparse):
            left = matrix if isinstance(matrix, Sparse) else Sparse.of(matrix)
            right = weight if isinstance(weight, Sparse) else Sparse.of(weight)
            return [
                Term(
                    left.after(right.picked(self.after[right.post] == delay), where),
                    self.before + delay,
                    zero,
                )
                for delay in delays
            ]
        need = 8 * matrix.shape[0] * weight.shape[1] * delays.size
        if need > LARGEST:
            raise NetworkError(
                f"{where}: composed with the matrix before it takes {need:,} bytes, more than the "
                f"{LARGEST:,} allowed; put a population between them"
            )
        terms = []
        for delay in delays:
            on = self.after == delay
            terms.append(Term(matrix[:, on] @ weight[on], self.before + delay, zero))
        return terms

    def projection(self, source: str, target: str) -> Projection:
        """As synapses; zeros make none."""
        weight = self.weight
        if isinstance(weight, Sparse) or weight.ndim == 1:
            w = weight if isinstance(weight, Sparse) else Sparse.of(weight)
            delay = self.before[w.pre] + self.after[w.post]
            return Projection.sparse(source, target, w.pre, w.post, w.weight, delay)
        return Projection.dense(source, target, weight, self.after[:, None] + self.before)


def merged(terms: Sequence[Term]) -> list[Term]:
    """The same map in as few terms as possible: those of equal delays and form are added up."""
    kept: dict[tuple[int, bytes, bytes], Term] = {}
    for term in terms:
        weight = term.weight
        form = 0 if isinstance(weight, Sparse) else weight.ndim
        key = (form, term.before.tobytes(), term.after.tobytes())
        if key in kept:
            other = kept[key].weight
            if isinstance(weight, Sparse) and isinstance(other, Sparse):
                term = replace(term, weight=other.plus(weight))
            elif not isinstance(weight, Sparse) and not isinstance(other, Sparse):
                term = replace(term, weight=other + weight)
        kept[key] = term
    return list(kept.values())
