"""Two recordings are the same, or the first place where they are not."""

from __future__ import annotations

import numpy as np

from neurohw.compare.divergence import first_divergence
from neurohw.emulate.log import OperationLog
from neurohw.recording import Recording


def assert_same(expected: Recording, got: Recording, counters: bool = True) -> None:
    """AssertionError at the first spike, register or counter in which ``got`` differs.

    ``counters``: overflow and event counts too; a foreign simulator has none.
    """
    different = first_divergence(expected, got)
    assert different is None, str(different)
    assert set(expected.spikes) == set(got.spikes)
    for name, spikes in expected.spikes.items():
        assert spikes.same_as(got.spikes[name]), f"spikes of {name}"
    for name, registers in expected.traces.items():
        for register, trace in registers.items():
            other = got.traces[name][register]
            assert np.array_equal(trace.values, other.values), f"{name}.{register}"
            assert np.array_equal(trace.neurons, other.neurons), f"{name}.{register} neurons"
    if counters:
        assert {k: dict(v) for k, v in expected.overflows.items()} == {
            k: dict(v) for k, v in got.overflows.items()
        }
        assert dict(expected.synaptic_events) == dict(got.synaptic_events)


def assert_same_log(expected: OperationLog, got: OperationLog) -> None:
    """AssertionError at the first column, register or counter in which two logs differ."""
    columns = {
        **{k: (getattr(expected, k), getattr(got, k)) for k in ("type", "argument", "event", "cycles")},
        **{
            f"{k} {place}": (a, b)
            for k in ("spikes", "output", "changes")
            for place, (a, b) in enumerate(zip(getattr(expected, k), getattr(got, k), strict=True))
        },
    }  # fmt: skip
    assert set(expected.registers) == set(got.registers)
    for name, registers in expected.registers.items():
        for register, values in registers.items():
            columns[f"{name}.{register}"] = values, got.registers[name][register]
    for what, (a, b) in columns.items():
        assert a.shape == b.shape, f"{what}: shape {a.shape} is {b.shape}"
        wrong = np.argwhere(np.asarray(a != b))
        assert not wrong.size, f"{what} differs at {wrong[0].tolist()}"
    assert {k: dict(v) for k, v in expected.overflows.items()} == {
        k: dict(v) for k, v in got.overflows.items()
    }
