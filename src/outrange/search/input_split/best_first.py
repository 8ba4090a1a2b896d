"""The loop of a search that keeps its open boxes in a pool."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from ..common.incumbent import State
from .attack_open_boxes import Scout
from .frontier import Pool


class PooledSearch(ABC):
    """A search that can be stopped, asked, and gone on with; how boxes are bounded is open."""

    state: State
    _pool: Pool
    _scout: Scout

    def lower(self) -> np.ndarray:
        """`(m,)` what is proved so far."""
        return np.minimum(self.state.closed, self._pool.lower())

    def run(self, until: float = np.inf) -> str | None:
        """Go on until `until` on the state's clock.

        Returns:
            None if nothing is left to do; else `"patience"`, `"time"`, `"interrupted"`, or
            `"met"`: a point lies below its goal.
        """
        state, pool = self.state, self._pool
        try:
            while len(pool):
                if state.out_of_time:
                    return "time"
                if state.seconds > until:
                    return "patience"
                self._turn()
                self._scout.look(pool, state)
                if state.met:
                    return "met"
                if len(pool) and state.report_due:
                    state.report(self.lower(), len(pool))
        except KeyboardInterrupt:
            # Should the search go on, these bounds are all that is left of some boxes.
            state.closed = np.minimum(state.closed, pool.lose())
            return "interrupted"
        return None

    @abstractmethod
    def _turn(self) -> None:
        """Take some boxes out, bound them, and put back what is left of them."""
