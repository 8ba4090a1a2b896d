"""A piece of a reach set: a polytope of inputs, and the affine map on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..render.planes import convex_hull


@dataclass(frozen=True, eq=False)
class Star:
    """Inputs `a @ x <= b` within the box `[lo, hi]`, and what the network does there.

    For every such input each output is within `error` of `center + slopes @ (x - at)`, proved. So
    the outputs of the piece lie in the convex hull of `images`, `error` around it.

    Args:
        a: `(rows, inputs)` over the flat inputs: the zero planes of units, and conditions on the
            inputs.
        b: `(rows,)`; as accurate as float64.
        planes: `(rows,)` a number for each plane, the same in all pieces that it bounds; -1 for
            none.
        lo: `(inputs,)`.
        hi: `(inputs,)`.
        at: `(inputs,)`.
        slopes: `(outputs, inputs)`.
        center: `(outputs,)`.
        corners: `(k, inputs)` the vertices of the polytope, each number rounded; where it is not
            exact, perhaps those of a box around it.
        images: `(k, outputs)` where the map takes them.
        error: `(outputs,)`.
        exact: Whether the network is affine on the piece: `error` is then float64 rounding alone.
        continuous: Whether it is proved to have no jump on the piece.
    """

    a: np.ndarray
    b: np.ndarray
    planes: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    at: np.ndarray
    slopes: np.ndarray
    center: np.ndarray
    corners: np.ndarray
    images: np.ndarray
    error: np.ndarray
    exact: bool
    continuous: bool

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Apply the map in plain float64.

        Args:
            x: Flat inputs, `(n, inputs)`.

        Returns:
            Outputs, `(n, outputs)`.
        """
        return self.center + (x - self.at) @ self.slopes.T

    def polygon(self, outputs: np.ndarray) -> np.ndarray:
        """Project the piece on two outputs, with its error if that is more than rounding.

        Args:
            outputs: Their indices, `(2,)`.

        Returns:
            The corners in order around the polygon, `(n, 2)`; two for a segment, one for a point.
        """
        points = self.images[:, outputs]
        if not self.exact:
            signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
            points = (points[:, None] + signs * self.error[outputs]).reshape(-1, 2)
        return convex_hull(points)
