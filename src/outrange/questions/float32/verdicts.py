"""Verification of a property of the deployed float32 network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...answers.progress import VerifyProgress
from ...answers.verdict import Verdict
from ...core import And, Atom, Clock, Formula, Or, Region
from ...core.formula import TRUE, atoms
from ...domains import bounds
from ...domains.float32 import plan_of_rows
from ..common.named_arrays import graph_point
from ..common.network import NetworkLike
from ..evidence.check_point import Witness, contains, holds_at_output, nearby
from ..evidence.evaluate import model_values
from ..verify import counterexample_at, verify
from .clauses import prove_margin
from .described import check_casts, check_described
from .nonlinear import verify_with_deviations
from .splits import float32_off
from .sums import tighten_sums


SHARE = 0.5
"""Fraction of the time limit spent on the verdict in real arithmetic."""

SPLITS = 60.0
"""Maximum time, in seconds, of each attempt at a float32 proof if there is no time limit."""

SAMPLES = 256
"""Number of random points, and of random corners, of each region at which the model is run."""

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
    has_sums: bool = False,
    assumption: Formula = TRUE,
) -> Verdict:
    """Verify that no float32 run at an input in the regions satisfies `unsafe`.

    The property is first verified in real arithmetic, and the model is run at samples in search of
    a violation. If the property holds, the box kernel tries to prove it for float32, with bounds on
    the rounding of every unit. If this fails, each inequality is relaxed by a bound on the
    deviation of its left-hand side in float32 over the set. If no input satisfies the relaxed
    condition in real arithmetic, no float32 run satisfies `unsafe`. If `unsafe` is nonlinear, it is
    instead verified for all outputs that float32 rounding allows. The verdict `VIOLATED` includes a
    float32 input at which the model's own output satisfies `unsafe`.

    Args:
        network: The network to verify.
        unsafe: The negated property, over the flat `[x, y]`.
        regions: The input set, as a union of regions.
        text: The property as text, for the verdict.
        time_limit: Limit in seconds; None for no limit.
        seed: Random seed of the samples.
        progress: Callback for progress records, called a few times a second.
        remedies: Ignored, because remedies would apply to the real-valued network.
        has_sums: Whether the left-hand sides of the inequalities are float32 sums, computed in any
            order. Otherwise they are computed from the float32 values without rounding.
        assumption: The part of `unsafe` that restricts the input set, as for `verify`.
    """
    model = network if network.model is None else network.model
    check_described(model)
    clock = Clock(time_limit)
    check_casts(model, regions)
    real = verify(network, unsafe, regions, text=text, seed=seed, progress=progress,
                  time_limit=None if time_limit is None else SHARE * time_limit,
                  assumption=assumption)  # fmt: skip
    points = _candidates(network, real, regions, seed)
    violation = _find_violation(network, unsafe, regions, points, has_sums)
    if violation is not None:
        return _violated_verdict(network, real, violation)
    if not real.holds:
        return _open_verdict(real)
    # With sums, rounding may let an input satisfy assumptions that no input satisfies exactly.
    if real.vacuous and not (has_sums and regions):
        return replace(real, arithmetic="float32")
    if network.terms is not None:
        verdict = verify_with_deviations(
            model, network.terms, unsafe, regions, text=text, seconds=_seconds_left(clock),
            seed=seed,
        )  # fmt: skip
        proof = verdict.margin if verdict is not None and verdict.holds else None
    else:
        proof = prove_margin(network, unsafe, regions, _seconds_left(clock), has_sums)
    if proof is None and network.terms is None:
        verdict = None
        seconds = 0.4 * _seconds_left(clock)
        wider = relax_inequalities(network, unsafe, regions, seconds, has_sums)
        if wider is not None:
            verdict = verify(
                network, wider, regions, text=text, time_limit=_seconds_left(clock), seed=seed
            )
            points = _candidates(network, verdict, regions, seed + 1)
            violation = _find_violation(network, unsafe, regions, points, has_sums)
        if violation is not None:
            return _violated_verdict(network, real, violation)
        proof = verdict.margin if verdict is not None and verdict.holds else None
    if proof is None:
        return _open_verdict(real)
    return replace(
        real, arithmetic="float32", margin=min(real.margin, proof),
        cost=replace(real.cost, seconds=clock.seconds), methods=(*real.methods, METHOD),
    )  # fmt: skip


def _seconds_left(clock: Clock) -> float:
    return min(max(clock.left, 1e-3), SPLITS if clock.limit == np.inf else np.inf)


def _candidates(
    network: NetworkLike, verdict: Verdict, regions: Sequence[Region], seed: int
) -> list[np.ndarray]:
    """Return points to search for a float32 violation: random points and any counterexample."""
    rng = np.random.default_rng(seed)
    example = verdict.counterexample
    points = [] if example is None else [graph_point(network, example.flat_x)]
    for region in regions:
        lo, hi = region.box.lo, region.box.hi
        if np.isfinite([lo, hi]).all():
            points += list(region.box.uniform(rng, SAMPLES))
            corners = rng.random((SAMPLES, lo.size)) < 0.5
            points += list(np.where(corners, lo, hi))
    return points


def _find_violation(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    points: list[np.ndarray],
    has_sums: bool,
) -> Witness | None:
    """Find a float32 input at or next to one of `points` at which the model satisfies `unsafe`.

    The result is None if none is found, or if the network has no model to run. With `has_sums`, the
    model must satisfy `unsafe` in every order in which the float32 sums may be computed.
    """
    if network.predict is None:
        return None
    near = [p for x in points for p in nearby(x, regions)[:2]]
    near = [p for p in near if np.array_equal(p, p.astype(np.float32))]
    near = [p for p in near if any(contains(region, p) for region in regions)]
    if not near:
        return None
    x = np.stack(near)
    with np.errstate(all="ignore"):
        y = model_values(network, network.predict, x)
    for point, returned in zip(x, y, strict=True):
        seen = np.concatenate([point, returned])
        condition = tighten_sums(unsafe, seen) if has_sums else unsafe
        if holds_at_output(network, condition, seen):
            lo, hi = bounds(network.graph, point, point, "intervals")[network.graph.output]
            return Witness(point, lo[0], hi[0], returned, True)
    return None


def _violated_verdict(network: NetworkLike, real: Verdict, broken: Witness) -> Verdict:
    return replace(
        real, status="VIOLATED", reason="decided", vacuous=False,
        counterexample=counterexample_at(network, broken), arithmetic="float32",
        in_real="" if real.status == "VIOLATED" else real.status,
    )  # fmt: skip


def _open_verdict(real: Verdict) -> Verdict:
    """Return the verdict `UNKNOWN` about float32; `in_real` is the real status if it is decided."""
    reason = real.reason if real.status == "UNKNOWN" else "float32"
    return replace(
        real, status="UNKNOWN", reason=reason, counterexample=None, vacuous=False,
        arithmetic="float32", in_real="" if real.status == "UNKNOWN" else real.status,
    )  # fmt: skip


def relax_inequalities(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    seconds: float,
    has_sums: bool = False,
) -> Formula | None:
    """Relax inequalities by bounds on the float32 deviations of their left-hand sides.

    Returns:
        The relaxed condition; None if the deviation of some inequality has no bound, or if a
        rounded sum contains inputs.
    """
    inputs = network.graph.size
    if has_sums and any(len(a.terms) > 1 and a.terms[0][0] < inputs for a in atoms(unsafe)):
        return None
    forms = list(dict.fromkeys(tuple(t for t in a.terms if t[0] >= inputs) for a in atoms(unsafe)))
    forms = [form for form in forms if form]
    if not forms:
        return unsafe
    outputs = network.written.value_size(network.written.output)
    rows = np.zeros((len(forms), outputs))
    for row, form in zip(rows, forms, strict=True):
        for i, c in form:
            row[i - inputs] = c
    off = _off(network, rows, regions, seconds, has_sums)
    widths = dict(zip(forms, off.tolist(), strict=True))
    if not np.isfinite(off).all():
        return None
    return _relax(unsafe, inputs, widths)


def _off(
    network: NetworkLike,
    rows: np.ndarray,
    regions: Sequence[Region],
    seconds: float,
    is_rounded: bool,
) -> np.ndarray:
    """Bound the float32 deviations of the linear forms `rows @ y` over the regions, `(k,)`.

    With `is_rounded`, the forms are float32 sums too; otherwise they are exact sums of outputs.
    """
    plan = plan_of_rows(network.written, rows, is_rounded=is_rounded)
    corners = np.stack([r.box.lo for r in regions]), np.stack([r.box.hi for r in regions])
    return float32_off(plan, corners, seconds)


def _relax(formula: Formula, inputs: int, widths: dict) -> Formula:
    if isinstance(formula, Atom):
        form = tuple(t for t in formula.terms if t[0] >= inputs)
        if not form:
            return formula
        offset = float(np.nextafter(formula.offset - widths[form], -np.inf))
        return Atom(formula.terms, offset, False)
    parts = tuple(_relax(part, inputs, widths) for part in formula.parts)
    return And(parts) if isinstance(formula, And) else Or(parts)
