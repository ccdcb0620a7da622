"""How a network's integrator turns time constants into factors per step."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurohw.formulas import Functions
from neurohw.network.model import Network


def stepping(network: Network) -> Functions:
    """The functions that formulas may call, for this network's ``dt`` and integrator.

    ``decay(tau)``: what is left of a variable after one step: ``exp(-dt/tau)`` (exact) or
    ``1 - dt/tau`` (euler). ``time_constant`` is its inverse. ``coupling(tau_syn, tau_mem)``: what one
    unit of filtered current adds to the membrane in one step at r = 1: ``dt/tau_mem`` (euler), or the
    integral of the decaying current through the leaky membrane (exact),
    ``(e^-dt/tau_syn - e^-dt/tau_mem) / (tau_mem/tau_syn' - 1)`` in the limit that also holds for
    equal time constants.
    """
    dt = network.dt
    if network.integrator == "euler":
        return {
            "decay": lambda tau: 1 - dt / tau,
            "time_constant": lambda beta: dt / (1 - beta),
            "coupling": lambda tau_syn, tau_mem: dt / tau_mem + 0 * tau_syn,
        }

    def coupling(tau_syn: Any, tau_mem: Any) -> Any:
        # With k = 1/tau_mem - 1/tau_syn: (1/tau_mem) * exp(-dt/tau_mem) * (e^(k dt) - 1) / k.
        x = dt / np.asarray(tau_mem) - dt / np.asarray(tau_syn)
        ratio = np.where(np.abs(x) < 1e-12, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x))
        return dt / tau_mem * np.exp(-dt / tau_mem) * ratio

    return {
        "decay": lambda tau: np.exp(-dt / tau),
        "time_constant": lambda beta: -dt / np.log(beta),
        "coupling": coupling,
    }
