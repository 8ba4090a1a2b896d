"""A property of the float32 network that is deployed, decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...answers.progress import VerifyProgress
from ...answers.verdict import Verdict
from ...core import And, Atom, Clock, Formula, Or, Region
from ...core.formula import atoms, holds
from ...domains import bounds
from ...domains.float32 import with_rows
from ..common.network import NetworkLike
from ..evidence.check_point import Witness, contains, nearby
from ..evidence.evaluate import model_values
from ..verify import counterexample_at, verify
from .clauses import clauses_hold
from .described import check_described
from .splits import float32_off


SHARE = 0.5
"""Of the time goes to the verdict in real arithmetic."""

SPLITS = 60.0
"""Seconds that a step may take, where there is no limit."""

SAMPLES = 256
"""Points of each region, and as many corners, at which the model is run."""

METHOD = "float32 rounding errors over boxes, back-substituted (Higham 2002, Zhang et al. 2018)"


def verify_float32(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    *,
    text: str,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[VerifyProgress], None] | None = None,
    remedies: bool = False,
) -> Verdict:
    """Verify that no float32 run at inputs of the regions satisfies `unsafe`.

    The box kernel proves it with what float32 may round at every unit. Where it does not, each
    inequality is relaxed by what float32 may stray from it anywhere in the set: if no input
    satisfies the relaxed condition in real arithmetic, no float32 run satisfies the condition
    itself. `VIOLATED` is an input of float32 numbers at which the model's own output satisfies it.

    Args:
        network: The model.
        unsafe: The negated property, over the flat `[x, y]`.
        regions: The input sets; a union.
        text: The property as the user wrote it.
        time_limit: Seconds; None for no limit.
        seed: Seed of the samples.
        progress: Called a few times a second.
        remedies: Not tried: they would be about the real network.
    """
    check_described(network)
    clock = Clock(time_limit)
    real = verify(network, unsafe, regions, text=text, seed=seed, progress=progress,
                  time_limit=None if time_limit is None else SHARE * time_limit)  # fmt: skip
    broken = _broken(network, unsafe, regions, _candidates(real, regions, seed))
    if broken is not None:
        return _violated(network, real, broken)
    if not real.holds:
        return _open(real)
    if real.vacuous:
        return replace(real, arithmetic="float32")
    proof = clauses_hold(network, unsafe, regions, _left(clock))
    if proof is None:
        found = None
        wider = relaxed(network, unsafe, regions, 0.4 * _left(clock))
        if wider is not None:
            found = verify(network, wider, regions, text=text, time_limit=_left(clock), seed=seed)
            broken = _broken(network, unsafe, regions, _candidates(found, regions, seed + 1))
        if broken is not None:
            return _violated(network, real, broken)
        proof = found.margin if found is not None and found.holds else None
    if proof is None:
        return _open(real)
    return replace(
        real, arithmetic="float32", margin=min(real.margin, proof),
        cost=replace(real.cost, seconds=clock.seconds), methods=(*real.methods, METHOD),
    )  # fmt: skip


def _left(clock: Clock) -> float:
    return min(max(clock.left, 1e-3), SPLITS if clock.limit == np.inf else np.inf)


def _candidates(found: Verdict, regions: Sequence[Region], seed: int) -> list[np.ndarray]:
    """Points at which float32 may break what real arithmetic does not."""
    rng = np.random.default_rng(seed)
    points = [] if found.counterexample is None else [found.counterexample.flat_x]
    for region in regions:
        lo, hi = region.box.lo, region.box.hi
        if np.isfinite([lo, hi]).all():
            points += list(region.box.uniform(rng, SAMPLES))
            corners = rng.random((SAMPLES, lo.size)) < 0.5
            points += list(np.where(corners, lo, hi))
    return points


def _broken(
    network: NetworkLike, unsafe: Formula, regions: Sequence[Region], points: list[np.ndarray]
) -> Witness | None:
    """The first float32 point of the set at which the model's own output satisfies `unsafe`."""
    if network.predict is None:
        return None
    near = [p for x in points for p in nearby(x, regions)[:2]]
    near = [p for p in near if np.array_equal(p, p.astype(np.float32))]
    near = [p for p in near if any(contains(one, p) for one in regions)]
    if not near:
        return None
    x = np.stack(near)
    with np.errstate(all="ignore"):
        y = model_values(network, network.predict, x)
    for point, returned in zip(x, y, strict=True):
        seen = np.concatenate([point, returned])
        if holds(unsafe, seen, seen) is True:
            lo, hi = bounds(network.graph, point, point, "intervals")[network.graph.output]
            return Witness(point, lo[0], hi[0], returned, True)
    return None


def _violated(network: NetworkLike, real: Verdict, broken: Witness) -> Verdict:
    return replace(
        real, status="VIOLATED", reason="decided", vacuous=False,
        counterexample=counterexample_at(network, broken), arithmetic="float32",
        in_real="" if real.status == "VIOLATED" else real.status,
    )  # fmt: skip


def _open(real: Verdict) -> Verdict:
    """Nothing is known in float32; what is known in real arithmetic stands beside it."""
    reason = real.reason if real.status == "UNKNOWN" else "float32"
    return replace(
        real, status="UNKNOWN", reason=reason, counterexample=None, vacuous=False,
        arithmetic="float32", in_real="" if real.status == "UNKNOWN" else real.status,
    )  # fmt: skip


def relaxed(
    network: NetworkLike, unsafe: Formula, regions: Sequence[Region], seconds: float
) -> Formula | None:
    """The condition with every inequality widened by what float32 may stray from it.

    None where nothing can be said of some inequality: rounding has no bound.
    """
    inputs = network.graph.size
    forms = list(dict.fromkeys(tuple(t for t in a.terms if t[0] >= inputs) for a in atoms(unsafe)))
    forms = [form for form in forms if form]
    if not forms:
        return unsafe
    outputs = network.written.value_size(network.written.output)
    rows = np.zeros((len(forms), outputs))
    for row, form in zip(rows, forms, strict=True):
        for i, c in form:
            row[i - inputs] = c
    off = _off(network, rows, regions, seconds)
    widths = dict(zip(forms, off.tolist(), strict=True))
    if not np.isfinite(off).all():
        return None
    return _widened(unsafe, inputs, widths)


def _off(
    network: NetworkLike, rows: np.ndarray, regions: Sequence[Region], seconds: float
) -> np.ndarray:
    """How far float32 may stray from forms of the outputs over the regions, `(k,)`."""
    plan = with_rows(network.written, rows)
    corners = np.stack([r.box.lo for r in regions]), np.stack([r.box.hi for r in regions])
    return float32_off(plan, corners, seconds)


def _widened(formula: Formula, inputs: int, widths: dict) -> Formula:
    if isinstance(formula, Atom):
        form = tuple(t for t in formula.terms if t[0] >= inputs)
        if not form:
            return formula
        offset = float(np.nextafter(formula.offset - widths[form], -np.inf))
        return Atom(formula.terms, offset, False)
    parts = tuple(_widened(part, inputs, widths) for part in formula.parts)
    return And(parts) if isinstance(formula, And) else Or(parts)
