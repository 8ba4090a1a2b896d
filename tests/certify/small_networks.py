"""Small random networks in the checker's normal form, and the checker's verdict on a tree."""

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
    """Build dense layers with one curve."""
    network = Network(inputs)
    forms = entries(network)
    for width in widths:
        sums = dense(rng, forms, width, True)
        forms = curve(network, name, sums, slopes if name == "kink" else None)
    network.outputs = dense(rng, forms, outputs, False)
    return network


def dense(rng, forms, width, with_bias):
    """Build the sums of a layer with random weights."""
    weights = rng.normal(size=(width, len(forms))) / np.sqrt(len(forms))
    bias = 0.3 * rng.normal(size=width) * with_bias
    return [
        combine([(exact(float(w)), f) for w, f in zip(row, forms, strict=True)], exact(float(b)))
        for row, b in zip(weights, bias, strict=True)
    ]


def negate(form):
    return {key: -value for key, value in form.items()}


def to_fixed_point(value, upward):
    """Convert a float to the checker's integer, rounded down or up."""
    exactly = Fraction(float(value)) * ONE_BITS
    floor = exactly.numerator // exactly.denominator
    return floor + (upward and floor != exactly)


def count_boxes(network, box, goals, claims, tree):
    """Check a tree and return its number of boxes; raise `Refused` if it proves nothing."""
    root = region(network, box.lo, box.hi, goals)
    proof = Proof(tree)
    least = [to_fixed_point(claim, True) for claim in claims]
    prove(root, dict(zip(root.goals, least, strict=True)), proof)
    assert not list(proof.data)
    return proof.boxes


def region(network, lo, hi, goals=()):
    """Return the checker's own region of a box."""
    ends = [
        (to_fixed_point(a, False), to_fixed_point(b, True)) for a, b in zip(lo, hi, strict=True)
    ]
    return Region(network, ends, list(goals))


def checker_bounds(network, lo, hi):
    """Return the checker's `(low, high)` of every unit per block, and which are undecided."""
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
    """Compute the outputs at points `(n, inputs)` of a network, in float64."""
    from outrange.certify.provers.float_network import ENTRY, FloatNetwork
    from outrange.ops import curve as facts

    net, values_of = FloatNetwork(network), {ENTRY: x}
    for k, block in enumerate(net.blocks):
        z = block.bias + sum(values_of[s] @ w.T for s, w in block.weights.items())
        if block.slopes is None:
            values_of[k] = facts(block.curve).f(z)
        else:
            values_of[k] = z * np.where(z >= 0, block.slopes[1], block.slopes[0])
    rows, constant = net.rows(network.outputs)
    return constant + sum(values_of[s] @ w.T for s, w in rows.items())


def plus(form, constant):
    return {**form, -1: form.get(-1, fmpq(0)) + exact(float(constant))}
