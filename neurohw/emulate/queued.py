"""The definition of an event-driven chip: words, queue and sweeps, in plain Python integers.

A word that waits is accepted while the queue is not full; the queue is served when it is full, when
no word may come first, and (``saturate``: the host always has a word waiting) in turn with words.
What is served keeps its place in the queue until its sweep is over. A neuron that spikes pushes an
item at once, or loses it if the queue is full.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

from neurohw.chip.machine import Branch, Machine, Operation, Rule
from neurohw.emulate.log import DROPPED, OPEN, PUSHED
from neurohw.equations.interpret import execute
from neurohw.errors import RegisterOverflow
from neurohw.fixed import FixedPointNetwork, FixedPopulation


class Queued:
    """The chip between two words: registers, synapses, queue, and the log so far."""

    def __init__(
        self, network: FixedPointNetwork, synapses: list[list[int]], strict: bool = False
    ) -> None:
        self.strict = strict
        assert network.chip.machine is not None
        self.network, self.machine = network, network.chip.machine
        self.configuration = dict(network.configuration)
        self.synapses = synapses
        self.state = {
            name: {k: v.tolist() for k, v in p.start().items()}
            for name, p in network.populations.items()
        }
        self.parameters = {
            name: {k: v.tolist() for k, v in p.parameters.items()}
            for name, p in network.populations.items()
        }
        self.owner: list[tuple[FixedPopulation, int]] = [
            (p, j) for p in network.populations.values() for j in range(p.n)
        ]
        self.queue: deque[int] = deque()
        self.event = -1
        self.operations: list[tuple[int, int, int, int]] = []
        self.spikes: list[tuple[int, int, int]] = []
        self.output: list[tuple[int, int]] = []
        self.changes: list[tuple[int, int, int, int]] = []
        self.overflows: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.after: Callable[[], None] = lambda: None

    def run(self, words: Sequence[int], saturate: bool = False, limit: int = 1 << 62) -> int:
        """Send words until all are accepted and the queue is empty, or ``limit`` operations have
        run; how many words were accepted."""
        accepted, turn = 0, False
        while len(self.operations) < limit:
            branch = self.branch_of("word", words[accepted]) if accepted < len(words) else None
            held = branch is None or (branch.idle_only and bool(self.queue))
            full = len(self.queue) >= self.machine.queue
            if self.queue and (full or held or turn or not saturate):
                self.serve()
                turn = False
            elif branch is not None:
                self.event += 1
                self.accept(branch, words[accepted])
                accepted += 1
                turn = True
            else:
                break
        return accepted

    def value(self, rule: Rule, **names: int) -> int:
        """The value of an expression of the machine."""
        cell = {**self.configuration, **names}
        execute(rule.program, cell)
        return cell["value"]

    def branch_of(self, what: str, value: int) -> Branch:
        """The first branch whose test holds for a word or an item."""
        machine: Machine = self.machine
        for branch in machine.receive if what == "word" else machine.serve:
            if self.value(branch.when, **{what: value}):
                return branch
        raise AssertionError(f"no branch for {what} {value}")

    def accept(self, branch: Branch, word: int) -> None:
        if branch.push is not None:
            self.queue.append(self.value(branch.push, word=word))
        else:
            assert branch.argument is not None
            argument = self.value(branch.argument, word=word)
            self.operate(self.machine.operations[branch.operation], argument)

    def serve(self) -> None:
        item = self.queue[0]
        branch = self.branch_of("item", item)
        assert branch.argument is not None
        argument = self.value(branch.argument, item=item)
        self.operate(self.machine.operations[branch.operation], argument)
        self.queue.popleft()

    def operate(self, operation: Operation, argument: int) -> None:
        """One sweep over rows and neurons."""
        first, last = (self.value(r, argument=argument) for r in (operation.first, operation.last))
        rows: Sequence[int] = (0,)
        if operation.row is not None:
            row = self.value(operation.row, argument=argument)
            end = operation.row_last
            rows = range(row, 1 + (self.value(end, argument=argument) if end else row))
        given = {k: self.value(r, argument=argument) for k, r in operation.inputs.items()}
        for row in rows:
            for neuron in range(first, min(last, len(self.owner) - 1) + 1):
                self.update(operation, row, neuron, given)
        cycles = 0 if operation.cycles is None else self.value(operation.cycles, argument=argument)
        if operation.output is not None and (
            operation.output_when is None or self.value(operation.output_when, argument=argument)
        ):
            address = self.value(operation.output, argument=argument)
            self.output.append((len(self.operations), address))
        self.operations.append((operation.kind, argument, self.event, cycles))
        self.after()

    def update(self, operation: Operation, row: int, neuron: int, given: Mapping[str, int]) -> None:
        """Run the phase on one neuron."""
        population, j = self.owner[neuron]
        program = population.neuron.phases[operation.phase]
        stored = self.synapses[row][neuron] if operation.row is not None else given.get("syn", 0)
        state = self.state[population.name]
        cell = {
            **dict.fromkeys(population.neuron.inputs, 0), **given, "syn": stored,
            **{k: values[j] for k, values in state.items()},
            **{k: values[j] for k, values in self.parameters[population.name].items()},
        }  # fmt: skip
        formats, counts = population.neuron.formats, self.overflows[population.name]

        def overflow(k: int, register: str, value: int) -> None:
            counts[register] += 1
            if self.strict or formats[register].overflow == "error":
                raise RegisterOverflow(
                    word_overflow(population, register, value, neuron, len(self.operations))
                )

        execute(program, cell, on_overflow=overflow)
        for key, values in state.items():
            values[j] = cell[key]
        if operation.row is not None and cell["syn"] != stored:
            self.synapses[row][neuron] = cell["syn"]
            self.changes.append((len(self.operations), row, neuron, cell["syn"]))
        if cell.get("spike", 0):
            self.spike(neuron)

    def spike(self, neuron: int) -> None:
        machine, fate = self.machine, PUSHED
        if self.value(machine.spike_unless, neuron=neuron):
            fate = OPEN
        elif len(self.queue) >= machine.queue:
            fate = DROPPED
        else:
            self.queue.append(self.value(machine.spike_push, neuron=neuron))
        self.spikes.append((len(self.operations), neuron, fate))
        if self.value(machine.spike_output_when, neuron=neuron):
            address = self.value(machine.spike_output, neuron=neuron)
            self.output.append((len(self.operations), address))


def word_overflow(
    population: FixedPopulation, register: str, value: int, neuron: int, operation: int
) -> str:
    """The one line for a store that its register can't hold."""
    form = population.neuron.formats[register]
    return (
        f"{population.name}.{register} of neuron {neuron} got {value} in operation {operation}; "
        f"{form} holds {form.low}..{form.high}: give the register an overflow mode or more bits"
    )
