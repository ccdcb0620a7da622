"""Whether a mutant is killed: some value that a vector holds is another one in the mutant's run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from draws import seems_equal
from executions import Compiled, Executions, Values, differences, logged, recorded, watched
from machines import always_same, same
from mutants import Mutant, all_mutants, changed, profile_data, write_profile
from numpy.typing import NDArray

from neurohw.chip import Chip, load_chip
from neurohw.chip.model import Neuron
from neurohw.emulate import emulate, interpret
from neurohw.emulate.log import OperationLog
from neurohw.emulate.words import emulate_words
from neurohw.equations import Program
from neurohw.errors import NeurohwError
from neurohw.fixed import FixedPopulation
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace
from neurohw.vectors.case import Case, Check, TableCase, WordCase
from neurohw.vectors.find import reader_of, vector_files

Result = Literal["refused", "equivalent", "killed", "survived"]
AnyCase = Case | WordCase | TableCase
FAILS = (NeurohwError, OverflowError, IndexError, ValueError, KeyError, AttributeError)
"""What a mutant's run or reader may raise: it then is not the oracle's."""

ALIKE = "; nor one of 200,000 drawn ones"


@dataclass(frozen=True)
class Verdict:
    """``how`` it was found: the file that kills the mutant, or why it is left."""

    mutant: Mutant
    result: Result
    how: str = ""


@dataclass(eq=False)
class Replayed:
    """A case of the unchanged chip: where it is from, its run, what its equations were given."""

    path: Path
    index: int
    case: AnyCase
    whole: Recording | OperationLog | None
    executions: Sequence[Executions]

    @cached_property
    def equal(self) -> list[NDArray[np.bool_]]:
        """Which values of the checks are the oracle's in this run."""
        assert isinstance(self.case, Case) and isinstance(self.whole, Recording)
        return [np.asarray(c.expected == c.got) for c in self.case.check(self.whole)]


