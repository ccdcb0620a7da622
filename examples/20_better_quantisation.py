"""4-bit weights: the largest weight sets the step, or sample input says what is best."""

from pathlib import Path

import neurohw as nh

folder = Path(__file__).parent / "digits"
net = nh.load_network(folder / "lif.nir", dt=1e-4, integrator="euler")
inputs = nh.load_inputs(folder / "test_data.npz", net).first(120)
steps = inputs.steps + net.latency()
sample = inputs.first(40)  # no labels are looked at
chip = nh.load_chip("loihi2", {"weight.bits": 4})

meant = nh.reference(net, inputs, steps=steps)
for method in ("plain", "feedback", "calibrated"):
    fixed = nh.quantise(net, chip, method=method, calibration=sample)
    result = nh.compare(
        meant, nh.emulate(fixed, inputs, steps=steps), outputs=net.outputs, labels=inputs.labels
    )
    hidden = result.populations["lif1"]
    print(
        f"{method:10} accuracy {result.accuracy_other:.1%}, spikes in agreement {hidden.agreement:.1%}"
    )
    for note in fixed.record.notes:
        print(f"   {note}")
