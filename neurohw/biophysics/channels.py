"""Single channels: the sodium channel as a Markov chain, and the noise that few channels make.

A sodium channel has three m gates and one h gate: eight states, open in m₃h₁; a potassium channel four n
gates: five states, open in n₄. Hodgkin & Huxley (1952) describe the mean of many.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.conductances import CURRENT, HH52, HH_PARAMETERS, HH_RATES, HH_START
from neurohw.biophysics.model import Drive, Model, Parameter

FL94: Final = "Fox & Lu, Phys. Rev. E 49, 3421 (1994)"
OS12: Final = "Orio & Soudry, PLoS ONE 7, e36670 (2012): one noise a transition"
GS11: Final = "Goldwyn & Shea-Brown, PLoS Comput. Biol. 7, e1002247 (2011)"

SODIUM: Final = tuple(f"m{i}h{j}" for j in (0, 1) for i in range(4))
POTASSIUM: Final = tuple(f"n{i}_" for i in range(5))
Transition = tuple[str, str, str, str]


def _ladder(states: tuple[str, ...], gate: str) -> list[Transition]:
    """(from, to, rate, rate back) along a row of states with 0, 1, 2, ... open gates."""
    last = len(states) - 1
    return [
        (states[k], states[k + 1], f"{last - k}*a_{gate}", f"{k + 1}*b_{gate}") for k in range(last)
    ]


SODIUM_TRANSITIONS: Final = (
    *_ladder(SODIUM[:4], "m"), *_ladder(SODIUM[4:], "m"),
    *((SODIUM[k], SODIUM[k + 4], "a_h", "b_h") for k in range(4)),
)  # fmt: skip
POTASSIUM_TRANSITIONS: Final = tuple(_ladder(POTASSIUM, "n"))


def _chain(states: tuple[str, ...], transitions: tuple[Transition, ...], count: str = "") -> str:
    """Equations of the share of channels in each state; with ``count`` channels, noise too.

    The noise of a transition has the variance of its jumps: ``(rate x + back y) / count``.
    """
    gains: dict[str, str] = dict.fromkeys(states, "")
    lines = []
    for k, (source, target, rate, back) in enumerate(transitions):
        flow = f"flow_{source[0]}{k}"
        noise = ""
        if count:
            noise = f" + noise_{flow}*sqrt(abs({rate}*{source} + {back}*{target})/{count})"
            lines.append(f"noise_{flow} = randn()/sqrt(dt) : Hz**0.5 (constant over dt)")
        lines.append(f"{flow} = phi*({rate}*{source} - {back}*{target}){noise} : Hz")
        gains[source] += f" - {flow}"
        gains[target] += f" + {flow}"
    return "".join(f"d{s}/dt = {g.strip(' +')} : 1\n" for s, g in gains.items()) + "\n".join(lines)


def occupancy(m: float, h: float) -> dict[str, float]:
    """Share of sodium channels in each of the eight states when gates are open independently."""
    return {
        f"m{i}h{j}": math.comb(3, i) * m**i * (1 - m) ** (3 - i) * (h if j else 1 - h)
        for j in (0, 1) for i in range(4)
    }  # fmt: skip


def potassium_occupancy(n: float) -> dict[str, float]:
    """Share of potassium channels in each of the five states when gates are open independently."""
    return {f"n{i}_": math.comb(4, i) * n**i * (1 - n) ** (4 - i) for i in range(5)}


_M, _H, _N = 0.052932485257249574, 0.5961207535084603, 0.3176769140606974
"""Gates of Hodgkin and Huxley's membrane at rest, -65 mV."""

SODIUM_CHANNEL: Final = Model(
    name="sodium-channel",
    title="Sodium channel, eight states",
    summary="The stimulus is the voltage. Gates m and h run beside it: the open share is m³h.",
    equations=_chain(SODIUM, SODIUM_TRANSITIONS) + "\n" + """\
dm/dt = phi*(a_m*(1 - m) - b_m*m) : 1
dh/dt = phi*(a_h*(1 - h) - b_h*h) : 1
open_share = m3h1 : 1
gates = m**3*h : 1
""" + "".join(line + "\n" for line in HH_RATES.splitlines() if "_n" not in line),
    parameters={"phi": HH_PARAMETERS["phi"]},
    start={**occupancy(_M, _H), "m": _M, "h": _H},
    sources=(HH52, GS11),
    drive=Drive("v", "volt", "membrane potential, clamped"),
    rests=False,
    step=1e-5,
    coarsest=5e-5,
    shows=("open_share", "gates"),
)  # fmt: skip

DENSITY_NA: Final = 60e12
"""Sodium channels per m² of squid axon: 60 per µm², 20 pS each. Goldwyn & Shea-Brown (2011)."""
DENSITY_K: Final = 18e12
"""Potassium channels per m²: 18 per µm², 20 pS each."""


def channel_counts(area: float) -> tuple[int, int]:
    """Sodium and potassium channels of a patch of squid membrane of so many m²."""
    return max(1, round(area * DENSITY_NA)), max(1, round(area * DENSITY_K))


_NOISY = """\
dv/dt = (g_na*m3h1*(e_na - v) + g_k*n4_*(e_k - v) + g_l*(e_l - v) + I)/c_m : volt
"""

LANGEVIN: Final = Model(
    name="hodgkin-huxley-noise",
    title="Hodgkin-Huxley with channel noise, Langevin",
    summary="Shares of channels in each state, with a noise for each transition: 1/N of the variance.",
    equations=_NOISY + _chain(SODIUM, SODIUM_TRANSITIONS, "n_na") + "\n"
    + _chain(POTASSIUM, POTASSIUM_TRANSITIONS, "n_k") + "\n" + HH_RATES,
    parameters={
        **HH_PARAMETERS,
        "n_na": Parameter(6000.0, "1", "sodium channels: 100 µm² of axon", GS11, "positive"),
        "n_k": Parameter(1800.0, "1", "potassium channels", GS11, "positive"),
    },
    start={"v": HH_START["v"], **occupancy(_M, _H), **potassium_occupancy(_N)},
    sources=(FL94, OS12, GS11),
    drive=CURRENT,
    rests=False,
    threshold="v > 0*mV",
    step=1e-5,
    coarsest=2e-5,
    method="euler",
    shows=("v", "m3h1", "n4_"),
)  # fmt: skip


def transitions_table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What the exact simulation needs of both chains, int64 (28, 4) and (8,).

    A row is a directed transition: from, to (sodium 0..7, potassium 8..12), gates that can move, and
    which of a_m, b_m, a_h, b_h, a_n, b_n is the rate of one.
    """
    index = {s: k for k, s in enumerate((*SODIUM, *POTASSIUM))}
    names = ["a_m", "b_m", "a_h", "b_h", "a_n", "b_n"]
    rows = []
    for source, target, rate, back in (*SODIUM_TRANSITIONS, *POTASSIUM_TRANSITIONS):
        for a, b, text in ((source, target, rate), (target, source, back)):
            number, _, name = text.rpartition("*")
            rows.append((index[a], index[b], int(number or 1), names.index(name)))
    return np.array(rows, np.int64), np.array([index["m3h1"], index["n4_"]], np.int64)
