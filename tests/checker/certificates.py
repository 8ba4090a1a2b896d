"""Small certificates of random networks with kinks, to be checked, damaged and doubted."""

import hashlib
import io
import json
import math
import zipfile
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from checker.second_checker import evaluate, network_of, part_of, value_of
from checker.second_tree import ONE, Bytes, add, boxes
from outrange.certify.file import Claim, ProvedBox, write_certificate
from outrange.core import Box
from outrange.search.kernel import prover
from outrange_check.build import combine, curve, entries, exact, text
from outrange_check.network import Network


MEMBERS = ("claim.json", "network.json", "proof.bin")

KINKS = [(0, 1), (0, 1), (0.25, 1), (-1, 1), (1, 0.5)]
"""ReLU, leaky ReLU, the absolute value, and one that bends down."""

SLACK = 2.0**-30
"""What a claim leaves to the prover's rounding, of the range."""


def random_network(rng, inputs=2, sizes=(4, 4), outputs=2, scale=0):
    """Dense layers with float32 weights of up to `10^scale`, and kinks between them."""
    net = Network(inputs)
    forms = entries(net)
    for size in (*sizes, outputs):
        weights = np.float32(rng.normal(size=(size, len(forms)))) / len(forms) ** 0.5
        bias = np.float32(rng.normal(size=size)) / 4
        factor = np.float32(10.0 ** rng.integers(-scale, scale)) if scale else np.float32(1)
        weights, bias = weights * factor, bias * factor
        forms = [
            combine(list(zip(map(exact, map(float, row)), forms, strict=True)), exact(float(b)))
            for row, b in zip(weights, bias, strict=True)
        ]
        if size is not outputs or len(net.blocks) < len(sizes):
            below, above = KINKS[rng.integers(len(KINKS))]
            forms = curve(net, "kink", forms, (exact(float(below)), exact(float(above))))
    net.outputs = forms
    return net


def rows_of(claims):
    """Return the forms of each claim: `{output: coefficient, ONE: constant}`."""
    return [
        [
            {ONE: Fraction(float(p))}
            | {i: Fraction(float(row[i])) for i in np.flatnonzero(row).tolist()}
            for row, p in zip(claim.rows, claim.plus, strict=True)
        ]
        for claim in claims
    ]


def with_largest(network, claims):
    """Units and forms of the claims: `max(a, b) = b + relu(a - b)`, one more unit each."""
    inputs, units, outputs = network
    units, forms = list(units), []
    for terms in rows_of(claims):
        put = []
        for term in terms:
            form = {}
            for key, value in term.items():
                add(form, {ONE: Fraction(1)} if key == ONE else outputs[key], value)
            put.append(form)
        largest, *rest = put
        for form in rest:
            apart, unit = dict(largest), inputs + len(units)
            add(apart, form, Fraction(-1))
            units.append((unit, Fraction(0), Fraction(1), apart))
            largest = {**form, unit: Fraction(1)}
        forms.append(largest)
    return units, forms


def grown(inputs, units, forms, least, box, weight, boxes=400):
    """The tree that proves forms to be at least some numbers, or None."""
    variables, blocks = 1 + inputs + len(units), []
    for unit, below, above, form in units:
        reads = sorted(form)
        weights = np.array([[float(form[k]) for k in reads]])
        blocks.append(
            prover.KinkBlock(1 + unit, float(below), float(above), np.array(reads) + 1, weights)
        )
    goals = np.zeros((len(forms), variables))
    for i, form in enumerate(forms):
        for key, value in form.items():
            goals[i, key + 1] = float(value)
    tree = prover.TreeProver(inputs, blocks, goals, np.asarray(least), np.asarray(weight))
    tree.begin(box.lo, box.hi)
    return tree.tree()[0] if tree.run(boxes) == 1 else None


