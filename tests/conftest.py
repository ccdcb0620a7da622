"""Shared fixtures. Kernels are cached in one folder per test session's user, as in use."""

import pytest

from neurohw.chip import load_chip
from neurohw.testing.uncompiled import load_uncompiled


def pytest_addoption(parser):
    parser.addoption(
        "--uncompiled", action="store_true", help="run the generated kernels as plain Python"
    )


@pytest.fixture(autouse=True)
def _kernels(request, monkeypatch):
    if request.config.getoption("--uncompiled"):
        for module in ("engine", "ordered_run", "words"):
            monkeypatch.setattr(f"neurohw.emulate.{module}.load_kernel", load_uncompiled)


@pytest.fixture(scope="session")
def loihi2():
    return load_chip("loihi2")


@pytest.fixture(scope="session")
def prototype():
    return load_chip("prototype")
