"""An image in numbers: what it fills, what it sends, and, of a recorded run, what it takes and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.mapping.cost import Cost
from neurohw.mapping.counts import Counts
from neurohw.mapping.image import ChipImage
from neurohw.mapping.map import mesh_of
from neurohw.mapping.schemes import scheme
from neurohw.mapping.spent import cost_of, counts_of
from neurohw.mapping.synapses import synapses
from neurohw.mapping.traffic import FanOut
from neurohw.mapping.usage import core_limits, parameter_sets
from neurohw.mapping.workload import Workload, workload
from neurohw.recording import Recording

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Summary:
    """``used`` int64 (cores of the mesh,) by resource and ``limits`` of a core; ``packets`` float64 (cores,
    cores): spikes a step that go from one core to another, by the given activity; ``hops`` of each
    between tiles. Of a run: ``counts``, ``cost``, and ``makespan``, the mean over steps of what the
    slowest core takes: seconds if ``timed``, else operations."""

    image: ChipImage
    used: Mapping[str, Int64]
    limits: Mapping[str, int]
    packets: NDArray[np.float64]
    hops: Int64
    from_host: float
    routers: Int64
    counts: Counts | None = None
    cost: Cost | None = None
    workload: Workload | None = None
    makespan: float | None = None
    timed: bool = False

    @property
    def remote(self) -> float:
        """Packets a step that leave their core: λ - 1, weighted with activity."""
        return float(self.packets.sum() - np.trace(self.packets))

    @property
    def hops_a_packet(self) -> float:
        """Links that a packet which leaves its core passes on average."""
        return float((self.packets * self.hops).sum() / self.remote) if self.remote else 0.0

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Resource, mean, most, limit and how full the fullest core is."""
        used = np.unique(self.image.core[self.image.core >= 0])
        found = []
        for key, values in self.used.items():
            here, limit = values[used], self.limits.get(key)
            most = int(here.max(initial=0))
            share = f"{100 * most / limit:.1f} %" if limit else "-"
            mean = float(here.mean()) if here.size else 0.0
            name = key.replace("_", " ")
            found.append((name, f"{mean:,.1f}", f"{most:,}", f"{limit:,}" if limit else "-", share))
        if self.routers.size:
            entries = self.image.network.chip.limits.get("table_entries")
            most, busy = int(self.routers.max()), self.routers[self.routers > 0]
            room = int(entries.value) if entries else None
            row = (
                "table entries of a router", f"{busy.mean() if busy.size else 0:,.1f}", f"{most:,}",
                f"{room:,}" if room else "-", f"{100 * most / room:.1f} %" if room else "-",
            )  # fmt: skip
            found.append(row)
        return found

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        net, used = self.image.network, np.unique(self.image.core[self.image.core >= 0])
        found: dict[str, Any] = {
            "chip": net.chip.name, "network": net.name, "method": self.image.method,
            "cores": int(used.size), "cores_of_chip": mesh_of(_cores(self.image), net.chips).cores,
            "hash": self.image.hash, "packets_a_step": self.remote, "hops_a_packet": self.hops_a_packet,
            "from_host_a_step": self.from_host,
            "used": {
                k: {"most": int(v[used].max(initial=0)), "mean": float(v[used].mean()) if used.size else 0.0,
                    "limit": self.limits.get(k)} for k, v in self.used.items()
            },
        }  # fmt: skip
        if self.routers.size:
            found["router_entries"] = {
                "most": int(self.routers.max()),
                "sum": int(self.routers.sum()),
            }
        if self.cost is not None:
            found["events"] = dict(self.cost.events)
            found["energy_J"], found["time_s"] = self.cost.energy, self.cost.time
            found["cost_status"], found["why_no_energy"] = self.cost.status, self.cost.why_no_energy
        if self.counts is not None:
            link, passed = self.counts.peak_link
            found["busiest_link"] = {"link": self.counts.mesh.link_name(link), "packets": passed}
            found["busiest_core_events"] = int(self.counts.events.max(initial=0))
        if self.workload is not None:
            found["neurobench"] = self.workload.as_dict()
        if self.makespan is not None:
            found["makespan"] = {
                "a_step": self.makespan,
                "unit": "s" if self.timed else "operations",
            }
        return found


def _cores(image: ChipImage) -> Any:
    cores = image.network.chip.cores
    assert cores is not None
    return cores


def summarise(
    image: ChipImage,
    activity: NDArray[np.float64] | None = None,
    recording: Recording | None = None,
) -> Summary:
    """The numbers of an image; ``activity`` float64 (vertices,), spikes a step, 1 each if not known."""
    net, cores = image.network, _cores(image)
    mesh = mesh_of(cores, net.chips)
    work = image.wires
    rates = (np.ones(image.core.size) if activity is None else activity)[work.vertex]
    fan = FanOut.of(work.connections, np.maximum(work.core, 0), mesh.cores)
    source = np.repeat(np.arange(work.vertex.size), np.diff(fan.offsets))
    home = work.core[source]
    packets = np.zeros((mesh.cores, mesh.cores))
    np.add.at(packets, (home[home >= 0], fan.cores[home >= 0]), rates[source[home >= 0]])
    every = np.arange(mesh.cores)
    hops = mesh.hops_x(every[:, None], every[None]) + mesh.hops_y(every[:, None], every[None])
    start = image.arrays.get("router.start")
    found: dict[str, Any] = {
        "used": used(image, mesh.cores), "limits": core_limits(net.chip), "packets": packets,
        "hops": hops, "from_host": float(rates[source[home < 0]].sum()),
        "routers": np.zeros(0, np.int64) if start is None else np.diff(start),
    }  # fmt: skip
    if recording is not None:
        counts = counts_of(image, recording)
        cost = cost_of(image, recording, counts)
        if cost.times is not None:
            found["makespan"], found["timed"] = float(cost.times.mean()), True
        else:
            work_done = counts.events + counts.messages_in + counts.packets_out + counts.neurons
            found["makespan"] = float(work_done.max(axis=1).mean()) if work_done.size else 0.0
        found["counts"], found["cost"] = counts, cost
        if not net.currents:
            found["workload"] = workload(image.delivered, recording)
    return Summary(image, **found)


def used(image: ChipImage, cores: int) -> dict[str, Int64]:
    """What every core uses, int64 (cores,) by resource."""
    net = image.delivered
    here = {
        "neurons": np.bincount(image.core[image.core >= 0], minlength=cores),
        **scheme(_cores(image)).measure(net.chip, synapses(net), image.core, image.slot),
        **parameter_sets(image.network, image.core),
    }
    return {
        k: np.concatenate([v, np.zeros(cores - v.size, v.dtype)]).astype(np.int64)
        for k, v in here.items()
    }
