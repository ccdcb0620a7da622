"""What a threshold is not: refractory periods, accommodation, and a spike after inhibition ends."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neurohw import biophysics as bio

out = Path("out")
out.mkdir(exist_ok=True)
axon = bio.point_model("hodgkin-huxley")
dt = 2e-5

intervals = np.array([4, 6, 7, 8, 9, 10, 12, 14, 17, 20]) * 1e-3
found = bio.refractory_curve(axon, intervals, 1.5, dt=dt)
print(
    f"absolute refractory period over {1e3 * found.absolute:.0f} ms, relative to {1e3 * found.relative:.0f}"
)
figure = Figure(figsize=(6.4, 3.6), layout="constrained")
axes = figure.subplots()
axes.plot(1e3 * found.interval, 100 * found.threshold, "o-")
axes.axhline(100 * found.alone, color="grey", linestyle="--")
axes.set(xlabel="interval (ms)", ylabel="threshold of the second pulse (µA/cm²)", ylim=(0, None))
figure.savefig(out / "refractory.png", dpi=150)

# Accommodation: a current that a step makes spike with does nothing if it comes slowly.
amplitude, grid = 0.04, {"duration": 0.2, "dt": dt}
at_once = bio.simulate(axon, bio.step(amplitude, start=0.01, **grid))
slowly = bio.simulate(axon, bio.ramp(amplitude, start=0.01, stop=0.15, **grid))
print(f"4 µA/cm² at once: {len(bio.times(at_once))} spike; slowly: {len(bio.times(slowly))}")

# Anode break: inhibition closes n and opens h; when it ends, the cell fires.
inhibition = bio.step(-0.1, start=0.01, stop=0.04, duration=0.07, dt=dt)
rebound = bio.simulate(axon, inhibition)
print(
    "rebound spike at", np.round(1e3 * bio.times(rebound), 1).tolist(), "ms, inhibition ends at 40"
)
bio.trace_figure(axon, rebound, inhibition, title="Anode break").savefig(
    out / "rebound.png", dpi=150
)

# No voltage is the threshold: the same -58 mV, with gates of rest or with gates of after a spike.
free = bio.constant(0.0, duration=0.01, dt=dt)
for name, gates in (("rested", {}), ("just fired", {"h": 0.2, "n": 0.6})):
    run = bio.simulate(axon, free, start={"v": -0.057, **gates})
    print(f"from -57 mV, {name}: {len(bio.times(run))} spike")
