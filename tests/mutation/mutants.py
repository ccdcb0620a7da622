"""Single mutants of a chip profile: one constant, comparison, rounding, sign, bound or format changed.

A mutant is a change of the profile's data at one place, given as the path to it and the new value.
``equivalent`` is true where the interval analysis proves that nothing can change.
"""

from __future__ import annotations

import copy
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurohw.chip import Chip
from neurohw.chip.find import find_profile
from neurohw.equations import Program
from neurohw.equations.parse import parse
from neurohw.equations.program import stored
from neurohw.equations.ranges import Ranges
from neurohw.equations.tree import (
    Assign,
    Binary,
    Call,
    Choose,
    Compare,
    Draw,
    Expression,
    Int,
    Logic,
    Lookup,
    Unary,
    show,
)
from neurohw.errors import EquationError
from neurohw.fixedpoint import Format, parse_format

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Path_ = tuple[str | int, ...]

COMPARED = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"),
    "==": ("!=", ">=", "<="), "!=": ("==", "<", ">"),
}  # fmt: skip
ROUNDED = ("shr0", "shrf", "shrn", "shre")
SWAPPED = {"min": "max", "max": "min", "wrap": "sat", "sat": "wrap"}
RELATIONS = {"<": "l", "<=": "le", ">": "g", ">=": "ge", "==": "e", "!=": "lg"}


@dataclass(frozen=True)
class Mutant:
    """``place``: key of the profile; ``line`` of its text, 0 if it is none; ``what`` was changed."""

    place: str
    line: int
    what: str
    path: Path_
    value: Any
    equivalent: bool = False

    def __str__(self) -> str:
        return f"{self.place}{f' line {self.line}' if self.line else ''}: {self.what}"


def profile_data(name: str) -> dict[str, Any]:
    """The data of a profile; a variant is applied, so that it is a profile of its own."""
    base, _, variant = name.partition(":")
    data: dict[str, Any] = tomllib.loads(find_profile(base).read_text(encoding="utf-8"))
    variants = data.pop("variant", {})
    if variant:
        for key, value in variants[variant].items():
            *outer, last = key.split(".")
            inner = data
            for part in outer:
                inner = inner[part]
            inner[last] = value
        data["name"] = name
    return data


def written(data: Mapping[str, Any]) -> str:
    """The data as TOML."""
    return "\n".join(f"{key} = {_value(value)}" for key, value in data.items()) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_value(k)} = {_value(v)}" for k, v in value.items())
        return "{" + inner + "}"
    return repr(value)


def changed(data: Mapping[str, Any], mutant: Mutant) -> dict[str, Any]:
    """A copy of the data with the mutant's change."""
    found = copy.deepcopy(dict(data))
    inner: Any = found
    for part in mutant.path[:-1]:
        inner = inner[part]
    inner[mutant.path[-1]] = mutant.value
    return found


def write_profile(path: Path, data: Mapping[str, Any]) -> Path:
    """Write the data as a profile."""
    path.write_text(written(data), encoding="utf-8")
    return path


# ---- expressions --------------------------------------------------------------------------------


def _variants(node: Expression) -> Iterator[tuple[str, Expression]]:
    """The node with one thing changed at its top, and what that was."""
    at = node.line, node.column
    if isinstance(node, Int):
        for step in (1, -1):
            yield f"{node.value} -> {node.value + step}", replace(node, value=node.value + step)
    elif isinstance(node, Unary):
        yield f"{show(node)} -> without '{node.op}'", node.operand
    elif isinstance(node, Compare):
        for op in COMPARED[node.op]:
            yield f"{show(node)}: {node.op} -> {op}", replace(node, op=op)
    elif isinstance(node, Logic):
        op = "or" if node.op == "and" else "and"
        yield f"{show(node)}: {node.op} -> {op}", replace(node, op=op)
    elif isinstance(node, Binary) and node.op in "+-":
        op = "-" if node.op == "+" else "+"
        yield f"{show(node)}: {node.op} -> {op}", replace(node, op=op)
    elif isinstance(node, Binary) and node.op == ">>":
        for name in ("shr0", "shrn", "shre"):
            yield f"{show(node)}: >> -> {name}", Call(*at, name, (node.left, node.right))
    elif isinstance(node, Call) and node.primitive in ROUNDED:
        for name in ROUNDED:
            if name != node.primitive:
                yield f"{show(node)}: -> {name}", replace(node, primitive=name)
    elif isinstance(node, Call) and node.primitive in SWAPPED:
        other = SWAPPED[node.primitive]
        yield f"{show(node)}: -> {other}", replace(node, primitive=other)
    elif isinstance(node, Call) and node.primitive == "mulhi":
        a, b, n = node.arguments
        product = Binary(*at, "*", a, b)
        yield f"{show(node)}: -> shr0", Call(*at, "shr0", (product, n))


