"""Ways to damage a certificate: of its bytes, its claims, its network or its tree."""

import json
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np

from checker import second_checker
from checker.certificates import MEMBERS, pack_members, seal_members
from checker.second_tree import Bytes, boxes


def flip(rng, data):
    """One to three bits flipped."""
    out = bytearray(data)
    for at in rng.integers(8 * len(out), size=rng.integers(1, 4)).tolist():
        out[at // 8] ^= 1 << at % 8
    return bytes(out)


def mangle(rng, data):
    """A piece cut off, left out, repeated or reversed; bytes put in; two swapped."""
    a, b = sorted(rng.integers(len(data) + 1, size=2).tolist())
    how = rng.integers(6)
    if how == 0:
        return data[:a]
    if how == 1:
        return data[:a] + data[min(b, a + 8) :]
    if how == 2:
        return data[:b] + data[max(a, b - 8) :]
    if how == 3:
        return data[:a] + data[a : a + 6][::-1] + data[a + 6 :]
    if how == 4:
        return (
            data[:a]
            + rng.integers(256, size=rng.integers(1, 4), dtype=np.uint8).tobytes()
            + (data[a:])
        )
    out = bytearray(data)
    i, j = rng.integers(len(out), size=2).tolist()
    out[i], out[j] = out[j], out[i]
    return bytes(out)


def of_member(name, change, rng, members, other):
    """A member's bytes changed; half of the time the hash of a network is put right."""
    damaged = members | {name: change(rng, members[name])}
    if name == "network.json" and rng.integers(2):
        damaged = seal_members(damaged)
    return pack_members(damaged)


def of_archive(change, rng, members, other):
    """The file's own bytes changed."""
    return change(rng, pack_members(members))


def number(value):
    """A float, written twice."""
    return [float(value), float(value).hex()]


# Of what is claimed.


def _choice(rng, items):
    return items[rng.integers(len(items))]


def _tighten_ulp(rng, claim, one, part):
    one["least"] = number(np.nextafter(one["least"][0], np.inf))


def _tighten(rng, claim, one, part):
    one["least"] = number(one["least"][0] + 10.0 ** -rng.integers(1, 12))


def _swap_least(rng, claim, one, part):
    another = _choice(rng, part["claims"])
    one["least"], another["least"] = another["least"], one["least"]


def _swap_forms(rng, claim, one, part):
    another = _choice(rng, part["claims"])
    one["any"], another["any"] = another["any"], one["any"]


def _other_coefficient(rng, claim, one, part):
    term = _choice(rng, one["any"])
    name = _choice(rng, list(term["y"]))
    term["y"][name] = number(term["y"][name][0] * rng.normal())


def _other_constant(rng, claim, one, part):
    _choice(rng, one["any"])["plus"] = number(-abs(rng.normal()))


def _fewer_forms(rng, claim, one, part):
    for every in part["claims"]:
        every["any"] = every["any"][:1]


def _wider(rng, claim, one, part):
    side, end = _choice(rng, part["box"]), rng.integers(2)
    side[end] = number(side[end][0] + (2 * end - 1) * 10.0 ** -rng.integers(0, 12))


def _wider_ulp(rng, claim, one, part):
    side, end = _choice(rng, part["box"]), rng.integers(2)
    side[end] = number(np.nextafter(side[end][0], (2 * end - 1) * np.inf))


def _swap_sides(rng, claim, one, part):
    part["box"] = part["box"][::-1]


def _swap_ends(rng, claim, one, part):
    side = _choice(rng, part["box"])
    side.reverse()


def _strict(rng, claim, one, part):
    one["strict"] = not one["strict"]


def _leave_out(rng, claim, one, part):
    part["claims"].remove(one)


def _twice(rng, claim, one, part):
    part["claims"].append(one)


def _part_twice(rng, claim, one, part):
    claim["parts"].append(part)


def _parts_turned(rng, claim, one, part):
    claim["parts"].reverse()


def _point(rng, claim, one, part):
    one["attained"] = {"x": [_choice(rng, s) for s in part["box"]], "value": one["least"]}


def _attained_less(rng, claim, one, part):
    first = part["claims"][0]["attained"]
    first["value"] = number(first["value"][0] - 10.0 ** -rng.integers(1, 12))


def _attained_elsewhere(rng, claim, one, part):
    at = _choice(rng, part["claims"][0]["attained"]["x"])
    at[:] = number(at[0] + rng.normal() / 8)


def _another_value(rng, claim, one, part):
    """Any place of the JSON takes what may never stand there, or is left out."""
    at, odd = claim, [None, -1, 2**80, 1e308, float("nan"), float("inf"), "", "0", [], {}, True]
    while True:
        key = _choice(rng, list(at) if isinstance(at, dict) else list(range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or rng.random() < 0.2:
            break
        at = at[key]
    if rng.integers(3):
        at[key] = _choice(rng, odd)
    else:
        del at[key]


CLAIMS = [
    _tighten_ulp, _tighten, _swap_least, _swap_forms, _other_coefficient, _other_constant,
    _fewer_forms, _wider, _wider_ulp, _swap_sides, _swap_ends, _strict, _leave_out, _twice,
    _part_twice, _parts_turned, _point, _attained_less, _attained_elsewhere, _another_value,
]  # fmt: skip


def of_claim(change, rng, members, other):
    """Something else is claimed of the same network, with the same tree."""
    claim = json.loads(members["claim.json"])
    part = _choice(rng, claim["parts"])
    change(rng, claim, _choice(rng, part["claims"]), part)
    return pack_members(members | {"claim.json": json.dumps(claim).encode()})


# Of the network.


def _weight(rng, net, forms):
    run = _choice(rng, [run for row in forms["rows"] for run in row])
    run[rng.integers(1, len(run))] += int(rng.integers(-3, 4))


def _weight_much(rng, net, forms):
    run = _choice(rng, [run for row in forms["rows"] for run in row])
    run[rng.integers(1, len(run))] *= -1


def _rows(rng, net, forms):
    forms["rows"].reverse()


def _row_less(rng, net, forms):
    forms["rows"].pop(rng.integers(len(forms["rows"])))


def _variable(rng, net, forms):
    _choice(rng, [run for row in forms["rows"] for run in row])[0] += int(_choice(rng, [-1, 1, 50]))


def _over(rng, net, forms):
    forms["over"] = int(_choice(rng, [0, -1, 1, forms["over"] + 1, forms["over"] * 2]))


def _slopes(rng, net, forms):
    slopes = [["0", "1/4"], ["1", "0"], ["1/3", "1"], ["-1", "1"], ["0"], [], None, "01", [0, 1]]
    _choice(rng, net["blocks"])["slopes"] = _choice(rng, slopes)


def _block(rng, net, forms):
    net["blocks"].pop(rng.integers(len(net["blocks"])))


def _inputs(rng, net, forms):
    net["inputs"] += int(_choice(rng, [-1, 1, -9, 2**70]))


NETWORKS = [_weight, _weight_much, _rows, _row_less, _variable, _over, _slopes, _block, _inputs]


def of_network(change, rng, members, other):
    """Make the unchanged claim about another network, with the hash of that network."""
    net = json.loads(members["network.json"])
    change(rng, net, _choice(rng, [net["outputs"], *(b["forms"] for b in net["blocks"])]))
    return pack_members(seal_members(members | {"network.json": json.dumps(net).encode()}))


# Of the tree.


@lru_cache
def pieces(claim_text, network_text, tree):
    """The bytes of the tree by nodes: those of the box tree, those of the trees of signs."""
    network = second_checker.network_of(json.loads(network_text))
    proof = Bytes(tree)
    for part in json.loads(claim_text)["parts"]:
        box, goals, units = second_checker.part_of(network, part)
        boxes(box, goals, units, proof)
    starts = sorted({*proof.boxes, *proof.cases, proof.at})
    return [proof.data[a:b] for a, b in pairwise(starts)]


def of_nodes(rng, members, other):
    """A node is left out, is there twice, changes places with another, or is another's."""
    nodes, others = (list(pieces(*(m[n] for n in MEMBERS))) for m in (members, other))
    i, j = rng.integers(len(nodes), size=2).tolist()
    how = rng.integers(5)
    if how == 0:
        nodes.pop(i)
    elif how == 1:
        nodes.insert(j, nodes[i])
    elif how == 2:
        nodes[i], nodes[j] = nodes[j], nodes[i]
    elif how == 3:
        nodes[i] = _choice(rng, others)
    else:
        nodes = nodes[:i] + nodes[j:]
    return pack_members(members | {"proof.bin": b"".join(nodes)})


def of_others(rng, members, other):
    """One or two members are those of another certificate."""
    names = rng.choice(MEMBERS, size=rng.integers(1, 3), replace=False).tolist()
    damaged = members | {name: other[name] for name in names}
    return pack_members(seal_members(damaged) if rng.integers(2) else damaged)


WAYS = {
    **{f"{n} bits": partial(of_member, n, flip) for n in MEMBERS},
    **{f"{n} bytes": partial(of_member, n, mangle) for n in MEMBERS},
    "archive bits": partial(of_archive, flip),
    "archive bytes": partial(of_archive, mangle),
    **{f"claim {c.__name__.strip('_')}": partial(of_claim, c) for c in CLAIMS},
    **{f"network {c.__name__.strip('_')}": partial(of_network, c) for c in NETWORKS},
    "nodes": of_nodes,
    "members of another": of_others,
}
"""Name to `(rng, members, members of another certificate)`, which makes the bytes of a file."""

MANY = {"proof.bin bits": 6, "proof.bin bytes": 6, "nodes": 8, "claim another_value": 6}
"""Ways that are tried more often than the others."""
