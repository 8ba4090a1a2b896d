"""The answer of `outrange.bad_inputs`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import InputError, OutrangeError, Warrant
from .answer import Answer, Cost
from .regions.locator import INSIDE, PIECES, UNDECIDED, Locator
from .regions.piece import Piece, Slab
from .regions.points import flat_inputs
from .render.diagrams import plot_strips
from .render.document import BAD, GOOD, OPEN, Document, Drawing, Paragraph
from .render.planes import rectangle
from .render.plot import plot_drawing
from .render.style import TONES
from .render.text import clipped_name, entry_names, number
from .tables.help import ENDED_EARLY, what_helps


STATUSES = {
    "known": "the bounds of the fraction differ by at most {tol:g}",
    "time": ENDED_EARLY,
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "pieces": "the limit on the number of pieces was reached",
    "rounding": "float64 rounding causes a gap of more than {tol:g} between the bounds",
}
"""Reasons why the search stopped; `share_lo` and `share_hi` are bounds in every case."""

MOST_SHAPES = 4000
"""Maximum number of boxes and polytopes for which a notebook shows a drawing."""


@dataclass(frozen=True, eq=False)
class BadInputs(Answer):
    """All inputs of a set that break a property, as boxes and polytopes, and the undecided boxes.

    The bounds `share_lo <= volume(bad) / volume(set) <= share_hi` are rigorous (`FLOAT64_ROUNDED`,
    about the real-valued network with the stored weights). Every input in a box of `box_lo, box_hi`
    is proved to be bad. An input of the set that lies in no bad box, no undecided box and no box
    with pieces is proved good.

    The faces of `pieces` are only as accurate as float64. They are computed without a rounding
    proof, so an input within rounding error of a face may lie on its other side.

    Args:
        model: Name of the model.
        claim: The property, as text.
        inputs: Dict from input name to shape.
        lo: `(r, inputs)`, lower corners of the boxes that make up the input set. Two of these boxes
            overlap at most in a face.
        hi: `(r, inputs)`, upper corners of these boxes.
        share_lo: Lower bound on the bad fraction of the set's volume.
        share_hi: Upper bound on the same fraction. The volume ignores inputs of zero width.
        share_tol: Requested accuracy of the fraction.
        box_lo: `(n, inputs)`, lower corners of boxes proved bad everywhere.
        box_hi: `(n, inputs)`, upper corners of the bad boxes.
        pieces: Polytopes of bad inputs, each a `Piece`; some may overlap.
        undecided_lo: `(k, inputs)`, lower corners of boxes that may contain bad and good inputs.
        undecided_hi: `(k, inputs)`, upper corners of the undecided boxes.
        bands: Half-spaces whose inputs are proved bad or good, one `Slab` per undecided box.
        nowhere: Whether it is proved that no input is bad.
        status: `"known"`, `"time"`, `"memory"`, `"interrupted"`, `"pieces"` or `"rounding"`.
        warrant: Evidence for the bounds on the fraction and for the boxes (see `Warrant`).
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        locator: Lookup structure with which `contains` finds the box of a point.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: The boxes do not match the inputs, or the bounds on the fraction are not
            ordered between 0 and 1.
    """

    model: str
    claim: str
    inputs: dict[str, tuple[int, ...]]
    lo: np.ndarray
    hi: np.ndarray
    share_lo: float
    share_hi: float
    share_tol: float
    box_lo: np.ndarray
    box_hi: np.ndarray
    pieces: tuple[Piece, ...]
    undecided_lo: np.ndarray
    undecided_hi: np.ndarray
    bands: tuple[Slab, ...]
    nowhere: bool
    status: str
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()
    locator: Locator = field(repr=False, kw_only=True)

    FORMAT = "outrange.bad_inputs"
    OMITTED = ("bands", "locator")

    def __post_init__(self) -> None:
        total = sum(math.prod(shape) for shape in self.inputs.values())
        if self.lo.shape[1:] != (total,):
            raise OutrangeError(
                "Each box must have one interval per input. This error is a bug in outrange; "
                f"please report it. Received: {total:,} inputs, boxes of shape {self.lo.shape}."
            )
        if not 0 <= self.share_lo <= self.share_hi <= 1:
            raise OutrangeError(
                "The bounds on the fraction of the set that breaks the property must be ordered "
                "and lie in [0, 1]. This error is a bug in outrange; please report it. "
                f"Received: {self.share_lo!r}, {self.share_hi!r}."
            )

    @property
    def holds(self) -> bool | None:
        """True if no input is bad, False if some are, None if unknown."""
        if self.nowhere:
            return True
        return False if self.share_lo > 0 or len(self.box_lo) else None

    @property
    def reason(self) -> str:
        """Reason why the search stopped, as text."""
        return STATUSES[self.status].format(tol=self.share_tol)

    @property
    def sentence(self) -> str:
        """The answer as one plain sentence."""
        if self.nowhere:
            return "No input of the set breaks the property."
        counts = (
            (len(self.box_lo), "box", "boxes"),
            (len(self.pieces), "polytope", "polytopes"),
            (len(self.undecided_lo), "undecided box", "undecided boxes"),
        )
        parts = ", ".join(
            f"{n:,} {single if n == 1 else plural}" for n, single, plural in counts if n
        )
        return (
            f"Between {number(100 * self.share_lo)} % and {number(100 * self.share_hi)} % of the "
            f"set breaks the property: {parts or 'no part that breaks the property was found'}."
        )

    def contains(self, x: Any) -> Any:
        """Return whether inputs are bad: True, False, or None if unknown.

        In entirely bad or good boxes and in undecided boxes (where linear bounds may decide
        inputs), True and False are proofs. In boxes with pieces they are only as accurate as
        float64, and the result is None for inputs within rounding error of a face. The result is
        False for inputs outside the set.

        Args:
            x: One input in the model's input shape, or flat; a batch of inputs; or a dict from
                input name to such arrays.

        Returns:
            True, False or None for one input; for a batch, an object array `(n,)` of these.

        Raises:
            InputError: `x` does not match the model's inputs, or is not finite.
        """
        flat, single = flat_inputs(x, self.inputs)
        code = np.full(len(flat), -1)
        if not np.isfinite(flat).all():
            raise InputError("`x` must contain finite numbers only. Received: NaN or infinity.")
        for root in range(len(self.locator.roots)):
            inside, row = self.locator.find(root, flat)
            side = self._sides(flat[inside], row)
            code[inside] = np.where(code[inside] < 0, side, np.maximum(code[inside], side))
        decisions = np.array([None, True, False], object)[code]
        return decisions[0] if single else decisions

    def _sides(self, x: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Return 1 for each bad point, -1 for each good one and 0 if unknown, `(n,)`.

        `row` contains the row of each point's leaf in the locator.
        """
        kind = self.locator.kind(row)
        side = np.where(kind == INSIDE, 1, np.where(kind == UNDECIDED, 0, -1))
        mixed = np.flatnonzero((kind == PIECES) | (kind == UNDECIDED))
        mixed = mixed[np.argsort(row[mixed], kind="stable")]
        leaves, first = np.unique(row[mixed], return_index=True)
        for leaf, at in zip(leaves, np.split(mixed, first)[1:], strict=True):
            start, stop = self.locator.left[leaf], self.locator.right[leaf]
            if kind[at[0]] == UNDECIDED:
                side[at] = self.bands[start].sides(x[at])
                continue
            for piece in self.pieces[start:stop]:
                rest = at[side[at] < 1]
                side[rest] = np.maximum(side[rest], piece.sides(x[rest]))
        return side

    def __repr__(self) -> str:
        counts = f"{len(self.box_lo)} boxes, {len(self.pieces)} polytopes"
        if len(self.undecided_lo):
            counts += f", {len(self.undecided_lo)} undecided"
        return (
            f"BadInputs({clipped_name(self.claim, 60)!r}, share {number(self.share_lo)} to "
            f"{number(self.share_hi)}, {counts}, {self.reason})"
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per box or polytope: its kind, and the bounds of its bounding box."""
        names = entry_names(self.inputs)
        boxes = [("bad box", lo, hi) for lo, hi in zip(self.box_lo, self.box_hi, strict=True)]
        boxes += [("bad polytope", piece.lo, piece.hi) for piece in self.pieces]
        open_ = zip(self.undecided_lo, self.undecided_hi, strict=True)
        boxes += [("undecided box", lo, hi) for lo, hi in open_]
        return [
            {"region": kind}
            | {f"{name} lo": float(end) for name, end in zip(names, lo, strict=True)}
            | {f"{name} hi": float(end) for name, end in zip(names, hi, strict=True)}
            for kind, lo, hi in boxes
        ]

    def document(self) -> Document:
        """Return a document with the proved fractions, and a drawing if one or two inputs vary.

        The drawing is omitted if there are more than `MOST_SHAPES` boxes and polytopes.
        """
        count = len(self.box_lo) + len(self.pieces) + len(self.undecided_lo)
        drawn = len(self.varying) in (1, 2) and count <= MOST_SHAPES
        return Document(
            "Inputs that break",
            self.claim,
            (
                Paragraph(self.sentence),
                *([self.drawing()] if drawn else []),
                Paragraph(f"{self.reason}; {self.warrant.name}, {self.cost}. Model: {self.model}."),
                Paragraph("" if self.nowhere else what_helps(self.status)),
            ),
            {True: GOOD, False: BAD, None: OPEN}[self.holds],
        )

    @property
    def varying(self) -> np.ndarray:
        """Flat indices of the inputs that are not constant on the input set."""
        if not len(self.lo):
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.lo.min(axis=0) < self.hi.max(axis=0))

    def drawing(self) -> Drawing:
        """Return a drawing of the set in the plane of its one or two varying inputs.

        If only one input varies, the shapes have a height of 1.

        Raises:
            InputError: The number of varying inputs is not one or two.
        """
        at = self.varying
        if at.size not in (1, 2):
            raise InputError(
                "`plot` needs an input set in which one or two inputs vary; fix all others at "
                f"constant values. Received: {at.size} varying inputs."
            )
        undecided, boxes = (self.undecided_lo, self.undecided_hi), (self.box_lo, self.box_hi)
        polygons = [(False, rectangle(lo[at], hi[at])) for lo, hi in zip(*undecided, strict=True)]
        polygons += [(True, rectangle(lo[at], hi[at])) for lo, hi in zip(*boxes, strict=True)]
        polygons += [(True, piece.corners(at)) for piece in self.pieces]
        hull = rectangle(self.lo.min(axis=0)[at], self.hi.max(axis=0)[at])
        names = [entry_names(self.inputs)[i] for i in at]
        right, up = (*names, "")[:2]
        caption = f"Horizontal: {right} from {number(hull[0, 0])} to {number(hull[2, 0])}"
        if up:
            caption += f"; vertical: {up} from {number(hull[0, 1])} to {number(hull[2, 1])}"
        caption += "; red: bad" + "; beige: undecided" * bool(len(self.undecided_lo)) + "."
        shapes = tuple((bad, corners) for bad, corners in polygons if len(corners) > 2)
        return Drawing(shapes, hull[0], hull[2], (right, up), caption)

    def plot(self, ax: Any = None) -> Any:
        """Draw the input set, with bad inputs filled and undecided boxes pale.

        Unless one or two inputs vary, a bar with the proved fractions is drawn instead.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        title = f"`{clipped_name(self.claim, 60)}`: {self.sentence}"
        if self.varying.size in (1, 2):
            return plot_drawing(title, self.drawing(), ax)
        bad, good = self.share_lo, 1 - self.share_hi
        parts = (
            ("bad", bad, "bad"),
            ("not decided", 1 - bad - good, "open"),
            ("good", good, "good"),
        )
        shares = {name: (np.array([share]), TONES[tone]) for name, share, tone in parts}
        return plot_strips(title, [""], shares, [], ax, "share of the set's volume (proved)")
