"""Where profiles are: shipped with the package, or anywhere a user keeps one."""

from __future__ import annotations

from pathlib import Path

from neurohw.errors import FileError, UnknownName


def profile_folder() -> Path:
    """The folder of shipped profiles: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_hw_profiles", package.parent / "hw_profiles"):
        if folder.is_dir():
            return folder
    raise FileError("the shipped chip profiles are missing; install neurohw again")


def list_chips() -> list[str]:
    """Names of the shipped chips."""
    return sorted(path.stem for path in profile_folder().glob("*.toml"))


def find_profile(name: str | Path) -> Path:
    """The file of a shipped chip by name, or the path itself if it is one."""
    text = str(name)
    if "/" in text or "\\" in text or text.endswith(".toml"):
        path = Path(text)
        if not path.is_file():
            raise FileError(f"{path}: no such profile; give the path of a .toml file")
        return path
    path = profile_folder() / f"{text}.toml"
    if text not in list_chips():
        raise UnknownName.of("chip", name, list_chips())
    return path
