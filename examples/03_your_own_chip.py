"""What does a rounding mode cost? A chip is a text: change one word and run it again."""

from pathlib import Path

import neurohw as nh

folder = Path(__file__).parent / "digits"
net = nh.load_network(folder / "lif.nir", dt=1e-4, integrator="euler")
inputs = nh.load_inputs(folder / "test_data.npz", net).first(100)
steps = inputs.steps + net.latency()
meant = nh.reference(net, inputs, steps=steps)

profile = (nh.chip.profile_folder() / "prototype.toml").read_text()
for rounding in ("shr0", "shrf", "shrn", "shre"):
    # shr0 rounds toward zero, shrf down, shrn and shre to the nearest.
    chip = nh.parse_chip(profile.replace("shr0(v *", f"{rounding}(v *"))
    on_chip = nh.emulate(nh.quantise(net, chip), inputs, steps=steps)
    agree = nh.compare(meant, on_chip).populations["lif1"].agreement
    print(f"decay with {rounding}: {agree:.2%} of hidden spikes agree with the float model")

for bits in (8, 6, 4, 3):
    chip = nh.load_chip("prototype", {"weight.bits": bits})
    on_chip = nh.emulate(nh.quantise(net, chip), inputs, steps=steps)
    result = nh.compare(meant, on_chip, outputs=net.outputs, labels=inputs.labels)
    print(f"weights of {bits} bits: accuracy {result.accuracy_other:.1%}")
