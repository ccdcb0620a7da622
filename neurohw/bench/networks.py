"""Networks that are benchmarks in the field, as functions. SI units: volts, amperes, seconds, ohms.

In :class:`CubaLIF` a spike carries the charge ``weight * dt`` into the synapse. A postsynaptic current
that jumps by J amperes, as NEST's ``iaf_psc_exp`` has it, is a weight of ``J * tau_syn / dt``; with
``r = tau_mem / C`` the membrane is that of a capacitance C.
"""

from __future__ import annotations

import numpy as np

from neurohw.network.checks import whole
from neurohw.network.edges import draws
from neurohw.network.model import Network
from neurohw.network.populations import LIF, CubaLIF
from neurohw.network.projections import Projection
from neurohw.network.rules import FixedInDegree, Probability, Uniform


def balanced(
    n: int = 10_000,
    k: int = 1_000,
    drive: tuple[float, float] = (530.0, 530.0),
    w: float = 10.0,
    g: float = 6.0,
    seed: int = 0,
) -> Network:
    """``n`` CUBA-LIF neurons, 80 % excitatory, each with ``k`` recurrent synapses, 80 % of them from E.

    ``drive`` pA: each neuron's constant current is drawn from this range; ``w`` pA: jump of the current
    at an excitatory spike, ``-g w`` at an inhibitory one. Threshold 20 mV above rest and reset, tau 20 ms
    and 5 ms, 250 pF, 2 ms refractory, dt 1 ms, delays 1 to 16 steps, equally likely. Under one drive for
    all, spread the potentials with :func:`neurohw.bench.start.spread_v`, or all spike at once for long.
    The defaults are W1 of :mod:`neurohw.bench.workloads`.
    """
    whole("balanced: n", n, 5)
    whole("balanced: k", k, 5)
    dt, tau_syn, tau_mem, capacity = 1e-3, 5e-3, 20e-3, 250e-12
    sizes = {"E": n * 4 // 5, "I": n - n * 4 // 5}
    degrees = {"E": k * 4 // 5, "I": k - k * 4 // 5}
    low, high = (x * 1e-12 for x in drive)
    populations = {}
    for place, (name, size) in enumerate(sizes.items()):
        share = draws(seed * 2 + place + 1, size).astype(np.float64) / 2**64
        populations[name] = CubaLIF(
            size, tau_syn=tau_syn, tau_mem=tau_mem, r=tau_mem / capacity, v_threshold=20e-3,
            t_ref=2e-3, bias=low + (high - low) * share,
        )  # fmt: skip
    jump = {"E": w * 1e-12, "I": -g * w * 1e-12}
    # A delay of 1 step is the earliest arrival, which neurohw counts as 0.
    delay = Uniform(0.0, 15 * dt, step=dt)
    projections = [
        Projection.by_rule(
            source, target, FixedInDegree(degrees[source]), weight=jump[source] * tau_syn / dt,
            delay=delay, seed=seed,
        )
        for target in sizes for source in sizes
    ]  # fmt: skip
    return Network(populations, tuple(projections), dt, name=f"balanced {n} x {k}")


def brunel(
    n: int = 12_500,
    g: float = 5.0,
    eta: float = 2.0,
    j: float = 0.1e-3,
    spread: float = 0.1,
    seed: int = 0,
) -> Network:
    """The sparse random network of N. Brunel, J. Comput. Neurosci. 8 (2000) 183-208, model A.

    ``n`` neurons, 80 % excitatory, in-degrees a tenth of the population; a spike moves the membrane by
    ``j`` or ``-g j`` volts at once; tau 20 ms, threshold 20 mV, reset 10 mV, 2 ms refractory, delay
    1.5 ms, dt 0.1 ms. ``eta``: drive relative to what reaches the threshold.

    Not as there: the drive is constant, the mean of the Poisson input, and spread uniformly by
    ``spread`` of itself over the neurons; identical neurons under one current would never part.
    """
    whole("brunel: n", n, 50)
    dt, tau, threshold = 1e-4, 20e-3, 20e-3
    sizes = {"E": n * 4 // 5, "I": n - n * 4 // 5}
    populations = {}
    for place, (name, size) in enumerate(sizes.items()):
        share = draws(seed * 2 + place + 1, size).astype(np.float64) / 2**63 - 1
        populations[name] = LIF(
            size, tau=tau, v_threshold=threshold, v_reset=10e-3, t_ref=2e-3,
            bias=eta * threshold * (1 + spread * share),
        )  # fmt: skip
    # r = 1: a spike of weight w moves the membrane by w (1 - exp(-dt / tau)).
    volt = 1 / -np.expm1(-dt / tau)
    projections = [
        Projection.by_rule(
            source, target, FixedInDegree(sizes[source] // 10),
            weight=float(volt) * (j if source == "E" else -g * j), delay=1.5e-3 - dt, seed=seed,
        )
        for target in sizes for source in sizes
    ]  # fmt: skip
    return Network(populations, tuple(projections), dt, name=f"brunel {n}")


def vogels_abbott(n: int = 4_000, p: float = 0.02, seed: int = 0) -> Network:
    """The network of T. Vogels and L. Abbott, J. Neurosci. 25 (2005) 10786-10795, with currents.

    As benchmark 2 of R. Brette et al., J. Comput. Neurosci. 23 (2007) 349-398: ``n`` neurons, 80 %
    excitatory, each pair connected with probability ``p``; tau 20 ms, rest -49 mV, threshold -50 mV,
    reset -60 mV, 5 ms refractory; jumps of 1.62 mV (decay 5 ms) and -9 mV (decay 10 ms).

    Not as there: a neuron has one synaptic time constant, 5 ms, so an inhibitory spike brings its
    charge in half the time at twice the size. Spread the potentials with
    :func:`neurohw.bench.start.spread_v` before a run.
    """
    whole("vogels_abbott: n", n, 5)
    dt, tau = 1e-4, 5e-3
    sizes = {"E": n * 4 // 5, "I": n - n * 4 // 5}
    populations = {
        name: CubaLIF(
            size, tau_syn=tau, tau_mem=20e-3, v_leak=-49e-3, v_threshold=-50e-3, v_reset=-60e-3,
            t_ref=5e-3,
        )
        for name, size in sizes.items()
    }  # fmt: skip
    charge = {"E": 1.62e-3 * 5e-3, "I": -9e-3 * 10e-3}
    projections = [
        Projection.by_rule(
            source, target, Probability(p, self_connections=False), weight=charge[source] / dt,
            seed=seed,
        )
        for target in sizes for source in sizes
    ]  # fmt: skip
    return Network(populations, tuple(projections), dt, name=f"vogels-abbott {n}")


def microcircuit(scale: float = 1.0, seed: int = 0) -> Network:
    """The cortical microcircuit of Potjans and Diesmann, see :func:`neurohw.bench.pd14.microcircuit`."""
    from neurohw.bench import pd14

    return pd14.microcircuit(scale, seed)
