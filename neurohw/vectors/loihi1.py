"""Vectors of the simulators of Loihi 1: nengo-loihi, brian2-loihi, and Lava where they agree.

The README beside the vectors lists the arrays of a file. The oracle that a profile names says whose
part of a file it must reproduce. ``in_spikes[k]`` act at tick k, so inputs have no latency here.
Learning (nengo_pes, brian_stdp) is not emulated: those files hold no case.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw import files
from neurohw.chip.model import Chip
from neurohw.errors import FileError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording
from neurohw.vectors.case import Case, Check, TableCase
from neurohw.weights import delivered

Int = NDArray[np.int64]
Data = dict[str, NDArray[Any]]

ORACLES = ("nengo", "brian", "lava")
"""How the name of a profile's oracle begins."""
MODES = {1: "mixed", 2: "excitatory", 3: "inhibitory"}
"""Sign modes as brian2-loihi numbers them."""
EXPONENTS = range(8)
"""Of a bias."""


def cases(path: Path, chip: Chip) -> list[Case | TableCase]:
    """What the file holds for the oracle of this chip; nothing if it is another's or of learning."""
    path = Path(path)
    oracle = next((o for o in ORACLES if chip.oracle.name.startswith(o)), "")
    if path.suffix == ".json":
        return [*_edge_cases(path, chip, oracle)]
    if path.suffix != ".npz" or not oracle:
        return []
    data = files.read_npz(path)
    if "agree_nengo_brian" in data:
        return [*_agreed(path.stem, data, chip, oracle)]
    if "trace_draw" in data or any(key.endswith("_rule") for key in data):
        return []
    if oracle == "nengo":
        if "decay_x" in data:
            return [*_tables(path.stem, data, chip)]
        if "noise_draw" in data:
            return [_noise(path.stem, data, chip)]
        if "w_rec_mant" in data and "decay_u" in data:
            return [*_networks(path.stem, data, chip, oracle)]
        if "decay_u" in data:
            return [_singles(path.stem, data, chip, oracle)]
    if oracle == "brian":
        if "w_valid" in data:
            return [_brian_weights(path.stem, data, chip)]
        if "w_rec_mant" in data and "decay_I" in data:
            return [*_networks(path.stem, data, chip, oracle)]
        if "decay_I" in data:
            return [_singles(path.stem, data, chip, oracle)]
    return []


# ---- codes, synapses and spikes ------------------------------------------------------------------


def _codes(oracle: str, decay_u: Any, decay_v: Any, vth: Any, refract: Any = 1) -> dict[str, Any]:
    """Codes of ``lif`` without bias, bounds at their widest."""
    if oracle == "lava":
        return {"du": decay_u, "dv": decay_v, "vth": vth, "bias_mant": 0, "bias_exp": 0}
    return {
        "decay_u": decay_u, "decay_v": decay_v, "vth": vth, "refract": refract,
        "bias_mant": 0, "bias_exp": 0, "vmin_exp": 23, "vmax_exp": 7,
    }  # fmt: skip