def _same(node: Expression, other: Expression, ranges: Ranges) -> bool:
    """Whether the analysis proves that the two have the same value."""
    try:
        a, b = ranges.of(node), ranges.of(other)
    except EquationError:
        return False
    if a == b and a[0] == a[1]:
        return True
    if isinstance(node, Compare) and isinstance(other, Compare):
        left, right = ranges.of(node.left), ranges.of(node.right)
        possible = {
            "l": left[0] < right[1], "e": left[0] <= right[1] and right[0] <= left[1],
            "g": left[1] > right[0],
        }  # fmt: skip
        differ = set(RELATIONS[node.op]) ^ set(RELATIONS[other.op])
        return not any(possible[k] for k in differ)
    if isinstance(node, (Binary, Call)) and isinstance(other, (Binary, Call)):
        return _same_rounding(node, other, ranges)
    return False


def _same_rounding(node: Binary | Call, other: Binary | Call, ranges: Ranges) -> bool:
    def parts(x: Binary | Call) -> tuple[str, tuple[Expression, ...]]:
        if isinstance(x, Binary):
            return ("shrf" if x.op == ">>" else x.op), (x.left, x.right)
        return x.primitive, x.arguments

    (name, arguments), (swapped, _) = parts(node), parts(other)
    first, second = (ranges.of(a) for a in arguments[:2])
    if name == "mulhi":
        return first[0] >= 0 and second[0] >= 0
    if {name, swapped} == {"+", "-"}:
        return second == (0, 0)
    if {name, swapped} == {"min", "max"}:
        return first == second and first[0] == first[1]
    if {name, swapped} == {"wrap", "sat"}:
        half = 1 << (second[0] - 1)
        return -half <= first[0] and first[1] < half
    if name in ROUNDED and swapped in ROUNDED:
        return second == (0, 0) or ({name, swapped} == {"shr0", "shrf"} and first[0] >= 0)
    return False


def _mutated(node: Expression, ranges: Ranges | None) -> Iterator[tuple[str, Expression, bool]]:
    """All expressions with one change in them: what, expression, proven equivalent."""
    for what, other in _variants(node):
        yield what, other, ranges is not None and _same(node, other, ranges)
    for build, child in _children(node):
        for what, other, equivalent in _mutated(child, ranges):
            yield what, build(other), equivalent


def _children(node: Expression) -> Iterator[tuple[Callable[[Expression], Expression], Expression]]:
    def put(key: str) -> Callable[[Expression], Expression]:
        return lambda other: replace(node, **{key: other})

    keys: tuple[str, ...] = ()
    if isinstance(node, Unary):
        keys = ("operand",)
    elif isinstance(node, (Binary, Compare, Logic)):
        keys = ("left", "right")
    elif isinstance(node, Choose):
        keys = ("test", "then", "otherwise")
    elif isinstance(node, Lookup):
        keys = ("index",)
    elif isinstance(node, Draw) and node.when is not None:
        keys = ("when",)
    elif isinstance(node, Call):
        literal = {"mulhi": 2, "wrap": 1, "sat": 1, "random": 0}.get(node.primitive, -1)
        for k, argument in enumerate(node.arguments):
            if k == literal and not isinstance(argument, Int):
                continue

            def place(other: Expression, k: int = k) -> Expression:
                given = node.arguments
                return replace(node, arguments=(*given[:k], other, *given[k + 1 :]))

            yield place, argument
    for key in keys:
        yield put(key), getattr(node, key)


