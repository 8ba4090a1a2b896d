"""The normal form of a network in exact numbers: units in order, each a curve of a form.

Two descriptions of one network share this normal form, even if their layers differ. The inputs are
variables 0 to inputs - 1. Every unit adds one variable `a = curve(z)`, where `z` is a form in the
variables before it. Affine maps between curves are multiplied out in rational numbers.
"""

import json
from dataclasses import dataclass, field

from flint import fmpq


ONE = -1
"""The key of a form's constant term."""

Form = dict[int, fmpq]
"""A linear form: a dict from variable to coefficient, without coefficients of zero."""

MOST_TERMS = 20_000_000
"""Largest number of coefficients in a network; a network with more is refused."""

MOST_BITS = 1 << 14
"""Largest number of bits of a number in a network or a proof; longer numbers would let a small file
take very long."""


class Refused(Exception):
    """An error for input that is not accepted; the message says what is wrong with it."""


def need(holds: bool, otherwise: str) -> None:
    """Raise `Refused` with the message `otherwise` unless `holds` is true."""
    if not holds:
        raise Refused(otherwise)


@dataclass
class Block:
    """Units that share one curve and do not read each other.

    Args:
        curve: `"kink"` (`below * z` for z < 0, `above * z` for z >= 0) or the name of a smooth
            curve. A number makes the unit a gate: its value is its form times the slope of the
            curve of the unit with this number. The checker appends gates to bound derivatives; the
            text of a network contains none.
        slopes: The slopes `(below, above)` of a kink; None for other curves.
        forms: The form `z` of each unit.
    """

    curve: str | int
    slopes: tuple[fmpq, ...] | None
    forms: list[Form]


@dataclass
class Network:
    """A network: the number of inputs, the blocks of units in order, and the outputs as forms."""

    inputs: int
    blocks: list[Block] = field(default_factory=list)
    outputs: list[Form] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> "Network":
        """Read a network from its canonical text.

        A text that is not canonical may raise any exception of Python.
        """
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
                f"in a row that reads variable {first}, a variable occurs twice or does not "
                f"precede its block, or a number has more than {MOST_BITS} bits; or the network "
                f"has more than {MOST_TERMS} coefficients",
            )
            form |= {first + i: fmpq(v, over) for i, v in enumerate(values) if v}
        forms.append(form)
    return forms
