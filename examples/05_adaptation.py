"""A neuron that tires: adaptive threshold on two chips, inter-spike intervals side by side."""

import numpy as np

import neurohw as nh

net = nh.Network(
    {"x": nh.ALIF(1, tau=20e-3, tau_adapt=200e-3, adaptation=0.5, bias=4.0)}, [], dt=1e-3
)
inputs = nh.Inputs(400)
meant = nh.reference(net, inputs)
print("float    ", np.diff(meant.spikes["x"].step).tolist())
for name in ("loihi2", "prototype"):
    fixed = nh.quantise(net, nh.load_chip(name))
    on_chip = nh.emulate(fixed, inputs, seed=1)  # the prototype rounds at random
    print(f"{name:9s}", np.diff(on_chip.spikes["x"].step).tolist())
