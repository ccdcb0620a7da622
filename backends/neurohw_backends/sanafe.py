"""SANA-FE, an estimator of energy and time of mapped networks, run as a program of its own.

:func:`export` writes a mapped network and a chip's prices as SANA-FE 2.2.9 reads them, :func:`run`
has it simulated and gives back energies, packets and spikes, to be compared with our counts. SANA-FE
computes neurons in floating point; so that the comparison does not depend on that, the neurons
replay spikes: each is one of its ``input`` units, which plays a list, and all weights are 0. Such a
unit is idle unless it fires: compare with ``count(..., updates=spikes of each step and core)``. Or
they integrate and fire with integer parameters, which its ``leaky_integrate_fire`` does exactly up
to 2^24.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw import child, files
from neurohw.chip.prices import EVENTS, Prices
from neurohw.errors import BackendMissing, ChildError, InputError
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.traffic import Connections, spikes_of
from neurohw.network.checks import integers, whole

ARCHITECTURE, NETWORK = "architecture.yaml", "network.yaml"
MISSING = 3
"""The exit code of the child where sanafe can't be imported."""
EXACT = 1 << 24

_SCRIPT = """
import json, sys
try:
    import sanafe
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
import importlib.metadata
architecture, network, steps, timing, result = sys.argv[1:]
arch = sanafe.load_arch(architecture)
chip = sanafe.SpikingChip(arch)
chip.load(sanafe.load_net(network, arch))
found = chip.sim(int(steps), timing_model=timing, spike_trace=True)
spikes = [[int(n.neuron_offset) for n in row] for row in found["spike_trace"]]
keys = ("packets_sent", "neurons_updated", "neurons_fired", "spikes", "sim_time")
answer = {k: found[k] for k in keys}
answer.update(energy=dict(found["energy"]), trace=spikes,
              version=importlib.metadata.version("sanafe"))
with open(result, "w") as stream:
    json.dump(answer, stream)
"""


@dataclass(frozen=True, eq=False)
class IntegrateFire:
    """Neurons that add up ``bias`` (n,) and weights, fire above ``threshold`` (n,) and start again
    at 0; ``weights`` (edges,) are of the synapses, in their order. Integers."""

    threshold: NDArray[np.int64]
    bias: NDArray[np.int64]
    weights: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Result:
    """What SANA-FE says of a run: J by part, counts, s of modelled time, and spikes as two columns
    int64 (spikes,), sorted by ``step`` and then ``neuron``."""

    version: str
    energy: dict[str, float]
    packets: int
    updates: int
    fired: int
    synaptic_events: int
    time: float
    step: NDArray[np.int64]
    neuron: NDArray[np.int64]


def export(
    folder: str | Path,
    core_of: ArrayLike,
    synapses: Connections,
    mesh: Mesh,
    prices: Prices,
    *,
    spikes: tuple[ArrayLike, ArrayLike] | None = None,
    neurons: IntegrateFire | None = None,
) -> Path:
    """``architecture.yaml`` and ``network.yaml`` in ``folder``; give either ``spikes`` (step, neuron)
    to be replayed or ``neurons``.

    InputError for what SANA-FE can't hold: a mesh that wraps, an energy that is not known, a price
    of events that it has not (local, router). Latencies that are not known are written as 0: then
    its time means nothing.
    """
    homes = np.atleast_1d(integers("core_of", core_of, 0, mesh.cores - 1))
    if homes.shape != (synapses.n,):
        raise InputError(f"core_of has shape {homes.shape} for {synapses.n} neurons; give one each")
    if (spikes is None) == (neurons is None):
        raise InputError("give either spikes to be replayed or neurons, not both")
    if mesh.wraps:
        raise InputError("a mesh that wraps: SANA-FE routes on meshes without; use wraps=False")
    most = int(np.bincount(homes, minlength=1).max(initial=1))
    rows = _replayed(spikes, synapses.n) if spikes is not None else _firing(neurons, synapses)
    weights = np.zeros(synapses.targets.size, np.int64) if neurons is None else neurons.weights
    network = "\n".join(
        [
            "network:",
            "  name: mapped",
            "  groups:",
            "    - name: n",
            "      attributes: [log_spikes: true]",
            "      neurons:",
            *rows,
            "  edges:" if synapses.targets.size else "  edges: []",
            *_edges(synapses, np.asarray(weights)),
            "mappings:",
            *_mappings(homes, mesh, neurons is None),
            "",
        ]
    )
    with files.filling(folder) as inside:
        files.write_text(inside / ARCHITECTURE, _architecture(mesh, prices, most, neurons is None))
        files.write_text(inside / NETWORK, network)
    return Path(folder)


