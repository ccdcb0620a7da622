"""Many thresholds at once, a loop closed step by step, and Brunel's network, made by rules."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import neurohw as nh
from neurohw.bench.networks import brunel

chip, rng = nh.load_chip("loihi2"), np.random.default_rng(0)
rule = nh.FixedInDegree(10)  # ten synapses into each neuron, their weights drawn too
net = nh.Network(
    {"in": nh.SpikeInput(20), "x": nh.CubaLIF(50, tau_syn=5e-3, tau_mem=20e-3)},
    [nh.Projection.by_rule("in", "x", rule, nh.Uniform(1.0, 2.0), seed=1)],
    dt=1e-3,
)
fixed = nh.quantise(net, chip)

# A batch: each trial has its own threshold; the one input serves all of them.
own = fixed.populations["x"].parameters["vth"][0]
vth = own * np.arange(2, 9) // 4
inputs = nh.Inputs.from_dense({"in": rng.random((500, 20)) < 0.2})
batch = nh.emulate(fixed, inputs, parameters={"x": {"vth": vth}})
for code, count in zip(vth, batch.spikes["x"].counts(batch.trials).sum(axis=1), strict=True):
    print(f"threshold {code:5d}: {count:5d} spikes")

# A closed loop: the more neurons spike, the fewer channels do in the next step.
share, seen = 0.2, 0.0
with nh.Session(fixed) as session:
    for step in range(1, 501):
        fired = session.step({"in": np.flatnonzero(rng.random(20) < share)})["x"]
        seen += 0.02 * (fired.size - seen)  # neurons a step, over the last 50 steps or so
        share = np.clip(share + 0.0003 * (3 - seen), 0, 1)  # 3 of the 50 are wanted
        if step % 100 == 0:
            print(f"step {step}: {share:.2f} of the channels, {seen:.2f} neurons a step")

# 12,500 neurons and 15.6 million synapses, which four rules and a seed describe.
network = nh.quantise(brunel(g=5.0, eta=2.0), chip)
run = nh.emulate(network, steps=3000)
for name, spikes in run.spikes.items():
    print(f"brunel {name}: {spikes.count / spikes.n / (run.steps * run.dt):.1f} Hz")

figure = Figure(figsize=(6.4, 4), layout="constrained")
raster, rate = figure.subplots(2, sharex=True, height_ratios=[3, 1])
e, ms = run.spikes["E"], 1e3 * run.dt
late = e.step >= 2000
few = late & (e.neuron < 100)
raster.plot(e.step[few] * ms, e.neuron[few], ".", color="black", markersize=2)
raster.set(ylabel="neuron of E", title="Brunel's network on Loihi 2's integers")
rate.hist(e.step[late] * ms, bins=np.arange(2000, 3001, 5) * ms, color="grey")
rate.set(xlabel="ms", ylabel="E in 0.5 ms", xlim=(200, 300))
Path("out").mkdir(exist_ok=True)
figure.savefig("out/brunel.png", dpi=150)
print("figure: out/brunel.png")
