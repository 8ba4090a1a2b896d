"""The check of a certificate: its claims about a network, and the proofs of these claims."""

import hashlib
import json
import zipfile
from collections import namedtuple
from os.path import exists, isfile
from typing import Any

from flint import arb, fmpq

from .bounds import Region
from .curves import ONE_BITS, SMOOTH
from .network import MOST_BITS, ONE, Block, Form, Network, Refused, need
from .readers import read
from .tree import Proof, prove


FORMAT = "outrange certificate 1"
MEMBERS = ("claim.json", "network.json", "proof.bin")
MOST_BYTES = 1 << 27
"""Largest number of bytes of one file in a certificate, unpacked."""
MOST_ENTRIES = 32
"""Largest number of entries that are printed of an `attained` point. Every claim may have a point
of its own, so the points of a network for images would fill many pages."""


Theorem = namedtuple("Theorem", ("sentences", "network", "model", "boxes", "evidence"))
"""The result of a check: the proved claims as sentences; the SHA-256 of the network in the
certificate; the SHA-256 of the model file (None without one); the number of boxes in the proof; and
the evidence for another checker, which is the claims, the network and the bytes of the trees. The
sentences contain all numbers, except that a long point is cut to `MOST_ENTRIES` entries."""


def check(path: str, model: str | None = None) -> Theorem:
    """Check a certificate, and that its network is that of a model file.

    Args:
        path: The certificate.
        model: The model file. None trusts the network in the certificate to be the right one.

    Returns:
        The proved theorem.

    Raises:
        Refused: The certificate proves nothing; the message says what is wrong.
    """
    try:
        claim_text, network_text, tree = _members(path)
        network, claim, digest = (
            Network.parse(network_text.decode()),
            json.loads(claim_text),
            hashlib.sha256(network_text).hexdigest(),
        )
        need(
            (claim["format"], claim["semantics"]) == (FORMAT, "real"),
            f"it contains no claim about real numbers in the format {FORMAT!r}",
        )
        need(claim["network"] == digest, "its network is not the one that the claim is about")
        found, file = (network, None) if model is None else read(model)
        need(
            not file or not claim["model"] or claim["model"]["sha256"] == file,
            f"it was made for a file other than {model} (its SHA-256 differs)",
        )
        need(found == network, f"its network is not the one in {model}")
        proof = Proof(tree)
        parts = [_part(network, part, proof) for part in claim["parts"]]
    except Exception as wrong:  # whatever a damaged file makes the libraries raise
        raise Refused(
            f"{path}: {wrong}"
            if isinstance(wrong, Refused | OSError)
            else f"{path} is not in the documented format, or is truncated ({wrong!r:.200})"
        ) from None
    need(
        bool(parts) and next(proof.data, None) is None,
        "nothing is claimed, or bytes are left after the last tree",
    )
    return Theorem(parts, digest, file, proof.boxes, (claim, network, tree))


def _members(path: str) -> list[bytes]:
    """Return the bytes of the three files in a certificate, which is a ZIP archive.

    No more bytes are unpacked than the archive declares.
    """
    need(isfile(path) or not exists(path), "it is not a regular file")  # a device has no end
    with zipfile.ZipFile(path) as archive:
        need(
            sorted(
                (
                    info.filename,
                    info.file_size <= MOST_BYTES
                    and info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
                )
                for info in archive.infolist()
            )
            == sorted((name, True) for name in MEMBERS),
            f"a certificate must contain exactly {', '.join(MEMBERS)}, each stored or deflated, "
            f"and each of at most {MOST_BYTES} bytes",
        )
        # `archive.read` would unpack everything before it checks the declared size.
        return [archive.open(name).read(archive.getinfo(name).file_size) for name in MEMBERS]


def exact_number(pair: Any) -> fmpq:
    """Return the exact value of a float that is written as a pair `[decimal, hex]`.

    Raises:
        Refused: The first is not a float, or the two are different numbers.
    """
    decimal, written = pair
    need(
        type(decimal) is float and decimal.hex() == written,
        f"{decimal!r:.50} is not the number {written!r:.50}",
    )
    return fmpq(*decimal.as_integer_ratio())


def _part(network: Network, part: Any, proof: Proof) -> str:
    """Check the claims about one box; return them as a sentence."""
    box = [(exact_number(low), exact_number(high)) for low, high in part["box"]]
    need(
        len(box) == network.inputs and all(low <= high for low, high in box) and part["claims"],
        "the box does not fit the network's inputs, or is empty, or nothing is claimed about it",
    )
    whole, by = Network(network.inputs, list(network.blocks), network.outputs), part.get("by")
    rises = {} if by is None else growth(whole, by)
    outputs = {str(i): form for i, form in enumerate(network.outputs)}
    goals, least, words = [], [], []
    for claim in part["claims"]:
        forms = [_objective(outputs, term) for term in claim["any"]]
        words.append(_words(claim, by))
        if claim.get("attained") is not None:
            words[-1] += _attained(network, forms, box, claim["attained"])
        need(
            by is None or (len(forms) == 1 and claim.get("attained") is None),
            "a claim about growth must have exactly one form, and no `attained` value",
        )
        goals.append(largest(whole, forms) if by is None else risen(forms[0], rises))
        least.append(_up(exact_number(claim["least"])) + (claim["strict"] is True))
    root = Region(whole, [(-_up(-low), _up(high)) for low, high in box], goals, proof.work)
    prove(root, dict(zip(root.goals, least, strict=True)), proof)
    return (
        "For all "
        + ", ".join(f"{a[0]!r} <= x[{i}] <= {b[0]!r}" for i, (a, b) in enumerate(part["box"]))
        + f": {'; '.join(words)}."
    )


