"""How far apart two spike trains are: six figures, each one function of two arrays of times.

These are the definitions, written to be read. :mod:`neurohw.compare.batch` computes the same
figures for many pairs at once. Times are float64 seconds of shape (spikes,), in any order; ``a`` is
the reference. Every function raises InputError for times that are not finite or, where the duration
is given, outside 0..duration, and for a parameter outside its range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError

Times = NDArray[np.float64]


def positive(name: str, value: float, zero: bool = False, infinite: bool = False) -> float:
    """``value`` if it is a positive number (or zero, or infinite, if allowed), else InputError."""
    number = float(value)
    if (number > 0 or (zero and number == 0)) and (infinite or number < np.inf):
        return number
    limit = "zero or more" if zero else "more than zero"
    raise InputError(f"{name} = {value}: give a number, {limit}")


def window_limit(window: float, duration: float) -> float:
    """The window plus what rounding adds: 3 dt - 1 dt may exceed 2 dt by the last bit."""
    return window * (1 + 1e-9) + 8 * float(np.finfo(np.float64).eps) * duration


def _train(name: str, times: ArrayLike, duration: float = np.inf) -> Times:
    array = np.asarray(times, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(f"spike train {name}, shape {array.shape}: give one row of finite times")
    array = np.sort(array)
    if duration < np.inf and array.size and not 0 <= array[0] <= array[-1] <= duration:
        bad = array[0] if array[0] < 0 else array[-1]
        raise InputError(f"spike train {name}: {bad} s is outside 0..{duration} s; cut the train")
    return array


def coincidence(a: ArrayLike, b: ArrayLike, duration: float, window: float) -> float:
    """Coincidence factor Γ: 1 for equal trains, 0 for no better than a Poisson train, may be < 0.

    Γ = (N - 2 ν Δ N_a) / ((N_a + N_b) / 2) / (1 - 2 ν Δ), with N the coincidences within ±Δ =
    ``window`` (inclusive), ν = N_b / duration the rate of ``b``. Kistler, Gerstner and van Hemmen
    1997, doi:10.1162/neco.1997.9.5.1015; in this form Jolivet, Lewis and Gerstner 2004,
    doi:10.1152/jn.00190.2004. Each spike takes part in at most one coincidence; N is the largest
    such number. Equal trains give 1, two empty ones too; one empty train gives 0. NaN (undefined)
    where 2 ν Δ >= 1, that is where windows cover the whole trial, unless the trains are equal.
    """
    duration = positive("duration", duration)
    window = positive("window", window, zero=True)
    ta, tb = _train("a", a, duration), _train("b", b, duration)
    if np.array_equal(ta, tb):
        return 1.0
    limit = window_limit(window, duration)
    hits = i = j = 0
    while i < ta.size and j < tb.size:  # taking the earliest possible partner is optimal
        gap = tb[j] - ta[i]
        if abs(gap) <= limit:
            hits, i, j = hits + 1, i + 1, j + 1
        elif gap > 0:
            i += 1
        else:
            j += 1
    chance = 2 * window * tb.size / duration
    if chance >= 1:
        return float("nan")
    return (hits - chance * ta.size) / ((ta.size + tb.size) / 2) / (1 - chance)


def van_rossum(a: ArrayLike, b: ArrayLike, tau: float) -> float:
    """Van Rossum distance of the trains filtered with a causal exponential of ``tau`` seconds.

    D² = (2 / τ) ∫ (f_a(t) - f_b(t))² dt, f(t) = Σ exp(-(t - t_i) / τ) over t_i <= t. One spike
    against none gives 1, as in elephant; van Rossum 2001, doi:10.1162/089976601300014321, divides
    by √2. Without unit; defined for empty trains; spikes of one train at the same time add up.
    """
    tau = positive("tau", tau)
    ta, tb = _train("a", a), _train("b", b)
    time, inverse = np.unique(np.concatenate([ta, tb]), return_inverse=True)
    net = np.bincount(inverse, np.repeat([1.0, -1.0], [ta.size, tb.size]), time.size)
    gap = np.append(np.diff(time), np.inf)[: time.size]
    total = f = 0.0  # between events the integral is known: only positive terms, no cancellation
    for change, lost, kept in zip(net, -np.expm1(-2 * gap / tau), np.exp(-gap / tau), strict=True):
        f += change
        total += f * f * lost
        f *= kept
    return float(np.sqrt(total))


def victor_purpura(a: ArrayLike, b: ArrayLike, cost: float) -> float:
    """Victor-Purpura distance: the least cost of turning ``a`` into ``b``.

    Removing or adding a spike costs 1, moving one by t seconds ``cost`` * t (``cost`` in 1/s, 0 to
    infinity). Victor and Purpura 1996, doi:10.1152/jn.1996.76.2.1310. Defined for empty trains.
    """
    cost = positive("cost", cost, zero=True, infinite=True)
    ta, tb = _train("a", a), _train("b", b)
    column = np.arange(tb.size + 1.0)
    best = column.copy()  # best[j]: the first spikes of a, so far none, into the first j of b
    for i, t in enumerate(ta):
        gap = np.abs(tb - t)
        move = np.where(gap > 0, cost * np.where(gap > 0, gap, 1.0), 0.0)  # infinity * 0 is 0
        new = np.concatenate([[i + 1.0], np.minimum(best[1:] + 1, best[:-1] + move)])
        # Adding spikes: new[j] = min over k <= j of new[k] + (j - k).
        best = np.minimum.accumulate(new - column) + column
    return float(best[-1])


def _bracketed(train: Times, duration: float) -> tuple[Times, Times]:
    """The train as the two distances see it, and with one auxiliary spike before and after it.

    pyspike's edges: an empty train has spikes at 0 and at the end; the interval at an edge is at
    least as long as its neighbour.
    """
    t = np.unique(train) if train.size else np.array([0.0, duration])
    first, last = 0.0, duration
    if t.size > 1:
        first, last = min(first, 2 * t[0] - t[1]), max(last, 2 * t[-1] - t[-2])
    return t, np.concatenate([[first], t, [last]])


def isi_distance(a: ArrayLike, b: ArrayLike, duration: float) -> float:
    """ISI-distance, 0 to 1: the mean over 0..duration of |x_a(t) - x_b(t)| / max(x_a(t), x_b(t)).

    x(t) is the interspike interval around t. Kreuz et al. 2007,
    doi:10.1016/j.jneumeth.2007.05.031; edges and empty trains as in pyspike (Mulansky and Kreuz
    2016, doi:10.1016/j.softx.2016.07.006), two empty ones give 0, and so do two
    with one spike at the end, for which pyspike has NaN. Spikes of one train at the same time count
    once.
    """
    duration = positive("duration", duration)
    ta, around_a = _bracketed(_train("a", a, duration), duration)
    tb, around_b = _bracketed(_train("b", b, duration), duration)
    cuts = np.unique(np.concatenate([[0.0, duration], ta, tb]))
    x_a = np.diff(around_a)[np.searchsorted(ta, cuts[:-1], "right")]
    x_b = np.diff(around_b)[np.searchsorted(tb, cuts[:-1], "right")]
    profile = np.abs(x_a - x_b) / np.maximum(x_a, x_b)
    return float((profile * np.diff(cuts)).sum() / duration)


def spike_distance(a: ArrayLike, b: ArrayLike, duration: float) -> float:
    """SPIKE-distance, 0 to 1: the mean over 0..duration of S(t), sensitive to spike timing.

    S = (S_a x_b + S_b x_a) / (2 ((x_a + x_b) / 2)²), x the interspike interval around t, S_a the
    distances of the previous and the following spike of ``a`` to the nearest spike of ``b``,
    weighted by how near they are to t. Kreuz et al. 2013, doi:10.1152/jn.00873.2012; edges and
    empty trains as in pyspike (Mulansky and Kreuz 2016, doi:10.1016/j.softx.2016.07.006), two empty
    ones give 0, and so do two with one spike at the end, for which pyspike has NaN. Spikes of one
    train at the same time count once.
    """
    duration = positive("duration", duration)
    ta, around_a = _bracketed(_train("a", a, duration), duration)
    tb, around_b = _bracketed(_train("b", b, duration), duration)
    cuts = np.unique(np.concatenate([[0.0, duration], ta, tb]))
    x_a, left_a, right_a = _local(ta, around_a, around_b, cuts)
    x_b, left_b, right_b = _local(tb, around_b, around_a, cuts)
    # Linear between cuts, so the mean of both ends is exact.
    ends = (left_a + right_a) * x_b + (left_b + right_b) * x_a
    return float((ends / (x_a + x_b) ** 2 * np.diff(cuts)).sum() / duration)


def _local(t: Times, around: Times, other: Times, cuts: Times) -> tuple[Times, Times, Times]:
    """x, and S_a at the left and the right end, of each segment between ``cuts``."""

    def nearest(times: Times) -> Times:
        return np.array([np.abs(time - other).min() for time in times])

    gap = nearest(t)
    at_start, at_end = np.concatenate([gap[:1], gap]), np.concatenate([gap, gap[-1:]])
    if t.size == 1 and t[0] == 0:  # pyspike then takes the end of the trial for the next spike
        at_end[-1] = nearest(cuts[-1:])[0]
    k = np.searchsorted(t, cuts[:-1], "right")
    x = np.diff(around)[k]
    left, right = (
        (at_start[k] * (around[k + 1] - at) + at_end[k] * (at - around[k])) / x
        for at in (cuts[:-1], cuts[1:])
    )
    return x, left, right


def rate_error(a: ArrayLike, b: ArrayLike, duration: float) -> float:
    """(N_b - N_a) / duration in Hz: how much faster ``b`` fires. 0 for two empty trains."""
    duration = positive("duration", duration)
    return (_train("b", b, duration).size - _train("a", a, duration).size) / duration
