"""A classifier trained in snnTorch: from its NIR file to a chip, and how far it is from the model."""

from pathlib import Path

import neurohw as nh

folder = Path(__file__).parent / "digits"
net = nh.load_network(folder / "cuba.nir", dt=1e-4, integrator="euler")
inputs = nh.load_inputs(folder / "test_data.npz", net).first(100)
steps = inputs.steps + net.latency()  # until the last input has reached the output

meant = nh.reference(net, inputs, steps=steps)
for name in ("loihi2", "prototype"):
    fixed = nh.quantise(net, nh.load_chip(name))
    on_chip = nh.emulate(fixed, inputs, steps=steps)
    result = nh.compare(meant, on_chip, outputs=net.outputs, labels=inputs.labels)
    print(f"{name}: accuracy {result.accuracy_other:.1%} (float {result.accuracy_reference:.1%})")
    for layer in ("lif1", "lif2"):
        print(f"   {layer}: {result.populations[layer].agreement:.1%} of spikes agree")
    print(f"   {result.divergence}")
