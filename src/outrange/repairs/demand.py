"""A property that a repaired model must satisfy on a set of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core import Atom, Box, Formula, PropertySource, Region
from ..core.formula import And, atoms, holds, negate, value
from ..questions.evidence.check_point import are_contained


@dataclass(frozen=True, eq=False)
class Demand:
    """A property that a repaired model must satisfy on a set of inputs.

    Args:
        unsafe: The negated property, over the flat vector `[x, y]` of inputs and outputs.
        regions: The set of inputs, as a union of regions.
        text: The property as text.
        source: Name and hash of the property; None if it has none.
    """

    unsafe: Formula
    regions: Sequence[Region]
    text: str
    source: PropertySource | None = None

    @cached_property
    def safe(self) -> Formula:
        """The property itself, over the flat vector `[x, y]`."""
        return negate(self.unsafe)

    def safe_on(self, box: Box) -> Formula:
        """Return the property on a box of inputs, without parts that the box alone decides.

        VNN-LIB files state bounds on inputs as parts of a disjunction. On the box, these parts are
        false, so only inequalities on outputs remain.
        """
        outputs = max((i for atom in atoms(self.safe) for i, _ in atom.terms), default=0)
        free = np.full(max(0, outputs + 1 - box.size), np.inf)
        lo, hi = np.concatenate([box.lo, -free]), np.concatenate([box.hi, free])
        return _drop_decided(self.safe, lo, hi)

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Return which of the inputs `(n, d)` lie in the set, `(n,)` bool."""
        return are_contained(self.regions, x)

    def violations(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the violation of the property, `(n,)`, in the units of its inequalities.

        Args:
            x: Flat inputs, `(n, d)`, in the set or not.
            y: Flat outputs, `(n, outputs)`.
        """
        return value(self.safe, np.concatenate([x, y], axis=1))

    def are_violations(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return which of the inputs lie in the set and violate the property, `(n,)` bool."""
        return (self.violations(x, y) > 0) & self.contains(x)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw at most `count` inputs of the set, uniform in the boxes of its regions.

        Unbounded regions are skipped, and inputs that violate a further condition of their region
        are dropped, so there may be fewer than `count` inputs.

        Args:
            rng: Random number generator, which the draw advances.
            count: Maximum number of inputs to draw.

        Returns:
            The inputs, `(n, d)`.
        """
        finite = [r for r in self.regions if np.isfinite([r.box.lo, r.box.hi]).all()]
        some = [finite[i] for i in rng.permutation(len(finite))[: max(count, 1)]]
        share = -(-count // max(len(some), 1))
        parts = []
        for region in some:
            x = region.box.sample(rng, share)
            x = np.where(region.integer, np.rint(x), x)
            parts.append(x if region.is_box else x[self.contains(x)])
        size = self.regions[0].box.size
        return np.concatenate(parts)[:count] if parts else np.zeros((0, size))


def _drop_decided(formula: Formula, lo: np.ndarray, hi: np.ndarray) -> Formula:
    """Drop true parts of conjunctions and false parts of disjunctions, for `lo <= [x, y] <= hi`."""
    if isinstance(formula, Atom):
        return formula
    neutral = isinstance(formula, And)
    parts = [p for p in formula.parts if holds(p, lo, hi) is not neutral]
    return type(formula)(tuple(_drop_decided(p, lo, hi) for p in parts)) if parts else formula
