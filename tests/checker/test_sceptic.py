"""Attacks of a sceptic on CERTIFIED: each one ends in a refusal that says why."""

import json
import sys

import keras
import numpy as np
import pytest

import outrange
from checker.certificates import pack_members, seal_members
from outrange.search.kernel.binding import library
from outrange_check.__main__ import main
from outrange_check.certificate import check
from outrange_check.network import Refused
from outrange_check.readers import read


pytestmark = pytest.mark.skipif(library() is None, reason="trees are written by the kernel")

RNG = np.random.default_rng(0)


def save_model(path, change=lambda weights: weights):
    model = keras.Sequential([
        keras.Input((2,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(2),
    ])  # fmt: skip
    rng = np.random.default_rng(7)
    weights = [np.float32(rng.normal(size=w.shape)) for w in model.get_weights()]
    model.set_weights(change(weights))
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return str(path)


@pytest.fixture(scope="module")
def arm(tmp_path_factory):
    """A model file and the members of its certificate."""
    import zipfile

    folder = tmp_path_factory.mktemp("arm")
    model, proof = save_model(folder / "arm.keras"), folder / "arm.proof"
    answer = outrange.output_range(model, ([0.1, -0.7], [0.9, 0.3]), certificate=proof)
    assert answer.warrant.name == "CERTIFIED"
    with zipfile.ZipFile(proof) as archive:
        return model, {name: archive.read(name) for name in archive.namelist()}


def number(value):
    return [float(value), float(value).hex()]


def alter_claim(change):
    """Return an edit of the claim; `change` gets the claim, its part and its first bound."""

    def change_members(members):
        claim = json.loads(members["claim.json"])
        change(claim, claim["parts"][0], claim["parts"][0]["claims"][0])
        return members | {"claim.json": json.dumps(claim).encode()}

    return change_members


def network(change):
    """Return an edit of the network, with its hash in the claim."""

    def change_members(members):
        net = json.loads(members["network.json"])
        change(net)
        return seal_members(members | {"network.json": json.dumps(net).encode()})

    return change_members


def replace_text(before, after, member="claim.json"):
    def change_members(members):
        assert before in members[member]
        return members | {member: members[member].replace(before, after, 1)}

    return change_members


def _nan(net):
    net["outputs"]["rows"][0][0][1] = float("nan")


def _missing_output(claim, part, one):
    one["any"][0]["y"] = {"2": number(1.0)}


def _minimum_as_maximum(claim, part, one):
    for form in one["any"]:
        form["y"] = {name: number(-pair[0]) for name, pair in form["y"].items()}


def _outside(claim, part, one):
    one["attained"]["x"][0] = number(0.95)


def _better(claim, part, one):
    one["attained"]["value"] = number(one["least"][0] - 1.0)


def _wider(claim, part, one):
    part["box"][0][1] = number(1.5)


def _tighter(claim, part, one):
    one["least"] = number(one["least"][0] + 0.01)


NOT_PROVED = "claim.* is not proved"

TRIES = {
    "a box in decimals that are not its floats": (
        replace_text(b"0.1,", b"0.15,"), r"0\.15 is not the number '0x1\.9999"),
    "a bound in decimals that is not its float": (
        alter_claim(lambda c, p, one: one["least"].__setitem__(0, one["least"][0] + 1e-9)),
        "is not the number"),
    "another box": (alter_claim(_wider), NOT_PROVED),
    "a tighter bound": (alter_claim(_tighter), NOT_PROVED),
    "a box of one input less": (
        alter_claim(lambda c, p, one: p["box"].pop()), "box does not fit the network's inputs"),
    "a box that is empty": (
        alter_claim(lambda c, p, one: p["box"][0].reverse()), "is empty"),
    "a minimum as a maximum": (
        alter_claim(_minimum_as_maximum), "not attained at its point|is not proved"),
    "an output that does not exist": (alter_claim(_missing_output), "no output '2'"),
    "a negative output": (
        alter_claim(lambda c, p, one: one["any"][0].__setitem__("y", {"-1": number(1.0)})),
        "no output '-1'"),
    "a bound that is no number": (
        alter_claim(lambda c, p, one: one.__setitem__("least", [float("nan"), "nan"])), "NaN"),
    "float32, with a proof about real numbers": (
        alter_claim(lambda c, p, one: c.__setitem__("semantics", "float32")), "real numbers"),
    "the hash of another network": (
        alter_claim(lambda c, p, one: c.__setitem__("network", "0" * 64)),
        "not the one that the claim is about"),
    "a network that was changed after the claim": (
        replace_text(b'"over":', b'"over": ', "network.json"),
        "not the one that the claim is about"),
    "a network with a weight that is NaN": (network(_nan), "not in the documented format"),
    "bytes after the tree": (
        lambda members: members | {"proof.bin": members["proof.bin"] + b"\0"}, "bytes are left"),
    "half of the tree": (
        lambda members: members | {"proof.bin": members["proof.bin"][:-1]}, "is truncated"),
    "an input outside the box": (alter_claim(_outside), "lies outside the box"),
    "a value that is not attained": (alter_claim(_better), "not attained at its point"),
    "one more member": (lambda members: members | {"more": b""}, "must contain exactly claim.json"),
    "no part": (
        lambda members: alter_claim(lambda c, p, one: c.__setitem__("parts", []))(members)
        | {"proof.bin": b""},
        "nothing is claimed"),
}  # fmt: skip
"""What is tried: how the members change, and what the refusal says."""


def refusal_text(members, path, model=None):
    path.write_bytes(pack_members(members))
    with pytest.raises(Refused) as refusal:
        check(str(path), model)
    return str(refusal.value)


def test_undoubted_it_is_certified(arm, tmp_path, monkeypatch, capsys):
    model, members = arm
    path = tmp_path / "a.proof"
    path.write_bytes(pack_members(members))
    monkeypatch.setattr(sys, "argv", ["outrange-check", str(path), "--model", model])
    assert main() == 0
    output = capsys.readouterr().out
    assert "0.1 <= x[0] <= 0.9" in output
    assert output.endswith("CERTIFIED\n")


@pytest.mark.parametrize("name", TRIES)
def test_a_try_is_refused_and_told_why(name, arm, tmp_path):
    import re

    change, words = TRIES[name]
    model, members = arm
    for given in (None, model):
        assert re.search(words, refusal_text(change(members), tmp_path / "a.proof", given))


def test_a_box_of_which_nothing_is_claimed(arm, tmp_path):
    members = alter_claim(lambda c, p, one: p.__setitem__("claims", []))(arm[1])
    assert "nothing is claimed" in refusal_text(
        members | {"proof.bin": b"\0"}, tmp_path / "a.proof"
    )


def test_another_model_under_the_same_name(arm, tmp_path):
    other = save_model(tmp_path / "other" / "arm.keras", lambda ws: [ws[0] + 1e-6, *ws[1:]])
    _, members = arm
    assert "SHA-256 differs" in refusal_text(members, tmp_path / "a.proof", other)
    digest = read(other)[1]
    forged = alter_claim(lambda c, p, one: c["model"].__setitem__("sha256", digest))(members)
    text = refusal_text(forged, tmp_path / "a.proof", other)
    assert "is not the one in" in text
    assert "arm.keras" in text
    unnamed = alter_claim(lambda c, p, one: c.__setitem__("model", None))(members)
    assert "is not the one in" in refusal_text(unnamed, tmp_path / "a.proof", other)


def test_a_model_with_a_weight_that_is_nan(arm, tmp_path):
    def spoil_weights(weights):
        weights[0][0, 0] = np.nan
        return weights

    other = save_model(tmp_path / "arm.keras", spoil_weights)
    unnamed = alter_claim(lambda c, p, one: c.__setitem__("model", None))(arm[1])
    assert "nan, which is not a real number" in refusal_text(unnamed, tmp_path / "a.proof", other)


def test_no_file_and_no_archive(arm, tmp_path):
    with pytest.raises(Refused, match=r"none.proof: .*No such file"):
        check(str(tmp_path / "none.proof"))
    with pytest.raises(Refused, match=r"it is not a regular file"):
        check(str(tmp_path))
    (tmp_path / "a.proof").write_bytes(b"CERTIFIED")
    with pytest.raises(
        Refused, match=r"proof (cannot be read as a certificate|is not in the documented format)"
    ):
        check(str(tmp_path / "a.proof"))


def test_of_a_key_that_stands_twice_the_sentence_says_what_is_proved(arm, tmp_path):
    path = tmp_path / "a.proof"
    twice = replace_text(b'"least"', b'"least": [9.0, "0x1.2000000000000p+3"], "least"')(arm[1])
    path.write_bytes(pack_members(twice))
    try:
        text = " ".join(check(str(path)).sentences)
    except Refused:
        return
    assert ">= 9.0" not in text
