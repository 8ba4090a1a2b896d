"""Does the user's own model contradict an answer? Then it is a bug, and nothing is published.

A proof is about real arithmetic, and the model rounds. So a value of the model contradicts a claim
only where it lies beyond what float32 can have done to it (`graph/float32.py` derives how much).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from ...core import Atom, ContradictionError, Formula, Region, gamma
from ...core.arrays import linear_forms
from ...core.formula import holds, rounding, value
from ..common.network import NetworkLike
from .check_point import contained, contains, float_above, into, nearby
from .evaluate import ModelRun, entries, run_model, shown


SAMPLES = 8
"""Random inputs of each kind at which the model is run before an answer is published."""

_REGIONS = 8
"""Regions of a union that random inputs come from."""

_LARGE = 2**17
"""Entries of a graph's values from which on the model is run at what the search found alone."""


def sampled(
    network: NetworkLike, regions: Sequence[Region], found: Sequence[np.ndarray] = (), seed: int = 0
) -> ModelRun | None:
    """The model, run at some inputs of the regions; None if it cannot be run, or none is known.

    Args:
        network: The model.
        regions: The input sets; a union.
        found: Inputs `(d,)` that the search found worth looking at.
        seed: Of the random inputs.

    Raises:
        ContradictionError: The model is not its graph at one.
    """
    if network.predict is None:
        return None
    points = sample_inputs(network, regions, found, seed)
    if not len(points):
        return None
    with np.errstate(all="ignore"):  # Where its float32 overflows, it says so itself.
        return run_model(network, network.predict, points)


def sample_inputs(
    network: NetworkLike, regions: Sequence[Region], found: Sequence[np.ndarray] = (), seed: int = 0
) -> np.ndarray:
    """Inputs `(n, d)` of the regions, float32 numbers, at which a claim about them is tried.

    Args:
        network: The model.
        regions: The input sets; a union.
        found: Inputs `(d,)` that the search found worth looking at.
        seed: Of the random inputs.
    """
    points = list(found)
    if entries(network.graph) <= _LARGE:
        rng = np.random.default_rng(seed)
        some = rng.permutation(len(regions))[:_REGIONS]
        points += [x for i in some for x in _some(regions[i], rng)]
    kept = {x.tobytes(): x for x in _runnable(points, regions)}
    return np.array(list(kept.values())).reshape(-1, network.graph.size)


def inside(run: ModelRun, regions: Sequence[Region]) -> ModelRun:
    """The part of a run whose inputs, rounded as they are, lie in the regions."""
    kept = contained(regions, run.x)
    return ModelRun(run.x[kept], run.y[kept], run.off[kept])


def _some(region: Region, rng: np.random.Generator) -> np.ndarray:
    """Inputs of a region's box: the middle, corners, whole numbers, and any."""
    lo, hi = region.box.lo, region.box.hi
    if not np.isfinite([lo, hi]).all():
        return np.zeros((0, lo.size))
    corners = np.where(rng.integers(0, 2, (SAMPLES, lo.size)) > 0, lo, hi)
    any_at_all = region.box.uniform(rng, 2 * SAMPLES)
    any_at_all[::2] = np.clip(np.rint(any_at_all[::2]), lo, hi)
    x = np.concatenate([0.5 * lo[None] + 0.5 * hi[None], corners, any_at_all])
    return np.where(region.integer, np.rint(x), x)


def _runnable(points: Sequence[np.ndarray], regions: Sequence[Region]) -> Iterator[np.ndarray]:
    """Each point, or one beside it, as float32 numbers that lie in a region, if one does."""
    if not len(points):
        return
    with np.errstate(over="ignore"):
        single = np.asarray(points).astype(np.float32).astype(np.float64)
    boxes = [region.box for region in regions[:_REGIONS] if region.is_box]
    known = np.zeros(len(single), bool)
    for box in boxes:
        known |= box.contains(single)
    for box in boxes:
        beside = into(box, single)
        moved = ~known & box.contains(beside)
        single[moved], known = beside[moved], known | moved
    for i, point in enumerate(points):
        found = single[i] if known[i] else _beside(point, regions)
        if found is not None:
            yield found


def _beside(x: np.ndarray, regions: Sequence[Region]) -> np.ndarray | None:
    for point in nearby(x, regions):
        with np.errstate(over="ignore"):
            single = point.astype(np.float32).astype(np.float64)
        if np.array_equal(single, point) and any(contains(r, point) for r in regions):
            return point
    return None


def check_forms(run: ModelRun | None, rows: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> None:
    """The model's values of linear forms of its outputs lie within proved bounds.

    Args:
        run: The model's values at inputs that the bounds are about.
        rows: `(k, outputs)`.
        lo: `(k,)` proved: no form is less.
        hi: `(k,)` proved: none is more.

    Raises:
        ContradictionError: One does not, and rounding does not explain it.
    """
    if run is None:
        return
    size, known = np.abs(rows), np.isfinite(run.y) & np.isfinite(run.off)
    value, error = np.where(known, run.y, 0.0), np.where(known, run.off, 0.0)
    with np.errstate(all="ignore"):
        found = linear_forms(rows, value)
        off = linear_forms(size, error)
        off += gamma(rows.shape[1] + 2) * linear_forms(size, np.abs(value))
        # A form may be too large for float64 where the outputs are not.
        told = np.isfinite(found) & (linear_forms((size > 0) * 1.0, ~known * 1.0) == 0)
        bad = told & ((found < lo - off) | (found > hi + off))
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise _contradiction(
            f"value {j} lies in [{lo[j]:.9g}, {hi[j]:.9g}]",
            run,
            i,
            f"{found[i, j]:.9g}, of which float32 rounding explains {off[i, j]:.2g}",
        )


def check_least(run: ModelRun | None, objective: Atom, least: float) -> None:
    """The model's values of an objective over `[x, y]` are not below what is proved.

    Raises:
        ContradictionError: One is, and rounding does not explain it.
    """
    if not np.isfinite(least):
        return
    offset = float_above(Fraction(objective.offset) - Fraction(float(least)))
    below = Atom(objective.terms, offset, strict=True)
    check_never(run, below, f"no admissible input brings the objective below {least:.9g}")


def check_never(run: ModelRun | None, unsafe: Formula, claim: str) -> None:
    """No value of the model satisfies what was proved never to hold.

    Args:
        run: The model's values at inputs that the proof is about.
        unsafe: Over `[x, y]`.
        claim: The proof, for the message.

    Raises:
        ContradictionError: One does, wherever float32 rounding may have moved it.
    """
    if run is None:
        return
    at = np.concatenate([run.x, run.y], axis=1)
    with np.errstate(all="ignore"):
        never = value(unsafe, at) > rounding(unsafe, at)
    for i in np.flatnonzero(~never).tolist():  # Not even at what the model returned, elsewhere.
        x, y, off = run.x[i], run.y[i], run.off[i]
        known = np.isfinite(y) & np.isfinite(off)
        low, high = np.where(known, y - off, -np.inf), np.where(known, y + off, np.inf)
        if holds(unsafe, np.concatenate([x, low]), np.concatenate([x, high])) is True:
            found = f"{shown(y)}, of which float32 rounding explains {shown(off)}"
            raise _contradiction(claim, run, i, found)


def _contradiction(claim: str, run: ModelRun, i: int, found: str) -> ContradictionError:
    return ContradictionError(
        f"It was proved that {claim}, and the model itself contradicts it: it returned {found}. "
        "This is a bug in outrange; please report the model. "
        f"Received: the input {shown(run.x[i])}."
    )
