"""Directions along integer inputs, and along real inputs beside them."""

from itertools import product

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import InputError, monotone
from outrange.graph import Builder, Slot
from outrange.graph.composites.logic import look_up_integer
from outrange.graph.rewrites.unit_step import fix_inputs, unit_step_difference


def code_net(rows, weights, curve="relu", slots=None):
    """Return `curve([table[code], x] @ weights) . 1` for a `code` and a real vector `x`.

    With several codes, their rows are concatenated.
    """
    rows = np.asarray(rows, float)
    (first, last), size = weights, weights[0].shape[0] - rows.shape[1]
    codes, x = slots or (Slot("code", (1,), whole=True), Slot("x", (size,)))
    b = Builder([codes, x])
    code, x = b.input_values()
    table = b.reshape(look_up_integer(b, rows, code), (1, -1))
    hidden = b.curve(curve, b.dense(b.concat([table, x], 1), first, np.zeros(first.shape[1])))
    return b.finish([b.dense(hidden, last, np.zeros(1))], ["y"])


def random_net(seed, codes=1, curve="relu", rows=3):
    """Return a random network of integer codes (a table with one column) and one real input."""
    draw = np.random.default_rng(seed)
    first, last = draw.normal(size=(codes + 1, 3)), draw.normal(size=(3, 1))
    slots = (Slot("code", (codes,), whole=True), Slot("x", (1,)))
    table = draw.normal(size=(rows, 1))
    b = Builder(slots)
    code, x = b.input_values()
    looked_up = b.reshape(look_up_integer(b, table, code), (1, codes))
    hidden = b.curve(curve, b.dense(b.concat([looked_up, x], 1), first, draw.normal(size=3)))
    return b.finish([b.dense(hidden, last, np.zeros(1))], ["y"])


def change(pair):
    """Return the change of the inputs of a counterexample, flat."""
    return np.concatenate([np.ravel(pair.then[k]) - np.ravel(pair.x[k]) for k in pair.x])


@pytest.mark.parametrize("curve", ["relu", "tanh"])
@pytest.mark.parametrize("codes", [1, 2])
def test_directions_are_those_of_an_enumeration(codes, curve):
    decided = 0
    for seed in range(cases(6, 60)):
        graph = random_net(seed, codes, curve)
        answer = monotone(graph, {"code": (0, 2), "x": (-1, 1)}, budget=2)
        grid = np.array(list(product(*[range(3)] * codes, np.linspace(-1, 1, 101))))
        y = graph.run(grid).reshape(*[3] * codes, 101)
        for i, trend in enumerate(answer.trends):
            steps = np.diff(y, axis=i)
            falls, rises = (steps < -1e-9).any(), (steps > 1e-9).any()
            assert not (trend.rises and falls) and not (trend.falls and rises)
            decided += trend.direction in ("neither", "constant") or bool(rises != falls)
            for pair, sign in ((trend.fall, 1), (trend.rise, -1)):
                if pair is not None:
                    step = change(pair)
                    assert step[i] > 0 and np.count_nonzero(step) == 1
                    ends = [np.concatenate([p["code"], p["x"]]) for p in (pair.x, pair.then)]
                    assert all((end[:codes] == np.rint(end[:codes])).all() for end in ends)
                    before, after = graph.run(np.array(ends))[:, 0]
                    assert sign * after < sign * before
    assert decided


def test_codes_alone_are_decided_exactly():
    """Codes 1 and 2 have the same row, so the output rises, but not strictly."""
    for table, expected in (
        ([0.1, 0.3, 0.3], "rises"), ([0.3, 0.3, 0.1], "falls"), ([0.3, 0.3, 0.3], "constant"),
        ([0.1, 0.3, 0.2], "neither"),
    ):  # fmt: skip
        b = Builder([Slot("code", (1,), whole=True)])
        row = look_up_integer(b, np.array(table)[:, None], b.input_values()[0])
        hidden = b.dense(b.reshape(row, (1, 1)), np.array([[0.1, 0.7]]), np.array([0.1, 0.2]))
        y = b.dense(b.curve("relu", hidden), np.array([[0.3], [0.9]]), np.zeros(1))
        answer = monotone(b.finish([y], ["y"]), (0, 2))
        assert [t.direction for t in answer.trends] == [expected]


def test_a_fall_between_two_codes_is_shown():
    weights = np.array([[1.0], [1.0]]), np.array([[1.0]])
    graph = code_net([[0.0], [1], [2], [1.5]], weights, curve="elu")
    answer = monotone(graph, {"code": (0, 3), "x": (0, 1)}, inputs="code", direction="rises")
    assert answer.status == "VIOLATED"
    fall = answer.trends[0].fall
    assert fall is not None and (fall.x["code"], fall.then["code"]) == ([2.0], [3.0])
    assert "y[0] falls in code[0] from" in str(answer)
    assert "code[0] 0..3" in str(answer) and "integers: code[0]" in str(answer)
    # The real input can be judged for every code, and so can the codes without the last one.
    assert monotone(graph, {"code": (0, 3), "x": (0, 1)}, inputs="x", direction="rises")
    assert monotone(graph, {"code": (0, 2), "x": (0, 1)}, direction="rises")


