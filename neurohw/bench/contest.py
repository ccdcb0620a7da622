"""One workload, all simulators in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from neurohw.bench.measure import Missing, Result, interleave, run_own
from neurohw.bench.outcome import OWN, Outcome
from neurohw.bench.peer import PEERS, run_peer
from neurohw.bench.workloads import Workload, fixed_network
from neurohw.chip import Chip
from neurohw.errors import InputError, UnknownName
from neurohw.fixed import FixedPointNetwork

Announce = Callable[[str, int, int], None]


def chosen_peers(text: str) -> tuple[str, ...]:
    """Peers from 'a,b' or 'none'; UnknownName or InputError for anything else."""
    if text == "none":
        return ()
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in PEERS:
            raise UnknownName.of("peer", name, [*PEERS, "none"])
    if len(set(names)) < len(names):
        raise InputError(f"--peers {text}: a name is there twice; write each once")
    return tuple(names)


def compete(
    w: Workload, chip: Chip, peers: Sequence[str], rounds: int, announce: Announce | None = None
) -> Outcome:
    """Ours and those of ``peers`` that can run this workload: Lava has no refractory time, and is
    too slow for the others."""
    fixed = fixed_network(w, chip)
    runs: dict[str, Callable[[], Result | Missing]] = {
        OWN: partial(run_own, fixed, w.steps, w.warmup, w.threads)
    }
    for name in peers:
        if (name == "lava") == (w.t_ref == 0):
            runs[name] = partial(_peer, name, w)
    done = interleave(runs, rounds, announce)
    return Outcome(w.name, w.n, fixed.synapses, w.footprint, done)


def alone(
    name: str, fixed: FixedPointNetwork, seconds: tuple[float, float], rounds: int,
    threads: int = 1, announce: Announce | None = None,
) -> Outcome:  # fmt: skip
    """A network that no peer's script has; ``seconds`` of warm-up and of what is timed."""
    warmup, steps = (round(s / fixed.dt) for s in seconds)
    run = partial(run_own, fixed, steps, warmup, threads)
    done = interleave({OWN: run}, rounds, announce)
    return Outcome(name, fixed.neurons, fixed.synapses, footprint(fixed), done)


def footprint(fixed: FixedPointNetwork) -> int:
    """Bytes of an int16 sum for each neuron and delay, up to the longest of the network."""
    longest = max((int(p.delay_table.max()) for p in fixed.projections if p.synapses), default=0)
    return 2 * fixed.neurons * (1 << longest.bit_length())


def _peer(name: str, w: Workload) -> Result | Missing:
    found = run_peer(name, w)
    return found if isinstance(found, Missing) else found.result()
