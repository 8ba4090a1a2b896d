"""A proof tree: splits of the box, splits of units, and at each leaf a bound that is recomputed.

`docs/certificates.md` of outrange states the format and the mathematics.
"""

from dataclasses import dataclass

from .bounds import Range, Region, Row
from .curves import BITS
from .network import Form, Network, Refused


BOUND, LINEAR, CASES, SPLIT = 1, 2, 4, 8
"""What a node of the box tree does, in this order; their sum is its first byte."""

DECIDE, TIGHTEN, SHARES, VOID = 1, 2, 4, 8
"""What a node of a tree of cases does; a node that decides no unit is a leaf."""


MOST_SPLITS = 4096
"""Largest number of boxes that wait for their turn."""


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


def prove(net: Network, box: list[Range], goals: list[Goal], proof: Proof) -> int:
    """Follow a tree over a box.

    Args:
        net: The network.
        box: Of its inputs.
        goals: What the tree proves.
        proof: Its bytes.

    Returns:
        The number of boxes.

    Raises:
        Refused: A leaf proves less than is claimed, or the tree is no tree over the box.
    """
    root = Region(net, box, [goal.form for goal in goals])
    stack, count = [(root, list(range(len(goals))))], 0
    while stack:
        region, todo = stack.pop()
        count += 1
        does = proof.byte()
        if does & (BOUND | LINEAR | CASES):
            region = region.bounded(deep=True)
            if region is None:
                raise Refused(f"box {count} is empty")
            for flag, close in ((LINEAR, _leaf), (CASES, _cases)):
                mask = proof.number() if does & flag else 0
                if mask >> len(todo):
                    raise Refused(f"box {count} proves a claim that is not open there")
                for place, goal in enumerate(todo):
                    if mask >> place & 1 and not close(
                        region, region.goals[goal], goals[goal], proof
                    ):
                        raise Refused(f"claim {goal} is not proved by its leaf on box {count}")
                todo = [goal for place, goal in enumerate(todo) if not mask >> place & 1]
        if does & SPLIT:
            q = proof.number()
            if q >= net.inputs or not todo or len(stack) > MOST_SPLITS:
                raise Refused(f"box {count} splits what is not there, or one time too often")
            low, high = region.values[q]
            middle = (low + high) >> 1
            stack += [(region.child(q, part), todo) for part in ((middle, high), (low, middle))]
        elif todo:
            raise Refused(f"claim {todo[0]} is left open on box {count}")
    return count


def _leaf(box: Region, k: int, goal: Goal, proof: Proof) -> bool:
    return goal.met(box.least(1, k))


def _cases(box: Region, k: int, goal: Goal, proof: Proof) -> bool:
    """Follow a tree over the signs of units' sums; every leaf must hold, or have no inputs."""
    stack: list[tuple[Region | None, Row]] = [(box, {})]
    while stack:
        case, signs = stack.pop()
        does = proof.byte()
        if does & DECIDE:
            i = _unit(box, proof)
            if i in signs or box.curves[i].name != "kink":
                raise Refused("the sign of a unit is decided that is not open")
            for sign in (-1, 1):
                part = case and case.decided(i, sign)
                part = part.bounded(deep=False) if part and does & TIGHTEN else part
                stack.append((part, signs | {i: sign}))
            continue
        shares = {i: proof.byte() for i in box.units} if does & SHARES else None
        pulls = []
        for _ in range(proof.number()):
            i, size = _unit(box, proof), proof.multiplier()
            if i not in signs:
                raise Refused("a multiplier stands for a unit whose sign is not decided")
            pulls.append((i, size * signs[i]))
        if case is None:  # no input has these signs, nor if the leaf shows it:
            continue
        bound = case.least(0 if does & VOID else 1, k, pulls, shares)
        if not (bound > 0 if does & VOID else goal.met(bound)):
            return False
    return True


def _unit(box: Region, proof: Proof) -> int:
    i = proof.number()
    if i >= len(box.units):
        raise Refused("a unit is named that is not open")
    return box.units[i]
