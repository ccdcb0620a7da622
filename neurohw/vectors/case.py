"""What a vector file turns into: a network to run, and what every recorded value must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.log import OperationLog
from neurohw.fixed import FixedPointNetwork
from neurohw.recording import Recording


@dataclass(frozen=True, eq=False)
class Check:
    """One recorded quantity: two arrays of equal shape, compared exactly."""

    what: str
    expected: NDArray[Any]
    got: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A run of a chip with ticks: ``run`` are arguments of ``emulate``, ``check`` reads what it gave."""

    name: str
    network: FixedPointNetwork
    run: Mapping[str, Any]
    check: Callable[[Recording], Sequence[Check]]


@dataclass(frozen=True, eq=False)
class WordCase:
    """A run of a chip with a queue: the ``words`` that the host sends, and options of
    ``emulate_words``."""

    name: str
    network: FixedPointNetwork
    words: NDArray[np.int64]
    check: Callable[[OperationLog], Sequence[Check]]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TableCase:
    """Values that need no run: a rule of the chip applied to a table of arguments."""

    name: str
    check: Callable[[], Sequence[Check]]
