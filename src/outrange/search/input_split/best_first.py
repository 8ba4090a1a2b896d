"""Best-first search over boxes of inputs, independent of how boxes are bounded."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from ..attack.pgd import PacedGradient, Points, polish
from ..common.domain_boxes import DomainBoxes
from ..common.failures import SearchFailedError, attempt
from ..common.incumbent import Incumbent
from ..common.search import Search
from .attack_open_boxes import OpenBoxAttack
from .frontier import Frontier


class BestFirstSearch(Search):
    """Best-first search, which pops boxes from a frontier, bounds them, and pushes sub-boxes.

    A subclass calls `_set_up` and then `_begin`, which set the attributes that have no default.
    """

    boxes: DomainBoxes
    """The root boxes, restricted to the free inputs."""
    free: np.ndarray
    """`(d,)` mask of the inputs that boxes of the frontier contain; the others are fixed."""
    frontier: Frontier
    attack = OpenBoxAttack
    _fixed: np.ndarray
    _gradient: PacedGradient
    _attack: OpenBoxAttack
    _attacks = True
    """Whether to attack between splits; False after an internal error in an attack."""
    _rng: np.random.Generator

    def _set_up(
        self,
        domain: DomainBoxes,
        incumbent: Incumbent,
        seed: int,
        free: np.ndarray,
    ) -> None:
        """Store the incumbent, the free inputs and the root boxes; create a random generator."""
        self.incumbent, self.free = incumbent, free
        self.boxes = domain
        if not free.all():
            self.boxes = DomainBoxes(domain.lo[:, free], domain.hi[:, free], domain.whole[free])
        self._fixed = domain.hull.lo
        self._rng = np.random.default_rng(seed)

    def _begin(self, gradient: PacedGradient, points: Points, states: int) -> None:
        """Create the attack and the frontier, and pass the first points to the incumbent.

        Args:
            points: First points, in the form that `first_points.first_points` returns.
            states: Number of units whose status is stored per box.
        """
        least, at, most = points
        self._gradient = gradient
        self.incumbent.start(least, self.full(at), most)
        self._attack = self.attack(gradient, self.boxes, self._rng)
        self.frontier = Frontier.of(self.boxes, least.size, states)

    def full(self, at: np.ndarray) -> np.ndarray:
        """Extend points `(n, free)` over the free inputs to points `(n, d)` over all inputs."""
        x = np.tile(self._fixed, (len(at), 1))
        x[:, self.free] = at
        return x

    def offer(self, least: np.ndarray, at: np.ndarray) -> None:
        """Offer values `(m,)` and their points `(m, free)` to the incumbent."""
        self.incumbent.offer(least, self.full(at))

    def lower(self) -> np.ndarray:
        return self.frontier.lower()

    @property
    def waiting(self) -> int:
        return len(self.frontier)

    @property
    def finished(self) -> bool:
        return not len(self.frontier) and not self.frontier.lent

    def recover(self) -> None:
        self.frontier.lose()

    def advance(self) -> bool:
        """Explore some boxes, descend from improved points and open boxes, and return True."""
        incumbent = self.incumbent
        before = incumbent.best.copy()
        self._explore()
        self.frontier.settle()
        if self._attacks:
            try:
                attempt(lambda: self._look(incumbent.best < before), "descents between splits")
            except SearchFailedError:
                self._attacks = False
        return True

    def _look(self, improved: np.ndarray) -> None:
        """Descend from the best points of the objectives that improved, and from open boxes."""
        incumbent, k = self.incumbent, np.flatnonzero(improved)
        if k.size:
            at = incumbent.best_at[k][:, self.free]
            near = self.boxes.around(at)
            self.offer(*polish(self._gradient, at, k, near, self._rng)[:2])
        self._attack.attempt(self.frontier, incumbent, self.offer)

    @abstractmethod
    def _explore(self) -> None:
        """Pop some boxes, bound them, and push the open sub-boxes."""
