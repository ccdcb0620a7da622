"""The delivery engines beside their limits: `pytest -n 0 -s --benchmark-only` on this file.

What is printed is the CPU time of our engine and of a kernel written by hand for the chip, in turns.
"""

import pytest

from neurohw.bench.engines import CONTESTS, measure


@pytest.mark.benchmark(group="beside the limit")
@pytest.mark.parametrize("chip", CONTESTS)
def test_ratio(benchmark, chip):
    (row,) = benchmark.pedantic(measure, (9,), {"chips": [chip]}, rounds=1)
    benchmark.extra_info.update(times_the_limit=row.factor)
    print(f"\n{row}")
