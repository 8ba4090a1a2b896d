"""A proof tree: splits of the box, splits of units, and at each leaf a bound that is recomputed.

`docs/certificates.md` of outrange states the format and the mathematics.
"""

from copy import copy
from dataclasses import dataclass

from .bounds import Bounded, Row, Scaled
from .curves import BITS, flat, kink, lines
from .network import Form, Refused


BOUND, LINEAR, PHASES, SPLIT = 1, 2, 4, 8
"""What a node of the box tree does, in this order; their sum is its first byte."""

DECIDE, TIGHTEN, SHARES, VOID = 1, 2, 4, 8
"""What a node of a phase tree does; a node that decides no unit is a leaf."""


class Proof:
    """The bytes of a tree, read in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise Refused("the tree ends in the middle")
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        """Seven bits a byte, low ones first; the last byte is below 128."""
        value = shift = 0
        while shift < 4096:
            part = self.byte()
            value |= (part & 127) << shift
            if part < 128:
                return value
            shift += 7
        raise Refused("a number of the tree has more than 4096 bits")

    def multiplier(self) -> int:
        """Two bytes `m`, low one first, and one `e`: `m * 2^(e - 128)`, rounded down."""
        mantissa, exponent = self.byte() | self.byte() << 8, self.byte() - 128 + BITS
        return mantissa << exponent if exponent >= 0 else mantissa >> -exponent


@dataclass
class Goal:
    """That a form is at least (if strict, above) a number everywhere on the box."""

    form: Form
    least: int
    strict: bool

    def met(self, bound: int) -> bool:
        return bound > self.least if self.strict else bound >= self.least


def prove(net: Scaled, lo: Row, hi: Row, goals: list[Goal], proof: Proof) -> int:
    """Follow a tree over a box.

    Args:
        net: The network.
        lo: Of the box.
        hi: Of the box.
        goals: What the tree proves.
        proof: Its bytes.

    Returns:
        The number of boxes.

    Raises:
        Refused: A leaf proves less than is claimed, or the tree is no tree over the box.
    """
    known: list = [[None] * len(block.forms) for block in net.blocks]
    stack, count = [(lo, hi, known, list(range(len(goals))))], 0
    while stack:
        lo, hi, known, todo = stack.pop()
        count += 1
        does = proof.byte()
        if does & (BOUND | LINEAR | PHASES):
            bounded = Bounded(net, lo, hi, known)
            known = bounded.known
            for flag, close in ((LINEAR, _linear), (PHASES, _phases)):
                mask = proof.number() if does & flag else 0
                if mask >> len(todo):
                    raise Refused(f"box {count} proves a claim that is not open there")
                for place, goal in enumerate(todo):
                    if mask >> place & 1 and not close(bounded, goals[goal], proof):
                        raise Refused(f"claim {goal} is not proved by its leaf on box {count}")
                todo = [goal for place, goal in enumerate(todo) if not mask >> place & 1]
        if does & SPLIT:
            q = proof.number()
            if q >= net.inputs or not todo:
                raise Refused(f"box {count} splits what is not there")
            middle = (lo[q] + hi[q]) >> 1
            stack.append((lo[:q] + [middle] + lo[q + 1 :], hi, known, todo))
            stack.append((lo, hi[:q] + [middle] + hi[q + 1 :], known, todo))
        elif todo:
            raise Refused(f"claim {todo[0]} is left open on box {count}")
    return count


def _linear(bounded: Bounded, goal: Goal, proof: Proof) -> bool:
    row, error = bounded.form(goal.form)
    drawn = [level.lines for level in bounded.levels]
    return goal.met(bounded.least([row], [error], drawn)[0])


class _Case:
    """Some units' signs on a box, put into the other units' forms and into the goal's.

    Units are numbered in order, in all levels; unit `i` has column `first + i`. A unit whose sign
    is known, decided or by its range, stands in no form any more.
    """

    def __init__(self, bounded: Bounded, goal: Form) -> None:
        self.bounded, levels = bounded, bounded.levels
        self.first = 1 + bounded.net.inputs
        self.units = [(level, j) for level in levels for j in range(len(level.units))]
        self.rows = [level.rows[j] for level, j in self.units]
        self.errors = [level.errors[j] for level, j in self.units]
        self.ranges = [level.ranges[j] for level, j in self.units]
        self.values = list(bounded.values)
        row, error = bounded.form(goal)
        self.rows.append(row)
        self.errors.append(error)
        self.signs: dict[int, int] = {}
        self.empty = False

    def decided(self, i: int, sign: int) -> "_Case":
        """The case in which unit `i` has a sign, too."""
        other = copy(self)
        for name in ("rows", "errors", "ranges", "values", "signs"):
            setattr(other, name, copy(getattr(self, name)))
        other.signs[i] = sign
        low, high = self.ranges[i]
        other.ranges[i] = (max(low, 0), high) if sign > 0 else (low, min(high, 0))
        other.settle(i, sign > 0)
        return other

    def kinked(self, i: int) -> bool:
        """Whether a unit's sign is open, and matters."""
        level, _ = self.units[i]
        low, high = self.ranges[i]
        return level.block.curve == "kink" and i not in self.signs and low < 0 < high

    def settle(self, i: int, above: bool) -> None:
        """Put a unit whose sign is known into the forms after it."""
        column, put = self.first + i, self.rows[i]
        slope = kink(self.units[i][0].block)[above]
        for k in range(i + 1, len(self.rows)):
            row = self.rows[k]
            if len(row) > column and row[column]:
                factor = row[column] * slope >> BITS
                row = row[:column] + [0] + row[column + 1 :]
                for n, v in enumerate(put if factor else ()):
                    if v:
                        row[n] += factor * v >> BITS
                self.rows[k] = row
                self.errors[k] += (abs(factor) * self.errors[i] >> BITS) + self.bounded.whole

    def tighten(self) -> None:
        """Bound every open unit once more, the others of them taking any of their values."""
        for i, (level, _) in enumerate(self.units):
            if not self.kinked(i):
                continue
            low, high = self.bounded.flat((self.rows[i], self.errors[i]), self.values)
            low, high = max(low, self.ranges[i][0]), min(high, self.ranges[i][1])
            self.ranges[i] = low, high
            if low > high:
                self.empty = True
                return
            if low >= 0 or high <= 0:
                self.settle(i, low >= 0)
            else:
                _, least, _, most = flat(level.block, low, high)
                self.values[self.first - 1 + i] = least, most

    def least(self, goal: bool, pulls: list[tuple[int, int]], shares: list[int] | None) -> int:
        """A lower bound of the goal's form (or of 0) over the case, by multipliers of signs."""
        width = self.bounded.width
        total, off = list(self.rows[-1]) if goal else [0] * width, self.errors[-1] if goal else 0
        for i, pull in pulls:
            for n, v in enumerate(self.rows[i]):
                total[n] -= pull * v >> BITS
            off += (abs(pull) * self.errors[i] >> BITS) + self.bounded.whole
        for i in range(len(self.units) - 1, -1, -1):
            c = total[self.first + i]
            if not c:
                continue
            level, j = self.units[i]
            line = level.lines[j]
            if level.block.curve == "kink":
                line = lines(level.block, *self.ranges[i], shares[i] if shares else None)
            slope, offset = line[:2] if c > 0 else line[2:]
            factor = c * slope >> BITS
            total[0] += c * offset >> BITS
            for n, v in enumerate(self.rows[i] if factor else ()):
                total[n] += factor * v >> BITS
            off += (abs(factor) * self.errors[i] >> BITS) + self.bounded.whole
        return self.bounded.flat((total[: self.first], off), self.values)[0]


