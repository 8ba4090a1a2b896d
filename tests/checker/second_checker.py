"""A second checker of certificates, written from `docs/certificates.md` and not from the first.

Fractions and the standard library only, kinks only, and no rounding at all: what is proved here is
proved. It may accept a little more than `outrange-check`, whose integers round outwards.
"""

import hashlib
import json
import re
import zipfile
from fractions import Fraction

from checker.second_tree import GRID, ONE, Bytes, Goal, Refused, add, boxes


MEMBERS = ("claim.json", "network.json", "proof.bin")
MOST_BYTES = 1 << 28
WRONG = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def check(path) -> int:
    """Check a certificate; returns the number of its boxes.

    Raises:
        Refused: It proves nothing.
    """
    claim_text, network_text, tree = read_members(path)
    try:
        network = network_of(json.loads(network_text))
        claim = json.loads(claim_text)
        if (claim["format"], claim["semantics"]) != ("outrange certificate 1", "real"):
            raise Refused("format")
        if claim["network"] != hashlib.sha256(network_text).hexdigest():
            raise Refused("hash")
        proof, count, claims = Bytes(tree), 0, 0
        for part in claim["parts"]:
            box, goals, units = part_of(network, part)
            count, claims = count + boxes(box, goals, units, proof), claims + len(goals)
    except WRONG as e:
        raise Refused(f"form: {e!r}") from None
    if proof.at != len(tree) or not claims:
        raise Refused("bytes left, or nothing claimed")
    return count


def read_members(path) -> list[bytes]:
    """The members, in order."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sorted(archive.namelist()) != sorted(MEMBERS):
                raise Refused("members")
            if any(info.file_size > MOST_BYTES for info in archive.infolist()):
                raise Refused("size")
            return [archive.read(name) for name in MEMBERS]
    except Refused:
        raise
    except Exception as wrong:
        raise Refused(f"archive: {wrong}") from None


# The network: inputs, units (variable, below, above, form), outputs.


def network_of(parts):
    size = _count(parts["inputs"])
    inputs, units = size, []
    for block in parts["blocks"]:
        if block["curve"] != "kink":
            raise Refused(f"curve {block['curve']}")
        below, above = (_rational(slope) for slope in block["slopes"])
        forms = _forms(block["forms"], size)
        units += [(size + i, below, above, form) for i, form in enumerate(forms)]
        size += len(forms)
    return inputs, units, _forms(parts["outputs"], size)


def _forms(part, before):
    over, forms = _count(part["over"]), []
    for row in part["rows"]:
        form = {}
        for first, *whole in row:
            for variable, value in enumerate(whole, _integer(first)):
                if not ONE <= variable < before or variable in form:
                    raise Refused(f"variable {variable}")
                form[variable] = Fraction(_integer(value), over)
        forms.append({k: v for k, v in form.items() if v})
    return forms


def _integer(value):
    if type(value) is not int:
        raise Refused(f"{value} is no integer")
    return value


def _count(value):
    if _integer(value) < 0:
        raise Refused(f"{value} is no count")
    return value


def _rational(text):
    if type(text) is int:
        return Fraction(text)
    match = re.fullmatch(r"(-?\d+)(?:/(\d+))?", text, re.ASCII)
    value = Fraction(int(match[1]), int(match[2] or 1))
    if (value * GRID).denominator != 1:
        raise Refused(f"slope {text}")
    return value


# The claim.


def _float(pair):
    decimal, written = pair
    if type(decimal) not in (int, float) or float(decimal).hex() != written:
        raise Refused(f"{decimal} is not {written}")
    return Fraction(float(decimal))


def part_of(network, part):
    inputs, units, outputs = network
    units, goals = list(units), []
    box = [(_float(low), _float(high)) for low, high in part["box"]]
    if len(box) != inputs or any(low > high for low, high in box):
        raise Refused("box")
    rises, by = {}, part.get("by")
    if by is not None:
        if _count(by) >= inputs:
            raise Refused("input")
        rises[by] = {ONE: Fraction(1)}
        for unit, _, _, form in network[1]:
            units.append((unit + len(network[1]), unit, None, risen(form, rises)))
            rises[unit] = {unit + len(network[1]): Fraction(1)}
    for claim in part["claims"]:
        forms = []
        for term in claim["any"]:
            form = {ONE: _float(term["plus"])}
            for name, pair in term["y"].items():
                if not re.fullmatch(r"0|[1-9]\d*", name, re.ASCII) or int(name) >= len(outputs):
                    raise Refused(f"output {name}")
                add(form, outputs[int(name)], _float(pair))
            forms.append(form)
        if claim.get("attained") is not None:
            _check_attained(units[: len(network[1])], forms, box, claim["attained"])
        if by is not None:
            if len(forms) != 1 or claim.get("attained") is not None:
                raise Refused("growth")
            forms = [risen(forms[0], rises)]
        largest, *rest = forms
        for form in rest:  # max(a, b) = b + relu(a - b)
            apart, unit = dict(largest), inputs + len(units)
            add(apart, form, Fraction(-1))
            units.append((unit, Fraction(0), Fraction(1), apart))
            largest = form | {unit: Fraction(1)}
        strict = claim["strict"] is True
        goals.append(Goal(largest, _float(claim["least"]), strict, by is not None))
    return dict(enumerate(box)), goals, units


def risen(form, rises):
    """The derivative of a form: of the variables that have one."""
    out = {}
    for key, value in form.items():
        add(out, rises.get(key, {}), value)
    return out


def _check_attained(units, forms, box, attained):
    x = [_float(pair) for pair in attained["x"]]
    if not all(low <= v <= high for v, (low, high) in zip(x, box, strict=True)):
        raise Refused("point outside")
    values = evaluate(units, x)
    if any(value_of(form, values) > _float(attained["value"]) for form in forms):
        raise Refused("not attained")


def evaluate(units, x):
    """The values of all variables at a point."""
    values = {ONE: Fraction(1), **dict(enumerate(x))}
    for unit, below, above, form in units:
        z = value_of(form, values)
        values[unit] = z * (above if z >= 0 else below)
    return values


def value_of(form, values):
    return sum((c * values[k] for k, c in form.items()), Fraction(0))
