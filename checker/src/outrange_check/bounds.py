"""Bounds of a network over a box: its undecided units as forms, and forms bounded through lines.

Numbers are integers that stand for multiples of 2^-BITS. A row is a list: its constant, then the
coefficients of the inputs, then those of the undecided units so far. Every division by 2^BITS
rounds down, and is paid for by the sizes of what the coefficient multiplies.
"""

from dataclasses import dataclass

from flint import fmpq, fmpz_mat

from .curves import BITS, ONE_BITS, Lines, flat, kink, lines
from .network import ONE, Block, Form, Network


DENSE = 4
"""A block with at least one in so many of its possible coefficients is multiplied as a matrix."""

Row = list[int]


class Scaled:
    """A network's forms as integers; what a form lacks by rounding is one unit per term."""

    def __init__(self, network: Network) -> None:
        self.inputs, self.blocks = network.inputs, network.blocks
        self.first, self.terms, self.matrix, self.sums = [], [], [], []
        before = network.inputs
        for block in network.blocks:
            terms = [[(k, _floor(v)) for k, v in form.items()] for form in block.forms]
            self.terms.append(terms)
            self.sums.append([sum(abs(v) for _, v in row) for row in terms])
            self.first.append(before)
            used = sorted({k for row in terms for k, _ in row})
            count, matrix = sum(map(len, terms)), None
            if count * DENSE >= len(terms) * len(used):
                at = {k: i for i, k in enumerate(used)}
                rows = [[0] * len(used) for _ in terms]
                for row, pairs in zip(rows, terms, strict=True):
                    for k, v in pairs:
                        row[at[k]] = v
                matrix = (used, fmpz_mat(rows)) if used else None
            self.matrix.append(matrix)
            before += len(block.forms)


@dataclass
class Level:
    """The undecided units of one block, whose columns begin at `start`."""

    block: Block
    start: int
    units: list[int]
    rows: list[Row]
    forms: fmpz_mat
    errors: list[int]
    """How far each unit's form may be off."""
    ranges: list[tuple[int, int]]
    lines: list[Lines]
    size: int
    """What one unit of every coefficient before this level may amount to, and of its own."""


