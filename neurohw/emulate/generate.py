"""The kernel of a set of neurons, as source text: functions of each neuron, one loop over ticks.

Everything is written out by name, so that the text reads like the profile: registers become array
elements, each assignment one statement, each store the overflow rule of its format. Names of our
own begin with '_', which no profile may use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from neurohw.chip.model import Delivery, Generator, Neuron
from neurohw.emulate.folded import Step, folded
from neurohw.equations import Program
from neurohw.equations.emit import Emitter, prelude, stored, tables
from neurohw.equations.narrow import constants
from neurohw.equations.primitives import Interval
from neurohw.equations.tree import (
    Choose,
    Compare,
    Expression,
    Logic,
    Unary,
    kinds_in,
    names_in,
)
from neurohw.fixedpoint import INT64, Format

if TYPE_CHECKING:
    from neurohw.fixed import FixedPopulation

FAIL_SITE, FAIL_NEURON, FAIL_VALUE, FAIL_POPULATION = range(4)
INNER = (
    '@njit(nogil=True, _nrt=False, error_model="numpy", no_cpython_wrapper=True, '
    "no_cfunc_wrapper=True)\n"
)
"""For functions that kernels call. They make no arrays, so none need be counted (atomic additions
for each array of each call); divisors are proven not to be 0, so nothing need be raised; nobody else calls
them, so they compile in two thirds of the time."""


@dataclass(frozen=True)
class Kind:
    """A neuron as it is to be compiled: ``kept`` are wires and inputs that are recorded, ``known``
    parameters that have this code in every neuron, and are written into the text, ``inside`` ports at
    which all that arrives fits, ``weights`` what that is, ``still`` registers that hold this number in
    every neuron for ever."""

    neuron: Neuron
    kept: tuple[str, ...] = ()
    known: Mapping[str, int] = field(default_factory=dict)
    inside: frozenset[str] = frozenset()
    weights: Interval = INT64
    still: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.neuron.name

    @cached_property
    def left(self) -> dict[str, list[Step]]:
        """What is left of each phase with what is known."""
        fixed = {**self.known, **self.still}
        return {k: folded(p, fixed, self.kept) for k, p in self.neuron.programs.items()}

    @property
    def written(self) -> list[str]:
        """Arrays that the functions of this neuron write."""
        return [*self.neuron.tick.registers, *self.kept]

    @property
    def arrays(self) -> list[str]:
        """All arrays of this neuron, in the order of arguments."""
        return [*self.written, *self.neuron.tick.parameters]

    @property
    def sites(self) -> list[str]:
        """What may overflow, by site number: inputs, then the targets of each assignment."""
        programs = self.neuron.programs.values()
        return [*self.inputs, *(a.target for p in programs for a in p.assigns)]

    @property
    def inputs(self) -> list[str]:
        """Everything that is given from outside."""
        return [*self.neuron.inputs, *([self.neuron.aliased] if self.neuron.aliased else [])]

    def first_site(self, phase: str) -> int:
        """The site of a phase's first assignment."""
        site = len(self.inputs)
        for name, program in self.neuron.programs.items():
            if name == phase:
                return site
            site += len(program.assigns)
        raise KeyError(phase)


def switches(
    neuron: Neuron, members: Sequence[FixedPopulation], varied: Collection[str] = ()
) -> dict[str, int]:
    """Parameters of one bit that are alike in all members, and not ``varied``: without the branches that
    they close a kernel is several times faster. Wider ones would make a kernel of every network."""
    found = {}
    for key, form in neuron.tick.parameters.items():
        if form.bits == 1 and key not in varied:
            codes = {int(c) for m in members for c in np.unique(m.parameters[key])}
            if len(codes) == 1:
                found[key] = codes.pop()
    return found


@dataclass(frozen=True)
class Setting:
    """What of the chip and the run shapes the kernel."""

    delivery: Delivery
    generators: Mapping[str, Generator] = field(default_factory=dict)
    strict: bool = False

    @property
    def states(self) -> list[str]:
        """Arguments that hold the chip's generators."""
        return [f"_state_{name}" for name in self.generators]


def generated_module(kinds: Sequence[Kind], parts: Sequence[str]) -> str:
    """A whole module: imports, primitives, tables, then the parts."""
    programs = [p for k in kinds for p in k.neuron.programs.values()]
    text = "\n\n\n".join(part.strip() for part in parts if part)
    vectors = (
        prelude("neurohw.equations.narrow_primitives", INNER) if "widest_vectors()" in text else ""
    )
    whole = [
        '"""Generated by neurohw from a chip profile; do not edit, edit the profile."""',
        "from typing import Any\n\nimport numpy as np\nfrom numba import njit",
        f"from neurohw.native import ({', '.join(_VECTORS)})\n\n"
        f"_i32, _i64 = np.int32, np.int64\n{constants(text + vectors)}\n"
        f"# for native code {native_version()}"
        if vectors
        else "",
        prelude("neurohw.equations.kernel_primitives", INNER),
        vectors,
        tables(programs),
        text,
    ]
    return "\n\n\n".join(part.strip() for part in whole if part) + "\n"


