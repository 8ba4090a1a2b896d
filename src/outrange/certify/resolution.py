"""Claims finer than the resolution of the checker, which rounds outward to multiples of `2^-BITS`.

Whenever the checker rounds a row, every quantity (an input, or the sum or value of a unit) costs
one step (`2^-BITS`) times its size. The loss of a unit is multiplied by the weights after it. So
inputs of size 1e20 cost at least 1e-4, however small the weights are, and a single step is already
about 1e-4 of a slope of 1e-20.

Sound: the loss only selects the message of an answer without a certificate.
Complete: no. Sizes come from interval arithmetic over the whole box, so a loss is never
underestimated, but it is overestimated in deep networks.
Cost: one pass over the weights, and only if there is no certificate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from outrange_check.curves import BITS
from outrange_check.network import ONE, Block, Form, Network

from ..core import Box


STEEPEST = 1.2
"""Bound on the slope of the checker's smooth curves other than `exp`; gelu comes close."""

MOST_EXPONENT = 700.0
"""Largest argument at which `exp` is evaluated; float64 overflows only beyond about 709."""


def resolution_loss(network: Network, box: Box, forms: Sequence[Form]) -> list[float]:
    """Return how far the checker's lower bounds on linear forms may lie below the exact bounds.

    Args:
        network: The network in exact numbers, including the gates if the forms are derivatives.
        box: The set of its inputs.
        forms: Forms of the network's variables.

    Returns:
        A loss for each form, in the unit of the form.
    """
    size = {ONE: 1.0}
    size |= {
        i: max(abs(lo), abs(hi)) for i, (lo, hi) in enumerate(zip(box.lo, box.hi, strict=True))
    }
    loss, total = dict.fromkeys(size, 0.0), sum(size.values())
    gains: dict[int, float] = {}
    key = network.inputs
    for block in network.blocks:
        unit = 2 * math.ldexp(total + 2, -BITS)
        for form in block.forms:
            sums, lost = _weigh(form, size), unit + _weigh(form, loss)
            gains[key], value = _slope_and_size(block, sums, gains)
            size[key], loss[key] = value, gains[key] * lost
            total += sums + value
            key += 1
    unit = 3 * math.ldexp(total + 2, -BITS)
    return [unit + _weigh(form, loss) for form in forms]


def _weigh(form: Form, of: dict[int, float]) -> float:
    return sum(abs(int(c.p) / int(c.q)) * of[k] for k, c in form.items())


def _slope_and_size(block: Block, sums: float, gains: dict[int, float]) -> tuple[float, float]:
    """Bound the absolute slope and value of a unit whose sum has an absolute value up to `sums`.

    Args:
        block: The block that contains the unit.
        sums: Bound on the absolute value of the unit's sum.
        gains: Bound on the absolute slope of each earlier unit, by number; used for gates.
    """
    if isinstance(block.curve, int):
        return gains[block.curve], gains[block.curve] * sums
    if block.slopes is not None:
        slope = max(abs(int(s.p) / int(s.q)) for s in block.slopes)
        return slope, slope * sums
    if block.curve == "exp":
        most = math.exp(min(sums, MOST_EXPONENT))
        return most, most
    if block.curve in ("tanh", "sigmoid"):
        return 1.0, 1.0
    return STEEPEST, 1.0 + STEEPEST * sums
