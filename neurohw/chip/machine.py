"""An event-driven chip: words from the host, a queue, operations that sweep over neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurohw.equations import Program
from neurohw.fixedpoint import Format


@dataclass(frozen=True)
class Rule:
    """An integer expression of a word, an item, an argument, a neuron or the configuration."""

    text: str
    program: Program


@dataclass(frozen=True)
class Branch:
    """What a word or an item does if ``when`` is not 0: go into the queue as ``push``, or run
    ``operation`` with ``argument``, now or (``idle_only``) once the queue is empty."""

    when: Rule
    push: Rule | None
    operation: str
    argument: Rule | None
    idle_only: bool = False


@dataclass(frozen=True)
class Operation:
    """A sweep: ``phase`` runs on the neurons ``first`` to ``last``, for each synapse row from ``row``
    to ``row_last``; ``inputs`` are what the phase reads. ``output`` is sent to the host afterwards
    if ``output_when``. ``kind`` is its number in logs."""

    name: str
    kind: int
    phase: str
    first: Rule
    last: Rule
    row: Rule | None
    row_last: Rule | None
    inputs: Mapping[str, Rule]
    cycles: Rule | None
    output: Rule | None
    output_when: Rule | None


@dataclass(frozen=True)
class Machine:
    """The words, queue, operations and configuration of a chip that has no ticks.

    A neuron that spikes pushes ``spike_push`` unless ``spike_unless``, and sends ``spike_output`` to
    the host if ``spike_output_when``. ``step_spike`` is the word for an input spike of an address,
    ``step_end`` are the words that end a time step.
    """

    word: Format
    item: Format
    synapse: Format
    neurons: int
    queue: int
    configuration: Mapping[str, Format]
    defaults: Mapping[str, int]
    receive: tuple[Branch, ...]
    serve: tuple[Branch, ...]
    operations: Mapping[str, Operation]
    spike_push: Rule
    spike_unless: Rule
    spike_output: Rule
    spike_output_when: Rule
    step_spike: Rule
    step_end: tuple[int, ...]
    source: str
    status: str
