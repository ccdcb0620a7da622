"""One LIF neuron, on Loihi 2 and in floating point, step by step."""

import numpy as np

import neurohw as nh

# A neuron that is driven by one channel; times in seconds, the rest as you like.
net = nh.Network(
    {"in": nh.SpikeInput(1), "lif": nh.LIF(1, tau=20e-3, v_threshold=1.0)},
    [nh.Projection.dense("in", "lif", [[8.0]])],
    dt=1e-3,
)
raster = np.zeros((60, 1))
raster[::2] = 1
inputs = nh.Inputs.from_dense({"in": raster})

fixed = nh.quantise(net, nh.load_chip("loihi2"))
for row in fixed.record.rows()[:3]:
    print(*row[:5], sep="   ")

on_chip = nh.emulate(fixed, inputs, record={"lif": ["v"]})
meant = nh.reference(net, inputs, record={"lif": ["v"]})
codes = on_chip.trace("lif", "v").values[0, :, 0]
chip = fixed.physical(on_chip).trace("lif", "v").values[0, :, 0]
brian = meant.trace("lif", "v").values[0, :, 0]
print("step   register     chip    float")
for step in range(0, 12):
    print(f"{step:4d} {codes[step]:10d} {chip[step]:8.4f} {brian[step]:8.4f}")
print("spikes on chip at steps", on_chip.spikes["lif"].step.tolist())
print("spikes in float at steps", meant.spikes["lif"].step.tolist())
