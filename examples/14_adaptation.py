"""Three ways to tire: a potassium conductance, a current, a threshold; and exponential onset of spikes."""

from pathlib import Path

import numpy as np

from neurohw import biophysics as bio

out = Path("out")
out.mkdir(exist_ok=True)
drive = bio.step(3e-10, start=0.05, duration=1.0, dt=1e-4)

runs = {}
for name in ("lif-sra", "lif-current-adaptation", "lif-threshold-adaptation"):
    cell = bio.point_model(name)
    runs[name] = bio.simulate(cell, drive)
    gaps = np.diff(bio.times(runs[name]))
    index = bio.adaptation_index(bio.times(runs[name]))
    print(f"{name:26s} {1 / gaps[0]:5.1f} 1/s falls to {1 / gaps[-1]:5.1f}, index {index:.4f}")
    bio.trace_figure(cell, runs[name], drive).savefig(out / f"{name}.png", dpi=150)
bio.raster_figure(runs, title="Adaptation").savefig(out / "adaptation.png", dpi=150)

# The same conductance, large and gone in 2 ms, is a relative refractory period.
cell = bio.point_model("lif-relative-refractory")
strong = bio.constant([5e-10, 1e-9, 4e-9], duration=0.2, dt=2e-5)
run = bio.simulate(cell, strong)
for trial, current in enumerate((0.5, 1, 4)):
    print(f"{current} nA: an interval of {1e3 * np.diff(bio.times(run, trial)).mean():.1f} ms")

# From Hodgkin and Huxley's kind of model to integrate-and-fire: the EIF fires as Wang-Buzsáki does.
currents = np.linspace(0, 0.012, 13)
curves = {
    "Wang-Buzsáki": bio.fi_curve(bio.point_model("wang-buzsaki"), currents, dt=2e-5),
    "EIF": bio.fi_curve(bio.point_model("eif"), currents, dt=2e-5),
}
for name, curve in curves.items():
    print(f"{name:13s}", np.round(curve.rate).astype(int).tolist(), "1/s")
bio.fi_figure(curves, title="Two models, one f-I curve").savefig(out / "eif.png", dpi=150)
