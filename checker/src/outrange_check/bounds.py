"""Bounds of a network over a box: its undecided units as forms, and forms bounded through lines.

Numbers are integers that stand for multiples of 2^-BITS. A row is a form: variable to coefficient,
with the constant at ONE; its variables are inputs and undecided units. Divisions by 2^BITS round
down. One that touches a coefficient changes what the row amounts to by less than a unit for each
unit of the variable's size, so that `unit`, a unit of everything that has a size, pays for them all.
"""

from collections.abc import Iterable
from copy import copy

from .curves import BITS, ONE_BITS, Curve, Lines, curve, lines
from .network import ONE, Form, Network, Refused


Row = dict[int, int]
Range = tuple[int, int]

MOST_WORK = 50_000_000_000
"""Largest number of products of coefficients in one proof: a few hours."""


class Region:
    """A network over a box, or over those of its inputs that give some units a sign.

    Every unit is `z = row, give or take its error` and `a = curve(z)`. A kink whose z has a known
    sign is settled: it is a line, and is put into the rows that read it.
    """

    def __init__(self, network: Network, box: list[Range], goals: list[Form]) -> None:
        forms, self.curves = [], {}
        for block in network.blocks:
            shared = curve(block)
            self.curves |= {len(box) + len(forms) + i: shared for i in range(len(block.forms))}
            forms += block.forms
        self.units = list(self.curves)
        """In order: each reads those before it only."""
        self.rows: dict[int, Row] = {
            len(box) + i: {k: int((v * ONE_BITS).floor()) for k, v in form.items()}
            for i, form in enumerate(forms + goals)
        }
        """Of units and, after them, of goals."""
        self.goals = list(self.rows)[len(forms) :]
        self.errors = dict.fromkeys(self.rows, 0)
        self.values: dict[int, Range] = {ONE: (ONE_BITS, ONE_BITS), **dict(enumerate(box))}
        """The least and the largest value of every variable."""
        self.ranges: dict[int, Range] = {}
        """The same of a unit's z, from when it is bounded."""
        self.lines: dict[int, Lines] = {}
        self.settled: dict[int, int] = {}
        """The slopes of settled units that may still stand in rows."""
        self.fresh, self.size, self.work = True, 0, [MOST_WORK]

    def child(self, q: int, part: Range) -> "Region":
        """The part of the box where an input lies in a range."""
        other = copy(self)
        other.values = self.values | {q: part}
        return other

    def decided(self, k: int, sign: int) -> "Region":
        """The part where a unit's z has a sign."""
        if k in self.settled:  # nothing new
            return self
        other, (low, high) = self._own(), self.ranges[k]
        other._settle(k, *((0, high) if sign > 0 else (low, 0)))
        return other

    def _own(self) -> "Region":
        other = copy(self)
        for name in ("rows", "errors", "values", "ranges", "lines", "settled"):
            setattr(other, name, copy(getattr(self, name)))
        return other

    def _settle(self, k: int, low: int, high: int) -> None:
        slope = self.curves[k].above if low >= 0 else self.curves[k].below
        self.ranges[k], self.settled[k], self.lines[k] = (low, high), slope, (slope, 0, slope, 0)

    @property
    def unit(self) -> int:
        """What a unit of every coefficient may amount to, with two more for what is divided."""
        return (self.size >> BITS) + 3

    def bounded(self, deep: bool) -> "Region | None":
        """The region with its units bounded once more, in order; None if no input is left.

        Args:
            deep: Of a box: also through lines, and settled units stand in nothing any more.
        """
        out = self._own()
        out.size = sum(max(map(abs, out.values[k])) for k in out.values if k not in out.curves)
        for k in self.units:
            out._free(k)
            if k not in out.settled and not out._bound(k, deep):
                return None
            low, high = out.ranges[k]
            out.values[k] = values(out.curves[k], low, high, out.lines[k])
            out.size += max(abs(low), abs(high)) + max(map(abs, out.values[k]))
        for k in out.goals:
            out._free(k)
        out.fresh = False
        if deep:
            out.units = [k for k in self.units if k not in out.settled]
            out.rows = {k: out.rows[k] for k in (*out.units, *out.goals)}
            out.settled = {}
        return out

    def _free(self, k: int) -> None:
        """Put settled units into a row.

        Rounding a factor costs a unit of the settled unit's z, rounding a coefficient one of its
        variable: a `unit` in all.
        """
        if self.fresh:  # what the coefficients lack
            self.errors[k] += self.unit
        row = self.rows[k]
        if not self.settled.keys().isdisjoint(row):
            total: Row = {}
            error = self.errors[k] << BITS
            for c, v in row.items():
                if c in self.settled:
                    if factor := v * self.settled[c] >> BITS:
                        error += self._add(total, factor, c)
                else:
                    total[c] = total.get(c, 0) + (v << BITS)
            self.rows[k] = {c: v >> BITS for c, v in total.items()}
            self.errors[k] = (error >> BITS) + self.unit

    def _bound(self, k: int, deep: bool) -> bool:
        """Bound a unit, and settle it or draw its lines; False if nothing is left."""
        low, high = self._between(self.rows[k])
        low, high = (low >> BITS) - self.errors[k], -(-high >> BITS) + self.errors[k]
        if k in self.ranges:
            low, high = max(low, self.ranges[k][0]), min(high, self.ranges[k][1])
        kink = self.curves[k].name == "kink"
        if deep and not (kink and (low >= 0 or high <= 0)):
            low, high = max(low, self.least(1, k)), min(high, -self.least(-1, k))
        if low > high:
            return False
        if kink and (low >= 0 or high <= 0):
            self._settle(k, low, high)
        else:
            self.ranges[k], self.lines[k] = (low, high), lines(self.curves[k], low, high)
        return True

    def _between(self, row: Row) -> Range:
        """Bounds of a row, each variable taking any of its values; times 2^BITS."""
        low = high = 0
        for c, v in row.items():
            least, most = self.values[c]
            if v < 0:
                least, most = most, least
            low, high = low + v * least, high + v * most
        return low, high

    def least(
        self, times: int, of: int, pulls: Iterable[Range] = (), shares: Row | None = None
    ) -> int:
        """A lower bound of a multiple of a row, through the lines of units.

        Rounding `c` and `factor` costs a unit of each unit's value and of its sum: one `unit`.

        Args:
            times: The multiple.
            of: Whose row.
            pulls: Units, and what multiples of their sums are subtracted first.
            shares: By unit, how far the line that may turn is turned.
        """
        total = {c: v * times << BITS for c, v in self.rows[of].items()} if times else {}
        error, offsets = abs(times) * self.errors[of] << BITS, 0
        for k, pull in pulls:
            error += self._add(total, -pull, k)
        for k in reversed(self.units):
            c = total.pop(k, 0) >> BITS
            if c:
                line = self.lines[k]
                if shares and k not in self.settled:
                    line = lines(self.curves[k], *self.ranges[k], shares[k])
                slope, offset = line[:2] if c > 0 else line[2:]
                offsets += c * offset
                if factor := c * slope >> BITS:
                    error += self._add(total, factor, k)
        low, _ = self._between(total)
        return ((low >> BITS) + offsets - error >> BITS) - self.unit

    def _add(self, total: Row, factor: int, k: int) -> int:
        """Add a multiple of a unit's sum, exactly; returns by how much it may be off."""
        put = self.rows[k]
        self.work[0] -= len(put)
        if self.work[0] < 0:
            raise Refused(f"the proof takes more than {MOST_WORK} products")
        for c, v in put.items():
            total[c] = total.get(c, 0) + factor * v
        return abs(factor) * self.errors[k]


def values(shape: Curve, low: int, high: int, drawn: Lines) -> Range:
    """The least and the largest value of a curve over `low <= z <= high`."""
    if shape.name == "kink":
        ends = (shape.below * low, shape.above * high, 0)
        return min(ends) >> BITS, -(-max(ends) >> BITS)
    ls, lt, hs, ht = drawn
    least = min((ls * z >> BITS) + lt for z in (low, high))
    return least, max(-(-hs * z >> BITS) + ht for z in (low, high))
