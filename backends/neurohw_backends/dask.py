"""Tasks of a study on a Dask cluster, with the results of local processes.

Contents go to every worker once, as a plugin, which a worker that joins or restarts gets too. Each
thread of a worker gives its tasks to a process of its own, so that a time limit ends a task and
tasks can't disturb one another. M. Rocklin, Dask: Parallel Computation with Blocked algorithms and
Task Scheduling, 2015.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

import distributed

from neurohw import __version__
from neurohw.errors import BackendMissing, ChildError, InputError
from neurohw.study.content import Blobs
from neurohw.study.evaluate import Answer
from neurohw.study.pool import Pool

PATIENCE = 20.0
"""Seconds for the scheduler to answer."""
AHEAD = 4
"""Tasks given to the scheduler for each thread of the cluster, so that none waits for us."""


class Contents(distributed.WorkerPlugin):  # type: ignore[misc,unused-ignore]
    """What a worker holds: contents, and a pool of one process for each thread that has asked."""

    def __init__(self, name: str, blobs: Blobs, timeout: float | None) -> None:
        self.name, self.blobs, self.timeout = name, dict(blobs), timeout
        self.pools: dict[int, Pool] = {}

    def pool(self) -> Pool:
        """The pool of the calling thread."""
        return self.pools.setdefault(threading.get_ident(), Pool(self.blobs, 1, self.timeout))

    def teardown(self, worker: Any) -> None:
        """End the processes."""
        del worker
        for pool in self.pools.values():
            pool.close()


def outcomes(
    tasks: Mapping[str, Mapping[str, Any]], blobs: Blobs, *, address: str, timeout: float | None
) -> Iterator[tuple[str, Answer]]:
    """Every task's id and answer, in the order in which they end.

    A task whose worker dies is done again, three times in all; then its answer is an error.
    ChildError if the scheduler does not answer or a worker can't start; InputError for what is no
    address.
    """
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except ValueError as error:
        raise InputError(
            f"--dask {address}: is no address ({error}); such as tcp://host:8786"
        ) from None
    except OSError:
        raise ChildError(
            f"--dask {address}: no scheduler answers within {PATIENCE:g} s; start one with 'dask scheduler'"
        ) from None
    run = f"neurohw-study-{uuid.uuid4().hex}"  # several studies may share a cluster
    with client:
        client.register_plugin(Contents(run, blobs, timeout))
        try:
            yield from _outcomes(client, run, tasks)
        except (OSError, asyncio.CancelledError, CancelledError):
            raise ChildError(
                f"--dask {address}: the scheduler is gone; the same command goes on"
            ) from None
        finally:
            with suppress(OSError, ValueError):
                client.unregister_worker_plugin(run)


def _outcomes(
    client: Any, run: str, tasks: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Answer]]:
    def submit(label: str, task: Mapping[str, Any]) -> Any:
        return client.submit(answer, run, label, dict(task), key=f"{run}-{label}", pure=False)

    waiting = iter(tasks.items())
    ahead = max(64, AHEAD * sum(client.nthreads().values()))
    first = [submit(*item) for item in itertools.islice(waiting, ahead)]
    running = distributed.as_completed(first, loop=client.loop)
    for future in running:
        for item in itertools.islice(waiting, 1):
            running.add(submit(*item))
        yield future.key.rpartition("-")[2], _answer(future)


def answer(run: str, label: str, task: Mapping[str, Any]) -> Answer:
    """On a worker: do the task in this thread's process."""
    if task["neurohw"] != __version__:
        raise BackendMissing(
            f"a Dask worker has neurohw {__version__}, the study is of {task['neurohw']}; "
            "install the same on both"
        )
    plugin: Contents = distributed.get_worker().plugins[run]
    found = dict(plugin.pool().outcomes({label: task}))
    return found[label]


def _answer(future: Any) -> Answer:
    try:
        result: Answer = future.result()
        return result
    except distributed.KilledWorker:
        return {"figures": {}, "error": "its Dask worker died several times", "seconds": None}
    finally:
        future.release()
