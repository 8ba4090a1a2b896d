"""Outputs of corners of pieces, in rational numbers: proofs that they are attained.

Where more than two pieces meet, and at a corner of the set, no cube of inputs proves it. There the
one input that counts is the corner itself, and a network of straight pieces has an exact value at
it. What a corner lost when it was rounded comes back where it is a number of few bits: 0, say.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..answers.reach_sets.star import Star
from ..core import Region, deadline
from ..graph import Graph
from ..graph.rational import Rational
from .evidence.check_point import contains


MOST_CORNERS = 64
"""Corners that are tried, those of most pieces first."""

SECONDS = 0.5
"""What they may take together: in deep networks numbers grow from layer to layer."""

FEW_BITS = 2.0**-40
"""A corner is tried as a multiple of this share of the set's size, too."""


def attained(
    graph: Graph, value: int, entries: np.ndarray, pieces: Sequence[Star], sets: Sequence[Region]
) -> np.ndarray:
    """Outputs that are attained, where they are float64 numbers, `(n, outputs)`.

    Args:
        graph: The network.
        value: Of the graph.
        entries: The entries of the value that are its outputs.
        pieces: Of the image.
        sets: The input sets; a union.

    Sound: an input of the set has exactly this output; nothing is rounded.
    """
    found: dict[tuple[float, ...], None] = {}
    network = Rational(_until(graph, value))
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
                found[near] = None
    return np.array(list(found), np.float64).reshape(len(found), len(entries))


def _nearest(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf


def _until(graph: Graph, value: int) -> Graph:
    """The part of a graph that comes before a value."""
    return Graph(graph.inputs, graph.nodes[:value], value, ())


def _corners(pieces: Sequence[Star]) -> list[np.ndarray]:
    """Corners of pieces, each followed by one of few bits, those of most pieces first."""
    if not pieces:
        return []
    every = np.concatenate([star.corners for star in pieces])
    every = every[np.isfinite(every).all(axis=1)]
    size = np.abs(every).max(axis=0, initial=0.0)
    unit = np.where(size > 0, 2.0 ** np.ceil(np.log2(np.where(size > 0, size, 1.0))), 1.0)
    few, counts = np.unique(np.rint(every / (unit * FEW_BITS)), axis=0, return_counts=True)
    some = few[np.argsort(-counts, kind="stable")[:MOST_CORNERS]] * (unit * FEW_BITS)
    found = []
    for corner in some:
        (same,) = np.nonzero((np.abs(every - corner) <= unit * FEW_BITS).all(axis=1))
        found += [corner, *(every[same[:1]] if (every[same[:1]] != corner).any() else [])]
    return found
