"""From a TOML file to a Chip, with every mistake reported at its line and column."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurohw.chip.find import find_profile
from neurohw.chip.model import (
    Chip,
    DelayFormat,
    Delivery,
    Generator,
    Number,
    Oracle,
    Origin,
    WeightFormat,
    WeightMode,
)
from neurohw.chip.neuron import Surroundings, check_name, read_neuron
from neurohw.chip.positions import Positions
from neurohw.chip.read_cores import read_cores
from neurohw.chip.read_machine import check_inputs, read_machine
from neurohw.chip.read_prices import read_prices
from neurohw.chip.table import Table
from neurohw.equations import compile_program
from neurohw.errors import EquationError, FileError, ProfileError, UnknownName
from neurohw.fixedpoint import EXACT, Format, parse_format
from neurohw.formulas import parse_formula

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMAT = 1
LARGEST = 1_000_000
LIMITS = (
    "cores", "neurons_per_core", "neurons", "inputs", "synapses", "fan_in", "fan_out",
    "input_axons", "output_axons", "synapse_bits", "synapse_formats", "table_entries",
)  # fmt: skip


def load_chip(name: str | Path, changes: Mapping[str, Any] | None = None) -> Chip:
    """The chip of that name, or of the profile at that path (anything with a '/' or '.toml').

    ``name:variant`` is a variant that the profile itself describes.
    ``changes`` replaces values by dotted key before validation, such as
    ``{"weight.bits": 4, "neuron.lif.registers.v": "s16 clamp"}``: a variant without a file.
    """
    base, colon, variant = str(name).rpartition(":")
    if (
        not colon or "/" in variant or "\\" in variant
    ):  # no variant: a path with a drive, or no colon
        base, variant = str(name), ""
    path = find_profile(base)
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(f"{path}: has over {LARGEST:,} bytes; a profile is a short text")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(f"{path}: can't be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})"
        ) from None
    return parse_chip(text, str(path), changes, variant)


def parse_chip(
    text: str,
    file: str = "profile",
    changes: Mapping[str, Any] | None = None,
    variant: str = "",
) -> Chip:
    """A chip from the text of a profile."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = f":{match[1]}:{match[2]}" if match else ""
        if "(at end of document)" in str(error):
            place = f":{len(text.splitlines()) or 1}:1"
        message = str(error).split(" (at")[0]
        raise ProfileError(f"{file}{place}: not valid TOML: {message}") from None
    variants = data.pop("variant", {})
    origin = Origin(text, dict(changes or {}), variant)
    if variant:
        if not isinstance(variants, dict) or variant not in variants:
            raise UnknownName.of(f"variant of {data.get('name', file)}", variant, variants or {})
        data["name"] = f"{data.get('name', '')}:{variant}"
        changes = {**variants[variant], **(changes or {})}
    for key, value in (changes or {}).items():
        _change(data, key, value, file)
    changed = frozenset(tuple(key.split(".")) for key in changes or {})
    chip = _read(Table(data, (), file, Positions(text), changed), tuple(variants))
    return replace(chip, origin=origin)


def _change(data: dict[str, Any], key: str, value: Any, file: str) -> None:
    *outer, last = key.split(".")
    for part in outer:
        if not isinstance(data.get(part), dict):
            raise ProfileError(f"{file}: '{key}' can't be changed: there is no table '{part}'")
        data = data[part]
    if last not in data:
        listed = ", ".join(data)
        raise ProfileError(f"{file}: '{key}' can't be changed: there are only {listed}")
    data[last] = value


