"""Loops over neurons without branches, which vector units can run: where nothing can fail and nothing
is drawn from a generator, for there the order of the neurons does not matter.

As in ``ticks``, values that are proven to fit have 32 bits, and spikes leave as flags, which are looked
through afterwards if there was any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neurohw.emulate.folded import overflows
from neurohw.emulate.generate import (
    INNER,
    Kind,
    Setting,
    state_arguments,
    tick_arguments,
)
from neurohw.emulate.listing import list_flagged
from neurohw.emulate.saturation import saturating
from neurohw.equations.narrow import NarrowEmitter, is_narrow, literal, within
from neurohw.equations.primitives import Interval
from neurohw.equations.program import stored
from neurohw.equations.tree import kinds_in, names_in
from neurohw.fixedpoint import INT64, Format

READ, FLAG, CODE, FIRST = range(4)
"""Numbers by which kernels tell arrays apart: all that are only read in loops, flags of spikes, new codes
of synapses; then what neurons keep."""


class Scopes:
    """The number of each array that a neuron keeps: the same in all functions of a module, because
    they may become one."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        arrays = [(k.name, x) for k in kinds for x in k.written]
        self.number = {array: FIRST + n for n, array in enumerate(arrays)}


def is_straight(
    kind: Kind, phase: str, setting: Setting, given: Iterable[Format] = ()
) -> bool:  # fmt: skip
    """Whether a phase can run on neurons in any order: no store of it can fail, nor one into the inputs
    ``given``, and what is left of it draws from no generator. A division is better left to those that
    need it, one by one."""
    program = kind.neuron.programs[phase]
    steps = kind.left[phase]
    forms = [program.targets[s.assign.target] for s in steps if overflows(program, s)]
    return (
        not setting.strict
        and all(f.overflow != "error" or f.reads == INT64 for f in [*forms, *given])
        and not any({"draw", "fdiv"} & kinds_in(s.assign.value) for s in steps)
    )  # fmt: skip


class Loop:
    """The statements of one phase of neuron ``_j`` of its bank, in a loop; ``counted`` are the sites whose
    overflows are counted. ``draw``: arguments of ``random_bits`` between the number of bits and the site."""

    def __init__(self, kind: Kind, phase: str, scopes: Scopes, draw: str = "0, 0, 0, 0") -> None:
        self.kind, self.program, self.scopes = kind, kind.neuron.programs[phase], scopes
        self.steps = kind.left[phase]
        self.first = kind.first_site(phase)
        self.lines: list[str] = []
        self.counted: list[int] = []
        targets = {s.assign.target for s in self.steps}
        self.reads = set().union(*(names_in(s.assign.value) for s in self.steps)) | targets
        self.emitter = NarrowEmitter(self.program, draw, _no_draw, {}, self._look)
        for name in {**kind.known, **kind.still}:
            self.emitter.ranges.names[name] = (self._fixed(name),) * 2

    def _fixed(self, name: str) -> int:
        return {**self.kind.known, **self.kind.still}[name]

    def assigns(self, name: str) -> bool:
        """Whether anything is left that assigns it."""
        return any(s.assign.target == name for s in self.steps)

    def given(self, name: str, form: Format, text: str, interval: Interval) -> None:
        """Store a value from outside, whose text is in 32 bits if ``interval`` is, into an input."""
        self._store(form, name, text, interval, self.kind.inputs.index(name))
        self.emitter.ranges.names[name] = stored(form, interval)

    def load(self) -> None:
        """Read the registers and parameters that are needed."""
        registers = self.kind.neuron.tick.registers
        for x, form in {**self.program.parameters, **registers}.items():
            if x in self.kind.known or x in self.kind.still or x not in self.reads:
                continue
            scope = self.scopes.number[self.kind.name, x] if x in registers else READ
            self.lines.append(f"{x} = {_cast(form)}(load(_all_{x}, {scope}, _j))")

    def run(self) -> None:
        """What is left of the assignments."""
        held = saturating(self.program, self.steps, self.emitter.ranges.names)
        for step in self.steps:
            target = step.assign.target
            text, interval = self.emitter.right(step.assign.value)
            form = self.program.targets[target]
            if step.k in held:
                text = f"_held_{held[step.k]}"
            if step.k in held.values():
                self.lines.append(f"_raw_{target} = {text}")
                text = f"_raw_{target}"
                ends = f"{literal(form.low)}, {literal(form.high)}"
                self.lines.append(f"_held_{step.k} = _clamp({text}, {ends})")
                self.lines.append(f"{target} = {self.emitter.kept(form, text, interval)}")
                # What is held back is what wraps.
                self._count(self.first + step.k, f"{text} != _held_{step.k}")
                self.emitter.assigned(target, interval)
                continue
            self._store(form, target, text, interval, self.first + step.k)
            self.emitter.assigned(target, interval)

    def keep(self) -> None:
        """Write back what was assigned, or is recorded."""
        for x in self.kind.written:
            if self.assigns(x) or x in self.program.inputs:
                scope = self.scopes.number[self.kind.name, x]
                self.lines.append(f"store(_all_{x}, {scope}, _j, {x})")

    def _look(self, table: str, index: str) -> str:
        return f"load(_table_{table}, {READ}, _i64({index}))"

    def _store(self, form: Format, target: str, text: str, interval: Interval, site: int) -> None:
        if form.overflow == "exact" or (form.holds(interval[0]) and form.holds(interval[1])):
            same = within(interval) == is_narrow(form)
            self.lines.append(f"{target} = {text if same else f'{_cast(form)}({text})'}")
            return
        raw = f"_raw_{target}"
        self.lines += [
            f"{raw} = {text}",
            f"{target} = {self.emitter.kept(form, raw, interval)}",
        ]
        # A format keeps what it holds and changes everything else: one comparison tells.
        self._count(site, f"{raw} != {target}")

    def _count(self, site: int, test: str) -> None:
        self.lines.append(f"_over_{site} = _i32(_over_{site} + select({test}, _c1, _c0))")
        self.counted.append(site)

    def function(
        self, name: str, arguments: Sequence[str], text: str, before: Sequence[str],
        after: Sequence[str], result: str,
    ) -> str:  # fmt: skip
        """The function: statements before the loop, the last of which begins it, and after it."""
        lines = [
            *(f"# {line}" for line in text.splitlines()), "widest_vectors()",
            *(f"_over_{k} = _c0" for k in self.counted), *before,
            *(f"    {line}" for line in self.lines or ["pass"]), *after,
        ]  # fmt: skip
        for k in self.counted:
            lines += [f"if _over_{k} != _c0:", f"    _overflows[{k}] += _over_{k}"]
        inner = "\n".join(f"    {line}" for line in [*lines, f"return {result}"])
        return f"{INNER}def {name}(\n    {', '.join(arguments)},\n):\n{inner}\n"

    def read_code(self) -> None:
        """Read the synapse, whose new code is kept apart, because kernels log each that changes."""
        form = self.program.inputs.get("syn")
        changed = self.assigns("syn")
        if form is None or not (changed or "syn" in self.reads):
            return
        cast = _cast(form)
        self.lines.append(
            f"syn = select(_read, {cast}(load(_synapses, {READ}, _row + _n)), {cast}(_in_syn))"
        )
        if changed:
            self.lines.append("_was_syn = syn")

    def keep_code(self) -> None:
        """Put the new code of the synapse aside."""
        if self.assigns("syn"):
            narrow = is_narrow(self.program.inputs["syn"])
            moved = "_i32(syn ^ _was_syn)" if narrow else "select(syn != _was_syn, _c1, _c0)"
            self.lines += [
                f"_moved = _i32(_moved | {moved})", f"store(_codes, {CODE}, _n - _begin, syn)"
            ]  # fmt: skip

    def flag_spikes(self, place: str) -> None:
        """Spikes as flags, by ``place``."""
        self.lines.append(f"store(_flag, {FLAG}, {place}, select(spike != 0, _c1, _c0))")


