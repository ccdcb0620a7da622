"""The squid giant axon of 1952: its answer to a step of current, its gates, and how it starts to fire."""

from pathlib import Path

import numpy as np

from neurohw import biophysics as bio

out = Path("out")
out.mkdir(exist_ok=True)
axon = bio.point_model("hodgkin-huxley")

# 10 µA/cm² is 0.1 A/m²: everything here is in SI units.
step = bio.step(0.1, start=0.010, stop=0.040, duration=0.060)
run = bio.simulate(axon, step)
v = bio.trace(run, "v", 0)
print(
    f"rest {1e3 * bio.rest(axon)[0]:.1f} mV, peak {1e3 * v.max():.1f} mV, dip {1e3 * v.min():.1f} mV"
)
print("spikes at", np.round(1e3 * bio.times(run), 2).tolist(), "ms")
bio.trace_figure(axon, run, step).savefig(out / "hodgkin_huxley.png", dpi=150)
bio.gating_figure(axon).savefig(out / "gates.png", dpi=150)

# The same by scipy, which locates spikes exactly: what the time step costs.
exact = bio.integrate(axon, step, stride=100)
print("by DOP853 at", np.round(1e3 * exact.spikes, 3).tolist(), "ms")

# One spike needs less current than firing that lasts; and firing starts at a finite rate: type II.
single = bio.rheobase(axon, 0.5, duration=0.05, dt=2e-5)
print(f"one spike from {100 * single:.2f} µA/cm² on")
curve = bio.onset_curve(axon, 0.0, 0.15, points=10, duration=0.3, dt=2e-5)
found = bio.classify(curve)
print(f"lasting from {100 * found.onset:.2f} µA/cm² on, at {found.rate:.0f} 1/s: {found.kind}")
bio.fi_figure(curve).savefig(out / "fi_hodgkin_huxley.png", dpi=150)

# Ions alone set the potentials between which all this happens.
print(
    f"potassium, 5 mM outside and 100 inside: {1e3 * bio.nernst(5, 100, celsius=37):.0f} mV at 37 °C"
)
