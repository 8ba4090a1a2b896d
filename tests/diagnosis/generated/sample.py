"""From a seed to a healthy program and its mutant."""

from __future__ import annotations

from .bases_arrays import BASES as ARRAYS
from .bases_vectors import BASES as VECTORS
from .draw import Draw
from .faults_data import FAULTS as DATA
from .faults_heads import FAULTS as HEADS
from .faults_training import FAULTS as TRAINING
from .operators import Operator
from .program import Program
from .tweaks import TWEAKS


BASES = {base.__name__: base for base in (*VECTORS, *ARRAYS)}
FAULTS = (*HEADS, *TRAINING, *DATA)
GROUP = 5
"""Neighboring seeds share a base: four mutants of it, and one harmless change."""


def base_of(seed: int) -> Program:
    """The healthy program of a seed; seeds of a group share it."""
    group = seed // GROUP
    draw = Draw([group, 0])
    name = draw.one(*BASES)
    return BASES[name](group, draw)


def mutant_of(seed: int, base: Program) -> tuple[Operator, Program]:
    """The mutation of a seed, and what it makes of its base."""
    place = seed % GROUP
    draw = Draw([seed // GROUP, 1])
    operators = TWEAKS if place == GROUP - 1 else FAULTS
    # One order for the group, so that its mutants are of different operators.
    order = draw.rng.permutation(len(operators))
    skip = 0 if place == GROUP - 1 else place
    for i in order:
        mutant = operators[i].apply(Draw([seed // GROUP, 2, int(i)]), base)
        if mutant is not None and skip == 0:
            return operators[i], mutant
        skip -= mutant is not None
    raise ValueError(f"No mutation applies to {base.base} of seed {seed}.")


def mutant_by(name: str, seed: int) -> tuple[Operator, Program] | None:
    """Apply the named mutation to the base of a seed; None if it does not apply."""
    operator = next(candidate for candidate in (*FAULTS, *TWEAKS) if candidate.name == name)
    mutant = operator.apply(Draw([seed // GROUP, 3]), base_of(seed))
    return None if mutant is None else (operator, mutant)
