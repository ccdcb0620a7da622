"""A network on the cores of a chip: an image that runs by its own tables, and what that costs."""

from pathlib import Path

import numpy as np

import neurohw as nh
from neurohw.mapping.contest import compete
from neurohw.mapping.summary import summarise
from neurohw.mapping.usage import DoesNotFit

out = Path("out")
out.mkdir(exist_ok=True)
neuron = nh.CubaLIF(400, tau_syn=5e-3, tau_mem=20e-3, v_threshold=1.0)
net = nh.Network(
    {"in": nh.SpikeInput(50), "ring": neuron},
    [
        nh.Projection.by_rule("in", "ring", nh.FixedInDegree(5), nh.Constant(2.0), seed=1),
        nh.Projection.by_rule("ring", "ring", nh.FixedInDegree(20), nh.Normal(0.2, 0.1), seed=2),
    ],
    dt=1e-3,
)
inputs = nh.Inputs.from_dense({"in": np.random.default_rng(3).random((1, 200, 50)) < 0.1})

for name in ("loihi1", "spinnaker1"):
    fixed = nh.quantise(net, nh.load_chip(name), on_limit="clip")
    record = {"ring": list(fixed.populations["ring"].neuron.tick.registers)}
    plain = nh.emulate(fixed, inputs, record=record)
    image = nh.map_network(fixed, activity=plain, cores=8)
    nh.save_image(image, out / f"{name}.npz")
    by_tables = nh.emulate(nh.load_image(out / f"{name}.npz"), inputs)
    equal = all(plain.spikes[k].same_as(by_tables.spikes[k]) for k in plain.spikes)
    print(f"{name}: {image.cores} cores, divided by {image.method}; spikes equal: {equal}")
    summary = summarise(image, recording=plain)
    for resource, mean, most, limit, fullest in summary.rows():
        print(f"    {resource:26s} {mean:>10s} {most:>8s} of {limit:>10s} {fullest:>7s}")
    print(summary.cost, "\n")

# How many cores are best? More of them share the work of a step, and send more packets.
print("cores  packets/step  longest core, mean over steps")
for cores in (2, 4, 8, 16):
    chip = nh.load_chip("prototype")
    fixed = nh.quantise(net, chip)
    best = compete(fixed, activity=nh.emulate(fixed, inputs), objective="makespan", cores=cores)[0]
    s = best.summary
    print(f"{s.image.cores:5d}  {s.remote:12.1f}  {1e6 * s.makespan:6.2f} µs  ({best.method})")

# What a core can't hold is said in a table.
small = nh.load_chip("prototype", {"limits.input_axons.value": 20})
try:
    nh.map_network(nh.quantise(net, small))
except DoesNotFit as error:
    print("\n" + error.table)
