"""``neurohw models``: the models that silicon abstracts from: list, show, draw."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from neurohw.cli.options import Commands, command, json_option, place

if TYPE_CHECKING:
    from neurohw.biophysics import Cable, Circuit, Model


def add(commands: Commands) -> None:
    parser = command(
        commands, "models", "list the biophysical models, or show one: equations, numbers, sources",
        "  neurohw models\n  neurohw models hodgkin-huxley\n"
        "  neurohw models hodgkin-huxley --plot spikes.png\n"
        "  neurohw models hodgkin-huxley --gates gates.png",
    )  # fmt: skip
    parser.add_argument("model", nargs="?", metavar="NAME", help="one model")
    parser.add_argument(
        "--plot", type=place, metavar="FILE.png", help="draw the model at work (.png, .pdf or .svg)"
    )
    parser.add_argument(
        "--gates", type=place, metavar="FILE.png", help="draw its gating curves, where it has gates"
    )
    parser.add_argument(
        "--dt", type=float, metavar="SECONDS", help="time step of the drawing's simulation"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neurohw import biophysics as bio
    from neurohw.cli import console
    from neurohw.errors import InputError

    if options.model is None:
        if options.plot or options.gates or options.dt is not None:
            raise InputError(
                "--plot, --gates and --dt: say of which model: neurohw models NAME --plot F"
            )
        _list(options.json)
        return 0
    model = bio.load_model(options.model)
    drawn = []
    if options.gates:
        if not isinstance(model, bio.Model):
            raise InputError(f"{model.name} is no point model and has no gates of its own")
        drawn.append((bio.gating_figure(model), options.gates))
    if options.plot:
        drawn.append((bio.portrait(model, options.dt), options.plot))
    for figure, path in drawn:
        _save(figure, path)
    if options.json:
        console.as_json(describe(model))
    elif not drawn:
        _show(model)
    else:
        for _, path in drawn:
            console.line(f"figure: {path}")
    return 0


def _save(figure: Any, path: str) -> None:
    from pathlib import Path

    from neurohw.errors import InputError

    if Path(path).suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise InputError(f"{path}: can't draw that kind of file; name it .png, .pdf or .svg")
    figure.savefig(path, dpi=200)


def _list(as_json: bool) -> None:
    from neurohw import biophysics as bio
    from neurohw.cli import console

    models = [bio.load_model(name) for name in bio.list_models()]
    if as_json:
        console.as_json([describe(model) for model in models])
        return
    console.table("Models", ("name", "what it is"), [(m.name, m.summary) for m in models])
    console.line("neurohw models NAME shows one; --plot FILE.png draws it.")


def _point(model: Model | Cable | Circuit) -> Model:
    """The equations of a cable are its membrane's, of a network its cells'."""
    from neurohw import biophysics as bio

    if isinstance(model, bio.Model):
        return model
    return model.membrane if isinstance(model, bio.Cable) else model.cell


def describe(model: Model | Cable | Circuit) -> dict[str, Any]:
    """A model as plain values, SI units."""
    point = _point(model)
    found: dict[str, Any] = {
        "name": model.name, "title": model.title, "summary": model.summary,
        "sources": list(model.sources), "equations": point.equations,
        "parameters": {
            k: {"value": p.value, "unit": p.unit, "meaning": p.meaning, "source": p.source}
            for k, p in point.parameters.items()
        },
        "start": dict(point.start), "threshold": point.threshold, "reset": point.reset,
        "refractory": point.refractory, "events": dict(point.events), "method": point.method,
        "dt": point.step, "coarsest_dt": point.coarsest,
        "drive": point.drive.__dict__ if point.drive else None,
    }  # fmt: skip
    found["numbers"] = {what: value for what, value, _ in _numbers(model)}
    return found


def _numbers(model: Model | Cable | Circuit) -> list[tuple[str, str, str]]:
    """What a cable or a network has beside its equations: (what, value, source)."""
    from neurohw import biophysics as bio
    from neurohw.biophysics.units import shown

    if isinstance(model, bio.Cable):
        where = "differs by compartment"
        own = [(k, _range(v, model.membrane.unit(k)), where) for k, v in model.own.items()]
        return [
            ("compartments", str(model.n), ""),
            ("length", f"{model.length.sum() * 1e3:.4g} mm", ""),
            ("diameter", _range(model.diameter, "meter"), ""),
            ("axial resistivity", shown(model.axial.value, model.axial.unit), model.axial.source),
            *own,
        ]
    if isinstance(model, bio.Circuit):
        return [
            ("excitatory cells", str(model.excitatory), ""),
            ("inhibitory cells", str(model.inhibitory), ""),
            ("synapses into each", f"{model.in_exc} excitatory, {model.in_inh} inhibitory", ""),
            ("spikes from outside", f"{model.external:g} 1/s into each", ""),
            ("delay", shown(model.delay, "second"), ""),
        ]
    return []


def _range(values: Any, unit: str) -> str:
    from neurohw.biophysics.units import shown

    low, high = float(values.min()), float(values.max())
    return shown(low, unit) if low == high else f"{shown(low, unit)} to {shown(high, unit)}"


def _show(model: Model | Cable | Circuit) -> None:
    from neurohw import biophysics as bio
    from neurohw.biophysics.units import shown
    from neurohw.cli import console

    point = _point(model)
    console.line(f"{model.name}: {model.title}")
    console.line(f"  {model.summary}")
    if point.name != model.name:
        console.line(f"  made of: {point.title}")
    if point.drive and point is model:
        console.line(f"  stimulus: {point.drive.name}, {point.drive.meaning}")
    for what, text in (
        ("equations", point.equations), ("a spike when", point.threshold), ("then", point.reset),
        *((f"at an arriving spike ({name})", text) for name, text in point.events.items()),
    ):  # fmt: skip
        if text:
            console.line(f"  {what}:")
            for line in text.strip().splitlines():
                console.line(f"    {line}")
    if point.refractory:
        console.line(f"  refractory for: {point.refractory}")
    start = ", ".join(f"{k} = {shown(v, point.unit(k))}" for k, v in point.start.items())
    console.line(f"  starts at: {start}{' (first guess of its rest)' if point.rests else ''}")
    steps = model if isinstance(model, bio.Cable) else point
    console.line(
        f"  time step: {shown(steps.step, 'second')}, at most {shown(steps.coarsest, 'second')}"
    )
    console.line("")
    console.table(
        "Parameters", ("name", "value", "meaning", "source"),
        [(k, shown(p.value, p.unit), p.meaning, p.source) for k, p in point.parameters.items()],
    )  # fmt: skip
    rows = _numbers(model)
    if rows:
        console.table("Numbers", ("what", "value", "source"), rows)
    console.line("sources:")
    for source in model.sources:
        console.line(f"  {source}")
