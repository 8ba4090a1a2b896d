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
from .tables.help import what_helps


STATUSES = {
    "known": "the share is known to {tol:g}",
    "time": "time ran out",
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "pieces": "as many pieces as allowed",
    "rounding": "only float64 rounding is left, not {tol:g}",
}
"""Why the search stopped, in words; the shares are bounds in every case."""

MOST_SHAPES = 4000
"""Of more boxes and polytopes, a notebook shows no drawing."""


@dataclass(frozen=True, eq=False)
class BadInputs(Answer):
    """All inputs of a set that break a property: boxes, polytopes, and what is undecided.

    Rigorous (`FLOAT64_ROUNDED`, about the real-valued network with the stored weights): the bounds
    `share_lo <= volume(bad) / volume(set) <= share_hi`; that every input of `box_lo, box_hi` is
    bad; and that an input which is in no box, no undecided box and in no box with pieces is good.

    As accurate as float64: the faces of `pieces`. Each is computed without a rounding proof, so
    that inputs within rounding of a face may be on its other side.

    Args:
        model: The model's name.
        claim: The property, as asked.
        inputs: Input name to shape.
        lo: `(r, inputs)` the set asked about, as boxes that share faces at most.
        hi: `(r, inputs)`.
        share_lo: At least this share of the set's volume is bad.
        share_hi: At most this share is. Sides of no width do not count as dimensions.
        share_tol: What was asked for.
        box_lo: `(n, inputs)` boxes proved to be bad all over.
        box_hi: `(n, inputs)`.
        pieces: Polytopes of bad inputs, `Piece` each; some may overlap.
        undecided_lo: `(k, inputs)` boxes that may hold bad inputs and good ones.
        undecided_hi: `(k, inputs)`.
        bands: What is proved about parts of them, one `Slab` each.
        nowhere: Whether it is proved that no input is bad.
        status: `"known"`, `"time"`, `"memory"`, `"interrupted"`, `"pieces"` or `"rounding"`.
        warrant: What stands behind the shares and the boxes.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
        locator: Finds the box of a point; see `contains`.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.

    Raises:
        OutrangeError: The shares are no bounds.
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
                "Boxes have one side an input. "
                f"Received: {total:,} inputs, boxes of shape {self.lo.shape}."
            )
        if not 0 <= self.share_lo <= self.share_hi <= 1:
            raise OutrangeError(
                "The bounds of a share are in order, between 0 and 1; this is a bug in outrange. "
                f"Received: {self.share_lo!r}, {self.share_hi!r}."
            )

    @property
    def holds(self) -> bool | None:
        """Whether the property holds: True if no input is bad, False if some are, else None."""
        if self.nowhere:
            return True
        return False if self.share_lo > 0 or len(self.box_lo) else None

    @property
    def reason(self) -> str:
        """Why it stopped, in words."""
        return STATUSES[self.status].format(tol=self.share_tol)

    @property
    def sentence(self) -> str:
        """The answer in one plain sentence."""
        if self.nowhere:
            return "No input of the set breaks the property."
        counts = (
            (len(self.box_lo), "box", "boxes"),
            (len(self.pieces), "polytope", "polytopes"),
            (len(self.undecided_lo), "undecided box", "undecided boxes"),
        )
        told = ", ".join(f"{n:,} {one if n == 1 else many}" for n, one, many in counts if n)
        return (
            f"Between {number(100 * self.share_lo)} % and {number(100 * self.share_hi)} % of the "
            f"set breaks the property: {told or 'no part of it was found'}."
        )

    def contains(self, x: Any) -> Any:
        """Whether inputs are bad: True, False, or None where that is not known.

        True and False are proofs in boxes that are bad or good all over and in undecided boxes
        (where linear bounds decide most inputs), and as accurate as float64 in boxes with pieces,
        where inputs within rounding of a face get None. An input outside the set is not one of its
        bad inputs: False.

        Args:
            x: One input in the model's input shape, or flat; a batch of them; or a dict from input
                name to such arrays.

        Returns:
            True, False or None for one input; for a batch, an object array `(n,)` of these.

        Raises:
            InputError: `x` does not fit the model's inputs.
        """
        flat, single = flat_inputs(x, self.inputs)
        code = np.full(len(flat), -1)
        if not np.isfinite(flat).all():
            raise InputError("Inputs must be finite numbers. Received: NaN or infinity.")
        for root in range(len(self.locator.roots)):
            inside, row = self.locator.find(root, flat)
            side = self._sides(flat[inside], row)
            code[inside] = np.where(code[inside] < 0, side, np.maximum(code[inside], side))
        found = np.array([None, True, False], object)[code]
        return found[0] if single else found

    def _sides(self, x: np.ndarray, row: np.ndarray) -> np.ndarray:
        """1 for bad, -1 for good, 0 for unknown; each point in the leaf of its row."""
        kind = self.locator.kind(row)
        side = np.where(kind == INSIDE, 1, np.where(kind == UNDECIDED, 0, -1))
        told = np.flatnonzero((kind == PIECES) | (kind == UNDECIDED))
        told = told[np.argsort(row[told], kind="stable")]
        leaves, first = np.unique(row[told], return_index=True)
        for leaf, at in zip(leaves, np.split(told, first)[1:], strict=True):
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
        """One dict a box or polytope: whether it is bad or undecided, and the box around it."""
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
        """The shares in a sentence, and a drawing where one or two inputs vary."""
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
        """The flat inputs that vary over the set."""
        if not len(self.lo):
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.lo.min(axis=0) < self.hi.max(axis=0))

    def drawing(self) -> Drawing:
        """The set in the plane of the inputs that vary; one input gets a height of 0 to 1.

        Raises:
            InputError: Not one or two inputs vary.
        """
        at = self.varying
        if at.size not in (1, 2):
            raise InputError(
                "Only one or two varying inputs can be drawn; fix the others in the box. "
                f"Received: {at.size} that vary."
            )
        undecided, boxes = (self.undecided_lo, self.undecided_hi), (self.box_lo, self.box_hi)
        polygons = [(False, rectangle(lo[at], hi[at])) for lo, hi in zip(*undecided, strict=True)]
        polygons += [(True, rectangle(lo[at], hi[at])) for lo, hi in zip(*boxes, strict=True)]
        polygons += [(True, piece.corners(at)) for piece in self.pieces]
        hull = rectangle(self.lo.min(axis=0)[at], self.hi.max(axis=0)[at])
        names = [entry_names(self.inputs)[i] for i in at]
        right, up = (*names, "")[:2]
        caption = f"{right} from {number(hull[0, 0])} to {number(hull[2, 0])}, to the right"
        if up:
            caption += f"; {up} from {number(hull[0, 1])} to {number(hull[2, 1])}, upwards"
        caption += "; red: bad" + "; beige: undecided" * bool(len(self.undecided_lo)) + "."
        shapes = tuple((bad, corners) for bad, corners in polygons if len(corners) > 2)
        return Drawing(shapes, hull[0], hull[2], (right, up), caption)

    def plot(self, ax: Any = None) -> Any:
        """Draw the set: bad inputs filled, undecided boxes pale; of many inputs, the shares.

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
