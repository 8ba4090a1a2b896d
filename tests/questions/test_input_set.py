"""Accepted forms of `box`, and the message for each mistake."""

import numpy as np
import pytest

import outrange
from outrange.core import Box, InputError
from outrange.graph import Slot
from outrange.questions.inputs.parse_box import input_box, place


ONE = (Slot("x", (2, 3)),)
TWO = (Slot("x", (2,)), Slot("u", (1,)))
LO, HI = np.zeros((2, 3)), np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "box",
    [
        (LO, HI),
        (LO[None], HI[None]),
        (0, HI),
        (LO.tolist(), HI.tolist()),
        np.stack([LO, HI]),
        np.stack([HI, LO, 0.5 * HI]).astype(np.float32),
        {"x": (LO, HI)},
        {"x": np.stack([LO, HI])},
        Box(LO.ravel(), HI.ravel()),
        {"x": Box(LO.ravel(), HI.ravel())},
    ],
)
def test_every_way_to_say_the_same_box(box):
    parsed = input_box(ONE, box)
    assert parsed.lo.tolist() == LO.ravel().tolist()
    assert parsed.hi.tolist() == HI.ravel().tolist()
    assert parsed.lo.dtype == parsed.hi.dtype == np.float64


@pytest.mark.parametrize(
    ("box", "lo", "hi"),
    [
        ((0, 1), [0, 0, 0], [1, 1, 1]),
        ({"x": (0, 1), "u": 0.25}, [0, 0, 0.25], [1, 1, 0.25]),
        ({"u": np.array([2.0]), "x": (np.array([0, 1]), 3)}, [0, 1, 2], [3, 3, 2]),
        ({"x": np.array([1.0, 2.0]), "u": (0, 1)}, [1, 2, 0], [1, 2, 1]),
        ({"x": np.array([[1.0, 2.0], [0.0, 5.0]]), "u": (0, 1)}, [0, 2, 0], [1, 5, 1]),
        ({"x": (0, 1), "u": np.array([3.0, 1.0, 2.0])}, [0, 0, 1], [1, 1, 3]),
    ],
)
def test_several_inputs(box, lo, hi):
    parsed = input_box(TWO, box)
    assert parsed.lo.tolist() == lo
    assert parsed.hi.tolist() == hi


def test_bounds_are_float64_as_given():
    parsed = input_box(ONE, (0.1, 0.3))
    assert parsed.lo[0] == 0.1
    assert parsed.hi[5] == 0.3


def test_one_feature_takes_a_plain_vector_of_data():
    parsed = input_box((Slot("x", (1,)),), np.array([10.0, 1.0, 4.0]))
    assert (parsed.lo[0], parsed.hi[0]) == (1.0, 10.0)


@pytest.mark.parametrize(
    ("slots", "box", "words"),
    [
        (ONE, (1, 0), ["`x`[0, 0]", "lo <= hi", "lo=1, hi=0", "5 others"]),
        (ONE, (0, np.where(HI == 4, -1, HI)), ["`x`[1, 1]", "lo=0, hi=-1"]),
        (ONE, (0, np.where(HI == 4, np.nan, HI)), ["`x`[1, 1]", "finite", "nan"]),
        (ONE, (-np.inf, 1), ["finite", "-inf"]),
        (ONE, (0, [1, 2, 3]), ["`hi`", "(2, 3)", "shape (3,)"]),
        (ONE, (np.zeros((5, 2, 3)), 1), ["`lo`", "(5, 2, 3)"]),
        (ONE, (0, 1, 2), ["pair", "3 entries"]),
        (ONE, ((0, 1), (0, 1)), ["tuple of tuples"]),
        (ONE, [0, 1], ["list", "tuple", "np.array"]),
        (ONE, np.zeros((0, 2, 3)), ["at least one row"]),
        (ONE, np.zeros((2, 3)), ["(n, 2, 3)", "shape (2, 3)"]),
        (ONE, np.zeros((4, 3)), ["(n, 2, 3)", "shape (4, 3)"]),
        (ONE, np.full((1, 2, 3), np.nan), ["finite", "(0, 0, 0)"]),
        (ONE, "0 1", ["real numbers"]),
        (ONE, None, ["input set is needed"]),
        (ONE, (0, 1j), ["real numbers"]),
        (ONE, 0.5, ["A box is"]),
        (ONE, Box(np.zeros(5), np.ones(5)), ["6", "5 coordinates"]),
        (ONE, {"y": (0, 1)}, ["no input named `y`", "['x']"]),
        (TWO, {"x": (0, 1)}, ["`u`", "also has"]),
        (TWO, ([0, 0], [1, 1]), ["2 inputs", "dict"]),
        (TWO, np.zeros((4, 3)), ["2 inputs", "dict"]),
        (TWO, {"x": (0, 1), "u": [0.0]}, ["list", "`u`"]),
        (TWO, {"x": (0, 1), "u": (2, 1)}, ["`u`[0]", "lo=2, hi=1"]),
    ],
)
def test_mistakes_say_which_entry(slots, box, words):
    with pytest.raises(InputError) as caught:
        input_box(slots, box)
    message = str(caught.value)
    for word in [*words, "Received: "]:
        assert word in message
    assert len(message) < 400


