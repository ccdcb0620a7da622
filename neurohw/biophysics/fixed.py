"""Codes for the neurons of the chip ``biophysical``: parameters in SI units become s16.15 integers.

    chip = neurohw.load_chip("biophysical")
    codes, start = hodgkin_huxley(current=0.1)            # 10 uA/cm2
    cell = neurohw.FixedPopulation.of("cell", 1, chip.neurons["hodgkin_huxley"], codes, start)

Every function gives the codes of a population and of its registers before the first tick, int64 (n,)
or (), for parameters that are numbers or arrays (n,). InputError for what is not finite; codes that
their format can't hold are refused by :class:`neurohw.FixedPopulation`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.biophysics.conductances import HODGKIN_HUXLEY
from neurohw.biophysics.fixed_tables import STEP
from neurohw.biophysics.gating import steady_gates
from neurohw.biophysics.integrate_and_fire import EIF
from neurohw.biophysics.model import Model
from neurohw.biophysics.simple import FITZHUGH_NAGUMO
from neurohw.errors import InputError
from neurohw.network.checks import numbers

Codes = dict[str, NDArray[np.int64]]
FRACTION: Final = 15
"""Bits after the point of s16.15."""
DIRECT: Final = dict.fromkeys(("shift_exc", "shift_inh"), np.zeros((), np.int64))
"""A weight is a current, in units of 2^-15."""


def code(
    what: str, value: ArrayLike, bits: ArrayLike = FRACTION, factor: float = 1.0
) -> NDArray[np.int64]:
    """``factor * value * 2**bits`` rounded half to even; InputError if not finite or beyond 62 bits."""
    given = np.asarray(numbers(what, value))
    scaled = np.asarray(np.ldexp(factor * given, np.asarray(bits, np.intc)))
    bad = ~(np.abs(scaled) < 2.0**62)
    if bad.any():
        first = float(np.broadcast_to(given, scaled.shape)[bad][0])
        raise InputError(f"{what} is {first:g}; give finite numbers whose codes fit 62 bits")
    codes: NDArray[np.int64] = np.rint(scaled).astype(np.int64)
    return codes


def left(dt: float, tau: ArrayLike, bits: ArrayLike = 32) -> NDArray[np.int64]:
    """``exp(-dt / tau)`` as a fraction of ``bits`` bits, at most the largest."""
    share = np.exp(-_positive("dt", dt) / _positive("time constant", tau))
    largest = (np.int64(1) << np.asarray(bits, np.int64)) - 1
    return np.asarray(np.minimum(code("decay", share, bits), largest))


def synapses(
    dt: float, tau_exc: ArrayLike = 2e-3, tau_inh: ArrayLike = 10e-3, e_exc: ArrayLike = 0.0,
    e_inh: ArrayLike = -0.070, shift: int = 0, *, frac: ArrayLike = FRACTION, unit: ArrayLike = 32,
) -> Codes:  # fmt: skip
    """Two conductance synapses: time constants in s, reversal potentials in V.

    By default AMPA and GABA_A after Wang, J. Neurosci. 19, 9587 (1999). A weight w adds
    ``w * 2**(shift - frac)`` to a conductance.
    """
    return {
        "e_exc": code("e_exc", e_exc, frac, 1e3),
        "e_inh": code("e_inh", e_inh, frac, 1e3),
        "decay_exc": left(dt, tau_exc, unit), "decay_inh": left(dt, tau_inh, unit),
        "shift_exc": np.array(shift), "shift_inh": np.array(shift),
    }  # fmt: skip


def cond_lif(
    dt: float, *, tau_m: ArrayLike = 20e-3, e_l: ArrayLike = -0.060, v_threshold: ArrayLike = -0.050,
    v_reset: ArrayLike = -0.060, t_ref: float = 5e-3, drive: ArrayLike = 0.0,
    synapse: Codes | None = None,
) -> tuple[Codes, Codes]:  # fmt: skip
    """LIF with conductance synapses in units of its leak; ``drive`` is R I in V.

    The defaults are the cell of Vogels & Abbott, J. Neurosci. 25, 10786 (2005).
    """
    rest = code("e_l", e_l, factor=1e3)
    codes = {
        "e_l": rest, "step": code("dt / tau_m", _positive("dt", dt) / _positive("tau_m", tau_m), 32),
        "thr": code("v_threshold", v_threshold, factor=1e3),
        "reset": code("v_reset", v_reset, factor=1e3),
        "i_offset": code("drive", drive, factor=1e3),
        "t_ref": code("t_ref", t_ref / dt, 0), **(synapse or synapses(dt)),
    }  # fmt: skip
    return codes, {"v": rest}


def eif(
    dt: float, model: Model = EIF, *, current: ArrayLike = 0.0, synapse: Codes | None = None
) -> tuple[Codes, Codes]:
    """The exponential integrate-and-fire ``model`` at ``current`` in A/m², conductances in its leak."""
    value = model.value
    codes, start = cond_lif(
        dt, tau_m=value("c_m") / value("g_l"), e_l=value("e_l"), v_threshold=value("v_peak"),
        v_reset=value("v_reset"), t_ref=value("t_ref"), drive=numbers("current", current) / value("g_l"),
        synapse=synapse,
    )  # fmt: skip
    delta = 1e3 * value("delta_t")
    codes |= {
        "v_t": code("v_t", 1e3 * value("v_t")), "delta": code("delta_t", delta),
        "slope": code("1 / delta_t", math.log2(math.e) / delta, 30),
    }  # fmt: skip
    return codes, start


def fitzhugh_nagumo(
    dt: float, model: Model = FITZHUGH_NAGUMO, *, stimulus: ArrayLike = 0.0, threshold: float = 1.0
) -> tuple[Codes, Codes]:
    """FitzHugh-Nagumo; ``dt`` and everything else without units. Starts where ``model`` does."""
    a, b, phi = (model.value(k) for k in ("a", "b", "phi"))
    step = _positive("dt", dt)
    codes = {
        "i_offset": code("stimulus", stimulus), "a": code("a", a), "b": code("b", b),
        "step": code("dt", step, 32), "step_w": code("phi", step * phi / (1 + step * phi * b / 2), 32),
        "thr": code("threshold", threshold), **DIRECT,
    }  # fmt: skip
    return codes, {k: code(k, model.start[k]) for k in ("v", "w")}


def izhikevich(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, current: ArrayLike = 0.0
) -> tuple[Codes, Codes]:
    """Izhikevich 2003, parameters and current as published; starts at v = -65, u = b v."""
    codes = {
        "a": code("a", a, 31), "b": code("b", b, 31), "c": code("c", c), "d": code("d", d),
        "i_offset": code("current", current), **DIRECT,
    }  # fmt: skip
    return codes, {"v": code("v", -65.0), "u": code("u", b, factor=-65.0)}


def hodgkin_huxley(
    model: Model = HODGKIN_HUXLEY, *, current: ArrayLike = 0.0, frac: ArrayLike = FRACTION,
    unit: ArrayLike | None = None, threshold: float = 0.0, synapse: Codes | None = None,
) -> tuple[Codes, Codes]:  # fmt: skip
    """Hodgkin-Huxley at ``current`` in A/m², at rest; a tick is 2^-6 ms.

    ``frac`` 2 .. 22: bits after the point of mV, mS/cm² and uA/cm²; ``unit`` 4 .. 30: of gates and
    rates; frac + 8 by default, so that all fit words of that many bits. (n,) for n word lengths.
    """
    f = _bits("frac", frac, 2, 22)
    u = _bits("unit", f + 8 if unit is None else unit, 4, 30)
    farad = model.value("c_m") * 100  # 1 uF/cm2 is 0.01 F/m2: rates, in 1/ms, are per capacitance
    v = model.start["v"]
    codes: Codes = {
        "frac": f, "unit": u, "thr": code("threshold", threshold, f, 1e3),
        "i_offset": code("current", current, f, 100 / farad),
        **{k: code(k, model.value(k), f, 0.1 / farad) for k in ("g_na", "g_k", "g_l")},
        **{k: code(k, model.value(k), f, 1e3) for k in ("e_na", "e_k", "e_l")},
        **(synapse or synapses(1e-3 * STEP, frac=f, unit=u)),
    }  # fmt: skip
    at_rest = steady_gates(model, [v])
    start = {k: code(k, steady[0], u) for k, (steady, _) in at_rest.items()}
    return codes, {"v": code("v", v, f, 1e3), **start}


def _positive(what: str, value: ArrayLike) -> NDArray[np.float64]:
    seconds = np.asarray(numbers(what, value))
    if not (seconds > 0).all() or not np.isfinite(seconds).all():
        bad = seconds[~((seconds > 0) & np.isfinite(seconds))]
        raise InputError(f"{what} is {bad[0]:g}; give finite seconds above 0")
    return seconds


def _bits(what: str, value: ArrayLike, low: int, high: int) -> NDArray[np.int64]:
    found = np.asarray(numbers(what, value))
    if not ((found >= low) & (found <= high) & (found == np.rint(found))).all():
        raise InputError(f"{what} is {value!r}; the chip takes {low} .. {high} bits")
    return found.astype(np.int64)
