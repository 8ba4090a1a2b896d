"""The `Method` record of semidefinite relaxations: when it applies, and how it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...common.method import Method, Role


if TYPE_CHECKING:
    import numpy as np

    from ...neuron_split.relaxed_net import RelaxedNet
    from .turns import SemidefiniteTurns


def applies(
    net: RelaxedNet,
    which: np.ndarray,
    lower: np.ndarray,
    gap: np.ndarray,
    rng: np.random.Generator,
) -> bool:
    """Return whether a net is small enough, and its linear bounds are loose.

    See `SemidefiniteTurns.suit`.
    """
    from .turns import SemidefiniteTurns

    return SemidefiniteTurns.suit(net, gap)


def begin(
    net: RelaxedNet,
    which: np.ndarray,
    lower: np.ndarray,
    gap: np.ndarray,
    rng: np.random.Generator,
) -> SemidefiniteTurns:
    """Create the bounds of the objectives `which`; see `neuron_split.search.BeginJointBounds`."""
    from .turns import SemidefiniteTurns

    return SemidefiniteTurns(net, which, lower, rng)


METHOD = Method(
    name="semidefinite relaxations",
    reference="Raghunathan, Steinhardt, Liang 2018",
    role=Role.INSIDE,
    applies=applies,
    begin=begin,
    evidence="Ranges over wide boxes of networks with tens of unstable units in a layer.",
)
