"""Claims of growth by hand: what is said, an exact 0, and what is no claim."""

import json

import pytest
from flint import fmpq

from checker import second_checker
from checker.certificates import pack_members, seal_members
from checker.damage import number
from outrange_check.build import combine, curve, entries, text
from outrange_check.certificate import check
from outrange_check.network import Network, Refused


LEAF = bytes([3, 1])
"""A box that is bounded, and claim 0 proved by lines."""

HALVES = bytes([8, 0, *LEAF, *LEAF])


def relu_pair(second=1):
    """relu(x0) + second * relu(x0 - x1 - 3), which is 0 wherever x1 > x0."""
    net = Network(2)
    x, y = entries(net)
    apart = combine([(fmpq(1), x), (fmpq(-1), y)], fmpq(-3))
    one, two = curve(net, "kink", [x, apart], (0, 1))
    net.outputs = [combine([(fmpq(1), one), (fmpq(second), two)])]
    return net


def members(net, least=0.0, tree=LEAF, by=0, sign=1.0, box=((-1.0, 1.0), (-1.0, 1.0)), **more):
    claim = {
        "any": [{"y": {"0": number(sign)}, "plus": number(7.0)}],
        "least": number(least),
        "strict": False,
    }
    part = {"box": [[*map(number, side)] for side in box], "by": by, "claims": [claim | more]}
    parts = {"format": "outrange certificate 1", "semantics": "real", "network": ""}
    files = {"claim.json": json.dumps(parts | {"model": None, "parts": [part]}).encode()}
    return seal_members(files | {"network.json": text(net).encode(), "proof.bin": tree})


def check_members(made, tmp_path):
    path = tmp_path / "a.proof"
    path.write_bytes(pack_members(made))
    return check(str(path))


def test_the_theorem_says_what_grows_by_what(tmp_path):
    (sentence,) = check_members(members(relu_pair()), tmp_path).sentences
    assert sentence == (
        "For all -1.0 <= x[0] <= 1.0, -1.0 <= x[1] <= 1.0: 1.0 * y[0] + 7.0 grows by >= 0.0 per "
        "unit of x[0] if no other input changes (it does not decrease)."
    )
    (sentence,) = check_members(members(relu_pair(), least=-1.5, sign=-1.0), tmp_path).sentences
    assert sentence.endswith(
        "-1.0 * y[0] + 7.0 grows by >= -1.5 per unit of x[0] if no other input changes."
    )


def test_a_slope_that_is_0_is_proved_to_be_no_less(tmp_path):
    """The slope is exactly 0 where all units are off: rounding must not lower it."""
    assert check_members(members(relu_pair()), tmp_path).boxes == 1
    assert check_members(members(relu_pair(), by=1, sign=-1.0), tmp_path).boxes == 1
    off = {"box": ((-2.0, -1.0), (-1.0, 1.0))}
    for sign in (1.0, -1.0):
        assert check_members(members(relu_pair(), sign=sign, **off), tmp_path).boxes == 1
    for least, more in ((5e-324, {}), (5e-324, off), (0.0, {"sign": -1.0})):
        with pytest.raises(Refused, match="not proved"):
            check_members(members(relu_pair(), least=least, **more), tmp_path)


@pytest.mark.parametrize("inner", [1, -1])
@pytest.mark.parametrize("weight", [1, -1])
def test_signs_are_those_of_the_weights_however_small(inner, weight, tmp_path):
    """-2^-90 is no multiple of 2^-80; it is negative all the same, and its opposite is not."""
    net = Network(1)
    (unit,) = curve(net, "kink", [{0: fmpq(inner)}], (0, 1))
    net.outputs = [{k: v * fmpq(weight, 2**90) for k, v in unit.items()}]
    side, sign = {"box": ((-1.0, 1.0),)}, float(inner * weight)
    assert check_members(members(net, sign=sign, **side), tmp_path).boxes == 1
    with pytest.raises(Refused, match="not proved"):
        check_members(members(net, sign=-sign, **side), tmp_path)
    net.outputs = curve(net, "kink", net.outputs, (1, 1))
    assert check_members(members(net, sign=sign, **side), tmp_path).boxes == 1
    with pytest.raises(Refused, match="not proved"):
        check_members(members(net, sign=-sign, **side), tmp_path)


