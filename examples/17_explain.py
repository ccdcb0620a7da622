"""Why does the chip do something else? The error budget of a trained classifier, and who is to blame."""

from pathlib import Path

import neurohw as nh
from neurohw.explain import explain
from neurohw.network.semantics import preset

folder = Path(__file__).parent / "digits"
net = nh.load_network(folder / "cuba.nir", dt=1e-4, integrator="euler")
inputs = nh.load_inputs(folder / "test_data.npz", net).first(40)
fixed = nh.quantise(net, nh.load_chip("prototype"))

why = explain(net, fixed, inputs)
print(why)
assert sum(rung.share for rung in why.rungs) == why.whole  # the rungs sum to the whole

# Each part of a rung is tried alone; the first is the one to change.
for cause in why.causes[:3]:
    print(
        f"{cause.rung}: {cause.what}, {cause.effect} spikes alone; {cause.remedy or 'no remedy tried'}"
    )

# The first neuron that does something else, and what stands in its registers there.
print(why.divergence)
for value in why.divergence.values if why.divergence else ():
    print(
        f"  step {value.step}: {value.register} is {value.chip}, {value.real:.2f} in real numbers"
    )

# A framework's own way of stepping, down to the chip: snnTorch passes spikes through all layers in one
# step and resets by subtraction, one step late.
from_author = explain(net, fixed, inputs, semantics=preset("snntorch"))
for rung in from_author.rungs:
    print(f"{rung.name:12} {rung.direct.changed:6,} by itself, {rung.share:+7,.0f} of the whole")
