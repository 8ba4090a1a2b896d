"""A proof tree: splits of the box, splits of units, and at each leaf a bound that is recomputed.

`docs/certificates.md` of outrange states the format and the mathematics.
"""

from .bounds import MOST_WORK, Region, Row
from .curves import BITS
from .network import need


BOUND, LINEAR, CASES, SPLIT, UNITS = 1, 2, 4, 8, 16
"""What a node of the box tree does; their sum is its first byte. UNITS says that its trees of cases
number units by a list, which stands before them."""

DECIDE, TIGHTEN, SHARES, VOID = 1, 2, 4, 8
"""What a node of a tree of cases does; a node that decides no unit is a leaf."""


class Proof:
    """The bytes of a tree, read in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.boxes, self.work = iter(data), 0, [MOST_WORK]

    def number(self) -> int:
        """Seven bits a byte, low ones first; the last byte is below 128."""
        value = shift = 0
        while (part := next(self.data)) > 127:
            value, shift = value | (part & 127) << shift, shift + 7
            need(shift < 4096, "a number of the tree has more than 586 bytes")
        return value | part << shift

    def multiplier(self) -> int:
        """Two bytes `m`, low one first, and one `e`: `m * 2^(e - 128)`, rounded down."""
        low, high, exponent = (next(self.data) for _ in range(3))
        return (low | high << 8) << BITS + exponent >> 128


def prove(region: Region, todo: dict[int, int], proof: Proof) -> None:
    """Follow the tree of a box.

    Args:
        region: The network over the box.
        todo: Rows of goals, and the numbers below which they are nowhere on the box.
        proof: The tree.

    Raises:
        Refused: A leaf proves less than is claimed, or the tree is no tree over the box. What
            the tree names and is not there raises what Python raises: nothing is proved then.
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
                f"box {proof.boxes} leaves claim {k - region.goals[0]} not proved",
            )
            if flag == CASES:
                _case(units, region, {}, (k, todo[k]), proof)
            del todo[k]
    need(
        bool(does & SPLIT) == bool(todo),
        f"box {proof.boxes} leaves a claim open, or is split for none",
    )
    if todo:
        low, high = region.inputs[q := proof.number()]
        for ends in ((low, (low + high) >> 1), ((low + high) >> 1, high)):
            region.inputs[q] = ends
            prove(region, todo, proof)
        region.inputs[q] = low, high


def _case(units: list[int], case: Region, signs: Row, goal: tuple[int, int], proof: Proof) -> None:
    """Follow a tree over the signs of units' z: each leaf proves the goal, or has no inputs.

    Args:
        units: Those that the tree numbers.
        case: The inputs of the box for which units have these signs.
        signs: Of the units that were decided.
        goal: Its row, and what it is at least.
        proof: The tree.
    """
    does = next(proof.data)
    if does & DECIDE:
        k = units[proof.number()]
        need(
            k not in signs and isinstance(case.curves[k], tuple),
            "a unit is decided that has no kink, or has its sign by now",
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
        f"a claim is not proved by its cases on box {proof.boxes}",
    )
