"""A certificate: what it claims of which network, and whether what it holds proves that."""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from flint import arb, fmpq, fmpz

from .bounds import Scaled
from .curves import ONE_BITS, SMOOTH
from .network import ONE, Block, Form, Network, Refused
from .tree import Goal, Proof, prove


FORMAT = "outrange certificate 1"
MEMBERS = ("claim.json", "network.json", "proof.bin")
MOST_BYTES = 1 << 28
"""Largest member of a certificate, unpacked."""


@dataclass
class Theorem:
    """What was proved.

    Args:
        sentences: In words, with every number.
        network: SHA-256 of the network in the certificate.
        model: SHA-256 of the model file that the network was compared with, if any.
        boxes: Number of boxes of the proof.
    """

    sentences: list[str]
    network: str
    model: str | None
    boxes: int


def check(path: str, model: str | None = None) -> Theorem:
    """Check a certificate, and that its network is the one of a model file.

    Args:
        path: The certificate.
        model: The model file; None trusts the network in the certificate to be the right one.

    Returns:
        What is proved.

    Raises:
        Refused: It is not; the message says what is wrong.
    """
    claim_text, network_text, tree = _members(path)
    network = Network.parse(network_text.decode("utf-8", "replace"))
    try:
        claim = json.loads(claim_text)
        if claim["format"] != FORMAT or claim["semantics"] != "real":
            raise Refused(f"not a claim about real numbers in the format {FORMAT!r}")
        digest = hashlib.sha256(network_text).hexdigest()
        if claim["network"] != digest:
            raise Refused("the network in the certificate is not the one that the claim is about")
        stated = claim["model"]
        file = None if model is None else _compared(model, network, stated)
        proof, sentences, boxes = Proof(tree), [], 0
        for part in claim["parts"]:
            more, count = _part(network, part, proof)
            sentences, boxes = sentences + more, boxes + count
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as wrong:
        raise Refused(f"the claim is not in the documented format ({wrong!r})") from None
    if proof.at != len(tree):
        raise Refused("bytes are left after the tree")
    if not sentences:
        raise Refused("nothing is claimed")
    return Theorem(sentences, digest, file, boxes)


