"""A piece of a reach set: a polytope of inputs, and the affine map on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..render.planes import convex_hull


@dataclass(frozen=True, eq=False)
class Star:
    """Polytope of inputs, `a @ x <= b` in the box `[lo, hi]`, with the network's affine map on it.

    For every input of the polytope, each output is proved to be within `error` of
    `center + slopes @ (x - at)`. So the outputs of the piece lie within `error` of the convex hull
    of `images`.

    Args:
        a: `(rows, inputs)`, coefficients of the flat inputs: zero planes of units, and conditions
            on the inputs.
        b: `(rows,)`, right-hand sides, accurate up to float64 rounding.
        planes: `(rows,)`, a number that identifies the plane of each row, the same in all pieces
            that the plane bounds; -1 for none.
        lo: `(inputs,)`, lower corner of the box.
        hi: `(inputs,)`, upper corner of the box.
        at: `(inputs,)`, base point of the map.
        slopes: `(outputs, inputs)`, matrix of the map.
        center: `(outputs,)`, value of the map at `at`.
        corners: `(k, inputs)`, vertices of the polytope, rounded to float64. If the piece is not
            exact, they may be the vertices of a box around it.
        images: `(k, outputs)`, images of the corners under the map.
        error: `(outputs,)`, proved bound on the deviation of the network from the map.
        exact: Whether the network is affine on the piece; `error` is then float64 rounding alone.
        continuous: Whether the network is proved continuous on the piece.
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
        """Apply the affine map in plain float64.

        Args:
            x: Flat inputs, `(n, inputs)`.

        Returns:
            Outputs, `(n, outputs)`.
        """
        return self.center + (x - self.at) @ self.slopes.T

    def polygon(self, outputs: np.ndarray) -> np.ndarray:
        """Project the piece onto two outputs; a piece that is not exact is enlarged by its error.

        Args:
            outputs: Indices of the two outputs, `(2,)`.

        Returns:
            The corners in order around the polygon, `(n, 2)`; two for a segment, one for a point.
        """
        points = self.images[:, outputs]
        if not self.exact:
            signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
            points = (points[:, None] + signs * self.error[outputs]).reshape(-1, 2)
        return convex_hull(points)
