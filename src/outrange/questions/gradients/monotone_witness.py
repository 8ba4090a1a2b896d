"""Counterexamples to monotonicity: an output falls between two inputs that differ in one entry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...answers.monotone import FallingPair
from ...core import Box
from ...graph import Graph
from ..common.named_arrays import split_by_name
from ..common.network import NetworkLike
from ..evidence.evaluate import enclose, model_values


REACH = 44
"""Steps of `2**-1` to `2**-(REACH - 1)` times the box's width are tried in both directions."""


class MonotoneWitnesses:
    """Search for counterexamples to monotonicity on lines along one input through given points.

    Args:
        network: The user's model, which is run at candidates.
        graph: The graph under study.
        box: The box of flat inputs.
        integer: `(d,)` bool: whether each input is an integer; None if there are no integer inputs.
        groups: Flat indices of each one-hot group.
        partial: Flat indices of each group in which at most one input is 1.
    """

    def __init__(
        self,
        network: NetworkLike,
        graph: Graph,
        box: Box,
        integer: np.ndarray | None = None,
        groups: Sequence[np.ndarray] = (),
        partial: Sequence[np.ndarray] = (),
    ) -> None:
        self._network, self._graph, self._box = network, graph, box
        self._integer = np.zeros(box.size, bool) if integer is None else integer
        self._groups, self._partial = groups, partial
        self._predict = network.predict

    def restricts(self, inputs: np.ndarray) -> bool:
        """Return whether the set restricts inputs that vary to integers, beyond one-hot groups.

        Args:
            inputs: Mask `(d,)` of the inputs to consider.
        """
        return bool((self._integer & inputs & (self._box.lo < self._box.hi)).any())

    def is_fixed(self, i: int) -> bool:
        """Return whether input `i` cannot change while all other inputs stay the same.

        Such an input has only one value, or belongs to a one-hot group, or to a group in which
        another input is always 1.
        """
        lo, hi = self._box.lo, self._box.hi
        return (
            bool(lo[i] == hi[i])
            or any(i in group for group in self._groups)
            or any(i in group and lo[group].sum() > lo[i] for group in self._partial)
        )

    def find_fall(
        self, x: np.ndarray, output: int, direction: int, sign: float
    ) -> FallingPair | None:
        """Find two points on the line through `x` between which `sign * output` provably falls.

        Both points satisfy the integer and one-hot constraints of the input set. The result is None
        if no such points are found.

        Args:
            x: A point `(d,)` in the box.
            output: Index of a flat output.
            direction: Index of the input that increases along the line.
            sign: 1 to look for a fall, -1 for a rise.
        """
        if self.is_fixed(direction):
            return None
        best = None
        for point in self._near(self._project(x, direction)):
            line = self._line(point, direction)
            step = self._on(line, output, sign)
            if step is not None and (best is None or best.reproduced is not True):
                best = step
            if best is not None and best.reproduced is not False:
                return best
        return best

    def _project(self, x: np.ndarray, direction: int) -> np.ndarray:
        """Round integer inputs, and change the inputs of each group to satisfy its constraint.

        The largest possible input of a one-hot group becomes 1. In any other group, all inputs but
        one become 0. The exception is the input `direction` if it belongs to the group, otherwise
        the largest input.
        """
        lo, hi = self._box.lo, self._box.hi
        x = np.where(self._integer, np.clip(np.rint(x), lo, hi), x)
        for group in self._groups:
            # A category whose bounds are 1 is chosen, and one whose bounds are 0 is not.
            chosen = group[np.argmax(x[group] + 2.0 * (lo[group] == 1) - 2.0 * (hi[group] == 0))]
            x[group] = 0.0
            x[chosen] = 1.0
        for group in self._partial:
            free = direction if direction in group else group[np.argmax(x[group] + lo[group])]
            x[group[group != free]] = 0.0
        return x

    def _near(self, x: np.ndarray) -> list[np.ndarray]:
        """Return `x` rounded to float32 where the box allows it, and `x` itself if it differs."""
        single = x.astype(np.float32).astype(np.float64)
        inside = np.where((self._box.lo <= single) & (single <= self._box.hi), single, x)
        return [inside, x] if not np.array_equal(inside, x) else [x]

    def _line(self, x: np.ndarray, i: int) -> np.ndarray:
        lo, hi = self._box.lo[i], self._box.hi[i]
        steps = (hi - lo) * 2.0 ** -np.arange(1, REACH)
        at = np.concatenate([np.linspace(lo, hi, 129), [x[i]], x[i] + steps, x[i] - steps])
        at = np.concatenate([at.astype(np.float32).astype(np.float64), at])
        at = np.unique(np.clip(np.rint(at) if self._integer[i] else at, lo, hi))
        points = np.repeat(x[None], at.size, axis=0)
        points[:, i] = at
        return points

    def _on(self, line: np.ndarray, output: int, sign: float) -> FallingPair | None:
        """Return the largest fall between points of the line, if it can be proved; else None."""
        with np.errstate(all="ignore"):
            y = sign * self._graph.run(line)[:, output]
        ends = self._largest_fall(y)
        if ends is None:
            return None
        pair = line[list(ends)]
        wanted = 1e-3 * float(y[ends[0]] - y[ends[1]])
        lo, hi = (sign * end[:, output] for end in enclose(self._graph, pair, wanted))
        lo, hi = np.minimum(lo, hi), np.maximum(lo, hi)
        if not hi[1] < lo[0]:
            return None
        return self._make_pair(pair, output, sign, sign * 0.5 * (lo + hi))

    @staticmethod
    def _largest_fall(y: np.ndarray) -> tuple[int, int] | None:
        top = np.maximum.accumulate(y)
        after = int(np.argmin(y - top))
        before = int(np.argmax(y[: after + 1]))
        return (before, after) if y[after] < y[before] else None

    def _make_pair(self, pair: np.ndarray, output: int, sign: float, y: np.ndarray) -> FallingPair:
        model = reproduced = None
        if self._predict is not None:
            with np.errstate(all="ignore"):
                model = model_values(self._network, self._predict, pair)[:, output]
            single = pair.astype(np.float32)
            reproduced = bool(sign * model[1] < sign * model[0] and (single[0] != single[1]).any())
        slots = self._graph.inputs
        return FallingPair(
            x=split_by_name(slots, pair[0]),
            then=split_by_name(slots, pair[1]),
            y=float(y[0]),
            then_y=float(y[1]),
            model_y=None if model is None else float(model[0]),
            model_then_y=None if model is None else float(model[1]),
            reproduced=reproduced,
        )
