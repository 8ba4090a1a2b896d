"""Proof trees for the growth per unit of an input: box splits over a network and its derivative.

The derivative is a form of gates. Each unit has one gate: the unit's slope times a form of earlier
gates (`outrange_check.certificate.growth`). If no term of a form is negative, its bound is at least
0, without rounding. So even a bound of 0 on a slope that reaches 0 can be proved.

Sound: regardless of errors here, since the checker proves every leaf again.
Complete: given enough time, if the growth exceeds the claim by a margin, if all its terms have the
same sign, or if the signs of a few units decide the claim.
Cost: twice that of bounding the network itself.
Reference: K. Xu et al., *Automatic Perturbation Analysis for Scalable Certified Robustness and
Beyond*, NeurIPS 2020; Z. Shi et al., *Efficiently Computing Local Lipschitz Constants of Neural
Networks via Bound Propagation*, NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outrange_check.certificate import growth, risen
from outrange_check.network import Form, Network

from ...core import Box
from .box_prover import prove_boxes
from .float_bounds import FloatBounds
from .float_network import FloatNetwork


POINTS = 64
"""Number of random points at which the size of slopes is estimated."""


def prove_growth(
    network: Network,
    by: int,
    box: Box,
    forms: Sequence[Form],
    least: np.ndarray,
    ahead: float,
) -> bytes | None:
    """Return a tree that proves lower bounds on the growth of forms per unit of an input.

    Args:
        network: The network in exact numbers.
        by: Index of the input.
        box: The set of inputs.
        forms: Forms of the network's variables.
        least: `(forms,)`: the claimed lower bound on the growth of each form.
        ahead: Margin above the claims, relative to the size of the slopes. It is not needed where
            the signs of all terms prove a claim.

    Returns:
        The tree's bytes; None if no tree was found.

    Raises:
        OutOfTime: The ambient deadline has passed.
    """
    whole = Network(network.inputs, list(network.blocks), network.outputs)
    goals, sizes = growth_goals(whole, by, box, forms)
    target = least + ahead * np.where(sizes > 0, sizes, 1.0)
    return prove_boxes(whole, box, goals, target, least)


def growth_goals(
    whole: Network, by: int, box: Box, forms: Sequence[Form]
) -> tuple[list[Form], np.ndarray]:
    """Append the gates of a network's derivative; return the forms' derivatives and slope sizes.

    The size of a slope is its largest absolute value at `POINTS` random inputs, so it may be too
    small.

    Args:
        whole: The network; its list of blocks is extended.
        by: Index of the input of differentiation.
        box: The set of inputs.
        forms: Forms of the network's variables.
    """
    rises = growth(whole, by)
    goals = [risen(form, rises) for form in forms]
    return goals, _sizes(FloatNetwork(whole), box, goals)


def _sizes(net: FloatNetwork, box: Box, goals: Sequence[Form]) -> np.ndarray:
    """Return the largest absolute slope of each goal at random points, `(goals,)`."""
    points = box.uniform(np.random.default_rng(0), POINTS)
    slopes = FloatBounds(net, points, points).sign_bounds(*net.rows(goals))
    return np.abs(slopes).max(axis=0)
