"""Many boxes of few free inputs, halved together until cheap bounds close them.

In small boxes forward forms are nearly exact, and hundreds of boxes are bounded at once: each costs
a fraction of what it costs in a search. What halving an input brings is measured: every box carries
what each of its inputs brought the last time it was halved, and half of that is expected again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..domains import bounds
from ..graph import Graph
from ..ops import Curve, Product, Step
from .common.domain_boxes import DomainBoxes
from .common.parallel import parallel_map, single_blas_thread
from .kernel.binding import library


MANY = 16
"""With fewer boxes than this, a search begins with them as they are."""

ENTRIES = 1 << 22
"""Entries of all values in the boxes bounded at once."""

FREE = 3
"""Free inputs up to which boxes are halved; one, where the box kernel bounds boxes faster."""

MOST_ROWS = 12
"""Free inputs up to which a box is bounded at all: its forms have as many rows."""

WIDER = 3
"""The growth of the number of boxes that ends halving, for each free input of a box."""

PATIENCE = 8
"""Halvings of each free input, without fewer boxes than ever before, that end halving."""

LEAST_GAIN = 1.0 / 16.0
"""Of what is missing, the share that halving an input is taken to bring at least: an input that
brought nothing in a large box has its turn again in a small one."""

Met = Callable[[np.ndarray, np.ndarray], bool]
"""Called with points `(b, d)` and their values `(b, m)`; True ends halving: one was asked for."""


def open_boxes(
    asked: Graph,
    roots: DomainBoxes,
    target: np.ndarray,
    late: Callable[[], bool],
    met: Met = lambda x, y: False,
) -> tuple[DomainBoxes, np.ndarray]:
    """The boxes on which cheap bounds leave some output below its target.

    Boxes of few free inputs are halved while that closes them.

    Args:
        asked: What is to be bounded.
        target: `(m,)` of the outputs.
        late: Whether to stop; the remaining boxes are returned.
        met: Is shown the middle of every box that is to be halved.

    Returns:
        The boxes, or parts of them, and what is proved of every output on all else, `(m,)`.

    Sound: yes, a box is dropped only where the bounds of all outputs reach their targets. Complete:
    no. Cost: a forward pass for each free input of a box, and two more.
    """
    if len(roots.lo) < MANY:
        return roots, np.full(target.size, np.inf)
    boxes = OpenBoxes(asked, roots, target, late)
    boxes.bound("intervals")
    boxes.bound("forward")
    free = 1 if library() is not None and _is_straight(asked) else FREE
    count, fewest, idle = boxes.free.sum(axis=1), len(boxes.lo) + 1, 0
    most = float(WIDER) ** np.where(count <= free, count, 0)
    while len(boxes.lo) and not late():
        some = boxes.halvable(free)
        idle = 0 if len(boxes.lo) < fewest else idle + 1
        fewest = min(fewest, len(boxes.lo))
        patient = idle <= PATIENCE * boxes.free[some].sum(axis=1).max(initial=0)
        if not some.any() or not patient or len(boxes.lo) + some.sum() > most.sum():
            break
        middle = roots.snap(0.5 * boxes.lo + 0.5 * boxes.hi)[some]
        if met(middle, asked.run(middle)):
            break
        boxes.halve(some)
    return roots.with_ends(boxes.lo, boxes.hi), boxes.apart


def _is_straight(graph: Graph) -> bool:
    """Whether every op is piecewise linear, so that the box kernel may take the graph."""
    return not any(
        isinstance(node.op, Product | Step)
        or (isinstance(node.op, Curve) and not node.op.is_piecewise_linear)
        for node in graph.nodes
    )


class OpenBoxes:
    """Boxes that no bound has closed yet: `lo` and `hi`, `(n, d)`.

    Args:
        asked: What is to be bounded.
        roots: The boxes at the start.
        target: `(m,)` of the outputs.
        late: Whether to bound no more.
        shut: Which boxes the bounds `(n, m)` of their outputs close; by default, where all reach
            their targets.
    """

    def __init__(
        self,
        asked: Graph,
        roots: DomainBoxes,
        target: np.ndarray,
        late: Callable[[], bool],
        shut: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._asked, self._target, self._late = asked, target, late
        self._shut = shut or (lambda least: (least >= target).all(axis=1))
        self._whole = roots.whole
        self.lo, self.hi = roots.lo, roots.hi
        self.apart = np.full(target.size, np.inf)
        """`(m,)` what is proved of the outputs on all that was closed."""
        self._missing = np.full((len(self.lo), target.size), np.inf)
        """`(n, m)` how far the bounds are below the targets."""
        self._gain = np.full(self.lo.shape, np.inf)
        """`(n, d)` what halving an input is expected to bring; infinite before the first time."""
        self._unit = np.ones(target.size)
        """`(m,)` in which gains of different outputs are added: the most that was missing."""

    @property
    def free(self) -> np.ndarray:
        """`(n, d)` the inputs that are not fixed."""
        return self.lo < self.hi

    def halvable(self, most: int) -> np.ndarray:
        """`(n,)` boxes of few free inputs, none of whole numbers, that are not points."""
        free, middle = self.free, 0.5 * self.lo + 0.5 * self.hi
        few = (free.sum(axis=1) <= most) & ~(self._whole & free).any(axis=1)
        return few & ((middle > self.lo) & (middle < self.hi)).any(axis=1)

    def bound(self, domain: str) -> None:
        """Bound all boxes anew; keep those that stay open."""
        self._keep(self.lo, self.hi, self._gain, self._least(self.lo, self.hi, domain))
        known = np.where(np.isfinite(self._missing), self._missing, 0.0)
        most = known.max(axis=0, initial=0.0)
        self._unit = np.where(most > 0, most, 1.0)

    def halve(self, some: np.ndarray) -> None:
        """Halve some of the boxes, each in the input that promises most, and bound the halves."""
        lo, hi, missing, gain = (
            part[some] for part in (self.lo, self.hi, self._missing, self._gain)
        )
        row, middle = np.arange(len(lo)), 0.5 * lo + 0.5 * hi
        splits = (middle > lo) & (middle < hi)
        untried = splits & np.isinf(gain)
        widest = np.where(untried, hi - lo, -1.0).argmax(axis=1)
        best = np.where(splits & ~untried, gain, -1.0).argmax(axis=1)
        cut = np.where(untried.any(axis=1), widest, best)
        left_hi, right_lo = hi.copy(), lo.copy()
        left_hi[row, cut] = right_lo[row, cut] = middle[row, cut]
        ends = np.concatenate([lo, right_lo]), np.concatenate([left_hi, hi])
        least = self._least(*ends, "forward")
        fell = self._fall(np.concatenate([missing, missing]), self._below(least))
        gain = np.concatenate([gain, gain])
        gain[np.arange(len(gain)), np.concatenate([cut, cut])] = 0.5 * fell
        whole = self.lo[~some], self.hi[~some], self._missing[~some], self._gain[~some]
        self._keep(*ends, gain, least)
        self.lo, self.hi, self._missing, self._gain = (
            np.concatenate([kept, half])
            for kept, half in zip(whole, (self.lo, self.hi, self._missing, self._gain), strict=True)
        )

    def _fall(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """How much less is missing, all outputs together, each in units of its own."""
        with np.errstate(invalid="ignore"):  # infinite before and after, where neither is bounded
            fell = np.maximum(before - after, LEAST_GAIN * after) / self._unit
        # Nothing is known of an input as long as nothing is bounded.
        return np.where(np.isfinite(fell).all(axis=1), fell.sum(axis=1), np.inf)

    def _below(self, least: np.ndarray) -> np.ndarray:
        return np.maximum(self._target - least, 0.0)

    def _keep(self, lo: np.ndarray, hi: np.ndarray, gain: np.ndarray, least: np.ndarray) -> None:
        """Hold those of these boxes that their bounds leave open, in the place of all others."""
        shut = self._shut(least)
        self.apart = np.minimum(self.apart, least[shut].min(axis=0, initial=np.inf))
        self.lo, self.hi, self._gain = lo[~shut], hi[~shut], gain[~shut]
        self._missing = self._below(least[~shut])

    def _least(self, lo: np.ndarray, hi: np.ndarray, domain: str) -> np.ndarray:
        """`(n, m)` lower bounds of the outputs over each box."""
        free, total = (lo < hi).sum(axis=1), sum(node.size for node in self._asked.nodes)
        pieces: list[np.ndarray] = []
        # Boxes of as many free inputs: they have as many rows.
        for count in np.unique(free):
            alike = np.flatnonzero(free == count)
            step = max(1, ENTRIES // (total * (1 if domain == "intervals" else 2 + count)))
            pieces += [alike[start : start + step] for start in range(0, alike.size, step)]
        found = np.full((len(lo), self._target.size), -np.inf)

        def into_place(some: np.ndarray) -> None:
            if free[some[0]] <= MOST_ROWS and not self._late():
                ends = bounds(self._asked, lo[some], hi[some], domain)[self._asked.output]
                found[some] = np.where(np.isnan(ends[0]), -np.inf, ends[0])

        with single_blas_thread():
            parallel_map(into_place, pieces)
        return found
