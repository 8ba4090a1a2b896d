"""Certificates written by hand: every byte and every number of them is chosen."""

import hashlib
import json

from flint import fmpq

from checker.certificates import pack_members
from outrange_check.build import text
from outrange_check.certificate import check
from outrange_check.network import Block, Network, Refused


UNIT = 2.0**-80

BOUND, LINEAR, CASES, SPLIT, UNITS = 1, 2, 4, 8, 16
DECIDE, TIGHTEN, SHARES, VOID = 1, 2, 4, 8

LINES = [BOUND | LINEAR, 1]
"""The tree that proves the first claim by lines."""

RELU = (0, 1)


def network(inputs, blocks, outputs):
    """A network of `(curve, forms)`; a pair of slopes is a kink."""
    net = Network(inputs)
    for curve, forms in blocks:
        name, slopes = (curve, None) if isinstance(curve, str) else ("kink", curve)
        pair = slopes and tuple(map(fmpq, slopes))
        net.blocks.append(Block(name, pair, [_form(form) for form in forms]))
    net.outputs = [_form(form) for form in outputs]
    return net


def _form(form):
    return {key: fmpq(value) for key, value in form.items() if value}


def number(value):
    return [float(value), float(value).hex()]


def claim(least, y=None, plus=0.0, strict=False, attained=None):
    """`sum of y[i] * output i + plus >= least`; several forms are a list of them."""
    several = y if isinstance(y, list) else [(y or {0: 1.0}, plus)]
    forms = [
        {"y": {str(i): number(v) for i, v in form.items()}, "plus": number(more)}
        for form, more in several
    ]
    out = {"any": forms, "least": number(least), "strict": strict}
    if attained:
        x, value = attained
        out["attained"] = {"x": [number(v) for v in x], "value": number(value)}
    return out


def certificate(net, box, tree, *claims, more=(), model=None):
    """The members of a certificate of one box, and of more parts `(box, claims)`."""
    written = net if isinstance(net, bytes) else text(net).encode()
    parts = [(box, claims), *more]
    statement = {
        "format": "outrange certificate 1",
        "semantics": "real",
        "network": hashlib.sha256(written).hexdigest(),
        "model": model,
        "parts": [
            {"box": [[number(low), number(high)] for low, high in ends], "claims": list(some)}
            for ends, some in parts
        ],
    }
    members = {"claim.json": json.dumps(statement).encode(), "network.json": written}
    return members | {"proof.bin": bytes(tree)}


def refusal(members, folder, model=None):
    """Why it is refused, or None."""
    path = folder / "a.proof"
    path.write_bytes(pack_members(members))
    try:
        check(str(path), model)
    except Refused as why:
        return str(why)
    return None


def is_proved(net, box, tree, least, folder, **more):
    """Return whether a tree proves that the first output is nowhere below a number."""
    why = refusal(certificate(net, box, tree, claim(least, **more)), folder)
    assert why is None or "not proved" in why, why
    return why is None


LINE = network(1, [], [{0: 1}])


def words(net, box, tree, *claims, folder, **more):
    """Why a certificate of one box is refused, or None."""
    return refusal(certificate(net, box, tree, *claims, **more), folder)