def _objective(outputs: dict[str, Form], term: Any) -> Form:
    """Return `sum of coefficient * output + plus` as a form in the network's variables."""
    need(
        term["y"].keys() <= outputs.keys(),
        f"the network has no output {', '.join(term['y'].keys() - outputs.keys())!r:.50}",
    )
    return _combined(
        [
            (exact_number(term["plus"]), {ONE: fmpq(1)}),
            *((exact_number(pair), outputs[name]) for name, pair in term["y"].items()),
        ]
    )


def _combined(terms: list[tuple[fmpq, Form]]) -> Form:
    out: Form = {}
    for factor, form in terms:
        for key, value in form.items():
            out[key] = out.get(key, fmpq(0)) + factor * value
    return out


def growth(network: Network, by: int) -> dict[int, Form]:
    """Append one gate per unit to a network: the unit's derivative by input `by`.

    Returns:
        The derivative of each variable that may depend on the input, as a form.
    """
    need(type(by) is int and 0 <= by < network.inputs, f"the network has no input {by!r:.50}")
    rises, forms = {by: {ONE: fmpq(1)}}, [form for block in network.blocks for form in block.forms]
    for unit, form in enumerate(forms, network.inputs):
        network.blocks.append(Block(unit, None, [risen(form, rises)]))
        rises[unit] = {unit + len(forms): fmpq(1)}
    return rises


def risen(form: Form, rises: dict[int, Form]) -> Form:
    """Return the derivative of a form, from the derivatives of its variables."""
    return _combined([(value, rises[key]) for key, value in form.items() if key in rises])


def largest(network: Network, forms: list[Form]) -> Form:
    """Return the maximum of forms as a form, with new units: `max(a, b) = b + relu(a - b)`."""
    most, *rest = forms
    for form in rest:
        unit = network.inputs + sum(len(block.forms) for block in network.blocks)
        network.blocks.append(
            Block("kink", (fmpq(0), fmpq(1)), [_combined([(fmpq(1), most), (fmpq(-1), form)])])
        )
        most = form | {unit: fmpq(1)}
    return most


def _attained(network: Network, forms: list[Form], box: list, attained: Any) -> str:
    """Check that every form is at most a stated value at a stated point; return this in words."""
    x = [exact_number(pair) for pair in attained["x"]]
    need(
        all(low <= value <= high for value, (low, high) in zip(x, box, strict=True)),
        "the point that should attain a value lies outside the box",
    )
    values: dict[int, Any] = {ONE: fmpq(1), **dict(enumerate(x))}
    for block in network.blocks:
        values |= {
            k: _curve(block, _sum(form, values))
            for k, form in enumerate(block.forms, len(values) - 1)
        }
    need(
        all(_sum(form, values) <= exact_number(attained["value"]) for form in forms),
        "a claimed value is not attained at its point",
    )
    return (
        f" (and at x = [{', '.join(repr(pair[0]) for pair in attained['x'][:MOST_ENTRIES])}"
        + f", ... ({len(x)} entries)" * (len(x) > MOST_ENTRIES)
        + f"] {'it' if len(forms) == 1 else 'each sum'} is at most {attained['value'][0]!r})"
    )


def _sum(form: Form, values: dict[int, Any]) -> Any:
    return sum((values[k] * c for k, c in form.items()), fmpq(0))


def _curve(block: Block, z: Any) -> Any:
    """Return the value of a curve at `z`.

    The value is rational if the curve is a kink and `z` is a rational number of at most `MOST_BITS`
    bits. Otherwise, it is a ball.
    """
    z = arb(z) if isinstance(z, fmpq) and z.height_bits() > MOST_BITS else z
    if block.slopes is None:
        return SMOOTH[str(block.curve)][0](arb(z))
    below = z.min(0) if isinstance(z, arb) else min(z, fmpq(0))
    return below * block.slopes[0] + (z - below) * block.slopes[1]


def _words(claim: Any, by: int | None) -> str:
    sums = [
        " + ".join([*(f"{pair[0]!r} * y[{i}]" for i, pair in t["y"].items()), repr(t["plus"][0])])
        for t in claim["any"]
    ]
    least = f"{'>' if claim['strict'] is True else '>='} {claim['least'][0]!r}"
    return f"{' or '.join(sums)} " + (
        least
        if by is None
        else f"grows by {least} per unit of x[{by}] if no other input changes"
        + " (it does not decrease)" * (claim["least"][0] >= 0)
    )


def _up(value: fmpq) -> int:
    return int((value * ONE_BITS).ceil())
