"""Synapses: potentials, reversal, the block of NMDA receptors, a gap junction, a balanced network."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neurohw import biophysics as bio

out = Path("out")
out.mkdir(exist_ok=True)

figure = Figure(figsize=(6.4, 4), layout="constrained")
axes = figure.subplots()
for name, style in (("ampa", "-"), ("nmda", "--"), ("gaba-a", "-."), ("ach", ":")):
    model = bio.point_model(f"synapse-{name}")
    found = bio.psp(model, at=-0.060, duration=0.3)
    print(f"{model.title:30s} {1e3 * found.peak:+.3f} mV after {1e3 * found.time_to_peak:5.1f} ms")
    axes.plot(1e3 * found.time, 1e3 * found.change, style, label=model.title)
    there = bio.psp(model, at=model.value("e_syn"))
    print(f"{'':30s} {1e3 * there.peak:+.3f} mV at its reversal potential")
axes.set(xlabel="time after the spike (ms)", ylabel="change of v at -60 mV (mV)")
axes.legend()
figure.savefig(out / "psp.png", dpi=150)

nmda = bio.point_model("synapse-nmda")
for mg in (0.0, 1.0):
    peaks = [1e3 * bio.psp(nmda.with_(mg=mg), at=v).peak for v in (-0.080, -0.060, -0.040)]
    print(f"NMDA at -80, -60, -40 mV with {mg:g} mM Mg: {np.round(peaks, 2).tolist()} mV")

pair = bio.point_model("gap-junction")
drive = bio.step(1e-10, start=0.02, stop=0.15, duration=0.3, dt=1e-4)
for g in (0.0, 1e-8, 1e-7):
    run = bio.simulate(pair.with_(g_gap=g), drive)
    at = np.searchsorted(drive.times, 0.149)
    v, other = (1e3 * bio.trace(run, k, 0)[at] for k in ("v", "v_2"))
    print(f"gap junction of {1e9 * g:g} nS: {v:.2f} and {other:.2f} mV")

network = bio.load_model("balanced")
run = bio.reference(network, bio.constant(0.0, duration=0.4, dt=2e-4), record=[])
cv = bio.irregularity(run, 0.05, least=3)
rate = run.spikes["balanced"].count / network.n / run.duration
print(f"balanced network in Brian 2: {rate:.0f} 1/s, mean CV of intervals {cv.mean():.2f}")
bio.raster_figure(run, title="Balanced network").savefig(out / "balanced.png", dpi=150)
