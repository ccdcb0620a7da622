"""One tick of one neuron as source text: a loop over a block of neurons that vector units can run.

Nothing in the loop branches: registers are computed, spikes leave as flags, which are looked
through afterwards if there was any. What a block needs beyond that is known while the text is made:
parameters that are equal in a population are numbers, not arrays; sums have the range that the
network's weights allow; values that are proven to fit have 32 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurohw.emulate.entries import entry_decorator
from neurohw.emulate.generate import (
    FAIL_NEURON,
    FAIL_SITE,
    FAIL_VALUE,
    INNER,
    Kind,
    Setting,
    compiled_module,
)
from neurohw.emulate.listing import list_flagged
from neurohw.emulate.table import Slots
from neurohw.equations.emit import prelude
from neurohw.equations.emit import stored as stored_text
from neurohw.equations.narrow import NarrowEmitter, is_narrow, literal, within
from neurohw.equations.primitives import Interval
from neurohw.equations.program import stored
from neurohw.equations.ranges import Ranges
from neurohw.fixedpoint import Format, storage_of

BLOCK = 1024
"""Neurons that are updated, or found quiescent, together."""
PORTS = 8
"""Room for the ports of a population in arrays by port."""
OF = ("low", "high", "origin", "column", "key", "quiet")
"""What the array ``_of`` says of each population, before the units of its ports: the part's share of its
bank, its first neuron there, its first column, its key in random draws, its first block."""
WATCH = 16
"""Ticks of which one looks whether a block moves at all: looking costs more than a late answer."""
TURNS = 40
"""Ticks on ranges after which these are taken to grow without end."""


@dataclass(frozen=True)
class Shape:
    """What the network makes of a neuron: ``scalars`` are parameters that are equal within each
    population, ``sums`` the ends of the sum on each port, ``row`` the dtype of sums. ``graded``: spikes
    carry values. ``ranges``: of parameters and registers, where they are known to be smaller than
    the formats say."""

    scalars: frozenset[str] = frozenset()
    sums: Mapping[str, Interval] = field(default_factory=dict)
    row: str = "int32"
    graded: bool = False
    ranges: Mapping[str, Interval] = field(default_factory=dict)

    def storage(self, form: Format | None, name: str) -> str:
        """The smallest dtype that holds what a register is known to be; without a format, of a wire."""
        if form is None:
            return "int64"
        low, high = self.ranges.get(name, form.reads)
        return storage_of(max(low, form.reads[0]), min(high, form.reads[1]))


def invariants(
    kind: Kind, sums: Mapping[str, Interval], starts: Mapping[str, Interval],
    parameters: Mapping[str, Interval],
) -> dict[str, Interval]:  # fmt: skip
    """Ranges that registers never leave, where these are smaller than what may be found in them.

    ``starts``: their ranges before the first tick; ``parameters``: those of the codes in use. Ticks
    are run on ranges until nothing grows any more.
    """
    program = kind.neuron.tick
    names: dict[str, Interval] = {k: (v, v) for k, v in program.constants.items()}
    for declared in (program.parameters, program.inputs):
        names.update({k: f.reads for k, f in declared.items()})
    names.update(arriving(kind, sums))
    names.update(parameters)
    found = dict(starts)
    for turn in range(TURNS):
        ranges = Ranges({**names, **found}, program.tables, program.generators)
        for assign in program.assigns:
            form = program.targets[assign.target]
            ranges.names[assign.target] = stored(form, ranges.of(assign.value))
        grown = {r: _hull(found[r], ranges.names[r]) for r in found}
        if grown == found:
            reads = {r: f.reads for r, f in program.registers.items()}
            return {r: i for r, i in found.items() if i != reads[r]}
        found = {
            r: grown[r] if turn < TURNS // 4 or grown[r] == found[r]
            else _wider(grown[r], program.registers[r].reads) for r in found
        }  # fmt: skip
    return {}


def arriving(kind: Kind, sums: Mapping[str, Interval]) -> dict[str, Interval]:
    """Ranges of the inputs whose sums are smaller than their formats."""
    inputs = kind.neuron.tick.inputs
    return {port: ends for port, ends in sums.items() if within(ends, inputs[port].reads)}


def bits_of(ends: Interval) -> int:
    """Bits of the smallest signed integer that holds both."""
    return 1 + max(-ends[0] - 1 if ends[0] < 0 else 0, ends[1], 0).bit_length()


def _hull(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])


def _wider(interval: Interval, reads: Interval) -> Interval:
    """To the next powers of two, so that growing comes to an end."""
    low = -(1 << max(-interval[0] - 1, 0).bit_length()) if interval[0] < 0 else 0
    high = (1 << interval[1].bit_length()) - 1 if interval[1] > 0 else 0
    return max(low, reads[0]), min(high, reads[1])


class Tick:
    """The text of one neuron's module, and its slots in the table."""

    def __init__(self, kind: Kind, setting: Setting, shape: Shape) -> None:
        self.kind, self.setting, self.shape, self.slots = kind, setting, shape, Slots()
        self.lines: list[str] = []
        self.before: list[str] = []
        self.scopes: dict[str, int] = {}
        self.counted: dict[int, tuple[str, str]] = {}
        self.scratch: dict[str, str] = {}
        neuron = kind.neuron
        self.program = neuron.tick
        self.scalars = [x for x in neuron.tick.parameters if x in shape.scalars]
        self.whole = bool(neuron.aliased)
        narrowed = {**dict(shape.ranges), **arriving(kind, shape.sums)}
        self.narrowed = narrowed
        self.emitter = NarrowEmitter(
            self.program,
            "_seed, _trial, _step, _key - _origin + _j",
            self._take,
            narrowed,
            self._look,
        )

    def source(self) -> str:
        """The module: ``update(table, population, step)`` runs a part's share of a population block by
        block; 0, or -1 if a store failed."""
        neuron = self.kind.neuron
        self._views()
        sites = self._inputs()
        self._load()
        for k, assign in enumerate(self.program.assigns):
            text, interval = self.emitter.right(assign.value)
            self._store(
                self.program.targets[assign.target], assign.target, text, interval, sites + k
            )
            self.emitter.assigned(assign.target, interval)
        self._keep()
        after = self._emit()
        before, quiet = self._watch()
        block = [
            *(f"# {line}" for line in neuron.text.splitlines()),
            *(f"_off_{k} = _c0" for k in self.counted), "_moved = _c0", *before,
            "for _j in range(_low, _high):", *(f"    {line}" for line in self.lines),
            *after, *self._count(), *quiet,
        ]  # fmt: skip
        size = "_share_high - _share_low" if self.whole else str(BLOCK)
        busy = [
            line for port in neuron.ports for line in (
                f"for _j in range(_at_{port} + _low, _at_{port} + _high):",
                "    _busy = _i32(_busy | select(load(_sums, 0, _j) != 0, _c1, _c0))",
            )
        ]  # fmt: skip
        body = [
            *self.before,
            f"_count, _q = _cursor[0], _of[_o + {OF.index('quiet')}]",
            f"_watch = _step % {WATCH} == 0",
            "_low = _share_low",
            "while _low < _share_high:",
            f"    _high = min(_low + {size}, _share_high)",
            "    _still, _busy = _quiet[_q] != 0, _c0",
            "    if _still or _watch:",
            *("        " + line for line in busy or ["pass"]),
            "    _look = _watch and _busy == _c0",
            "    if not _still or _busy != _c0:",
            *("        " + line for line in block),
            "    _q += 1",
            "    _low = _high",
            "_cursor[0] = _count",
            "return 0",
        ]  # fmt: skip
        inner = "\n".join(
            f"    {line}"
            for line in ["widest_vectors()", "_t = view(_table, 1 << 20, np.int64)", *body]
        )
        return compiled_module(
            [neuron.tick],
            [
                prelude("neurohw.equations.narrow_primitives", INNER),
                f"{entry_decorator()}def update(_table, _p, _step):\n{inner}\n",
            ],
        )

    def _views(self) -> None:
        program = self.program
        names = [("_sums", self.shape.row), ("_event", "int32"), ("_overflows", "int64"),
                 ("_cursor", "int64"), ("_quiet", "uint8"), ("_of", "int64"), ("_mask", ""),
                 ("_stride", "")]  # fmt: skip
        if self._assigned("spike"):
            names += [("_flag", "uint8"), ("_base", "")]
        if program.randoms:
            names += [("_seed", ""), ("_trial", "")]
        if self.shape.graded:
            names.append(("_payload", "int32"))
        if self.setting.strict or any(
            f.overflow == "error" for f in self.kind.neuron.formats.values()
        ):
            names.append(("_failure", "int64"))
        if self.scalars:
            names.append(("_values", "int64"))
        self.before += self.slots.declare(names)
        self.before += [
            f"_o = _p * {len(OF) + PORTS}",
            f"_share_low, _share_high = _of[_o], _of[_o + {OF.index('high')}]",
            f"_origin, _key = _of[_o + {OF.index('origin')}], _of[_o + {OF.index('key')}]",
            f"_row = (_step & _mask) * _stride + _of[_o + {OF.index('column')}] - _share_low",
        ]  # fmt: skip
        for x in self.kind.written:
            self.before += self.slots.declare([(f"_all_{x}", self.storage(x))])
        for x, form in program.parameters.items():
            if x in self.scalars:
                cast = "_i32" if is_narrow(form) else "_i64"
                place = f"_p * {len(self.scalars)} + {self.scalars.index(x)}"
                self.before.append(f"{x} = {cast}(_values[{place}])")
            else:
                self.before += self.slots.declare([(f"_all_{x}", form.storage)])
        for g in self.setting.generators:
            if g in program.drawn:
                self.before += self.slots.declare([(f"_bits_{g}", "int64")])
                self.before.append(f"_state_{g} = _bits_{g}.reshape((-1, 2))")
        if self.whole:
            self.before += self.slots.declare([("_counts", "int64"), ("_alias", "int64")])

    def _scope(self, array: str) -> int:
        return self.scopes.setdefault(array, len(self.scopes) + 2)

    def _inputs(self) -> int:
        """Read the sums and clear them; the number of sites that inputs have."""
        neuron = self.kind.neuron
        for k, port in enumerate(neuron.ports):
            form, whole = self.program.inputs[port], self.shape.sums[port]
            bits = bits_of(whole)
            self.before += [
                f"_at_{port} = _row + {k} * (_share_high - _share_low)",
                f"_unit_{port} = _of[_o + {len(OF) + k}]",
            ]
            raw = f"load(_sums, 0, _at_{port} + _j)"
            if bits <= 32 and self.shape.row != "int64":
                self.before.append(f"_unit_{port} = _i32(_unit_{port})")
                raw = f"_i32(_i32({raw}) * _unit_{port})"
            else:
                raw, whole = f"(_i64({raw}) * _unit_{port})", (-(2**63), 2**63 - 1)
            self._store(form, port, raw, whole, self.kind.inputs.index(port))
            self.lines.append(f"store(_sums, 0, _at_{port} + _j, 0)")
        if neuron.aliased:
            form = self.program.inputs[neuron.aliased]
            raw = "_i64(_counts[_j])"
            self._store(form, neuron.aliased, raw, (-(2**63), 2**63 - 1),
                        self.kind.inputs.index(neuron.aliased))  # fmt: skip
        return len(self.kind.inputs)

    def _in_32(self, name: str, form: Format) -> bool:
        return is_narrow(form) or (name in self.narrowed and within(self.narrowed[name]))

    def _watch(self) -> tuple[list[str], list[str]]:
        """Statements before and after the loop that find out whether a block is quiescent: nothing came,
        nothing was sent, no register changed, so nothing will until something comes."""
        if self.program.randoms or self.program.drawn:
            return [], []
        copies, changed = [], []
        for x in self.program.registers:
            if self._assigned(x):
                was = self._scratch(f"_was_{x}", self.storage(x))
                scope = self._scope(was)
                now = f"load(_all_{x}, {self._scope(f'_all_{x}')}, _j)"
                differs = f"{now} != load({was}, {scope}, _j - _low)"
                copies.append(f"        store({was}, {scope}, _j - _low, {now})")
                changed += [
                    "    for _j in range(_low, _high):",
                    f"        _moved = _i32(_moved | select({differs}, _c1, _c0))",
                ]
        if copies:
            copies = ["if _look:", "    for _j in range(_low, _high):", *copies]
        return copies, [
            "_quiet[_q] = 0", "if _look:", *changed,
            "    _quiet[_q] = 1 if _moved == _c0 else 0",
        ]  # fmt: skip

    def _count(self) -> list[str]:
        """Statements after the loop that count overflows: it kept what it stored if any was different."""
        lines = []
        for k, (raw, kept) in self.counted.items():
            array = f"_raw_{k}"
            lines += [
                f"if _off_{k} != _c0:",
                "    _moved = _c1",
                f"    _off_{k} = _c0",
                "    for _j in range(_low, _high):",
                f"        {raw} = load({array}, {self._scope(array)}, _j - _low)",
                f"        _off_{k} = _i32(_off_{k} + select({raw} != {kept}, _c1, _c0))",
                f"    _overflows[_p * {len(self.kind.sites)} + {k}] += _off_{k}",
            ]
        return lines

    def _scratch(self, name: str, dtype: str) -> str:
        """An array with a place for each neuron of a block."""
        if name not in self.scratch:
            self.scratch[name] = dtype
            self.before += self.slots.declare([(name, dtype)])
        return name

    def storage(self, x: str) -> str:
        """The dtype in which a register, a recorded wire or an input is kept between ticks."""
        return self.shape.storage(self.program.registers.get(x), x)

    def _load(self) -> None:
        for x, form in self.program.parameters.items():
            if x not in self.scalars:
                self._read(x, f"_all_{x}", form)
        for x, form in self.program.registers.items():
            self._read(x, f"_all_{x}", form)

    def _read(self, x: str, array: str, form: Format) -> None:
        cast = "_i32" if is_narrow(form) else "_i64"
        self.lines.append(f"{x} = {cast}(load({array}, {self._scope(array)}, _j))")

    def _assigned(self, x: str) -> bool:
        return any(a.target == x for a in self.program.assigns)

    def _keep(self) -> None:
        for x in self.kind.written:
            if self._assigned(x) or x in self.program.inputs:
                array = f"_all_{x}"
                self.lines.append(f"store({array}, {self._scope(array)}, _j, {x})")

    def _emit(self) -> list[str]:
        """Spikes as flags; what comes after the loop puts them into the list."""
        binary = not self.shape.graded
        if not self._assigned("spike"):
            return []
        payload = ""
        base = "_base"
        if self.whole:
            form = self.program.inputs[self.kind.neuron.aliased]
            counts, alias = "_counts", "_alias"
            self.lines += [
                f"{counts}[_j] = spike", f"if {alias}[_j] >= 0:",
                f"    {counts}[{alias}[_j]] = {stored_text(form, f'{counts}[{alias}[_j]] + spike')}",
            ]  # fmt: skip
            return [
                "for _j in range(_low, _high):", f"    if {counts}[_j] != 0:",
                f"        _event[_count] = {base} + _j",
                *([] if binary else [f"        _payload[_count] = {counts}[_j]"]),
                "        _count += 1", "        _moved = _c1", f"        {counts}[_j] = 0",
            ]  # fmt: skip
        self.lines.append("store(_flag, 1, _j - _low, select(spike != 0, _c1, _c0))")
        if not binary:
            graded = self._scratch("_graded", "int32")
            self.lines.append(f"store({graded}, {self._scope(graded)}, _j - _low, spike)")
            payload = f"_payload[_count] = {graded}[_k]"
        lines = [f"_event[_count] = {base} + _low + _k", *([payload] if payload else [])]
        return [
            "_before = _count", *list_flagged("_high - _low", lines, "_count"),
            "if _count != _before:", "    _moved = _c1",
        ]  # fmt: skip

    def _take(self, generator: str) -> str:
        g = self.setting.generators[generator]
        lane = f"(_j - _origin) % {g.lanes}" if g.lanes > 1 else "0"
        return f"take_bits(_state_{g.name}, {lane}, {g.bits}, {g.taps[0]}, {g.taps[1]})"

    def _look(self, table: str, index: str) -> str:
        return f"load(_table_{table}, {self._scope('table ' + table)}, _i64({index}))"

    def _store(self, form: Format, target: str, text: str, interval: Interval, site: int) -> None:
        """Store a value, whose text is in 32 bits if ``interval`` is, as the format says."""
        narrow = self._in_32(target, form)
        if target in self.program.inputs and target in self.narrowed:
            self.lines.append(f"{target} = {_cast(text, within(interval), narrow)}")
            return
        if form.overflow == "exact" or (form.holds(interval[0]) and form.holds(interval[1])):
            self.lines.append(f"{target} = {_cast(text, within(interval), narrow)}")
            return
        raw = f"_raw_{target}"
        self.lines.append(f"{raw} = {text}")
        low, high = literal(form.low), literal(form.high)
        outside = f"(({raw} < {low}) | ({raw} > {high}))"
        if form.overflow == "error" or self.setting.strict:
            self.lines += [
                f"if {outside}:",
                f"    _failure[{FAIL_SITE}] = {site}",
                f"    _failure[{FAIL_NEURON}] = _j - _origin",
                f"    _failure[{FAIL_VALUE}] = {raw}",
                "    return -1",
                f"{target} = {_cast(raw, within(interval), narrow)}",
            ]
            return
        kept = self.emitter.kept(form, raw, interval)
        array = self._scratch(f"_raw_{site}", "int32" if within(interval) else "int64")
        # A format keeps what it holds and changes everything else: one comparison tells.
        changed = f"_i32({raw} ^ {target})"
        if not (within(interval) and narrow):
            changed = f"select({raw} != {target}, _c1, _c0)"
        self.lines += [
            f"{target} = {kept}",
            f"store({array}, {self._scope(array)}, _j - _low, {raw})",
            f"_off_{site} = _i32(_off_{site} | {changed})",
        ]
        self.counted[site] = raw, kept


def _cast(text: str, is_32: bool, to_32: bool) -> str:
    return text if is_32 == to_32 else f"_i32({text})" if to_32 else f"_i64({text})"
