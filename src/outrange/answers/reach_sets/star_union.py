"""A reach set: a union of stars that covers the image of an input set."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...core import InputError, down, up
from .membership import FixedPoint, Separation, nearest, shared_face
from .star import Star


DEEPER = (0.5, 0.9, 0.99, 0.999, 0.99999)
"""Divisors that extend the segment from the middle of a piece's image to an output. `_inputs_near`
uses the first one for which the extended segment ends within the image."""


INSIDE, OUTSIDE, OPEN = range(3)
"""Position of an output: proved attained, proved not attained, or neither."""

SIDES = (True, False, None)
"""Return value of `contains` for each position."""


@dataclass(frozen=True, eq=False)
class StarUnion:
    """All possible outputs of a network on an input set, or states of a loop, as a union of pieces.

    Every output of the real-valued network on the set is proved to be in some piece. For an exact
    piece, each point of the convex hull of its `images` is within its `error` of an attained
    output, or of a limit of attained outputs: pieces are closed even if a condition on the inputs
    is strict.

    Args:
        names: Names of the outputs.
        pieces: The pieces, each a `Star`.
        attained: `(n, outputs)`, exact outputs at some corners of the pieces.
    """

    names: tuple[str, ...]
    pieces: tuple[Star, ...]
    attained: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def is_exact(self) -> bool:
        """Whether the network is affine on every piece, up to float64 rounding."""
        return all(piece.exact for piece in self.pieces)

    @cached_property
    def error(self) -> np.ndarray:
        """Largest error of each output over all pieces, `(outputs,)`."""
        none = np.zeros(len(self.names))
        return np.max([none, *(piece.error for piece in self.pieces)], axis=0)

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds on the outputs of each piece, `(pieces, outputs)` each."""
        shape = len(self.pieces), len(self.names)
        lo = [piece.images.min(axis=0) - piece.error for piece in self.pieces]
        hi = [piece.images.max(axis=0) + piece.error for piece in self.pieces]
        least, most = down(np.array(lo).reshape(shape)), up(np.array(hi).reshape(shape))
        return np.where(np.isnan(least), -np.inf, least), np.where(np.isnan(most), np.inf, most)

    @property
    def lo(self) -> np.ndarray:
        """`(outputs,)`, proved lower bound on each output; infinity if no pieces exist."""
        return self._ends[0].min(axis=0, initial=np.inf)

    @property
    def hi(self) -> np.ndarray:
        """`(outputs,)`, proved upper bound on each output; minus infinity if no pieces exist."""
        return self._ends[1].max(axis=0, initial=-np.inf)

    def contains(self, y: Any) -> Any:
        """Return whether outputs are attained: True, False, or None if unknown.

        True and False are proofs about the real-valued network: True means that some input of the
        set has exactly this output, False that no input has it. None is returned for outputs within
        rounding error of the union's edge, of a fold, or of a point where more than two pieces meet
        (for that point itself, the result is True if rational arithmetic proves it). It is also
        returned within the error of a piece that is not exact, and where True cannot be proved: for
        images without an interior (more outputs than inputs), and for discontinuous networks.

        Args:
            y: One output, flat `(outputs,)`, or a batch of outputs `(n, outputs)`.

        Returns:
            True, False or None for one output; for a batch, an object array `(n,)` of these.

        Raises:
            InputError: The shape does not match, or a number is not finite and real.
        """
        points = _numbers(y)
        count = len(self.names)
        if points.ndim not in (1, 2) or points.shape[-1] != count:
            raise InputError(
                f"`y` must be one output with {count} number{'s' * (count != 1)}, or a batch with "
                f"one output per row. Received: shape {points.shape}."
            )
        if not np.isfinite(points).all():
            raise InputError("`y` must contain finite numbers only. Received: NaN or infinity.")
        rows = np.atleast_2d(points)
        sides = self._sides(rows)
        for i in np.flatnonzero(sides == OPEN):
            sides[i] = self._side(rows[i])
        decisions = np.array([SIDES[side] for side in sides], object)
        return decisions[0] if points.ndim == 1 else decisions

    def _sides(self, y: np.ndarray) -> np.ndarray:
        """Return `INSIDE` or `OUTSIDE` for each output, `(n,)`; `OPEN` if a search is needed.

        Each piece is compared with all outputs in one pass. First, outputs that lie beyond
        the piece in some direction are proved to lie outside it. Then a fixed point near an input,
        which the pseudoinverse of the piece's map provides, proves that outputs are attained.
        Outputs near edges stay `OPEN`, and so do outputs for which this input lies outside the
        piece.
        """
        lo, hi = self._ends
        attained = np.array([row.tobytes() in self._attained for row in y + 0.0], bool)
        reached, open_ = attained.copy(), np.zeros(len(y), bool)
        if not len(y):
            return np.zeros(0, int)
        for i in np.flatnonzero(((lo <= y.max(axis=0)) & (y.min(axis=0) <= hi)).all(axis=1)):
            near = np.flatnonzero(((lo[i] <= y) & (y <= hi[i])).all(axis=1) & ~reached)
            if not near.size:
                continue
            middle, proof, apart = self._tests(int(i))
            near = near[~apart.is_beyond(y[near])]
            if proof is not None and near.size:
                reached[near] = proof.is_reached(y[near], middle)
            open_[near] = True
        return np.where(reached, INSIDE, np.where(open_, OPEN, OUTSIDE))

    @cached_property
    def _attained(self) -> frozenset[bytes]:
        """Exact outputs at corners of the pieces, each as the bytes of its float64 array."""
        rows = np.zeros((0, len(self.names))) if self.attained is None else self.attained
        return frozenset(row.tobytes() for row in np.asarray(rows, np.float64) + 0.0)

    @cached_property
    def _known_tests(self) -> dict[int, tuple[np.ndarray, FixedPoint | None, Separation]]:
        return {}

    def _tests(self, i: int) -> tuple[np.ndarray, FixedPoint | None, Separation]:
        """Return the mean of a piece's corners and two tests.

        The first test proves that outputs are attained (None unless `_is_provable`), the second
        that they are not attained.
        """
        if i not in self._known_tests:
            piece, (lo, hi) = self.pieces[i], self._ends
            proof = FixedPoint([piece]) if self._is_provable(i, hi[i] - lo[i]) else None
            self._known_tests[i] = piece.corners.mean(axis=0), proof, Separation(piece)
        return self._known_tests[i]

    def _is_provable(self, i: int, scale: np.ndarray) -> bool:
        """Return whether to try to prove that outputs of a piece are attained.

        This is so if the error of each output is less than a quarter of `scale`, the width of the
        piece's range, `(outputs,)`.
        """
        return bool((4 * self.pieces[i].error < np.maximum(scale, np.finfo(float).tiny)).all())

    def _side(self, y: np.ndarray) -> int:
        """Return `INSIDE`, `OUTSIDE` or `OPEN` for one output, after a search in each piece."""
        lo, hi = self._ends
        near = np.flatnonzero(((lo <= y) & (y <= hi)).all(axis=1))
        scale = np.maximum(hi - lo, np.finfo(float).tiny)
        provable = np.array([self._is_provable(int(i), hi[i] - lo[i]) for i in near], bool)
        open_: list[tuple[Star, np.ndarray]] = []
        for i in near[provable]:
            star, (_, proof, _) = self.pieces[i], self._tests(int(i))
            weights, beyond = _beyond(star, y, scale[i])
            if beyond or proof is None:
                continue
            if any(
                proof.is_reached(y[None], x)[0] for x in _inputs_near(star, y, weights, scale[i])
            ):
                return INSIDE
            open_.append((star, weights @ star.corners))
        for (star, x), (other, _) in itertools.combinations(open_, 2):
            if (
                shared_face(star, other).any()
                and FixedPoint([star, other]).is_reached(y[None], x)[0]
            ):
                return INSIDE
        apart = not open_ and all(_beyond(self.pieces[i], y, scale[i])[1] for i in near[~provable])
        return OUTSIDE if apart else OPEN

    def index(self, output: str | int) -> int:
        """Return the index of an output.

        Args:
            output: Name or index of the output.

        Returns:
            The index.

        Raises:
            InputError: The output does not exist.
        """
        if isinstance(output, str) and output in self.names:
            return self.names.index(output)
        whole = isinstance(output, int | np.integer) and not isinstance(output, bool)
        if whole and 0 <= int(output) < len(self.names):
            return int(output)
        raise InputError(
            f"An output must be one of {', '.join(self.names)}, or an index from 0 to "
            f"{len(self.names) - 1}. Received: {output!r}."
        )

    def polygons(self, x: str | int = 0, y: str | int = 1) -> list[np.ndarray]:
        """Project the pieces onto the plane of two outputs.

        Args:
            x: Output on the horizontal axis, by name or index.
            y: Output on the vertical axis.

        Returns:
            One array of corners `(n, 2)` per piece, in order around the piece.

        Raises:
            InputError: An output does not exist.
        """
        outputs = np.array([self.index(x), self.index(y)])
        return [piece.polygon(outputs) for piece in self.pieces]


