"""Quantising projections by rule without storing their synapses.

Scale, weight modes and exponents follow from weights and from their sums over the synapses of a
neuron. Where all rules together are small, their synapses are listed to find them. Otherwise a
stand-in has only the synapses of some targets: those with the extreme sums, which decide whether
anything can overflow, and evenly spaced ones, which are typical. What is found on it then quantises the
tables that every synapse is drawn from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.errors import CapacityError
from neurohw.fixed import FixedProjection
from neurohw.fixed_rules import FixedRuleProjection
from neurohw.machine import cores
from neurohw.network.model import Network
from neurohw.network.projections import Projection
from neurohw.network.random_projection import RuleProjection
from neurohw.quantise.delays import Delays, quantise_delays
from neurohw.quantise.record import WeightEntry
from neurohw.quantise.scale import Choice, Target
from neurohw.quantise.weights import Part, Rounded

LISTED = 1_000_000
"""Synapses by rule up to which all of them are listed: hundreds of scales are tried on each."""
SPACED, EXTREME = 16, 4
"""Targets of a population that a stand-in keeps: evenly spaced, and at each end of the sums."""

BLOCK = 1 << 15
"""Synapses made at a time: they stay in a core's cache until they are looked at."""


@dataclass(frozen=True, eq=False)
class StandIn:
    """A network of lists to find the scales on, and the ``rules`` that its lists stand for, by name.

    ``sampled``: the lists hold some synapses only.
    """

    network: Network
    rules: Mapping[str, RuleProjection]
    sampled: bool = False


def stand_in(network: Network, targets: Mapping[str, Target], by_neuron: bool) -> StandIn:
    """What ``network`` is quantised as. ``by_neuron``: each neuron gets its own scale.

    A rule becomes a list for good where one table can't say its codes: where weight units differ
    between the targets, where signs go to inputs of their own, and where a source has one delay only.
    """
    ruled = [p for p in network.projections if isinstance(p, RuleProjection)]
    if not ruled:
        return StandIn(network, {})
    rules = {p.name: p for p in ruled if _one_table(p, network, targets[p.target], by_neuron)}
    if sum(p.synapses for p in rules.values()) <= LISTED:
        return StandIn(_with(network, {p.name: p.stored() for p in ruled}), rules)
    lists: dict[str, Projection] = {p.name: p.stored() for p in ruled if p.name not in rules}

    def sample(name: str) -> dict[str, Projection]:
        incoming = [lists.get(p.name, p) for p in network.projections if p.target == name]
        if not any(p.name in rules for p in incoming):
            return {}
        chosen = _chosen(incoming, network.populations[name].n)
        return {p.name: _of(p, chosen) for p in incoming}

    # The kernels that make the synapses let go of Python's lock.
    with ThreadPoolExecutor(min(4, cores())) as pool:
        found = list(pool.map(sample, targets))
    for some in found:
        lists.update(some)
    return StandIn(_with(network, lists), rules, sampled=True)


def small(target: Target) -> Target:
    """The target with only those neurons that a stand-in has synapses of, and those with the least and
    the largest value of each parameter: hundreds of scales are tried on it."""
    population = target.population
    kept = [np.unique(part.post) for part in target.incoming]
    for _, values in population.parameters():
        kept.append(np.array([values.argmin(), values.argmax()]))
    rows = np.unique(np.concatenate(kept))
    few = replace(population, n=int(rows.size), **{k: v[rows] for k, v in population.parameters()})
    incoming = []
    for part in target.incoming:
        p = part.projection
        post = np.searchsorted(rows, p.post).astype(np.int32)
        moved = Projection(p.source, p.target, p.pre, post, p.weight, p.delay, p.name)
        incoming.append(replace(part, projection=moved))
    return replace(target, population=few, incoming=tuple(incoming))


def of_all(choice: Choice, target: Target) -> Choice | None:
    """A choice made on the small target for the whole of it; None if some code there would be lost
    that was not among the few."""
    coded = target.codes(choice.scale)
    lost = set(coded.trouble(target.rules)) - set(choice.coded.trouble(target.rules))
    if lost:
        return None
    return Choice(target, choice.scale, coded, choice.rounded, target.factor(coded), choice.cost)


