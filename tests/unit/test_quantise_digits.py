"""What calibration loses of trained networks at weights of 8 bits, on inputs that it did not see."""

from __future__ import annotations

from pathlib import Path

import pytest

import neurohw as nh

HERE = Path(__file__).parents[1] / "golden" / "real"
SAMPLE = 60


def lost(name: str, chip: str) -> tuple[float, float]:
    """Hidden spikes of the model that the chip lacks, and those that only the chip has, as shares."""
    net = nh.load_network(HERE / f"{name}.nir", dt=1e-4, integrator="euler")
    inputs = nh.load_inputs(HERE / "digits.npz", net)
    steps = inputs.steps + net.latency()
    fixed = nh.quantise(
        net, nh.load_chip(chip, {"weight.bits": 8}), method="calibrated",
        calibration=inputs.first(SAMPLE),
    )  # fmt: skip
    hidden = next(k for k in net.populations if k not in net.inputs)
    meant, got = (
        run.spikes[hidden].dense(inputs.trials, steps)[SAMPLE:] > 0
        for run in (nh.reference(net, inputs, steps=steps), nh.emulate(fixed, inputs, steps=steps))
    )
    assert meant.sum() > 5000
    return float((meant & ~got).sum() / meant.sum()), float((got & ~meant).sum() / meant.sum())


@pytest.mark.parametrize(
    ("name", "chip", "most"),
    [("lif", "loihi2", 0.01), ("cuba", "prototype", 0.01), ("rlif", "prototype", 0.05)],
)  # fmt: skip
def test_few_spikes_are_lost(name: str, chip: str, most: float) -> None:
    missing, extra = lost(name, chip)
    assert missing < most
    assert extra < most
    assert missing > 0  # 8 bits are not the model