def compiled_module(programs: Sequence[Program], parts: Sequence[str]) -> str:
    """A module of functions that are called by address: see ``neurohw.native``."""
    text = "\n\n\n".join(part.strip() for part in parts)
    whole = [
        '"""Generated by neurohw from a chip profile; do not edit, edit the profile."""',
        "from typing import Any\n\nimport numpy as np\nfrom numba import njit\n\n"
        f"from neurohw.native import ({', '.join(_NATIVE)})",
        "\n".join(f"_{d} = np.{d}" for d in _DTYPES),
        "_i32, _i64 = np.int32, np.int64",
        constants(text),
        prelude("neurohw.equations.kernel_primitives", INNER),
        tables(programs),
        text,
    ]
    return "\n\n\n".join(part.strip() for part in whole if part) + "\n"


_NATIVE = ("add_atomic", "array_at", "call", "first_set", "flag_bits", "give_way", "load", "prefetch",
           "prefetch_outer", "read_atomic", "select", "shl32", "shr32", "store", "view",
           "widest_vectors")  # fmt: skip
_VECTORS = ("first_set", "flag_bits", "load", "select", "shl32", "shr32", "store", "widest_vectors")
_DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


@cache
def native_version() -> str:
    """A hash of the intrinsics, whose change a cache of compiled files would not notice."""
    import hashlib
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("neurohw.native")
    assert spec is not None and spec.origin is not None
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:12]


def _late(program: Program, kept: frozenset[str]) -> list[tuple[int, int]]:
    """(first, k): the assignments ``first`` .. ``k - 1`` divide, are wires that nothing may change,
    and serve only what assignment k chooses if its test is true: they need not run if it is false."""
    found: list[tuple[int, int]] = []
    assigns = program.assigns
    reads = [names_in(a.value) for a in assigns]
    for k, assign in enumerate(assigns):
        if not isinstance(assign.value, Choose):
            continue
        choice = assign.value
        elsewhere = names_in(choice.test) | names_in(choice.otherwise)
        low = found[-1][1] + 1 if found else 0
        for first in range(low, k):
            block = range(first, k)
            names = {assigns[j].target for j in block}
            fixed = names.isdisjoint(program.registers) and names.isdisjoint(kept | elsewhere)
            outside = [j for j in range(len(assigns)) if j not in block]
            if (
                fixed
                and assign.target not in names | names_in(choice.then)
                and not names & {"spike", "syn"}
                and all(assigns[j].target not in names for j in outside)
                and all(names.isdisjoint(reads[j]) for j in outside if j != k)
                and not any(kinds_in(assigns[j].value) & {"draw", "random"} for j in block)
                and not any(_refused(program, j) for j in block)
                and any("fdiv" in kinds_in(assigns[j].value) for j in block)
            ):
                found.append((first, k))
                break
    return found


def _refused(program: Program, k: int) -> bool:
    exact = program.targets[program.assigns[k].target].overflow == "exact"
    return not exact and program.may_overflow(k)


class _Straight(Emitter):
    """Comparisons and logic without branches, which no processor could foretell: both sides of `and`
    and `or` are computed, for they change nothing and are proven to fail nowhere."""

    def __init__(self, program: Program, draw: str, take: Callable[[str], str]) -> None:
        super().__init__(program, False, draw, take)

    def value(self, node: Expression) -> str:
        if isinstance(node, (Compare, Logic)) or (isinstance(node, Unary) and node.op == "not"):
            return f"int({self.test(node)})"
        return super().value(node)

    def test(self, node: Expression) -> str:
        if isinstance(node, Logic):
            op = {"and": "&", "or": "|"}[node.op]
            return f"({self.test(node.left)} {op} {self.test(node.right)})"
        return super().test(node)