def _phases(bounded: Bounded, goal: Goal, proof: Proof) -> bool:
    """Follow a tree over the signs of units' sums; every leaf must hold."""
    root = _Case(bounded, goal.form)
    stack: list[tuple[_Case, int, int, bool]] = [(root, 0, 0, False)]
    while stack:
        case, i, sign, tighten = stack.pop()
        if sign:
            case = case.decided(i, sign)
            if tighten:
                case.tighten()
        does = proof.byte()
        if does & DECIDE:
            i = proof.number()
            if i >= len(case.units) or i in case.signs or case.units[i][0].block.curve != "kink":
                raise Refused("the sign of a unit is decided that is not open")
            stack += [(case, i, sign, bool(does & TIGHTEN)) for sign in (-1, 1)]
            continue
        shares = [proof.byte() for _ in case.units] if does & SHARES else None
        pulls = []
        for _ in range(proof.number()):
            i, size = proof.number(), proof.multiplier()
            if i not in case.signs:
                raise Refused("a multiplier stands for a unit whose sign is not decided")
            pulls.append((i, size * case.signs[i]))
        if case.empty:
            continue
        bound = case.least(not does & VOID, pulls, shares)
        if not (bound > 0 if does & VOID else goal.met(bound)):  # void: no input has these signs
            return False
    return True
