"""Choice of the prover that turns claims about a box into a proof tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outrange_check.certificate import largest
from outrange_check.network import ONE, Form, Network

from ..core import Box, OutOfTime, check_deadline, deadline
from ..executors.ambient_pool import ambient_workers
from ..search.kernel.binding import library
from ..search.kernel.prover import MOST_INPUTS, KinkBlock, TreeProver
from .prove_on_workers import prove_on_workers
from .provers.box_prover import ROUNDING, prove_boxes
from .provers.growth_prover import prove_growth
from .provers.unit_prover import prove_units
from .work_stealing import prove_on_all_cores


AHEAD = 1e-9
"""Margin by which a tree aims above a claim, relative to the claim's scale. The tree is chosen in
float64, and the margin absorbs the rounding, so that the checker's exact bounds reach the claim."""

FEW_INPUTS = 12
"""If the kernel supports the network, a box with at most this many varying inputs is split until
the claims are proved. With more varying inputs, the signs of units are split, unless splits of the
box succeed within `TRIAL` seconds. If no tree over signs is found, the box is split after all."""

TRIAL = 2.0
"""Time limit, in seconds, for proving by splits of the box if signs can be split instead."""


@dataclass(frozen=True, eq=False)
class Goal:
    """The goal that the largest of several linear forms of variables is at least `least`.

    Args:
        forms: The linear forms, in exact numbers.
        least: The lower bound to prove.
        scale: The scale of the tolerances, such as the width of the form's range.
    """

    forms: Sequence[Form]
    least: float
    scale: float


def prove_box(
    network: Network,
    box: Box,
    goals: Sequence[Goal],
    again: bool = False,
    by: int | None = None,
) -> bytes | None:
    """Return a tree that proves every goal over a box, within the ambient deadline.

    Args:
        network: The network in exact numbers.
        box: The set of its inputs.
        goals: The claims to prove.
        again: Whether this is the last attempt, in which only the box is split. If the network has
            smooth curves, this attempt leaves no room for float64 rounding, so the checker may
            refuse the tree. Ignored with `by`.
        by: Index of an input if the goals bound the growth per unit of this input; each goal then
            has one form. None if they bound the forms themselves.

    Returns:
        The bytes of the tree; None if no tree was found, for example because a goal is too tight.
    """
    if by is not None:
        forms, least = [goal.forms[0] for goal in goals], np.array([goal.least for goal in goals])
        return prove_growth(network, by, box, forms, least, AHEAD)
    whole = Network(network.inputs, list(network.blocks), network.outputs)
    forms = [largest(whole, list(goal.forms)) for goal in goals]
    target = np.array([goal.least + AHEAD * goal.scale for goal in goals])
    if any(block.curve != "kink" for block in whole.blocks):
        return prove_boxes(whole, box, forms, target, rounding=0.0 if again else ROUNDING)
    if again:
        return prove_boxes(whole, box, forms, target)
    if whole.inputs > MOST_INPUTS or library() is None:
        return prove_units(whole, box, forms, target)
    scale = np.array([goal.scale for goal in goals])
    if np.count_nonzero(box.lo < box.hi) > FEW_INPUTS:
        try:
            with deadline(TRIAL):
                tree = _by_kernel(whole, box, forms, target, scale)
        except OutOfTime:
            check_deadline()  # did the outer deadline pass, too?
            tree = prove_units(whole, box, forms, target)
        if tree is not None:
            return tree
    return _by_kernel(whole, box, forms, target, scale)


def _by_kernel(
    network: Network, box: Box, forms: Sequence[Form], target: np.ndarray, scale: np.ndarray
) -> bytes | None:
    blocks, first = [], 1 + network.inputs
    for block in network.blocks:
        used = sorted({k for form in block.forms for k in form})
        below, above = (_float(s) for s in block.slopes or ())
        weights = _matrix(block.forms, {k: i for i, k in enumerate(used)}, len(used))
        blocks.append(KinkBlock(first, below, above, np.array(used, np.int32) - ONE, weights))
        first += len(block.forms)
    rows = _matrix(forms, {k: k - ONE for k in range(ONE, first - 1)}, first)
    prover = TreeProver(network.inputs, blocks, rows, target, 1 / scale)
    prover.begin(box.lo, box.hi)
    helpers = ambient_workers()
    return prove_on_all_cores(prover) if helpers is None else prove_on_workers(prover, helpers.pool)


def _matrix(forms: Sequence[Form], column: dict[int, int], width: int) -> np.ndarray:
    out = np.zeros((len(forms), width))
    for row, form in zip(out, forms, strict=True):
        for key, value in form.items():
            row[column[key]] = _float(value)
    return out


def _float(value: Any) -> float:
    return int(value.p) / int(value.q)
