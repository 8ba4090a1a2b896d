"""Small random networks in the checker's normal form, and what the checker says of a tree."""

from fractions import Fraction

import numpy as np
from flint import fmpq

from outrange_check.bounds import Region
from outrange_check.build import combine, curve, entries, exact
from outrange_check.curves import ONE_BITS, SMOOTH
from outrange_check.network import Network
from outrange_check.tree import Proof, prove


CURVES = [*sorted(SMOOTH), "kink"]


def small_network(rng, inputs, widths, name, outputs=1, slopes=(0, 1)):
    """Dense layers with one curve."""
    network = Network(inputs)
    forms = entries(network)
    for width in widths:
        sums = dense(rng, forms, width, True)
        forms = curve(network, name, sums, slopes if name == "kink" else None)
    network.outputs = dense(rng, forms, outputs, False)
    return network


def dense(rng, forms, width, with_bias):
    """Sums of a layer: random weights."""
    weights = rng.normal(size=(width, len(forms))) / np.sqrt(len(forms))
    bias = 0.3 * rng.normal(size=width) * with_bias
    return [
        combine([(exact(float(w)), f) for w, f in zip(row, forms, strict=True)], exact(float(b)))
        for row, b in zip(weights, bias, strict=True)
    ]


def negated(form):
    return {key: -value for key, value in form.items()}


def scaled(value, upward):
    """A float as the checker's integer."""
    exactly = Fraction(float(value)) * ONE_BITS
    floor = exactly.numerator // exactly.denominator
    return floor + (upward and floor != exactly)


def checked(network, box, goals, claims, tree):
    """The number of boxes; raises `Refused`."""
    root = region(network, box.lo, box.hi, goals)
    proof = Proof(tree)
    least = [scaled(claim, True) for claim in claims]
    prove(root, dict(zip(root.goals, least, strict=True)), proof)
    assert not list(proof.data)
    return proof.boxes


def region(network, lo, hi, goals=()):
    """The checker's own view of a box."""
    ends = [(scaled(a, False), scaled(b, True)) for a, b in zip(lo, hi, strict=True)]
    return Region(network, ends, list(goals))


def bounded(network, lo, hi):
    """Per block, the checker's bounds `(low, high)` of every unit, and which are undecided."""
    box = region(network, lo, hi)
    box.bound(deep=True)
    out, first = [], network.inputs
    for block in network.blocks:
        units = range(first, first + len(block.forms))
        first = units.stop
        ends = np.array([[float(v) / ONE_BITS for v in box.ranges[k]] for k in units])
        out.append((*ends.T, np.array([k in box.units for k in units])))
    return out


def values(network, x):
    """The outputs at points `(n, inputs)` of a network, in float64."""
    from outrange.certify.provers.float_network import ENTRY, FloatNetwork
    from outrange.ops import curve as facts

    net, found = FloatNetwork(network), {ENTRY: x}
    for k, block in enumerate(net.blocks):
        z = block.bias + sum(found[s] @ w.T for s, w in block.weights.items())
        if block.slopes is None:
            found[k] = facts(block.curve).f(z)
        else:
            found[k] = z * np.where(z >= 0, block.slopes[1], block.slopes[0])
    rows, constant = net.rows(network.outputs)
    return constant + sum(found[s] @ w.T for s, w in rows.items())


def plus(form, constant):
    return {**form, -1: form.get(-1, fmpq(0)) + exact(float(constant))}
