"""Fixed points, their stability, and the phase plane.

A fixed point of ``dx/dt = f(x)`` is stable if every eigenvalue of the Jacobian ``∂f/∂x`` has a negative
real part; in two dimensions if its trace is negative and its determinant positive.
S. H. Strogatz, Nonlinear Dynamics and Chaos, 2nd ed. (2015), chapters 5 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.model import Model
from neurohw.biophysics.program import compile_model, derivatives
from neurohw.errors import InputError, NetworkError

Floats = NDArray[np.float64]
_SCALE = {"volt": 1e-2, "1": 1.0, "amp": 1e-10, "siemens": 1e-9}


@dataclass(frozen=True)
class FixedPoint:
    """Where nothing changes: the state (states,), and what happens beside it."""

    state: tuple[float, ...]
    eigenvalues: tuple[complex, ...]
    trace: float
    determinant: float

    @property
    def stable(self) -> bool:
        """Whether small disturbances die out."""
        return max(e.real for e in self.eigenvalues) < 0

    @property
    def kind(self) -> str:
        """'stable node', 'unstable focus', 'saddle', ..."""
        real = [e.real for e in self.eigenvalues]
        if min(real) < 0 < max(real):
            return "saddle"
        turns = any(abs(e.imag) > 1e-9 * max(abs(e), 1e-300) for e in self.eigenvalues)
        return f"{'stable' if self.stable else 'unstable'} {'focus' if turns else 'node'}"


def scales(model: Model) -> Floats:
    """A typical change of each state variable in SI units, (states,)."""
    return np.array([_SCALE.get(model.unit(name), 1.0) for name in model.states])


def jacobian(model: Model, state: Floats, drive: float = 0.0) -> Floats:
    """``∂f_i/∂x_j`` in SI units, (states, states), by central differences, to about 1e-9 relative."""
    program, size = compile_model(model), scales(model)
    step = 1e-5 * size
    points = np.concatenate(
        [state[:, None] + np.diag(step), state[:, None] - np.diag(step)], axis=1
    )
    rates = derivatives(program, points, drive)
    n = state.size
    return np.asarray((rates[:, :n] - rates[:, n:]) / (2 * step), np.float64)


def rest(model: Model) -> Floats:
    """The state (states,) in which a run begins: the fixed point without stimulus, or ``start``."""
    state = np.array([model.start[name] for name in model.states], np.float64)
    return state if not model.rests else _newton(model, state, 0.0)


def _newton(model: Model, state: Floats, drive: float) -> Floats:
    """Newton's method with steps cut to a few typical changes; NetworkError if it finds nothing."""
    program, size = compile_model(model), scales(model)
    for _ in range(200):
        rate = derivatives(program, state, drive)
        matrix = jacobian(model, state, drive)
        move = np.linalg.lstsq(matrix * size, -rate, rcond=None)[0]
        if not np.isfinite(move).all():
            break
        move *= min(1.0, 1.0 / max(float(np.abs(move).max()), 1e-300))
        state = state + move * size
        if np.abs(move).max() < 1e-13:
            return state
        if np.abs(move).max() < 1e-9:
            last = derivatives(program, state, drive)
            if np.abs(last).max() >= np.abs(rate).max():
                return state
    raise NetworkError(
        f"{model.name} has no state of rest near its start at a drive of {drive:g}; give other values"
    )


def fixed_point(model: Model, state: Floats | None = None, drive: float = 0.0) -> FixedPoint:
    """The fixed point near ``state`` (default: the model's start) at a constant drive in SI units."""
    first = np.array([model.start[n] for n in model.states]) if state is None else np.asarray(state)
    found = _newton(model, first.astype(np.float64), drive)
    matrix = jacobian(model, found, drive)
    values = np.linalg.eigvals(matrix)
    return FixedPoint(
        tuple(found.tolist()), tuple(complex(e) for e in values), float(np.trace(matrix)),
        float(np.linalg.det(matrix)),
    )  # fmt: skip


def fixed_points(
    model: Model, x: tuple[float, float], y: tuple[float, float], drive: float = 0.0
) -> list[FixedPoint]:
    """All fixed points of a planar model in a rectangle, by its first variable."""
    plane = phase_plane(model, x, y, drive, 400)
    size = np.array([x[1] - x[0], y[1] - y[0]])
    found: list[FixedPoint] = []
    for row, column in np.argwhere(_mixed(plane.dx) & _mixed(plane.dy)):
        seed = np.array([plane.x[column : column + 2].mean(), plane.y[row : row + 2].mean()])
        try:
            point = fixed_point(model, seed, drive)
        except NetworkError:
            continue  # the nullclines pass each other within the cell
        state = np.array(point.state)
        near = (np.abs(state - seed) < 0.02 * size).all()
        if near and not any((np.abs(state - f.state) < 1e-6 * size).all() for f in found):
            found.append(point)
    return sorted(found, key=lambda f: f.state[0])


def _mixed(values: Floats) -> NDArray[np.bool_]:
    """Cells of a grid, (n - 1, n - 1), at whose corners the values have both signs."""
    corners = np.stack([values[:-1, :-1], values[1:, :-1], values[:-1, 1:], values[1:, 1:]])
    return np.asarray((corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0))


def planar(model: Model) -> None:
    """InputError unless the model has two state variables."""
    if len(model.states) != 2:
        raise InputError(
            f"{model.name} has {len(model.states)} state variables; a phase plane needs 2"
        )


@dataclass(frozen=True, eq=False)
class PhasePlane:
    """A vector field on a grid: ``x`` (nx,), ``y`` (ny,), ``dx`` and ``dy`` (ny, nx), SI units.

    The nullclines are where ``dx`` and ``dy`` are 0.
    """

    model: Model
    drive: float
    x: Floats
    y: Floats
    dx: Floats
    dy: Floats


def phase_plane(
    model: Model, x: tuple[float, float], y: tuple[float, float], drive: float = 0.0, n: int = 200
) -> PhasePlane:
    """The vector field of a planar model over a rectangle, (n, n)."""
    planar(model)
    xs, ys = np.linspace(*x, n), np.linspace(*y, n)
    grid = np.stack(np.meshgrid(xs, ys))
    dx, dy = derivatives(compile_model(model), grid, drive)
    return PhasePlane(model, drive, xs, ys, dx, dy)


def nullcline(model: Model, variable: str, x: Floats, y: tuple[float, float], drive: float = 0.0,
              n: int = 2001) -> Floats:  # fmt: skip
    """``y`` at which ``variable`` does not change, for every ``x``, (nx,); NaN where there is none."""
    planar(model)
    k = model.states.index(variable)
    ys = np.linspace(*y, n)
    rate = derivatives(compile_model(model), np.stack(np.meshgrid(x, ys)), drive)[k]
    change = np.signbit(rate[1:]) != np.signbit(rate[:-1])
    row = np.argmax(change, axis=0)
    columns = np.arange(len(x))
    low, high = rate[row, columns], rate[row + 1, columns]
    with np.errstate(all="ignore"):
        where = ys[row] + low / (low - high) * (ys[1] - ys[0])
    return np.where(change.any(axis=0), where, np.nan)
