"""Running an exported program: time limits, faults, the command line."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.machinery
import importlib.metadata
import io
import json
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurohw_backends.lava_build import Built, build, load
from neurohw_backends.lava_script import FORMAT, Arrays, LavaRunError

# == program ==

# ---- running -------------------------------------------------------------------------------------


def fault_text(fault: np.ndarray) -> str | None:
    if not fault[0]:
        return None
    return bytes(fault[1:]).rstrip(b"\0").decode(errors="replace")


def wait_for_end(runtime: Any, fault: np.ndarray, deadline: float) -> None:
    """Return when the run is over; raise as soon as a Lava process fails.

    Lava's own wait() may hang for ever: its processes wait for the one that has failed.
    """
    actors = runtime._messaging_infrastructure.actors
    pause = 0.0002
    while not all(port.probe() for port in runtime.service_to_runtime):
        text = fault_text(fault)
        if text is None:
            for actor in actors:
                if actor.exception:
                    error = actor.exception[0]
                    text = f"{type(error).__name__}: {error}".replace("\n", " ")
                elif not actor.is_alive():
                    text = f"a Lava process died with exit code {actor.exitcode}"
        if text is not None:
            raise LavaRunError(text)
        if time.monotonic() > deadline:
            raise LavaRunError("Lava did not finish within the time limit")
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    if (text := fault_text(fault)) is not None:
        raise LavaRunError(text)


def abort(runtime: Any) -> None:
    """End a broken Lava run; its own stop() would wait for the processes that no longer answer."""
    infrastructure = runtime._messaging_infrastructure
    runtime._is_started = False  # or the destructor calls that stop()
    for actor in infrastructure.actors if infrastructure else []:
        with contextlib.suppress(ValueError):  # joined already
            actor.kill()
    if infrastructure:
        infrastructure.stop()
    if runtime._watchdog_manager is not None:
        runtime._watchdog_manager.stop()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what Lava prints on an exception that it raises anyway."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def run(
    data: Arrays,
    steps: int | None = None,
    fast_delays: bool = False,
    timeout: float = float("inf"),
) -> dict[str, np.ndarray]:
    """Run the network for ``steps`` (default: those of the data) and give back the results."""
    started = time.perf_counter()
    built = build(data, steps, fast_delays)
    deadline = time.monotonic() + timeout
    seconds = sum(run_component(built, part[0], deadline) for part in built.components)
    results = built.read()
    meta = {
        "format": FORMAT,
        "name": built.meta.get("name", ""),
        "steps": built.steps,
        "trials": int(built.meta["trials"]),
        "lava": importlib.metadata.version("lava-nc"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "seconds": round(time.perf_counter() - started, 4),
        "run_seconds": round(seconds, 4),
    }
    results["meta"] = np.array(json.dumps(meta))
    return results


def run_component(built: Built, process: Any, deadline: float) -> float:
    """Run the part of the network that ``process`` belongs to; seconds after its start-up."""
    from lava.magma.core.run_conditions import RunSteps

    if built.steps == 0:
        return 0.0
    try:
        with quiet():
            process.create_runtime(run_cfg=built.run_config)
        begin = time.perf_counter()
        process.run(condition=RunSteps(num_steps=built.steps, blocking=False))
        wait_for_end(process.runtime, built.fault, deadline)
        process.wait()
        seconds = time.perf_counter() - begin
        process.stop()
        return seconds
    except BaseException:
        if process.runtime is not None:
            abort(process.runtime)
        raise


# ---- command line --------------------------------------------------------------------------------


def follow_parent() -> None:
    """In a forked child: die with the parent, leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def watchdog(seconds: float, message: str) -> threading.Timer:
    """End this process and its children after ``seconds``, whatever they are waiting for."""

    def end() -> None:
        import multiprocessing

        print(message, file=sys.stderr, flush=True)
        for child in multiprocessing.active_children():
            with contextlib.suppress(Exception):
                child.kill()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


def save(path: Path, results: Arrays) -> None:
    """Write under a temporary name, then rename: never half a file under the final name."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **dict(results))  # type: ignore[arg-type, unused-ignore]
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp makes it private
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with one line on stderr."""
    script = Path(__file__).resolve()
    parser = argparse.ArgumentParser(description="Run a fixed-point network in Intel's Lava.")
    parser.add_argument("--data", type=Path, default=script.with_suffix(".npz"))
    parser.add_argument("--out", type=Path, default=None, help="default: DATA.results.npz")
    parser.add_argument("--steps", type=int, default=None, help="default: those of the data")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS")
    parser.add_argument(
        "--fast-delays", action="store_true", help="own model for delays: same numbers, faster"
    )
    given = parser.parse_args(arguments)
    out: Path = given.out or given.data.with_suffix(".results.npz")
    prefix = f"{script.name}: error: "
    if given.steps is not None and given.steps < 0:
        parser.error("--steps must be 0 or more")

    os.register_at_fork(after_in_child=follow_parent)
    # inside run() the limit ends the run in order; the timer is for a hang anywhere else
    timer = watchdog(given.timeout + 2.0, f"{prefix}no end after {given.timeout:g} s")
    try:
        results = run(load(given.data), given.steps, given.fast_delays, given.timeout)
        save(out, results)
    except KeyboardInterrupt:
        print(prefix + "interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        text = str(error).replace("\n", " ")
        own = isinstance(error, (LavaRunError, ValueError, OSError))
        print(prefix + (text if own else f"{type(error).__name__}: {text}"), file=sys.stderr)
        return 1
    finally:
        timer.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
