"""How many bits an action potential needs: Hodgkin-Huxley in words of many lengths, in one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics.conductances import HODGKIN_HUXLEY
from neurohw.biophysics.fixed import hodgkin_huxley
from neurohw.biophysics.fixed_tables import STEP
from neurohw.biophysics.gating import steady_gates
from neurohw.chip import Chip
from neurohw.emulate import emulate
from neurohw.errors import InputError, UnknownName
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.network.checks import integers, numbers, whole

Floats = NDArray[np.float64]
BEFORE: Final = 1.0
AFTER: Final = 8.0
"""Milliseconds about a spike in which shapes are compared: the spike and what follows it."""
PARTS: Final = ("whole words short", "only potentials short", "only gates short")
"""Which registers are short; currents and conductances go with potentials, rates with gates."""


@dataclass(frozen=True, eq=False)
class Run:
    """``v`` float64 (ticks, n) in mV after each tick of 2^-6 ms; ``frac`` and ``unit`` int64 (n,), the
    bits after the point of potentials and of gates."""

    v: Floats
    frac: NDArray[np.int64]
    unit: NDArray[np.int64]

    @property
    def spikes(self) -> list[Floats]:
        """The spikes of each neuron."""
        return [crossings(v) for v in self.v.T]

    def late(self, meant: Floats) -> Floats:
        """Milliseconds by which the spike that is the last in ``meant`` (ticks, n) is off, (n,); inf where
        it is missing."""
        pairs = zip(self.spikes, map(crossings, meant.T), strict=True)
        return np.array([
            abs(t[goal.size - 1] - goal[-1]) if 0 < goal.size <= t.size else np.inf for t, goal in pairs
        ])  # fmt: skip

    def misshapen(self, meant: Floats) -> Floats:
        """Largest difference from ``meant`` in mV about the first spike, both shifted so that they pass
        0 mV at once, (n,); inf where there is no spike."""
        pairs = zip(map(_about, self.v.T), map(_about, meant.T), strict=True)
        return np.array([
            np.inf if v is None or goal is None else np.abs(v - goal).max() for v, goal in pairs
        ])  # fmt: skip


def crossings(v: Floats, step: float = STEP) -> Floats:
    """When v (ticks,) passes 0 mV upward, in ms from the start, between ticks by a straight line."""
    k = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    return (k + 1 - v[k] / (v[k + 1] - v[k])) * step


def in_words(
    chip: Chip, frac: ArrayLike, unit: ArrayLike | None = None, current: ArrayLike = 0.1,
    duration: float = 50.0,
) -> Run:  # fmt: skip
    """The chip's Hodgkin-Huxley neuron, once for each of n word lengths (``frac``, ``unit``, as
    :func:`neurohw.biophysics.fixed.hodgkin_huxley`) or currents in A/m², for ``duration`` ms."""
    if "hodgkin_huxley" not in chip.neurons:
        raise UnknownName.of(f"neuron of {chip.name}", "hodgkin_huxley", chip.neurons)
    bits = integers("frac", frac, 2, 22)
    gates = bits + 8 if unit is None else integers("unit", unit, 4, 30)
    bits, gates, amps = np.atleast_1d(
        *np.broadcast_arrays(bits, gates, numbers("current", current))
    )
    codes, start = hodgkin_huxley(frac=bits, unit=gates, current=amps)
    cell = FixedPopulation.of("cell", bits.size, chip.neurons["hodgkin_huxley"], codes, start)
    network = FixedPointNetwork(chip, 1e-3 * STEP, {}, {"cell": cell}, ())
    ticks = whole("ticks", round(duration / STEP))
    v = emulate(network, steps=ticks, record={"cell": ["v"]}).trace("cell", "v").values[0]
    return Run(np.ldexp(v.astype(np.float64), -bits.astype(np.intc)), bits, gates)


@dataclass(frozen=True, eq=False)
class WordLengths:
    """What word lengths cost, the worst of several currents.

    ``bits`` (n,); ``late`` in ms and ``misshapen`` in mV, float64 (3, n) for :data:`PARTS`. ``v``: the
    potentials of whole words at one current, (ticks, n), ``meant`` the same scheme's in float64 (ticks,).
    ``time_step``: ms by which that scheme is off one with a quarter of the tick.
    """

    bits: NDArray[np.int64]
    late: Floats
    misshapen: Floats
    v: Floats
    meant: Floats
    current: float
    time_step: float

    def needed(self, limit: float, errors: Floats) -> int | None:
        """The shortest word from which on ``errors`` (n,) stay within ``limit``; None if none does."""
        bad = np.flatnonzero(~(errors <= limit))
        k = bad[-1] + 1 if bad.size else 0
        return int(self.bits[k]) if k < self.bits.size else None


def word_lengths(
    chip: Chip, bits: Sequence[int] = range(10, 31),
    currents: ArrayLike = (0.10, 0.08, 0.09, 0.11, 0.12, 0.13, 0.14, 0.15), duration: float = 50.0,
) -> WordLengths:  # fmt: skip
    """Words of ``bits`` 10 .. 30: sign, 7 bits of mV and the rest behind the point; gates are fractions
    of all of them. For comparison the one as long as can be while the other is short. ``currents`` in
    A/m²; traces are of the first. One run of the emulator."""
    words, amps = integers("bits", list(bits), 10, 30), np.atleast_1d(numbers("currents", currents))
    n, most = words.size, np.full(words.size, 30)
    frac, unit = np.stack([words, words, most]) - 8, np.stack([words, most, words])
    shape = (3, n, amps.size)
    frac, unit = (np.broadcast_to(x[:, :, None], shape).ravel() for x in (frac, unit))
    meant, finer = in_float(amps, duration), in_float(amps[:1], duration, STEP / 4)
    if not all(crossings(v).size for v in meant.T):
        raise InputError(
            f"a current of {amps.min():g} A/m² makes no spike in {duration:g} ms; take more"
        )
    run = in_words(chip, frac, unit, np.broadcast_to(amps, shape).ravel(), duration)
    all_meant = np.tile(meant, (1, 3 * n))
    off = crossings(meant[:, 0])[-1] - crossings(finer[:, 0], STEP / 4)[-1]
    return WordLengths(
        words, run.late(all_meant).reshape(shape).max(axis=2),
        run.misshapen(all_meant).reshape(shape).max(axis=2), run.v[:, : n * amps.size : amps.size],
        meant[:, 0], float(amps[0]), float(abs(off)),
    )  # fmt: skip


def in_float(current: ArrayLike = 0.1, duration: float = 50.0, step: float = STEP) -> Floats:
    """The same scheme in float64, gates from tables of 1/64 mV: v in mV, (ticks, n currents).

    ``step``: another time step in ms.
    """
    model = HODGKIN_HUXLEY
    g_na, g_k, g_l = (model.value(k) / 10 for k in ("g_na", "g_k", "g_l"))
    e_na, e_k, e_l = (1e3 * model.value(k) for k in ("e_na", "e_k", "e_l"))
    amps = 100 * np.atleast_1d(numbers("current", current))
    grid = np.arange(-100, 60 + 1 / 128, 1 / 64)
    tables = {
        k: (s, -np.expm1(-1e-3 * step / tau))
        for k, (s, tau) in steady_gates(model, 1e-3 * grid).items()
    }
    v = np.full(amps.shape, 1e3 * model.start["v"])
    gates = {k: np.interp(v, grid, s) for k, (s, _) in tables.items()}
    rows = []
    for _ in range(whole("ticks", round(duration / step))):
        for k, (steady, rate) in tables.items():
            gates[k] = gates[k] + (np.interp(v, grid, steady) - gates[k]) * np.interp(v, grid, rate)
        na, k_ = g_na * gates["m"] ** 3 * gates["h"], g_k * gates["n"] ** 4
        flow = na * (e_na - v) + k_ * (e_k - v) + g_l * (e_l - v) + amps
        v = v + step * flow / (1 + step * (na + k_ + g_l) / 2)
        rows.append(v)
    return np.array(rows)


def _about(v: Floats) -> Floats | None:
    spikes = crossings(v)
    if not spikes.size:
        return None
    at = spikes[0] + np.arange(-BEFORE, AFTER, STEP)
    return np.asarray(np.interp(at, STEP * np.arange(1, v.size + 1), v))
