"""Whether two machines do the same with every word, item and argument there can be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from executions import Compiled
from numpy.typing import NDArray

from neurohw.chip.machine import Branch, Machine, Rule

Array = NDArray[np.int64]
RULES = ("first", "last", "row", "row_last", "cycles", "output", "output_when")
_COMPILED: dict[int, tuple[Rule, Compiled]] = {}


def value(rule: Rule, given: Mapping[str, Any], shape: tuple[int, ...]) -> Array:
    """A rule over arrays."""
    kept = _COMPILED.get(id(rule))
    if kept is None or kept[0] is not rule:
        kept = rule, Compiled(rule.program)
        _COMPILED[id(rule)] = kept
    return np.broadcast_to(kept[1](given, {})[0]["value"], shape)


def settings(machine: Machine) -> Iterator[dict[str, Any]]:
    """Configurations: every one of flags, ends and middles of wider registers."""
    choices = [
        range(f.high + 1) if f.bits < 3 else sorted({0, 1, 8, 100, f.high - 1, f.high})
        for f in machine.configuration.values()
    ]
    for values in itertools.product(*choices):
        yield {k: np.int64(v) for k, v in zip(machine.configuration, values, strict=True)}


def decisions(
    branches: tuple[Branch, ...], name: str, values: Array, setting: Mapping[str, Any]
) -> tuple[Array, Array]:
    """Which branch each word takes, and what it pushes or hands over."""
    branch, result = np.full(values.shape, -1), np.zeros(values.shape, np.int64)
    given = {**setting, name: values}
    for k, b in enumerate(branches):
        mine = (branch < 0) & (value(b.when, given, values.shape) != 0)
        rule = b.push or b.argument
        assert rule is not None
        result = np.where(mine, value(rule, given, values.shape), result)
        branch = np.where(mine, k, branch)
    return branch, result


def reached(
    machine: Machine, words: Array, setting: Mapping[str, Any]
) -> tuple[tuple[Array, Array], Array, tuple[Array, Array], dict[str, Array]]:
    """Decisions about words; items; decisions about these; arguments by operation."""
    first = decisions(machine.receive, "word", words, setting)
    pushed = np.zeros(words.shape, bool)
    for k, b in enumerate(machine.receive):
        pushed |= (first[0] == k) & (b.push is not None)
    neurons = np.arange(machine.neurons)
    own = value(machine.spike_push, {**setting, "neuron": neurons}, neurons.shape)
    items = np.unique(np.concatenate([first[1][pushed], own]))
    second = decisions(machine.serve, "item", items, setting)
    arguments: dict[str, list[Array]] = {name: [] for name in machine.operations}
    for branches, (branch, result) in ((machine.receive, first), (machine.serve, second)):
        for k, b in enumerate(branches):
            if b.push is None:
                arguments[b.operation].append(result[branch == k])
    found = {
        k: np.unique(np.concatenate([np.zeros(0, np.int64), *v])) for k, v in arguments.items()
    }
    return first, items, second, found


def same(old: Machine, new: Machine, words: Array, setting: Mapping[str, Any]) -> bool:
    """Whether nothing differs that a word of ``words`` can start."""
    a, b = reached(old, words, setting), reached(new, words, setting)
    for x, y in ((a[0], b[0]), (a[2], b[2])):
        if any(p.shape != q.shape or (p != q).any() for p, q in zip(x, y, strict=True)):
            return False
    idle = [m.idle_only for m in old.receive] != [m.idle_only for m in new.receive]
    if idle or old.queue != new.queue or (a[1].shape != b[1].shape or (a[1] != b[1]).any()):
        return False
    for name, o in old.operations.items():
        n, argument = new.operations[name], a[3][name]
        given = {**setting, "argument": argument}
        rules = [(getattr(o, k), getattr(n, k)) for k in RULES]
        rules += [(r, n.inputs[k]) for k, r in o.inputs.items()]
        if o.kind != n.kind:
            return False
        for x, y in rules:
            if (
                x is not None
                and (value(x, given, argument.shape) != value(y, given, argument.shape)).any()
            ):
                return False
    neurons = np.arange(old.neurons)
    given = {**setting, "neuron": neurons}
    return all(
        (
            value(getattr(old, k), given, neurons.shape)
            == value(getattr(new, k), given, neurons.shape)
        ).all()
        for k in ("spike_push", "spike_output")
    ) and all(
        (
            (value(getattr(old, k), given, neurons.shape) != 0)
            == (value(getattr(new, k), given, neurons.shape) != 0)
        ).all()
        for k in ("spike_unless", "spike_output_when")
    )


def always_same(old: Machine, new: Machine) -> bool:
    """Whether they do the same with every word, whatever the configuration."""
    words = np.arange(1 << old.word.bits)
    return all(same(old, new, words, s) for s in settings(old))
