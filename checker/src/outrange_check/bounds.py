"""Bounds of a network over a box: its undecided units as forms, and forms bounded through lines.

Numbers are integers that stand for multiples of 2^-BITS. A row is a form: variable to coefficient,
with the constant at ONE; its variables are inputs and undecided units. Divisions by 2^BITS round
down. One that touches a coefficient changes what the row amounts to by less than a unit for each
unit of the variable's size: by less than `unit`, one of everything that has a size, for them all.
"""

from collections import defaultdict
from copy import copy

from .curves import BITS, ONE_BITS, Curve, Lines, curve, lines, slopes
from .network import MOST_BITS, ONE, Form, Network, need


Row = dict[int, int]

MOST_WORK = 50_000_000_000
"""Largest number of products in one proof, long ones counted as many: a few hours."""


class Region:
    """A network over a box, or over those of its inputs that give some units a sign.

    Every unit is `z = row, give or take its error` and `a = curve(z)`. A kink whose z has a known
    sign is settled: it is a line, and is put into the rows that read it.
    """

    def __init__(self, network: Network, box: list[tuple[int, int]], goals: list[Form]) -> None:
        blocks = [block for block in network.blocks for _ in block.forms]
        forms = [form for block in network.blocks for form in block.forms] + goals
        self.curves = {k: curve(block) for k, block in enumerate(blocks, len(box))}
        self.units = list(self.curves)
        """In order: each reads those before it only."""
        self.rows: dict[int, Row] = {
            k: {c: int((v * ONE_BITS).floor()) or 1 for c, v in form.items() if v}
            for k, form in enumerate(forms, len(box))
        }
        """Of units and, after them, of goals."""
        self.goals = list(self.rows)[len(blocks) :]
        self.kept = {
            k
            for k, row in self.rows.items()
            if all(c == ONE or isinstance(self.curves.get(c), int) for c in row)
        }
        """Rows of gates only, which never settle: their coefficients keep the signs they have."""
        self.errors = dict.fromkeys(self.rows, 0)
        self.inputs: dict[int, tuple[int, int]] = {
            ONE: (ONE_BITS, ONE_BITS),
            **dict(enumerate(box)),
        }
        """The least and the largest value of what stands in rows beside units."""
        self.ranges: dict[int, tuple[int, int]] = {}
        """The same of a unit's z, from when it is bounded."""
        self.lines: dict[int, Lines] = {}
        self.settled: dict[int, int] = {}
        """The slopes of settled units that may still stand in rows."""
        self.empty, self.work = False, [MOST_WORK]
        """Whether no input is known to be left; how many products may still be made."""

    def part(self) -> "Region":
        """A copy, to be made smaller."""
        other = copy(self)
        vars(other).update({k: copy(v) for k, v in vars(self).items() if isinstance(v, dict)})
        return other

    def bound(self, deep: bool) -> None:
        """Bound the units once more, in order.

        Args:
            deep: Of a box: also through lines, and settled units stand in nothing any more.
        """
        self.values, size = (
            dict(self.inputs),
            sum(max(-low, high) for low, high in self.inputs.values()),
        )
        for k in (*self.units, *self.goals):
            self.unit = (size >> BITS) + 2
            self._free(k)
            if k in self.curves:
                if k not in self.settled:
                    self._bound(k, deep)
                self.values[k] = values(self.curves[k], *self.ranges[k], self.lines[k])
                size += max(map(abs, self.ranges[k])) + max(map(abs, self.values[k]))
        if deep:
            self.units, self.settled = [k for k in self.units if k not in self.settled], {}

    def _free(self, k: int) -> None:
        """Put settled units into a row.

        The first time, its coefficients lack up to a unit each; rounding a factor costs a unit of
        the settled unit's z, rounding a coefficient one of its variable: less than two sizes, and
        one for rounding the error. Two `unit`, each above a size + 1, pay for all.
        """
        row, error = self.rows[k], self.errors[k] << BITS
        if not self.settled.keys().isdisjoint(row):
            total: Row = defaultdict(int)
            for c in [c for c in row if self.settled.get(c)]:
                error += self._add(total, row[c] * self.settled[c] >> BITS, c)
            self.rows[k] = {
                c: row.get(c, 0) + (total[c] >> BITS)
                for c in (row.keys() | total.keys()) - self.settled.keys()
            }
        self.errors[k] = (error >> BITS) + 2 * self.unit

    def _bound(self, k: int, deep: bool) -> None:
        """Bound a unit, draw its lines, and settle it where its curve is one."""
        kink, low, high = isinstance(self.curves[k], tuple), self._flat(1, k), -self._flat(-1, k)
        if k in self.ranges:
            low, high = max(low, self.ranges[k][0]), min(high, self.ranges[k][1])
        if (
            deep
            and not (kink and (low >= 0 or high <= 0))
            and not self.ranges.keys().isdisjoint(self.rows[k])  # otherwise lines add nothing
        ):
            low, high = max(low, self.least(1, k)), min(high, -self.least(-1, k))
        self.empty, high = self.empty or low > high, max(low, high)
        self.ranges[k] = low, high
        self.lines[k] = self._drawn(k)
        if kink and (low >= 0 or high <= 0):
            self.settled[k] = self.lines[k][0]

    def _drawn(self, k: int, share: int | None = None) -> Lines:
        """Lines about the curve of a unit; a gate lies between two kinks, at its unit's slopes."""
        curve = self.curves[k]
        if isinstance(curve, int):
            low, high = slopes(self.curves[curve], *self.ranges[curve])
            return lines((high, low), *self.ranges[k])[:2] + lines((low, high), *self.ranges[k])[2:]
        return lines(curve, *self.ranges[k], share)

    def _flat(self, times: int, of: int) -> int:
        """A lower bound of a multiple of a row, each variable taking any of its values.

        If no term of it is negative, the sum is none; rounding has changed nothing about that.
        """
        ends = self._ends(self.rows[of], times)
        bound = (sum(ends) >> BITS) - self.errors[of]
        return max(bound, 0) if of in self.kept and min(ends, default=0) >= 0 else bound

    def _ends(self, row: Row, times: int = 1) -> list[int]:
        """The least of each term of a row, by 2^BITS."""
        self.work[0] -= len(row)
        need(
            self.work[0] >= 0 and self.unit.bit_length() <= MOST_BITS,
            f"the proof takes more than {MOST_WORK} products, or numbers beyond {MOST_BITS} bits",
        )
        return [times * v * self.values[c][(v < 0) is (times > 0)] for c, v in row.items()]

    def least(
        self, times: int, of: int, pulls: Row | None = None, shares: Row | None = None
    ) -> int:
        """A lower bound of a multiple of a row, through the lines of units.

        Rounding `c` and `factor` costs a unit of each unit's value and of its z: one `unit`.

        Args:
            times: The multiple.
            of: Whose row.
            pulls: By unit, which multiple of its z is subtracted first.
            shares: By unit, how far the line that may turn is turned.
        """
        row, error, offsets = self.rows[of], abs(times) * self.errors[of] << BITS, 0
        total: Row = defaultdict(int, {c: times * v << BITS for c, v in row.items()})
        for k, pull in (pulls or {}).items():
            error += self._add(total, -pull, k)
        for k in reversed(self.units):
            if k in total and (c := total.pop(k) >> BITS):
                line = self._drawn(k, shares.get(k)) if shares else self.lines[k]
                slope, offset = line[:2] if c > 0 else line[2:]
                offsets += c * offset
                error += slope and self._add(total, c * slope >> BITS, k)
        bound = ((sum(self._ends(total)) >> BITS) + offsets - error >> BITS) - self.unit
        return bound if pulls or of not in self.kept else max(bound, self._flat(times, of))

    def _add(self, total: Row, factor: int, k: int) -> int:
        """Add a multiple of a unit's sum, exactly; returns by how much it may be off."""
        need(factor.bit_length() <= MOST_BITS, f"a coefficient grows beyond {MOST_BITS} bits")
        self.work[0] -= len(self.rows[k]) * (1 + (factor.bit_length() ** 2 >> 16))
        for c, v in self.rows[k].items():
            total[c] += factor * v
        return abs(factor) * self.errors[k]


def values(curve: Curve, low: int, high: int, drawn: Lines) -> tuple[int, int]:
    """The least and the largest value of a curve over `low <= z <= high`."""
    if isinstance(curve, tuple):
        ends = (curve[0] * low, curve[1] * high, 0)
        return min(ends) >> BITS, -(-max(ends) >> BITS)
    ls, lt, hs, ht = drawn
    return min((ls * z >> BITS) + lt for z in (low, high)), max(
        -(-hs * z >> BITS) + ht for z in (low, high)
    )