class Mutation:
    """The vectors of one chip, ready to judge mutants of it.

    ``quick``: the first ``steps`` ticks (or words) of each case in the interpreter, nothing
    compiled; else whole runs of the kernel, and of mutants that seem to survive too.
    """

    def __init__(
        self, name: str, quick: bool = False, steps: int = 12, order: bool = False,
        kernel: bool = True, files: Sequence[str] | None = None, own: bool = True,
    ) -> None:  # fmt: skip
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        self.quick, self.steps, self.kernel = quick, steps, kernel
        self.data = profile_data(name)
        self.chip = load_chip(write_profile(self.folder / "base.toml", self.data))
        paths = [p for p in vector_files(self.chip, files=files) if own or p.name[:4] != "own_"]
        self.paths = sorted(paths, key=lambda p: p.stat().st_size)
        self.replayed = sorted(self._replay(), key=_size)
        reached = {e.neuron for r in self.replayed for e in r.executions}
        self.unreached = sorted(set(self.chip.neurons) - reached)
        self.mutants = all_mutants(self.chip, self.data, reached, order)
        self.compiled: dict[int, tuple[Program, Compiled]] = {}
        self.values: dict[int, Values] = {}

    # ---- the unchanged chip ---------------------------------------------------------------------

    def _replay(self) -> Iterator[Replayed]:
        for path in self.paths:
            for index, case in enumerate(reader_of(self.chip)(path, self.chip)):
                if isinstance(case, TableCase):
                    yield Replayed(path, index, case, None, [])
                elif isinstance(case, WordCase):
                    if self.quick:
                        options = {**case.options, "interpreted": True}
                        case = replace(case, words=case.words[: self.steps], options=options)
                    log, found = logged(case)
                    yield Replayed(path, index, case, log, found)
                else:
                    yield self._ticks(path, index, case)

    def _ticks(self, path: Path, index: int, case: Case) -> Replayed:
        steps = case.run.get("steps") or case.run["inputs"].steps
        if self.quick:
            few = min(steps, self.steps)
            whole = padded(interpret(case.network, **{**case.run, "steps": few}), steps)
            return Replayed(path, index, case, whole, watched(case, few))
        if case.network.chip.delivery.engine == "ordered":
            n = sum(p.n for p in case.network.populations.values())
            few = steps if n * steps < 50_000 else 40
            found = watched(case, few, few == steps)
            return Replayed(path, index, case, emulate(case.network, **case.run), found)
        whole, found = recorded(case)
        return Replayed(path, index, case, whole, found)

    # ---- verdicts -------------------------------------------------------------------------------

    def verdict(self, mutant: Mutant) -> Verdict:
        """Judge one mutant."""
        if mutant.equivalent:
            return Verdict(mutant, "equivalent", "by interval analysis")
        path = write_profile(self.folder / "mutant.toml", changed(self.data, mutant))
        try:
            chip = load_chip(path)
        except NeurohwError as error:
            return Verdict(mutant, "refused", str(error).split(": ", 1)[-1][:100])
        if chip.machine is not None and mutant.path[0] == "machine":
            assert self.chip.machine is not None
            if always_same(self.chip.machine, chip.machine):
                return Verdict(mutant, "equivalent", "in every word and configuration")
        if mutant.path[0] == "weight" and _weights_same(self.chip, chip):
            return Verdict(mutant, "equivalent", "for every weight that can be stored")
        how, left = self._judge(mutant, chip)
        if how:
            return Verdict(mutant, "killed", how)
        if left is None:
            return Verdict(mutant, "survived", "no file runs it as the profile has it")
        if self.kernel and not self.quick:
            left = self.paths
        if left and not self.quick:
            how = self._kernel(chip, left)
            if how:
                return Verdict(mutant, "killed", how)
        seen = f"runs of {len(left)} files are equal" if left else "no execution differs"
        if mutant.path[0] == "neuron" and "parameters" not in mutant.path:
            name = str(mutant.path[1])
            if seems_equal(self.chip.neurons[name], chip.neurons[name]):
                seen += ALIKE
        return Verdict(mutant, "survived", seen)

    def _judge(self, mutant: Mutant, chip: Chip) -> tuple[str, Sequence[Path] | None]:
        """What kills it, and else the files that must be run to know; None if each file replaces
        what the mutant changes."""
        where = mutant.path[0]
        if where in ("weight", "delivery", "random"):
            how = self._closed(chip) if where == "random" or self.quick else ""
            return how or (self._tables(chip) if where == "weight" else ""), self.paths
        if where == "machine":
            left = [r.path for r in self.replayed if self._touched(r, chip)]
            return self._machine(mutant, chip), left
        start = self._start(chip)
        if start == "equal" and "start" in mutant.path:
            return "", []
        if start is not None and start != "equal":
            return start, self.paths
        if "constants" in mutant.path:
            return self._closed(chip, few=True), self.paths
        if "aliased" in mutant.path:  # stored by the engine, not by the equations
            small = [r for r in self.replayed if isinstance(r.case, Case) and _size(r) < 30_000]
            for r in small:
                if self._run_to(r, chip, _steps(r)):
                    return r.path.name, []
            return "", [r.path for r in self.replayed if r not in small]
        if "registers" in mutant.path or "wires" in mutant.path:
            how = self._tables(chip)
            if how:
                return how, []
        return self._executions(chip)

    def _executions(self, chip: Chip) -> tuple[str, Sequence[Path] | None]:
        left: list[Path] = []
        changed = False
        for r in self.replayed:
            if isinstance(r.case, TableCase):
                continue
            try:
                neurons = self._neurons(r, chip)
            except FAILS as error:
                return f"{r.path.name}: {type(error).__name__}", []
            for name, p in r.case.network.populations.items():
                if not _held(p, neurons[name]):
                    return f"{r.path.name}: refused", []
            differs: list[tuple[Executions, int, Any]] = []
            doubt = False
            for e in r.executions:
                old = r.case.network.populations[e.population].neuron.programs[e.phase]
                new = neurons[e.population].programs[e.phase]
                if old == new:
                    continue
                changed = True
                doubt |= any(old.inputs[k] != new.inputs[k] for k in e.unknown)
                doubt |= not e.whole
                for low, high in _chunks(e.shape):
                    where, values = differences(
                        self._compile(old), self._compile(new), e, low, high
                    )
                    if where.any():
                        differs.append((e, low, (where, values)))
                        break
            if differs and (isinstance(r.case, WordCase) or self._forged(r, chip, differs)):
                return r.path.name, []
            if differs and not doubt and _size(r) < 30_000 and isinstance(r.whole, Recording):
                if self._run_to(r, chip, r.whole.steps):
                    return r.path.name, []
                continue
            if differs or doubt:
                left.append(r.path)
        return "", list(dict.fromkeys(left)) if changed else None

    def _neurons(self, r: Replayed, chip: Chip) -> Mapping[str, Neuron]:
        """The mutant's neuron of every population, as the reader of the vectors makes it."""
        assert not isinstance(r.case, TableCase)
        populations = r.case.network.populations
        if all(p.neuron is self.chip.neurons.get(p.neuron.name) for p in populations.values()):
            return {name: chip.neurons[p.neuron.name] for name, p in populations.items()}
        case = self._case(r, chip)
        return {name: p.neuron for name, p in case.network.populations.items()}

    def _case(self, r: Replayed, chip: Chip) -> Any:
        return list(reader_of(chip)(r.path, chip))[r.index]

    def _compile(self, program: Program) -> Compiled:
        kept = self.compiled.get(id(program))
        if kept is None or kept[0] is not program:
            kept = program, Compiled(program)
            self.compiled[id(program)] = kept
        return kept[1]

    def _forged(self, r: Replayed, chip: Chip, differs: Sequence[Any]) -> bool:
        """Whether a check of the case sees the first execution that differs.

        Up to its tick the mutant's run is the unchanged one, and what the mutant has at its end is
        put into the unchanged run; for the ordered engine the mutant is run up to there.
        """
        assert isinstance(r.case, Case) and isinstance(r.whole, Recording)
        first = min(_first(e, low, where) for e, low, (where, _) in differs)
        if not all(e.exact for e, _, _ in differs):
            return self._run_to(r, chip, first + 1) or self._run_to(r, chip, first + 4)
        traces = {n: dict(t) for n, t in r.whole.traces.items()}
        spikes = dict(r.whole.spikes)
        for e, low, (where, values) in differs:
            if _first(e, low, where) != first:
                continue
            row = first - low
            for key, trace in traces[e.population].items():
                if key in values:
                    new = trace.values.copy()
                    new[0, first] = values[key][row]
                    traces[e.population][key] = Trace(new, trace.neurons, trace.stride)
            if "spike" in values:
                spikes[e.population] = _with(spikes[e.population], first, values["spike"][row])
        forged = Recording(**{**r.whole.__dict__, "traces": traces, "spikes": spikes})
        return self._seen(r, r.case.check(forged))

    def _seen(self, r: Replayed, checks: Sequence[Check]) -> bool:
        """Whether a value is wrong that is right in the unchanged run."""
        for check, equal in zip(checks, r.equal, strict=True):
            got, expected = np.asarray(check.got), np.asarray(check.expected)
            if got.shape != expected.shape or (equal & (got != expected)).any():
                return True
        return False

    def _run_to(self, r: Replayed, chip: Chip, steps: int) -> bool:
        """Whether the first ticks of the mutant, in the interpreter, are seen to be others."""
        assert isinstance(r.case, Case) and isinstance(r.whole, Recording)
        try:
            case = self._case(r, chip)
            part = interpret(case.network, **{**case.run, "steps": min(steps, r.whole.steps)})
            return self._seen(r, case.check(spliced(r.whole, part)))
        except FAILS:
            return True

    def _closed(self, chip: Chip, few: bool = False) -> str:
        for r in self.replayed:
            if isinstance(r.case, Case) and self._run_to(r, chip, self.steps):
                return r.path.name
            if few and isinstance(r.case, WordCase) and self._sent(r, chip):
                return r.path.name
        return ""

    def _sent(self, r: Replayed, chip: Chip) -> bool:
        assert isinstance(r.case, WordCase) and isinstance(r.whole, OperationLog)
        try:
            case = self._case(r, chip)
            options = {**case.options, "interpreted": True}
            log = emulate_words(case.network, case.words[: len(r.case.words)], **options)
            return not same_log(r.whole, log)
        except FAILS:
            return True

    def _tables(self, chip: Chip) -> str:
        for r in self.replayed:
            if isinstance(r.case, TableCase):
                try:
                    if _wrong(self._case(r, chip).check()):
                        return r.path.name
                except FAILS as error:
                    return f"{r.path.name}: {type(error).__name__}"
        return ""

    def _start(self, chip: Chip) -> str | None:
        """The file that shows another state before the first tick; None if there is no such state."""
        other = None  # 'equal' if the equations are others but give no other state in any case
        for r in self.replayed:
            if not isinstance(r.case, Case):
                continue
            try:
                neurons = self._neurons(r, chip)
                for name, p in r.case.network.populations.items():
                    old, new = p.neuron.start, neurons[name].start
                    if old is None or new is None or old == new:
                        continue
                    other = "equal" if other is None else other
                    given = {k: np.asarray(v)[None] for k, v in p.parameters.items()}
                    (a, _), (b, bad) = (self._compile(x)(given, {}) for x in (old, new))
                    kept = {*old.registers} - {*p.initial}
                    if np.any(bad) or any(k in a and (a[k] != b[k]).any() for k in kept):
                        other = ""
                        if self._run_to(r, chip, 1):
                            return r.path.name
                        break
            except FAILS as error:
                return f"{r.path.name}: {type(error).__name__}"
        return other

    # ---- the machine ----------------------------------------------------------------------------

    def _machine(self, mutant: Mutant, chip: Chip) -> str:
        """One word, sent from the state that the unchanged chip had then."""
        for r in self.replayed:
            assert isinstance(r.case, WordCase) and isinstance(r.whole, OperationLog)
            if bool(r.case.options.get("saturate")):
                continue
            for word in self._affected(mutant, chip, r)[:3]:
                try:
                    if not same_log(self._one(r, word, self.chip), self._one(r, word, chip)):
                        return r.path.name
                except FAILS as error:  # noqa: PERF203
                    return f"{r.path.name}: {type(error).__name__}"
        return ""

    def _touched(self, r: Replayed, chip: Chip) -> bool:
        """Whether the mutant does anything else with the words of this case."""
        assert isinstance(r.case, WordCase)
        assert self.chip.machine is not None
        assert chip.machine is not None
        setting = {k: np.int64(v) for k, v in r.case.network.configuration.items()}
        words = np.unique(r.case.words.astype(np.int64))
        return not same(self.chip.machine, chip.machine, words, setting)

    def _affected(self, mutant: Mutant, chip: Chip, r: Replayed) -> list[int]:
        """Words whose rules have another value in the mutant, the cheapest to run."""
        assert isinstance(r.case, WordCase) and isinstance(r.whole, OperationLog)
        old, new = self.chip.machine, chip.machine
        assert old is not None and new is not None
        log, words = r.whole, r.case.words.tolist()
        values = [Values(r.case.network.configuration) for _ in range(2)]

        def differ(a: Any, b: Any, **names: int) -> bool:
            if a is None or b is None or a.program == b.program:
                return (a is None) != (b is None)
            return values[0].of(a, **names) != values[1].of(b, **names)

        counts = np.bincount(log.event[log.event >= 0], minlength=len(words))
        found: list[int] = []
        part = mutant.path[1]
        if part == "receive":
            k = mutant.path[2]
            assert isinstance(k, int)
            for w, word in enumerate(words):
                a, b = old.receive[k], new.receive[k]
                if any(differ(getattr(a, n), getattr(b, n), word=word)
                       for n in ("when", "push", "argument")) or a.idle_only != b.idle_only:  # fmt: skip
                    found.append(w)
        else:
            for k, (kind, argument, event) in enumerate(
                zip(log.type.tolist(), log.argument.tolist(), log.event.tolist(), strict=True)
            ):
                del k
                name = next(n for n, o in old.operations.items() if o.kind == kind)
                if part == "operation" and mutant.path[2] == name:
                    a, b = old.operations[name], new.operations[name]
                    rules = [(getattr(a, n), getattr(b, n)) for n in (
                        "first", "last", "row", "row_last", "cycles", "output", "output_when")]  # fmt: skip
                    rules += [(a.inputs[i], b.inputs[i]) for i in a.inputs]
                    if a.kind != b.kind or any(differ(x, y, argument=argument) for x, y in rules):
                        found.append(event)
                elif part == "serve" and any(
                    differ(getattr(a, n), getattr(b, n), item=argument)
                    for a, b in zip(old.serve, new.serve, strict=True)
                    for n in ("when", "argument")
                ):
                    found.append(event)
            if part == "spike":
                found = log.event[np.unique(log.spikes[0])].tolist()
        found = [w for w in dict.fromkeys(found) if w >= 0]
        light = [w for w in found if log.type[log.event == w].max(initial=0) < 4]
        order = light or found
        return sorted(order, key=lambda w: int(counts[w]))

    def _one(self, r: Replayed, word: int, chip: Chip) -> OperationLog:
        """Send one word from the state before it."""
        assert isinstance(r.case, WordCase) and isinstance(r.whole, OperationLog)
        log, net = r.whole, r.case.network
        at = int(np.searchsorted(log.event, word))
        populations = {}
        for name, p in net.populations.items():
            state = p.start() if at == 0 else {
                k: v[at - 1].astype(np.int64) for k, v in log.registers[name].items()
            }  # fmt: skip
            neuron = chip.neurons[p.neuron.name]
            populations[name] = FixedPopulation.of(name, p.n, neuron, dict(p.parameters), state)
        assert net.synapse_memory is not None
        memory = net.synapse_memory.copy()
        operation, row, column, code = log.changes
        before = operation < at
        memory[row[before], column[before]] = code[before]
        network = replace(net, chip=chip, populations=populations, synapse_memory=memory)
        return emulate_words(network, r.case.words[word : word + 1], interpreted=True, limit=60)

    # ---- the kernel -----------------------------------------------------------------------------

    def _kernel(self, chip: Chip, paths: Sequence[Path]) -> str:
        """Files replayed; the first that differs."""
        for path in paths:
            try:
                for case in reader_of(chip)(path, chip):
                    if isinstance(case, TableCase):
                        checks = case.check()
                    elif isinstance(case, WordCase):
                        checks = case.check(emulate_words(case.network, case.words, **case.options))
                    else:
                        checks = case.check(emulate(case.network, **case.run))
                    if _wrong(checks):
                        return path.name
            except FAILS as error:  # noqa: PERF203
                return f"{path.name}: {type(error).__name__}"
        return ""


