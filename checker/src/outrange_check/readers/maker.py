"""Construction of a network from layers, for the readers of all formats."""

from collections.abc import Iterable
from typing import Any

from flint import fmpq

from .. import build
from ..network import MOST_TERMS, ONE, Form, Network, Refused
from .tensors import Tensor, common, room


MOST_WORK = MOST_TERMS
"""Largest amount of work to read a file, in products of short numbers. Other work counts as about
as many products as take the same time."""

MOST_INPUTS = 1 << 20

MOST_BITS = 1 << 14
"""Largest number of bits of a numerator or a denominator."""

Terms = list[tuple[Any, Form]]


class Maker:
    """A network under construction, with a count of the work so far.

    Args:
        inputs: Number of inputs.
    """

    def __init__(self, inputs: int) -> None:
        if inputs > MOST_INPUTS:
            raise Refused(f"the model has more than {MOST_INPUTS} inputs")
        self.network = Network(inputs)
        self._spent = 0

    def spend(self, count: int) -> None:
        """Count products as work.

        Raises:
            Refused: The total exceeds the limit.
        """
        self._spent += count
        if self._spent > MOST_WORK:
            raise Refused(f"multiplying out the model takes more than {MOST_WORK} products")

    def sum(self, terms: Terms, constant: Any = 0) -> Form:
        """Return `constant + sum of weight * form`, and count the work."""
        self.spend(1 + sum(len(form) for _, form in terms))
        form = build.combine(terms, constant)
        bits = [int(value.height_bits()) for value in form.values()]
        if max(bits, default=0) > MOST_BITS:
            raise Refused(f"a coefficient of the model has more than {MOST_BITS} bits")
        self.spend(sum(bits) >> 8)
        return form

    def handle(self, tensors: Iterable[Tensor | None]) -> None:
        """Count the work to go through tensors once."""
        self.spend(1 + sum(room(x.shape) for x in tensors if x is not None) // 8)

    def curve(self, name: str, x: Tensor, slopes: tuple[Any, Any] | None = None) -> Tensor:
        """Apply a curve to every entry, by new units."""
        forms = x.forms()
        if not forms:
            return x
        self.spend(len(forms) + sum(len(form) for form in forms))
        return Tensor(x.shape, build.curve(self.network, name, forms, slopes))

    def kink(self, x: Tensor, below: Any, above: Any = 1) -> Tensor:
        """Return `below * z` for z < 0 and `above * z` for z >= 0, entry by entry."""
        return self.curve("kink", x, (below, above))

    def clip(self, x: Tensor, least: Any, most: Any) -> Tensor:
        """Return `least + relu(x - least) - relu(x - most)`; None means no limit on that side."""
        if least is not None and most is not None and least > most:
            raise Refused("a clip whose lower limit is above its upper limit is not supported")
        found = x
        if least is not None:
            found = self.shifted(self.kink(self.shifted(x, -least), 0), least)
        if most is not None:
            found = self.plus(found, self.kink(self.shifted(x, -most), 0), -1)
        return found

    def largest(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the larger of `x` and `y`, computed as `y + relu(x - y)`, entry by entry."""
        shape = common(x.shape, y.shape)
        x, y = x.broadcast(shape), y.broadcast(shape)
        return self.plus(y, self.kink(self.plus(x, y, -1), 0))

    def shifted(self, x: Tensor, constant: Any) -> Tensor:
        """Return `x + constant`."""
        return Tensor(x.shape, [self.sum([(1, f)], constant) for f in x.forms()])

    def plus(self, x: Tensor, y: Tensor, weight: Any = 1) -> Tensor:
        """Return `x + weight * y`, broadcast; the result is a constant if both are."""
        shape = common(x.shape, y.shape)
        pairs = zip(x.broadcast(shape).forms(), y.broadcast(shape).forms(), strict=True)
        one = fmpq(1)
        return self._kept([self.sum([(one, f), (weight, g)]) for f, g in pairs], shape, x, y)

    def times(self, x: Tensor, y: Tensor) -> Tensor:
        """Return `x * y`, broadcast; one of the two must be a constant."""
        shape = common(x.shape, y.shape)
        if not y.constant:
            x, y = y, x
        pairs = zip(x.broadcast(shape).forms(), y.broadcast(shape).numbers(), strict=True)
        return self._kept([self.sum([(v, f)]) for f, v in pairs], shape, x, y)

    def mean(
        self, x: Tensor, groups: Iterable[list[int]], shape: tuple[int, ...], over: int = 0
    ) -> Tensor:
        """Return the mean of the entries at each list of positions.

        The sum is divided by `over` instead of the number of entries if `over` is not 0.
        """
        forms, out = x.forms(), []
        for group in groups:
            if not (over or group):
                raise Refused("a mean of no entries is not supported")
            weight = fmpq(1, over or len(group))
            out.append(self.sum([(weight, forms[i]) for i in group]))
        return Tensor(shape, out)

    def most(self, x: Tensor, groups: list[list[int]], shape: tuple[int, ...]) -> Tensor:
        """Return the largest of the entries at each list of positions, folded from the left.

        Step `i` adds one block of units, which compares the `i`-th entry of every list that is long
        enough.
        """
        forms = x.forms()
        if not all(groups):
            raise Refused("a maximum of no entries is not supported")
        self.spend(sum(len(group) for group in groups))
        found = [forms[group[0]] for group in groups]
        for step in range(1, max((len(group) for group in groups), default=0)):
            who = [i for i, group in enumerate(groups) if len(group) > step]
            before = Tensor((len(who),), [found[i] for i in who])
            now = Tensor((len(who),), [forms[groups[i][step]] for i in who])
            for i, form in zip(who, self.largest(before, now).items, strict=True):
                found[i] = form
        return Tensor(shape, found)

    def matrix(self, rows: list[list[Form]], columns: list[list[fmpq]]) -> list[Form]:
        """Return the product of a matrix of forms and one of numbers, row by row.

        Args:
            rows: Rows of the first matrix.
            columns: Columns of the second matrix.
        """
        self.spend(sum(len(column) for column in columns) * len(rows))
        return [
            self.sum([(w, f) for w, f in zip(column, row, strict=True) if w])
            for row in rows
            for column in columns
        ]

    @staticmethod
    def _kept(forms: list[Form], shape: tuple[int, ...], x: Tensor, y: Tensor) -> Tensor:
        if x.constant and y.constant:
            return Tensor(shape, [form.get(ONE, fmpq(0)) for form in forms], "real")
        return Tensor(shape, forms)
