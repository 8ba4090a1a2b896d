"""Networks that bend or jump: boxes of inputs, on each an affine form and an error.

The box whose error is largest, as a share of what the outputs reach, is halved, until all errors
are small enough. Along the input that moves the outputs most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Atom, Bounds, Box, gamma, seconds_left
from ...domains.forward import ForwardForm, form_of_boxes, forward_step
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Curve, Step


AT_ONCE = 64
"""Boxes that are halved together."""


@dataclass(eq=False)
class FormBoxes:
    """Boxes and the outputs' forms on them.

    Args:
        lo: Array of shape `(B, d)`.
        hi: Array of shape `(B, d)`.
        form: Of the outputs, in `e` of `[-1, 1]^k`, a number for each input that varies.
        continuous: `(B,)` bool: the boxes on which the network is proved to have no jumps.
    """

    lo: np.ndarray
    hi: np.ndarray
    form: ForwardForm
    continuous: np.ndarray

    def __len__(self) -> int:
        return len(self.lo)

    def picked(self, rows: np.ndarray) -> FormBoxes:
        """Some of them."""
        f = self.form
        form = ForwardForm(f.center[rows], f.rows[rows], f.rest[rows])
        return FormBoxes(self.lo[rows], self.hi[rows], form, self.continuous[rows])

    def joined(self, other: FormBoxes) -> FormBoxes:
        """These and others."""
        f, g = self.form, other.form
        both = (np.concatenate(pair) for pair in (
            (f.center, g.center), (f.rows, g.rows), (f.rest, g.rest)
        ))  # fmt: skip
        lo, hi = np.concatenate([self.lo, other.lo]), np.concatenate([self.hi, other.hi])
        continuous = np.concatenate([self.continuous, other.continuous])
        return FormBoxes(lo, hi, ForwardForm(*both), continuous)


def covered(
    graph: Graph, box: Box, atoms: tuple[Atom, ...], tol: float, most: int
) -> tuple[FormBoxes, str]:
    """Boxes that cover the part of a box where inequalities hold, and why there are no more.

    Args:
        atoms: Linear inequalities of the inputs: boxes where one never holds are left out.
        tol: Of each output the error that is small enough, as a share of what it reaches.

    Returns:
        The boxes; `"known"`, `"time"`, `"interrupted"` or `"pieces"`.

    Sound: every output of the set is within the error of a form. Cost: a run of forward forms for
    each box; the number of boxes grows with the power of the inputs.
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
            # A box that is as narrow as numbers are goes on as it is.
            halves = halves[[not _is_atomic(boxes, i) for i in halves]]
            if not halves.size:
                return boxes, "known" if not open_.size else "rounding"
            if len(boxes) + halves.size > most:
                return boxes, "pieces"
            if seconds_left() < 0:
                return boxes, "time"
            boxes = _halved(graph, boxes, halves, wide, atoms)
    except KeyboardInterrupt:
        return boxes, "interrupted"


def _forms(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> FormBoxes:
    known, forms = [(lo, hi)], [form_of_boxes(lo, hi)]
    continuous = np.ones(len(lo), bool)
    for node in graph.nodes:
        form, ends = forward_step(
            node, [forms[j] for j in node.inputs], [known[j] for j in node.inputs], map
        )
        forms.append(form)
        known.append(ends)
        continuous &= _has_no_jump(node.op, known[node.inputs[0]], ends)
    k, out = forms[0].count, forms[graph.output]
    if out.count < k:  # forms that carry nothing were given up
        out = ForwardForm(
            out.center, np.zeros((len(lo), k, graph.value_size(graph.output))), out.rest
        )
    return FormBoxes(lo, hi, out, continuous)


def _has_no_jump(op: Op, given: Bounds, found: Bounds) -> np.ndarray:
    """`(B,)` bool: where an op is continuous on what its input can be, as far as facts say."""
    if isinstance(op, Step):
        return (found[0] == found[1]).all(axis=1)
    if not isinstance(op, Curve):
        return np.ones(len(given[0]), bool)
    lo, hi = given
    inside = (op.on[0] <= lo) & (hi <= op.on[1])
    for jump in (*op.jumps, *op.holes):
        inside &= (hi < jump) | (jump < lo)
    return np.asarray(inside.all(axis=1))


def _is_atomic(boxes: FormBoxes, i: int) -> bool:
    middle = 0.5 * boxes.lo[i] + 0.5 * boxes.hi[i]
    return bool(((middle <= boxes.lo[i]) | (middle >= boxes.hi[i])).all())


def _halved(
    graph: Graph, boxes: FormBoxes, halves: np.ndarray, wide: np.ndarray, atoms: tuple[Atom, ...]
) -> FormBoxes:
    lo, hi = boxes.lo[halves], boxes.hi[halves]
    free = np.flatnonzero((boxes.lo < boxes.hi).any(axis=0))
    moves = np.abs(boxes.form.rows[halves] / wide).max(axis=2)
    # Even where a form says that an input moves nothing, it is halved at last.
    share = (hi - lo)[:, free] / (boxes.hi.max(axis=0) - boxes.lo.min(axis=0))[free]
    middle = 0.5 * lo + 0.5 * hi
    possible = ((lo < middle) & (middle < hi))[:, free]
    cut = free[np.where(possible, moves + share, -1.0).argmax(axis=1)]
    each = np.arange(halves.size)
    first, last = hi.copy(), lo.copy()
    first[each, cut] = last[each, cut] = middle[each, cut]
    lo, hi = np.concatenate([lo, last]), np.concatenate([first, hi])
    kept = np.array([not _never(atoms, *ends) for ends in zip(lo, hi, strict=True)])
    others = boxes.picked(np.setdiff1d(np.arange(len(boxes)), halves))
    if not kept.any():
        return others
    return others.joined(_forms(graph, lo[kept], hi[kept]))


def _never(atoms: tuple[Atom, ...], lo: np.ndarray, hi: np.ndarray) -> bool:
    """Whether some inequality holds nowhere in a box, proved."""
    for atom in atoms:
        least, size = atom.offset, abs(atom.offset)
        for i, c in atom.terms:
            end = c * (lo[i] if c > 0 else hi[i])
            least, size = least + end, size + abs(end)
        if least > gamma(2 * len(atom.terms) + 8) * size:
            return True
    return False