class Body:
    """The statements of one phase of one neuron; ``counted`` are the sites whose overflows are
    counted, ``fail`` the statements that report a failed store. ``narrow``: counters of 32 bits, with
    which a loop over neurons is vectorised better."""

    def __init__(
        self, kind: Kind, phase: str, setting: Setting, fail: str, place: str, narrow: bool = False
    ) -> None:
        self.narrow = narrow
        self.kind, self.program, self.setting = kind, kind.neuron.programs[phase], setting
        self.fail, self.place, self.lines = fail, place, list[str]()
        self.counted: list[int] = []
        self.first = kind.first_site(phase)

    def given(self, name: str, form: Format, text: str) -> None:
        """Store a value from outside into an input."""
        anything = form.reads == (-(2**63), 2**63 - 1)
        fits = anything or name in self.kind.inside
        self.store(form, name, text, self.kind.inputs.index(name), not fits)

    def load(self) -> None:
        """Read registers and parameters."""
        for key in (*self.program.parameters, *self.kind.neuron.tick.registers):
            known = self.kind.known.get(key)
            self.lines.append(f"{key} = np.int64({f'_all_{key}[_j]' if known is None else known})")

    def run(self, draw: str) -> None:
        """The assignments. ``draw``: arguments of ``random_bits`` between bits and site."""
        emitter = _Straight(self.program, draw, self.take)
        late = _late(self.program, frozenset(self.kind.kept))
        skipped = {j for first, k in late for j in range(first, k)}
        starts = {k: first for first, k in late}
        for k, assign in enumerate(self.program.assigns):
            if k in skipped:
                continue
            form = self.program.targets[assign.target]
            text = emitter.value(assign.value)
            if k in starts and isinstance(assign.value, Choose):
                text = f"_late_{assign.target}"
                self.lines.append(f"if {emitter.test(assign.value.test)}:")
                for before in self.program.assigns[starts[k] : k]:
                    self.lines.append(f"    {before.target} = {emitter.value(before.value)}")
                self.lines += [
                    f"    {text} = {emitter.value(assign.value.then)}", "else:",
                    f"    {text} = {emitter.value(assign.value.otherwise)}",
                ]  # fmt: skip
            self.store(form, assign.target, text, self.first + k, self.program.may_overflow(k))

    def keep(self) -> None:
        """Write back what was assigned, or is recorded."""
        assigned = {a.target for a in self.program.assigns} | set(self.program.inputs)
        for name in self.kind.written:
            if name in assigned:
                self.lines.append(f"_all_{name}[_j] = {name}")

    def take(self, generator: str) -> str:
        g = self.setting.generators[generator]
        lane = f"({self.place}) % {g.lanes}" if g.lanes > 1 else "0"
        return f"take_bits(_state_{g.name}, {lane}, {g.bits}, {g.taps[0]}, {g.taps[1]})"

    def store(self, form: Format, target: str, text: str, site: int, may_overflow: bool) -> None:
        if not may_overflow or form.overflow == "exact":
            self.lines.append(f"{target} = {text}")
            return
        raw = f"_raw_{target}"
        self.lines.append(f"{raw} = {text}")
        outside = f"({raw} < {form.low} or {raw} > {form.high})"
        if form.overflow == "error" or self.setting.strict:
            self.lines += [
                f"if {outside}:",
                f"    _failure[{FAIL_SITE}] = {site}",
                f"    _failure[{FAIL_NEURON}] = {self.place}",
                f"    _failure[{FAIL_VALUE}] = {raw}",
                f"    {self.fail}",
                f"{target} = {raw}",
            ]
            return
        self.lines.append(f"{target} = {stored(form, raw)}")
        over = f"int(({raw} < {form.low}) | ({raw} > {form.high}))"
        if self.narrow:
            over = f"np.int32(_over_{site} + np.int32({over}))"
            self.lines.append(f"_over_{site} = {over}")
        else:
            self.lines.append(f"_over_{site} += {over}")
        self.counted.append(site)


def tick_source(kind: Kind, setting: Setting) -> str:
    """The tick of one neuron in the ordered engine: a loop over neurons ``_low .. _high`` of its bank."""
    neuron = kind.neuron
    body = Body(kind, "tick", setting, "return -1", "_i - _low")
    if neuron.aliased:
        body.given(neuron.aliased, neuron.tick.inputs[neuron.aliased], "_counts[_j]")
    body.load()
    body.run("_seed, _trial, _step, _key + _i - _low")
    body.keep()
    after = _spiking(kind, setting, body)
    return function_source(
        f"tick_{kind.name}",
        tick_arguments(kind, setting), neuron.text,
        ["for _i in range(_low, _high):", "    _j = np.uint64(_i)",
         *(f"    {line}" for line in body.lines), *after],
        body.counted, "_count",
    )  # fmt: skip


def tick_arguments(kind: Kind, setting: Setting, straight: bool = False) -> list[str]:
    """Arguments of the tick in the ordered engine; a ``straight`` one flags spikes."""
    return [
        "_low", "_high", "_base", *state_arguments(kind, setting), "_counts", "_alias", "_fired",
        "_value", "_count", "_overflows", "_failure", "_seed", "_trial", "_step", "_key",
        *(["_flag"] if straight else []),
    ]  # fmt: skip


