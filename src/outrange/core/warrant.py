"""Warrants: how strongly a published number is supported."""

from enum import IntEnum


class Warrant(IntEnum):
    """The evidence behind a published bound; an answer carries the weakest warrant of its parts."""

    SAMPLED = 1
    """Values observed at finitely many inputs."""
    SOLVER_TOLERANCE = 2
    """A solver's result, valid up to its own feasibility and optimality tolerances."""
    FLOAT64_ROUNDED = 3
    """A proof in which every float64 rounding error is accounted for."""
    CERTIFIED = 4
    """A proof that was written down and checked in exact arithmetic by another program."""
