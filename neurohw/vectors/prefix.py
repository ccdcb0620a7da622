"""The beginning of a case in the interpreter, held to the whole of it in the kernel.

The interpreter is slow; the kernel's whole run is held to the vectors, the interpreter's first steps
or words to the kernel's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from neurohw.emulate import emulate, interpret
from neurohw.emulate.log import OperationLog
from neurohw.emulate.words import emulate_words
from neurohw.recording import Recording
from neurohw.vectors.case import Case, Check, WordCase

Columns = TypeVar("Columns", bound=tuple[Any, ...])


def of_steps(case: Case, limit: int) -> Sequence[Check]:
    """Checks of a case with ticks: the kernel in full, the first ``limit`` ticks interpreted."""
    whole = emulate(case.network, **case.run)
    run = {**case.run, "steps": min(limit, whole.steps)}
    return [*case.check(whole), *_recorded(whole, interpret(case.network, **run))]


def _recorded(whole: Recording, part: Recording) -> list[Check]:
    checks = []
    for name, registers in part.traces.items():
        for register, trace in registers.items():
            values = whole.trace(name, register).values[:, : trace.values.shape[1]]
            checks.append(Check(f"{name}.{register}, interpreted", values, trace.values))
    for name, spikes in part.spikes.items():
        other = whole.spikes[name]
        seen = other.step < part.steps
        for column in ("trial", "step", "neuron", "value"):
            mine, theirs = getattr(spikes, column), getattr(other, column)
            mine = np.ones(spikes.count, np.int32) if mine is None else mine
            theirs = np.ones(other.count, np.int32) if theirs is None else theirs
            checks.append(Check(f"{column} of spikes of {name}, interpreted", theirs[seen], mine))
    return checks


def of_words(case: WordCase, limit: int) -> Sequence[Check]:
    """Checks of a case with a queue: the kernel in full, the first ``limit`` words interpreted."""
    whole = emulate_words(case.network, case.words, **case.options)
    options = {**case.options, "interpreted": True}
    part = emulate_words(case.network, case.words[:limit], **options)
    count = part.operations
    if limit < len(case.words) and case.options.get("saturate"):
        # Once the last word is taken the chip runs dry, which it did not with all of them.
        dry = np.flatnonzero(part.event >= limit - 1)
        count = int(dry[0]) if dry.size else count
    a, b = _cut(whole, count), _cut(part, count)
    checks = [
        Check(f"{key} of operations, interpreted", getattr(a, key), getattr(b, key))
        for key in ("type", "argument", "event", "cycles")
    ]
    for name, rows in b.registers.items():
        for register, values in rows.items():
            checks.append(
                Check(f"{name}.{register}, interpreted", a.registers[name][register], values)
            )
    for key in ("spikes", "output", "changes"):
        for k, (x, y) in enumerate(zip(getattr(a, key), getattr(b, key), strict=True)):
            checks.append(Check(f"column {k} of {key}, interpreted", x, y))
    return [*case.check(whole), *checks]


def _cut(log: OperationLog, count: int) -> OperationLog:
    """The first ``count`` operations."""
    return OperationLog(
        log.type[:count], log.argument[:count], log.event[:count], log.cycles[:count],
        {n: {r: v[:count] for r, v in rows.items()} for n, rows in log.registers.items()},
        _first(log.spikes, count), _first(log.output, count), _first(log.changes, count), {},
    )  # fmt: skip


def _first(rows: Columns, count: int) -> Columns:
    """The rows of the first ``count`` operations, whose numbers are in the first column."""
    return type(rows)(c[rows[0] < count] for c in rows)
