"""Every execution of a chip's equations in a run, as arrays, and programs evaluated over them.

A mutant changes what a program computes. As long as no execution of the unchanged run gives another
result in the mutant, the mutant's run is the unchanged run; the first execution that does is the
first difference of the mutant's run too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate import emulate
from neurohw.emulate.definition import Interpretation
from neurohw.emulate.log import OperationLog
from neurohw.emulate.plan import plan_run
from neurohw.emulate.words import emulate_words, synapse_memory
from neurohw.equations import Program, array_primitives
from neurohw.equations.emit import Emitter, stored
from neurohw.equations.interpret import execute
from neurohw.equations.tree import Draw
from neurohw.fixed import FixedPopulation
from neurohw.recording import Recording
from neurohw.vectors.case import Case, WordCase

Columns = Mapping[str, NDArray[Any]]
PRIMITIVES = {k: v for k, v in vars(array_primitives).items() if callable(v)} | {"np": np}


@dataclass(frozen=True, eq=False)
class Executions:
    """Executions of one phase of one neuron.

    ``columns``: what it reads, arrays that broadcast to the shape (times, neurons) of ``time``, which
    is a tick or an operation; draws are in ``draws``. Inputs are as they arrive, before their store,
    but for those in ``unknown``.
    ``whole``: of the whole run. ``exact``: rows are ticks from 0 on, and all of a tick.
    """

    neuron: str
    phase: str
    population: str
    columns: Columns
    time: NDArray[np.int64]
    draws: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)
    exact: bool = True
    unknown: tuple[str, ...] = ()
    whole: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast_shapes(self.time.shape, *(np.shape(c) for c in self.columns.values()))

    def part(self, low: int, high: int) -> Columns:
        """The columns of some rows, int64."""
        rows = self.shape[0]
        return {
            k: (c[low:high] if c.shape[0] == rows and rows > 1 else c).astype(np.int64)
            for k, c in self.columns.items()
        }


class Compiled:
    """A program as a function of arrays."""

    def __init__(self, program: Program) -> None:
        self.program = program
        lines = [
            f"{k} = {stored(f, k)}" for k, f in program.inputs.items()
            if f.overflow not in ("error", "exact")
        ]  # fmt: skip
        lines += [
            f"_bad |= ({k} < {f.low}) | ({k} > {f.high})" for k, f in program.inputs.items()
            if f.overflow == "error"
        ]  # fmt: skip
        for k, assign in enumerate(program.assigns):
            form = program.targets[assign.target]
            emitter = Emitter(program, arrays=True, draw="0, 0, 0, 0")
            if isinstance(assign.value, Draw):
                when = assign.value.when
                lines.append(f"_wanted_{k} = {'True' if when is None else emitter.test(when)}")
                text = f"np.where(_wanted_{k}, np.maximum(_draw_{k}, 0), 0)"
                lines.append(f"_bad |= (_wanted_{k} != (_draw_{k} >= 0))")
            else:
                text = emitter.value(assign.value)
            raw = f"_raw = np.asarray({text}, np.int64)"
            if not program.may_overflow(k) or form.overflow == "exact":
                lines += [raw, f"{assign.target} = _raw"]
            elif form.overflow == "error":
                lines += [raw, f"_bad |= (_raw < {form.low}) | (_raw > {form.high})",
                          f"{assign.target} = np.clip(_raw, {form.low}, {form.high})"]  # fmt: skip
            else:
                lines += [raw, f"{assign.target} = {stored(form, '_raw')}"]
        names = dict.fromkeys([*program.registers, *program.parameters, *program.inputs])
        draws = [f"_draw_{k}" for k, a in enumerate(program.assigns) if isinstance(a.value, Draw)]
        self.names, self.draws = list(names), draws
        self.outputs = list(dict.fromkeys(a.target for a in program.assigns))
        given = ", ".join([*self.names, *draws])
        body = "\n    ".join(
            [
                "_bad = np.zeros((), bool)",
                *(line.replace("_bad |=", "_bad = _bad |") for line in lines),
            ]
        )
        result = ", ".join(f"'{t}': {t}" for t in self.outputs)
        text = f"def run({given}):\n    {body}\n    return {{{result}}}, _bad\n"
        space = dict(PRIMITIVES)
        for name, values in program.tables.items():
            space[f"_table_{name}"] = np.array(values, np.int64)
        exec(text, space)
        self.run = space["run"]

    def __call__(self, columns: Columns, draws: Columns) -> tuple[dict[str, Any], Any]:
        """What every target holds after, and where the run stops with an error or draws otherwise."""
        given = {k: columns[k] if k in columns else np.int64(0) for k in self.names}
        return self.run(**given, **draws)  # type: ignore[no-any-return]


def differences(
    old: Compiled, new: Compiled, done: Executions, low: int, high: int
) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.int64]]]:
    """Where the results of two programs differ, and the new ones of registers and ``spike``."""
    columns = done.part(low, high)
    draws = {f"_draw_{k}": v[low:high] for k, v in done.draws.items()}
    a, _ = old(columns, draws)
    b, bad = new(columns, draws)
    kept = {*old.program.registers, "spike"}
    shape = (min(high, done.shape[0]) - low, *done.shape[1:])
    where = np.zeros(shape, bool) | bad
    for name in kept & {*a, *b}:
        before = a[name] if name in a else columns.get(name, 0)
        after = b[name] if name in b else columns.get(name, 0)
        where = where | (before != after)
    values = {k: np.broadcast_to(v, shape) for k, v in b.items()}
    return where, values


# ---- chips with ticks ---------------------------------------------------------------------------


def recorded(case: Case) -> tuple[Recording, list[Executions]]:
    """A run of the summed engine with every register and input of every population recorded."""
    net = case.network
    record = {
        name: [*p.neuron.tick.registers, *p.neuron.ports] for name, p in net.populations.items()
    }
    asked = case.run.get("record", {})
    record = {k: list(dict.fromkeys([*v, *asked.get(k, [])])) for k, v in record.items()}
    whole = emulate(net, **{**case.run, "record": record})
    found = []
    for name, p in net.populations.items():
        start = p.start()
        arriving = {q.target for q in net.projections}
        injected = case.run.get("injected", {}).get(name)
        clipped = whole.overflows.get(name, {})
        unknown = tuple(k for k in p.neuron.ports if clipped.get(k, 0))
        for trial in range(whole.trials):
            columns: dict[str, NDArray[Any]] = {}
            for register in p.neuron.tick.registers:
                after = whole.trace(name, register).values[trial]
                columns[register] = np.concatenate([start[register][None], after[:-1]])
            for port in p.neuron.ports:
                columns[port] = whole.trace(name, port).values[trial]
            if unknown and name not in arriving and injected is not None and whole.trials == 1:
                by = injected if isinstance(injected, Mapping) else {p.neuron.port: injected}
                columns |= {k: np.asarray(v).reshape(whole.steps, p.n) for k, v in by.items()}
                unknown = ()
            columns |= {k: np.asarray(v)[None] for k, v in p.parameters.items()}
            time = np.arange(whole.steps)[:, None]
            found.append(
                Executions(
                    p.neuron.name, "tick", name, columns, time, exact=trial == 0, unknown=unknown
                )
            )
    return whole, found


class Watched(Interpretation):
    """The interpreter, which keeps what every execution read."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rows: dict[tuple[str, str], list[dict[str, int]]] = {}
        self.drawn: dict[str, int] = {}

    def execute(
        self, population: FixedPopulation, program: Program, j: int, inputs: Mapping[str, int]
    ) -> int:
        phase = next(k for k, p in population.neuron.programs.items() if p is program)
        cell = {k: row[j] for k, row in self.state[population.name].items()}
        cell |= {k: row[j] for k, row in self.parameters[population.name].items()}
        cell |= dict(inputs)
        self.drawn = {}
        spike = super().execute(population, program, j, inputs)
        for k, assign in enumerate(program.assigns):
            if isinstance(assign.value, Draw):
                cell[f"_draw_{k}"] = self.drawn.get(assign.value.generator, -1)
        cell["_time"] = self.step
        self.rows.setdefault((population.name, phase), []).append(cell)
        return spike

    def take(self, neuron: int) -> Any:
        inner = super().take(neuron)

        def taken(name: str) -> int:
            self.drawn[name] = inner(name)
            return self.drawn[name]

        return taken


