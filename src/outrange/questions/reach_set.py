"""Computation of the image of an input set: all outputs of a network on the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..answers.answer import Cost
from ..answers.reach_sets.reach_set import ReachSet
from ..answers.reach_sets.star import Star
from ..answers.reach_sets.star_union import StarUnion
from ..answers.render.text import entry_names
from ..core import Atom, Box, InputError, Region, Warrant, deadline
from ..core.clock import read_clock
from ..core.formula import And, clauses, value
from ..graph import Graph, Slot
from ..graph.limits import check_within
from ..graph.rewrites.rewrite import piecewise_to_pairs
from ..search.reach_sets.boxes import cover_by_boxes
from ..search.reach_sets.cells import Cells, InputFrame
from ..search.reach_sets.regions import LinearRegions, has_regions
from .cells_to_stars import Planes, build_box_stars, build_stars
from .common.arguments import check_hooks, check_limits
from .common.network import NetworkLike
from .exact_corners import find_attained_outputs
from .inputs.parse_box import place


MOST_INPUTS = 8
"""Maximum number of varying inputs, since a box with `n` of them has `2**n` corners."""

SHARE_OF_TIME = 0.8
"""Fraction of the time limit after which the input set is no longer cut into smaller pieces. The
outputs on parts that were not cut completely are then enclosed.
"""

SHARE_OF_PROOFS = 0.1
"""Fraction of the time limit for computing exact outputs at corners."""

SEEN = 400
"""Maximum number of outputs computed for drawings, at most one per piece."""

NEAR = 1e-9
"""Amount by which a sampled input may violate a condition of the set.