def _replayed(spikes: tuple[ArrayLike, ArrayLike], n: int) -> Iterator[str]:
    step, neuron = spikes_of(*spikes, n, 1 << 24)
    order = np.lexsort((step, neuron))
    ends = np.searchsorted(neuron[order], np.arange(n + 1))
    for i in range(n):
        when = step[order[ends[i] : ends[i + 1]]]
        if not when.size:
            yield f"        - {i}: []"
            continue
        train = np.zeros(int(when[-1]) + 1, np.int64)
        train[when] = 1
        if int(train.sum()) != when.size:
            raise InputError(f"neuron {i} fires twice in one step; SANA-FE has one spike a step")
        yield f"        - {i}: [soma: {{spikes: [{', '.join(map(str, train))}]}}]"


def _firing(neurons: IntegrateFire | None, synapses: Connections) -> Iterator[str]:
    assert neurons is not None
    columns = {}
    sizes = {"threshold": synapses.n, "bias": synapses.n, "weights": synapses.targets.size}
    for name, size in sizes.items():
        columns[name] = integers(f"neurons: {name}", getattr(neurons, name), -EXACT, EXACT)
        if columns[name].shape != (size,):
            raise InputError(f"neurons: {name} has shape {columns[name].shape}; give ({size},)")
    for i, (threshold, bias) in enumerate(zip(columns["threshold"], columns["bias"], strict=True)):
        yield (
            f"        - {i}: [soma: {{threshold: {threshold}, bias: {bias}, reset: 0, "
            "reset_mode: hard, leak_decay: 1, input_decay: 0}]"
        )


def _edges(synapses: Connections, weights: NDArray[np.int64]) -> Iterator[str]:
    source = np.repeat(np.arange(synapses.n), np.diff(synapses.offsets))
    times = synapses.multiplicity
    for k, (i, j) in enumerate(zip(source, synapses.targets, strict=True)):
        line = f"    - n.{i} -> n.{j}: [weight: {weights[k]}]"
        yield from [line] * (1 if times is None else int(times[k]))


def _mappings(homes: NDArray[np.int64], mesh: Mesh, replay: bool) -> Iterator[str]:
    """SANA-FE numbers tiles column by column and finds a neuron's unit by its name on the core."""
    x, y = mesh.place(homes)
    seen: dict[int, int] = {}
    for i, core in enumerate(homes.tolist()):
        place = f"{x[i] * mesh.height + y[i]}.{core % mesh.cores_per_tile}"
        unit = f"unit[{seen.get(core, 0)}]" if replay else "unit"
        seen[core] = seen.get(core, 0) + 1
        yield f'  - n.{i}: [core: {place}, soma: "{unit}"]'


