"""Bounds of a network over a box: its undecided units as forms, and forms bounded through lines.

Numbers are integers that stand for multiples of 2^-BITS. A row is a form: variable to coefficient,
with the constant at ONE; its variables are inputs and undecided units. Divisions by 2^BITS round
down. One that touches a coefficient changes what the row amounts to by less than a unit for each
unit of the variable's size: by less than `unit`, one of everything that has a size, for them all.
"""

from collections import defaultdict

from .curves import BITS, ONE_BITS, Curve, Lines, curve, lines, slopes
from .network import MOST_BITS, ONE, Form, Network, need


Row = dict[int, int]

MOST_WORK = 50_000_000_000
"""Largest number of products and copies in one proof, long ones counted as many: a few hours."""

MOST_HELD = 1 << 25
"""Largest number of entries and 64-bit words that one path of a tree holds: about 2 GB."""

COPIED = ("rows", "errors", "ranges", "lines", "settled")
"""Tables that a part of a region changes; it shares the others, or computes them anew."""


class Region:
    """A network over a box, or over those of its inputs that give some units a sign.

    Every unit is `z = row, give or take its error` and `a = curve(z)`. A kink whose z has a known
    sign is settled: it is a line, and is put into the rows that read it.
    """

    def __init__(
        self,
        network: Network,
        box: list[tuple[int, int]],
        goals: list[Form],
        work: list[int] | None = None,
    ) -> None:
        blocks, forms = (
            [block for block in network.blocks for _ in block.forms],
            [form for block in network.blocks for form in block.forms] + goals,
        )
        self.curves = {k: curve(block) for k, block in enumerate(blocks, len(box))}
        self.rows: dict[int, Row] = {
            k: {c: int((v * ONE_BITS).floor()) or 1 for c, v in form.items() if v}
            for k, form in enumerate(forms, len(box))
        }
        """Of units and, after them, of goals."""
        self.units, self.goals = list(self.curves), list(self.rows)[len(blocks) :]
        """Both in order: each unit reads those before it only."""
        self.kept = {
            k
            for k, row in self.rows.items()
            if all(c == ONE or isinstance(self.curves.get(c), int) for c in row)
        }
        """Rows of gates only, which never settle: their coefficients keep the signs they have."""
        self.inputs: dict[int, tuple[int, int]] = {
            ONE: (ONE_BITS, ONE_BITS),
            **dict(enumerate(box)),
        }
        """The least and the largest value of each variable that is no unit. All parts share this
        table: a tree that changes an input for a subtree restores it afterwards."""
        self.errors = dict.fromkeys(self.rows, 0)
        self.ranges: dict[int, tuple[int, int]] = {}
        """The least and the largest value of a unit's z, from when it is bounded."""
        self.lines: dict[int, Lines] = {}
        self.settled: dict[int, int] = {}
        """The slopes of settled units that may still stand in rows."""
        self.empty, self.unit, self.held, self.work = False, 0, 0, work or [MOST_WORK]
        """Whether no input is known to be left; the module's `unit`; the number of entries and
        64-bit words that this region and those around it hold; and the number of products and
        copies that are left, for all regions with this list."""
        self.count(len(self.rows) + sum(map(len, self.rows.values())))

    def part(self, others: int = 0) -> "Region":
        """Return a copy, to be made smaller.

        Args:
            others: Number of entries that the caller copies with it.
        """
        other = Region.__new__(Region)
        vars(other).update(vars(self) | {name: dict(vars(self)[name]) for name in COPIED})
        other.held += (size := others + sum(len(vars(self)[name]) for name in COPIED))
        other.count(size)
        return other

    def count(self, products: int, numbers: tuple[int, ...] = ()) -> None:
        """Count products, and numbers that stay while parts are bounded; refuse too many."""
        self.work[0] -= products
        self.held += len(numbers) + (sum(map(int.bit_length, numbers)) >> 6)
        need(
            self.work[0] >= 0 and self.held <= MOST_HELD and self.unit.bit_length() <= MOST_BITS,
            f"the proof takes more than {MOST_WORK} products and copies, holds more than "
            f"{MOST_HELD} numbers on one path, or has numbers beyond {MOST_BITS} bits",
        )

    def bound(self, deep: bool) -> None:
        """Bound the units once more, in order.

        Args:
            deep: Of a box: also through lines, and settled units stand in nothing any more.
        """
        self.values, size = {}, sum(max(-low, high) for low, high in self.inputs.values())
        self.count(len(self.inputs))
        for k in (*self.units, *self.goals):
            self.unit = (size >> BITS) + 2
            self._free(k)
            if k in self.curves:
                if k not in self.settled:
                    self._bound(k, deep)
                self.values[k] = values(self.curves[k], *self.ranges[k], self.lines[k])
                size += max(map(abs, self.ranges[k])) + max(map(abs, self.values[k]))
                self.count(1, (*self.ranges[k], *self.values[k], *self.lines[k]))
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
            error += sum(
                self._add(total, row[c] * self.settled[c] >> BITS, c)
                for c in row
                if self.settled.get(c)
            )
            self.rows[k] = {
                c: row.get(c, 0) + (total[c] >> BITS)
                for c in (row.keys() | total.keys()) - self.settled.keys()
            }
            self.count(0, (*self.rows[k].values(),))
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
        self.count(len(row))
        return [
            times * v * (self.inputs.get(c) or self.values[c])[(v < 0) is (times > 0)]
            for c, v in row.items()
        ]

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
        error += sum(self._add(total, -pull, k) for k, pull in (pulls or {}).items())
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
        self.count(len(self.rows[k]) * (1 + (factor.bit_length() ** 2 >> 16)))
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