def _read(top: Table, variants: tuple[str, ...]) -> Chip:
    version = top.integer("format", 0, 2**31)
    if version != FORMAT:
        raise top.error(
            f"format is {version}; this version reads format {FORMAT}: see hw_profiles/README.md",
            "format",
        )
    name = top.text("name")
    if not re.fullmatch(r"[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)?", name):
        raise top.error(f"name is '{name}'; use small letters, digits, '_' and '-'", "name")
    sources = {key: top.table("sources").text(key) for key in top.table("sources").data}
    oracle = top.table("oracle")
    files = oracle.get("files", (str, list), "a pattern, or a list of patterns", ["*"])
    generators = _generators(top.table("random", required=False), sources)
    delivery = _delivery(top.table("delivery"), sources)
    machine = read_machine(top.table("machine"), sources) if top.has("machine") else None
    if (machine is None) == (delivery.engine == "queue"):
        raise top.table("delivery").error(
            "engine 'queue' and a [machine] come together: add or remove one", "engine"
        )
    around = Surroundings(
        sources, _tables(top), {k: g.bits for k, g in generators.items()}, delivery.engine, machine
    )
    chip = Chip(
        name=name,
        title=top.text("title"),
        notes=top.text("notes", ""),
        oracle=Oracle(
            oracle.text("name"), oracle.text("claim"), oracle.text("vectors", ""),
            tuple([files] if isinstance(files, str) else map(str, files)),
        ),
        sources=sources,
        neurons={key: read_neuron(key, table, around) for key, table in top.tables("neuron")},
        delivery=delivery,
        weight=_weight(top.table("weight"), sources),
        delay=_delay(top.table("delay"), sources),
        limits=_limits(top.table("limits"), sources),
        path=top.file,
        generators=generators,
        machine=machine,
        variants=variants,
        prices=read_prices(top.table("cost"), sources) if top.has("cost") else None,
    )  # fmt: skip
    if top.has("cores"):
        chip = replace(chip, cores=read_cores(top.table("cores"), sources, chip.neurons))
    if machine is not None:
        check_inputs(top.table("machine"), machine, chip.neurons)
    oracle.finish()
    top.finish()
    if not chip.neurons:
        raise top.error("[neuron] is empty; a chip has at least one neuron", "neuron")
    return chip


def _tables(top: Table) -> dict[str, tuple[int, ...]]:
    tables = top.table("tables", required=False)
    found = {}
    for key in tables.data:
        check_name(tables, key)
        values = tables.get(key, list, "a list of integers")
        if not values or not all(type(v) is int and abs(v) < 2**62 for v in values):
            raise tables.error(f"table '{key}' must be a list of integers below 2^62", key)
        found[key] = tuple(values)
    return found


def _delivery(table: Table, sources: Mapping[str, str]) -> Delivery:
    engine = table.choice("engine", ("summed", "ring buffer", "ordered", "queue"))
    low, high = {"ordered": (0, 1), "queue": (0, 0)}.get(engine, (1, 16))
    payload = _format(table, "payload", "u1")
    delivery = Delivery(
        engine=engine,
        latency=table.integer("latency", low, high),
        source=table.source(sources),
        status=table.status(),
        payload=payload,
        input_payload=_format(table, "input_payload", str(payload)),
        order=table.choice("order", ("source", "index"), "source"),
    )
    table.finish()
    return delivery


def _format(table: Table, key: str, default: str) -> Format:
    try:
        return parse_format(table.text(key, default))
    except ValueError as error:
        raise table.error(f"{table.label(key)}: {error}", key) from None


def _generators(table: Table, sources: Mapping[str, str]) -> dict[str, Generator]:
    found = {}
    for name, inner in ((k, table.table(k)) for k in table.data):
        check_name(table, name)
        taps = inner.get("taps", list, "two distances [a, L] with 1 <= a < L <= 62")
        if (
            len(taps) != 2
            or not all(type(t) is int for t in taps)
            or not 0 < taps[0] < taps[1] < 63
        ):
            raise inner.error("taps are two distances [a, L] with 1 <= a < L <= 62", "taps")
        lanes = inner.integer("lanes", 1, 64, 1)
        seed = inner.get("seed", list, "a list of integers, one for each lane")
        if len(seed) != lanes or not all(type(s) is int and 0 <= s < 1 << taps[1] for s in seed):
            raise inner.error(f"seed needs {lanes} integers of {taps[1]} bits, one a lane", "seed")
        order = inner.get("order", list, "the bits of a seed, as they enter", list(range(taps[1])))
        if not all(type(k) is int for k in order) or sorted(order) != list(range(taps[1])):
            raise inner.error(f"order names each of the {taps[1]} bits of a seed once", "order")
        found[name] = Generator(
            name, inner.integer("bits", 1, 62), (taps[0], taps[1]), lanes, tuple(seed), tuple(order),
            inner.source(sources), inner.status(),
        )  # fmt: skip
        inner.finish()
    return found