def _architecture(mesh: Mesh, prices: Prices, most: int, replay: bool) -> str:
    pj, ns = _numbers(prices)
    sync = prices.sync or ((1, 0.0),)
    barrier = ", ".join(f"{tiles}: {time * 1e-9!r}" for tiles, time in sync)
    hops = [
        f"        {what}_{way}_hop: {table[key] * scale!r}"
        for way, key in (
            ("north", "hop_y"),
            ("east", "hop_x"),
            ("south", "hop_y"),
            ("west", "hop_x"),
        )
        for what, table, scale in (("energy", pj, 1e-12), ("latency", ns, 1e-9))
    ]

    def unit(section: str, name: str, model: str, **events: str) -> list[str]:
        found = [
            f"          {section}:",
            f"            - name: {name}",
            "              attributes:",
        ]
        found += [f"                model: {model}"] if model else []
        for what, key in events.items():
            energy, latency = (pj[key] * 1e-12, ns[key] * 1e-9) if key else (0.0, 0.0)
            found.append(f"                energy_{what}: {energy!r}")
            found.append(f"                latency_{what}: {latency!r}")
        return found

    soma = {"access_neuron": "neuron", "update_neuron": "update", "spike_out": "spike"}
    name, model = (f"unit[0..{most - 1}]", "input") if replay else ("unit", "leaky_integrate_fire")
    lines = [
        "architecture:",
        "  name: chip",
        "  attributes:",
        "    topology: mesh",
        f"    width: {mesh.width}",
        f"    height: {mesh.height}",
        "    link_buffer_size: 16",
        "    sync_model: table",
        f"    latency_sync: {{{barrier}}}",
        "  tile:",
        f"    - name: tile[0..{mesh.tiles - 1}]",
        "      attributes:",
        *hops,
        "      core:",
        f"        - name: core[0..{mesh.cores_per_tile - 1}]",
        "          attributes:",
        "            buffer_position: soma",
        "            buffer_inside_unit: false",
        f"            max_neurons_supported: {most}",
        *unit("axon_in", "in", "", message_in="axon_in"),
        *unit("synapse", "synapses", "current_based", process_spike="synapse"),
        *unit("dendrite", "dendrites", "accumulator", update=""),
        *unit("soma", name, model, **soma),
        *unit("axon_out", "out", "", message_out="packet"),
        "",
    ]
    return "\n".join(lines)


def _numbers(prices: Prices) -> tuple[dict[str, float], dict[str, float]]:
    """pJ and ns by event, 0 for those that are included in others."""
    pj, ns = {}, {}
    for key in EVENTS:
        price = prices.events.get(key)
        if key not in prices.included and (price is None or price.energy is None):
            raise InputError(
                f"{prices.name} has no energy of '{key}', and SANA-FE needs one; add it, or to "
                "'included'"
            )
        pj[key] = (price.energy or 0.0) if price else 0.0
        ns[key] = (price.latency or 0.0) if price else 0.0
    for key in ("local", "router"):
        if pj[key] or ns[key]:
            raise InputError(f"{prices.name} has a price of '{key}'; SANA-FE knows no such event")
    return pj, ns


def run(
    folder: str | Path,
    steps: int,
    timeout: float = 600.0,
    python: str | None = None,
    timing: Literal["simple", "detailed"] = "simple",
) -> Result:
    """SANA-FE's run of what :func:`export` wrote, in the interpreter ``python`` (this one if None).

    BackendMissing if it has no sanafe, ChildError if the run fails or takes more than ``timeout`` s.
    """
    interpreter = python or sys.executable
    steps = whole("steps", steps)
    names = [str(Path(folder).resolve() / name) for name in (ARCHITECTURE, NETWORK)]
    with tempfile.TemporaryDirectory() as inside:
        result = Path(inside) / "result.json"
        command = [interpreter, "-I", "-c", _SCRIPT, *names, str(steps), timing, str(result)]
        done = child.run(command, timeout, cwd=inside)
        if done.returncode == MISSING:
            raise BackendMissing(
                f"sanafe is not installed in {interpreter}: pip install sanafe==2.2.9 (GPL-3) in an "
                "environment of its own, and name its python"
            )
        try:
            if done.returncode:
                raise ValueError
            answer = json.loads(result.read_text())
            return _result(answer)
        except (OSError, ValueError, KeyError, TypeError):
            said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise ChildError(f"SANA-FE failed on {folder} ({done.returncode}): {said}") from None


def _result(answer: dict[str, Any]) -> Result:
    rows = [(k, i) for k, row in enumerate(answer["trace"]) for i in sorted(row)]
    events = np.array(rows, np.int64).reshape(-1, 2)
    return Result(
        str(answer["version"]),
        {str(k): float(v) for k, v in answer["energy"].items()},
        int(answer["packets_sent"]),
        int(answer["neurons_updated"]),
        int(answer["neurons_fired"]),
        int(answer["spikes"]),
        float(answer["sim_time"]),
        events[:, 0],
        events[:, 1],
    )
