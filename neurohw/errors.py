"""One base class; every error is also the standard type that a caller would catch.

A message is one line: the object, the value, the limit, and what to do next. Anything a user can
cause raises one of these; `assert` is for our own invariants only.
"""

from __future__ import annotations

LONGEST = 1000
"""Characters that a message may have; the middle of a longer one is left out."""


def one_line(text: str) -> str:
    """``text`` as a message: control characters and line breaks spelt out, not too long."""
    if len(text) > LONGEST:
        text = f"{text[: 7 * LONGEST // 10]} ... {text[-LONGEST // 4 :]}"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class NeurohwError(Exception):
    """Base of everything this package raises on purpose."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class ProfileError(NeurohwError, ValueError):
    """A chip profile that can't be loaded: unknown key, missing source, impossible format."""


class EquationError(ProfileError):
    """Integer equations that are not in the language, or that could overflow silently.

    ``line`` and ``column`` (1-based) point into the equation text until the profile loader, which
    knows where the text stands in the file, moves them there with :meth:`located`.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column

    def located(self, file: str, line: int, column: int) -> EquationError:
        """The same error with its place in ``file`` in front."""
        return EquationError(f"{file}:{line}:{column}: {self.message}", line, column)


class NetworkError(NeurohwError, ValueError):
    """A network that can't be: NaN weights, negative time constants, mismatched shapes."""


class UnknownName(NeurohwError, LookupError):
    """A name that is not there: chip, population, register, backend."""

    @classmethod
    def of(cls, what: str, name: object, known: object) -> UnknownName:
        """'unknown WHAT NAME; there are: ...', with the nearest known name first."""
        import difflib

        names = [str(k) for k in known]  # type: ignore[attr-defined]
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        return cls(f"unknown {what} '{name}': {hint}there are: {listed or 'none'}")


class CapacityError(NeurohwError, ValueError):
    """The network does not fit: something the chip can't hold, by how much, what to change."""


class RegisterOverflow(NeurohwError, OverflowError):
    """A store without an overflow mode got a value that its register can't hold."""


class FileError(NeurohwError, ValueError):
    """A file that is missing, corrupt, hostile, or of another kind than expected."""


class InputError(NeurohwError, ValueError):
    """Inputs or options that don't fit the network or each other."""


class BackendMissing(NeurohwError, ImportError):
    """A foreign library is not installed; the message names the extra and the Python version."""


class ChildError(NeurohwError, RuntimeError):
    """A child process failed, timed out or gave back something unreadable."""
