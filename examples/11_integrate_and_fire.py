"""A leaky integrate-and-fire cell under a step, a ramp, a sine and random input; its binary raster."""

from pathlib import Path

import numpy as np

from neurohw import biophysics as bio

out = Path("out")
out.mkdir(exist_ok=True)
cell = bio.point_model("lif")
grid = {"duration": 0.4, "dt": 1e-4}

drives = {
    "step": bio.step(2e-9, start=0.05, stop=0.35, **grid),
    "ramp": bio.ramp(3e-9, start=0.05, stop=0.35, **grid),
    "sine": bio.sine(1.5e-9, 8.0, offset=1.2e-9, **grid),
    "random": bio.ornstein_uhlenbeck(1.4e-9, 6e-10, 5e-3, seed=1, **grid),
}
runs = {name: bio.simulate(cell, drive) for name, drive in drives.items()}
for name, run in runs.items():
    raster = run.spikes["lif"].dense(1, run.steps)[0, :, 0]  # a 0 or 1 for every 0.1 ms
    by_20_ms = raster.reshape(-1, 200).max(axis=1)
    print(f"{name:7s}", "".join(map(str, by_20_ms)), f"{raster.sum()} spikes")
bio.raster_figure(runs, title="LIF under four inputs").savefig(out / "lif_raster.png", dpi=150)
bio.trace_figure(
    cell, runs["random"], drives["random"], title="LIF, random synaptic input"
).savefig(out / "lif_random.png", dpi=150)

# The interval is known in closed form; scipy finds the spikes without a grid.
steady = bio.integrate(cell, bio.constant(2e-9, **grid), record=[], rtol=1e-12)
formula = float(bio.lif_interval(cell, 2e-9))
error = np.abs(np.diff(steady.spikes) / formula - 1).max()
print(f"interval {1e3 * formula:.6f} ms; scipy is within {error:.0e} of it")

strong = np.linspace(0, 2e-7, 30)
curves = {
    f"t_ref = {1e3 * t:g} ms": bio.fi_curve(cell.with_(t_ref=t), strong, dt=1e-5)
    for t in (0.001, 0.002, 0.005)
}
bio.fi_figure(curves, title="LIF: the rate saturates at 1/t_ref").savefig(
    out / "fi_lif.png", dpi=150
)
print("highest rates", [round(float(c.rate.max())) for c in curves.values()], "1/s")