def _numbers(y: Any) -> np.ndarray:
    """Convert outputs to a float64 array.

    Raises:
        InputError: The outputs are not real numbers within the range of float64.
    """
    try:
        array = np.asarray(y)
        if array.dtype.kind in "biufO":
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(
        "`y` must contain real numbers within the range of float64: one output, or one per row. "
        f"Received: {reprlib.repr(y)}."
    )


def _beyond(star: Star, y: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the weights of the piece's point nearest to `y`, and whether `y` is proved outside."""
    if not np.isfinite([*star.error, *star.images.ravel()]).all():
        return np.zeros(len(star.images)), False
    weights = nearest(star.images, y, scale)
    apart = (y - weights @ star.images) / scale
    along = (apart * (scale.min() / scale))[None]
    return weights, bool(Separation(star, along).is_beyond(y[None])[0])


def _inputs_near(
    star: Star, y: np.ndarray, weights: np.ndarray, scale: np.ndarray
) -> Sequence[np.ndarray]:
    """Return inputs whose images are close to `y`, the one deepest inside the piece first."""
    inputs = []
    middle = np.full(len(weights), 1.0 / len(weights))
    image = middle @ star.images
    for share in DEEPER:
        far = image + (y - image) / share
        edge = nearest(star.images, far, scale)
        if np.abs((edge @ star.images - far) / scale).max() < 1e-9:
            inputs.append(((1 - share) * middle + share * edge) @ star.corners)
            break
    return [*inputs, weights @ star.corners]