def _cast(form: Format) -> str:
    return "_i32" if is_narrow(form) else "_i64"


def _no_draw(generator: str) -> str:
    raise AssertionError(f"a draw from {generator} in a loop without order")


def straight_tick(kind: Kind, setting: Setting, scopes: Scopes) -> str:
    """The tick of the ordered engine, as ``generate.tick_source`` where ``is_straight_tick``."""
    loop = Loop(kind, "tick", scopes, "_seed, _trial, _step, _key + _j - _low")
    loop.load()
    loop.run()
    loop.keep()
    after: list[str] = []
    if loop.assigns("spike"):
        loop.flag_spikes("_j - _low")
        after = list_flagged(
            "_high - _low",
            ["_fired[_count] = _base + _low + _k", "_value[_count] = 1"], "_count",
        )  # fmt: skip
    return loop.function(
        f"tick_{kind.name}", tick_arguments(kind, setting, straight=True), kind.neuron.text,
        ["for _j in range(_low, _high):"], after, "_count",
    )  # fmt: skip


def is_straight_tick(kind: Kind, setting: Setting) -> bool:
    """Whether a tick is straight: then it takes no spikes of other neurons, and sends no counts."""
    spikes = any(a.target == "spike" for a in kind.neuron.tick.assigns)
    return (
        not kind.neuron.aliased and not (spikes and setting.delivery.payload.bits > 1)
        and is_straight(kind, "tick", setting)
    )  # fmt: skip


def is_straight_events(kind: Kind, setting: Setting) -> bool:
    """Whether events are: those by source have their neurons in no order that helps."""
    if "event" not in kind.neuron.phases or setting.delivery.order != "index":
        return False
    given = [form for name, form in kind.neuron.inputs.items() if name not in kind.inside]
    return is_straight(kind, "event", setting, given)


def straight_events(kind: Kind, setting: Setting, scopes: Scopes) -> str:
    """The events of all neurons at one index, as ``generate.events_source`` where ``is_straight``."""
    neuron = kind.neuron
    loop = Loop(kind, "event", scopes)
    for name, form in neuron.inputs.items():
        if name not in neuron.ports:
            loop.given(name, form, f"_given_{name}", INT64)
            continue
        place, ends = f"_o{neuron.ports.index(name)} + _local", kind.weights
        cast = "_i32" if within(ends) else "_i64"
        loop.given(name, form, f"{cast}(load(_weight, {READ}, {place}))", ends)
    loop.load()
    loop.run()
    loop.keep()
    where = ["_n", "_low", "_weight", *(f"_o{q}" for q in range(len(neuron.ports)))]
    others = [f"_given_{name}" for name in neuron.inputs if name not in neuron.ports]
    return loop.function(
        f"events_{kind.name}",
        [*where, *others, *state_arguments(kind, setting), "_overflows", "_failure"],
        neuron.phase_texts.get("event", ""),
        ["for _local in range(_n):", "    _j = _low + _local"], [], "True",
    )  # fmt: skip
