"""What silicon abstracts from: membranes, channels, cells, synapses, cables, in floating point.

    from neurohw import biophysics as bio

    model = bio.load_model("hodgkin-huxley")
    stimulus = bio.step(0.1, start=0.01, stop=0.04, duration=0.05)  # 10 µA/cm², SI units throughout
    run = bio.simulate(model, stimulus)  # here; bio.reference(...) the same in Brian 2
    bio.trace_figure(model, run, stimulus).savefig("spikes.png")

Each model is written once, as text with parameters and sources; :mod:`program` compiles it for the kernel
here and for scipy, Brian 2 takes the text. Names are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Cable": "cable", "Circuit": "circuit", "Curve": "curves", "Drive": "model",
    "Excitability": "excitability", "FixedPoint": "phase", "Model": "model",
    "Parameter": "model", "PhasePlane": "phase", "Potential": "curves",
    "Refractoriness": "curves", "Solution": "oracle", "Stimulus": "stimulus",
    "StrengthDuration": "curves", "adaptation_index": "curves", "arrivals": "cable_run",
    "axon_pulse": "portraits", "cascade_filter": "cascade", "channel_counts": "channels",
    "chord": "potentials", "classify": "excitability", "constant": "stimulus",
    "eif_rheobase": "integrate_and_fire", "fi_curve": "curves", "fi_figure": "figures",
    "fixed_point": "phase", "fixed_points": "phase", "gating_figure": "figures",
    "ghk": "potentials", "integrate": "oracle", "irregularity": "circuit",
    "jacobian": "phase", "length_constant": "cable", "lif_interval": "integrate_and_fire",
    "list_models": "library", "load_model": "library", "myelinated_axon": "cable",
    "nernst": "potentials", "nullcline": "phase", "onset_curve": "excitability",
    "ornstein_uhlenbeck": "stimulus", "passive_cable": "cable", "phase_figure": "space_figures",
    "phase_plane": "phase", "point_model": "library", "portrait": "portraits",
    "profile_figure": "space_figures", "psp": "curves", "pulses": "stimulus",
    "q10": "conductances", "ramp": "stimulus", "raster_figure": "figures", "reference": "run",
    "refractory_curve": "curves", "rest": "phase", "reverse_correlation": "cascade",
    "rheobase": "curves", "sealed_profile": "cable", "simulate": "run",
    "simulate_cable": "cable_run", "simulate_channels": "markov", "sine": "stimulus",
    "squid_axon": "cable", "steady_gates": "gating", "steady_rate": "curves", "step": "stimulus",
    "strength_duration": "curves", "times": "run", "trace": "run", "trace_figure": "figures",
    "travel_figure": "space_figures", "velocity": "cable_run", "white_noise": "cascade",
}  # fmt: skip

__all__ = sorted(_HOMES)  # noqa: PLE0605

if TYPE_CHECKING:
    from neurohw.biophysics.cable import Cable as Cable
    from neurohw.biophysics.cable import length_constant as length_constant
    from neurohw.biophysics.cable import myelinated_axon as myelinated_axon
    from neurohw.biophysics.cable import passive_cable as passive_cable
    from neurohw.biophysics.cable import sealed_profile as sealed_profile
    from neurohw.biophysics.cable import squid_axon as squid_axon
    from neurohw.biophysics.cable_run import arrivals as arrivals
    from neurohw.biophysics.cable_run import simulate_cable as simulate_cable
    from neurohw.biophysics.cable_run import velocity as velocity
    from neurohw.biophysics.cascade import cascade_filter as cascade_filter
    from neurohw.biophysics.cascade import reverse_correlation as reverse_correlation
    from neurohw.biophysics.cascade import white_noise as white_noise
    from neurohw.biophysics.channels import channel_counts as channel_counts
    from neurohw.biophysics.circuit import Circuit as Circuit
    from neurohw.biophysics.circuit import irregularity as irregularity
    from neurohw.biophysics.conductances import q10 as q10
    from neurohw.biophysics.curves import Curve as Curve
    from neurohw.biophysics.curves import Potential as Potential
    from neurohw.biophysics.curves import Refractoriness as Refractoriness
    from neurohw.biophysics.curves import StrengthDuration as StrengthDuration
    from neurohw.biophysics.curves import adaptation_index as adaptation_index
    from neurohw.biophysics.curves import fi_curve as fi_curve
    from neurohw.biophysics.curves import psp as psp
    from neurohw.biophysics.curves import refractory_curve as refractory_curve
    from neurohw.biophysics.curves import rheobase as rheobase
    from neurohw.biophysics.curves import steady_rate as steady_rate
    from neurohw.biophysics.curves import strength_duration as strength_duration
    from neurohw.biophysics.excitability import Excitability as Excitability
    from neurohw.biophysics.excitability import classify as classify
    from neurohw.biophysics.excitability import onset_curve as onset_curve
    from neurohw.biophysics.figures import fi_figure as fi_figure
    from neurohw.biophysics.figures import gating_figure as gating_figure
    from neurohw.biophysics.figures import raster_figure as raster_figure
    from neurohw.biophysics.figures import trace_figure as trace_figure
    from neurohw.biophysics.gating import steady_gates as steady_gates
    from neurohw.biophysics.integrate_and_fire import eif_rheobase as eif_rheobase
    from neurohw.biophysics.integrate_and_fire import lif_interval as lif_interval
    from neurohw.biophysics.library import list_models as list_models
    from neurohw.biophysics.library import load_model as load_model
    from neurohw.biophysics.library import point_model as point_model
    from neurohw.biophysics.markov import simulate_channels as simulate_channels
    from neurohw.biophysics.model import Drive as Drive
    from neurohw.biophysics.model import Model as Model
    from neurohw.biophysics.model import Parameter as Parameter
    from neurohw.biophysics.oracle import Solution as Solution
    from neurohw.biophysics.oracle import integrate as integrate
    from neurohw.biophysics.phase import FixedPoint as FixedPoint
    from neurohw.biophysics.phase import PhasePlane as PhasePlane
    from neurohw.biophysics.phase import fixed_point as fixed_point
    from neurohw.biophysics.phase import fixed_points as fixed_points
    from neurohw.biophysics.phase import jacobian as jacobian
    from neurohw.biophysics.phase import nullcline as nullcline
    from neurohw.biophysics.phase import phase_plane as phase_plane
    from neurohw.biophysics.phase import rest as rest
    from neurohw.biophysics.portraits import axon_pulse as axon_pulse
    from neurohw.biophysics.portraits import portrait as portrait
    from neurohw.biophysics.potentials import chord as chord
    from neurohw.biophysics.potentials import ghk as ghk
    from neurohw.biophysics.potentials import nernst as nernst
    from neurohw.biophysics.run import reference as reference
    from neurohw.biophysics.run import simulate as simulate
    from neurohw.biophysics.run import times as times
    from neurohw.biophysics.run import trace as trace
    from neurohw.biophysics.space_figures import phase_figure as phase_figure
    from neurohw.biophysics.space_figures import profile_figure as profile_figure
    from neurohw.biophysics.space_figures import travel_figure as travel_figure
    from neurohw.biophysics.stimulus import Stimulus as Stimulus
    from neurohw.biophysics.stimulus import constant as constant
    from neurohw.biophysics.stimulus import ornstein_uhlenbeck as ornstein_uhlenbeck
    from neurohw.biophysics.stimulus import pulses as pulses
    from neurohw.biophysics.stimulus import ramp as ramp
    from neurohw.biophysics.stimulus import sine as sine
    from neurohw.biophysics.stimulus import step as step


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'neurohw.biophysics' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"neurohw.biophysics.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
