"""Our backends, held to the suite that third parties use."""

import sys

import pytest

from neurohw.entry import list_backends, load_backend
from neurohw.testing.conformance import check_exporter, check_reference


def test_backends_are_found_by_name():
    assert {"brian2", "lava", "nir"} <= set(list_backends())


def test_brian2_is_a_reference():
    check_reference(load_backend("brian2"))


def test_a_wrong_reference_is_found_out():
    """The suite can fail: a backend that forgets one step of latency."""
    brian2 = load_backend("brian2")

    class Hasty:
        def reference(self, network, inputs, **options):
            run = brian2.reference(network, inputs, **options)
            for spikes in run.spikes.values():
                spikes.step.setflags(write=True)
                spikes.step[:] -= 1
            return run

    with pytest.raises(AssertionError):
        check_reference(Hasty())


@pytest.mark.lava
def test_lava_is_an_exporter(tmp_path, loihi2):
    if sys.version_info[:2] != (3, 10):
        pytest.skip("lava-nc 0.10 needs Python 3.10")
    pytest.importorskip("lava")
    check_exporter(load_backend("lava"), tmp_path, loihi2)