class Bounded:
    """The network over a box: which units are undecided there, between which bounds.

    Args:
        net: The network.
        lo: Of the box.
        hi: Of the box.
        known: Per block, per unit, bounds that hold on the box, or None.
    """

    def __init__(self, net: Scaled, lo: Row, hi: Row, known: list) -> None:
        self.net, self.lo, self.hi = net, lo, hi
        self.known: list[list[tuple[int, int] | None]] = []
        self.levels: list[Level] = []
        self.width = 1 + net.inputs
        self.values = list(zip(lo, hi, strict=True))
        """Of every column but the constant, its least and largest value."""
        self.magnitude = ONE_BITS + sum(max(abs(a), abs(b)) for a, b in zip(lo, hi, strict=True))
        self.rows: dict[int, tuple[list[tuple[int, int]], int]] = {
            k: ([(1 + k, ONE_BITS)], 0) for k in range(ONE, net.inputs)
        }
        for number in range(len(net.blocks)):
            self._block(number, known[number])
        sums = sum(max(map(abs, ends)) for level in self.levels for ends in level.ranges)
        self.whole = self.unit + (sums >> BITS) + 3
        """What one unit of every coefficient may amount to, of sums and of values."""

    def _block(self, number: int, known: list) -> None:
        block, first = self.net.blocks[number], self.net.first[number]
        steep = kink(block) if block.curve == "kink" else None
        live = [u for u, k in enumerate(known) if not self._settled(steep, k, 0)]
        ranges: list = list(known)
        forms = dict(zip(live, self._forms(number, live), strict=True))
        asked = [u for u in live if not self._settled(steep, known[u], None)]
        for u, bounds in zip(asked, self.between([forms[u] for u in asked]), strict=True):
            known_low, known_high = known[u] or bounds
            low, high = self.flat(forms[u], self.values)
            low = max(low, bounds[0], known_low)
            ranges[u] = (low, max(low, min(high, bounds[1], known_high)))
        self.known.append(ranges)
        open_, larger = [], 0
        for u in range(len(known)):
            if steep and (ranges[u][0] >= 0 or ranges[u][1] <= 0):
                slope = steep[1] if ranges[u][0] >= 0 else steep[0]
                if slope:
                    row, error = forms[u]
                    pairs = [(c, v * slope >> BITS) for c, v in enumerate(row) if v]
                    error = (error * abs(slope) >> BITS) + 1 + self.unit
                    self.rows[first + u] = pairs, error
                    larger += max(map(abs, ranges[u])) * abs(slope) >> BITS
            else:
                open_.append(u)
        if open_:
            self._level(block, first, open_, [forms[u] for u in open_], [ranges[u] for u in open_])
        self.magnitude += larger + len(known)

    @property
    def unit(self) -> int:
        """What one unit of every coefficient may amount to: the sizes of all variables so far."""
        return (self.magnitude >> BITS) + 1

    @staticmethod
    def _settled(steep, bounds, only) -> bool:
        """Whether a unit is known to be on one side of its kink (and `only` with that slope)."""
        if steep is None or bounds is None or not (bounds[0] >= 0 or bounds[1] <= 0):
            return False
        return only is None or steep[1 if bounds[0] >= 0 else 0] == only

    def _level(self, block: Block, first: int, units: list, forms: list, ranges: list) -> None:
        drawn = [lines(block, *ends) for ends in ranges]
        rows, errors = [row for row, _ in forms], [error for _, error in forms]
        start, self.width = self.width, self.width + len(units)
        size = self.magnitude + sum(max(map(abs, ends)) for ends in ranges)
        matrix, unit = fmpz_mat(rows), (size >> BITS) + 2
        self.levels.append(Level(block, start, units, rows, matrix, errors, ranges, drawn, unit))
        for i, (u, ends, (ls, lt, hs, ht)) in enumerate(zip(units, ranges, drawn, strict=True)):
            self.rows[first + u] = [(start + i, ONE_BITS)], 0
            least = min((ls * z >> BITS) + lt for z in ends)
            most = max(-(-hs * z >> BITS) + ht for z in ends)
            if block.curve == "kink":
                _, least, _, most = flat(block, *ends)
            self.values.append((least, most))
            self.magnitude += max(abs(least), abs(most)) + 1

    def _forms(self, number: int, units: list[int]) -> list[tuple[Row, int]]:
        """The forms of some units of a block in the inputs and the undecided units before it."""
        terms, matrix = self.net.terms[number], self.net.matrix[number]
        out = []
        if matrix and units:
            used, weights = matrix
            entries = (weights * fmpz_mat([self._row([(k, ONE_BITS)]) for k in used])).entries()
            for u in units:
                at = u * self.width
                out.append([int(v) >> 2 * BITS for v in entries[at : at + self.width]])
        else:
            out = [[v >> BITS for v in self._row(terms[u])] for u in units]
        # Each weight lacks up to a unit, each entry of the sum too, and the rows that were put in.
        worst = max((error for _, error in self.rows.values()), default=0)
        sums = self.net.sums[number]
        return [
            (row, (worst * sums[u] >> BITS) + 1 + 2 * self.unit)
            for row, u in zip(out, units, strict=True)
        ]

    def _row(self, terms: list[tuple[int, int]]) -> Row:
        """A sum of variables as a row, times 2^BITS."""
        row = [0] * self.width
        for k, weight in terms:
            for c, v in self.rows[k][0] if k in self.rows else ():
                row[c] += weight * v
        return row

    def between(self, forms: list[tuple[Row, int]]) -> list[tuple[int, int]]:
        """Bounds of forms over the box, by the lines."""
        rows = [row for row, _ in forms] + [[-v for v in row] for row, _ in forms]
        errors = [error for _, error in forms] * 2
        least = self.least(rows, errors, [level.lines for level in self.levels])
        half = len(forms)
        return [(least[i], -least[half + i]) for i in range(half)]

    def flat(self, form: tuple[Row, int], values: list) -> tuple[int, int]:
        """Bounds of a form in which every variable takes any of its values."""
        (constant, *row), error = form
        low = high = 0
        for c, (least, most) in zip(row, values, strict=False):
            if c > 0:
                low, high = low + c * least, high + c * most
            elif c:
                low, high = low + c * most, high + c * least
        return constant + (low >> BITS) - error, constant - (-high >> BITS) + error

    def form(self, form: Form) -> tuple[Row, int]:
        """A form of the network's variables as a row, and how far it may be off."""
        terms = [(k, _floor(value)) for k, value in form.items()]
        error = sum(abs(w) * self.rows[k][1] for k, w in terms if k in self.rows)
        return [v >> BITS for v in self._row(terms)], (error >> BITS) + 1 + 2 * self.unit

    def least(self, rows: list[Row], errors: list[int], drawn: list) -> list[int]:
        """Lower bounds of rows over the box, through the lines of every level.

        Args:
            rows: The rows.
            errors: How far each may be off.
            drawn: Per level, the lines of its units.
        """
        errors, rows = list(errors), [list(row) for row in rows]
        for level, lines_ in zip(reversed(self.levels), reversed(drawn), strict=True):
            start, stop = level.start, level.start + len(level.units)
            if not rows or len(rows[0]) <= start:
                rows = [row + [0] * (start - len(row)) for row in rows]
                continue
            met = []
            for i, row in enumerate(rows):
                coefficients, constant = [], 0
                for c, (ls, lt, hs, ht) in zip(row[start:stop], lines_, strict=False):
                    if c >= 0:
                        coefficients.append(c * ls >> BITS)
                        constant += c * lt
                    else:
                        coefficients.append(c * hs >> BITS)
                        constant += c * ht
                coefficients += [0] * (stop - start - len(coefficients))
                off = sum(abs(c) * e for c, e in zip(coefficients, level.errors, strict=True))
                errors[i] += (off >> BITS) + 1 + level.size
                row[0] += constant >> BITS
                met.append(coefficients)
            added = (fmpz_mat(met) * level.forms).entries()
            rows = [
                [
                    a + (int(b) >> BITS)
                    for a, b in zip(row, added[i * start : (i + 1) * start], strict=False)
                ]
                for i, row in enumerate(row[:start] for row in rows)
            ]
        box = list(zip(self.lo, self.hi, strict=True))
        out = []
        for row, error in zip(rows, errors, strict=True):
            total = sum(c * ends[c < 0] for c, ends in zip(row[1:], box, strict=False))
            out.append(row[0] + (total >> BITS) - error)
        return out


def _floor(value: fmpq) -> int:
    return int((value * ONE_BITS).floor())