def watched(case: Case, steps: int, whole: bool = False) -> list[Executions]:
    """Executions of the first steps, from the interpreter: for the ordered engine."""
    run = {"record": None, "neurons": None, "stride": 1, "seed": 0, "on_overflow": "count",
           "inputs": None, "injected": None, **case.run, "steps": steps}  # fmt: skip
    plan = plan_run(case.network, **run)
    interpretation = Watched(plan)
    interpretation.run()
    found = []
    for (name, phase), rows in interpretation.rows.items():
        keys = list(rows[0])
        table = np.array([[row[k] for k in keys] for row in rows], np.int64)
        columns = {k: table[:, i] for i, k in enumerate(keys)}
        draws = {int(k[6:]): columns.pop(k) for k in keys if k.startswith("_draw_")}
        neuron = case.network.populations[name].neuron.name
        found.append(
            Executions(
                neuron, phase, name, columns, columns.pop("_time"), draws, exact=False, whole=whole
            )
        )
    return found


# ---- chips with a queue -------------------------------------------------------------------------


def logged(case: WordCase) -> tuple[OperationLog, list[Executions]]:
    """A run of a chip with a queue, and its executions, found from the log."""
    log = emulate_words(case.network, case.words, **case.options)
    return log, list(_sweeps(case, log))


