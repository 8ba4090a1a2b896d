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

    Every unit is `z = row + at most error`, `a = curve(z)`. Where the sign of z is known, a kink is
    a line, and is put into the rows that read it: only undecided units stand in rows.
    """

    def __init__(self, network: Network, box: list[Range], goals: list[Form]) -> None:
        self.open: list[int] = []
        """The undecided units, in order: each reads those before it only."""
        self.curves: dict[int, Curve] = {}
        self.values: dict[int, Range] = {ONE: (ONE_BITS, ONE_BITS), **dict(enumerate(box))}
        """The least and the largest value of a variable that stands in rows."""
        self.ranges: dict[int, Range] = {}
        """The same of a unit's sum z, from when it is bounded."""
        self.lines: dict[int, Lines] = {}
        self.fresh, self.size, self.work = True, 0, [MOST_WORK]
        forms = []
        for block in network.blocks:
            for form in block.forms:
                self.curves[len(box) + len(forms)] = curve(block)
                forms.append(form)
        self.open = list(self.curves)
        self.goals = range(len(box) + len(forms), len(box) + len(forms) + len(goals))
        """The rows of the goals come after those of the units."""
        self.rows = {
            len(box) + i: {k: int((v * ONE_BITS).floor()) for k, v in form.items()}
            for i, form in enumerate(forms + goals)
        }
        self.errors = dict.fromkeys(self.rows, 0)

    def child(self, q: int, part: Range) -> "Region":
        """The part of the box where an input lies in a range."""
        other = copy(self)
        other.values = self.values | {q: part}
        return other

    def decided(self, k: int, sign: int) -> "Region":
        """The part where a unit's sum has a sign."""
        if k not in self.open:  # nothing new
            return self
        other, (low, high) = self._own(), self.ranges[k]
        other.ranges[k] = (0, high) if sign > 0 else (low, 0)
        other._settle(k)
        return other

    def _own(self) -> "Region":
        other = copy(self)
        for name in ("open", "values", "ranges", "lines", "rows", "errors"):
            setattr(other, name, copy(getattr(self, name)))
        return other

    @property
    def unit(self) -> int:
        """What a unit of every coefficient may amount to, and two more for the constants."""
        return (self.size >> BITS) + 3

    def bounded(self, deep: bool) -> "Region | None":
        """The region with its units bounded once more, in order; None if no input is left.

        Args:
            deep: Also through the lines of the units before it, not by their values alone.
        """
        out = self._own()
        out.size = sum(max(map(abs, out.values[k])) for k in out.values if k not in out.curves)
        for k in self.open:
            if out.fresh:  # what its coefficients lack
                out.errors[k] += out.unit
            low, high = out._between(out.rows[k])
            low, high = (low >> BITS) - out.errors[k], -(-high >> BITS) + out.errors[k]
            if k in out.ranges:
                low, high = max(low, out.ranges[k][0]), min(high, out.ranges[k][1])
            kink = out.curves[k].name == "kink"
            if deep and not (kink and (low >= 0 or high <= 0)):
                low, high = max(low, out.least(1, k)), min(high, -out.least(-1, k))
            if low > high:
                return None
            out.ranges[k] = low, high
            out.size += max(abs(low), abs(high))
            if kink and (low >= 0 or high <= 0):
                value = out._settle(k)
            else:
                out.lines[k] = lines(out.curves[k], low, high)
                value = out.values[k] = values(out.curves[k], low, high, out.lines[k])
            out.size += max(map(abs, value))
        for k in out.goals:
            out.errors[k] += out.unit if out.fresh else 0
        out.fresh = False
        return out

    def _settle(self, k: int) -> Range:
        """Put a kink whose sign is known into the rows that read it; returns its values."""
        (low, high), curve = self.ranges[k], self.curves[k]
        slope = curve.above if low >= 0 else curve.below
        self.open.remove(k)
        for n, row in self.rows.items():
            if k in row:
                exact = {c: v << BITS for c, v in row.items() if c != k}
                off = self._add(exact, row[k] * slope >> BITS, k)
                self.rows[n] = {c: v >> BITS for c, v in exact.items() if v}
                self.errors[n] += (off >> BITS) + self.unit
        return low * slope >> BITS, high * slope >> BITS

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
        """A lower bound of a multiple of a row, through the lines of the undecided units.

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
        for k in reversed(self.open):
            c = total.pop(k, 0) >> BITS
            if c:
                line = self.lines[k]
                if shares:
                    line = lines(self.curves[k], *self.ranges[k], shares[k])
                slope, offset = line[:2] if c > 0 else line[2:]
                offsets += c * offset
                error += self._add(total, c * slope >> BITS, k)
        low, _ = self._between(total)
        return ((low >> BITS) + offsets - error >> BITS) - self.unit

    def _add(self, total: Row, factor: int, k: int) -> int:
        """Add a multiple of a unit's sum, exactly; returns by how much it may be off."""
        put = self.rows[k] if factor else {}
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
