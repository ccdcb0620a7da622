"""Integer equations as a function over numpy arrays, for a generated Lava process model."""

from __future__ import annotations

from neurohw.chip.model import Neuron
from neurohw.equations.emit import Emitter, prelude, stored, tables
from neurohw.fixedpoint import Format
from neurohw_backends.lava_program import NEURONS


def generated_section(neurons: list[Neuron]) -> str:
    """The primitives and one ``tick_NAME`` for each neuron, as the script's text."""
    if not neurons:
        return NEURONS
    # The script imports numpy and Any itself.
    parts = [NEURONS.strip(), "Array = Any", prelude("neurohw.equations.array_primitives")]
    parts += [tables(n.tick for n in neurons), *(tick_function(n) for n in neurons)]
    return "\n\n\n".join(part.strip() for part in parts if part) + "\n"


def tick_function(neuron: Neuron) -> str:
    """``tick_NAME(state, parameters, inputs) -> spike``: every argument maps names to int64 (n,).

    What arrives is ``inputs["syn"]``, whatever the neuron calls its input.
    """
    program = neuron.tick
    emitter = Emitter(program, arrays=True, draw="_seed, _trial, _tick, _neuron")
    lines = [f'{neuron.port} = inputs["syn"]']
    lines += [f'{r} = state["{r}"]' for r in program.registers]
    lines += [f'{p} = parameters["{p}"]' for p in program.parameters]
    port = program.inputs[neuron.port]
    if port.overflow == "error":
        lines += refused(neuron.port, port)
    else:
        lines.append(f"{neuron.port} = {stored(port, neuron.port)}")
    if program.randoms:
        lines += [
            f"_place = np.arange({neuron.port}.size)",
            '_n, _seed = parameters["n_"][0], parameters["seed_"][0]',
            '_trial, _neuron = _place // _n, parameters["key_"] + _place % _n',
            '_tick = state["tick_"]',
            'state["tick_"] = _tick + 1',
        ]
    for k, assign in enumerate(program.assigns):
        form = program.targets[assign.target]
        value = emitter.value(assign.value)
        if not program.may_overflow(k) or form.overflow == "exact":
            lines.append(f"{assign.target} = {value}")
        elif form.overflow == "error":
            lines.append(f"{assign.target} = {value}")
            lines += refused(assign.target, form)
        else:
            lines.append(f"{assign.target} = {stored(form, value)}")
    lines += [f'state["{r}"] = {r} + 0 * {neuron.port}' for r in program.registers]
    lines.append(
        f"return spike + 0 * {neuron.port}" if neuron.spikes else f"return 0 * {neuron.port}"
    )
    equations = "".join(f"    # {line}\n" for line in neuron.text.splitlines())
    body = "\n".join(f"    {line}" for line in lines)
    return (
        f"def tick_{neuron.name}(state: Any, parameters: Any, inputs: Any) -> Any:\n"
        f"{equations}{body}\n"
    )


def refused(name: str, form: Format) -> list[str]:
    """Lines that fail where the format does not hold the value."""
    return [
        f"if (({name} < {form.low}) | ({name} > {form.high})).any():",
        f'    raise OverflowError("{name} left {form}")',
    ]
