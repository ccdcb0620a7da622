"""One figure of each model, with a stimulus that shows what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from neurohw.biophysics import stimulus as st
from neurohw.biophysics.cable import Cable, length_constant, sealed_profile
from neurohw.biophysics.cable_run import simulate_cable, velocity
from neurohw.biophysics.circuit import Circuit, irregularity
from neurohw.biophysics.figures import raster_figure, trace_figure
from neurohw.biophysics.model import Model
from neurohw.biophysics.phase import fixed_points, phase_plane
from neurohw.biophysics.run import reference, simulate, trace
from neurohw.biophysics.space_figures import phase_figure, profile_figure, travel_figure
from neurohw.biophysics.stimulus import Stimulus

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _step(amplitude: float, duration: float) -> Callable[[float], Stimulus]:
    return lambda dt: st.step(
        amplitude, start=0.1 * duration, stop=0.8 * duration, duration=duration, dt=dt
    )


def _spikes(*times: float, duration: float, hold: float = 0.0) -> Callable[[float], Stimulus]:
    return lambda dt: st.constant(hold, duration=duration, dt=dt).with_events(spike=times)


_SHOWS: dict[str, Callable[[float], Stimulus]] = {
    "passive": _step(1e-10, 0.1),
    "hodgkin-huxley": _step(0.1, 0.05),
    "wang-buzsaki": _step(0.01, 0.1),
    "morris-lecar-1": _step(0.45, 0.4),
    "morris-lecar-2": _step(1.0, 0.4),
    "sodium-channel": lambda dt: (
        st.constant(-0.065, duration=0.01, dt=dt) + st.step(0.065, start=0.002, duration=0.01, dt=dt)
    ),
    "hodgkin-huxley-noise": lambda dt: st.constant(0.0, duration=0.2, dt=dt),
    "lif": _step(2e-9, 0.15),
    "lif-sra": _step(3e-10, 0.6),
    "lif-relative-refractory": _step(5e-10, 0.2),
    "lif-current-adaptation": _step(3e-10, 0.6),
    "lif-threshold-adaptation": _step(3e-10, 0.6),
    "eif": _step(0.006, 0.2),
    "synapse-nmda": _spikes(0.25, duration=0.7, hold=2e-10),
    "synapse-gaba-b": _spikes(*np.arange(0.05, 0.15, 0.005), duration=0.8),
    "gap-junction": _step(1e-10, 0.2),
    "cascade": lambda dt: st.Stimulus(
        np.random.default_rng(1).standard_normal((1, 1000)), dt, 1000
    ),
}  # fmt: skip


def portrait(model: Model | Cable | Circuit, dt: float | None = None) -> Figure:
    """A figure of the model at work; ``dt`` in s, by default one that resolves it.

    A phase plane of FitzHugh-Nagumo and Morris-Lecar, the profile of the passive cable, the spike on an
    axon, the raster of a network (which needs Brian 2), and traces of all others.
    """
    if isinstance(model, Circuit):
        return _network(model, 2e-4 if dt is None else dt)
    step = model.step if dt is None else dt
    if isinstance(model, Cable):
        return _cable(model, step)
    if len(model.states) == 2 and model.name.startswith(("fitzhugh", "morris")):
        return _planar(model, step)
    made = _SHOWS.get(model.name, _fallback(model))(step)
    return trace_figure(model, simulate(model, made), made)


def _fallback(model: Model) -> Callable[[float], Stimulus]:
    """Three spikes of each kind for what takes spikes, else nothing but time."""
    if not model.events:
        return lambda dt: st.constant(0.0, duration=0.1, dt=dt)
    train = {name: [0.02 + 0.01 * k, 0.06, 0.065] for k, name in enumerate(model.events)}
    return lambda dt: st.constant(0.0, duration=0.15, dt=dt).with_events(**train)


def _planar(model: Model, dt: float) -> Figure:
    unitless = model.name.startswith("fitzhugh")
    x, y = ((-2.5, 2.5), (-1.0, 2.0)) if unitless else ((-0.080, 0.060), (-0.05, 0.7))
    drive = {"morris-lecar-1": 0.45, "morris-lecar-2": 1.0}.get(model.name, 0.5)
    made = st.constant(drive, duration=0.15 if unitless else 0.4, dt=dt)
    run = simulate(model, made)
    path = trace(run, model.states[0], 0), trace(run, model.states[1], 0)
    return phase_figure(
        phase_plane(model, x, y, drive), fixed_points(model, x, y, drive), {"from rest": path}
    )


def _cable(cable: Cable, dt: float) -> Figure:
    if len(cable.membrane.states) == 1:
        current = 1e-11
        run = simulate_cable(cable, st.constant(current, duration=0.2, dt=dt), stride=10)
        change = run.trace(cable.name, "v").values[0, -1] - cable.membrane.value("e_l")
        lam = float(
            length_constant(cable.diameter[0], cable.membrane.value("r_m"), cable.axial.value)
        )
        ideal = sealed_profile(cable.x, float(cable.length.sum()), lam)
        return profile_figure(
            {f"simulated, {current * 1e12:g} pA at one end": (cable.x, change)},
            {f"cosh((L - x)/λ)/cosh(L/λ), λ = {lam * 1e3:.2f} mm":
             (cable.x, change[0] * ideal / ideal[0])},
        )  # fmt: skip
    made = axon_pulse(cable, 0.0045 if cable.name == "axon" else 0.0015, dt)
    run = simulate_cable(cable, made, stride=max(1, made.steps // 300))
    speed = velocity(cable, run)
    return travel_figure(cable, run, title=f"{cable.title}: {speed:.3g} m/s")


def axon_pulse(cable: Cable, duration: float, dt: float | None = None) -> Stimulus:
    """A short pulse into the first end that is strong enough for its diameter.

    The input conductance of an endless cable grows as d^1.5; of a chain of nodes as d.
    """
    d = float(cable.diameter[0])
    amplitude = 3e-9 * d / 1e-5 if cable.own else 2e-5 * (d / 476e-6) ** 1.5
    return st.pulses(amplitude, [1e-4], width=2e-4, duration=duration, dt=dt or cable.step)


def _network(circuit: Circuit, dt: float) -> Figure:
    run = reference(circuit, st.constant(0.0, duration=0.6, dt=dt), record=[])
    cv = irregularity(run, 0.1)
    mean = f", mean CV of intervals {cv.mean():.2f}" if cv.size else ""
    return raster_figure(run, title=f"{circuit.title}{mean}")
