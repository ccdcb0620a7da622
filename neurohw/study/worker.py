"""A worker process: tasks come in as JSON lines on stdin, answers go out on stdout.

The first line is a header with the contents. A worker ends when its stdin does, also in the middle
of a task: so it can't outlive whoever started it.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import sys
import threading
from typing import Any

from neurohw.errors import BackendMissing


def main() -> None:
    """Answer tasks until there are no more."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    first = json.loads(lines.get())
    from neurohw.study.evaluate import Evaluator

    blobs = {digest: base64.b64decode(text) for digest, text in first["blobs"].items()}
    evaluator = Evaluator(blobs, first["threads"])
    out.write(b'{"ready": true}\n')
    while True:
        task = json.loads(lines.get())
        try:
            answer: dict[str, Any] = evaluator.answer(task)
        except BackendMissing as error:
            answer = {"missing": str(error)}
        out.write(json.dumps(answer).encode() + b"\n")


def _listen(lines: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)


def header(blobs: dict[str, bytes], threads: int | None) -> bytes:
    """The first line that a worker gets."""
    encoded = {digest: base64.b64encode(data).decode() for digest, data in blobs.items()}
    return json.dumps({"blobs": encoded, "threads": threads}).encode() + b"\n"
