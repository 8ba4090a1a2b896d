"""Warrants: what stands behind a published number."""

from enum import IntEnum


class Warrant(IntEnum):
    """What stands behind a published bound; an answer carries the least of what went into it."""

    GUESS = 0
    """Nothing but a heuristic."""
    SAMPLED = 1
    """Values seen at finitely many inputs."""
    SOLVER_TOLERANCE = 2
    """A solver's own feasibility and optimality tolerances."""
    FLOAT64_ROUNDED = 3
    """A proof in which every float64 rounding error is accounted for."""
    CERTIFIED = 4
    """The proof was written down and checked in exact arithmetic by another program."""
