"""The answer of `outrange.reach_set`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import OutrangeError, Warrant
from ...core.messages import count_noun
from ..answer import Answer, Cost
from ..render.document import GOOD, OPEN, Block, Document, Drawing, Interval, Paragraph, Table
from ..render.plot import plot_bars
from ..render.text import ends_text
from ..tables.help import ENDED_EARLY, what_helps
from ..tables.overview import bars
from .figures import plot_union
from .star import Star
from .star_union import StarUnion


STATUSES = {
    "exact": "every piece is exact up to float64 rounding",
    "known": "the network is not piecewise linear, so each piece is known to within {tol:g} times "
    "the range of each output",
    "time": ENDED_EARLY,
    "interrupted": "interrupted",
    "pieces": "the limit on the number of pieces was reached",
    "rounding": "float64 rounding or overflow stopped the search before it reached the tolerance "
    "of {tol:g}",
}
"""Reasons why the search stopped; the pieces cover the image in every case."""

MOST_SHAPES = 2000
"""Maximum number of pieces for which a notebook shows a drawing."""

MOST_TOLD = 12
"""Maximum number of outputs whose ranges are shown."""


@dataclass(frozen=True, eq=False)
class ReachSet(Answer):
    """All outputs of a network on an input set, as a union of pieces (star sets).

    Every output on the set lies in some piece, and on each piece the network is within `error` of
    the piece's affine map. Both are rigorous (`FLOAT64_ROUNDED`, for the real-valued network with
    the stored weights). If `is_exact`, the error is float64 rounding alone, and every point of the
    union is within that error of an attained output.

    Args:
        model: Name of the model.
        inputs: Dict from input name to shape.
        outputs: Dict from output name to shape.
        image: The union of pieces.
        seen: `(n, outputs)`, outputs in plain float64, each at an input from a different piece.
        status: `"exact"`, `"known"`, `"time"`, `"interrupted"`, `"pieces"` or `"rounding"`.
        tol: Requested tolerance, for networks that are not piecewise linear.
        warrant: Evidence for the pieces (see `Warrant`).
        cost: Time in seconds, and number of pieces.
        methods: Methods used, with references.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Empty: certificates do not cover reach sets.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: The parts do not match.
    """

    model: str
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    image: StarUnion
    seen: np.ndarray
    status: str
    tol: float
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()

    FORMAT = "outrange.reach_set"

    def __post_init__(self) -> None:
        count = sum(math.prod(shape) for shape in self.outputs.values())
        if self.status not in STATUSES or len(self.image.names) != count:
            raise OutrangeError(
                "A reach set must have a name for each output and a known status. This error is a "
                "bug in outrange; please report it. "
                f"Received: {len(self.image.names)} names, status {self.status!r}."
            )

    @property
    def pieces(self) -> tuple[Star, ...]:
        """Pieces whose union is the reach set."""
        return self.image.pieces

    @property
    def is_exact(self) -> bool:
        """Whether every piece is exact except for float64 rounding."""
        return self.image.is_exact

    @property
    def error(self) -> np.ndarray:
        """Largest error of each output over all pieces, `(outputs,)`."""
        return self.image.error

    @property
    def lo(self) -> np.ndarray:
        """`(outputs,)`, proved lower bound on each output."""
        return self.image.lo

    @property
    def hi(self) -> np.ndarray:
        """`(outputs,)`, proved upper bound on each output."""
        return self.image.hi

    def contains(self, y: Any) -> Any:
        """Return whether outputs are attained: True, False, or None if unknown.

        True and False are proofs; see `outrange.answers.reach_sets.star_union.StarUnion`.

        Args:
            y: One output, flat, or a batch of outputs `(n, outputs)`.

        Returns:
            True, False or None for one output; for a batch, an object array `(n,)` of these.

        Raises:
            InputError: The shape does not match, or a number is not finite.
        """
        return self.image.contains(y)

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
        return self.image.polygons(x, y)

    @property
    def reason(self) -> str:
        """Reason why the search stopped, as text."""
        return STATUSES[self.status].format(tol=self.tol)

    @property
    def sentence(self) -> str:
        """The answer as a plain sentence."""
        if not self.pieces:
            return "The input set is empty, and so is its image."
        what = count_noun(len(self.pieces), "piece")
        if self.is_exact:
            return (
                f"The image of the input set is the union of {what}, up to "
                f"rounding errors of {float(self.error.max(initial=0.0)):.1e}."
            )
        exact = sum(piece.exact for piece in self.pieces)
        some = f", {exact:,} of them exact" * bool(exact)
        return f"The image of the input set lies in the union of {what}{some} ({self.reason})."

    def __repr__(self) -> str:
        ends = f"{ends_text(self.lo, self.hi)}, " if self.pieces else ""
        pieces = count_noun(len(self.pieces), "piece")
        return f"ReachSet({ends}{pieces}, {self.reason}, {self.warrant.name})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per piece: whether it is exact, and its bounds on each output."""
        rows = []
        for piece in self.pieces:
            row: dict[str, Any] = {"exact": piece.exact}
            ends = StarUnion(self.image.names, (piece,))
            for name, lo, hi in zip(ends.names, ends.lo, ends.hi, strict=True):
                row |= {f"{name} lo": float(lo), f"{name} hi": float(hi)}
            rows.append(row)
        return rows

    def document(self) -> Document:
        """Return a document with the sentence, a drawing of two outputs, and a table of ranges.

        There is no drawing for a single output, for infinite bounds, or for more than `MOST_SHAPES`
        pieces.
        """
        count = len(self.image.names)
        drawn = count > 1 and 0 < len(self.pieces) <= MOST_SHAPES
        ends = list(zip(self.image.names, self.lo, self.hi, strict=True))
        rows = [(name, Interval(float(lo), float(hi))) for name, lo, hi in ends[:MOST_TOLD]]
        blocks: list[Block] = [Paragraph(self.sentence)]
        if drawn and np.isfinite([self.lo, self.hi]).all():
            blocks.append(self.drawing())
        if self.pieces:
            blocks.append(Table(("output", "range"), rows, "lr", count - len(rows)))
        blocks += [
            Paragraph(f"{self.reason}; {self.warrant.name}, {self.cost}. Model: {self.model}."),
            Paragraph("" if self.is_exact else what_helps(self.status)),
        ]
        return Document("Reach set", self.model, blocks, GOOD if self.is_exact else OPEN)

    def drawing(self) -> Drawing:
        """Return a drawing of the pieces in the plane of the first two outputs."""
        shapes = zip(self.pieces, self.polygons(), strict=True)
        lo, hi = self.lo[:2], self.hi[:2]
        pad = np.maximum(0.04 * (hi - lo), 1e-9 * np.maximum(np.abs(lo), np.abs(hi)) + 1e-300)
        right, up = self.image.names[:2]
        caption = f"Horizontal: {right}; vertical: {up}"
        caption += "." if self.is_exact else "; pale: enclosed, not exact."
        polygons = tuple((piece.exact, corners) for piece, corners in shapes if len(corners) > 2)
        return Drawing(polygons, lo - pad, hi + pad, (right, up), caption, "outputs")

    def plot(self, ax: Any = None, *, x: str | int = 0, y: str | int = 1, seen: bool = True) -> Any:
        """Draw the union in the plane of two outputs; for a single output, its range.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            x: Output on the horizontal axis, by name or index.
            y: Output on the vertical axis.
            seen: Whether to draw the sampled outputs.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed, or an output does not exist.
        """
        if len(self.image.names) == 1:
            seen_lo = self.seen.min(axis=0, initial=np.inf)
            seen_hi = self.seen.max(axis=0, initial=-np.inf)
            every = bars(self.lo, self.hi, seen_lo, seen_hi)
            return plot_bars(self.sentence, list(self.image.names), every, "output", ax)
        at = [self.image.index(x), self.image.index(y)]
        shapes = zip(self.pieces, self.polygons(*at), strict=True)
        names = self.image.names
        labels = names[at[0]], names[at[1]]
        points = self.seen[:, at] if seen else self.seen[:0, at]
        pieces = [(piece.exact, corners) for piece, corners in shapes]
        return plot_union(self.sentence, labels, pieces, points, ax)
