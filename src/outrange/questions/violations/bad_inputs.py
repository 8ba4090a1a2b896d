"""Computation of the preimage of a violation: all inputs of a set that violate a property."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.bad_inputs import BadInputs
from ...answers.regions.locator import INSIDE, OUTSIDE, UNDECIDED
from ...core import Bounds, Box, Formula, InputError, Region, Warrant
from ...core.clock import read_clock
from ...search.preimage import paving as search
from ...search.preimage.activation_patterns import (
    PatternBox,
    PatternPolytope,
    enumerate_patterns,
)
from ...search.preimage.clause_bounds import ClauseBounds
from ...search.preimage.disjoint_boxes import disjoint_boxes, grid_cells
from ...search.preimage.paving import Paving, PavingBox
from ...search.preimage.settings import SETTINGS
from ..common.arguments import check_limits
from ..common.network import NetworkLike
from ..conditions.clause_groups import expand_groups
from ..inputs.parse_box import place
from .flatten_paving import FlatPaving


MOST_ROOTS = 4096
"""Maximum number of disjoint boxes into which the input set is initially divided."""

SHARE_OF_TIME = 0.7
"""Fraction of the time limit for the paving; the remainder is for the activation patterns."""

METHODS = (
    "volumes of half-spaces in boxes (Barrow, Smith 1979)",
    "activation patterns as polytopes (Tran et al. 2019)",
)


def bad_inputs(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    *,
    text: str,
    share_tol: float = 0.01,
    time_limit: float | None = None,
    most_pieces: int = 10_000,
    engine: str = "auto",
) -> BadInputs:
    """Compute all inputs in the regions that satisfy `unsafe`; see `outrange.bad_inputs`.

    Args:
        network: The network under study.
        unsafe: The condition of a bad input, over the flat `[x, y]`.
        regions: The input set, as a union of regions.
        text: The property as text, for the answer.
        share_tol: Tolerance for the fraction of bad inputs.
        time_limit: Limit in seconds; None for no limit.
        most_pieces: Maximum number of pieces.
        engine: `"auto"` uses the compiled kernel if it supports the graph; `"array"` never uses it.
    """
    check_limits(0.0, time_limit)
    _check(share_tol, most_pieces)
    began = read_clock()
    problem = _build_problem(network, unsafe, regions)
    limit = np.inf if time_limit is None else float(time_limit)
    clauses, paving, status = None, None, "interrupted"
    parts: dict[int, list[PatternPolytope]] = {}
    try:
        if problem.clauses:
            hull = Box(problem.lo.min(axis=0), problem.hi.max(axis=0))
            clauses = ClauseBounds(network.graph, problem.clauses, problem.distances, hull, engine)
            lo, hi = problem.lo[:, clauses.free], problem.hi[:, clauses.free]
            paving = Paving(clauses, lo, hi, problem.wanted)
            left = SHARE_OF_TIME * limit - (read_clock() - began)
            # A mixed box may need several pieces: half of them are reserved for that.
            status = paving.refine(float(share_tol), left, max(1, int(most_pieces) // 2))
            if status != "interrupted":
                until = began + limit
                status = _add_patterns(clauses, paving, parts, until, int(most_pieces)) or status
        else:
            status = None
    except KeyboardInterrupt:
        status = "interrupted"
    seconds = read_clock() - began
    return _answer(network, text, problem, clauses, paving, parts, status, share_tol, seconds)


def _check(share_tol: Any, most_pieces: Any) -> None:
    number = isinstance(share_tol, int | float | np.number) and not isinstance(share_tol, bool)
    if not number or not 0 <= share_tol < 1:
        raise InputError(
            "`share_tol` must be a share of the input set's volume, at least 0 and less than 1. "
            f"Received: share_tol={share_tol!r}."
        )
    is_integer = isinstance(most_pieces, int | np.integer) and not isinstance(most_pieces, bool)
    if not is_integer or most_pieces < 1:
        raise InputError(
            f"`most_pieces` must be an integer >= 1. Received: most_pieces={most_pieces!r}."
        )


@dataclass(frozen=True, eq=False)
class _Problem:
    """Disjoint boxes that cover the input set, and the clauses to decide on each box."""

    lo: np.ndarray
    hi: np.ndarray
    wanted: np.ndarray
    clauses: list
    distances: tuple


def _build_problem(network: NetworkLike, unsafe: Formula, regions: Sequence[Region]) -> _Problem:
    slots = network.graph.inputs
    for region in regions:
        if region.integer.any():
            raise InputError(
                "The volume of bad inputs needs real-valued inputs; "
                f"{place(slots, int(np.argmax(region.integer)))} takes integers only. Fix it "
                "to each of its values in turn, or use `counterexamples`. Received: `Mixed`."
            )
    groups = expand_groups(unsafe, regions, lambda i: place(slots, i))
    distances = {tuple(id(ball) for ball in r.distances): r.distances for r in regions}
    if len(distances) > 1:
        raise InputError(
            "The volume of a union of different balls is not supported; compute the volume for "
            f"each ball separately. Received: a union of {len(regions)} sets, {len(distances)} "
            "of them different balls."
        )
    table: dict[tuple, int] = {}
    about: list[tuple[Bounds, int]] = []
    for group in groups:
        for lo, hi in zip(group.roots.lo, group.roots.hi, strict=True):
            for clause in group.clauses:
                about.append(((lo, hi), table.setdefault(tuple(clause), len(table))))
    whole = [(r.box.lo, r.box.hi) for r in regions if np.isfinite([r.box.lo, r.box.hi]).all()]
    if len(whole) < len(regions):  # The property itself has the bounds.
        whole = [box for box, _ in about]
    cells = (
        grid_cells(disjoint_boxes(_distinct(whole)), about, len(table), MOST_ROOTS)
        if whole
        else (
            np.empty((0, network.graph.size)),
            np.empty((0, network.graph.size)),
            np.empty((0, 0), bool),
        )
    )
    if cells is None:
        raise InputError(
            "The input set and the property must not require a split into more than "
            f"{MOST_ROOTS} boxes; use a part of the set. Received: {len(whole)} boxes."
        )
    lo, hi, wanted = cells
    if not np.isfinite(hi - lo).all():
        raise InputError(
            "The sides of the input set must be finite float64 numbers. Received: a side of "
            f"length 2 * {np.max(hi / 2 - lo / 2):g}."
        )
    return _Problem(lo, hi, wanted, list(table), next(iter(distances.values()), ()))


def _distinct(boxes: Sequence[Bounds]) -> list[Bounds]:
    """Return the boxes without duplicates."""
    return list({lo.tobytes() + hi.tobytes(): (lo, hi) for lo, hi in boxes}.values())


def _add_patterns(
    clauses: ClauseBounds,
    paving: Paving,
    parts: dict[int, list[PatternPolytope]],
    until: float,
    most: int,
) -> str | None:
    """Add the activation patterns of mixed boxes to `parts`, under the `id` of each box.

    Boxes are processed in order of decreasing volume. A box is skipped if it has too many
    undecided units, or if its patterns cannot be enumerated.

    Returns:
        `"time"` or `"pieces"` if a limit ended the enumeration early, otherwise None.
    """
    leaves = list(paving.leaves())
    mixed = [cell for cell in leaves if cell.label == search.MIXED]
    if clauses.program is None:
        return None
    count = sum(cell.label == search.INSIDE for cell in leaves) + len(mixed)
    nothing = np.zeros(clauses.program.states, np.int8)
    for cell in sorted(mixed, key=lambda cell: -cell.share):
        if read_clock() > until:
            return "time"
        if cell.undecided > SETTINGS.most_units:
            continue
        status = cell.status if clauses.exact_units else nothing
        leaf = PatternBox(cell.lo, cell.hi, status, cell.open, clauses.strict)
        patterns = enumerate_patterns(clauses.program, leaf, until)
        if patterns is None:
            continue
        if count + len(patterns) - 1 > most:
            return "pieces"
        count += len(patterns) - 1
        parts[id(cell)] = patterns
    return None


def _answer(
    network: NetworkLike,
    text: str,
    problem: _Problem,
    clauses: ClauseBounds | None,
    paving: Paving | None,
    parts: dict[int, list[PatternPolytope]],
    status: str | None,
    share_tol: float,
    seconds: float,
) -> BadInputs:
    roots = (
        paving.roots
        if paving is not None
        else [
            _whole(lo, hi, wanted.any() if problem.clauses else False)
            for lo, hi, wanted in zip(problem.lo, problem.hi, problem.wanted, strict=True)
        ]
    )
    free = np.ones(network.graph.size, bool) if clauses is None or paving is None else clauses.free
    base = problem.lo.min(axis=0) if len(problem.lo) else np.zeros(network.graph.size)
    share_lo, share_hi = (0.0, 1.0) if problem.clauses else (0.0, 0.0)
    if paving is not None:
        share_lo, share_hi = paving.share()
    flat = FlatPaving(roots, parts, free, base)
    if status is None and share_hi - share_lo > share_tol:
        status = "rounding"
    return BadInputs(
        model=network.name,
        claim=text,
        inputs={slot.name: slot.shape for slot in network.graph.inputs},
        lo=problem.lo,
        hi=problem.hi,
        share_lo=share_lo,
        share_hi=share_hi,
        share_tol=float(share_tol),
        box_lo=flat.ends(INSIDE)[0],
        box_hi=flat.ends(INSIDE)[1],
        pieces=tuple(flat.pieces),
        bands=tuple(flat.bands),
        undecided_lo=flat.ends(UNDECIDED)[0],
        undecided_hi=flat.ends(UNDECIDED)[1],
        nowhere=all(kind == OUTSIDE for kind in flat.kinds),
        status=status or "known",
        warrant=Warrant.FLOAT64_ROUNDED,
        cost=Cost(seconds, 0 if paving is None else paving.bounded),
        methods=METHODS if clauses is None else (*clauses.methods, *METHODS),
        locator=flat.locator(problem.lo, problem.hi),
    )


def _whole(lo: np.ndarray, hi: np.ndarray, open_: bool) -> PavingBox:
    cell = PavingBox(lo, hi, 1.0, np.array([open_]), np.zeros(0, np.int8))
    cell.label = search.MIXED if open_ else search.OUTSIDE
    return cell
