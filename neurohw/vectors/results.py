"""What replaying an oracle's vectors gave: by file, and as a whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Run = Literal["kernel", "interpreter"]
Verdict = Literal["equal", "different", "error", "nothing compared"]


@dataclass(frozen=True)
class Difference:
    """The first value that is not the oracle's: case and quantity, where in its array, both values.

    For arrays of different shapes ``index`` is () and the values are the shapes.
    """

    what: str
    index: tuple[int, ...]
    expected: int | float | str
    got: int | float | str

    def __str__(self) -> str:
        at = f" at {list(self.index)}" if self.index else ""
        return f"{self.what}{at}: the oracle has {self.expected}, the chip {self.got}"


@dataclass(frozen=True)
class FileReplay:
    """One file. ``cases`` 0: it holds nothing that this chip claims, and was not replayed.

    ``chips``: what the cases ran on, which may be a variant. ``error``: one line, if the file could
    not be read or a case not run.
    """

    file: str
    cases: int
    compared: int
    different: int
    first: Difference | None
    seconds: float
    error: str = ""
    chips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replay:
    """What replaying the files of one chip gave."""

    chip: str
    run: Run
    files: tuple[FileReplay, ...]

    @property
    def replayed(self) -> tuple[FileReplay, ...]:
        """The files that hold cases of this chip."""
        return tuple(f for f in self.files if f.cases)

    @property
    def compared(self) -> int:
        """Values compared."""
        return sum(f.compared for f in self.files)

    @property
    def different(self) -> int:
        """Values that are not the oracle's."""
        return sum(f.different for f in self.files)

    @property
    def seconds(self) -> float:
        """Time it took."""
        return sum(f.seconds for f in self.files)

    @property
    def first(self) -> str:
        """The first difference, or else the first error, with its file; '' if there is none."""
        for f in self.files:
            if f.first is not None:
                return f"{f.file}: {f.first}"
        return next((f"{f.file}: {f.error}" for f in self.files if f.error), "")

    @property
    def verdict(self) -> Verdict:
        """``equal`` only if something was compared, nothing differs and nothing failed."""
        if any(f.different for f in self.files):
            return "different"
        if any(f.error for f in self.files):
            return "error"
        return "equal" if self.compared else "nothing compared"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "chip": self.chip, "run": self.run, "verdict": self.verdict, "compared": self.compared,
            "different": self.different, "first": self.first, "seconds": self.seconds,
            "files": [asdict(f) for f in self.files],
        }  # fmt: skip