def _text(assigns: tuple[Assign, ...]) -> str:
    return "\n".join(f"{a.target} = {show(a.value)}" for a in assigns) + "\n"


def of_text(
    place: str, path: Path_, text: str, program: Program | None, order: bool = False,
    tables: Mapping[str, Any] = {}, generators: Mapping[str, Any] = {}, prefix: str = "",
) -> Iterator[Mutant]:  # fmt: skip
    """All mutants of the equations in ``text``; ``order``: also statements exchanged."""
    assigns = parse(prefix + textwrap.dedent(text), tables, generators)
    names = {}
    if program is not None:
        names = {k: (v, v) for k, v in program.constants.items()}
        for declared in (program.registers, program.parameters, program.inputs):
            names.update({k: f.reads for k, f in declared.items()})
    ranges = Ranges(names, tables, generators) if program is not None else None
    for k, assign in enumerate(assigns):
        for what, value, equivalent in _mutated(assign.value, ranges):
            new = _text((*assigns[:k], replace(assign, value=value), *assigns[k + 1 :]))
            yield Mutant(place, assign.line, what, path, new.removeprefix(prefix).strip() + (
                "" if prefix else "\n"), equivalent)  # fmt: skip
        if ranges is not None and program is not None:
            ranges.names[assign.target] = stored(
                program.targets[assign.target], ranges.of(assign.value)
            )
    for k in range(len(assigns) - 1 if order else 0):
        new = _text((*assigns[:k], assigns[k + 1], assigns[k], *assigns[k + 2 :]))
        yield Mutant(place, assigns[k].line, "exchanged with the next", path, new)


# ---- formats and numbers ------------------------------------------------------------------------


def _formats(
    text: str, may_overflow: bool, range_: tuple[int, int] | None
) -> Iterator[tuple[str, bool]]:
    """Neighbours of a format, with what is proven equivalent."""
    form = parse_format(text)
    if form.overflow == "exact":
        return
    others = [] if form.overflow == "error" else [
        m for m in ("wrap", "clamp", "clamp symmetric", "fold")
        if m != form.overflow and (form.signed or m in ("wrap", "clamp")) and m != "fold"
    ]  # fmt: skip
    for mode in others:
        yield str(Format(form.bits, form.signed, mode)), not may_overflow  # type: ignore[arg-type]
    for step in (1, -1):
        bits = form.bits + step
        if form.overflow == "error" and step == 1:
            continue  # such a register only refuses less
        if not (1 + form.signed) <= bits <= 63:
            continue
        new = Format(bits, form.signed, form.overflow)
        held = range_ is not None and new.holds(range_[0]) and new.holds(range_[1])
        yield str(new), held


def _of_formats(chip: Chip, data: Mapping[str, Any], name: str) -> Iterator[Mutant]:
    neuron = chip.neurons[name]
    programs = [*neuron.programs.values(), *([neuron.start] if neuron.start else [])]
    groups = ("inputs", "aliased", "registers", "wires", "parameters")
    for group in groups[chip.machine is not None :]:  # a machine stores nothing into inputs
        for key, text in data["neuron"][name].get(group, {}).items():
            stores = [
                (p.may_overflow(k), p.ranges[k])
                for p in programs for k, a in enumerate(p.assigns) if a.target == key
            ]  # fmt: skip
            reach = None
            if group == "wires":
                reach = min(r[0] for _, r in stores), max(r[1] for _, r in stores)
            may = any(m for m, _ in stores) or group in ("inputs", "aliased")
            for new, equivalent in _formats(text, may, reach):
                yield Mutant(
                    f"neuron.{name}.{group}.{key}", 0, f"{text} -> {new}",
                    ("neuron", name, group, key), new, equivalent,
                )  # fmt: skip


def _numbers(place: str, path: Path_, value: int) -> list[Mutant]:
    return [Mutant(place, 0, f"{value} -> {value + step}", path, value + step) for step in (1, -1)]


def _used_constants(chip: Chip, name: str) -> set[str]:
    neuron = chip.neurons[name]
    texts = [neuron.text, neuron.start_text, *neuron.phase_texts.values()]
    return {k for k in neuron.tick.constants if re.search(rf"\b{k}\b", "\n".join(texts))}


