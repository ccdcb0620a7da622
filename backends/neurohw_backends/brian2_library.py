"""Brian 2, imported on demand and kept quiet: no output, no files, no settings left behind."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from neurohw.errors import BackendMissing

# Where they exist: Brian 2.8, the last for Python 3.10, does not know all of them.
_PREFERENCES = {
    "codegen.target": "numpy",
    "core.default_float_dtype": np.float64,
    "core.stop_on_keyboard_interrupt": False,
    "legacy.refractory_timing": False,
}


def library() -> Any:
    """The module ``brian2``; BackendMissing if it is not there or does not run here."""
    if "brian2" in sys.modules and sys.modules["brian2"] is not None:
        return sys.modules["brian2"]
    hook, blocked = sys.excepthook, "brian2" in sys.modules
    try:
        # Its dependencies warn while they are imported; that is nothing a caller can change.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import brian2  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except Exception as error:
        for name in [k for k in sys.modules if k == "brian2" or k.startswith("brian2.")]:
            if not blocked:
                del sys.modules[name]  # half of a module would pass for the whole next time
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BackendMissing(
            f"the float reference needs brian2, which can't be imported ({reason}): pip "
            "install 'brian2>=2.8', with 'numpy<2.4' on Python 3.10 and 3.11"
        ) from None
    _undo(brian2, hook)
    return brian2


def _undo(b2: Any, hook: Any) -> None:
    """Take back what importing Brian does to the process: hooks, log handlers, log files."""
    sys.excepthook = hook
    logging.captureWarnings(False)
    log = b2.BrianLogger
    logging.getLogger("py.warnings").removeHandler(log.console_handler)
    if log.file_handler is not None:
        logging.getLogger("brian2").removeHandler(log.file_handler)
        log.file_handler.close()
        log.file_handler = None
    for path in (log.tmp_log, log.tmp_script):
        if path is not None:
            with contextlib.suppress(OSError):
                os.remove(path)
    log.tmp_log = log.tmp_script = None


@contextlib.contextmanager
def settings(b2: Any) -> Iterator[None]:
    """Our preferences and a silent log while the block runs, what was there before afterwards."""
    log = logging.getLogger("brian2")
    level = log.level
    before = {key: b2.prefs[key] for key in _PREFERENCES if key in b2.prefs}
    try:
        log.setLevel(logging.CRITICAL + 1)
        for key in before:
            b2.prefs[key] = _PREFERENCES[key]
        with warnings.catch_warnings():
            # Brian calls names of pyparsing and numpy that these deprecate, on every run.
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    except BaseException:
        # Its objects outlive the error in the traceback, and complain when they go.
        b2.BrianLogger.suppress_name("unused_brian_object")
        raise
    finally:
        for key, value in before.items():
            b2.prefs[key] = value
        log.setLevel(level)
