"""Run a child process that can't hang us, can't outlive us and leaves no grandchildren.

The command runs under a supervisor (this same file, as a script) in a session of its own. The
supervisor holds the read end of a pipe whose write end only we hold: when we die, however, the
pipe closes and it kills the whole group. That needs no ``preexec_fn``, which is unsafe where the
caller has threads. Output goes to files, not pipes, so a leftover grandchild that keeps stdout
open blocks nobody. On systems without process groups only the direct child is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

GRACE = 1.0  # seconds between asking a group to end and killing it
POSIX = os.name == "posix"


@dataclass(frozen=True)
class Completed:
    """How a command ended; ``returncode`` is ``-N`` if signal N ended it."""

    returncode: int
    stdout: str
    stderr: str


def run(
    command: list[str],
    timeout: float,
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run ``command`` with no stdin, for at most ``timeout`` seconds of wall time.

    A time-out or a missing program raises :class:`neurohw.errors.ChildError`; any other ending,
    also a failure, is a :class:`Completed`. However this returns, the command's whole process
    group has ended.
    """
    from neurohw.errors import ChildError  # not at the top: the supervisor has no package path

    path = (os.environ if env is None else env).get("PATH")
    program = command[0] if os.path.dirname(command[0]) else shutil.which(command[0], path=path)
    if program is None or not (Path(cwd or ".") / program).exists():
        raise ChildError(f"no program '{command[0]}'; install it or check PATH")
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(tempfile.TemporaryFile())
        err = stack.enter_context(tempfile.TemporaryFile())
        alive = stack.enter_context(_pipe()) if POSIX else -1
        supervised = [sys.executable, "-I", "-S", __file__, str(alive), str(os.getpid())]
        process = subprocess.Popen(
            [*(supervised if POSIX else []), program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env=None if env is None else dict(env),
            start_new_session=POSIX,
            pass_fds=(alive,) if POSIX else (),
        )
        try:
            returncode = process.wait(timeout)
        except subprocess.TimeoutExpired:
            last = _text(err).strip().splitlines()[-1:]
            said = f"; last line of stderr: {last[0]}" if last else ""
            name = os.path.basename(command[0])
            raise ChildError(f"'{name}' was stopped after {timeout:g} s{said}") from None
        finally:
            _end(process)
        return Completed(returncode, _text(out), _text(err))


def find_python(version: str = "3.10") -> str | None:
    """Path of an interpreter of that version ("3.10") that really runs, or None."""
    tried: set[str] = set()
    for candidate in _candidates(version):
        if candidate in tried:
            continue
        tried.add(candidate)
        question = "import sys; print('%d.%d' % sys.version_info[:2])"
        answer = _ask([candidate, "-I", "-c", question])
        if answer == version:  # a pyenv shim may exist for a version that is not active
            return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    if ".".join(map(str, sys.version_info[:2])) == version and sys.executable:
        yield sys.executable
    name = f"python{version}"
    on_path = shutil.which(name)
    if on_path:
        yield on_path
    roots = [os.environ.get("PYENV_ROOT")]
    pyenv = shutil.which("pyenv")
    roots += [_ask([pyenv, "root"]) if pyenv else None, os.path.expanduser("~/.pyenv")]
    for root in roots:
        if root:
            found = Path(root).glob(f"versions/{version}.*/bin/python")
            yield from sorted(map(str, found), key=_by_patch, reverse=True)
    for folder in ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"):
        if os.path.exists(os.path.join(folder, name)):
            yield os.path.join(folder, name)


def _by_patch(path: str) -> list[int]:
    return [int(part) if part.isdigit() else -1 for part in Path(path).parts[-3].split(".")]


def _ask(command: list[str]) -> str | None:
    """First line of stdout, or None if the command fails, hangs or is not there."""
    from neurohw.errors import ChildError

    try:
        done = run(command, timeout=10.0)
    except (ChildError, OSError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@contextlib.contextmanager
def _pipe() -> Iterator[int]:
    """Read end of a pipe whose write end closes when this block ends or this process dies."""
    read, write = os.pipe()
    try:
        yield read
    finally:
        os.close(read)
        os.close(write)


def _text(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return bytes(file.read()).decode(errors="replace")  # type: ignore[attr-defined]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the group of ``process``: ask first, so that it can give back shared memory."""
    if not POSIX:
        process.kill()
        process.wait()
        return
    until = time.monotonic() + GRACE
    number = int(signal.SIGTERM)
    # nobody left: ProcessLookupError; only zombies left: PermissionError on macOS
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < until:
            os.killpg(process.pid, number)
            number = 0  # from now on only look whether anybody is left
            process.poll()  # reap the leader, or the group never gets empty
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _supervise(alive: int, parent: int, command: list[str]) -> int:
    """Run ``command``; kill our whole group as soon as ``parent`` is gone."""

    def watch() -> None:
        import select

        # the pipe tells at once; the parent's id covers a write end that a fork of it holds open
        while os.getppid() == parent:
            if select.select([alive], [], [], 1.0)[0]:
                break
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    try:
        code = subprocess.Popen(command).wait()
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    if code < 0:  # end by the same signal, without a second core file
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(_supervise(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
