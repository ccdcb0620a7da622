"""Projections: who is connected to whom, with which weight and delay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import NetworkError
from neurohw.network.checks import integers, numbers
from neurohw.network.rules import Distribution, Rule, distribution
from neurohw.ordering import order_by

if TYPE_CHECKING:
    from neurohw.network.random_projection import RuleProjection

Block = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any], NDArray[Any]]
"""pre, post, weight and delay of some synapses, all of one length."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population to another, as a list sorted by source neuron.

    ``pre`` and ``post`` are int32 indices, ``weight`` float64 (units of current) and ``delay``
    float64 seconds, all of shape (synapses,). The delay is counted from the end of the step in
    which the source spiked: with 0 the spike acts on the target's next step, the earliest there is.
    Make one with :meth:`dense` or :meth:`sparse`, or from a rule with :meth:`by_rule`.
    """

    source: str
    target: str
    pre: NDArray[np.int32]
    post: NDArray[np.int32]
    weight: NDArray[np.float64]
    delay: NDArray[np.float64]
    name: str = ""

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return int(self.pre.size)

    def shortest(self) -> float:
        """The least delay in seconds, of one synapse or more."""
        return float(self.delay.min())

    def sized(self, n_source: int, n_target: int) -> Projection:
        """The projection between populations of these sizes: itself."""
        return self

    def span(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Least and largest index of the source and of the target; (0, -1) where there is none."""
        return ends(self.pre), ends(self.post)

    def blocks(self, most: int = 1 << 18) -> Iterator[Block]:
        """All synapses in order, ``most`` at a time: pre, post, weight, delay."""
        return slices((self.pre, self.post, self.weight, self.delay), most)

    @classmethod
    def by_rule(
        cls,
        source: str,
        target: str,
        rule: Rule,
        weight: float | Distribution,
        delay: float | Distribution = 0.0,
        seed: int = 0,
        name: str = "",
    ) -> RuleProjection:
        """Synapses drawn by a rule, each a pure function of ``seed``, never stored unless asked for.

        ``rule``: FixedInDegree, FixedTotal, Probability or Distance. ``weight`` (units of current) and
        ``delay`` (seconds): a number, Constant, Normal or Uniform. Two projections of a network with
        one seed still differ. NetworkError for a rule, distribution or seed that is none.
        """
        from neurohw.network.random_projection import RuleProjection

        label = f"projection {source} -> {target}"
        if not isinstance(rule, Rule):
            raise NetworkError(f"{label}: rule is {rule!r}; give a FixedInDegree, FixedTotal, ...")
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise NetworkError(f"{label}: seed is {seed!r}; give a whole number")
        weights = distribution(f"{label}: weight", weight)
        delays = distribution(f"{label}: delay", delay)
        if (least := delays.table().min()) < 0:
            raise NetworkError(f"{label}: a delay is {least:g} s; delays are 0 or more")
        return RuleProjection(
            source, target, name, rule=rule, weights=weights, delays=delays, seed=int(seed)
        )

    @classmethod
    def dense(
        cls, source: str, target: str, weight: ArrayLike, delay: ArrayLike = 0.0, name: str = ""
    ) -> Projection:
        """All-to-all from a matrix of shape (n_target, n_source), as in NIR and PyTorch.

        ``delay`` is a number or a matrix of the same shape. An entry that is exactly 0 makes no
        synapse.
        """
        label = f"projection {source} -> {target}"
        matrix = numbers(f"{label}: weight", weight, NetworkError)
        if matrix.ndim != 2:
            raise NetworkError(
                f"projection {source} -> {target}: weight has shape {matrix.shape}; give a matrix "
                "(n_target, n_source)"
            )
        given = numbers(f"{label}: delay", delay, NetworkError)
        try:
            delays = np.broadcast_to(given, matrix.shape)
        except ValueError:
            raise NetworkError(
                f"projection {source} -> {target}: delay has shape {given.shape}, weight has "
                f"{matrix.shape}; give one number or a matrix of that shape"
            ) from None
        pre, post = np.nonzero(matrix.T)
        return cls.sparse(
            source, target, pre, post, matrix[post, pre], delays[post, pre], name=name
        )

    @classmethod
    def sparse(
        cls,
        source: str,
        target: str,
        pre: ArrayLike,
        post: ArrayLike,
        weight: ArrayLike,
        delay: ArrayLike = 0.0,
        name: str = "",
    ) -> Projection:
        """Synapse by synapse: ``pre`` and ``post`` indices, ``weight`` and ``delay`` each a number
        or one per synapse. Several synapses between the same two neurons add up."""
        label = f"projection {source} -> {target}"
        pre_ = np.atleast_1d(integers(f"{label}: pre", pre, error=NetworkError))
        post_ = np.atleast_1d(integers(f"{label}: post", post, error=NetworkError))
        for which, array in (("pre", pre_), ("post", post_)):
            if array.ndim != 1:
                raise NetworkError(f"{label}: {which} has shape {array.shape}; give one list")
        if pre_.size != post_.size:
            raise NetworkError(
                f"{label}: {pre_.size} pre indices but {post_.size} post indices; give one of each "
                "per synapse"
            )
        columns = []
        for which, value in (("weight", weight), ("delay", delay)):
            column = numbers(f"{label}: {which}", value, NetworkError)
            try:
                column = np.array(np.broadcast_to(column, pre_.shape))
            except ValueError:
                raise NetworkError(
                    f"{label}: {which} has shape {column.shape} for {pre_.size} synapses; give "
                    "one number or one per synapse"
                ) from None
            if not np.isfinite(column).all():
                k = int(np.flatnonzero(~np.isfinite(column))[0])
                raise NetworkError(
                    f"{label}: {which} of synapse {k} ({pre_[k]} -> {post_[k]}) is {column[k]}; "
                    "every value must be finite"
                )
            columns.append(column)
        if columns[1].size and columns[1].min() < 0:
            raise NetworkError(f"{label}: a delay is {columns[1].min():g} s; delays are 0 or more")
        order = order_by((pre_, post_))
        first, second = (c[order].astype(np.int32) for c in (pre_, post_))
        weights, delays = (c[order] for c in columns)
        for kept in (first, second, weights, delays):
            kept.setflags(write=False)
        return cls(source, target, first, second, weights, delays, name)


def ends(index: NDArray[np.int32]) -> tuple[int, int]:
    """The least and the largest index; (0, -1) of none."""
    return (int(index.min()), int(index.max())) if index.size else (0, -1)


def slices(columns: Block, most: int) -> Iterator[Block]:
    """The columns, ``most`` rows at a time, contiguous as kernels need them."""
    for k in range(0, columns[0].size, most):
        pre, post, weight, delay = (np.ascontiguousarray(c[k : k + most]) for c in columns)
        yield pre, post, weight, delay
