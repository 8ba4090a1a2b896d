"""A certificate: what it claims of which network, and whether what it holds proves that."""

import hashlib
import json
import zipfile
from typing import Any, NamedTuple

from flint import arb, fmpq

from .bounds import Region
from .curves import ONE_BITS, SMOOTH
from .network import ONE, Block, Form, Network, Refused
from .readers import read
from .tree import Proof, prove


FORMAT = "outrange certificate 1"
MEMBERS = ("claim.json", "network.json", "proof.bin")
MOST_BYTES = 1 << 27
"""Largest member of a certificate, unpacked."""


class Theorem(NamedTuple):
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
    try:
        claim_text, network_text, tree = _members(path)
        network, claim = Network.parse(network_text.decode()), json.loads(claim_text)
        digest = hashlib.sha256(network_text).hexdigest()
        if (claim["format"], claim["semantics"]) != (FORMAT, "real"):
            raise Refused(f"it holds no claim about real numbers in the format {FORMAT!r}")
        if claim["network"] != digest:
            raise Refused("its network is not the one that the claim is about")
        found, file = (network, None) if model is None else read(model)
        if file and claim["model"] and claim["model"]["sha256"] != file:
            raise Refused(f"it was made for another file than {model} (SHA-256 differs)")
        if found != network:
            raise Refused(f"its network is not the one in {model}")
        proof = Proof(tree)
        parts = [_part(network, part, proof) for part in claim["parts"]]
    except Exception as wrong:  # whatever a damaged file makes the libraries raise
        other = f" is not in the documented format, or ends in the middle ({wrong!r:.200})"
        raise Refused(
            f"{path}{other if not isinstance(wrong, Refused) else f': {wrong}'}"
        ) from None
    if not parts or next(proof.data, None) is not None:
        raise Refused("nothing is claimed, or bytes are left after the tree")
    return Theorem(parts, digest, file, proof.boxes)


def _members(path: str) -> list[bytes]:
    with zipfile.ZipFile(path) as archive:
        sizes = sorted((info.filename, info.file_size <= MOST_BYTES) for info in archive.infolist())
        if sizes != sorted((name, True) for name in MEMBERS):
            raise Refused(
                f"a certificate holds {', '.join(MEMBERS)}, each once, below {MOST_BYTES} bytes"
            )
        return [archive.read(name) for name in MEMBERS]


def _number(pair: Any) -> fmpq:
    """`[decimal, hex]`: one float, written twice."""
    decimal, written = pair
    if type(decimal) is not float or decimal.hex() != written:
        raise Refused(f"{decimal!r:.50} is not the number {written!r:.50}")
    return fmpq(*decimal.as_integer_ratio())


def _part(network: Network, part: Any, proof: Proof) -> str:
    """Check one box and what is claimed there; returns it in words."""
    box = [(_number(low), _number(high)) for low, high in part["box"]]
    if len(box) != network.inputs or any(low > high for low, high in box) or not part["claims"]:
        raise Refused(
            "the box does not fit the network's inputs, or is empty, or nothing is claimed"
        )
    whole = Network(network.inputs, list(network.blocks), network.outputs)
    goals, least, words = [], [], []
    for claim in part["claims"]:
        forms = [_objective(network, term) for term in claim["any"]]
        strict = claim["strict"] is True
        goals.append(largest(whole, forms))
        least.append(_up(_number(claim["least"])) + strict)
        words.append(_words(claim["any"], ">" if strict else ">=", claim["least"][0]))
        if claim.get("attained") is not None:
            words[-1] += _attained(network, forms, box, claim["attained"])
    root = Region(whole, [(-_up(-low), _up(high)) for low, high in box], goals)
    prove(root, dict(zip(root.goals, least, strict=True)), proof)
    ends = [f"{low[0]!r} <= x[{i}] <= {high[0]!r}" for i, (low, high) in enumerate(part["box"])]
    return f"For all {', '.join(ends)}: {'; '.join(words)}."


def _objective(network: Network, term: Any) -> Form:
    """`sum of coefficient * output + plus` as a form of the network's variables."""
    out: Form = {ONE: _number(term["plus"])}
    outputs = {str(i): form for i, form in enumerate(network.outputs)}
    for name, pair in term["y"].items():
        if name not in outputs:
            raise Refused(f"the network has no output {name!r:.50}")
        coefficient = _number(pair)
        for key, value in outputs[name].items():
            out[key] = out.get(key, fmpq(0)) + coefficient * value
    return out


def largest(network: Network, forms: list[Form]) -> Form:
    """The largest of some forms, by one more unit each: `max(a, b) = b + relu(a - b)`."""
    most, *rest = forms
    for form in rest:
        unit = network.inputs + sum(len(block.forms) for block in network.blocks)
        apart = {k: most.get(k, fmpq(0)) - form.get(k, fmpq(0)) for k in most | form}
        network.blocks.append(Block("kink", (fmpq(0), fmpq(1)), [apart]))
        most = form | {unit: fmpq(1)}
    return most


def _attained(network: Network, forms: list[Form], box: list, attained: Any) -> str:
    """Check a point of the box and a value that some form is at most there."""
    x = [_number(pair) for pair in attained["x"]]
    if not all(low <= value <= high for value, (low, high) in zip(x, box, strict=True)):
        raise Refused("a point that is to attain a value lies outside the box")
    values: dict[int, Any] = {ONE: fmpq(1), **dict(enumerate(x))}
    for block in network.blocks:
        sums = [_sum(form, values) for form in block.forms]
        values |= {len(values) - 1 + i: _curve(block, z) for i, z in enumerate(sums)}
    if not all(_sum(form, values) <= _number(attained["value"]) for form in forms):
        raise Refused("a value is not attained at its point")
    return f" (and at a stated input it is at most {attained['value'][0]!r})"


def _sum(form: Form, values: dict[int, Any]) -> Any:
    return sum((values[k] * c for k, c in form.items()), fmpq(0))


def _curve(block: Block, z: Any) -> Any:
    """The value of a curve: of a rational number one, if it can be, else a ball around it."""
    if block.slopes is None:
        return SMOOTH[block.curve][0](arb(z))
    if isinstance(z, fmpq):
        return z * block.slopes[z >= 0]
    return z.min(0) * block.slopes[0] + z.max(0) * block.slopes[1]


def _words(terms: Any, relation: str, least: float) -> str:
    sums = [
        " + ".join([*(f"{pair[0]!r} * y[{i}]" for i, pair in t["y"].items()), repr(t["plus"][0])])
        for t in terms
    ]
    return f"{' or '.join(sums)} {relation} {least!r}"


def _up(value: fmpq) -> int:
    return int((value * ONE_BITS).ceil())