def all_mutants(
    chip: Chip, data: Mapping[str, Any], neurons: set[str], order: bool = False
) -> list[Mutant]:
    """All single mutants of what vectors can reach: the equations of ``neurons``, the weight rule,
    delivery, generators and the machine."""
    found: list[Mutant] = []
    tables = data.get("tables", {})
    bits = {k: g.bits for k, g in chip.generators.items()}
    for name, table in data["neuron"].items():
        if name not in neurons:
            continue
        neuron = chip.neurons[name]
        texts = {"tick": neuron.tick, **neuron.phases, "start": neuron.start}
        for phase, program in texts.items():
            if phase in table and program is not None:
                place = ("neuron", name, phase)
                found += of_text(".".join(place), place, table[phase], program, order, tables, bits)
        for key in sorted(_used_constants(chip, name)):
            path = ("neuron", name, "constants", key)
            found += _numbers(".".join(path), path, table["constants"][key])
        found += _of_formats(chip, data, name)
    for key, values in tables.items():
        for k, value in enumerate(values):
            found += _numbers(f"tables.{key}[{k}]", ("tables", key, k), value)[: 1 + (k == 0)]
    if chip.weight.delivered is not None:
        path = ("weight", "delivered")
        found += of_text(
            "weight.delivered", path, data["weight"]["delivered"], chip.weight.delivered
        )
    found += _of_delivery(chip, data)
    if chip.machine is not None:
        found += _of_machine(chip, data["machine"])
    return list(_numbered(found))


def _numbered(mutants: list[Mutant]) -> Iterator[Mutant]:
    """Namesakes, which change the same thing at another place of a line, get a number."""
    seen: dict[str, int] = {}
    for m in mutants:
        count = seen[str(m)] = seen.get(str(m), 0) + 1
        yield m if count == 1 else replace(m, what=f"{m.what} [{count}]")


def _of_delivery(chip: Chip, data: Mapping[str, Any]) -> Iterator[Mutant]:
    delivery = data["delivery"]
    if chip.delivery.engine != "queue":
        yield from _numbers("delivery.latency", ("delivery", "latency"), delivery["latency"])
    for key in ("input_payload",):  # a run does not read the width of the other
        if key in delivery:
            for new, _ in _formats(delivery[key], True, None):
                what = f"{delivery[key]} -> {new}"
                yield Mutant(f"delivery.{key}", 0, what, ("delivery", key), new)
    for name, table in data.get("random", {}).items():
        path: Path_ = ("random", name)
        yield from _numbers(f"random.{name}.bits", (*path, "bits"), table["bits"])
        for k, value in enumerate(table["taps"]):
            yield from _numbers(f"random.{name}.taps[{k}]", (*path, "taps", k), value)


RULES = (
    "when", "push", "argument", "first", "last", "row", "row_last", "cycles", "output",
    "output_when", "unless",
)  # fmt: skip


def _of_machine(chip: Chip, machine: Mapping[str, Any]) -> Iterator[Mutant]:
    yield from _numbers("machine.queue", ("machine", "queue"), machine["queue"])
    parts: list[tuple[str, Path_, Mapping[str, Any]]] = [
        (f"machine.{key}[{k}]", ("machine", key, k), table)
        for key in ("receive", "serve") for k, table in enumerate(machine[key])
    ]  # fmt: skip
    for name, table in machine["operation"].items():
        place: Path_ = ("machine", "operation", name)
        parts.append((f"machine.operation.{name}", place, table))
        parts.append(
            (f"machine.operation.{name}.inputs", (*place, "inputs"), table.get("inputs", {}))
        )
        yield from _numbers(f"machine.operation.{name}.type", (*place, "type"), table["type"])
    parts.append(("machine.spike", ("machine", "spike"), machine["spike"]))
    for label, path, table in parts:
        keys = table if path[-1] == "inputs" else [k for k in RULES if k in table]
        for key in keys:
            where = (*path, key)
            yield from of_text(f"{label}.{key}", where, str(table[key]), None, prefix="value = ")
        if table.get("idle_only"):
            yield Mutant(f"{label}.idle_only", 0, "true -> false", (*path, "idle_only"), False)