def _weight(table: Table, sources: Mapping[str, str]) -> WeightFormat:
    bits = table.integer("bits", 1, 31)
    exponent = table.table("exponent")
    low = exponent.integer("min", -30, 30)
    limits = (low, exponent.integer("max", low, 30))
    exponent.finish()
    modes = []
    for k, data in enumerate(table.get("modes", list, "a list of tables [[weight.modes]]")):
        if not isinstance(data, dict):
            raise table.error("every entry of weight.modes is a table", "modes")
        path = (*table.path, "modes", str(k))
        mode = Table(data, path, table.file, table.positions, table.changed)
        label = mode.text("name")
        numbers = {}
        for key in ("min", "max", "step"):
            value = mode.get(key, (int, str), "an integer or a formula of 'bits'")
            try:
                formula = parse_formula(value, {"bits"}, stepping=False)
                number = float(formula({"bits": float(bits)}))
            except EquationError as error:
                raise mode.located(error, key) from None
            if not abs(number) < 2**31 or number != round(number):
                raise mode.error(
                    f"weight.modes[{k}].{key} is {number}; it must be a whole number", key
                )
            numbers[key] = int(number)
        if numbers["step"] < 1 or numbers["min"] > numbers["max"]:
            raise mode.error(
                f"weight mode '{label}' holds {numbers['min']}..{numbers['max']} in steps of "
                f"{numbers['step']}, which is nothing; give min <= max and step >= 1"
            )
        modes.append(WeightMode(label, numbers["min"], numbers["max"], numbers["step"]))
        mode.finish()
    if not modes:
        raise table.error("weight.modes is empty; a chip has at least one", "modes")
    shift = table.choice("right_shift", ("sum", "synapse"))
    source, status = table.source(sources), table.status()
    mantissa = _format(table, "mantissa", "u1") if table.has("mantissa") else None
    delivered = None
    if table.has("delivered"):
        inputs = {
            "weight": mantissa or _span(modes), "exponent": Format(7, True), "bits": Format(6, False),
            "mixed": Format(1, False),
        }  # fmt: skip
        names = re.findall(r"^\s*([a-z]\w*)\s*=", table.verbatim("delivered"), re.MULTILINE)
        try:
            delivered = compile_program(
                table.verbatim("delivered"), registers={}, inputs=inputs,
                wires={**dict.fromkeys(names, EXACT), "delivered": EXACT},
            )  # fmt: skip
        except EquationError as error:
            raise table.located(error, "delivered") from None
        if all(a.target != "delivered" for a in delivered.assigns):
            raise table.error("weight.delivered never assigns 'delivered'", "delivered")
    weight = WeightFormat(
        bits, tuple(modes), limits, shift, source, status, mantissa, delivered,
        textwrap.dedent(table.verbatim("delivered")).strip() if delivered else "",
    )  # fmt: skip
    table.finish()
    return weight


def _span(modes: list[WeightMode]) -> Format:
    """The narrowest signed format that holds every mantissa of the modes."""
    size = max(max(m.high, -m.low - 1) for m in modes)
    return Format(max(int(size).bit_length() + 1, 2), True)


def _delay(table: Table, sources: Mapping[str, str]) -> DelayFormat:
    low = table.integer("min", 0, 4096)
    where = table.choice("where", ("synapse", "axon"))
    high, source, status = table.integer("max", low, 4096), table.source(sources), table.status()
    delay = DelayFormat(low, high, where, source, status)
    table.finish()
    return delay


def _limits(table: Table, sources: Mapping[str, str]) -> dict[str, Number]:
    found = {}
    for key in table.data:
        if key not in LIMITS:
            raise table.error(f"unknown limit '{key}'; there are: {', '.join(LIMITS)}", key)
        entry = table.table(key)
        value = entry.integer("value", 1, 2**62)
        found[key] = Number(value, entry.source(sources), entry.status())
        entry.finish()
    return found
