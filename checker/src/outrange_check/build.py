"""Construction of networks in normal form and their canonical text, for readers and provers.

The checker need not trust this module: it compares a network built here with the one in the
certificate.
"""

import hashlib
import json
import math
from typing import Any

from flint import fmpq

from .network import ONE, Block, Form, Network, Refused


def entries(network: Network) -> list[Form]:
    """Return the inputs of a network as forms."""
    return [{i: fmpq(1)} for i in range(network.inputs)]


def curve(
    network: Network, name: str, forms: list[Form], slopes: tuple[Any, Any] | None = None
) -> list[Form]:
    """Append a block of units that apply a curve to forms; return their values as forms.

    Args:
        network: The network, changed in place.
        name: `"kink"`, or the name of a smooth curve.
        forms: One form per new unit.
        slopes: For a kink, its slopes `(below, above)`.
    """
    first = network.inputs + sum(len(block.forms) for block in network.blocks)
    kink = None if slopes is None else (fmpq(slopes[0]), fmpq(slopes[1]))
    network.blocks.append(Block(name, kink, [dict(f) for f in forms]))
    return [{first + i: fmpq(1)} for i in range(len(forms))]


def combine(terms: list[tuple[Any, Form]], constant: Any = 0) -> Form:
    """Return `constant + sum of weight * form`.

    Weights are rational: `fmpq`, int, or the result of `exact`.
    """
    if len(terms) and constant == 0 and all(len(form) == 1 for _, form in terms):
        keys = [next(iter(form)) for _, form in terms]
        if len(set(keys)) == len(keys):  # nothing to add up
            out = {k: w * f[k] for k, (w, f) in zip(keys, terms, strict=True)}
            return {k: v for k, v in out.items() if v != 0}
    out: Form = {}
    for weight, form in terms:
        for key, value in form.items():
            old = out.get(key)
            out[key] = weight * value if old is None else old + weight * value
    out[ONE] = out.get(ONE, fmpq(0)) + fmpq(constant)
    return {k: v for k, v in out.items() if v != 0}


def exact(number: float) -> fmpq:
    """Return the exact value of a float as a rational number.

    Raises:
        Refused: The float is NaN or infinite.
    """
    try:
        return fmpq(*number.as_integer_ratio())
    except (ValueError, OverflowError):
        raise Refused(f"a weight is {number}, which is not a real number") from None


def text(network: Network) -> str:
    """Return the canonical text of a network, which `Network.parse` reads."""
    blocks = [
        {"curve": b.curve, "forms": _written(b.forms)}
        | ({} if b.slopes is None else {"slopes": [str(s) for s in b.slopes]})
        for b in network.blocks
    ]
    parts = {"inputs": network.inputs, "blocks": blocks, "outputs": _written(network.outputs)}
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))


def digest(network: Network) -> str:
    """Return the SHA-256 of a network's canonical text."""
    return hashlib.sha256(text(network).encode()).hexdigest()


def _written(forms: list[Form]) -> dict[str, Any]:
    """Return forms as JSON data with one common denominator.

    Each run of consecutive variables is written as `[first, numerator, ...]`.
    """
    over = 1
    for form in forms:
        for value in form.values():
            over = math.lcm(over, int(value.q))
    rows = []
    for form in forms:
        row: list[list[int]] = []
        for key in sorted(form):
            whole = int((form[key] * over).p)
            if row and row[-1][0] + len(row[-1]) - 1 == key:
                row[-1].append(whole)
            else:
                row.append([key, whole])
        rows.append(row)
    return {"over": over, "rows": rows}