def test_signs_of_sums_are_not_believed(tmp_path):
    """1/3 - (1/3 - 2^-100) is above 0, whatever is left of it in multiples of 2^-80."""
    net = Network(1)
    (x,) = entries(net)
    pair = curve(net, "kink", [combine([(fmpq(1), x)], fmpq(9))] * 2, (0, 1))
    third = fmpq(1, 3)
    net.outputs = [combine([(third, pair[0]), (fmpq(1, 2**100) - third, pair[1])])]
    for sign in (1.0, -1.0):
        with pytest.raises(Refused, match="not proved"):
            check_members(members(net, sign=sign, box=((-1.0, 1.0),)), tmp_path)
        forged = members(net, sign=sign, least=-1e-20, box=((-1.0, 1.0),))
        assert check_members(forged, tmp_path).boxes == 1
    net.outputs = curve(net, "kink", net.outputs, (2**105, 2**105))  # grows by 32
    with pytest.raises(Refused, match="not proved"):
        check_members(members(net, sign=-1.0, box=((-1.0, 1.0),)), tmp_path)


def test_rows_into_which_units_were_put_have_no_signs(tmp_path):
    """The second sum is -2^-91 x, of which nothing is left; what is made of it is 16 x."""
    net = Network(1)
    (unit,) = curve(net, "kink", [{0: fmpq(-1)}], (fmpq(1, 2), fmpq(1, 2)))
    tiny = {k: v * fmpq(1, 2**90) for k, v in unit.items()}
    net.outputs = curve(net, "kink", [tiny], (-(2**95), 0))
    forged = members(net, least=-1.0, sign=-1.0, box=((1.0, 2.0),))
    claim = json.loads(forged["claim.json"])
    claim["parts"][0]["claims"][0]["any"][0]["plus"] = number(0.0)
    del claim["parts"][0]["by"]
    with pytest.raises(Refused, match="not proved"):
        check_members(forged | {"claim.json": json.dumps(claim).encode()}, tmp_path)


def test_a_kink_in_the_box_has_both_slopes_and_halves_have_one(tmp_path):
    """2 |x| = 2 relu(x) + 2 relu(-x)."""
    net = Network(1)
    (x,) = entries(net)
    pair = curve(net, "kink", [x, {0: fmpq(-1)}], (0, 1))
    net.outputs = [combine([(fmpq(2), f) for f in pair])]
    assert check_members(members(net, least=-2.000001, box=((-1.0, 1.0),)), tmp_path).boxes == 1
    with pytest.raises(Refused, match="not proved"):
        check_members(members(net, least=-1.999, box=((-1.0, 1.0),)), tmp_path)
    with pytest.raises(Refused, match="not proved"):
        check_members(members(net, least=1.99, tree=HALVES, box=((-1.0, 1.0),)), tmp_path)
    assert check_members(members(net, least=1.99, box=((0.5, 1.0),)), tmp_path).boxes == 1


@pytest.mark.parametrize("by", [2, -1, True, False, "0", 0.0, 2**70, [0], {}])
def test_an_input_that_does_not_exist_is_named(by, tmp_path):
    with pytest.raises(Refused, match="no input"):
        check_members(members(relu_pair(), by=by), tmp_path)


def test_several_forms_and_values_attained_do_not_grow(tmp_path):
    two = [{"y": {"0": number(1.0)}, "plus": number(0.0)}] * 2
    at = {"x": [number(0.0)] * 2, "value": number(7.0)}
    for more in ({"any": two}, {"attained": at}):
        with pytest.raises(Refused, match="must have exactly one form"):
            check_members(members(relu_pair(), **more), tmp_path)


