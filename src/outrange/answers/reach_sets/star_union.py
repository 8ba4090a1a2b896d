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
from .membership import is_beyond, is_reached, nearest, shared_face
from .star import Star


DEEPER = (0.5, 0.9, 0.99, 0.999, 0.99999)
"""How far from the middle of a piece to its edge an output may be for an input inside to be found:
shares of the way, tried one after the other."""


@dataclass(frozen=True, eq=False)
class StarUnion:
    """What a network can output on an input set, as a union of pieces.

    Every output of the real-valued network on the set is in some piece, proved; and each point of a
    piece's `images` is within its `error` of an output that is attained, or of a limit of such
    outputs: where a condition on the inputs is strict, pieces are closed all the same.

    Args:
        names: Of the outputs.
        pieces: `Star` each.
        attained: `(n, outputs)` outputs of some corners of pieces, exactly.
    """

    names: tuple[str, ...]
    pieces: tuple[Star, ...]
    attained: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def is_exact(self) -> bool:
        """Whether the network is affine on every piece: then only float64 rounding is left."""
        return all(piece.exact for piece in self.pieces)

    @cached_property
    def error(self) -> np.ndarray:
        """`(outputs,)` the largest error of all pieces."""
        none = np.zeros(len(self.names))
        return np.max([none, *(piece.error for piece in self.pieces)], axis=0)

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The box around each piece, `(pieces, outputs)`."""
        shape = len(self.pieces), len(self.names)
        lo = [piece.images.min(axis=0) - piece.error for piece in self.pieces]
        hi = [piece.images.max(axis=0) + piece.error for piece in self.pieces]
        least, most = down(np.array(lo).reshape(shape)), up(np.array(hi).reshape(shape))
        return np.where(np.isnan(least), -np.inf, least), np.where(np.isnan(most), np.inf, most)

    @property
    def lo(self) -> np.ndarray:
        """`(outputs,)` the least value of each output, proved; infinite without any piece."""
        return self._ends[0].min(axis=0, initial=np.inf)

    @property
    def hi(self) -> np.ndarray:
        """`(outputs,)` the largest value of each output, proved."""
        return self._ends[1].max(axis=0, initial=-np.inf)

    def contains(self, y: Any) -> Any:
        """Whether outputs are attained: True, False, or None where that is not known.

        Both are proofs, about the real-valued network: True says that some input of the set has
        exactly this output, False that none has. None is for outputs within rounding of the
        union's edge, of a fold or of a point where more than two pieces meet (exactly that point
        is True, where rational numbers say so), for those within the error of a piece that is not
        exact, and where True cannot be proved: images without an interior (more outputs than
        inputs), networks that jump.

        Args:
            y: One output, flat `(outputs,)`, or a batch of them `(n, outputs)`.

        Returns:
            True, False or None for one output; for a batch, an object array `(n,)` of these.

        Raises:
            InputError: The shape does not fit, or they are no finite real numbers.
        """
        points = _numbers(y)
        count = len(self.names)
        if points.ndim not in (1, 2) or points.shape[-1] != count:
            raise InputError(
                f"An output has {count} number{'s' * (count != 1)}, a batch is a row each. "
                f"Received: shape {points.shape}."
            )
        if not np.isfinite(points).all():
            raise InputError("Outputs must be finite numbers. Received: NaN or infinity.")
        found = np.array([self._side(point) for point in np.atleast_2d(points)], object)
        return found[0] if points.ndim == 1 else found

    def _side(self, y: np.ndarray) -> bool | None:
        if self.attained is not None and (self.attained == y).all(axis=1).any():
            return True
        lo, hi = self._ends
        near = np.flatnonzero(((lo <= y) & (y <= hi)).all(axis=1))
        scale = np.maximum(hi - lo, np.finfo(float).tiny)
        # Pieces that are hardly larger than their error prove of nothing that it is attained.
        provable = np.array([bool((4 * self.pieces[i].error < scale[i]).all()) for i in near], bool)
        open_: list[tuple[Star, np.ndarray]] = []
        for i in near[provable]:
            star = self.pieces[i]
            weights, beyond = _beyond(star, y, scale[i])
            if beyond:
                continue
            if any(is_reached([star], y, x) for x in _inputs_near(star, y, weights, scale[i])):
                return True
            open_.append((star, weights @ star.corners))
        for (star, x), (other, _) in itertools.combinations(open_, 2):
            if shared_face(star, other).any() and is_reached([star, other], y, x):
                return True
        apart = not open_ and all(_beyond(self.pieces[i], y, scale[i])[1] for i in near[~provable])
        return False if apart else None

    def index(self, output: str | int) -> int:
        """Find an output by its name or its place.

        Args:
            output: Either.

        Returns:
            Its place.

        Raises:
            InputError: There is none.
        """
        if isinstance(output, str) and output in self.names:
            return self.names.index(output)
        whole = isinstance(output, int | np.integer) and not isinstance(output, bool)
        if whole and 0 <= int(output) < len(self.names):
            return int(output)
        raise InputError(
            f"Choose one of {', '.join(self.names)}, or a place from 0 to {len(self.names) - 1}. "
            f"Received: {output!r}."
        )

    def polygons(self, x: str | int = 0, y: str | int = 1) -> list[np.ndarray]:
        """Project the pieces on two outputs.

        Args:
            x: An output, by its name or place.
            y: Another one.

        Returns:
            The corners of each piece in order around it, `(n, 2)`.

        Raises:
            InputError: There is no such output.
        """
        outputs = np.array([self.index(x), self.index(y)])
        return [piece.polygon(outputs) for piece in self.pieces]


def _numbers(y: Any) -> np.ndarray:
    """Outputs in float64.

    Raises:
        InputError: They are no real numbers of float64.
    """
    try:
        given = np.asarray(y)
        if given.dtype.kind in "biufO":
            return given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(
        "Outputs must be real numbers that float64 can hold, a row each. "
        f"Received: {reprlib.repr(y)}."
    )


def _beyond(star: Star, y: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, bool]:
    """Weights of the nearest point of a piece, and whether the output is proved to lie beyond."""
    if not np.isfinite([*star.error, *star.images.ravel()]).all():
        return np.zeros(len(star.images)), False
    weights = nearest(star.images, y, scale)
    apart = (y - weights @ star.images) / scale
    return weights, is_beyond(star, y, apart * (scale.min() / scale))


def _inputs_near(
    star: Star, y: np.ndarray, weights: np.ndarray, scale: np.ndarray
) -> Sequence[np.ndarray]:
    """Inputs that the map takes to about `y`, those deep inside first."""
    found = []
    middle = np.full(len(weights), 1.0 / len(weights))
    image = middle @ star.images
    for share in DEEPER:
        far = image + (y - image) / share
        edge = nearest(star.images, far, scale)
        if np.abs((edge @ star.images - far) / scale).max() < 1e-9:
            found.append(((1 - share) * middle + share * edge) @ star.corners)
            break
    return [*found, weights @ star.corners]
