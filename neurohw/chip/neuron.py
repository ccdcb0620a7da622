"""Reading one neuron of a profile: formats, equations, and how physical parameters become codes."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from neurohw.chip.machine import Machine
from neurohw.chip.model import FromPhysical, LavaBinding, Neuron, Requirement
from neurohw.chip.table import Table
from neurohw.equations import Program, compile_program
from neurohw.equations.primitives import PRIMITIVES
from neurohw.errors import EquationError
from neurohw.fixedpoint import Format, parse_format
from neurohw.formulas import FUNCTIONS, STEPPING, Formula, parse_formula
from neurohw.network.populations import MODELS

_RESERVED = {
    *PRIMITIVES, *FUNCTIONS, *STEPPING, "table", "np", "range", "scale", "dt", "njit",
    # What generated code calls besides the primitives.
    "min_", "max_", "abs_", "uwrap", "fold", "truth", "wide_shrf", "wide_shr0", "random_bits",
    "draw", "take_bits",
}  # fmt: skip


@dataclass(frozen=True)
class Surroundings:
    """What the rest of the profile says that a neuron depends on."""

    sources: Mapping[str, str]
    tables: Mapping[str, tuple[int, ...]]
    generators: Mapping[str, int]
    engine: str
    machine: Machine | None

    @property
    def phases(self) -> tuple[str, ...]:
        """Texts that a neuron has besides ``tick`` and ``start``."""
        if self.machine is not None:
            return tuple(dict.fromkeys(o.phase for o in self.machine.operations.values()))
        return ("event",) if self.engine == "ordered" else ()


def read_neuron(name: str, table: Table, around: Surroundings) -> Neuron:
    """The neuron in ``[neuron.NAME]``; ProfileError or EquationError if it can't be."""
    check_name(table, name)
    summary, source = table.text("summary"), table.source(around.sources)
    status = table.status()
    registers = _formats(table, "registers", {})
    parameters = _formats(table, "parameters", {}, required=False)
    inputs = _formats(table, "inputs", {})
    aliased = _formats(table, "aliased", {}, required=False)
    wires = _formats(table, "wires", {}, required=False)
    constants = table.table("constants", required=False)
    for key in constants.data:
        check_name(constants, key)
    numbers = {key: constants.integer(key, -(2**62), 2**62) for key in constants.data}
    _check_distinct(table, registers, parameters, inputs, aliased, wires, numbers)
    if not set(inputs) - {"count"}:
        raise table.error(f"neuron '{name}' has no input that synapses write to", "inputs")
    if len(aliased) > 1 or any(f.overflow not in ("wrap", "clamp") for f in aliased.values()):
        raise table.error("aliased is one input with an overflow mode: { bonus = 'u5 clamp' }")

    def program(
        key: str, inputs: Mapping[str, Format], more: Mapping[str, Format] | None = None
    ) -> Program:
        try:
            return compile_program(
                table.verbatim(key), registers={**registers, **(more or {})}, wires=wires,
                parameters=parameters, inputs=inputs, constants=numbers, tables=around.tables,
                generators=around.generators,
            )  # fmt: skip
        except EquationError as error:
            raise table.located(error, key) from None

    if around.machine is not None:
        tick = Program((), registers, wires, parameters, {}, numbers, around.tables)
    else:
        tick = program("tick", {**({} if around.phases else inputs), **aliased})
    stored = {"syn": around.machine.synapse} if around.machine else {}
    phases = {key: program(key, inputs, stored) for key in around.phases if table.has(key)}
    for key, phase in phases.items():
        if phase.randoms or (around.machine is not None and phase.drawn):
            raise table.error(
                f"{key} draws random numbers; random(n) is for tick and start, draw(NAME) for tick and "
                "event", key,
            )  # fmt: skip
    start = program("start", {}) if table.has("start") else None
    written = {a.target for p in (tick, *phases.values(), start) if p for a in p.assigns}
    for unused in sorted(set(wires) - written):
        raise table.error(f"wire '{unused}' is never assigned; remove it", "wires")
    lava = table.table("lava") if table.has("lava") else None
    physical = table.table("from_physical", required=False)
    neuron = Neuron(
        name=name, summary=summary, source=source, status=status, tick=tick, start=start,
        text="" if around.machine else _dedented(table, "tick"),
        from_physical={
            kind: _from_physical(kind, physical.table(kind), tick, inputs) for kind in physical.data
        },
        lava=None if lava is None else _lava(lava, tick),
        start_text=_dedented(table, "start") if start else "",
        inputs=inputs, aliased=next(iter(aliased), ""), relay=table.flag("relay"),
        reset=table.choice("reset", ("zero", "subtract"), "zero"), phases=phases,
        phase_texts={key: _dedented(table, key) for key in phases},
    )  # fmt: skip
    table.finish()
    return neuron


def _formats(
    table: Table, key: str, default: dict[str, Format], required: bool = True
) -> dict[str, Format]:
    inner = table.table(key, required)
    found = dict(default)
    for name in inner.data:
        check_name(inner, name)
        text = inner.text(name)
        try:
            found[name] = parse_format(text)
        except ValueError as error:
            raise inner.error(f"{inner.name}.{name}: {error}", name) from None
        if found[name].overflow == "exact" and key != "wires":
            raise inner.error(f"{inner.name}.{name} is 'int'; only a wire has no width", name)
    return found