def test_the_values_between_codes_do_not_matter():
    """The slope in `x` is positive for the codes 0 and 2, but negative for code 1."""
    weights = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), np.array([[-8.0], [1.0], [8.0]])
    graph = code_net([[3.0], [-9.0], [3.0]], weights)

    def ask(code):
        return monotone(graph, {"code": code, "x": (0, 1)}, inputs="x").trends[0].direction

    assert [ask((k, k)) for k in range(3)] == ["rises", "rises", "rises"]
    assert ask((0, 2)) == "rises"


def test_a_difference_of_exactly_zero_is_decided():
    """For codes 1 and 2, and for small `x`, all units are off, so the output does not change."""
    weights = np.array([[0.3, 0.7], [0.1, -0.9]]), np.array([[0.3], [0.6]])
    rows = [[-0.7], [-0.1], [-0.1], [0.9]]
    answer = monotone(code_net(rows, weights), {"code": (0, 3), "x": (-1, 1)}, inputs="code")
    assert answer.trends[0].direction == "rises" and answer.reason == "decided"
    off = monotone(code_net(rows[:3], weights), {"code": (0, 2), "x": (0.4, 1)}, inputs="code")
    assert off.trends[0].direction in ("rises", "constant")


def test_fixed_inputs_become_constants():
    for codes in (1, 2):
        graph = random_net(5, codes, "tanh")
        x = np.array([[1.0] * codes + [0.3], [1.0] * codes + [-0.9]])
        fixed = fix_inputs(graph, np.array([1.0] * codes + [np.nan]))
        np.testing.assert_array_equal(fixed.run(x), graph.run(x))
        elsewhere = x * np.array([0.0] * codes + [1.0])  # The fixed inputs are not read.
        np.testing.assert_array_equal(fixed.run(elsewhere), graph.run(x))
        assert not any(node.op.name == "lookup" for node in fixed.nodes)


def test_an_input_without_effect_is_constant():
    b = Builder([Slot("code", (1,), whole=True), Slot("x", (1,))])
    _, x = b.input_values()
    graph = b.finish([b.dense(b.curve("tanh", x), np.array([[0.3]]), np.array([0.1]))], ["y"])
    answer = monotone(graph, {"code": (0, 5), "x": (0, 1)})
    assert [t.direction for t in answer.trends] == ["constant", "rises"]


def test_a_fixed_code_is_fixed():
    answer = monotone(random_net(0), {"code": 1, "x": (-1, 1)}, inputs="code")
    assert [t.direction for t in answer.trends] == ["fixed"]


def test_a_group_of_integer_inputs():
    """The dummies `code[0]` and `code[1]` are never both 1, where the output would fall."""
    b = Builder([Slot("code", (2,), whole=True)])
    (code,) = b.input_values()
    both = b.curve("relu", b.dense(code, np.array([[1.0], [1.0]]), np.array([-1.0])))
    y = b.dense(b.concat([code, both], 1), np.array([[1.0], [2.0], [-5.0]]), np.zeros(1))
    graph = b.finish([y], ["y"])
    assert [t.direction for t in monotone(graph, (0, 1)).trends] == ["neither", "neither"]
    dummies = outrange.Mixed((0, 1), at_most_one=[[0, 1]])
    with pytest.warns(UserWarning, match="does not respect"):
        answer = monotone(graph, dummies)
    assert [t.direction for t in answer.trends] == ["rises", "rises"]
    answer = monotone(graph, outrange.Mixed((0, 1), one_hot=[[0, 1]]))
    assert [t.direction for t in answer.trends] == ["fixed", "fixed"]


def test_the_difference_of_a_unit_step():
    for codes in (1, 2):
        graph = random_net(3, codes, "tanh")
        x = np.array(list(product(*[range(2)] * codes, (-0.7, 0.2))), float)
        for i in range(codes):
            change = graph.run(x + np.eye(codes + 1)[i]) - graph.run(x)
            np.testing.assert_allclose(unit_step_difference(graph, i).run(x), change, atol=1e-12)


def test_time_ends_the_search():
    graph = random_net(1, codes=2, rows=3)
    answer = monotone(graph, {"code": (0, 2), "x": (-1, 1)}, budget=1e-3)
    assert answer.reason in ("time", "decided")


def test_a_certificate_needs_real_inputs(tmp_path):
    b = Builder([Slot("code", (1,), whole=True)])
    y = b.dense(b.input_values()[0], np.array([[2.0]]), np.zeros(1))
    with pytest.raises(InputError, match="a set with integers"):
        monotone(b.finish([y], ["y"]), (0, 3), certificate=tmp_path / "proof")


def test_codes_outside_the_table_are_refused():
    with pytest.raises(InputError, match="from 0 to 2"):
        monotone(random_net(0), {"code": (0, 3), "x": (-1, 1)})
