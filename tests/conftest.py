"""Shared fixtures. Kernels are cached in one folder per test session's user, as in use."""

import pytest
from hypothesis import settings

from neurohw.chip import load_chip
from neurohw.emulate import run
from neurohw.emulate.engine import Engine
from neurohw.emulate.ticks import Shape
from neurohw.equations.narrow import INT32, within
from neurohw.testing.uncompiled import uncompile

# Everyone runs the same examples; ``--hypothesis-profile=hunt`` draws new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("hunt", derandomize=False, print_blob=True)
settings.load_profile("same")


def pytest_addoption(parser):
    parser.addoption(
        "--uncompiled", action="store_true", help="run the generated kernels as plain Python"
    )


@pytest.fixture(autouse=True)
def _kernels(request, monkeypatch):
    if request.config.getoption("--uncompiled"):
        uncompile(monkeypatch)


@pytest.fixture(autouse=True)
def _parts_of_small_networks(monkeypatch):
    """Small networks are split too if several threads are asked for, which in use only costs time."""
    monkeypatch.setattr(run, "LEAST", 1)


@pytest.fixture(scope="session")
def loihi2():
    return load_chip("loihi2")


@pytest.fixture(scope="session")
def prototype():
    return load_chip("prototype")


@pytest.fixture(autouse=True)
def _one_kernel_a_neuron(request, monkeypatch):
    """Hundreds of networks against foreign simulators share kernels: what ranges and equal parameters
    make of one is compared with the interpreter elsewhere."""
    if request.path.parent.name not in ("lava", "live"):
        return
    exact = Engine._shape

    def coarse(engine, k):
        shape = exact(engine, k)
        ends = {
            port: INT32 if within(e) else (-(2**62), 2**62 - 1) for port, e in shape.sums.items()
        }
        return Shape(frozenset(), ends, shape.row, shape.graded)

    monkeypatch.setattr(Engine, "_shape", coarse)
