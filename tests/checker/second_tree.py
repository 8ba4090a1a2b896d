"""The second checker's trees: bounds of a box, and what a tree says of it, in fractions."""

from copy import copy
from dataclasses import dataclass
from fractions import Fraction

from checker.second_lines import (
    ONE,
    about_products,
    least_of,
    lines,
    open_,
    products,
    values_between,
)


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
    """A box, its undecided units, and their sums as rows in inputs and undecided units.

    A unit is `(variable, below, above, form)`; a gate `(variable, unit, None, form)`.
    """

    def __init__(self, box, units, known):
        self.box, self.known = box, dict(known)
        self.kinks, self.slopes, self.rows, self.ranges = {}, {}, {}, {}
        self.gates = {}
        self.values, self.put = dict(box), {k: {k: Fraction(1)} for k in (ONE, *box)}
        for unit, below, above, form in units:
            row, old = self.row(form), self.known.get(unit)
            if above is None:
                self._gate(unit, below, row, old)
                continue
            if old is None or open_(*old):
                low, high = self.between(row, old)
                self.known[unit] = low, max(low, high)
            low, high = self.known[unit]
            self.slopes[unit], self.rows[unit] = (below, above), row
            if not open_(low, high):
                slope = above if low > 0 else below
                self.put[unit] = {k: slope * v for k, v in row.items() if slope}
                continue
            self.put[unit] = {unit: Fraction(1)}
            self.kinks[unit] = below, above
            self.ranges[unit] = low, high
            self.values[unit] = values_between((below, above), low, high)

    def _gate(self, gate, of, row, old):
        low, high = self.between(row, old)
        self.known[gate] = self.ranges[gate] = low, max(low, high)
        self.gates[gate], self.rows[gate], self.put[gate] = of, row, {gate: Fraction(1)}
        self.values[gate] = products(self.between_slopes(gate, self.known), *self.known[gate])

    def between(self, row, old):
        minus = {k: -v for k, v in row.items()}
        low = max(self.least(row, self.lines()), least_of(row, self.values))
        high = -max(self.least(minus, self.lines()), least_of(minus, self.values))
        return (low, high) if old is None else (max(low, old[0]), min(high, old[1]))

    def between_slopes(self, gate, ranges):
        """The slopes that a gate's unit may have."""
        (below, above), (low, high) = self.slopes[self.gates[gate]], ranges[self.gates[gate]]
        some = [below] * (low < 0) + [above] * (high > 0 or low >= 0)
        return min(some), max(some)

    def row(self, form):
        out = {}
        for key, value in form.items():
            add(out, self.put[key], value)
        return out

    def lines(self):
        return self.draw_lines(self.ranges | self.known, {})

    def draw_lines(self, ranges, shares):
        """Lines about all units and gates on some intervals."""
        drawn = {u: lines(self.kinks[u], *ranges[u], shares.get(u)) for u in self.kinks}
        for gate in self.gates:
            drawn[gate] = about_products(self.between_slopes(gate, ranges), *ranges[gate])
        return drawn

    def least(self, row, drawn, rows=None):
        """A lower bound of a row: the units replaced by lines, the last ones first."""
        row, rows = dict(row), rows or self.rows
        for unit in sorted({*self.kinks, *self.gates}, reverse=True):
            if c := row.pop(unit, 0):
                slope, offset = drawn[unit][0 if c > 0 else 1]
                add(row, rows[unit], c * slope)
                add(row, {ONE: offset}, c)
        return least_of(row, self.values)


@dataclass(eq=False)
class Goal:
    """That a form is at least (if strict, above) a number; and the least that was proved of it."""

    form: dict
    least: Fraction
    strict: bool
    grows: bool = False
    proved: Fraction | None = None

    def is_met(self, bound):
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
                named = sorted({*bounded.kinks, *bounded.gates})
                if flag & 4 & does and does & 16:
                    named = [proof.number() for _ in range(proof.number())]
                    if not bounded.slopes.keys() | bounded.gates.keys() >= set(named):
                        raise Refused("numbers")
                asked = [goal for i, goal in enumerate(todo) if mask >> i & 1]
                if not all(proves(bounded, named, goal, proof) for goal in asked):
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


def _linear(bounded, _, goal, proof):
    row = bounded.row(goal.form)
    bound = bounded.least(row, bounded.lines())
    return goal.is_met(max(bound, least_of(row, bounded.values)) if goal.grows else bound)


class Case:
    """Signs of some units. From when a case is tightened, their sums are put into later rows."""

    def __init__(self, bounded):
        self.bounded, self.empty, self.rows = bounded, False, {}
        self.ranges, self.values = dict(bounded.known), dict(bounded.values)
        self.drawn, self.signs, self.settled = bounded.lines(), {}, set()

    def decide_unit(self, unit, sign, tighten):
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
        slope = self.bounded.slopes[unit][above]
        for key, row in self.rows.items():
            if row.get(unit):
                row = dict(row)
                add(row, self.rows[unit], row.pop(unit) * slope)
                self.rows[key] = row

    def tighten(self):
        for unit in (*self.bounded.kinks, *self.bounded.gates):
            if unit in self.settled:
                continue
            row, (low, high) = self.rows[unit], self.ranges[unit]
            low = max(low, least_of(row, self.values))
            high = min(high, -least_of({k: -v for k, v in row.items()}, self.values))
            self.ranges[unit] = low, high
            if low > high:
                self.empty = True
                return
            if unit in self.bounded.gates:
                slopes = self.bounded.between_slopes(unit, self.ranges)
                self.values[unit] = products(slopes, low, high)
                self.drawn[unit] = about_products(slopes, low, high)
            elif unit in self.signs or not open_(low, high):
                self.settle(unit, self.signs.get(unit, low) > 0)
            else:
                self.values[unit] = values_between(self.bounded.kinks[unit], low, high)
                self.drawn[unit] = lines(self.bounded.kinks[unit], low, high)


def _phases(bounded, units, goal, proof):
    whole = Case(bounded)
    whole.rows = bounded.rows | {"goal": bounded.row(goal.form)}
    stack = [(whole, 0, 0, False)]
    while stack:
        case, unit, sign, tighten = stack.pop()
        if sign:
            case = case.decide_unit(unit, sign, tighten)
        proof.cases.append(proof.at)
        does = proof.byte()
        if does & 1:
            i = proof.number()
            if i >= len(units) or units[i] in case.signs or units[i] in bounded.gates:
                raise Refused("decides")
            stack += [(case, units[i], sign, bool(does & 2)) for sign in (-1, 1)]
            continue
        shares = {unit: proof.byte() for unit in units} if does & 4 else {}
        row = {} if does & 8 else dict(case.rows["goal"])
        pulls = proof.number()
        for _ in range(pulls):
            i, size = proof.number(), proof.multiplier()
            if i >= len(units) or units[i] not in case.signs:
                raise Refused("multiplier")
            add(row, case.rows[units[i]], -size * case.signs[units[i]])
        if case.empty:
            continue
        drawn = bounded.draw_lines(case.ranges, shares) if shares else case.drawn
        bound = bounded.least(row, drawn, case.rows)
        if goal.grows and not pulls and not does & 8:
            bound = max(bound, least_of(row, case.values))
        if not (bound > 0 if does & 8 else goal.is_met(bound)):
            return False
    return True
