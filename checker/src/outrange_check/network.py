"""A network in exact numbers: units in order, each a curve of a form in what comes before it.

This is the normal form that two descriptions of one network share, whatever layers they used: the
inputs are variables 0 .. inputs-1, every unit adds one more variable, `z = form`, `a = curve(z)`,
and affine maps between curves are multiplied out in rational numbers.
"""

import json
from dataclasses import dataclass, field

from flint import fmpq


ONE = -1
"""The key of a form's constant term."""

Form = dict[int, fmpq]
"""Variable to coefficient; a coefficient of zero is left out."""

MOST_TERMS = 20_000_000
"""Largest number of coefficients of a network that is read; one more and it is refused."""

MOST_BITS = 1 << 14
"""Longest number of a network and of what a proof computes: long ones make a small file slow."""


class Refused(Exception):
    """What was given is not accepted; the message says what is wrong with it."""


def need(holds: bool, otherwise: str) -> None:
    """Refuse what does not hold, and say what is wrong."""
    if not holds:
        raise Refused(otherwise)


@dataclass
class Block:
    """Units that share one curve and do not read each other.

    Args:
        curve: `"kink"` (`below * z` for z < 0, `above * z` for z >= 0) or the name of a smooth one.
            A number is that of a unit, and makes a gate: its form times the slope that the curve
            of this unit has. Derivatives are made of gates; no text has any.
        slopes: Of a kink, `(below, above)`.
        forms: One per unit.
    """

    curve: str | int
    slopes: tuple[fmpq, ...] | None
    forms: list[Form]


@dataclass
class Network:
    """Inputs, blocks of units in order, and outputs."""

    inputs: int
    blocks: list[Block] = field(default_factory=list)
    outputs: list[Form] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> "Network":
        """Read a canonical text; what is none raises whatever Python raises."""
        parts = json.loads(text)
        net, room = cls(before := len(range(parts["inputs"]))), [MOST_TERMS]
        for part in parts["blocks"]:
            slopes = (
                tuple(fmpq(*map(int, str(s).split("/"))) for s in part.get("slopes", ())) or None
            )
            net.blocks.append(Block(str(part["curve"]), slopes, _read(part["forms"], before, room)))
            before += len(net.blocks[-1].forms)
        net.outputs = _read(parts["outputs"], before, room)
        return net


def _read(part: dict, before: int, room: list[int]) -> list[Form]:
    over, forms = part["over"], []
    for row in part["rows"]:
        form: Form = {}
        for first, *values in row:
            keys = range(first, first + len(values))
            room[0] -= len(values)
            need(
                room[0] >= 0
                and first >= ONE
                and keys.stop <= before
                and form.keys().isdisjoint(keys)
                and max(map(int.bit_length, (over, *values))) <= MOST_BITS,
                f"a unit reads variable {first}, twice, or it is not before it, "
                f"or with a number of more than {MOST_BITS} bits",
            )
            form |= {first + i: fmpq(v, over) for i, v in enumerate(values) if v}
        forms.append(form)
    return forms
