"""Worker processes on this machine: each task known to one process, which can be killed.

Processes are started as commands, not forked, so that threads, locks and the caller's script don't
matter to them, in a session of their own, so that Ctrl-C reaches only us.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from neurohw.errors import BackendMissing, ChildError
from neurohw.study.content import Blobs
from neurohw.study.evaluate import Answer
from neurohw.study.worker import header

TRIES = 3
"""How often a task is given to a worker that dies of it."""
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); " \
        "from neurohw.study.worker import main; main()"  # fmt: skip
ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""One thread for each worker: there are as many workers as cores."""
GRACE = 1.0
"""Seconds that a worker which closed its pipe has to end."""


class Worker:
    """One process and the task that it has; ``ready`` once it has said that it takes tasks."""

    def __init__(self, first: bytes) -> None:
        environment = {**dict.fromkeys(ALONE, "1"), **os.environ}
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, json.dumps([os.path.abspath(p) for p in sys.path])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr, env=environment,
            start_new_session=True,
        )  # fmt: skip
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.ready, self.task, self.began = False, "", 0.0
        # Contents may be larger than a pipe holds, and a worker takes a while to start reading.
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outbox.put(first)
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # it died; reading tells
            while line := self._outbox.get():
                self.stdin.write(line)
                self.stdin.flush()

    def send(self, label: str, task: Mapping[str, Any]) -> None:
        """Give it a task."""
        self.task, self.began = label, time.monotonic()
        self._outbox.put(json.dumps(task).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """What it says, once its stdout is readable; None if it died."""
        line = self.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        said: dict[str, Any] = json.loads(line)
        return said

    def end(self, grace: float = 0.0) -> str:
        """Kill it; says how it ended, if it did so itself within ``grace`` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(grace)
        code = self.process.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._outbox.put(None)
        self._writer.join()
        self.stderr.seek(0)
        last = self.stderr.read()[-1000:].decode(errors="replace").strip().splitlines()[-1:]
        for stream in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(OSError):
                stream.close()
        how = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
        return f"{how}: {last[0]}" if last else how


class Pool:
    """``workers`` processes, started when there is something to do; a context that ends them.

    ``timeout``: seconds for a task; ``threads`` of a worker's emulation.
    """

    def __init__(
        self, blobs: Blobs, workers: int, timeout: float | None = None, threads: int | None = 1
    ) -> None:
        self.workers, self.timeout = workers, timeout
        self.header = header(dict(blobs), threads)
        self.selector = selectors.DefaultSelector()
        self.running: list[Worker] = []
        self.failed_starts = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """End the processes."""
        while self.running:
            self._drop(self.running[-1])
        self.selector.close()

    def outcomes(self, tasks: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Answer]]:
        """Every task's id and answer, in the order in which they end.

        A task whose worker dies is done again, ``TRIES`` times in all; then its answer is an error.
        ChildError if workers can't start, BackendMissing if they lack a library.
        """
        waiting, tries = deque(tasks), Counter[str]()
        while waiting or any(w.task for w in self.running):
            self._start(len(waiting))
            for worker in self.running:
                if worker.ready and not worker.task and waiting:
                    label = waiting.popleft()
                    tries[label] += 1
                    worker.send(label, tasks[label])
            for key, _ in self.selector.select(self._patience()):
                worker = key.data
                said = worker.receive()
                if said is not None and "figures" not in said:
                    self._said(worker, said)
                    continue
                label, worker.task = worker.task, ""
                if said is not None:
                    yield label, said
                    continue
                how = self._lost(worker)
                if label and tries[label] < TRIES:
                    waiting.appendleft(label)
                elif label:
                    yield label, _failed(f"its worker died {tries[label]} times, at last of {how}")
            for worker in [w for w in self.running if w.task and self._left(w) <= 0]:
                self._drop(worker)
                yield worker.task, _failed(f"took longer than timeout_s = {self.timeout:g} s")

    def _start(self, waiting: int) -> None:
        free = sum(not w.task for w in self.running)
        while len(self.running) < self.workers and free < waiting:
            worker = Worker(self.header)
            self.running.append(worker)
            self.selector.register(worker.stdout, selectors.EVENT_READ, worker)
            free += 1

    def _said(self, worker: Worker, said: Mapping[str, Any]) -> None:
        if "missing" in said:
            raise BackendMissing(said["missing"])
        worker.ready, self.failed_starts = True, 0

    def _lost(self, worker: Worker) -> str:
        """Drop a worker that died; ChildError if several in a row died before they were ready."""
        how = self._drop(worker, GRACE)
        self.failed_starts += not worker.ready
        if self.failed_starts > TRIES:
            raise ChildError(f"workers of the study can't start ({how})")
        return how

    def _drop(self, worker: Worker, grace: float = 0.0) -> str:
        self.running.remove(worker)
        self.selector.unregister(worker.stdout)
        return worker.end(grace)

    def _left(self, worker: Worker) -> float:
        used = time.monotonic() - worker.began
        return float("inf") if self.timeout is None else self.timeout - used

    def _patience(self) -> float | None:
        """Seconds until a task takes too long."""
        left = min((self._left(w) for w in self.running if w.task), default=float("inf"))
        return None if left == float("inf") else max(left, 0.0)


def _failed(error: str) -> Answer:
    return {"figures": {}, "error": error, "seconds": None}
