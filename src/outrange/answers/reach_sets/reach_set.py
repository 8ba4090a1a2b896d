"""The answer of `outrange.reach_set`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import OutrangeError, Warrant
from ..answer import Answer, Cost
from ..render.document import GOOD, OPEN, Block, Document, Drawing, Interval, Paragraph, Table
from ..render.plot import plot_bars
from ..tables.help import what_helps
from ..tables.overview import bars
from .pictures import plot_union
from .star import Star
from .star_union import StarUnion


STATUSES = {
    "exact": "every piece is exact but for float64 rounding",
    "known": "the network bends or jumps: each piece is known to {tol:g} of the outputs' ranges",
    "time": "time ran out",
    "interrupted": "interrupted",
    "pieces": "as many pieces as allowed",
    "rounding": "only float64 rounding or overflow is left, not {tol:g}",
}
"""Why the search stopped, in words; the pieces cover the image in every case."""

MOST_SHAPES = 2000
"""Of more pieces, a notebook shows no drawing."""

MOST_TOLD = 12
"""Ranges of so many outputs are shown."""


@dataclass(frozen=True, eq=False)
class ReachSet(Answer):
    """All outputs of a network on an input set, as a union of pieces (star sets).

    Rigorous (`FLOAT64_ROUNDED`, about the real-valued network with the stored weights): every
    output on the set is in some piece; on each piece the network is within `error` of its affine
    map. Where `is_exact`, the error is float64 rounding alone, and no point of the union is
    farther than this from an output that is attained.

    Args:
        model: The model's name.
        inputs: Input name to shape.
        outputs: Output name to shape.
        image: The pieces.
        seen: `(n, outputs)` outputs at one input in each of some pieces, in plain float64.
        status: `"exact"`, `"known"`, `"time"`, `"interrupted"`, `"pieces"` or `"rounding"`.
        tol: What was asked for, of networks that bend.
        warrant: What stands behind the pieces.
        cost: Seconds and pieces.
        methods: The methods that were used, with references.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Empty: there are no certificates of reach sets.
        late: By how much a time limit was exceeded, or which effort ended the search.

    Raises:
        OutrangeError: The parts do not fit each other.
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
                "A reach set has a name for each output and says why it ended; this is a bug in "
                f"outrange. Received: {len(self.image.names)} names, status {self.status!r}."
            )

    @property
    def pieces(self) -> tuple[Star, ...]:
        """The pieces of the union."""
        return self.image.pieces

    @property
    def is_exact(self) -> bool:
        """Whether every piece is exact but for float64 rounding."""
        return self.image.is_exact

    @property
    def error(self) -> np.ndarray:
        """`(outputs,)` the largest error of all pieces."""
        return self.image.error

    @property
    def lo(self) -> np.ndarray:
        """`(outputs,)` the least value of each output, proved."""
        return self.image.lo

    @property
    def hi(self) -> np.ndarray:
        """`(outputs,)` the largest value of each output, proved."""
        return self.image.hi

    def contains(self, y: Any) -> Any:
        """Whether outputs are attained: True, False, or None where that is not known.

        True and False are proofs; see `outrange.answers.reach_sets.star_union.StarUnion`.

        Args:
            y: One output, flat, or a batch of them `(n, outputs)`.

        Returns:
            True, False or None for one output; for a batch, an object array `(n,)` of these.

        Raises:
            InputError: The shape does not fit, or a number is not finite.
        """
        return self.image.contains(y)

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
        return self.image.polygons(x, y)

    @property
    def reason(self) -> str:
        """Why it stopped, in words."""
        return STATUSES[self.status].format(tol=self.tol)

    @property
    def sentence(self) -> str:
        """The answer in a plain sentence."""
        if not self.pieces:
            return "The input set is empty, and so is its image."
        count = len(self.pieces)
        what = f"{count:,} piece" + "s" * (count != 1)
        if self.is_exact:
            return (
                f"The outputs on the set are exactly the union of {what}, up to "
                f"{float(self.error.max(initial=0.0)):.1e} of rounding."
            )
        exact = sum(piece.exact for piece in self.pieces)
        some = f", {exact:,} of them exact" * bool(exact)
        return f"All outputs on the set are in the union of {what}{some}: {self.reason}."

    def __repr__(self) -> str:
        count = f"{len(self.pieces):,} piece" + "s" * (len(self.pieces) != 1)
        return f"ReachSet({count}, {self.reason}, {self.warrant.name})"

    def records(self) -> list[dict[str, Any]]:
        """One dict a piece: whether it is exact, and the ends of each output on it."""
        rows = []
        for piece in self.pieces:
            row: dict[str, Any] = {"exact": piece.exact}
            ends = StarUnion(self.image.names, (piece,))
            for name, lo, hi in zip(ends.names, ends.lo, ends.hi, strict=True):
                row |= {f"{name} lo": float(lo), f"{name} hi": float(hi)}
            rows.append(row)
        return rows

    def document(self) -> Document:
        """The sentence, a drawing of the first two outputs, and the range of each."""
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
        """The pieces in the plane of the first two outputs."""
        shapes = zip(self.pieces, self.polygons(), strict=True)
        lo, hi = self.lo[:2], self.hi[:2]
        pad = np.maximum(0.04 * (hi - lo), 1e-9 * np.maximum(np.abs(lo), np.abs(hi)) + 1e-300)
        right, up = self.image.names[:2]
        caption = f"{right} to the right, {up} upwards"
        caption += "." if self.is_exact else "; pale: covered, not exact."
        polygons = tuple((piece.exact, corners) for piece, corners in shapes if len(corners) > 2)
        return Drawing(polygons, lo - pad, hi + pad, (right, up), caption, "outputs")

    def plot(self, ax: Any = None, *, x: str | int = 0, y: str | int = 1, seen: bool = True) -> Any:
        """Draw the union in the plane of two outputs; of a single output, its range.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.
            x: The output to draw across, by its name or place.
            y: The output to draw up.
            seen: Whether to draw the outputs that were computed beside.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed, or there is no such output.
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
