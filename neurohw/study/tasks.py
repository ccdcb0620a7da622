"""From a study to its tasks: files become content, profile keys become changes of a profile."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from neurohw import __version__
from neurohw.chip import load_chip
from neurohw.errors import FileError, InputError, UnknownName
from neurohw.study.content import Content, read
from neurohw.study.keys import DEFAULTS, OWN, is_own
from neurohw.study.model import Settings, Study, Task, canonical

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Profile:
    """A profile as a file: its content, which variant is meant, and the values of that variant."""

    content: Content
    variant: str
    data: Mapping[str, Any]
    meaning: str
    """The digest of what the file says, comments apart."""

    def has(self, key: str) -> bool:
        """Whether there is a value at this dotted key."""
        return self.value(key) is not None

    def value(self, key: str) -> Any:
        """The value at a dotted key, None if there is none."""
        found: Any = self.data
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found


@dataclass(frozen=True)
class Plan:
    """The tasks of a study by id, in its order, and the contents that they name by digest."""

    tasks: Mapping[str, Task]
    blobs: Mapping[str, bytes]


def plan(study: Study) -> Plan:
    """Every task of a study. FileError, ProfileError, UnknownName or InputError if it can't be."""
    files = lru_cache(maxsize=None)(lambda name: read(name, study.folder))
    profiles = lru_cache(maxsize=None)(lambda name: _profile(name, study.folder))
    _check_keys(study, profiles)
    tasks: dict[str, Task] = {}
    blobs: dict[str, bytes] = {}
    for point in study.points:
        task = _task(study, {**study.base, **point}, files, profiles, blobs)
        tasks.setdefault(task.id, task)
    return Plan(tasks, blobs)


def _task(
    study: Study, settings: Settings, files: Any, profiles: Any, blobs: dict[str, bytes]
) -> Task:  # fmt: skip
    own = {**DEFAULTS, **{k: v for k, v in settings.items() if is_own(k)}}
    profile: Profile = profiles(own["chip"])
    network, inputs = files(own["network.file"]), files(own["inputs.file"])
    for content in (profile.content, network, inputs):
        blobs[content.digest] = content.data
    changes = _changes(study, profile, {k: v for k, v in settings.items() if not is_own(k)})
    content = {
        "neurohw": __version__,
        "metrics": sorted(study.metrics),
        "chip": {
            "profile": profile.meaning, "variant": profile.variant, "changes": changes
        },
        "seed": own["seed"],
        **{outer: {k.partition(".")[2]: v for k, v in own.items() if k.startswith(f"{outer}.")}
           for outer in OWN},
    }  # fmt: skip
    content["network"]["file"], content["inputs"]["file"] = network.digest, inputs.digest
    shown = {
        "chip": profile.content.name, "network": network.name, "inputs": inputs.name,
        "profile": profile.content.digest,
    }  # fmt: skip
    axes = {key: _value(key, settings, own, profile) for key in study.axes}
    return Task(axes, content, shown)


def _value(key: str, settings: Settings, own: Settings, profile: Profile) -> Any:
    """What a key is at one point: as the study says, or else as the profile does."""
    if key in settings:
        return settings[key]
    target, colon, word = key.partition(":")
    return own.get(key) if is_own(key) else word if colon else profile.value(target)


def _profile(name: str, folder: Path) -> Profile:
    base = name.rpartition(":")[0] or name  # without the variant
    file = "/" in name or "\\" in name or ".toml" in (name[-5:], base[-5:])
    chip = load_chip(folder / name if file else name)
    variant = chip.name.partition(":")[2]
    try:
        raw = Path(chip.path).read_bytes()
    except OSError as error:
        raise FileError(f"{chip.path}: can't be read ({error.strerror})") from None
    data = tomllib.loads(raw.decode("utf-8-sig"))
    meaning = Content.of(name, json.dumps(data, sort_keys=True, default=str).encode()).digest
    for key, value in data.pop("variant", {}).get(variant, {}).items():
        *outer, last = key.split(".")
        table = data
        for part in outer:
            table = table[part]
        table[last] = value
    return Profile(Content.of(Path(chip.path).name, raw), variant, data, meaning)


def _check_keys(study: Study, profiles: Any) -> None:
    """InputError for a key of the profile that none of the study's chips has."""
    names = list(dict.fromkeys(p.get("chip", study.base.get("chip")) for p in study.points))
    for key in dict.fromkeys(k for p in ({}, *study.points) for k in (*study.base, *p)):
        if is_own(key):
            continue
        target, _, word = key.partition(":")
        found = [p for p in map(profiles, names) if p.has(target)]
        if not found:
            raise InputError(f"{study.where(key)}: {_missing(target, profiles(names[0]), names)}")
        if word and not any(_word(word).search(str(p.value(target))) for p in found):
            raise InputError(
                f"{study.where(key)}: the text at '{target}' has no word '{word}'; it is: "
                f"{' '.join(str(found[0].value(target)).split())}"
            )


def _missing(key: str, profile: Profile, names: list[str]) -> str:
    """Which part of a dotted key no profile has, and what is there instead."""
    parts, table = key.split("."), profile.data
    for k, part in enumerate(parts):
        if not isinstance(table, dict) or part not in table:
            known = list(table) if isinstance(table, dict) else []
            label = f"key in [{'.'.join(parts[:k])}] of" if k else "key of"
            return f"'{key}': " + str(UnknownName.of(f"{label} {', '.join(names)}:", part, known))
        table = table[part]
    return f"no key '{key}' in {', '.join(names)}"


def _changes(study: Study, profile: Profile, settings: Settings) -> dict[str, Any]:
    """What becomes of the profile: values by key, with words replaced in the texts at last."""
    changes = {k: v for k, v in settings.items() if ":" not in k}
    for key, value in settings.items():
        target, colon, word = key.partition(":")
        if colon:
            text = changes.get(target, profile.value(target))
            if not isinstance(text, str) or not isinstance(value, (str, int, float)):
                raise InputError(f"{study.where(key)}: replaces a word by a word, not {value!r}")
            changes[target] = _word(word).sub(lambda _: str(value), text)  # noqa: B023
    return {k: v for k, v in changes.items() if canonical(profile.value(k)) != canonical(v)}


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
