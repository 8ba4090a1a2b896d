"""The check of a proof tree, which splits boxes by inputs and by the signs of units.

The checker computes the bounds at the leaves itself.

The page `docs/certificates.md` of outrange explains the format and the mathematics.
"""

from .bounds import MOST_WORK, Region, Row
from .curves import BITS
from .network import need


BOUND, LINEAR, CASES, SPLIT, UNITS = 1, 2, 4, 8, 16
"""Actions of a node in the tree of boxes; the first byte of a node is their sum.

BOUND bounds the units of the box. LINEAR proves claims by back-substitution, and CASES proves
claims by trees of cases. SPLIT halves the box at an input. With UNITS, a list of units precedes the
trees of cases, which refer to a unit by its position in the list."""

DECIDE, TIGHTEN, SHARES, VOID = 1, 2, 4, 8
"""Actions of a node in a tree of cases; the first byte of a node is their sum.

DECIDE splits by the sign of a unit's z; a node without it is a leaf. TIGHTEN bounds all units again
in both cases. SHARES gives each unit's share (see `curves.lines`). VOID proves that no input is
left."""


class Proof:
    """The bytes of a proof tree, which are read in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.boxes, self.work = iter(data), 0, [MOST_WORK]

    def number(self) -> int:
        """Read an integer: seven bits per byte, low bits first; the last byte is below 128."""
        value = shift = 0
        while (part := next(self.data)) > 127:
            value, shift = value | (part & 127) << shift, shift + 7
            need(shift < 4096, "a number in the tree has more than 586 bytes")
        return value | part << shift

    def multiplier(self) -> int:
        """Read a multiplier `m * 2^(e - 128)`, rounded down.

        It consists of two bytes for `m`, the low one first, and one byte for `e`.
        """
        low, high, exponent = (next(self.data) for _ in range(3))
        return (low | high << 8) << BITS + exponent >> 128


def prove(region: Region, todo: dict[int, int], proof: Proof) -> None:
    """Check the tree of a box, which must prove a lower bound of each goal.

    Args:
        region: The network over the box.
        todo: The claimed lower bound of each goal on the box, by the goal's number.
        proof: The tree.

    Raises:
        Refused: A leaf proves less than is claimed, or the tree does not fit the box. A reference
            to something that does not exist raises other exceptions of Python, and nothing is
            proved then.
    """
    proof.boxes += 1
    does = next(proof.data)
    if does & (BOUND | LINEAR | CASES):
        region, todo = region.part(len(todo)), dict(todo)
        region.bound(deep=True)
    for flag in (LINEAR, CASES):
        mask = proof.number() if does & flag else 0
        units = (
            [proof.number() for _ in range(proof.number())]
            if flag == CASES and does & UNITS
            else region.units
        )
        for k in [k for place, k in enumerate(todo) if mask >> place & 1]:
            need(
                flag == CASES or region.least(1, k) >= todo[k],
                f"claim {k - region.goals[0]} is not proved on box {proof.boxes}",
            )
            if flag == CASES:
                _case(units, region, {}, (k, todo[k]), proof)
            del todo[k]
    need(
        bool(does & SPLIT) == bool(todo),
        f"box {proof.boxes} has open claims but is not split, or is split without open claims",
    )
    if todo:
        low, high = region.inputs[q := proof.number()]
        for ends in ((low, (low + high) >> 1), ((low + high) >> 1, high)):
            region.inputs[q] = ends
            prove(region, todo, proof)
        region.inputs[q] = low, high


def _case(units: list[int], case: Region, signs: Row, goal: tuple[int, int], proof: Proof) -> None:
    """Check a tree of cases, which are the signs of units' z.

    Each leaf must prove the lower bound of the goal, or contain no input.

    Args:
        units: The units, by their number in the tree.
        case: The region of the box in which the decided units have their signs.
        signs: The sign of each decided unit.
        goal: The number of the goal, and its claimed lower bound.
        proof: The tree.
    """
    does = next(proof.data)
    if does & DECIDE:
        k = units[proof.number()]
        need(
            k not in signs and isinstance(case.curves[k], tuple),
            "a tree of cases splits a unit that has no kink, or whose sign is already decided",
        )
        for sign in (1, -1):
            part, (low, high) = case.part(), case.ranges[k]
            part.ranges[k] = (max(low, 0), high) if sign > 0 else (low, min(high, 0))
            if does & TIGHTEN:
                part.bound(deep=False)
            _case(units, part, signs | {k: sign}, goal, proof)
        return
    shares = {k: next(proof.data) for k in units} if does & SHARES else None
    pulls = {
        (k := units[proof.number()]): proof.multiplier() * signs[k] for _ in range(proof.number())
    }
    times, enough = (0, 1) if does & VOID else (1, goal[1])  # 0 >= 1 where there is no input
    need(
        case.least(times, goal[0], pulls, shares) >= enough or case.empty,
        f"a claim is not proved by the tree of its cases on box {proof.boxes}",
    )
