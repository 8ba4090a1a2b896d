"""The second checker's trees: bounds of a box, and what a tree says of it, in fractions."""

from copy import copy
from dataclasses import dataclass
from fractions import Fraction


ONE = -1
"""The variable that is always 1."""

NEAR = Fraction(1, 2**40)
"""A unit within so much of its kink, of its interval's length, counts as undecided: another
arithmetic, which rounds, may not see it settled."""

GRID = 2**80
"""Multipliers are rounded down to multiples of one over this."""


class Refused(Exception):
    """The certificate does not prove what it claims."""


def add(row, other, factor):
    """Add a multiple of a form to a form."""
    for key, value in other.items():
        row[key] = row.get(key, Fraction(0)) + factor * value


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0
        self.boxes, self.cases = [], []
        """Where the nodes of the two kinds of tree begin: for whoever damages them."""

    def byte(self):
        if self.at >= len(self.data):
            raise Refused("the tree ends")
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        value = 0
        for place in range(0, 4096, 7):
            part = self.byte()
            value |= (part & 127) << place
            if part < 128:
                return value
        raise Refused("a long number")

    def multiplier(self):
        mantissa, exponent = self.byte() + 256 * self.byte(), self.byte()
        exact = mantissa * Fraction(2) ** (exponent - 128)
        return Fraction(exact * GRID // 1, GRID)


class Bounded:
    """A box, its undecided units, and their sums as rows in inputs and undecided units."""

    def __init__(self, box, units, known):
        self.box, self.known = box, dict(known)
        self.kinks, self.rows, self.ranges = {}, {}, {}
        self.values, self.put = dict(box), {k: {k: Fraction(1)} for k in (ONE, *box)}
        for unit, below, above, form in units:
            row, old = self.row(form), self.known.get(unit)
            if old is None or open_(*old):
                low = max(self.least(row, self.lines()), least_of(row, self.values))
                minus = {k: -v for k, v in row.items()}
                high = -max(self.least(minus, self.lines()), least_of(minus, self.values))
                if old is not None:
                    low, high = max(low, old[0]), min(high, old[1])
                self.known[unit] = low, max(low, high)
            low, high = self.known[unit]
            if not open_(low, high):
                slope = above if low > 0 else below
                self.put[unit] = {k: slope * v for k, v in row.items() if slope}
                continue
            self.put[unit] = {unit: Fraction(1)}
            self.kinks[unit], self.rows[unit] = (below, above), row
            self.ranges[unit] = low, high
            self.values[unit] = values_between((below, above), low, high)

    def row(self, form):
        out = {}
        for key, value in form.items():
            add(out, self.put[key], value)
        return out

    def lines(self):
        return {u: lines(self.kinks[u], *self.ranges[u]) for u in self.kinks}

    def least(self, row, drawn, rows=None):
        """A lower bound of a row: the units replaced by lines, the last ones first."""
        row, rows = dict(row), rows or self.rows
        for unit in sorted(self.kinks, reverse=True):
            if c := row.pop(unit, 0):
                slope, offset = drawn[unit][0 if c > 0 else 1]
                add(row, rows[unit], c * slope)
                add(row, {ONE: offset}, c)
        return least_of(row, self.values)


def open_(low, high):
    return max(low, -high) <= NEAR * (high - low)


def least_of(row, values):
    return sum(
        (c * values[k][0 if c > 0 else 1] if k != ONE else c for k, c in row.items()), Fraction(0)
    )


def values_between(kink, low, high):
    ends = [kink[z >= 0] * z for z in (low, high)] + [Fraction(0)] * (low < 0 < high)
    return min(ends), max(ends)


def lines(kink, low, high, share=None):
    """`((slope, offset) below, (slope, offset) above)` a kink between two points."""
    below, above = kink
    if low > 0 or high < 0 or low == high:
        slope = above if low >= 0 else below
        return (slope, Fraction(0)), (slope, Fraction(0))
    share = 255 * (1025 * high > -1024 * low) if share is None else share
    turn = below + (above - below) * Fraction(share, 255)
    chord = (above * high - below * low) / (high - low)
    turning, fixed = (turn, Fraction(0)), (chord, (above - chord) * high)
    return (turning, fixed) if above >= below else (fixed, turning)


@dataclass(eq=False)
class Goal:
    """That a form is at least (if strict, above) a number; and the least that was proved of it."""

    form: dict
    least: Fraction
    strict: bool
    proved: Fraction | None = None

    def met(self, bound):
        self.proved = bound if self.proved is None else min(bound, self.proved)
        return bound > self.least if self.strict else bound >= self.least


def boxes(box, goals, units, proof):
    stack, count = [(box, {}, goals)], 0
    while stack:
        box, known, todo = stack.pop()
        proof.boxes.append(proof.at)
        count, does = count + 1, proof.byte()
        if does & 7:
            bounded = Bounded(box, units, known)
            known = bounded.known
            for flag, proves in ((2, _linear), (4, _phases)):
                mask = proof.number() if does & flag else 0
                if not all(proves(bounded, g, proof) for i, g in enumerate(todo) if mask >> i & 1):
                    raise Refused("leaf")
                todo = [goal for i, goal in enumerate(todo) if not mask >> i & 1]
        if does & 8:
            q = proof.number()
            if q not in box or not todo:
                raise Refused("split")
            low, high = box[q]
            halves = (low, (low + high) / 2), ((low + high) / 2, high)
            stack += [(box | {q: half}, known, todo) for half in reversed(halves)]
        elif todo:
            raise Refused("open")
    return count


def _linear(bounded, goal, proof):
    return goal.met(bounded.least(bounded.row(goal.form), bounded.lines()))


class Case:
    """Signs of some units. From when a case is tightened, their sums are put into later rows."""

    def __init__(self, bounded):
        self.bounded, self.empty, self.rows = bounded, False, {}
        self.ranges, self.values = dict(bounded.ranges), dict(bounded.values)
        self.drawn, self.signs, self.settled = bounded.lines(), {}, set()

    def decided(self, unit, sign, tighten):
        case = copy(self)
        for name in ("rows", "ranges", "values", "drawn", "signs", "settled"):
            setattr(case, name, copy(getattr(self, name)))
        low, high = self.ranges[unit]
        zero = Fraction(0)
        case.ranges[unit] = (max(low, zero), high) if sign > 0 else (low, min(high, zero))
        case.signs[unit] = sign
        if tighten:
            case.tighten()
        return case

    def settle(self, unit, above):
        self.settled.add(unit)
        slope = self.bounded.kinks[unit][above]
        for key, row in self.rows.items():
            if row.get(unit):
                row = dict(row)
                add(row, self.rows[unit], row.pop(unit) * slope)
                self.rows[key] = row

    def tighten(self):
        for unit in self.bounded.kinks:
            if unit in self.settled:
                continue
            row, (low, high) = self.rows[unit], self.ranges[unit]
            low = max(low, least_of(row, self.values))
            high = min(high, -least_of({k: -v for k, v in row.items()}, self.values))
            self.ranges[unit] = low, high
            if low > high:
                self.empty = True
                return
            if unit in self.signs or not open_(low, high):
                self.settle(unit, self.signs.get(unit, low) > 0)
            else:
                self.values[unit] = values_between(self.bounded.kinks[unit], low, high)
                self.drawn[unit] = lines(self.bounded.kinks[unit], low, high)


def _phases(bounded, goal, proof):
    whole, units = Case(bounded), sorted(bounded.kinks)
    whole.rows = bounded.rows | {"goal": bounded.row(goal.form)}
    stack = [(whole, 0, 0, False)]
    while stack:
        case, unit, sign, tighten = stack.pop()
        if sign:
            case = case.decided(unit, sign, tighten)
        proof.cases.append(proof.at)
        does = proof.byte()
        if does & 1:
            i = proof.number()
            if i >= len(units) or units[i] in case.signs:
                raise Refused("decides")
            stack += [(case, units[i], sign, bool(does & 2)) for sign in (-1, 1)]
            continue
        shares = [proof.byte() for _ in units] if does & 4 else []
        row = {} if does & 8 else dict(case.rows["goal"])
        for _ in range(proof.number()):
            i, size = proof.number(), proof.multiplier()
            if i >= len(units) or units[i] not in case.signs:
                raise Refused("multiplier")
            add(row, case.rows[units[i]], -size * case.signs[units[i]])
        if case.empty:
            continue
        drawn = {
            u: lines(bounded.kinks[u], *case.ranges[u], share)
            for u, share in zip(units, shares, strict=bool(shares))
        }
        bound = bounded.least(row, case.drawn | drawn, case.rows)
        if not (bound > 0 if does & 8 else goal.met(bound)):
            return False
    return True