def _steps(r: Replayed) -> int:
    assert isinstance(r.whole, Recording)
    return r.whole.steps


def _weights_same(old: Chip, new: Chip) -> bool:
    """Whether two weight rules give the same for every weight that can be stored."""
    a, b = old.weight.delivered, new.weight.delivered
    assert a is not None and b is not None
    form = a.inputs["weight"]
    low, high = old.weight.exponent
    weight, exponent, bits, mixed = np.meshgrid(
        np.arange(form.low, form.high + 1), np.arange(low, high + 1),
        np.arange(1, old.weight.bits + 1), np.arange(2), indexing="ij",
    )  # fmt: skip
    given = {"weight": weight, "exponent": exponent, "bits": bits, "mixed": mixed}
    (x, _), (y, bad) = (Compiled(p)(given, {}) for p in (a, b))
    return not np.any(bad) and bool((x["delivered"] == y["delivered"]).all())


def _held(p: FixedPopulation, neuron: Neuron) -> bool:
    """Whether codes and initial values are in the ranges of a neuron."""
    forms = {**neuron.tick.parameters, **neuron.tick.registers}
    given = {**p.parameters, **p.initial}
    return all(
        forms[k].reads[0] <= v.min(initial=0) and v.max(initial=0) <= forms[k].reads[1]
        for k, v in given.items()
    )


