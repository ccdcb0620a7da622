"""What the last ``neurohw chips verify`` found, kept beside the generated kernels.

A result counts only for the same profile, the same vectors and the same version of the package.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurohw.chip import Chip
    from neurohw.vectors.results import Replay


def keep(chip: Chip, result: Replay) -> None:
    """Remember a result of the vectors that ship; a cache that can't be written is no error."""
    from neurohw import files
    from neurohw.errors import FileError

    seen = {
        "verdict": result.verdict,
        "files": sum(not f.file.startswith("own_") for f in result.replayed),
        "compared": result.compared, "different": result.different,
        "as": sorted({c for f in result.replayed for c in f.chips} - {result.chip}),
    }  # fmt: skip
    with contextlib.suppress(FileError, OSError):
        files.write_text(_place(chip), json.dumps(seen))


def kept(chip: Chip) -> dict[str, Any] | None:
    """What was remembered for this very profile, vectors and version."""
    try:
        seen = json.loads(_place(chip).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    sound = isinstance(seen, dict) and isinstance(seen.get("verdict"), str)
    sound = sound and isinstance(seen.get("files"), int) and isinstance(seen.get("as"), list)
    return seen if sound else None


def vectors(chip: Chip) -> dict[str, Any]:
    """How many files of its oracle ship for a chip, and what the last verification said ('not run'
    if none).

    ``as``: the variants that the files were replayed on instead.
    """
    from neurohw.errors import UnknownName
    from neurohw.vectors.find import vector_files

    try:
        count = sum(not path.name.startswith("own_") for path in vector_files(chip))
    except UnknownName as error:
        return {"files": 0, "verdict": str(error)}
    if not count:
        return {"files": 0, "verdict": "none"}
    seen = kept(chip)
    return {"files": count, "verdict": "not run"} if seen is None else seen


def folder() -> Path:
    """Where results are kept."""
    from neurohw.emulate.store import cache_folder

    return cache_folder()


def _place(chip: Chip) -> Path:
    from neurohw import __version__
    from neurohw.vectors.find import vector_files

    digest = hashlib.sha256(f"{__version__}\n{chip.name}\n".encode())
    for path in (Path(chip.path), *vector_files(chip)):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return folder() / f"verified_{digest.hexdigest()[:20]}.json"