def test_scipy_style_bounds_are_not_taken_for_a_point():
    with pytest.raises(InputError, match="a pair per feature"):
        input_box((Slot("x", (2,)),), ((0, 1), (0, 1)))


def test_place_names_scalars_too():
    assert place((Slot("a", ()), Slot("b", (2, 2))), 0) == "`a`"
    assert place((Slot("a", ()), Slot("b", (2, 2))), 3) == "`b`[1, 0]"


def test_data_box_margins():
    x = np.array([[0.0, 5.0], [2.0, 6.0]])
    lo, hi = outrange.data_box(x, 0.5)
    assert (lo.tolist(), hi.tolist()) == ([-0.5, 4.5], [2.5, 6.5])
    lo, hi = outrange.data_box(x, 0.5, relative=True)
    assert (lo.tolist(), hi.tolist()) == ([-1.0, 4.5], [3.0, 6.5])
    assert set(outrange.data_box({"a": x, "b": x})) == {"a", "b"}


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: outrange.data_box(np.zeros((0, 3))), "at least one row"),
        (lambda: outrange.data_box([[1.0]], -1), "margin"),
        (lambda: outrange.data_box([[1.0, np.inf]]), "(0, 1)"),
        (lambda: outrange.ball([0.0], -1), "radius"),
        (lambda: outrange.ball([0.0], [1.0, 2.0]), "radius"),
        (lambda: outrange.ball([np.nan], 1), "finite"),
        (lambda: outrange.ball([5.0], 1, clip=(0, 1)), "clip"),
        (lambda: outrange.ball([0.5], 1, clip=0), "clip"),
        (lambda: outrange.ball([0.5], 1, clip=(1, 0)), "clip"),
    ],
)
def test_helpers_refuse(call, word):
    with pytest.raises(InputError, match=word.replace("(", r"\(").replace(")", r"\)")):
        call()


def test_ball_is_a_box_of_the_model():
    parsed = input_box((Slot("x", (2,)),), outrange.ball([[0.25, 0.875]], 0.25, clip=(0, 1)))
    assert (parsed.lo.tolist(), parsed.hi.tolist()) == ([0.0, 0.625], [0.5, 1.0])


def two_inputs():
    import keras

    a, b = keras.Input((2,), name="a"), keras.Input((1,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    return keras.Model([a, b], keras.layers.Dense(2, name="out")(joined))


def test_a_list_is_one_entry_per_input_as_keras_takes_it():
    pytest.importorskip("keras")
    model = two_inputs()
    by_name = {"a": (0, [1.0, 2.0]), "b": 0.5}
    expected = outrange.output_range(model, by_name)
    answer = outrange.output_range(model, list(by_name.values()))
    assert np.array_equal(answer.hi, expected.hi)
    data = [np.zeros((4, 2)), np.linspace(0, 1, 4)]
    named = dict(zip("ab", data, strict=True))
    same = outrange.output_range(model, data), outrange.output_range(model, named)
    assert np.array_equal(same[0].lo, same[1].lo)
    point = [np.zeros(2), 0.25]
    result = outrange.robustness(model, point, tol=1e-2, time_limit=5)
    assert sorted(result.x) == ["a", "b"]
    labels = outrange.load(model).graph.run(np.column_stack(data)).argmax(axis=1)
    for source in (data, named):
        assert outrange.robust_accuracy(model, source, labels, 0.0).accuracy == 1.0
    for wrong in ([data[0]], [*data, data[0]]):
        with pytest.raises(InputError, match="2 inputs"):
            outrange.output_range(model, wrong)


@pytest.mark.parametrize("shape", [(1, 1, 5), (5, 1), (1, 5)])
def test_a_flat_array_fits_where_one_axis_is_long(shape):
    slots = [Slot("x", shape)]
    lo, hi, rows = np.arange(5.0), np.arange(5.0) + 1, np.arange(10.0).reshape(2, 5)
    box = input_box(slots, (lo, hi))
    assert np.array_equal(box.lo, lo) and np.array_equal(box.hi, hi)
    assert np.array_equal(input_box(slots, {"x": lo}).hi, lo)
    assert np.array_equal(input_box(slots, rows).hi, rows[1])
    (region,) = outrange.L2Ball(lo, 0.5).regions(slots)
    assert np.array_equal(region.distances[0].center, lo)
    with pytest.raises(InputError, match=r"\(2, 3\)"):
        input_box([Slot("x", (2, 3))], (np.zeros(6), np.ones(6)))


def test_one_feature_takes_data_without_an_axis_for_it():
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    data = np.linspace(-1, 1, 5)
    assert outrange.output_range(model, data).at_lo.shape == (2, 1)
    labels = outrange.load(model).graph.run(data[:, None]).argmax(axis=1)
    assert outrange.robust_accuracy(model, data, labels, 0.0).accuracy == 1.0


@pytest.mark.parametrize("ask", [outrange.gradient_range, outrange.lipschitz, outrange.monotone])
def test_a_question_about_boxes_says_so(ask):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for inputs in (outrange.L2Ball([0, 0], 1.0), outrange.Union((0, 1), (2, 3))):
        with pytest.raises(InputError, match="requires a box"):
            ask(model, inputs)