def _dedented(table: Table, key: str) -> str:
    return textwrap.dedent(table.verbatim(key)).strip()


def check_name(table: Table, name: str) -> None:
    """Raise unless ``name``, a key of ``table``, can stand in equations and generated code."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise table.misnamed(f"'{name}' is no name; use small letters, digits and '_'", name)
    if name in _RESERVED:
        raise table.misnamed(f"'{name}' is a word of the language; choose another name", name)


def _check_distinct(table: Table, *groups: Mapping[str, object]) -> None:
    seen: set[str] = set()
    for group in groups:
        for name in group:
            if name in seen:
                raise table.error(f"'{name}' is declared twice in [{table.name}]")
            seen.add(name)


def _formulas(
    table: Table, key: str, known: set[str], grow: bool = False, stepping: bool = True
) -> dict[str, Formula]:
    inner = table.table(key, required=False)
    found = {}
    for name in inner.data:
        value = inner.get(name, (str, int, float), "a formula in quotes, or a number")
        try:
            found[name] = parse_formula(value, known, stepping)
        except EquationError as error:
            raise inner.located(error, name) from None
        if grow:
            known.add(name)
    return found


def _from_physical(
    kind: str, table: Table, tick: Program, inputs: Mapping[str, Format]
) -> FromPhysical:
    if kind not in MODELS:
        raise table.error(f"unknown population kind '{kind}'; there are: {', '.join(MODELS)}")
    physical = {*MODELS[kind].parameter_names(), "dt"}
    known = physical | {"scale"} | set(tick.constants)
    require = []
    inner = table.table("require", required=False)
    for text in inner.data:
        try:
            test = parse_formula(text, physical - {"dt"}, stepping=False)
        except EquationError as error:
            raise inner.misnamed(error.message, text) from None
        require.append(Requirement(test, inner.text(text)))
    for key in ("let", "codes"):
        for name in sorted(physical & set(table.table(key, required=False).data)):
            raise table.table(key).error(
                f"'{name}' is a parameter of {kind} already; rename the chip's, or formulas would "
                "read one for the other", name,
            )  # fmt: skip
    let = _formulas(table, "let", known, grow=True)
    codes = _formulas(table, "codes", known, grow=True)
    _check_covered(table, "codes", codes, tick.parameters, all_of_them=True)
    initial = _formulas(table, "initial", known)
    _check_covered(table, "initial", initial, tick.registers)
    registers = _formulas(table, "registers", known | set(tick.registers))
    realised = _formulas(table, "realised", known)
    _check_covered(table, "realised", realised, MODELS[kind].parameter_names())
    try:
        weight = parse_formula(table.get("weight", (str, int, float), "a formula"), known)
    except EquationError as error:
        raise table.located(error, "weight") from None
    may_vanish = table.names("may_vanish", tick.parameters, "parameter")
    ends = table.table("ports", required=False)
    ports = {
        k: ends.choice(k, tuple(inputs)) if ends.has(k) else ""
        for k in ("positive", "negative", "inputs", "neurons")
    }
    for one, other in (("positive", "negative"), ("inputs", "neurons")):
        if bool(ports[one]) != bool(ports[other]):
            raise ends.error(f"ports.{one} and ports.{other} come together")
    ends.finish()
    bias_spikes = table.has("bias") and table.choice("bias", ("spikes",)) == "spikes"
    table.finish()
    return FromPhysical(
        kind, tuple(require), {**let, **codes}, weight, initial, realised, registers,
        frozenset(may_vanish), (ports["positive"], ports["negative"]),
        (ports["inputs"], ports["neurons"]), bias_spikes,
    )  # fmt: skip


def _check_covered(
    table: Table,
    key: str,
    formulas: Mapping[str, Formula],
    names: object,
    all_of_them: bool = False,
) -> None:
    known = list(names)  # type: ignore[call-overload]
    inner = table.table(key, required=False)
    for name in formulas:
        if name not in known:
            raise inner.error(f"{inner.name}.{name}: there is only {', '.join(known)}", name)
    missing = [name for name in known if name not in formulas]
    if all_of_them and missing:
        raise table.error(f"[{inner.name}] gives no formula for '{missing[0]}'", key)


def _lava(table: Table, tick: Program) -> LavaBinding:
    known = {*tick.parameters, *tick.registers, *tick.constants}
    arguments = _formulas(table, "arguments", known, stepping=False)
    binding = LavaBinding(
        process=table.text("process", ""),
        model=table.choice("model", ("native", "generated")),
        arguments=arguments,
        registers={
            key: table.table("registers", required=False).text(key)
            for key in table.table("registers", required=False).data
        },
        fractions=table.names("fractions", arguments, "argument"),
        scalars=table.names("scalars", arguments, "argument"),
    )
    for register in binding.registers:
        if register not in tick.registers:
            raise table.error(f"'{register}' is no register", "registers")
    if binding.process and not re.fullmatch(r"lava(\.[A-Za-z_][A-Za-z0-9_]*)+", binding.process):
        raise table.error(f"process '{binding.process}' is no class path in lava", "process")
    if binding.model == "native" and not binding.process:
        raise table.error("a native model needs the class path of its process", "model")
    table.finish()
    return binding