@pytest.mark.parametrize("name", [2, 3, 0, -1, "2", "3", True])
@pytest.mark.parametrize("slopes", [None, ["0", "1"]])
def test_no_network_has_gates_of_its_own(name, slopes, tmp_path):
    forged = members(relu_pair())
    net = json.loads(forged["network.json"])
    net["blocks"][0] = {"curve": name, "forms": net["blocks"][0]["forms"]}
    net["blocks"][0] |= {} if slopes is None else {"slopes": slopes}
    with pytest.raises(Refused, match="not covered"):
        check_members(seal_members(forged | {"network.json": json.dumps(net).encode()}), tmp_path)


def test_a_gate_is_never_decided(tmp_path):
    """Units 2 and 3 are kinks; 4 and 5 their gates, which a list of units may name, no more."""
    case = bytes([1 | 4 | 16, 1, 2, 2, 4])
    leaf = bytes([4, 0, 0, 0])
    tree = case + bytes([1 | 2, 0]) + leaf + leaf
    assert check_members(members(relu_pair(), tree=tree), tmp_path).boxes == 1
    with pytest.raises(Refused, match="no kink"):
        check_members(members(relu_pair(), tree=case + bytes([1 | 2, 1]) + leaf + leaf), tmp_path)
    default = bytes([1 | 4, 1, 1, 1, 0, 0, 0, 0])  # unit 3 is off in this box: 0 is 2, 1 its gate
    with pytest.raises(Refused, match="no kink"):
        check_members(members(relu_pair(), tree=default), tmp_path)


def test_a_sign_settles_the_gates_of_its_unit(tmp_path):
    """relu(x) - relu(x - 1/2) / 2 has the slopes 0, 1 and 1/2, never -1/2."""
    net = Network(1)
    (x,) = entries(net)
    pair = curve(net, "kink", [x, {0: fmpq(1), -1: fmpq(-1, 2)}], (0, 1))
    net.outputs = [combine([(fmpq(1), pair[0]), (fmpq(-1, 2), pair[1])])]
    multiplier, leaf = [1, 0, 128], [0, 0]
    void = [8, 2, 0, *multiplier, 1, *multiplier]
    side = {"box": ((-1.0, 1.0),)}
    for tighten in (2, 0):
        decide = 1 | tighten
        tree = bytes([1 | 4, 1, decide, 0, *leaf, decide, 1, *void, *leaf])
        forged = members(net, tree=tree, **side)
        if tighten:
            assert (
                check_members(forged, tmp_path).boxes
                == second_checker.check(tmp_path / "a.proof")
                == 1
            )
        else:  # nothing is bounded once more, and gates are what they are in the box
            with pytest.raises(Refused, match="not proved"):
                check_members(forged, tmp_path)
    with pytest.raises(Refused, match="not proved"):
        check_members(members(net, least=5e-324, tree=tree, **side), tmp_path)
    with pytest.raises(Refused, match="not proved"):
        check_members(members(net, **side), tmp_path)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_slope_below_0_by_less_than_a_unit_is_no_0(sign, tmp_path):
    """A curve of slope 2^-80 and a weight of 2^-80: the slope is 2^-161, or below 0 by as much."""
    net, tiny = Network(1), fmpq(1, 2**80)
    (x,) = entries(net)
    (unit,) = curve(net, "kink", [combine([(fmpq(sign, 2), x)])], (tiny, tiny))
    (two,) = curve(net, "kink", [combine([(tiny, unit)])], (1, 1))
    net.outputs = [two]
    forged = members(net, box=((-1.0, 1.0),))
    if sign > 0:
        check_members(forged, tmp_path)
    else:
        with pytest.raises(Refused, match="not proved"):
            check_members(forged, tmp_path)
