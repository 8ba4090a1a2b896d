"""Convex polytopes, represented by their vertices and cut by half-spaces exactly.

Vertices are rational, and each stores the faces on which it lies. Two vertices are joined by an
edge exactly if no third vertex lies on all their common faces. An edge that crosses a plane yields
a vertex of both parts. The numbers of a face have a limited length, and `d` faces determine a
vertex. So the integers that represent a vertex also have a limited length, however often a polytope
is cut.
Reference: Motzkin et al., the double description method (1953); Fukuda, Prodon (1996).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import gcd

import numpy as np


Point = tuple[tuple[int, ...], int]
"""A point `whole / over`, with positive `over`."""

Face = tuple[tuple[int, ...], int]
"""A half-space `slopes @ x + constant <= 0`, times any positive number, in integers."""


def face_of(slopes: Sequence[float | Fraction], constant: float | Fraction) -> Face:
    """Convert a row of float64 numbers or fractions to a face, exactly."""
    numbers = [Fraction(v) for v in (*slopes, constant)]
    over = 1
    for number in numbers:
        over = over * number.denominator // gcd(over, number.denominator)
    whole = [int(number * over) for number in numbers]
    return tuple(whole[:-1]), whole[-1]


@dataclass(frozen=True, eq=False)
class CutPolytope:
    """A polytope within a box; it is empty if it has no points.

    Args:
        on: Bit masks of the faces on which each vertex lies; the faces of the box come first.
        faces: The other faces, in order.

    Sound: nothing is rounded. Cost: pairs of vertices on opposite sides of a cut are compared with
    all vertices, so the class is meant for few inputs.
    """

    points: tuple[Point, ...]
    on: tuple[int, ...]
    faces: tuple[Face, ...] = field(default=())

    @classmethod
    def box(cls, lo: Sequence[Fraction], hi: Sequence[Fraction]) -> CutPolytope:
        """Create the polytope of a box, whose upper bounds must exceed its lower bounds."""
        d = len(lo)
        points, on = [], []
        for corner in itertools.product((0, 1), repeat=d):
            ends = [(lo, hi)[c][i] for i, c in enumerate(corner)]
            over = 1
            for end in ends:
                over = over * end.denominator // gcd(over, end.denominator)
            points.append((tuple(int(end * over) for end in ends), over))
            on.append(sum(1 << (2 * i + c) for i, c in enumerate(corner)))
        return cls(tuple(points), tuple(on))

    @property
    def size(self) -> int:
        """Number of inputs, or 0 if the polytope is empty."""
        return len(self.points[0][0]) if self.points else 0

    @cached_property
    def floats(self) -> np.ndarray:
        """`(p, d)` the vertices, each number rounded to the nearest float64."""
        rows = [[w / over for w in whole] for whole, over in self.points]
        return np.array(rows, np.float64).reshape(len(self.points), self.size)

    def cut(self, face: Face) -> tuple[CutPolytope, CutPolytope]:
        """Return the parts where the affine form `face` is at most 0 and at least 0."""
        values = self._values(face)
        if all(v <= 0 for v in values) or all(v >= 0 for v in values):
            return self._side(values, 1, face, []), self._side(values, -1, face, [])
        new = [self._crossing(i, j, common, values) for i, j, common in self._edges(values)]
        return self._side(values, 1, face, new), self._side(values, -1, face, new)

    def is_somewhere_below(self, face: Face) -> bool:
        """Return whether the affine form `face` is below 0 at some point of the polytope."""
        return any(v < 0 for v in self._values(face))

    def _values(self, face: Face) -> list[int]:
        """Return the affine form `face` at each vertex, times a positive number per vertex."""
        slopes, constant = face
        return [
            sum(s * w for s, w in zip(slopes, whole, strict=True)) + constant * over
            for whole, over in self.points
        ]

    def _edges(self, values: list[int]) -> Iterator[tuple[int, int, int]]:
        """Yield pairs of vertices below and above 0 that an edge joins, and their common faces."""
        least = self.size - 1
        below = [(i, self.on[i]) for i, v in enumerate(values) if v < 0]
        above = [(j, self.on[j]) for j, v in enumerate(values) if v > 0]
        for (i, on), (j, other) in itertools.product(below, above):
            common = on & other
            # Fewer planes do not define a line; most pairs are excluded here.
            if common.bit_count() >= least and self._is_edge(common):
                yield i, j, common

    def _side(
        self, values: list[int], sign: int, face: Face, new: list[tuple[Point, int]]
    ) -> CutPolytope:
        """Build the part of the polytope on one side of a face, from its old and new vertices.

        Args:
            values: Values of the affine form at the old vertices.
            sign: 1 for the part where the form is at most 0, -1 for the part where it is at least
                0.
            new: New vertices, and bit masks of the faces on which they lie.
        """
        bit = 1 << (2 * self.size + len(self.faces))
        below = [i for i, v in enumerate(values) if sign * v <= 0]
        points = [self.points[i] for i in below] + [point for point, _ in new]
        on = [self.on[i] | (bit if values[i] == 0 else 0) for i in below]
        on += [common | bit for _, common in new]
        slopes, constant = face
        outward = face if sign > 0 else (tuple(-s for s in slopes), -constant)
        return CutPolytope(tuple(points), tuple(on), (*self.faces, outward))

    def _is_edge(self, common: int) -> bool:
        """Return whether exactly two vertices lie on all faces in the bit mask `common`."""
        return sum(on & common == common for on in self.on) == 2

    def _crossing(self, i: int, j: int, common: int, values: list[int]) -> tuple[Point, int]:
        """Compute the point where an edge crosses a plane, and the edge's faces."""
        (a, over_a), (b, over_b) = self.points[i], self.points[j]
        low, high = values[i], values[j]
        whole = [high * p - low * q for p, q in zip(a, b, strict=True)]
        over = high * over_a - low * over_b
        shared = gcd(over, *whole)
        return (tuple(w // shared for w in whole), over // shared), common

    def touching(self) -> list[Face]:
        """Return the faces on which a vertex of the polytope lies, except those of the box."""
        seen, first = 0, 2 * self.size
        for on in self.on:
            seen |= on
        return [face for k, face in enumerate(self.faces) if seen >> (first + k) & 1]
