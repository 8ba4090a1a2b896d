"""A proof tree: splits of the box, splits of units, and at each leaf a bound that is recomputed.

`docs/certificates.md` of outrange states the format and the mathematics.
"""

from collections.abc import Sequence

from .bounds import Range, Region, Row
from .curves import BITS
from .network import Form, Network, Refused


BOUND, LINEAR, CASES, SPLIT = 1, 2, 4, 8
"""What a node of the box tree does, in this order; their sum is its first byte."""

DECIDE, TIGHTEN, SHARES, VOID = 1, 2, 4, 8
"""What a node of a tree of cases does; a node that decides no unit is a leaf."""


Goal = tuple[Form, int]


class Proof:
    """The bytes of a tree, read in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.boxes = iter(data), 0

    def byte(self) -> int:
        return next(self.data)

    def number(self) -> int:
        """Seven bits a byte, low ones first; the last byte is below 128."""
        value = shift = 0
        while (part := self.byte()) > 127:
            value, shift = value | (part & 127) << shift, shift + 7
            if shift > 4096:
                raise Refused("a number of the tree has more than 4096 bits")
        return value | part << shift

    def pick(self, among: Sequence[int]) -> int:
        """One of some numbers, by its place."""
        place = self.number()
        if place >= len(among):
            raise Refused("the tree names a unit or an input that there is not")
        return among[place]

    def multiplier(self) -> int:
        """Two bytes `m`, low one first, and one `e`: `m * 2^(e - 128)`, rounded down."""
        mantissa, exponent = self.byte() | self.byte() << 8, self.byte() - 128 + BITS
        return mantissa << exponent if exponent >= 0 else mantissa >> -exponent


def prove(network: Network, box: list[Range], goals: list[Goal], proof: Proof) -> None:
    """Follow a tree over a box.

    Args:
        network: The network.
        box: Of its inputs.
        goals: Forms, and the numbers below which they are nowhere on the box.
        proof: The tree.

    Raises:
        Refused: A leaf proves less than is claimed, or the tree is no tree over the box.
    """
    root = Region(network, box, [form for form, _ in goals])
    _box(root, dict(zip(root.goals, (least for _, least in goals), strict=True)), proof)


def _box(region: Region, todo: dict[int, int], proof: Proof) -> None:
    """Follow the tree of one box, which proves the goals in `todo`."""
    proof.boxes += 1
    does, here = proof.byte(), f"box {proof.boxes}"
    if does & (BOUND | LINEAR | CASES):
        region = region.part()
        if not region.bound(deep=True):
            raise Refused(f"{here} is empty")
    for flag in (LINEAR, CASES):
        mask = proof.number() if does & flag else 0
        if mask >> len(todo):
            raise Refused(f"{here} proves a claim that is not open there")
        for place, k in enumerate(tuple(todo)):
            if mask >> place & 1:
                least = todo.pop(k)
                if flag == CASES:
                    _case(region, region, {}, (k, least), proof)
                elif region.least(1, k) < least:
                    raise Refused(f"{here} does not prove claim {k - region.goals[0]}")
    if bool(does & SPLIT) != bool(todo):
        raise Refused(f"{here} leaves a claim open, or is split for none")
    if todo:
        q = proof.pick(range(len(region.inputs) - 1))
        low, high = region.inputs[q]
        for ends in ((low, (low + high) >> 1), ((low + high) >> 1, high)):
            part = region.part()
            part.inputs[q] = ends
            _box(part, dict(todo), proof)


def _case(
    box: Region, case: Region | None, signs: Row, goal: tuple[int, int], proof: Proof
) -> None:
    """Follow a tree over the signs of units' sums: each leaf proves the goal, or has no inputs.

    Args:
        box: The box, with the units that the tree numbers.
        case: Those of its inputs that are left; None if there are none.
        signs: Of the units that were decided.
        goal: Its row, and what it is at least.
        proof: The tree.
    """
    does = proof.byte()
    if does & DECIDE:
        k = proof.pick(box.units)
        if k in signs or isinstance(box.curves[k], str):
            raise Refused("a unit is decided that has no sign, or has it by now")
        for sign in (1, -1):
            if part := case and case.part():
                part.decide(k, sign)
                if does & TIGHTEN and not part.bound(deep=False):
                    part = None
            _case(box, part, signs | {k: sign}, goal, proof)
        return
    shares = {k: proof.byte() for k in box.units} if does & SHARES else None
    units = [(proof.pick(box.units), proof.multiplier()) for _ in range(proof.number())]
    pulls = [(k, size * signs[k]) for k, size in units]
    times, need = (0, 1) if does & VOID else (1, goal[1])  # 0 >= 1 where there is no input
    if case and case.least(times, goal[0], pulls, shares) < need:
        raise Refused("a case does not prove what it is to")
