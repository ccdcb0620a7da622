"""Vectors made by this project's own interpreter, for mutants that no oracle's vector notices.

    python tests/mutation/own_vectors.py [CHIP ...]

writes tests/golden/*/own_*.npz. They hold what the profile gave when they were made: they notice
that it changes, and say nothing about a chip. Parameters and inputs are drawn with a preference for
the ends of their formats, for small numbers and for ties.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from draws import edgy
from numpy.random import Generator
from numpy.typing import NDArray

from neurohw.chip import Chip, load_chip
from neurohw.chip.model import Neuron
from neurohw.emulate import interpret
from neurohw.emulate.log import OperationLog
from neurohw.emulate.words import emulate_words
from neurohw.equations.interpret import execute
from neurohw.fixedpoint import Format
from neurohw.vectors.case import Check
from neurohw.vectors.find import reader_of
from neurohw.vectors.odin import KINDS, STATE, places
from neurohw.vectors.spinnaker import _DERIVED, _PARAMETERS, _RECORDED
from neurohw.vectors.tinyodin import bits_of, field, memory_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
Array = NDArray[Any]
Data = dict[str, Any]


def filled(chip: Chip, data: Data, fill: Callable[[Data, Sequence[Check]], None]) -> Data:
    """The data with what the interpreter gives put in place of its zeros."""
    case = reader_of(chip)(_written(Path(tempfile.mkdtemp()) / "own.npz", data), chip)[0]
    fill(data, case.check(interpret(case.network, **case.run)))
    return data


def _written(path: Path, data: Data) -> Path:
    with path.open("wb") as file:
        np.savez_compressed(file, **data)
    return path


def _narrow(values: Array) -> Array:
    """The same numbers in the narrowest integers that hold them."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32):
        info = np.iinfo(kind)
        if info.min <= low and high <= info.max:
            return values.astype(kind)
    return values


# ---- TrueNorth, Loihi 2, SpiNNaker: single neurons ----------------------------------------------


