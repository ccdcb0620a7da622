"""What came out for one workload, for the table, the figure and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from neurohw.bench.measure import Result, Rounds, Span, ratio, span

OWN = "neurohw"
"""Our own name among the simulators."""


@dataclass(frozen=True)
class Line:
    """One simulator on one workload; each value a span over the rounds but the last two.

    ``cpu``: CPU seconds for one simulated second; ``speed``: synaptic events for each CPU second;
    ``ratio``: how many times the CPU time of ours an event takes, None without ours; ``rate`` (Hz)
    the mean over neurons.
    """

    simulator: str
    threads: int
    cpu: Span
    wall: Span
    speed: Span
    rate: Span
    ratio: Span | None
    bytes_per_synapse: float | None


@dataclass(frozen=True)
class Outcome:
    """All runs of one workload. ``footprint``: bytes of int16 sums, see ``Workload.footprint``."""

    workload: str
    neurons: int
    synapses: int
    footprint: int
    rounds: Rounds

    def lines(self) -> Iterator[Line]:
        """A line for each simulator, ours first if it is first among the runs."""
        own = self.rounds.results.get(OWN)
        for name, results in self.rounds.results.items():
            yield Line(
                name, results[0].threads,
                cpu=span([r.cpu_s / r.seconds_bio for r in results]),
                wall=span([r.wall_s / r.seconds_bio for r in results]),
                speed=span([speed(r) for r in results]),
                rate=span([r.spikes / r.seconds_bio / self.neurons for r in results]),
                ratio=ratio(results, own) if own and name != OWN else None,
                bytes_per_synapse=results[-1].bytes_per_synapse,
            )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the lines, every single run, and who is missing."""
        return {
            "workload": self.workload, "neurons": self.neurons, "synapses": self.synapses,
            "footprint_bytes": self.footprint, "lines": [asdict(line) for line in self.lines()],
            "runs": {k: [asdict(r) for r in v] for k, v in self.rounds.results.items()},
            "missing": dict(self.rounds.missing),
        }  # fmt: skip


def speed(result: Result) -> float:
    """Synaptic events for each CPU second; 0 for a run too short to be timed."""
    return result.events / result.cpu_s if result.cpu_s > 0 else 0.0


def missing(outcomes: Sequence[Outcome]) -> Mapping[str, str]:
    """Who is missing anywhere, and why; each once."""
    return {k: why for o in outcomes for k, why in o.rounds.missing.items()}
