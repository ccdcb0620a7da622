"""A network's synapses in one numbering: inputs first, then neurons, in declared order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.fixed import FixedPointNetwork, FixedProjection

Int32 = NDArray[np.int32]


@dataclass(frozen=True)
class Form:
    """How the synapses of some projections are stored: what tells them apart on a core.

    A weight is ``low + step * code``, its code has ``weight_bits``; a delay has ``delay_bits``. Of
    projections with the same ends and the same form, ``nth`` says which it is.
    """

    port: str
    exponent: int
    mode: str
    bits: int
    nth: int
    low: int
    step: int
    weight_bits: int
    delay_bits: int


@dataclass(frozen=True, eq=False)
class Synapses:
    """All synapses: vertices ``source`` and ``target``, ``weight`` (mantissas), ``delay`` in ticks beyond
    the latency and ``projection``, int32 (synapses,); in the order of the projections.

    ``names``: populations, inputs first; ``first`` int64 (names + 1,): the vertices of each.
    ``forms`` and ``form`` int32 (projections,): how each projection is stored. ``delays_of_axons``:
    an axon has one delay for all its synapses. ``chips`` side by side hold the network.
    """

    names: tuple[str, ...]
    first: NDArray[np.int64]
    inputs: int
    source: Int32
    target: Int32
    weight: Int32
    delay: Int32
    projection: Int32
    forms: tuple[Form, ...]
    form: Int32
    delays_of_axons: bool
    chips: int = 1

    @property
    def vertices(self) -> int:
        """Inputs and neurons."""
        return int(self.first[-1])

    def label(self, vertex: int) -> str:
        """A vertex as a person names it."""
        k = int(np.searchsorted(self.first, vertex, "right")) - 1
        return f"{self.names[k]}[{vertex - int(self.first[k])}]"

    def populations(self) -> Int32:
        """Which of ``names`` each vertex is of, int32 (vertices,)."""
        sizes = np.diff(self.first)
        return np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)


def synapses(network: FixedPointNetwork) -> Synapses:
    """The synapses of a network, with the ways to store them."""
    names = tuple(network.sizes)
    first = np.cumsum([0, *network.sizes.values()], dtype=np.int64)
    start = dict(zip(names, first.tolist(), strict=False))
    total = network.synapses
    columns = [np.empty(total, np.int32) for _ in range(5)]
    at, forms = 0, list[Form]()
    form = np.zeros(len(network.projections), np.int32)
    seen: dict[tuple[str, str, Form], int] = {}
    for k, p in enumerate(network.projections):
        for pre, post, weight, delay in p.blocks():
            stop = at + pre.size
            for column, values in zip(
                columns,
                (pre + start[p.source], post + start[p.target], weight, delay, k),
                strict=True,
            ):
                column[at:stop] = values
            at = stop
        found = _form(network, p)
        nth = seen.get((p.source, p.target, found), 0)
        seen[p.source, p.target, found] = nth + 1
        found = Form(**{**found.__dict__, "nth": nth})
        if found not in forms:
            forms.append(found)
        form[k] = forms.index(found)
    inputs = int(first[len(network.inputs)])
    on_axons = network.chip.delay.where == "axon"
    source, target, weights, delays, projection = columns
    return Synapses(
        names,
        first,
        inputs,
        source,
        target,
        weights,
        delays,
        projection,
        tuple(forms),
        form,
        on_axons,
        network.chips,
    )


def _form(network: FixedPointNetwork, p: FixedProjection) -> Form:
    chip = network.chip
    row = chip.cores.row if chip.cores else None
    low, step, size = _grid(network, p)
    delay = int(p.delay_table.max(initial=0)).bit_length()
    if chip.delay.where == "axon":
        delay = 0
    elif row is not None and row.delay is not None:
        delay = row.delay
    bits = chip.weight.bits if p.bits is None else p.bits
    return Form(network.port(p), p.exponent, p.mode, bits, 0, low, step, size, delay)


def _grid(network: FixedPointNetwork, p: FixedProjection) -> tuple[int, int, int]:
    """Lowest weight, step, and bits of a code: of the mode that holds the weights, or as they are."""
    form, table = network.chip.weight, p.weight_table
    least, most = int(table.min(initial=0)), int(table.max(initial=0))
    coarser = form.bits - (form.bits if p.bits is None else p.bits)
    for mode in form.modes:
        if p.mode in ("", mode.name) and mode.low <= least and most <= mode.high:
            for step in (mode.step << max(coarser, 0), mode.step):
                if not ((table - mode.low) % step).any():
                    return mode.low, step, max(((mode.high - mode.low) // step).bit_length(), 1)
    size = form.mantissa.bits if form.mantissa else form.bits
    low = form.mantissa.low if form.mantissa else least
    return low, 1, size