def _sweeps(case: WordCase, log: OperationLog) -> Iterator[Executions]:
    net, machine = case.network, case.network.chip.machine
    assert machine is not None
    values = Values(net.configuration)
    low, spans = 0, []
    for name, p in net.populations.items():
        spans.append((name, p, low, low + p.n))
        low += p.n
    before = {name: _before(p, log.registers[name]) for name, p, _, _ in spans}
    memories = _Memory(synapse_memory(net), log)
    for kind, operation in enumerate(machine.operations.values()):
        mine = np.flatnonzero(log.type == operation.kind)
        del kind
        groups: dict[tuple[int, ...], list[int]] = {}
        for k in mine.tolist():
            argument = int(log.argument[k])
            first, last = (
                values.of(r, argument=argument) for r in (operation.first, operation.last)
            )
            groups.setdefault((first, min(last, low - 1)), []).append(k)
        for name, p, start, end in spans:
            if operation.phase not in p.neuron.phases:
                continue
            wide = [(g, ks) for g, ks in groups.items() if g[1] > g[0]]
            single = [(g[0], k) for g, ks in groups.items() if g[1] == g[0] for k in ks]
            single = sorted(
                ((n, k) for n, k in single if start <= n < end), key=lambda pair: pair[1]
            )
            sets = [
                (np.array(ks), np.arange(max(first, start), min(last + 1, end))[None])
                for (first, last), ks in wide if max(first, start) < min(last + 1, end)
            ]  # fmt: skip
            if single:
                sets.append((np.array([k for _, k in single]), np.array([[n] for n, _ in single])))
            for ops, neurons in sets:
                yield from _sweep(
                    operation, p, start, ops, neurons, log, before[name], values, memories
                )


def _before(p: FixedPopulation, registers: Columns) -> dict[str, NDArray[Any]]:
    start = p.start()
    return {
        k: np.concatenate([start[k][None].astype(v.dtype), v[:-1]]) for k, v in registers.items()
    }


