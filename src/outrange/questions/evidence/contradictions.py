"""Checks of an answer against the user's own model; a contradiction is a bug and raises an error.

A proof is about real arithmetic, but the model rounds. So a value of the model contradicts a claim
only if float32 rounding cannot explain it (`graph/float32.py` derives the bound).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from ...core import Atom, ContradictionError, Formula, Region, gamma
from ...core.arrays import linear_forms
from ...core.formula import holds, rounding, value
from ..common.network import NetworkLike
from .check_point import are_contained, contains, float_above, nearby, step_into
from .evaluate import ModelRun, entries, format_values, run_model


SAMPLES = 8
"""Number of random corners of a region at which the model is run before an answer is returned; it
is also run at the midpoint, and at twice as many other random points."""

_REGIONS = 8
"""Maximum number of regions of a union from which random inputs are drawn."""

_LARGE = 2**17
"""Number of graph values above which the model is run only at points from the search."""


def run_samples(
    network: NetworkLike,
    regions: Sequence[Region],
    candidates: Sequence[np.ndarray] = (),
    seed: int = 0,
) -> ModelRun | None:
    """Run the model at points from the search and at random inputs in the regions.

    The result is None if there is no model to run, or if no float32 input in the regions is known.

    Args:
        network: The network under study.
        regions: The input set, as a union of regions.
        candidates: Inputs `(d,)` from the search.
        seed: Random seed of the other inputs.

    Raises:
        ContradictionError: At some input, the model differs from its graph by more than float32
            rounding can explain.
    """
    if network.predict is None:
        return None
    points = sample_inputs(network, regions, candidates, seed)
    if not len(points):
        return None
    with np.errstate(all="ignore"):  # A float32 overflow shows in the results.
        return run_model(network, network.predict, points)


def sample_inputs(
    network: NetworkLike,
    regions: Sequence[Region],
    candidates: Sequence[np.ndarray] = (),
    seed: int = 0,
) -> np.ndarray:
    """Return float32 inputs `(n, d)` in the regions, at which claims about the regions are tested.

    Args:
        network: The network under study.
        regions: The input set, as a union of regions.
        candidates: Inputs `(d,)` from the search.
        seed: Random seed of the other inputs.
    """
    points = list(candidates)
    if entries(network.graph) <= _LARGE:
        rng = np.random.default_rng(seed)
        some = rng.permutation(len(regions))[:_REGIONS]
        points += [x for i in some for x in _inputs_of(regions[i], rng)]
    distinct = {x.tobytes(): x for x in _runnable(points, regions)}
    return np.array(list(distinct.values())).reshape(-1, network.graph.size)


def inside(run: ModelRun, regions: Sequence[Region]) -> ModelRun:
    """Return the part of a run whose rounded inputs lie in the regions."""
    is_inside = are_contained(regions, run.x)
    return ModelRun(run.x[is_inside], run.y[is_inside], run.off[is_inside])


def _inputs_of(region: Region, rng: np.random.Generator) -> np.ndarray:
    """Return inputs in a region's box: its midpoint, random corners, and random points."""
    lo, hi = region.box.lo, region.box.hi
    if not np.isfinite([lo, hi]).all():
        return np.zeros((0, lo.size))
    corners = np.where(rng.integers(0, 2, (SAMPLES, lo.size)) > 0, lo, hi)
    any_at_all = region.box.uniform(rng, 2 * SAMPLES)
    any_at_all[::2] = np.clip(np.rint(any_at_all[::2]), lo, hi)
    x = np.concatenate([0.5 * lo[None] + 0.5 * hi[None], corners, any_at_all])
    return np.where(region.integer, np.rint(x), x)


def _runnable(points: Sequence[np.ndarray], regions: Sequence[Region]) -> Iterator[np.ndarray]:
    """Yield, for each point, a float32 point in the regions that is equal or close to it.

    If none is found, the point is skipped.
    """
    if not len(points):
        return
    with np.errstate(over="ignore"):
        single = np.asarray(points).astype(np.float32).astype(np.float64)
    boxes = [region.box for region in regions[:_REGIONS] if region.is_box]
    is_inside = np.zeros(len(single), bool)
    for box in boxes:
        is_inside |= box.contains(single)
    for box in boxes:
        beside = step_into(box, single)
        moved = ~is_inside & box.contains(beside)
        single[moved], is_inside = beside[moved], is_inside | moved
    for i, point in enumerate(points):
        point_inside = single[i] if is_inside[i] else _beside(point, regions)
        if point_inside is not None:
            yield point_inside


