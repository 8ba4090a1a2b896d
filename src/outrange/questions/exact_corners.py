"""Exact outputs at corners of the pieces of a reach set, as a proof that they are attained.

Other outputs are proved to be attained by a fixed-point theorem on a small cube of inputs. This
proof fails at inputs where more than two pieces meet, and at corners of the input set. There, a
piecewise-linear network is evaluated exactly at the corner itself. Computed corners are rounded. If
the exact coordinates have few bits, as 0 and 0.5 do, rounding to a coarse grid recovers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..answers.reach_sets.star import Star
from ..core import Region, deadline
from ..graph import Graph
from ..graph.rational import RationalEvaluator
from .evidence.check_point import contains


MOST_CORNERS = 64
"""Maximum number of distinct corners to try; corners shared by the most pieces come first."""

SECONDS = 0.5
"""Time limit in seconds for all corners together; the exact fractions get longer with each
layer."""

FEW_BITS = 2.0**-40
"""Spacing of the grid to which corners are rounded, relative to the largest absolute value of each
coordinate (rounded up to a power of two)."""


def find_attained_outputs(
    graph: Graph, value: int, entries: np.ndarray, pieces: Sequence[Star], sets: Sequence[Region]
) -> np.ndarray:
    """Return exact outputs of the network at corners of the given pieces, `(n, outputs)`.

    Corners outside the input set are skipped, and so are outputs that are not known exactly or that
    float64 cannot represent.

    Args:
        graph: The network under study.
        value: Index of the graph's value that the pieces map to.
        entries: Entries of this value that are the outputs.
        pieces: Pieces of the image.
        sets: The input set, as a union of regions.

    Sound: each returned output is the exact output at some input of the set; nothing is rounded.
    """
    outputs: dict[tuple[float, ...], None] = {}
    network = RationalEvaluator(_until(graph, value))
    with deadline(SECONDS):
        for corner in _corners(pieces):
            if not any(contains(region, corner) for region in sets):
                continue
            (exact,) = network.at(corner, [value])
            if exact is None:
                continue
            numbers = [exact[i] for i in entries]
            near = tuple(map(_nearest, numbers))
            if all(map(np.isfinite, near)) and list(map(Fraction, near)) == numbers:
                outputs[near] = None
    return np.array(list(outputs), np.float64).reshape(len(outputs), len(entries))


def _nearest(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf


def _until(graph: Graph, value: int) -> Graph:
    """Return the part of a graph up to the value with index `value`, which is its new output."""
    return Graph(graph.inputs, graph.nodes[:value], value, ())


def _corners(pieces: Sequence[Star]) -> list[np.ndarray]:
    """Return the points to try, as flat inputs: some corners, rounded to the grid and unrounded.

    The corners shared by the most pieces come first, at most `MOST_CORNERS` of them. An unrounded
    corner is omitted if it equals the rounded one.
    """
    if not pieces:
        return []
    every = np.concatenate([star.corners for star in pieces])
    every = every[np.isfinite(every).all(axis=1)]
    size = np.abs(every).max(axis=0, initial=0.0)
    unit = np.where(size > 0, 2.0 ** np.ceil(np.log2(np.where(size > 0, size, 1.0))), 1.0)
    few, counts = np.unique(np.rint(every / (unit * FEW_BITS)), axis=0, return_counts=True)
    rounded = few[np.argsort(-counts, kind="stable")[:MOST_CORNERS]] * (unit * FEW_BITS)
    candidates = []
    for corner in rounded:
        (same,) = np.nonzero((np.abs(every - corner) <= unit * FEW_BITS).all(axis=1))
        candidates += [corner, *(every[same[:1]] if (every[same[:1]] != corner).any() else [])]
    return candidates