def certificate(rng, inputs=2, sizes=(4, 4), leaf_units=14, parts=1, scale=0):
    """The members of a certificate: both ends of every output, and a maximum of two forms.

    Args:
        inputs: Number of inputs of the network.
        sizes: Number of units of each hidden layer.
        leaf_units: A box with at most this many undecided units is closed by their signs.
        parts: Number of boxes with claims.
        scale: Weights of layers have sizes from `10^-scale` to `10^scale`.
    """
    while True:
        net = random_network(rng, inputs, sizes, scale=scale)
        claims = [part for _ in range(parts) if (part := _part(rng, net, leaf_units)) is not None]
        if len(claims) == parts:
            return write_and_unpack(net, claims)


def write_and_unpack(net, parts):
    """Write a certificate and return its members, unpacked."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.proof"
        write_certificate(path, net, parts, None, {"outrange": "0.1.0"})
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in MEMBERS}


def _part(rng, net, leaf_units):
    network = network_of(json.loads(text(net)))
    middle = rng.normal(size=net.inputs)
    box = Box(middle - 0.25 - rng.random(net.inputs), middle + rng.random(net.inputs))
    rows = np.concatenate([np.eye(2), -np.eye(2), rng.normal(size=(2, 2))])
    points = rng.uniform(box.lo, box.hi, (60, net.inputs))
    seen = [evaluate(network[1], list(map(Fraction, x))) for x in points.tolist()]
    values = np.array([[float(value_of(f, v)) for f in network[2]] for v in seen]) @ rows.T
    values = np.concatenate([values[:, :4], values[:, 4:].max(axis=1, keepdims=True)], axis=1)
    widths = np.ptp(values, axis=0) + 1e-6
    groups = [rows[[i]] for i in range(4)] + [rows[4:]]
    for slack in (0.02, 0.1, 0.4, 1.0):
        least = values.min(axis=0) - slack * widths
        claims = [
            Claim(group, np.zeros(len(group)), float(low), strict=bool(rng.integers(2)))
            for group, low in zip(groups, least, strict=True)
        ]
        best = points[values[:, 0].argmin()]
        claims[0] = Claim(
            groups[0],
            np.zeros(1),
            least[0],
            False,
            best,
            round_up(value_of(network[2][0], seen[values[:, 0].argmin()])),
        )
        units, forms = with_largest(network, claims)
        target = least + SLACK * widths
        old, prover.LEAF_UNITS = prover.LEAF_UNITS, leaf_units
        try:
            tree = grown(net.inputs, units, forms, target, box, 1 / widths)
        finally:
            prover.LEAF_UNITS = old
        if tree is not None:
            return ProvedBox(box, claims, tree)
    return None


def round_up(value):
    """Return the least float that is not below a rational number."""
    nearest = float(value)
    return nearest if nearest >= value else math.nextafter(nearest, math.inf)


def tight(members):
    """Raise every claim to the largest float that the unchanged tree proves."""
    network = network_of(json.loads(members["network.json"]))
    claim, proof = json.loads(members["claim.json"]), Bytes(members["proof.bin"])
    for part in claim["parts"]:
        box, goals, units = part_of(network, part)
        boxes(box, goals, units, proof)
        for bound, goal in zip(part["claims"], goals, strict=True):
            most = -round_up(-goal.proved)
            most = math.nextafter(most, -math.inf) if most == goal.proved else most
            bound["least"] = [most, most.hex()]
            if "attained" in bound:
                x = [Fraction(value) for value, _ in bound["attained"]["x"]]
                value = value_of(goal.form, evaluate(units, x))
                bound["attained"]["value"] = [round_up(value), round_up(value).hex()]
    return members | {"claim.json": json.dumps(claim, indent=1).encode()}


def pack_members(members):
    """Return the bytes of an archive; `members` is a dict, or pairs in which a name may recur."""
    out = io.BytesIO()
    pairs = members.items() if isinstance(members, dict) else members
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in pairs:
            archive.writestr(name, data)
    return out.getvalue()


def seal_members(members):
    """Return the members, with the hash of the network in the claim corrected."""
    claim = json.loads(members["claim.json"])
    claim["network"] = hashlib.sha256(members["network.json"]).hexdigest()
    return members | {"claim.json": json.dumps(claim).encode()}
