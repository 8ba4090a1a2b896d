"""Conditions on several networks: against other questions, files, brute force and known values."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from outrange import (
    InputError,
    Mixed,
    Union,
    bad_inputs,
    counterexamples,
    difference_range,
    load,
    maximize,
    output_range,
    verify,
    x,
)
from outrange.graph import Builder, Slot
from questions.nets import dense_net


SIZES, CURVES = (2, 6, 5, 2), ("relu", "relu", None)


def pair(seed):
    """Return two networks with nearly equal weights."""
    rng = np.random.default_rng(seed)
    first = [(rng.normal(size=(n, m)), rng.normal(size=m)) for n, m in pairwise(SIZES)]
    second = [tuple(w + rng.normal(size=w.shape) * 0.05 for w in layer) for layer in first]
    return [dense_net(SIZES, CURVES, weights=weights).graph for weights in (first, second)]


def linear(*rows):
    b = Builder([Slot("x", (len(rows[0]),))])
    (v,) = b.input_values()
    return b.finish([b.dense(v, np.array(rows, float).T)], ["y"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_shared_input_agrees_with_the_difference_range(seed):
    f, g = pair(seed)
    apart = difference_range(f, g, (-1, 1))
    widest = float(np.max(np.maximum(apart.hi, -apart.lo)))
    assert verify({"f": f, "g": g}, f"max(abs(f.y - g.y).max(), 0) <= {widest * 1.01}", (-1, 1))
    seen = float(np.max(np.maximum(apart.seen_hi, -apart.seen_lo)))
    broken = verify({"f": f, "g": g}, lambda f, g: (abs(f.y - g.y) <= seen * 0.99).all(), (-1, 1))
    point = broken.counterexample.x
    gap = np.abs(f.run(point[None]) - g.run(point[None])).max()
    assert gap > seen * 0.99


@pytest.mark.parametrize("seed", range(4))
def test_separate_inputs_have_separate_extremes(seed):
    f, g = pair(seed)
    boxes = {"f": (-1, 0), "g": (0, [1, 2])}
    top = sum(float(output_range(net, boxes[name]).hi[0]) for name, net in (("f", f), ("g", g)))
    assert verify({"f": f, "g": g}, f"f.y[0] + g.y[0] <= {top + 1e-3}", boxes)
    broken = verify({"f": f, "g": g}, f"f.y[0] + g.y[0] <= {top - 1e-2}", boxes)
    at = broken.counterexample.x
    assert f.run(at["f.x"][None])[0, 0] + g.run(at["g.x"][None])[0, 0] > top - 1e-2
    assert (at["f.x"] <= 0).all() and (at["g.x"] >= 0).all()


def test_related_inputs_have_a_known_answer():
    net = linear([2.0, 1.0])
    models, boxes = {"a": net, "b": net}, {"a": (0, 1), "b": (0, 1)}
    near = "b.x[1] == a.x[1] and a.x[0] <= b.x[0] and b.x[0] <= a.x[0] + 0.25"
    assert verify(models, "-1e-6 <= b.y[0] - a.y[0] <= 0.500001", boxes, where=near)
    broken = verify(models, "b.y[0] - a.y[0] <= 0.49", boxes, where=near)
    at = broken.counterexample.x
    assert at["b.x"][1] == at["a.x"][1]
    assert at["b.x"][0] - at["a.x"][0] > 0.245
    all_equal = lambda a, b: (a.x == b.x).all()  # noqa: E731
    assert verify(models, "abs(a.y[0] - b.y[0]) <= 1e-6", boxes, where=all_equal)
    assert verify(models, "a.y[0] == b.y[0]", boxes, where="a.x[0] >= 2").vacuous


def test_names_of_loaded_networks_are_variables():
    f, g = load(linear([1.0, 0.0]), name="f"), load(linear([0.0, 1.0]), name="g")
    models = {"f": f, "g": g}
    assert verify(models, g.y[0] <= f.y[0] + 1e-6, (0, 1), where=x[1] <= x[0])
    assert not verify(models, g.y[0] <= f.y[0], (0, 1), where=g.x[1] <= f.x[0] + 0.1)
    assert repr(g.y[0] <= f.y[0]) == "g.y[0] <= f.y[0]"


def test_three_networks_and_a_name_for_outputs():
    b = Builder([Slot("s", (1,)), Slot("t", (1,))])
    s, t = b.input_values()
    net = b.finish([s, t], ["first", "second"])
    models = {"f": net, "g": net, "h": net}
    condition = 'f.y["first"][0] + g.y["second"][0] - h.x["s"][0] == f.x["t"][0]'
    assert verify(models, condition, {"s": (0, 1), "t": (-1, 1)})


@pytest.mark.parametrize(
    ("condition", "box", "where", "message"),
    [
        ("h.y[0] <= 1", (0, 1), None, "the networks are f, g"),
        ("y[0] <= 1", (0, 1), None, "must name the network"),
        ("f.y[0] <= 1", (0, 1), "f.y[0] <= 1", "must use only `x`"),
        ("f.y[7] <= 1", (0, 1), None, "out of bounds"),
        (lambda a, b: a.y[0] <= 1, (0, 1), None, "lambda f, g"),
        (lambda f, z: f.y[0] <= 1, (0, 1), None, "lambda f, g"),
        ("f.y[0] <= 1", {"f": (0, 1)}, None, "one box for each network"),
        ("f.y[0] <= x[0]", {"f": (0, 1), "g": (0, 1)}, None, "must name the network"),
        ("f.y[0] <= 1", {"f": (0, 1), "g": (2, 3)}, "f.x[0] == g.x[0]", "overlap"),
        ("f.y[0] <= 1", None, None, "needs an input set"),
        ("f.y[0] <= 1", {"f": (0, 1), "g": (0, np.nan)}, None, "finite"),
    ],
)
def test_misfits_are_refused(condition, box, where, message):
    f, g = linear([1.0, 0.0]), linear([0.0, 1.0])
    with pytest.raises(InputError, match=message):
        verify({"f": f, "g": g}, condition, box, where=where)


def test_names_and_sizes_are_checked():
    f, g = linear([1.0, 0.0]), linear([0.0, 1.0, 1.0])
    with pytest.raises(InputError, match="same sizes"):
        verify({"f": f, "g": g}, "f.y[0] <= g.y[0]", (0, 1))
    assert verify({"f": f, "g": g}, "f.y[0] <= g.y[0] + 1", {"f": (0, 1), "g": (0, 1)})
    for name in ("x", "my net", "", 3):
        with pytest.raises(InputError, match="identifier"):
            verify({name: f, "g": f}, "g.y[0] <= 1", (0, 1))
    with pytest.raises(InputError, match="at least one model"):
        verify({}, "g.y[0] <= 1", (0, 1))
    with pytest.raises(InputError, match="pass a dict of models"):
        verify(f, "g.y[0] <= 1", (0, 1))


def test_float32_and_partly_shared_inputs():
    """The counterexample has the inputs of each network, also where they share some."""
    net = linear([2.0, 1.0])
    models, boxes = {"a": net, "b": net}, {"a": (0, 1), "b": (0, 1)}
    same = "a.x[1] == b.x[1]"
    assert verify(models, "b.y[0] - a.y[0] <= 2.1", boxes, where=same, arithmetic="float32")
    run = replace(load(net), predict=lambda x: net.run(np.float32(x)))
    runs, options = {"a": run, "b": run}, {"where": same, "arithmetic": "float32"}
    broken = verify(runs, "b.y[0] <= a.y[0]", boxes, **options)
    assert broken.status == "VIOLATED"
    assert broken.counterexample.x["a.x"][1] == broken.counterexample.x["b.x"][1]
    examples = counterexamples(models, "b.y[0] <= a.y[0]", boxes, where=same, count=3)
    assert len(examples) == 3
    assert all(e.x["a.x"][1] == e.x["b.x"][1] for e in examples)
    assert all(2 * e.x["b.x"][0] > 2 * e.x["a.x"][0] for e in examples)


def test_entries_keep_their_names_if_others_of_the_input_are_shared():
    net = linear([1.0, 1.0])
    boxes = {"f": (0, 1), "g": (0, [1, 5])}
    bad = bad_inputs({"f": net, "g": net}, "g.y[0] <= 3", boxes, where="f.x[0] == g.x[0]")
    assert bad.inputs == {"f.x": (2,), "g.x[1]": ()}
    assert bad.records()[0]["g.x[1] hi"] == 5


def test_extreme_values_over_several_networks():
    f, g = linear([1.0, 0.0]), linear([0.0, 1.0])
    best = maximize({"f": f, "g": g}, "f.y[0] - 2 * g.y[0]", {"f": (0, 1), "g": (3, 4)})
    np.testing.assert_allclose([best.lo, best.hi], -5, atol=1e-5)
    best = maximize({"f": f, "g": g}, "f.y[0] - g.y[0]", (0, 1), where="f.y[0] <= 0.5")
    np.testing.assert_allclose([best.lo, best.hi], 0.5, atol=1e-4)
    bad = bad_inputs({"f": f, "g": g}, "f.y[0] <= g.y[0]", (0, 1))
    assert bad.share_lo <= 0.5 <= bad.share_hi


def test_products_of_values_of_several_networks():
    f, g = linear([1.0, 0.0]), linear([0.0, 1.0])
    models, boxes = {"f": f, "g": g}, {"f": (0, 1), "g": (0, 1)}
    assert verify(models, "f.y[0] * g.y[0] <= 0.26", (0, 1), where="f.x[0] + g.x[1] <= 1")
    ball = "f.x[0] ** 2 + g.x[1] ** 2 <= 1 and f.x[1] == g.x[1]"
    assert verify(models, "f.y[0] + g.y[0] <= 1.43", boxes, where=ball)
    broken = verify(models, "f.y[0] + g.y[0] <= 1.4", boxes, where=ball)
    at = broken.counterexample.x
    assert at["f.x"].shape == at["g.x"].shape == (2,)
    assert at["f.x"][0] ** 2 + at["g.x"][1] ** 2 <= 1
    assert at["f.x"][0] + at["g.x"][1] > 1.4


def test_the_sets_of_several_networks_may_be_tables():
    """A mixture of categories, which the table does not allow, was a counterexample."""
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    graph = b.finish([b.curve("relu", b.dense(x, np.array([[1.0], [1], [0]]), [-1.0]))], ["y"])
    table = Mixed((0, 1), one_hot=[[0, 1, 2]])
    models = {"f": graph, "g": graph}
    assert verify(models, "f.y[0] <= 0.5", {"f": (0, 1), "g": (0, 1)}).status == "VIOLATED"
    for box in ({"f": table, "g": table}, {"f": table, "g": (0, 1)}):
        assert verify(models, "f.y[0] <= 0", box).status == "HOLDS"
    crossed = verify(models, "g.y[0] <= 0.5", {"f": table, "g": (0, 1)})
    assert crossed.status == "VIOLATED"
    point = np.concatenate([np.ravel(part) for part in crossed.counterexample.x.values()])
    assert sorted(point[:3]) == [0, 0, 1]
    equal = " and ".join(f"f.x[{i}] == g.x[{i}]" for i in range(3))
    shared = verify(models, "g.y[0] <= 0", {"f": table, "g": (0, 1)}, where=equal)
    assert shared.status == "HOLDS"
    with pytest.raises(InputError, match="must be a box or a table"):
        verify(models, "f.y[0] <= 1", {"f": Union((0, 1), (2, 3)), "g": (0, 1)})
