"""Proof trees over the signs of units, for piecewise-linear networks with any number of inputs.

Over the whole box, bounds from the default lines decide the signs of most units. For each goal, a
tree over the undecided signs is built. Cases are bounded by ascent (`phase_ascent`). A case that is
not proved is split at the unit whose trial split raises the bounds of both halves most. A leaf
contains one byte for the slope of each unit whose sign the bounds over the box leave open, and the
positive multipliers of signs. A leaf is written only if the bound proved with these numbers, after
rounding, reaches the target.

Sound: regardless of errors here, since the checker proves every leaf again.
Complete: no. Once all signs are fixed, the ascent usually proves a goal that holds with a margin.
Cost: tens of passes over the undecided units' forms for each case.
Reference: S. Wang et al. (beta-CROWN), NeurIPS 2021; A. De Palma et al., *Improved Branch and Bound
for Neural Network Verification via Lagrangian Decomposition* (FSB), 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outrange_check.network import Form, Network
from outrange_check.tree import BOUND, CASES, DECIDE, LINEAR, SHARES, UNITS

from ...core import Box
from ...core.clock import check_deadline
from .float_network import FloatNetwork
from .phase_ascent import Cases, PhaseAscent
from .tree_bytes import mask, number, numbers
from .unstable_units import UnstableUnits


ROOT_STEPS, STEPS, TRIAL_STEPS, LAST_STEPS = 60, 16, 2, 300
"""Number of ascent steps: for the root, for a case, for a trial split, and for a case in which no
undecided unit affects the bound."""

TRIED = 5
"""Number of units tried for a split."""

BATCH = 16
"""Number of cases split together."""

ROUNDING = 1e-10
"""Allowance for the difference between these float64 bounds and the checker's bounds, relative to
`1 + |target|`."""


@dataclass(eq=False)
class _CaseNode:
    """A case of the tree: a leaf with its bytes, or the unit at which it is split."""

    cases: Cases
    """The case, as a batch of one."""
    leaf: bytes | None = None
    unit: int | None = None
    children: tuple[_CaseNode, _CaseNode] | None = None
    """The case in which the sign of `unit` is +1, and the one in which it is -1."""


def prove_units(
    network: Network, box: Box, goals: Sequence[Form], targets: np.ndarray
) -> bytes | None:
    """Return a tree that proves that every goal is at least its target everywhere in a box.

    Args:
        network: The network in exact numbers; only signs of piecewise-linear units are split.
        box: The set of its inputs.
        goals: Forms of the network's variables.
        targets: `(goals,)`: the bounds to prove, slightly above the claims to absorb the checker's
            rounding.

    Returns:
        The tree's bytes; None if an unproved case has no sign left to split at.

    Raises:
        OutOfTime: The ambient deadline has passed.
    """
    units = UnstableUnits(FloatNetwork(network), box)
    rows, constants = units.rows(list(goals))
    targets = np.asarray(targets, float)
    targets = targets + ROUNDING * (1.0 + np.abs(targets))
    plain = units.lower_bounds(rows, constants) >= targets
    open_ = np.flatnonzero(~plain)
    # The tree lists its units: where float64 cannot decide a side, the checker may find others.
    cases = (CASES | UNITS) * bool(open_.size)
    out = bytearray([BOUND | LINEAR * bool(plain.any()) | cases])
    if plain.any():
        out += mask(map(int, np.flatnonzero(plain)))
    if open_.size:
        out += mask(range(open_.size)) + numbers(units.variables)
    for k in open_:
        tree = _prove_goal(PhaseAscent(units, rows[k], float(constants[k])), float(targets[k]))
        if tree is None:
            return None
        out += tree
    return bytes(out)


def _prove_goal(ascent: PhaseAscent, target: float) -> bytes | None:
    root = _CaseNode(ascent.root())
    ascent.improve(root.cases, ROOT_STEPS, target)
    open_ = _write_leaves(ascent, [root], target)
    while open_:
        check_deadline()
        batch, open_ = open_[-BATCH:], open_[:-BATCH]
        children = _split_cases(ascent, batch, target)
        if children is None:
            return None
        open_ += _write_leaves(ascent, children, target)
    return _write_tree(root)


def _concatenate(nodes: Sequence[_CaseNode]) -> Cases:
    parts = [vars(node.cases).values() for node in nodes]
    return Cases(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _write_leaves(ascent: PhaseAscent, nodes: list[_CaseNode], target: float) -> list[_CaseNode]:
    """Attach a leaf to each case that its rounded numbers prove; return the other nodes."""
    near = [node for node in nodes if node.cases.bound[0] >= target]
    if near:
        rounded = _concatenate(near)
        leaves = ascent.write_leaves(rounded)
        ascent.improve(rounded, 0, target)
        for node, (shares, pulls), bound in zip(near, leaves, rounded.bound, strict=True):
            if bound >= target:
                node.leaf = bytes([SHARES]) + shares + pulls
    return [node for node in nodes if node.leaf is None]


def _split_cases(
    ascent: PhaseAscent, batch: list[_CaseNode], target: float
) -> list[_CaseNode] | None:
    """Split each case at the best of the units tried, and return the halves.

    Returns None if some case has no sign left to split at.
    """
    done = [node for node in batch if not node.cases.score.max() > 0]
    _finish(ascent, done, target)
    batch = [node for node in batch if node.leaf is None]
    tried = [_candidate_units(ascent, node) for node in batch]
    if not all(len(units) for units in tried):
        return None
    if not batch:
        return []
    trials = [_set_sign(n, int(j)) for n, units in zip(batch, tried, strict=True) for j in units]
    cases = _concatenate([child for pair in trials for child in pair])
    ascent.improve(cases, TRIAL_STEPS, target)
    gain = np.minimum(cases.bound, target).reshape(-1, 2)
    at, chosen = 0, []
    for node, units in zip(batch, tried, strict=True):
        gains = gain[at : at + len(units)] - node.cases.bound[0]
        far = max(target - float(node.cases.bound[0]), 1e-300)
        best = int(np.argmax(np.prod(np.maximum(gains, 1e-3 * far), axis=1)))
        node.unit, which = int(units[best]), 2 * (at + best)
        pair = (
            _CaseNode(cases.take(np.array([which]))), _CaseNode(cases.take(np.array([which + 1])))
        )  # fmt: skip
        node.children = pair
        chosen += pair
        at += len(units)
    left = [child for child in chosen if child.cases.bound[0] < target]
    if left:
        both = _concatenate(left)
        ascent.improve(both, STEPS, target)
        for i, child in enumerate(left):
            child.cases = both.take(np.array([i]))
    return chosen


def _finish(ascent: PhaseAscent, nodes: list[_CaseNode], target: float) -> None:
    """Run a long ascent on cases in which no undecided unit affects the bound (all scores are 0).

    It can change only the multipliers.
    """
    if not nodes:
        return
    cases = _concatenate(nodes)
    ascent.improve(cases, LAST_STEPS, target)
    for i, node in enumerate(nodes):
        node.cases = cases.take(np.array([i]))
    _write_leaves(ascent, nodes, target)


def _candidate_units(ascent: PhaseAscent, node: _CaseNode) -> np.ndarray:
    """Return the indices of at most `TRIED` units, those with the best scores.

    If all scores are 0, units are ranked by the gap of their lines: fixing a sign that has no
    influence on the goal may still leave no feasible input.
    """
    score = node.cases.score[0]
    if not score.max() > 0:
        score = np.where(ascent.kinked & (node.cases.signs[0] == 0), ascent.gap, 0.0)
    best = np.argsort(-score, kind="stable")[:TRIED]
    return best[score[best] > 0]


def _set_sign(node: _CaseNode, unit: int) -> tuple[_CaseNode, _CaseNode]:
    pair = []
    for sign in (1.0, -1.0):
        cases = node.cases.take(np.array([0]))
        cases.signs[0, unit] = sign
        pair.append(_CaseNode(cases))
    return pair[0], pair[1]


def _write_tree(root: _CaseNode) -> bytes:
    out, stack = bytearray(), [root]
    while stack:
        node = stack.pop()
        if node.children is None or node.unit is None:
            assert node.leaf is not None
            out += node.leaf
        else:
            out.append(DECIDE)
            out += number(node.unit)
            stack += node.children[::-1]
    return bytes(out)