def _sweep(
    operation: Any, p: FixedPopulation, start: int, ops: NDArray[np.int64],
    neurons: NDArray[np.int64], log: OperationLog, before: Columns, values: Values, memory: _Memory,
) -> Iterator[Executions]:  # fmt: skip
    local = neurons - start
    arguments = log.argument[ops].tolist()
    columns: dict[str, NDArray[Any]] = {k: v[ops[:, None], local] for k, v in before.items()} | {
        k: np.asarray(v)[local] for k, v in p.parameters.items()
    }
    columns |= dict.fromkeys(p.neuron.inputs, np.zeros((1, 1), np.int64))
    for name, rule in operation.inputs.items():
        given = [values.of(rule, argument=a) for a in arguments]
        columns[name] = np.array(given)[:, None]
    time = ops[:, None]
    if operation.row is None:
        done = Executions(p.neuron.name, operation.phase, p.name, columns, time)
        _verify(done, p, log, local)
        yield done
        return
    rows = [values.of(operation.row, argument=a) for a in arguments]
    if operation.row_last is None:
        columns["syn"] = memory.rows(ops, np.array(rows)[:, None], neurons)
        done = Executions(p.neuron.name, operation.phase, p.name, columns, time)
        _verify(done, p, log, local)
        yield done
        return
    for k, (op, row, argument) in enumerate(zip(ops.tolist(), rows, arguments, strict=True)):
        last = values.of(operation.row_last, argument=argument)
        here = {
            n: c[k : k + 1] if len(c) == len(ops) and len(ops) > 1 else c
            for n, c in columns.items()
        }
        which = np.arange(row, last + 1)[:, None]
        here["syn"] = memory.rows(np.full(len(which), op), which, neurons)
        yield Executions(p.neuron.name, operation.phase, p.name, here, np.full((len(which), 1), op))


def _verify(
    done: Executions, p: FixedPopulation, log: OperationLog, local: NDArray[np.int64]
) -> None:
    """What was read must give what the log has next."""
    few = min(len(done.time), 200)
    values, _ = Compiled(p.neuron.phases[done.phase])(done.part(0, few), {})
    if done.shape[0] == 1:
        few = 1
    for register, form in p.neuron.tick.registers.items():
        del form
        if register in values:
            now = log.registers[p.name][register][
                done.time[:few], local if len(local) == 1 else local[:few]
            ]
            assert np.array_equal(np.broadcast_to(values[register], now.shape), now), (
                f"{p.name}.{register} in {done.phase} is not what the log has"
            )


class _Memory:
    """The synapses before each operation."""

    def __init__(self, start: NDArray[np.int64], log: OperationLog) -> None:
        self.start, self.log = start, log

    def rows(
        self, ops: NDArray[np.int64], rows: NDArray[np.int64], neurons: NDArray[np.int64]
    ) -> NDArray[np.int8]:
        """Codes in row[k] of ``neurons`` before operation ops[k]; ``ops`` ascend."""
        changed, row, neuron, code = self.log.changes
        if not len(changed):
            return self.start[rows, neurons].astype(np.int8)
        memory, found = self.start.copy(), []
        ends = np.searchsorted(changed, ops, side="left")
        at = 0
        wide = np.broadcast_to(neurons, (len(ops), neurons.shape[1]))
        for k, end in enumerate(ends.tolist()):
            memory[row[at:end], neuron[at:end]] = code[at:end]
            at = max(at, end)
            found.append(memory[rows[k], wide[k]].astype(np.int8))
        return np.stack(found)


class Values:
    """Values of a machine's expressions, kept."""

    def __init__(self, configuration: Mapping[str, int]) -> None:
        self.configuration, self.kept = dict(configuration), dict[Any, int]()

    def of(self, rule: Any, **names: int) -> int:
        key = (id(rule), *names.values())
        if key not in self.kept:
            cell = {**self.configuration, **names}
            execute(rule.program, cell)
            self.kept[key] = cell["value"]
        return self.kept[key]