def _size(r: Replayed) -> int:
    if isinstance(r.whole, Recording) and isinstance(r.case, Case):
        return r.whole.steps * sum(p.n for p in r.case.network.populations.values())
    return len(r.whole.type) * 256 if isinstance(r.whole, OperationLog) else 1 << 40


def _wrong(checks: Sequence[Check]) -> bool:
    for check in checks:
        got, expected = np.asarray(check.got), np.asarray(check.expected)
        if got.shape != expected.shape or (got != expected).any():
            return True
    return False


def _chunks(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Rows in growing parts."""
    rows, width = shape[0], int(np.prod(shape[1:]))
    low, size = 0, max(1, 2000 // max(width, 1))
    while low < rows:
        yield low, min(rows, low + size)
        low, size = low + size, min(size * 4, max(1, 400_000 // max(width, 1)))


def _first(e: Executions, low: int, where: NDArray[np.bool_]) -> int:
    """The time of the first difference."""
    row = int(np.argmax(where.reshape(len(where), -1).any(axis=1)))
    return int(np.ravel(e.time)[low + row])


def _with(spikes: Spikes, step: int, row: NDArray[np.int64]) -> Spikes:
    """Spikes of trial 0 with those of one step replaced."""
    keep = spikes.step != step
    neuron = np.flatnonzero(row)
    value = np.ones(spikes.count, np.int64) if spikes.value is None else spikes.value
    return Spikes.of(
        spikes.n, np.concatenate([spikes.trial[keep], np.zeros_like(neuron)]),
        np.concatenate([spikes.step[keep], np.full_like(neuron, step)]),
        np.concatenate([spikes.neuron[keep], neuron]),
        np.concatenate([value[keep], row[neuron] if spikes.value is not None else np.ones_like(neuron)]),
    )  # fmt: skip


def padded(part: Recording, steps: int) -> Recording:
    """A recording made as long as ``steps`` with zeros."""
    traces = {
        name: {
            k: Trace(np.pad(t.values, ((0, 0), (0, steps - part.steps), (0, 0))), t.neurons)
            for k, t in registers.items()
        } for name, registers in part.traces.items()
    }  # fmt: skip
    return Recording(**{**part.__dict__, "steps": steps, "traces": traces})


def spliced(whole: Recording, part: Recording) -> Recording:
    """``whole`` with its beginning replaced."""
    traces = {}
    for name, registers in whole.traces.items():
        traces[name] = dict(registers)
        for k, t in part.traces.get(name, {}).items():
            values = registers[k].values.copy()
            values[:, : part.steps] = t.values
            traces[name][k] = Trace(values, t.neurons, t.stride)
    spikes = {}
    for name, old in whole.spikes.items():
        new, keep = part.spikes[name], old.step >= part.steps
        columns = [
            np.concatenate([getattr(new, c), getattr(old, c)[keep]])
            for c in ("trial", "step", "neuron")
        ]  # fmt: skip
        parts = [np.ones(s.count, np.int64) if s.value is None else s.value for s in (new, old)]
        spikes[name] = Spikes.of(old.n, *columns, np.concatenate([parts[0], parts[1][keep]]))
    return Recording(**{**whole.__dict__, "traces": traces, "spikes": spikes})


def same_log(a: OperationLog, b: OperationLog) -> bool:
    """Whether two logs hold the same."""
    pairs = [(getattr(a, k), getattr(b, k)) for k in ("type", "argument", "event", "cycles")]
    for key in ("spikes", "output", "changes"):
        pairs += zip(getattr(a, key), getattr(b, key), strict=True)
    for name, rows in a.registers.items():
        pairs += [(v, b.registers[name][k]) for k, v in rows.items()]
    return all(np.array_equal(x, y) for x, y in pairs)
