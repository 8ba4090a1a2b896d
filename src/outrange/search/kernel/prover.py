"""Binding to the part of the kernel that writes the proof tree of a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core import work
from ...core.clock import charge
from .binding import address, library, memory
from .layer_program import UNSTABLE


MOST_INPUTS = 64
"""Maximum number of inputs for which this prover is used, because its simplex method, which closes
leaves by enumerating cases, supports no more."""

LEAF_UNITS = 12
"""Maximum number of undecided units of a box that is closed by enumerating cases. Boxes with more
undecided units are split, because enumeration would make certificates larger."""

LEAF_LPS = 2000
"""Maximum number of linear programs for one objective on one box; if more are needed, the box is
split."""


@dataclass(frozen=True, eq=False)
class KinkBlock:
    """A block of units whose activation has one kink, at 0.

    Args:
        first: Index of the first unit's variable.
        below: Slope of the units below the kink.
        above: Slope of the units above the kink.
        reads: `(used,)` indices of the variables that the units read, in ascending order. Index 0
            denotes the constant 1.
        weights: Array of shape `(units, used)`.
    """

    first: int
    below: float
    above: float
    reads: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class TreeBox:
    """A box whose proof tree has not been written yet; any prover can write it.

    Args:
        lo: Array of shape `(inputs,)`.
        hi: Array of shape `(inputs,)`.
        known_lo: `(variables,)` lower bounds on all variables, proved at the box's ancestors.
        known_hi: `(variables,)` upper bounds on all variables, also proved at the box's ancestors.
        open: `(m,)` mask of the goals that no ancestor of the box has closed.
    """

    lo: np.ndarray
    hi: np.ndarray
    known_lo: np.ndarray
    known_hi: np.ndarray
    open: np.ndarray

    @property
    def addresses(self) -> list[int]:
        """Memory addresses of the box's arrays, in the order of the fields."""
        return [address(a) for a in (self.lo, self.hi, self.known_lo, self.known_hi, self.open)]


class TreeProver:
    """Prover that writes, depth first, a tree that proves all goals over a box.

    Args:
        inputs: Number of inputs; the inputs are the variables 1, 2, ...
        blocks: The units, in order.
        goals: Forms to be bounded from below, shape `(m, variables)`.
        least: `(m,)` lower bounds to be proved for the forms.
        weight: `(m,)` the reciprocals of the forms' ranges, by which the slack of different forms
            is weighted in the choice of the input to split.
    """

    def __init__(
        self,
        inputs: int,
        blocks: Sequence[KinkBlock],
        goals: np.ndarray,
        least: np.ndarray,
        weight: np.ndarray,
    ) -> None:
        lib = library()
        if lib is None:
            raise RuntimeError("The package has no compiled kernel. Check `library()` first.")
        self._lib, self._kept = lib, []
        self.recipe = (inputs, blocks, goals, least, weight)
        count, variables = goals.shape
        products = sum(block.weights.size for block in blocks)
        self._operations = work.COMPILED * (count + variables / UNSTABLE) * products
        self._handle = lib.prover_new(
            inputs,
            len(blocks),
            variables,
            count,
            *(self._keep(a, np.float64) for a in (goals, least, weight)),
            LEAF_UNITS,
            LEAF_LPS,
        )
        for k, block in enumerate(blocks):
            lib.prover_block(
                self._handle,
                k,
                len(block.weights),
                block.first,
                len(block.reads),
                block.below,
                block.above,
                self._keep(block.reads, np.int32),
                self._keep(block.weights, np.float64),
            )

    def _keep(self, array: np.ndarray, dtype: type) -> int:
        """Convert an array, keep it alive, and return its address."""
        self._kept.append(np.ascontiguousarray(array, dtype))
        return address(self._kept[-1])

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._lib.prover_free(self._handle)
            self._handle = None

    def begin(self, lo: np.ndarray, hi: np.ndarray) -> None:
        """Start the proof tree with the box `[lo, hi]` as its root."""
        self._lib.prover_begin(self._handle, self._keep(lo, np.float64), self._keep(hi, np.float64))

    def resume(self, box: TreeBox) -> None:
        """Start the tree with a box taken from another prover as its root."""
        self._lib.prover_resume(self._handle, *box.addresses)

    def take(self, spare: int = 0) -> TreeBox | None:
        """Remove and return the open box that would be processed last.

        The proof tree of this box comes after the trees of all other open boxes.

        Args:
            spare: Minimum number of boxes to retain.

        Returns:
            The box, or None if too few boxes are open.
        """
        inputs, _, goals, _, _ = self.recipe
        count, variables = goals.shape
        lo, hi, low, high = (np.empty(n) for n in (inputs, inputs, variables, variables))
        box = TreeBox(lo, hi, low, high, np.empty(count, np.uint8))
        return box if self._lib.prover_take(self._handle, spare, *box.addresses) else None

    def share(self) -> TreeProver | None:
        """Create a prover and move an open box to it; return None if too few boxes are open."""
        box = self.take(spare=1)
        if box is None:
            return None
        other = TreeProver(*self.recipe)
        other.resume(box)
        return other

    def run(self, boxes: int) -> int:
        """Process up to `boxes` boxes; return 1 if the tree is done, 0 if not, -1 on failure."""
        charge(boxes * self._operations)
        return self._lib.prover_run(self._handle, boxes)

    @property
    def size(self) -> int:
        """Number of bytes of the tree written so far."""
        count, stats = np.zeros(1, np.int64), np.zeros(3, np.int64)
        self._lib.prover_tree(self._handle, address(count), address(stats))
        return int(count[0])

    def tree(self) -> tuple[bytes, np.ndarray]:
        """Return the bytes written, and the numbers of boxes, case leaves and linear programs."""
        count, stats = np.zeros(1, np.int64), np.zeros(3, np.int64)
        at = self._lib.prover_tree(self._handle, address(count), address(stats))
        return memory(at, int(count[0])), stats