Rounding may move a sample out of a piece that has no interior.
"""

EXACT = ("star sets: linear regions as polytopes, cut without rounding (Tran et al. 2019)",)
CURVED = ("boxes of inputs with affine forms (DeepZ, Singh et al. 2018)",)


def reach_set(
    network: NetworkLike,
    regions: Sequence[Region],
    *,
    tol: float = 0.01,
    time_limit: float | None = None,
    most_pieces: int = 10_000,
    seed: int = 0,
) -> ReachSet:
    """Compute all outputs on the regions; see `outrange.reach_set`.

    Args:
        network: The network under study.
        regions: The input set, as a union of regions.
        tol: Tolerated error of each output on a piece, relative to the output's range. It is used
            only if the network is not piecewise linear.
        time_limit: Limit in seconds; None for no limit.
        most_pieces: Maximum number of pieces, unless the set has more convex parts than that.
        seed: Random seed of the inputs sampled for drawings.
    """
    check_limits(tol, time_limit, default=False)
    check_most(most_pieces)
    check_hooks(None, seed)
    began = read_clock()
    slots = network.graph.inputs
    sets = list(convex_parts(slots, regions))
    graph = piecewise_to_pairs(network.graph)
    straight = has_regions(graph)
    pieces: list[Star] = []
    planes: Planes = {}
    status = "known"
    with deadline(None if time_limit is None else SHARE_OF_TIME * float(time_limit)):
        for i, (box, atoms) in enumerate(sets):
            room = max(1, int(most_pieces) - len(pieces) - (len(sets) - i - 1))
            if straight:
                stars, ended = _exact(graph, (box, atoms), room, status, planes)
            else:
                stars, ended = _enclosing(graph, (box, atoms), room, float(tol))
            pieces += stars
            status = ended if ended != "known" else status
    names = tuple(entry_names({slot.name: slot.shape for slot in network.graph.outputs}))
    entries = np.arange(len(names))
    with deadline(None if time_limit is None else SHARE_OF_PROOFS * float(time_limit)):
        proved = find_attained_outputs(
            network.graph, network.graph.output, entries, pieces, regions
        )
    image = StarUnion(names, tuple(pieces), proved)
    return ReachSet(
        model=network.name,
        inputs={slot.name: slot.shape for slot in slots},
        outputs={slot.name: slot.shape for slot in network.graph.outputs},
        image=image,
        seen=_sample_outputs(network.graph, pieces, sets, seed),
        status="exact" if image.is_exact else status,
        tol=float(tol),
        warrant=Warrant.FLOAT64_ROUNDED,
        cost=Cost(read_clock() - began, len(pieces)),
        methods=EXACT if straight else CURVED,
    )


def check_most(most_pieces: Any) -> None:
    """Check that `most_pieces` is a positive integer.

    Raises:
        InputError: `most_pieces` is anything else.
    """
    is_integer = isinstance(most_pieces, int | np.integer) and not isinstance(most_pieces, bool)
    if not is_integer or most_pieces < 1:
        raise InputError(
            f"`most_pieces` must be an integer >= 1. Received: most_pieces={most_pieces!r}."
        )


def _exact(
    graph: Graph, part: tuple[Box, tuple[Atom, ...]], room: int, status: str, planes: Planes
) -> tuple[list[Star], str]:
    box, atoms = part
    frame = InputFrame.of(box)
    polytope = frame.polytope(box, atoms)
    if not polytope.points:
        return [], "known"
    cells = LinearRegions(graph, room, graph.output)
    cells.stopped = "" if status == "known" else status
    parts = cells.advance([Cells.of(frame, polytope)], graph.output)
    entries = np.arange(graph.value_size(graph.output))
    stars = build_stars(frame, box, parts, graph.output, entries, planes)
    # Unless cuts were stopped early, only an overflow makes a piece inexact.
    all_exact = all(star.exact for star in stars)
    return stars, cells.stopped or ("known" if all_exact else "rounding")


def _enclosing(
    graph: Graph, part: tuple[Box, tuple[Atom, ...]], room: int, tol: float
) -> tuple[list[Star], str]:
    box, atoms = part
    if not InputFrame.of(box).polytope(box, atoms).points:
        return [], "known"
    boxes, ended = cover_by_boxes(graph, box, atoms, tol, room)
    return build_box_stars(boxes, atoms), ended


def convex_parts(
    slots: Sequence[Slot], regions: Sequence[Region]
) -> Iterator[tuple[Box, tuple[Atom, ...]]]:
    """Yield the convex parts of a union of regions, each as a box and linear inequalities.

    The union of the parts is the set. A part may be empty; `InputFrame.polytope` detects this.

    Raises:
        InputError: A region has integer inputs, a norm ball, a side close to the largest float64
            number, more than `MOST_INPUTS` varying inputs, or a condition with too many clauses.
    """
    for region in regions:
        check_within(slots, region.box.lo, region.box.hi)
        if region.integer.any():
            raise InputError(
                "A reach set needs real-valued inputs; "
                f"{place(slots, int(np.argmax(region.integer)))} takes integers only. Fix it "
                "to each of its values in turn, with a `Union` of boxes. Received: `Mixed`."
            )
        if region.distances:
            raise InputError(
                "The input set of a reach set must consist of boxes and polytopes; write the "
                "ball as a box or a `Polytope`. Received: a ball."
            )
        half = region.box.hi / 2 - region.box.lo / 2
        if not (half < np.finfo(np.float64).max / 8).all():
            raise InputError(
                "The sides of the input set must be shorter than 4.4e307. "
                f"Received: a side of length 2 * {np.max(half):g}."
            )
        varies = int((region.box.lo < region.box.hi).sum())
        if varies > MOST_INPUTS:
            raise InputError(
                f"A reach set must have at most {MOST_INPUTS} varying inputs. Fix the others "
                "in the box, or use `output_range`, which supports many inputs. Received: "
                f"{varies} varying inputs."
            )
        for clause in clauses(region.condition):
            if not all(isinstance(part, Atom) for part in clause):
                raise InputError(
                    "The condition on the input set splits into too many polytopes: use a simpler "
                    f"condition. Received: more than {len(clauses(region.condition))} polytopes."
                )
            yield region.box, tuple(part for part in clause if isinstance(part, Atom))


def _sample_outputs(
    graph: Graph,
    pieces: Sequence[Star],
    sets: Sequence[tuple[Box, tuple[Atom, ...]]],
    seed: int,
) -> np.ndarray:
    """Sample one input in each of up to `SEEN` pieces; return the outputs there, `(n, outputs)`.

    The outputs are computed in plain float64. Samples outside the set are dropped.
    """
    rng = np.random.default_rng(seed)
    chosen = list(pieces)
    if len(chosen) > SEEN:
        chosen = [pieces[i] for i in rng.choice(len(pieces), SEEN, replace=False)]
    points = np.zeros((0, graph.size))
    if chosen:
        drawn = [rng.dirichlet(np.ones(len(piece.corners))) @ piece.corners for piece in chosen]
        points = np.array(drawn)
    # Boxes of a network that is not piecewise linear may extend beyond the conditions.
    is_inside = np.zeros(len(points), bool)
    for box, atoms in sets:
        inside = ((box.lo <= points) & (points <= box.hi)).all(axis=1)
        is_inside |= inside & (value(And(atoms), points) <= NEAR)
    with np.errstate(all="ignore"):
        return graph.run(points[is_inside])
