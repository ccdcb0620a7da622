"""Shared fixtures. Kernels are cached in one folder per test session's user, as in use."""

import pytest

from neurohw.chip import load_chip


@pytest.fixture(scope="session")
def loihi2():
    return load_chip("loihi2")


@pytest.fixture(scope="session")
def prototype():
    return load_chip("prototype")