def by_table(
    rule: RuleProjection, part: Part, rounded: Rounded, choice: Choice, chip: Chip, dt: float
) -> tuple[Part, Rounded, Delays]:
    """``part``, ``rounded`` and delays as of a projection that has each entry of the tables once."""
    weights, delays = rule.weights.table(), rule.delays.table()
    if np.ptp(choice.factor):
        raise CapacityError(
            f"projection '{rule.name}': weight units differ between the neurons of '{rule.target}' at "
            "this scale; give its projections as lists"
        )
    listed = _table(rule, weights, np.zeros(weights.size))
    part = Part(listed, np.arange(weights.size), part.sign, part.port)
    wanted, mode = part.wanted(choice.factor), rounded.mode
    unit = 2.0**rounded.exponent
    # An entry that no synapse of a small network has may lie beyond the mode.
    codes = np.clip(np.rint(wanted / (unit * mode.step)) * mode.step, mode.low, mode.high)
    error = float(np.sum((codes * unit - wanted) ** 2))
    found = quantise_delays(_table(rule, np.zeros(delays.size), delays), chip, dt, "clip")
    return part, Rounded(codes.astype(np.int32), mode, rounded.exponent, error), found


def fixed_rule(
    rule: RuleProjection, label: str, part: Part, rounded: Rounded, delays: Delays
) -> FixedProjection:
    """The projection in codes, from what :func:`by_table` gave."""
    tables = rounded.mantissa, delays.codes
    for table in tables:
        table.setflags(write=False)
    return FixedRuleProjection(
        label, rule.source, rule.target, rounded.exponent, rounded.mode.name, part.port,
        rule=rule.rule, key=rule.key, n_source=rule.n_source, n_target=rule.n_target,
        weights=tables[0], delays=tables[1],
    )  # fmt: skip


def expected(found: WeightEntry, rule: RuleProjection, entries: int) -> WeightEntry:
    """The record of a table of so many weights as that of the synapses drawn from it."""
    share = rule.synapses / max(entries, 1)
    moved = rule.synapses / max(rule.delays.table().size, 1)
    return replace(
        found, synapses=rule.synapses, vanished=round(found.vanished * share),
        moved_delays=round(found.moved_delays * moved),
    )  # fmt: skip


def _one_table(p: RuleProjection, network: Network, target: Target, by_neuron: bool) -> bool:
    chip, factor = target.chip, target.factor(target.codes(1.0))
    if by_neuron or np.ptp(factor) or not network.populations[p.source].spiking or not p.synapses:
        return False
    if target.rules.ports[0] != target.rules.ports[1]:
        negative = p.weights.table() * factor[0] < 0
        if negative.any() and not negative.all():
            return False
    return chip.delay.where != "axon" or p.delays.table().size == 1


def _with(network: Network, lists: Mapping[str, Projection]) -> Network:
    """The network with some of its projections replaced, by name."""
    return network.with_(projections=tuple(lists.get(p.name, p) for p in network.projections))


def _chosen(incoming: Iterable[Projection], n: int) -> NDArray[np.bool_]:
    """Which of ``n`` targets stand for all, bool (n,)."""
    from neurohw.network.edges import add_by_target

    sums = np.zeros((2, n))
    for p in incoming:
        for _, post, weight, _ in p.blocks(BLOCK):
            add_by_target(post, weight, sums)
    chosen = np.zeros(n, np.bool_)
    chosen[np.linspace(0, n - 1, min(SPACED, n)).astype(np.int64)] = True
    chosen[np.argsort(sums[0], kind="stable")[:EXTREME]] = True
    chosen[np.argsort(-sums[1], kind="stable")[:EXTREME]] = True
    return chosen


def _of(p: Projection, chosen: NDArray[np.bool_]) -> Projection:
    """The synapses of the chosen targets only; of a rule with the ends of its tables among them."""
    from neurohw.network.edges import positions

    found = []
    for block in p.blocks(BLOCK):
        mine = positions(block[1], chosen)
        found.append([column[mine] for column in block])
    columns = [np.concatenate([f[k] for f in found]) for k in range(4)] if found else None
    if not isinstance(p, RuleProjection):
        if columns is None:
            return p
        pre, post, weight, delay = columns
        return Projection.sparse(p.source, p.target, pre, post, weight, delay, p.name)
    first = int(np.flatnonzero(chosen)[0])
    pre, post, weight, delay = columns or (np.zeros(0, np.int32),) * 4
    if pre.size < 2:  # none of these targets has a synapse of this rule: two more do no harm
        pre, post = np.zeros(2, np.int64), np.full(2, first)
        weight, delay = np.zeros(2), np.zeros(2)
    for column, table in ((weight, p.weights.table()), (delay, p.delays.table())):
        column[np.argmin(column)] = table.min()
        high = np.argmax(column)
        column[high if column[high] != table.min() else -1] = table.max()
    return Projection.sparse(p.source, p.target, pre, post, weight, delay, p.name)


def _table(
    rule: RuleProjection, weight: NDArray[np.float64], delay: NDArray[np.float64]
) -> Projection:
    none = np.zeros(weight.size, np.int32)
    return Projection(rule.source, rule.target, none, none, weight, delay, rule.name)