def _bounds(data: Mapping[str, Any]) -> dict[str, Int]:
    """Exponents of the membrane's bounds -(2^e) + 1 and 2^(9 + 2 e) - 1, as far as they are given."""
    found = {}
    if "vmin" in data:
        vmin = np.atleast_1d(data["vmin"]).astype(np.int64)
        found["vmin_exp"] = np.array([int(1 - v).bit_length() - 1 for v in vmin])
    if "vmax" in data:
        vmax = np.atleast_1d(data["vmax"]).astype(np.int64)
        found["vmax_exp"] = np.array([(int(v).bit_length() - 9) // 2 for v in vmax])
    return found


def _bias(data: Mapping[str, Any]) -> dict[str, Int]:
    """Mantissa and exponent of a bias: as given, or any that make it."""
    if "bias_mant" in data:
        return {k: np.atleast_1d(data[k]).astype(np.int64) for k in ("bias_mant", "bias_exp")}
    if "bias" not in data:
        return {}
    bias = np.atleast_1d(data["bias"]).astype(np.int64)
    exponent = np.zeros_like(bias)
    for k in EXPONENTS:
        exponent = np.where(np.abs(bias >> exponent) > 4095, k, exponent)
    return {"bias_mant": bias >> exponent, "bias_exp": exponent}


def _effective(chip: Chip, weight: Any, exponent: int, bits: int, mode: str) -> Int:
    """What synapses add to the current."""
    return delivered(chip, weight, exponent, bits, mode == "mixed") << _unit(chip)


def _unit(chip: Chip) -> int:
    """Bits by which the neuron shifts its input to the left."""
    return chip.neurons["lif"].tick.constants["unit_bits"]


def _projections(
    chip: Chip, name: str, source: str, mantissa: Int, exponent: int, bits: int = 8,
    mode: str = "mixed", delay: Any = 0, effective: Int | None = None,
) -> list[FixedProjection]:  # fmt: skip
    """A matrix [pre, post] of mantissas as synapses on population 'x'.

    nengo-loihi was handed ``effective`` weights in some files, among them -256 of mixed sign, which
    its own rounding never gives: what the chip's rule leaves of a weight is a second synapse.
    """
    delays = np.broadcast_to(np.asarray(delay, np.int64), mantissa.shape)

    def synapses(weight: Int, exponent: int, bits: int, mode: str, label: str) -> FixedProjection:
        pre, post = np.nonzero(weight)
        return FixedProjection.of(
            source, "x", pre, post, weight[pre, post], delays[pre, post], exponent, label,
            bits=bits, mode=mode,
        )  # fmt: skip

    found = [synapses(mantissa, exponent, bits, mode, name)]
    if effective is None:
        return found
    rest = (effective - _effective(chip, mantissa, exponent, bits, mode)) >> _unit(chip)
    for k in range(-1, 8):
        # Mixed weights of 8 bits deliver even mantissas as they are: those of exponent k in full.
        mine = (np.abs(rest) << 1 <= 254 << (k + 1)) & (rest != 0)
        if mine.any():
            weight = np.where(mine, rest << 1 >> (k + 1), 0)
            found.append(synapses(weight, k, 8, "mixed", f"{name}, rest of exponent {k}"))
        rest = np.where(mine, 0, rest)
    return found


def _network(
    chip: Chip, name: str, codes: Mapping[str, Any], n: int, inputs: int,
    projections: Sequence[FixedProjection], neuron: str = "lif",
) -> FixedPointNetwork:  # fmt: skip
    population = FixedPopulation.of(
        "x", n, chip.neurons[neuron], {k: np.asarray(v, np.int64) for k, v in codes.items()}
    )
    return FixedPointNetwork(
        chip, 1e-3, {"in": inputs} if inputs else {}, {"x": population}, tuple(projections),
        name=name, input_latency=0,
    )  # fmt: skip


def _run(raster: NDArray[Any]) -> dict[str, Any]:
    """Arguments of a run with input spikes (steps, axons)."""
    steps, axons = raster.shape
    step, axon = np.nonzero(raster)
    spikes = Spikes.of(axons, np.zeros_like(step), step, axon)
    return {
        "inputs": Inputs(steps, spikes={"in": spikes}), "steps": steps, "record": {"x": ["u", "v"]}
    }  # fmt: skip


def _traces(got: Recording) -> dict[str, Int]:
    """u, v and spikes of population 'x', each int64 (steps, n)."""
    raster = got.spikes["x"].dense(1, got.steps)[0].astype(np.int64)
    return {**{k: got.trace("x", k).values[0] for k in ("u", "v")}, "spk": raster}


def _unpacked(packed: NDArray[Any], n: int) -> Int:
    return np.unpackbits(packed, axis=-1, bitorder="little")[..., :n].astype(np.int64)


# ---- neurons side by side -----------------------------------------------------------------------


def _singles(name: str, data: Data, chip: Chip, oracle: str) -> Case:
    """Neurons with parameters and weights of their own on the same input axons."""
    raster, mantissa = data["in_spikes"], data["w_mant"].astype(np.int64)
    n, axons = mantissa.shape
    formats = {
        key: np.broadcast_to(np.reshape(data[source], (n, -1)), (n, axons)) if source in data
        else np.full((n, axons), default)
        for key, source, default in (
            ("mode", "w_sign_mode", 1), ("bits", "w_bits", 8), ("exponent", "w_exp", 0),
        )
    }  # fmt: skip
    delay = np.broadcast_to(np.asarray(data.get("w_delay", 0), np.int64), (n, axons))
    effective = np.zeros((n, axons), np.int64)
    projections = []
    for j in range(n):
        rows = np.stack([f[j].astype(np.int64) for f in formats.values()])
        for number, bits, exponent in np.unique(rows, axis=1).T.tolist():
            mine = np.equal(rows.T, (number, bits, exponent)).all(axis=1)
            weight, mode = np.zeros((axons, n), np.int64), MODES[number]
            weight[mine, j] = mantissa[j, mine]
            effective[j, mine] = _effective(chip, mantissa[j, mine], exponent, bits, mode)
            label = f"to {j}, {mode}, {bits} bits, exponent {exponent}"
            projections += _projections(chip, label, "in", weight, exponent, bits, mode, delay.T)
    decay = data["decay_I" if oracle == "brian" else "decay_u"]
    codes = _codes(oracle, decay, data["decay_v"], data["vth_mant"], data["refract"])
    codes |= {**_bias(data), **_bounds(data)}

    def check(got: Recording) -> Sequence[Check]:
        found = _traces(got)
        return [
            Check("w_eff", data["w_eff"].astype(np.int64), effective),
            *(Check(k, data[k].T.astype(np.int64), v) for k, v in found.items()),
        ]

    return Case(name, _network(chip, name, codes, n, axons, projections), _run(raster), check)


def _noise(name: str, data: Data, chip: Chip) -> Case:
    """Neurons without synapses on recorded draws of the noise."""
    draws = data["noise_draw"].T.astype(np.int64)
    steps, n = draws.shape
    codes = _codes("nengo", data["decay_u"], data["decay_v"], data["vth_mant"], data["refract"])
    codes |= {**_bias(data), **_bounds(data)}
    codes |= {k: data[k] for k in ("noise_exp", "noise_offset", "noise_at_membrane")}
    run = {"steps": steps, "record": {"x": ["u", "v"]}, "injected": {"x": {"noise": draws}}}

    def check(got: Recording) -> Sequence[Check]:
        return [Check(k, data[k].T.astype(np.int64), v) for k, v in _traces(got).items()]

    return Case(name, _network(chip, name, codes, n, 0, (), "lif_noise"), run, check)


# ---- recurrent networks -------------------------------------------------------------------------


def _networks(name: str, data: Data, chip: Chip, oracle: str) -> list[Case]:
    """One case for each seed: recurrent neurons, spikes in full and checksums of their state."""
    found = []
    for seed in range(len(data["w_in_mant"])):
        at = {k: v[seed] for k, v in data.items() if v.ndim and len(v) == len(data["w_in_mant"])}
        decay = at["decay_I" if oracle == "brian" else "decay_u"]
        codes = _codes(oracle, decay, at["decay_v"], at["vth_mant"], at["refract"])
        codes |= {**_bias(at), **_bounds(at)}
        extra = {k: data[f"{k}_seed0"] for k in ("u", "v") if f"{k}_seed0" in data}
        found.append(_recurrent(f"{name} seed {seed}", at, codes, chip, extra if seed == 0 else {}))
    return found


def _agreed(name: str, data: Data, chip: Chip, oracle: str) -> list[Case]:
    """The same where all oracles agree, Lava only without refractory time."""
    found = []
    for seed in range(len(data["refract"])):
        at = {k: v[seed] for k, v in data.items()}
        if oracle == "lava" and int(at["refract"]) > 1:
            continue
        # brian2-loihi's decay is the effective one.
        decay = int(at["decay_u"]) + (oracle == "brian")
        codes = _codes(oracle, decay, at["decay_v"], at["vth_mant"], at["refract"])
        for which in ("in", "rec"):
            mantissa, exponent = at[f"w_{which}_mant"].astype(np.int64), int(at[f"w_{which}_exp"])
            at[f"w_{which}"] = mantissa << (_unit(chip) + exponent)
        found.append(_recurrent(f"{name} seed {seed}", at, codes, chip, {}))
    return found


def _recurrent(
    name: str, at: Data, codes: Mapping[str, Any], chip: Chip, head: Mapping[str, NDArray[Any]]
) -> Case:
    """One network; ``head`` are u and v of its first steps in full."""
    axons, n = at["w_in_mant"].shape
    projections = []
    for which, source in (("in", "in"), ("rec", "x")):
        mantissa = at[f"w_{which}_mant"].astype(np.int64)
        effective = at[f"w_{which}"].astype(np.int64) if f"w_{which}" in at else None
        projections += _projections(
            chip, which, source, mantissa, int(at[f"w_{which}_exp"]),
            int(at.get(f"w_{which}_bits", 8)), delay=at.get(f"w_{which}_delay", 0),
            effective=effective,
        )  # fmt: skip

    def check(got: Recording) -> Sequence[Check]:
        found = _traces(got)
        checks = [Check("spk", _unpacked(at["spk"], n), found["spk"])]
        for k in ("u", "v"):
            crc = [zlib.crc32(row.tobytes()) for row in found[k].astype("<i4")]
            checks.append(
                Check(f"{k}_crc", at[f"{k}_crc"].astype(np.int64), np.array(crc, np.int64))
            )
            if f"{k}_final" in at:
                checks.append(Check(f"{k}_final", at[f"{k}_final"].astype(np.int64), found[k][-1]))
            if k in head:
                first = head[k].astype(np.int64)
                checks.append(Check(f"{k}_seed0", first, found[k][: len(first)]))
        return checks

    network = _network(chip, name, codes, n, axons, projections)
    return Case(name, network, _run(_unpacked(at["in_spikes"], axons)), check)


# ---- tables -------------------------------------------------------------------------------------


def _tables(name: str, data: Data, chip: Chip) -> list[Case | TableCase]:
    """Weights, wraps, biases; and the decays, as one tick of many neurons."""

    def weights() -> Sequence[Check]:
        got = np.stack([[[
            _effective(chip, data["w_mant"], exponent, bits, MODES[1] if mixed else "")
            for exponent in data["w_exp"].tolist()]
            for bits in data["w_bits"].tolist()]
            for mixed in data["w_mixed"].tolist()]
        )  # fmt: skip
        return [Check("w_eff", data["w_eff"].astype(np.int64), got)]

    def wraps() -> Sequence[Check]:
        tick = chip.neurons["lif_noise"].tick
        return [
            Check(key, data[key].astype(np.int64), np.array([form.store(x) for x in values]))
            for values in [data["wrap_x"].tolist()]
            for key, form in (("wrap_q", tick.wires["q"]), ("wrap_u", tick.registers["u"]))
        ]

    def biases() -> Sequence[Check]:
        rules = chip.neurons["lif"].from_physical["LIF"].codes
        values: dict[str, Any] = {"b": data["bias_float"], **chip.neurons["lif"].tick.constants}
        values["bias_exp"] = np.rint(rules["bias_exp"](values))
        values["bias_mant"] = np.rint(rules["bias_mant"](values))
        return [
            Check(k, data[k].astype(np.int64), values[k].astype(np.int64))
            for k in ("bias_exp", "bias_mant")
        ]

    return [
        TableCase(f"{name} weights", weights), TableCase(f"{name} wraps", wraps),
        TableCase(f"{name} biases", biases), _decays(name, data, chip),
    ]  # fmt: skip


def _decays(name: str, data: Data, chip: Chip) -> Case:
    """Every value of the table as the current, and as the membrane, of a neuron of its own."""
    neuron = chip.neurons["lif"]
    decay, value = np.meshgrid(data["decay_d"].astype(np.int64), data["decay_x"], indexing="ij")
    # The membrane's decay is seen before the threshold; it has no -2^23.
    places = {
        "u": np.ones(value.shape, bool), "v": neuron.tick.registers["v"].low <= value
    }  # fmt: skip
    tables = {"u": data["decay_off1"], "v": data["decay_off0"]}
    shown = {"u": "u", "v": "y"}
    populations = {
        k: FixedPopulation.of(
            k, int(mine.sum()), neuron, _codes("nengo", decay[mine], decay[mine], 131071),
            {k: value[mine].astype(np.int64)},
        ) for k, mine in places.items()
    }  # fmt: skip
    network = FixedPointNetwork(chip, 1e-3, {}, populations, (), name=name)

    def check(got: Recording) -> Sequence[Check]:
        return [
            Check(
                f"decay of {k}", tables[k][mine].astype(np.int64),
                got.trace(k, shown[k]).values[0, 0],
            ) for k, mine in places.items()
        ]  # fmt: skip

    run = {"steps": 1, "record": {k: [r] for k, r in shown.items()}}
    return Case(f"{name} decays", network, run, check)


def _brian_weights(name: str, data: Data, chip: Chip) -> TableCase:
    """Weights by sign mode, bits and exponent. The package takes 0 bits too; no chip stores that."""

    def check() -> Sequence[Check]:
        checks = []
        for k, number in enumerate(data["w_sign_mode"].tolist()):
            valid, mode = data["w_valid"][k].astype(bool), MODES[number]
            for j, bits in enumerate(data["w_bits"].tolist()):
                if bits:
                    got = np.stack([
                        _effective(chip, data["w_mant"][valid], exponent, bits, mode)
                        for exponent in data["w_exp"].tolist()
                    ])  # fmt: skip
                    expected = data["w_eff"][k, j][:, valid].astype(np.int64)
                    checks.append(Check(f"w_eff, {mode}, {bits} bits", expected, got))
        return checks

    return TableCase(name, check)


# ---- edge cases ---------------------------------------------------------------------------------


def _edge_cases(path: Path, chip: Chip, oracle: str) -> list[Case]:
    """One neuron each, where the oracles may disagree; those that this chip's oracle has run."""
    try:
        scenarios = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: can't be read ({error})") from None
    return [
        _edge_case(f"{path.stem} {name}", s["params"], s[oracle], chip, oracle)
        for name, s in scenarios.items() if isinstance(s, dict) and oracle in s
    ]  # fmt: skip


def _edge_case(
    name: str, params: Mapping[str, Any], expected: Mapping[str, Any], chip: Chip, oracle: str
) -> Case:
    raster = np.zeros((params["T"], params["n_in"]), bool)
    raster[params["times"]] = True
    decay = params["decay_u"] + (oracle == "brian")
    codes = _codes(oracle, decay, params["decay_v"], params["vth_mant"], params["refract"])
    codes |= _bias(params)
    codes |= {k: v for k, v in _bounds(params).items() if k in codes}
    exponent, bits, mode = params["w_exp"], params["w_bits"], MODES[params["sign_mode"]]
    mantissa = np.full((params["n_in"], 1), params["w_mant"], np.int64)
    # Only nengo-loihi was handed the effective weight; the others made their own.
    effective = np.full_like(mantissa, params["w_eff"]) if oracle == "nengo" else None
    projections = _projections(
        chip, "in", "in", mantissa, exponent, bits, mode, effective=effective
    )

    def check(got: Recording) -> Sequence[Check]:
        return [
            Check(k, np.array(expected[k], np.int64)[:, None], v) for k, v in _traces(got).items()
        ]

    network = _network(chip, name, codes, 1, params["n_in"], projections)
    return Case(name, network, _run(raster), check)