def _beside(x: np.ndarray, regions: Sequence[Region]) -> np.ndarray | None:
    for point in nearby(x, regions):
        with np.errstate(over="ignore"):
            single = point.astype(np.float32).astype(np.float64)
        if np.array_equal(single, point) and any(contains(r, point) for r in regions):
            return point
    return None


def check_forms(run: ModelRun | None, rows: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> None:
    """Check that linear forms of the model's own outputs lie within proved bounds.

    Args:
        run: The model's values at inputs for which the bounds are proved; None skips the check.
        rows: Coefficients of the forms, `(k, outputs)`.
        lo: `(k,)` proved lower bounds.
        hi: `(k,)` proved upper bounds.

    Raises:
        ContradictionError: A value is farther outside its bounds than rounding can explain.
    """
    if run is None:
        return
    size, is_finite = np.abs(rows), np.isfinite(run.y) & np.isfinite(run.off)
    value, error = np.where(is_finite, run.y, 0.0), np.where(is_finite, run.off, 0.0)
    with np.errstate(all="ignore"):
        values = linear_forms(rows, value)
        off = linear_forms(size, error)
        off += gamma(rows.shape[1] + 2) * linear_forms(size, np.abs(value))
        # A form may be too large for float64 where the outputs are not.
        comparable = np.isfinite(values) & (linear_forms((size > 0) * 1.0, ~is_finite * 1.0) == 0)
        bad = comparable & ((values < lo - off) | (values > hi + off))
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise _contradiction(
            f"value {j} lies in [{lo[j]:.9g}, {hi[j]:.9g}]",
            run,
            i,
            f"{values[i, j]:.9g}, of which float32 rounding explains {off[i, j]:.2g}",
        )


def check_least(run: ModelRun | None, objective: Atom, least: float) -> None:
    """Check that the objective, at the model's own outputs, is not below its proved bound.

    Raises:
        ContradictionError: A value is farther below the bound than rounding can explain.
    """
    if not np.isfinite(least):
        return
    offset = float_above(Fraction(objective.offset) - Fraction(float(least)))
    below = Atom(objective.terms, offset, strict=True)
    check_never(run, below, f"no admissible input brings the objective below {least:.9g}")


def check_never(run: ModelRun | None, unsafe: Formula, claim: str) -> None:
    """Check that the model's own values do not satisfy a condition proved never to hold.

    Args:
        run: The model's values at inputs that the proof covers; None skips the check.
        unsafe: The condition, over `[x, y]`.
        claim: The proved statement, for the message.

    Raises:
        ContradictionError: At some input, every output within float32 rounding of the model's
            output satisfies the condition.
    """
    if run is None:
        return
    at = np.concatenate([run.x, run.y], axis=1)
    with np.errstate(all="ignore"):
        never = value(unsafe, at) > rounding(unsafe, at)
    for i in np.flatnonzero(~never).tolist():  # Elsewhere the model's own output violates it.
        x, y, off = run.x[i], run.y[i], run.off[i]
        is_finite = np.isfinite(y) & np.isfinite(off)
        # A nonlinear term may be undefined where another part of the condition is false.
        with np.errstate(invalid="ignore"):
            low, high = np.where(is_finite, y - off, -np.inf), np.where(is_finite, y + off, np.inf)
        if holds(unsafe, np.concatenate([x, low]), np.concatenate([x, high])) is True:
            values = f"{format_values(y)}, of which float32 rounding explains {format_values(off)}"
            raise _contradiction(claim, run, i, values)


def _contradiction(claim: str, run: ModelRun, i: int, values: str) -> ContradictionError:
    return ContradictionError(
        f"It was proved that {claim}, but the model itself contradicts this: it returned {values}. "
        "This is a bug in outrange; please report the model. "
        f"Received: the input {format_values(run.x[i])}."
    )