def _spiking(kind: Kind, setting: Setting, body: Body) -> list[str]:
    """Add the statements that emit a spike to the body; what comes after the loop is returned."""
    neuron, value = kind.neuron, "1" if setting.delivery.payload.bits == 1 else "spike"
    if not any(a.target == "spike" for a in neuron.tick.assigns):
        return []
    if not neuron.aliased:
        body.lines += ["if spike != 0:", "    _fired[_count] = _base + _i",
                       f"    _value[_count] = {value}", "    _count += 1"]  # fmt: skip
        return []
    form = neuron.tick.inputs[neuron.aliased]
    body.lines += [
        "_counts[_j] = spike",
        "if _alias[_j] >= 0:",
        f"    _counts[_alias[_j]] = {stored(form, '_counts[_alias[_j]] + spike')}",
    ]
    return [
        "for _i in range(_low, _high):",
        "    if _counts[_i] != 0:",
        "        _fired[_count] = _base + _i",
        "        _value[_count] = _counts[_i]",
        "        _count += 1",
        "        _counts[_i] = 0",
    ]


def event_source(kind: Kind, setting: Setting) -> str:
    """What one synaptic event of the ordered engine does to neuron ``_j`` of the bank."""
    neuron = kind.neuron
    if "event" not in neuron.phases:
        return ""
    body = Body(kind, "event", setting, "return False", "_local")
    for port, form in neuron.inputs.items():
        body.given(port, form, f"_given_{port}")
    body.load()
    body.run("0, 0, 0, 0")
    body.keep()
    given = [f"_given_{port}" for port in neuron.inputs]
    return function_source(
        f"event_{kind.name}",
        ["_j", "_local", *given, *state_arguments(kind, setting), "_overflows", "_failure"],
        neuron.phase_texts.get("event", ""), body.lines, body.counted, "True",
    )  # fmt: skip


def events_source(kind: Kind, setting: Setting) -> str:
    """What a row of synaptic events of the ordered engine does, one after the other: the equations
    of ``event_source`` in a loop, because a call for each event costs more than they do.

    By source: the synapses ``_begin .. _end`` of one port. By index: all neurons, for each port the
    place of its weights, which are 0 where its source is silent.
    """
    neuron = kind.neuron
    if "event" not in neuron.phases:
        return ""
    by_index = setting.delivery.order == "index"
    body = Body(kind, "event", setting, "return False", "_local", narrow=by_index)
    ports = neuron.ports
    for name, form in neuron.inputs.items():
        body.given(name, form, f"_given_{name}")
    body.load()
    body.run("0, 0, 0, 0")
    body.keep()
    if not by_index:
        where = ["_begin", "_end", "_low", "_port", "_target", "_weight"]
        loop = [
            "for _s in range(_begin, _end):",
            "    _at = np.uint64(_s)",
            "    _j = np.uint64(_target[_at])",
            "    _local = _target[_at] - _low",
        ]
        loop += [
            f"    _given_{port} = _weight[_at] if _port == {q} else 0"
            for q, port in enumerate(ports)
        ]
    else:
        where = [
            "_n",
            "_low",
            "_weight",
            *(f"_o{q}" for q in range(len(ports))),
        ]
        loop = ["for _local in range(_n):", "    _j = np.uint64(_low + _local)"]
        loop += [
            f"    _given_{port} = np.int64(_weight[np.uint64(_o{q} + _local)])"
            for q, port in enumerate(ports)
        ]
    others = [f"_given_{name}" for name in neuron.inputs if name not in ports]
    return function_source(
        f"events_{kind.name}",
        [*where, *others, *state_arguments(kind, setting), "_overflows", "_failure"],
        neuron.phase_texts.get("event", ""), [*loop, *(f"    {line}" for line in body.lines)],
        body.counted, "True", narrow=by_index,
    )  # fmt: skip


def state_arguments(kind: Kind, setting: Setting) -> list[str]:
    """Arguments that hold what a neuron and the chip's generators keep."""
    return [*(f"_all_{x}" for x in kind.arrays), *setting.states]


def function_source(
    name: str, arguments: Sequence[str], text: str, body: Sequence[str], counted: Sequence[int],
    result: str, narrow: bool = False,
) -> str:  # fmt: skip
    """A function of a neuron: its equations as comments, the body, overflows added up (``narrow``: in
    32 bits)."""
    lines = [
        *(f"# {line}" for line in text.splitlines()),
        *(f"_over_{k} = {'np.int32(0)' if narrow else '0'}" for k in counted),
        *body,
    ]
    for k in counted:
        lines += [f"if _over_{k} != 0:", f"    _overflows[{k}] += _over_{k}"]
    inner = "\n".join(f"    {line}" for line in [*lines, f"return {result}"])
    return f"{INNER}def {name}(\n    {', '.join(arguments)},\n):\n{inner}\n"


def indented(text: str, spaces: int) -> str:
    """Statements moved to the right."""
    return "\n".join(" " * spaces + line if line else "" for line in text.strip("\n").split("\n"))