def _members(path: str) -> list[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sorted(archive.namelist()) != sorted(MEMBERS):
                raise Refused(f"a certificate holds {', '.join(MEMBERS)}, each once")
            out = []
            for name in MEMBERS:
                with archive.open(name) as member:
                    out.append(member.read(MOST_BYTES + 1))
                if len(out[-1]) > MOST_BYTES:
                    raise Refused(f"{name} is larger than {MOST_BYTES} bytes")
            return out
    except Refused:
        raise
    except Exception as wrong:  # whatever a damaged archive makes the library raise
        raise Refused(f"{path} cannot be read as a certificate ({wrong})") from None


def _compared(path: str, network: Network, stated: Any) -> str:
    from .readers import read

    found, digest = read(path)
    if stated is not None and stated["sha256"] != digest:
        raise Refused(f"{path} is not the file that the certificate was made for (SHA-256 differs)")
    if found != network:
        raise Refused(f"the network in the certificate is not the one in {path}")
    return digest


def _number(pair: Any) -> fmpq:
    """`[decimal, hex]`: one float, written twice."""
    decimal, written = pair
    if type(decimal) not in (int, float) or float(decimal).hex() != written:
        raise Refused(f"{decimal} is not the number {written}")
    return fmpq(*float(decimal).as_integer_ratio())


def _part(network: Network, part: Any, proof: Proof) -> tuple[list[str], int]:
    """Check one box and what is claimed there; returns sentences, and the number of boxes."""
    box = [(_number(low), _number(high)) for low, high in part["box"]]
    if len(box) != network.inputs or any(low > high for low, high in box):
        raise Refused("the box does not fit the network's inputs, or is empty")
    whole = Network(network.inputs, list(network.blocks), network.outputs)
    goals, sentences = [], []
    for claim in part["claims"]:
        forms = [_objective(network, term) for term in claim["any"]]
        bound, strict = _number(claim["least"]), claim["strict"] is True
        words = " or ".join(map(_words, claim["any"]))
        sentence = f"{words} {'>' if strict else '>='} {float(claim['least'][0])!r}"
        if (attained := claim.get("attained")) is not None:
            sentence += _attained(network, forms, box, attained)
        sentences.append(sentence)
        goals.append(Goal(_largest(whole, forms), _up(bound), strict))
    for block in whole.blocks:
        if block.curve != "kink" and block.curve not in SMOOTH:
            raise Refused(f"the curve {block.curve!r} is not covered")
    lo, hi = [int((low * ONE_BITS).floor()) for low, _ in box], [_up(high) for _, high in box]
    count = prove(Scaled(whole), lo, hi, goals, proof)
    where = ", ".join(
        f"{float(low[0])!r} <= x[{i}] <= {float(high[0])!r}"
        for i, (low, high) in enumerate(part["box"])
    )
    return [f"For all {where}: {'; '.join(sentences)}."], count


def _objective(network: Network, term: Any) -> Form:
    """`sum of coefficient * output + plus` as a form of the network's variables."""
    out: Form = {ONE: _number(term["plus"])}
    for name, pair in term["y"].items():
        output, coefficient = int(name), _number(pair)
        if str(output) != name or not 0 <= output < len(network.outputs):
            raise Refused(f"the network has no output {name}")
        for key, value in network.outputs[output].items():
            out[key] = out.get(key, fmpq(0)) + coefficient * value
    return out


def _largest(network: Network, forms: list[Form]) -> Form:
    """The largest of some forms, by one more unit each: `max(a, b) = b + relu(a - b)`."""
    largest, *rest = forms
    for form in rest:
        unit = network.inputs + sum(len(block.forms) for block in network.blocks)
        apart = {k: largest.get(k, fmpq(0)) - form.get(k, fmpq(0)) for k in largest | form}
        network.blocks.append(Block("kink", (fmpq(0), fmpq(1)), [apart]))
        largest = form | {unit: fmpq(1)}
    return largest


def _attained(network: Network, forms: list[Form], box: list, attained: Any) -> str:
    """Check a point of the box and a value that some form is at most there."""
    x = [_number(pair) for pair in attained["x"]]
    inside = zip(x, box, strict=True)
    if not all(low <= value <= high for value, (low, high) in inside):
        raise Refused("a point that is to attain a value lies outside the box")
    values = _values(network, x)
    if not all(_sum(form, values) <= _number(attained["value"]) for form in forms):
        raise Refused("a value is not attained at its point")
    return f" (and at a stated input it is at most {float(attained['value'][0])!r})"


def _values(network: Network, x: list[fmpq]) -> dict[int, Any]:
    values: dict[int, Any] = {ONE: fmpq(1), **dict(enumerate(x))}
    for block in network.blocks:
        sums = [_sum(form, values) for form in block.forms]
        for z in sums:
            values[len(values) - 1] = _curve(block, z)
    return values


def _sum(form: Form, values: dict[int, Any]) -> Any:
    return sum((values[k] * c for k, c in form.items()), fmpq(0))


def _curve(block: Block, z: Any) -> Any:
    if block.curve != "kink":
        return SMOOTH[block.curve][0](arb(z))
    below, above = block.slopes or (fmpq(0), fmpq(0))
    if z >= 0 or z <= 0:
        return z * (above if z >= 0 else below)
    return (z * above).union(z * below).union(arb(0))


def _words(term: Any) -> str:
    parts = [f"{float(pair[0])!r} y[{name}]" for name, pair in term["y"].items()]
    return " + ".join([*parts, repr(float(term["plus"][0]))]).replace("1.0 y", "y")


def _up(value: fmpq) -> int:
    return int(fmpz((value * ONE_BITS).ceil()))
