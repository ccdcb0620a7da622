"""Run a workload in another simulator, in a process and an environment of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from neurohw import child
from neurohw.bench.measure import Missing, Result
from neurohw.bench.workloads import Workload
from neurohw.errors import ChildError, UnknownName

# Script, module, and the only Python that has it, if so.
PEERS = {
    "nest": ("nest_run.py", "nest", None),
    "brian2": ("brian2_run.py", "brian2", None),
    "lava": ("lava_run.py", "lava", "3.10"),
}
TIMEOUT = 1800.0
"""Seconds for one run, its environment and compilation included."""


@dataclass(frozen=True)
class PeerResult:
    """What a peer's script prints; times in seconds, memory in MB: peak, and before it built."""

    peer: str
    version: str
    spikes: int
    seconds_bio: float
    cpu_s: float
    wall_s: float
    build_s: float
    rss_mb: float | None
    base_mb: float
    threads: int
    synapses: int
    events: int

    @property
    def bytes_per_synapse(self) -> float | None:
        """Memory that building and running the network added, for each synapse."""
        if self.rss_mb is None or not self.synapses:
            return None
        return max(self.rss_mb - self.base_mb, 0.0) * 2**20 / self.synapses

    def result(self) -> Result:
        """What is compared."""
        return Result(
            self.cpu_s, self.wall_s, self.seconds_bio, self.events, self.spikes, self.threads,
            self.bytes_per_synapse,
        )  # fmt: skip


def run_peer(name: str, workload: Workload, timeout: float = TIMEOUT) -> PeerResult | Missing:
    """One run; Missing says in one line why there is none. UnknownName for a peer there is not."""
    if name not in PEERS:
        raise UnknownName.of("peer", name, PEERS)
    command = interpreter(name)
    if isinstance(command, Missing):
        return command
    script = Path(__file__).with_name("peers") / PEERS[name][0]
    try:
        done = child.run([*command, str(script), workload.as_json()], timeout)
    except ChildError as error:
        return Missing(f"{name}: {error}")
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        return Missing(f"{name} failed: {said}; see {_variable(name)} in 'neurohw bench --help'")
    return _read(name, done.stdout)


def interpreter(name: str) -> list[str] | Missing:
    """What runs a peer's script: the Python that the environment names, else this one if it has the
    simulator, else uv, which makes an environment for it."""
    _, module, version = PEERS[name]
    named = os.environ.get(_variable(name))
    if named:
        if shutil.which(named) is None:
            return Missing(
                f"{name}: no program '{named}'; set {_variable(name)} to a Python with it"
            )
        return [named]
    if importlib.util.find_spec(module) is not None:
        return [sys.executable]
    uv = shutil.which("uv") or os.environ.get("UV")
    if uv is None:
        return Missing(
            f"{name}: not installed; install uv, or set {_variable(name)} to a Python that has it"
        )
    found = child.find_python(version) if version else None
    return [uv, "run", "--quiet", *(["--python", found] if found else []), "--script"]


def _variable(name: str) -> str:
    return f"NEUROHW_BENCH_{name.upper()}"


def _read(name: str, text: str) -> PeerResult | Missing:
    try:
        given = json.loads(text.strip().splitlines()[-1])
        found = PeerResult(**{f.name: given[f.name] for f in fields(PeerResult)})
        if not found.cpu_s > 0:
            return Missing(f"{name}: too short to be timed; simulate more neurons or longer")
        return found
    except (IndexError, KeyError, TypeError, ValueError) as error:
        return Missing(
            f"{name}: no result in what it printed ({type(error).__name__}); run it by hand"
        )
