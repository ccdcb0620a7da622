"""Reading files from strangers, and writing files whole or not at all.

An .npz is opened member by member: only plain numeric and text arrays, never a pickle, and the
size that each header claims is compared with what is really there before anything is allocated.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from neurohw.errors import FileError

LARGEST = 2 * 2**30
"""Bytes of arrays that one file may hold; more is refused before it is allocated."""


def read_npz(path: str | Path, largest: int = LARGEST) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz by name, checked before they are allocated; FileError otherwise."""
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            if not members:
                raise FileError(f"{path}: holds no arrays; it must be an .npz written by numpy")
            total = sum(m.file_size for m in members)
            if total > largest:
                raise FileError(
                    f"{path}: its arrays take {total:,} bytes, more than the {largest:,} allowed; "
                    "split the file"
                )
            return {m.filename[:-4]: _read_member(path, archive, m) for m in members}
    except FileError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise nearly everything on damage
        reason = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        raise FileError(f"{path}: not a readable .npz ({reason}); write it again") from None


def _read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        version = npy.read_magic(stream)  # type: ignore[no-untyped-call,unused-ignore]
        if version == (1, 0):
            shape, fortran, dtype = npy.read_array_header_1_0(stream)  # type: ignore[no-untyped-call,unused-ignore]
        elif version == (2, 0):
            shape, fortran, dtype = npy.read_array_header_2_0(stream)  # type: ignore[no-untyped-call,unused-ignore]
        else:
            raise FileError(f"{path}: {member.filename} has npy version {version}; save it as 1.0")
        if dtype.hasobject:
            raise FileError(
                f"{path}: {member.filename} holds Python objects, which are never loaded; save "
                "plain arrays"
            )
        if dtype.kind not in "biufcSU":
            raise FileError(f"{path}: {member.filename} has dtype {dtype}; save plain arrays")
        size = dtype.itemsize
        for extent in shape:
            size *= extent
        if min(shape, default=0) < 0 or size > member.file_size:
            raise FileError(
                f"{path}: {member.filename} claims shape {shape} of {dtype}, {size:,} bytes, but "
                f"holds at most {member.file_size:,}; the file is damaged"
            )
        data = stream.read(size)
        if len(data) != size or stream.read(1):
            raise FileError(
                f"{path}: {member.filename} is not as long as its shape {shape} says; the file is "
                "damaged"
            )
    array = np.frombuffer(data, dtype=dtype)
    return array.reshape(shape, order="F" if fortran else "C")


def read_meta(
    path: str | Path, data: Mapping[str, NDArray[Any]], kind: str, version: int
) -> dict[str, Any]:
    """The JSON in the array 'meta', which must say that it is a ``kind`` of this ``version``."""
    if "meta" not in data or data["meta"].dtype.kind != "U" or data["meta"].ndim:
        raise FileError(f"{path}: is no {kind}: it has no 'meta'")
    try:
        meta = json.loads(str(data["meta"]))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: its 'meta' is no JSON ({error}); write it again") from None
    if not isinstance(meta, dict) or meta.get("kind") != kind:
        raise FileError(f"{path}: is no {kind}")
    if meta.get("format") != version:
        raise FileError(
            f"{path}: {kind} format {meta.get('format')}; this version reads format {version}"
        )
    return meta


def write_npz(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """A compressed .npz, complete or not there."""
    with replacing(path) as stream:
        np.savez_compressed(stream, **{k: np.asarray(v) for k, v in arrays.items()})  # type: ignore[arg-type]


def write_text(path: str | Path, text: str) -> None:
    """A UTF-8 text file, complete or not there."""
    with replacing(path) as stream:
        stream.write(text.encode(errors="backslashreplace"))


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file under a temporary name that takes ``path``'s place when the block succeeds."""
    path = _sound(path)
    name = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            yield stream
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except OSError as error:
        raise _not_written(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


@contextlib.contextmanager
def filling(folder: str | Path) -> Iterator[Path]:
    """A temporary folder whose files move into ``folder`` when the block succeeds.

    If it fails, ``folder`` is as it was before.
    """
    folder = Path(folder)
    check_folder(folder)
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", dir=folder.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if not folder.exists():
            with contextlib.suppress(OSError):  # another run may have made it a moment ago
                os.rename(temporary, folder)
                return
        sources = sorted(p for p in temporary.rglob("*") if p.is_file())
        targets = [folder / p.relative_to(temporary) for p in sources]
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                raise FileError(
                    f"{target}: is a folder in the way; remove it or name another place"
                )
        for source, target in zip(sources, targets, strict=True):
            os.replace(source, target)
    except OSError as error:
        raise _not_written(folder, error) from None
    except FileError as error:
        raise FileError(str(error).replace(str(temporary), str(folder))) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def check_folder(folder: str | Path) -> None:
    """FileError if files can't go into ``folder``, as far as that shows before any work is done."""
    folder = _sound(folder)
    try:
        if not folder.is_dir() and folder.exists():
            raise FileError(f"{folder}: is a file; name a folder")
    except OSError as error:
        raise _not_written(folder, error) from None


def _sound(path: str | Path) -> Path:
    if "\0" in str(path):
        raise FileError(f"{path}: is no name of a file; leave the NUL out")
    return Path(path)


def _not_written(path: Path, error: OSError) -> FileError:
    return FileError(f"{path}: can't be written ({error.strerror or error}); choose another place")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
