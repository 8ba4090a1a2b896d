"""Small certificates of how much outputs grow by an input, of random networks with kinks."""

import json
from fractions import Fraction

import numpy as np

from checker.certificates import random_network, write_and_unpack
from checker.second_checker import network_of
from checker.second_tree import Bounded
from outrange.certify.file import Claim, ProvedBox
from outrange.certify.provers.growth_prover import prove_growth
from outrange.core import Box, OutOfTime
from outrange.core.clock import deadline
from outrange_check.build import text
from outrange_check.certificate import growth, risen
from outrange_check.network import Network


def slopes_at(net, by, x):
    """The derivatives of the outputs by an input at a point, in fractions."""
    whole = Network(net.inputs, list(net.blocks), net.outputs)
    rises = growth(whole, by)
    _, units, _ = network_of(json.loads(text(net)))
    rows = [gate.forms[0] for gate in whole.blocks[len(net.blocks) :]]
    gates = [
        (unit + len(units), unit, None, {k: Fraction(str(v)) for k, v in row.items()})
        for (unit, *_), row in zip(units, rows, strict=True)
    ]
    point = Bounded({i: (v, v) for i, v in enumerate(map(Fraction, x))}, [*units, *gates], {})
    goals = [{k: Fraction(str(v)) for k, v in risen(f, rises).items()} for f in net.outputs]
    return [
        sum((c * (1 if k == -1 else point.values[k][0]) for k, c in goal.items()), Fraction(0))
        for goal in goals
    ]


def growth_certificate(rng, inputs=2, sizes=(4, 4), parts=1):
    """The members of a certificate: by how much, at least and at most, outputs grow by an input."""
    while True:
        net = random_network(rng, inputs, sizes)
        claims = [part for _ in range(parts) if (part := _part(rng, net)) is not None]
        if len(claims) == parts:
            return write_and_unpack(net, claims)


def _part(rng, net):
    by, middle = int(rng.integers(net.inputs)), rng.normal(size=net.inputs)
    size = rng.choice([0.05, 0.3, 1.0])
    box = Box(middle - size * rng.random(net.inputs), middle + size * rng.random(net.inputs))
    points = rng.uniform(box.lo, box.hi, (30, net.inputs)).tolist()
    seen = np.array([list(map(float, slopes_at(net, by, x))) for x in points])
    rows = np.concatenate([np.eye(2), -np.eye(2)])
    low, width = (seen @ rows.T).min(axis=0), np.ptp(seen @ rows.T, axis=0) + 1e-3
    forms = net.outputs + [{k: -v for k, v in form.items()} for form in net.outputs]
    for slack in (0.01, 0.2, 1.0):
        least = low - slack * width
        try:
            with deadline(0.2):
                tree = prove_growth(net, by, box, forms, least, 2.0**-30)
        except OutOfTime:
            continue
        if tree is not None and len(tree) < 400:
            claims = [
                Claim(row[None], rng.normal(size=1), float(end), bool(rng.integers(2)), by=by)
                for row, end in zip(rows, least, strict=True)
            ]
            return ProvedBox(box, claims, tree)
    return None