def paicore(rng: Generator, chip: Chip) -> dict[str, Data]:
    forms = chip.neurons["neuron"].tick.parameters
    n, steps = 240, 10
    names = {"R": "reset"}
    data = {
        k: edgy(rng, forms[names.get(k, k)], n)
        for k in ("eps", "lam", "alpha", "beta", "R", "gamma", "kappa", "leak_after")
    }
    data["syn"] = edgy(rng, Format(34, True), (steps, n), small=0.5)
    data["syn"][:, ::3] = edgy(rng, Format(30, True), (steps, (n + 2) // 3), small=0.2)
    data["v"] = data["spikes"] = np.zeros((steps, n), int)

    def fill(data: Data, checks: Sequence[Check]) -> None:
        data["v"], data["spikes"] = (_narrow(c.got.astype(np.int64)) for c in checks)

    return {"paicore/own_neurons": filled(chip, data, fill)}


def lava(rng: Generator, chip: Chip) -> dict[str, Data]:
    found = {}
    for model, name in (
        ("LIF", "lif"), ("LIFRefractory", "lif_refractory"), ("LIFReset", "lif_reset"),
        ("TernaryLIF", "ternary"), ("ATRLIF", "atrlif"),
    ):  # fmt: skip
        neuron = chip.neurons[name]
        n, steps = 150, 12
        params = {k: edgy(rng, f, n) for k, f in neuron.tick.parameters.items()}
        given = edgy(rng, Format(34, True), (n, steps), small=0.5)
        third, half = n // 3, n // 2
        # Ties: nothing is kept from step to step, and the threshold is a number that comes in.
        for k in list(params):
            if k in ("du", "k_i"):
                params[k][:third] = 4095
            elif k == "bias_mant":
                params[k][:third] = 0
            elif k in ("vth", "vth_hi", "vth_lo", "theta_0", "theta_step"):
                params[k][:third] = rng.integers(0, 4, third)
            elif k.startswith("reset_"):
                params[k] = rng.integers(0, 5, n)
                params[k][:8] = edgy(rng, neuron.tick.parameters[k], 8)
        if name == "lif_reset":
            params["reset_interval"][:2], params["reset_offset"][:2] = 65535, (65534, 40000)
        given[:third] = rng.integers(-4, 5, (third, steps))
        given[third:half] = edgy(rng, Format(19, True), (half - third, steps))
        registers = [*neuron.tick.registers]
        meta = {
            "model": f"{model}", "T": steps, "made by": "neurohw's interpreter, not Lava",
            "params": {k: v.tolist() for k, v in params.items()},
        }  # fmt: skip
        data: Data = {"meta": json.dumps(meta), "in_a_in": given}
        data |= {f"out_{k}": np.zeros((steps, n), int) for k in ("s_out", *registers)}

        def fill(data: Data, checks: Sequence[Check]) -> None:
            for c in checks:
                data[f"out_{c.what}"] = _narrow(np.asarray(c.got).astype(np.int64))

        found[f"lava/own_{name}"] = filled(chip, data, fill)
    return found


def spinnaker(rng: Generator, chip: Chip) -> dict[str, Data]:
    found = {}
    for name in ("lif", "lif_ca2"):
        neuron = chip.neurons[name]
        n, steps = 160, 10
        forms = neuron.tick.parameters
        data: Data = {
            k: edgy(rng, forms[p], n, small=0.2) for k, p in _PARAMETERS.items() if p in forms
        }
        usual = slice(0, n // 2)  # what a host writes: times of some ticks
        for k in ("p_c_m", "p_tau_m", "p_tau_e", "p_tau_i", "p_tau_ca"):
            if k in data:
                data[k][usual] = rng.integers(2000, 3_000_000, n // 2)
        data["p_ts"][usual] = rng.choice([3277, 32768, 65536, 1000], n // 2)
        data["p_t_refrac"][usual] = rng.integers(0, 200_000, n // 2)
        data["p_refr0"][usual] = rng.integers(-1, 4, n // 2)
        data["p_thr"][n // 4 : n // 2] = data["p_v"][n // 4 : n // 2]
        data["p_shift"] = np.array([rng.integers(0, 16), rng.integers(0, 16)])
        _redrawn(rng, neuron, data)
        data["ring"] = edgy(rng, Format(16, False), (steps, 2, n)).astype(np.uint16)
        data["spikes"] = np.zeros((steps, n), int)
        registers = neuron.tick.registers
        data |= {k: np.zeros(n, int) for k, r in _DERIVED.items() if r in registers}
        data |= {
            k: np.zeros((steps, n), int) for k, r in _RECORDED.items()
            if r in neuron.tick.wires or r in registers
        }  # fmt: skip

        def fill(data: Data, checks: Sequence[Check]) -> None:
            for c in checks:
                data[c.what] = _narrow(np.asarray(c.got).astype(np.int64))

        found[f"spinnaker/own_{name}"] = filled(chip, data, fill)
    return found


def _redrawn(rng: Generator, neuron: Neuron, data: Data) -> None:
    """Replace the parameters of neurons that the chip can't start with by those of others."""
    good, bad = [], []
    for j in range(len(data["p_v"])):
        cell = dict.fromkeys(neuron.tick.registers, 0)
        codes = {p: int(data[k][j]) for k, p in _PARAMETERS.items() if k in data}
        codes |= dict(zip(("shift_exc", "shift_inh"), map(int, data["p_shift"]), strict=True))
        assert neuron.start is not None
        try:
            execute(neuron.start, {**cell, **codes})
        except OverflowError:
            bad.append(j)
        else:
            good.append(j)
    for key, values in data.items():
        if key != "p_shift":
            values[bad] = values[rng.permutation(np.resize(good, len(bad)))]


# ---- Loihi 1 ------------------------------------------------------------------------------------


def loihi1(rng: Generator, chip: Chip) -> dict[str, Data]:
    """Single neurons in the format of nengo_single or brian_single, and noise."""
    brian = chip.name.endswith(":brian2")
    forms = chip.neurons["lif"].tick.parameters
    n, axons, steps = 90, 6, 14
    decay = "decay_I" if brian else "decay_u"
    data: Data = {
        decay: np.minimum(edgy(rng, forms["decay_u"], n), 4096),
        "decay_v": np.minimum(edgy(rng, forms["decay_v"], n), 4096),
        "vth_mant": edgy(rng, forms["vth"], n), "refract": np.maximum(edgy(rng, forms["refract"], n), 0),
    }  # fmt: skip
    third = n // 3
    data[decay][:third], data["decay_v"][:third] = (
        (4096 if brian else 4095),
        rng.choice([0, 4095], third),
    )
    data["vth_mant"][:third] = rng.integers(0, 5, third)
    data["refract"][third:] = rng.integers(0, 5, n - third)
    spikes = rng.random((steps, axons)) < 0.5
    spikes[0] = False
    data["in_spikes"] = spikes
    weight = edgy(rng, Format(9, True), (n, axons))
    weight[:third] = 2 * rng.integers(-2, 3, (third, axons))
    shape = (n, axons) if brian else (n,)
    exponent = rng.integers(-8 if brian else -7, 8, shape)
    exponent[:third] = 0
    data["w_bits"] = rng.integers(1, 9, shape)
    data["w_bits"][:third] = 8
    data["w_exp"] = exponent
    if brian:
        sign = rng.integers(1, 4, (n, axons))
        sign[:third] = 1
        weight = np.where(sign == 2, np.abs(weight), np.where(sign == 3, -np.abs(weight), weight))
        weight = np.clip(weight, -255, 255)
        data |= {"w_sign_mode": sign, "w_delay": rng.integers(0, 4, (n, axons))}
    else:
        data |= {
            "vmin": 1 - (1 << rng.integers(0, 24, n)), "vmax": (1 << (9 + 2 * rng.integers(0, 8, n))) - 1,
        }  # fmt: skip
        data["vmin"][:third], data["vmax"][:third] = 1 - (1 << 23), (1 << 23) - 1
    data |= {k: edgy(rng, forms[k], n) for k in ("bias_mant", "bias_exp")}
    data["bias_mant"][: third // 2] = 0
    data["bias_mant"][third // 2 : third] = rng.integers(-3, 4, third - third // 2)
    data["w_mant"] = weight
    zeros = np.zeros((n, steps), int)
    data |= {"u": zeros, "v": zeros, "spk": zeros, "w_eff": np.zeros((n, axons), int)}

    def fill(data: Data, checks: Sequence[Check]) -> None:
        for c in checks:
            got = np.asarray(c.got).astype(np.int64)
            data[c.what] = _narrow(got if c.what == "w_eff" else got.T)

    found = {f"loihi1/own_{'brian' if brian else 'nengo'}_single": filled(chip, data, fill)}
    if brian:
        return found
    forms = chip.neurons["lif_noise"].tick.parameters
    noise: Data = {
        "decay_u": edgy(rng, forms["decay_u"], n), "decay_v": edgy(rng, forms["decay_v"], n),
        "vth_mant": edgy(rng, forms["vth"], n), "refract": rng.integers(0, 5, n),
        "bias_mant": edgy(rng, forms["bias_mant"], n), "bias_exp": edgy(rng, forms["bias_exp"], n),
        "vmin": 1 - (1 << rng.integers(0, 24, n)), "vmax": (1 << (9 + 2 * rng.integers(0, 8, n))) - 1,
        **{k: edgy(rng, forms[k], n) for k in ("noise_exp", "noise_offset", "noise_at_membrane")},
        "noise_draw": edgy(rng, Format(8, True), (n, steps)),
        "u": zeros, "v": zeros, "spk": zeros,
    }  # fmt: skip
    # Ties: a noise that is a multiple of 64 meets the threshold.
    noise["decay_u"][:third], noise["decay_v"][:third] = 4095, 4095
    noise["vth_mant"][:third] = rng.integers(0, 3, third)
    noise["bias_mant"][:third] = 64 * rng.integers(-2, 3, third)
    noise["bias_exp"][:third] = 0
    noise["noise_exp"][: third // 2] = 7
    noise["noise_draw"][: third // 2] = 64 * rng.integers(-1, 2, (third // 2, steps))
    noise["noise_offset"][: third // 2] = 0
    # Currents and membranes that reach their ends: hardly a decay, the strongest noise and bias.
    strong = slice(2 * third, n)
    size = n - 2 * third
    for key in ("decay_u", "decay_v"):
        noise[key][strong] = rng.integers(0, 3, size)
    noise["vth_mant"][strong] = 131071
    noise["bias_mant"][strong], noise["bias_exp"][strong] = rng.choice([-4096, 4095], size), 7
    noise["noise_exp"][strong] = rng.integers(13, 16, size)
    noise["noise_offset"][strong] = rng.choice([-128, -100, 100, 127], size)
    noise["vmin"][strong], noise["vmax"][strong] = 1 - (1 << 23), (1 << 23) - 1
    noise["noise_draw"][strong] = rng.integers(-140, 141, (size, steps))  # beyond 8 bits it clamps
    noise["noise_draw"][third : third + 9] = rng.integers(-140, 141, (9, steps))
    noise["refract"][third : third + 9] = rng.integers(40, 64, 9)
    found["loihi1/own_nengo_noise"] = filled(chip, noise, fill)
    return found


# ---- Xylo ---------------------------------------------------------------------------------------


def xylo(rng: Generator, chip: Chip) -> dict[str, Data]:
    second = chip.name == "xylo2"
    version = "v2" if second else "v1"
    found = {}
    for k in range(6):
        channels, n, outputs, steps = 3, 300 if k == 5 else 40, 8, 24
        s8, s16, u4 = Format(8, True), Format(16, True), Format(4, False)
        small = k in (0, 3)
        threshold = edgy(rng, s16, n)
        threshold[: n // 2] = rng.integers(1, 12, n // 2)
        if k in (2, 4, 5):  # of no use, but the chip does something with them
            threshold[n // 3 :] = -np.abs(edgy(rng, s16, n - n // 3, small=0.1 * (k - 2)))
        if k == 5:
            threshold[n // 4 :] = -rng.integers(0, 1 << rng.integers(1, 16, n - n // 4))
        ends = np.concatenate([rng.integers(-2, 5, outputs - 3), edgy(rng, s16, 3)])

        def weights(*shape: int, small: bool = small, s8: Format = s8) -> Array:
            return rng.integers(-3, 4, shape) if small else edgy(rng, s8, shape)

        alias = np.where(rng.random(n) < 0.25, rng.integers(0, n, n), -1)
        shifts = {
            0: (0, 0, 0),
            1: (15, 14, 15),
            2: (12, 9, 8),
            3: (1, 0, 0),
            4: (9, 3, 15),
            5: (6, 15, 7),
        }
        here = rng.random((steps, channels)) < 0.6
        data: Data = {
            "version": version, "w_in": weights(channels, n, 2),
            "w_rec": weights(n, n, 2) * (rng.random((n, n, 1)) < 0.05 * (k != 5)),
            "w_out": weights(n, outputs),
            "weight_shift": np.array(shifts[k]), "threshold": threshold, "threshold_out": ends,
            "dash_mem": edgy(rng, u4, n, small=0.2), "dash_mem_out": edgy(rng, u4, outputs),
            "dash_syn": edgy(rng, u4, (n, 2)), "dash_syn_out": edgy(rng, u4, outputs),
            "has_bias": second, "bias": edgy(rng, s16, n) * second * (k != 3),
            "bias_out": edgy(rng, s16, outputs) * second * (k != 3),
            "alias": np.where(alias == np.arange(n), -1, alias),
            "input_counts": rng.integers(0, 20, (steps, channels)) * here,
        }  # fmt: skip
        zeros = np.zeros((steps, n), int)
        data |= dict.fromkeys(("isyn", "isyn2", "vmem", "hidden_spikes"), zeros)
        data |= dict.fromkeys(
            ("isyn_out", "vmem_out", "out_spikes"), np.zeros((steps, outputs), int)
        )

        def fill(data: Data, checks: Sequence[Check]) -> None:
            for c in checks:
                data[c.what] = _narrow(np.asarray(c.got).astype(np.int64))

        found[f"xylo/own{k}_{version}"] = filled(chip, data, fill)
    return {k.replace("own", "own_"): v for k, v in found.items()}


# ---- chips with a queue -------------------------------------------------------------------------


def _logged(chip: Chip, data: Data, fill: Callable[[Data, OperationLog], None]) -> Data:
    path = _written(Path(tempfile.mkdtemp()) / "own.npz", data)
    case = reader_of(chip)(path, chip)[0]
    log = emulate_words(case.network, case.words, interpreted=True, **case.options)
    data |= {
        "op_type": log.type, "op_arg": log.argument, "op_event": log.event, "op_cycles": log.cycles,
        "spk_op": log.spikes[0], "spk_neuron": log.spikes[1], "spk_flag": log.spikes[2],
        "aer_op": log.output[0], "aer_addr": log.output[1],
    }  # fmt: skip
    fill(data, log)
    return {k: _narrow(v) if np.ndim(v) and v.dtype == np.int64 else v for k, v in data.items()}


def _empty() -> Data:
    keys = (
        "op_type",
        "op_arg",
        "op_event",
        "op_cycles",
        "spk_op",
        "spk_neuron",
        "spk_flag",
        "aer_op",
        "aer_addr",
    )
    return {k: np.zeros(0, int) for k in keys}


def tinyodin(rng: Generator, chip: Chip) -> dict[str, Data]:
    n = 256
    v = edgy(rng, Format(12, True), n, small=0.7)
    thr = edgy(rng, Format(12, False), n, small=0.7)
    leak = edgy(rng, Format(7, False), n, small=0.7)
    weight = np.zeros((n, n), np.int64)  # of the sources that spike, to be small
    weight[:16] = rng.integers(-8, 8, (16, n))
    words = [*rng.permutation([511, 511, 511, 0, 1, 7, 300, 258, 3, 4, 511, 9, 511, 511, 12])]
    data: Data = {
        **_empty(), "neur_mem": ((v & 4095) | (thr << 12) | (leak << 24)).astype(np.uint32),
        "syn_mem": memory_of(weight & 15), "open_loop": 1, "aer_src": 0, "max_neur": 255, "saturate": 0,
        "events": np.array(words), "v_init": v.astype(np.int16), "dv_T": np.zeros((n, 1), int),
    }  # fmt: skip

    def fill(data: Data, log: OperationLog) -> None:
        after = np.concatenate([v[None], log.registers["n0"]["v"].astype(np.int64)])
        data["dv_T"] = np.diff(after, axis=0).T

    return {"tinyodin/own_ties": _logged(chip, data, fill)}


def odin(rng: Generator, chip: Chip) -> dict[str, Data]:
    found = {}
    for number in range(6):
        kind = number % 3 != 0  # two of three are Izhikevich neurons
        name = KINDS[0 if kind else 1]
        n = 256
        word = np.zeros((n, 128), np.uint8)
        word[:, 0] = 0 if kind else 1
        neuron = chip.neurons[name]
        few = rng.random(n) < 0.5  # neurons with few behaviours switched on
        for key, (low, width) in {**places(chip, name)[0], **places(chip, name)[1]}.items():
            form = {**neuron.tick.parameters, **neuron.tick.registers}[key]
            values = edgy(rng, form, n, small=0.3)
            if key == "disable":
                values = (rng.random(n) < 0.05).astype(np.int64)
            elif key.endswith("_en") and key not in ("leak_en", "ca_en"):
                values = np.where(few, rng.random(n) < 0.12, rng.random(n) < 0.4).astype(np.int64)
            word[:, low : low + width] = (values[:, None] >> np.arange(width)) & 1
        memory = np.packbits(word, axis=1, bitorder="little").view("<u4")
        rows = rng.choice(n, 6, replace=False)  # all other synapses are 0, to be small
        codes = np.zeros((n, n), np.int64)
        codes[rows] = rng.integers(0, 16, (6, n))
        flags = rng.integers(0, 2, 6).tolist()
        words = [127, *rng.choice(rows, 3) * 256 + 7, *(rng.choice(256, 2) * 256 + 127 + 128), 127,
                 *(rng.choice(256, 8) * 256 + 0xA0),
                 *(65536 + rng.choice(rows, 8) * 256 + rng.choice(256, 8)),
                 *rng.choice(rows, 6) * 256 + 7, *(rng.choice(rows, 2) * 256 + 128), 127, 127,
                 *rng.choice(rows, 4) * 256 + 7, 127]  # fmt: skip
        data: Data = {
            **_empty(), "neur_mem": memory, "syn_mem": memory_of(codes),
            "syn_sign": rng.integers(0, 2, n).astype(np.uint8),
            "open_loop": 1, "aer_src": flags[0], "prop_unmapped": flags[1], "upd_unmapped": flags[2],
            "sdsp_on_syn": flags[3], "monitor_neur": 0, "saturate": 0,
            "v_up_init": rng.integers(0, 2, n).astype(np.uint8),
            "v_down_init": rng.integers(0, 2, n).astype(np.uint8),
            "events": np.array(words, np.int64), "syn_crc": np.zeros(0, int),
        }  # fmt: skip
        data["v_up"] = data["v_down"] = np.zeros((0, 32), np.uint8)
        data["state_xor_planes"] = np.zeros((8, n, 0), np.uint8)

        def fill(
            data: Data,
            log: OperationLog,
            name: str = name,
            memory: Array = memory,
            codes: Array = codes,
        ) -> None:
            start = field(bits_of(memory), STATE, 128 - STATE)
            states = np.repeat(start[None], len(log.type), axis=0)
            for key, (low, width) in places(chip, name)[1].items():
                mask = ((1 << width) - 1) << (low - STATE)
                states = (states & ~mask) | (
                    log.registers["n0"][key].astype(np.int64) << (low - STATE)
                )
            change = np.concatenate([start[None], states[:-1]]) ^ states
            data["state_xor_planes"] = np.stack(
                [(change.T >> (8 * k)) & 255 for k in range(8)]
            ).astype(np.uint8)
            for flag in ("up", "down"):
                data[f"v_{flag}"] = np.packbits(
                    log.registers["n0"][flag].astype(np.uint8), axis=1, bitorder="little"
                )
            now, crc = codes.copy(), []
            operation, row, column, code = log.changes
            for k in range(len(log.type)):
                mine = operation == k
                now[row[mine], column[mine]] = code[mine] & 15
                crc.append(zlib.crc32(memory_of(now).tobytes()))
            data["syn_crc"] = np.array(crc, np.uint32)
            data["syn_final_xor"] = memory_of(now) ^ memory_of(codes)

        found[f"odin/own_{name}{number}"] = _logged(chip, data, fill)
    return found


# ---- ReckOn -------------------------------------------------------------------------------------


def reckon(rng: Generator, chip: Chip) -> dict[str, Data]:
    found = {}
    for number in range(6):
        steps, swept, neurons, outputs = (14 if number < 4 else 40), 24, 24 - 8 * (number == 1), 5
        stochastic, noisy = number >= 1, number in (2, 3)
        with np.load(GOLDEN / "reckon" / "c08_traces.npz") as old:
            data: Data = {k: old[k] for k in old.files if old[k].ndim == 0}
        data |= {
            "rst_mode": number % 2,
            "fp_loc_winp": int(rng.integers(0, 8)), "fp_loc_wrec": int(rng.integers(0, 8)),
            "fp_loc_wout": int(rng.integers(0, 8)), "fp_loc_tinp": int(rng.integers(0, 8)),
            "fp_loc_trec": int(rng.integers(0, 8)), "fp_loc_tout": int(rng.integers(0, 8)),
            "en_stoch_round": int(stochastic), "noise_en": int(noisy), "noise_str": int(rng.integers(0, 10)),
            "kappa": int(rng.integers(0, 256)), "force_traces": 1,
            "num_inp_neur": swept - 1, "num_rec_neur": neurons - 1, "num_out_neur": outputs - 1,
        }  # fmt: skip
        alpha = 32768 + edgy(rng, Format(13, True), 128, small=0.3)
        thr = edgy(rng, Format(16, True), 128)
        thr[:6] = rng.integers(0, 40, 6)
        if number >= 4:  # decays of almost 1, which rounding at random still sees
            alpha[:12] = 32768 + rng.choice([-1, 0, 1, 1, -1, 2], 12)
            thr[:12] = rng.integers(1, 400, 12)
            data["kappa"] = (129, 127)[number - 4]
        weights = {
            k: np.zeros(s, np.int8)
            for k, s in (("winp", (256, 256)), ("wrec", (256, 256)), ("wout", (256, 16)))
        }
        for w in weights.values():
            part = w[:swept, :swept]
            part[:] = edgy(rng, Format(8, True), part.shape)
        tick, channel = np.nonzero(rng.random((steps, swept)) < 0.15)
        data |= {
            "alpha": alpha, "thr": thr, **weights, "ev_tick": tick, "ev_inp": channel,
            "z": np.zeros((steps, 32), np.uint8), "out": np.zeros((steps, 16), int),
            "u_rec_idx": np.arange(16), "u_rec": np.zeros((steps, 16), int),
            "u_snap_tick": np.arange(steps), "u_snap": np.zeros((steps, 256), int),
            "u_crc32": np.zeros(steps, int), "tr_snap": np.zeros((steps, 256, 3), int),
            "tr_crc32": np.zeros(steps, int),
        }  # fmt: skip

        def fill(data: Data, checks: Sequence[Check]) -> None:
            for c in checks:
                got = np.asarray(c.got).astype(np.int64)
                data[c.what] = _narrow(got)
                if c.what == "z":
                    data["z"] = np.packbits(got.astype(np.uint8), axis=1, bitorder="little")

        data = filled(chip, data, fill)
        found[f"reckon/own_{number}"] = {
            k: _narrow(v) if np.ndim(v) and v.dtype == np.int64 else v for k, v in data.items()
        }
    return found


MAKERS: Mapping[str, Callable[[Generator, Chip], dict[str, Data]]] = {
    "truenorth:paicore": paicore, "loihi2": lava, "spinnaker1": spinnaker, "loihi1": loihi1,
    "loihi1:brian2": loihi1, "xylo1": xylo, "xylo2": xylo, "tinyodin": tinyodin, "odin": odin,
    "reckon": reckon,
}  # fmt: skip


def main(names: Sequence[str]) -> None:
    """Write the vectors of these chips."""
    for name in names or MAKERS:
        for file, data in MAKERS[name](np.random.default_rng(1), load_chip(name)).items():
            path = _written(GOLDEN / f"{file}.npz", data)
            print(f"{path.relative_to(GOLDEN)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
