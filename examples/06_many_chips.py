"""One network on every chip that can hold it: how many spikes, how many at the same step."""

import numpy as np

import neurohw as nh

rng = np.random.default_rng(0)
net = nh.Network(
    {"in": nh.SpikeInput(12), "x": nh.LIF(20, tau=16e-3, v_threshold=1.0)},
    [nh.Projection.dense("in", "x", rng.normal(3.0, 6.0, (20, 12)))],
    dt=1e-3,
    outputs=["x"],
)
inputs = nh.Inputs.from_dense({"in": rng.random((1, 300, 12)) < 0.1})
meant = nh.reference(net, inputs)
print(f"{'float':11s} {meant.spikes['x'].count} spikes")
for name in nh.list_chips():
    try:
        fixed = nh.quantise(net, nh.load_chip(name), scale="neuron")
    except nh.NeurohwError as why:
        print(f"{name:11s} {why}")
        continue
    found = nh.compare(meant, fixed.physical(nh.emulate(fixed, inputs))).populations["x"]
    print(f"{name:11s} {found.spikes_other} spikes, {100 * found.agreement:.0f} % at the same step")
