"""Covers for networks that are not piecewise linear: boxes, each with an affine form and an error.

The box with the largest error, as a fraction of the outputs' range, is halved until all errors are
small enough. A box is halved along the input with the largest sum of two fractions. The first is
the width of the box in this input, relative to the range of the input. The second is the effect of
the input on an output, relative to the range of the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Atom, Bounds, Box, gamma, seconds_left
from ...domains.zonotopes import Zonotopes, form_of_boxes, forward_step
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Curve, Step


AT_ONCE = 64
"""Maximum number of boxes that are halved together."""


@dataclass(eq=False)
class FormBoxes:
    """Boxes, and affine forms of the outputs over each box.

    Args:
        lo: Array of shape `(B, d)`.
        hi: Array of shape `(B, d)`.
        form: Forms of the outputs over `e` in `[-1, 1]^k`, with one entry of `e` per free input.
        continuous: `(B,)` whether the network is proved to have no jumps on a box.
    """

    lo: np.ndarray
    hi: np.ndarray
    form: Zonotopes
    continuous: np.ndarray

    def __len__(self) -> int:
        return len(self.lo)

    def select(self, rows: np.ndarray) -> FormBoxes:
        """Return the boxes at the indices `rows`."""
        form = self.form.select(rows)
        return FormBoxes(self.lo[rows], self.hi[rows], form, self.continuous[rows])

    def concatenate(self, other: FormBoxes) -> FormBoxes:
        """Concatenate these boxes and others."""
        form = Zonotopes.concatenate([self.form, other.form])
        lo, hi = np.concatenate([self.lo, other.lo]), np.concatenate([self.hi, other.hi])
        continuous = np.concatenate([self.continuous, other.continuous])
        return FormBoxes(lo, hi, form, continuous)


def cover_by_boxes(
    graph: Graph, box: Box, atoms: tuple[Atom, ...], tol: float, most: int
) -> tuple[FormBoxes, str]:
    """Cover the part of a box where inequalities hold; return the boxes, and why halving stopped.

    Args:
        box: Box of the inputs.
        atoms: Linear inequalities of the inputs; halves where one of them provably holds nowhere
            are left out.
        tol: Tolerated error of each output, as a fraction of its range.
        most: Maximum number of boxes.

    Returns:
        The boxes, and the reason: `"known"` (all errors are tolerated), `"rounding"`, `"time"`,
        `"interrupted"` or `"pieces"`.

    Sound: for every input of the set, the outputs are within the errors of some box's forms. Cost:
    one computation of forward forms per box; the number of boxes grows exponentially with the
    number of inputs.
    """
    boxes = _forms(graph, box.lo[None], box.hi[None])
    try:
        while True:
            lo, hi = boxes.form.ends()
            wide = np.maximum(hi.max(axis=0) - lo.min(axis=0), np.finfo(float).tiny)
            with np.errstate(invalid="ignore"):
                off = np.nan_to_num(boxes.form.rest / wide, nan=np.inf).max(axis=1)
            open_ = np.flatnonzero(off > tol)
            halves = open_[np.argsort(-off[open_], kind="stable")][:AT_ONCE]
            # A box that cannot be halved in float64 is kept as it is.
            halves = halves[[not _is_atomic(boxes, i) for i in halves]]
            if not halves.size:
                return boxes, "known" if not open_.size else "rounding"
            if len(boxes) + halves.size > most:
                return boxes, "pieces"
            if seconds_left() < 0:
                return boxes, "time"
            boxes = _halve(graph, boxes, halves, wide, atoms)
    except KeyboardInterrupt:
        return boxes, "interrupted"


def _forms(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> FormBoxes:
    """Compute the forms of the outputs over boxes."""
    ends_of, forms = [(lo, hi)], [form_of_boxes(lo, hi)]
    continuous = np.ones(len(lo), bool)
    for node in graph.nodes:
        form, ends = forward_step(
            node, [forms[j] for j in node.inputs], [ends_of[j] for j in node.inputs]
        )
        forms.append(form)
        ends_of.append(ends)
        continuous &= _has_no_jump(node.op, ends_of[node.inputs[0]], ends)
    # A form that was dropped on the way has no rows.
    return FormBoxes(lo, hi, forms[graph.output].pad(forms[0].count), continuous)


def _has_no_jump(op: Op, before: Bounds, after: Bounds) -> np.ndarray:
    """Return whether an op is known to be continuous over the range of its input, `(B,)`."""
    if isinstance(op, Step):
        return (after[0] == after[1]).all(axis=1)
    if not isinstance(op, Curve):
        return np.ones(len(before[0]), bool)
    lo, hi = before
    inside = (op.on[0] <= lo) & (hi <= op.on[1])
    for jump in (*op.jumps, *op.holes):
        inside &= (hi < jump) | (jump < lo)
    return np.asarray(inside.all(axis=1))


def _is_atomic(boxes: FormBoxes, i: int) -> bool:
    """Return whether a box is too narrow to be halved in float64."""
    middle = 0.5 * boxes.lo[i] + 0.5 * boxes.hi[i]
    return bool(((middle <= boxes.lo[i]) | (middle >= boxes.hi[i])).all())


def _halve(
    graph: Graph, boxes: FormBoxes, halves: np.ndarray, wide: np.ndarray, atoms: tuple[Atom, ...]
) -> FormBoxes:
    """Replace some boxes with their halves, and drop halves where an inequality holds nowhere."""
    lo, hi = boxes.lo[halves], boxes.hi[halves]
    free = np.flatnonzero((boxes.lo < boxes.hi).any(axis=0))
    moves = np.abs(boxes.form.rows[halves] / wide).max(axis=2)
    # Even an input without effect in the form is halved eventually.
    share = (hi - lo)[:, free] / (boxes.hi.max(axis=0) - boxes.lo.min(axis=0))[free]
    middle = 0.5 * lo + 0.5 * hi
    possible = ((lo < middle) & (middle < hi))[:, free]
    cut = free[np.where(possible, moves + share, -1.0).argmax(axis=1)]
    each = np.arange(halves.size)
    first, last = hi.copy(), lo.copy()
    first[each, cut] = last[each, cut] = middle[each, cut]
    lo, hi = np.concatenate([lo, last]), np.concatenate([first, hi])
    open_ = np.array([not _never(atoms, *ends) for ends in zip(lo, hi, strict=True)])
    others = boxes.select(np.setdiff1d(np.arange(len(boxes)), halves))
    if not open_.any():
        return others
    return others.concatenate(_forms(graph, lo[open_], hi[open_]))


def _never(atoms: tuple[Atom, ...], lo: np.ndarray, hi: np.ndarray) -> bool:
    """Return whether some inequality provably holds nowhere in a box."""
    for atom in atoms:
        least, size = atom.offset, abs(atom.offset)
        for i, c in atom.terms:
            end = c * (lo[i] if c > 0 else hi[i])
            least, size = least + end, size + abs(end)
        if least > gamma(2 * len(atom.terms) + 8) * size:
            return True
    return False
