"""The cortical microcircuit of T. C. Potjans and M. Diesmann, Cerebral Cortex 24 (2014) 785-806.

All figures are those of the authors' package, github.com/INM-6/microcircuit-PD14-model,
PyNEST/src/microcircuit/parameter_definitions.py and how its network.py and helpers.py use them.
"""

from __future__ import annotations

from math import inf

import numpy as np

from neurohw.bench.start import spread_v
from neurohw.errors import NetworkError
from neurohw.fixed import FixedPointNetwork
from neurohw.network.model import Network
from neurohw.network.populations import CubaLIF
from neurohw.network.projections import Projection
from neurohw.network.rules import FixedTotal, Normal

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
PROBABILITIES = (  # of a pair to be connected at all; a row for each target
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000),
    (0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443),
)
EXTERNAL = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)  # inputs of a neuron from elsewhere
EXTERNAL_RATE = 8.0  # Hz each
REST, THRESHOLD, CAPACITY = -65e-3, -50e-3, 250e-12
TAU_MEM, TAU_SYN, T_REF, DT = 10e-3, 0.5e-3, 2e-3, 0.1e-3
PSP, PSP_CV, G = 0.15e-3, 0.1, -4.0
DELAYS, DELAY_CV = (1.5e-3, 0.75e-3), 0.5  # of excitatory and of inhibitory synapses
V0_MEAN = (-68.28e-3, -63.16e-3, -63.33e-3, -63.45e-3, -63.11e-3, -61.66e-3, -66.72e-3, -61.43e-3)
V0_SD = (5.36e-3, 4.57e-3, 4.74e-3, 4.94e-3, 4.94e-3, 4.55e-3, 5.46e-3, 4.48e-3)


def microcircuit(scale: float = 1.0, seed: int = 0) -> Network:
    """77,169 neurons and 298,880,968 synapses at ``scale`` 1, under constant drive, dt 0.1 ms.

    ``scale`` multiplies the numbers of neurons and of synapses, so that in-degrees stay. Weights are
    normal with a deviation of 10 %, delays with one of 50 %, both drawn again beyond their limits:
    weights keep their sign, delays are half a step or more. Initial potentials are not part of a
    Network: write them with :func:`initial_v` after quantising.
    """
    if not 0 < scale <= 1:
        raise NetworkError(f"microcircuit: scale is {scale!r}; give a share in 0..1")
    sizes = [max(round(n * scale), 1) for n in SIZES]
    jump = PSP / peak(TAU_MEM, TAU_SYN, CAPACITY)
    populations = {
        name: CubaLIF(
            n, tau_syn=TAU_SYN, tau_mem=TAU_MEM, r=TAU_MEM / CAPACITY, v_leak=REST,
            v_threshold=THRESHOLD, v_reset=REST, t_ref=T_REF,
            # The mean current of the Poisson input that it stands for.
            bias=EXTERNAL_RATE * external * jump * TAU_SYN,
        )
        for name, n, external in zip(POPULATIONS, sizes, EXTERNAL, strict=True)
    }  # fmt: skip
    numbers = synapse_numbers(scale)
    projections = []
    for y, target in enumerate(POPULATIONS):
        for x, source in enumerate(POPULATIONS):
            if not numbers[y, x]:
                continue
            excitatory = x % 2 == 0
            mean = jump * (1.0 if excitatory else G) * TAU_SYN / DT
            if (source, target) == ("L4E", "L23E"):
                mean *= 2
            low, high = (0.0, inf) if excitatory else (-inf, 0.0)
            delay = DELAYS[x % 2]
            projections.append(
                Projection.by_rule(
                    source, target, FixedTotal(int(numbers[y, x])),
                    weight=Normal(mean, abs(mean) * PSP_CV, low, high),
                    delay=Normal(delay, delay * DELAY_CV, DT / 2), seed=seed,
                )
            )  # fmt: skip
    return Network(populations, tuple(projections), DT, name=f"microcircuit {scale:g}")


def synapse_numbers(scale: float = 1.0) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Synapses from each population (columns) to each (rows), int64 (8, 8).

    So many random pairs that the share of pairs with a synapse is the probability: with N pairs to
    choose from, ``log(1 - p) / log(1 - 1 / N)``.
    """
    n = np.array(SIZES, np.float64)
    pairs = np.outer(n, n)
    full = np.log(1 - np.array(PROBABILITIES)) / np.log((pairs - 1) / pairs)
    return np.asarray(np.rint(full * scale), np.int64)


def peak(tau_mem: float, tau_syn: float, capacity: float) -> float:
    """Largest voltage (V) that a current jumping to 1 A and decaying with ``tau_syn`` causes.

    The membrane's answer is ``tau / C (exp(-t / tau_mem) - exp(-t / tau_syn))`` with
    ``tau = tau_mem tau_syn / (tau_mem - tau_syn)``; its slope is 0 at ``t = tau log(tau_mem / tau_syn)``.
    """
    tau = tau_mem * tau_syn / (tau_mem - tau_syn)
    t = tau * np.log(tau_mem / tau_syn)
    return float(tau / capacity * (np.exp(-t / tau_mem) - np.exp(-t / tau_syn)))


def initial_v(fixed: FixedPointNetwork, seed: int = 0) -> FixedPointNetwork:
    """The network with the model's initial potentials, normal with a mean and deviation for each
    population ("optimized" in the package), and with the drive's current at its value at once."""
    values = {
        name: Normal(mean, sd) for name, mean, sd in zip(POPULATIONS, V0_MEAN, V0_SD, strict=True)
    }
    return spread_v(fixed, values, seed)
