"""Bounds of a network's units over a box, by intervals and by back-substitution.

Back-substitution replaces each unit's value by a line below or above the unit's curve.

All numbers are integers that represent multiples of 2^-BITS. A row is a form: a dict from variable
to coefficient, with the constant at ONE. Its variables are inputs and units that are not settled
(see `Region`). Divisions by 2^BITS round down. A rounded coefficient is off by less than 2^-BITS,
so its term is off by less than 2^-BITS times the largest absolute value of its variable.
`Region.unit` exceeds the sum of these errors over all variables.
"""

from collections import defaultdict

from .curves import BITS, ONE_BITS, Curve, Lines, curve, lines, slopes
from .network import MOST_BITS, ONE, Form, Network, need


Row = dict[int, int]

MOST_WORK = 50_000_000_000
"""Largest number of products and copies in one proof, which takes a few hours. Products of long
numbers count as several."""

MOST_HELD = 1 << 25
"""Largest number of table entries and 64-bit words along one path of a tree, about 2 GB."""

COPIED = ("rows", "errors", "ranges", "lines", "settled")
"""Attributes of a region that `Region.part` copies. The new region shares the other tables, or
computes them anew."""


class Region:
    """A network over a box, or over the inputs of a box at which certain units' z have given signs.

    Unit `k` is `a = curve(z)`, where z is within `errors[k]` of the value of `rows[k]`. A kink is
    the curve `below * z` for z < 0, `above * z` for z >= 0. A kink whose z provably has one sign is
    settled: it is linear, and is substituted into the rows that read it.
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
        """The rows of all units, followed by the rows of the goals."""
        self.units, self.goals = list(self.curves), list(self.rows)[len(blocks) :]
        """The numbers of units and goals, in order: each unit reads only variables before it."""
        self.kept = {
            k
            for k, row in self.rows.items()
            if all(c == ONE or isinstance(self.curves.get(c), int) for c in row)
        }
        """Numbers of the rows that read only gates (see `network.Block`) and ONE. Gates never
        settle, so no substitution changes the coefficients of these rows or their signs."""
        self.inputs: dict[int, tuple[int, int]] = {
            ONE: (ONE_BITS, ONE_BITS),
            **dict(enumerate(box)),
        }
        """Bounds of the inputs and of the constant ONE. All parts share this table: a tree that
        changes an input for a subtree restores it afterwards."""
        self.errors = dict.fromkeys(self.rows, 0)
        self.ranges: dict[int, tuple[int, int]] = {}
        """Lower and upper bound of z, by unit; `bound` fills the table in order."""
        self.lines: dict[int, Lines] = {}
        self.settled: dict[int, int] = {}
        """Slopes of the settled units that may still occur in rows."""
        self.empty, self.unit, self.held, self.work = False, 0, 0, work or [MOST_WORK]
        """Whether the region is known to contain no input; the error of rounding a row (see the
        module); the number of entries and 64-bit words that this region and its ancestors hold; and
        the remaining number of products and copies, in a list that all regions of a proof share."""
        self.count(len(self.rows) + sum(map(len, self.rows.values())))

    def part(self, others: int = 0) -> "Region":
        """Return a copy of the region, which the caller then restricts.

        Args:
            others: Number of further entries that the caller copies.
        """
        other = Region.__new__(Region)
        vars(other).update(vars(self) | {name: dict(vars(self)[name]) for name in COPIED})
        other.held += (size := others + sum(len(vars(self)[name]) for name in COPIED))
        other.count(size)
        return other

    def count(self, products: int, numbers: tuple[int, ...] = ()) -> None:
        """Count work and memory, and refuse the proof if either exceeds its limit.

        Args:
            products: Number of products and copies.
            numbers: Numbers that stay in memory while parts of the region are bounded.
        """
        self.work[0] -= products
        self.held += len(numbers) + (sum(map(int.bit_length, numbers)) >> 6)
        need(
            self.work[0] >= 0 and self.held <= MOST_HELD and self.unit.bit_length() <= MOST_BITS,
            f"the proof takes more than {MOST_WORK} products and copies, holds more than "
            f"{MOST_HELD} numbers on one path, or has numbers of more than {MOST_BITS} bits",
        )

    def bound(self, deep: bool) -> None:
        """Bound all units and goals again, in order.

        Args:
            deep: Whether the region is a whole box, without given signs. Its units are then also
                bounded by back-substitution, and its settled units, which no row reads any more,
                are dropped.
        """
        self.values, size = {}, sum(max(-low, high) for low, high in self.inputs.values())
        self.count(len(self.inputs))
        for k in (*self.units, *self.goals):
            self.unit = (size >> BITS) + 2
            self._substitute_settled(k)
            if k in self.curves:
                if k not in self.settled:
                    self._bound(k, deep)
                self.values[k] = values(self.curves[k], *self.ranges[k], self.lines[k])
                size += max(map(abs, self.ranges[k])) + max(map(abs, self.values[k]))
                self.count(1, (*self.ranges[k], *self.values[k], *self.lines[k]))
        if deep:
            self.units, self.settled = [k for k in self.units if k not in self.settled], {}

    def _substitute_settled(self, k: int) -> None:
        """Substitute settled units into a row, and add the rounding error to its error.

        Initially, each coefficient of a row is too small by up to 2^-BITS. Rounding a factor costs
        2^-BITS times the settled unit's z, and rounding a coefficient costs 2^-BITS times its
        variable. Together this is less than twice the total size of all variables, and rounding the
        error costs one more. So `2 * unit` covers everything, since `unit` exceeds the total size
        plus 1.
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
        """Bound a unit's z, compute lines below and above its curve, and settle a linear kink.

        Args:
            k: Number of the unit.
            deep: Whether z is also bounded by back-substitution.
        """
        kink, low, high = isinstance(self.curves[k], tuple), self._least(1, k), -self._least(-1, k)
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
        self.lines[k] = self._lines_about(k)
        if kink and (low >= 0 or high <= 0):
            self.settled[k] = self.lines[k][0]

    def _lines_about(self, k: int, share: int | None = None) -> Lines:
        """Return lines below and above a unit's curve over the bounds of its z.

        A gate is z times a slope in `[low, high]`. So it lies above the kink with the slopes
        `(high, low)` and below the kink with the slopes `(low, high)`.
        """
        curve = self.curves[k]
        if isinstance(curve, int):
            low, high = slopes(self.curves[curve], *self.ranges[curve])
            return lines((high, low), *self.ranges[k])[:2] + lines((low, high), *self.ranges[k])[2:]
        return lines(curve, *self.ranges[k], share)

    def _least(self, times: int, of: int) -> int:
        """Return a lower bound of `times` times a row by intervals, that is, term by term.

        If no term of a row that reads only gates is negative, the bound is at least 0: rounding has
        not changed any sign.
        """
        ends = self._least_terms(self.rows[of], times)
        bound = (sum(ends) >> BITS) - self.errors[of]
        return max(bound, 0) if of in self.kept and min(ends, default=0) >= 0 else bound

    def _least_terms(self, row: Row, times: int = 1) -> list[int]:
        """Return the least value of each term of `times` times a row, multiplied by 2^BITS."""
        self.count(len(row))
        return [
            times * v * (self.inputs.get(c) or self.values[c])[(v < 0) is (times > 0)]
            for c, v in row.items()
        ]

    def least(
        self, times: int, of: int, pulls: Row | None = None, shares: Row | None = None
    ) -> int:
        """Return a lower bound of `times` times a row by back-substitution through lines.

        Rounding `c` and `c * slope` costs 2^-BITS times each unit's value and z, which `unit`
        covers.

        Args:
            times: The factor.
            of: Number of the unit or goal whose row is bounded.
            pulls: Multipliers by unit; this multiple of the unit's z is subtracted first.
            shares: By unit, the share that chooses the slope of a kink's free line (see
                `curves.lines`).
        """
        row, error, offsets = self.rows[of], abs(times) * self.errors[of] << BITS, 0
        total: Row = defaultdict(int, {c: times * v << BITS for c, v in row.items()})
        error += sum(self._add(total, -pull, k) for k, pull in (pulls or {}).items())
        for k in reversed(self.units):
            if k in total and (c := total.pop(k) >> BITS):
                line = self._lines_about(k, shares.get(k)) if shares else self.lines[k]
                slope, offset = line[:2] if c > 0 else line[2:]
                offsets += c * offset
                error += slope and self._add(total, c * slope >> BITS, k)
        bound = ((sum(self._least_terms(total)) >> BITS) + offsets - error >> BITS) - self.unit
        return bound if pulls or of not in self.kept else max(bound, self._least(times, of))

    def _add(self, total: Row, factor: int, k: int) -> int:
        """Add `factor` times row `k` to `total`, exactly; return `|factor| * errors[k]`."""
        need(factor.bit_length() <= MOST_BITS, f"a coefficient grows to more than {MOST_BITS} bits")
        self.count(len(self.rows[k]) * (1 + (factor.bit_length() ** 2 >> 16)))
        for c, v in self.rows[k].items():
            total[c] += factor * v
        return abs(factor) * self.errors[k]


def values(curve: Curve, low: int, high: int, drawn: Lines) -> tuple[int, int]:
    """Return bounds of a curve's value over `low <= z <= high`, from its lines if it is no kink."""
    if isinstance(curve, tuple):
        ends = (curve[0] * low, curve[1] * high, 0)
        return min(ends) >> BITS, -(-max(ends) >> BITS)
    ls, lt, hs, ht = drawn
    return min((ls * z >> BITS) + lt for z in (low, high)), max(
        -(-hs * z >> BITS) + ht for z in (low, high)
    )
