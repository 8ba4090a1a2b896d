"""Rows outside a training set: membership in every form of a box, and the answer about it."""

import numpy as np
import pytest

import outrange
from outrange.questions.extrapolation import training_set, widen_set
from outrange.questions.inputs.rows import flat_rows, members, slots_of
from outrange.questions.inputs.sets import regions
from questions.nets import dense_net


pandas = pytest.importorskip("pandas")

FRAME = pandas.DataFrame(
    {"area": [20.0, 55.0, 90.0], "rooms": [1, 3, 5], "city_A": [1, 0, 1], "city_B": [0, 1, 0]}
)
MIXED = outrange.data_box(FRAME, whole=True)
PLAIN = outrange.data_box(FRAME, whole=False)
IMAGES = np.random.default_rng(0).uniform(size=(5, 4, 3))


@pytest.mark.parametrize("whole", [True, False])
def test_data_lie_in_their_box(whole):
    box = MIXED if whole else PLAIN
    assert box.contains(FRAME).tolist() == [True] * 3
    assert box.contains(FRAME.assign(price=1.0)).all()
    assert box.contains(FRAME.iloc[1]) is True
    assert box.contains(FRAME.to_numpy(float)).all()
    assert outrange.data_box(IMAGES).contains(IMAGES).all()
    assert outrange.data_box(IMAGES).contains(IMAGES[0]) is True
    assert outrange.data_box(IMAGES[:, 0, 0]).contains(IMAGES[:, 0, 0]).all()
    parts = {"image": IMAGES, "age": np.arange(5.0)}
    assert outrange.data_box(parts).contains(parts).all()
    assert outrange.ball(IMAGES[0], 0.1).contains(IMAGES[0] + 0.05)
    assert not outrange.ball({"a": 1.0}, 0.1).contains({"a": 1.2})


@pytest.mark.parametrize(
    ("row", "mixed", "plain"),
    [
        ([20, 1, 1, 0], True, True),
        ([19.999, 1, 1, 0], False, False),
        ([20, 1.5, 1, 0], False, True),
        ([20, 1, 0.5, 0.5], False, True),
        ([20, 1, 1, 1], False, True),
        ([20, 1, 0, 0], False, True),
    ],
)
def test_mixed_sets_keep_their_rules(row, mixed, plain):
    assert MIXED.contains(row) is mixed
    assert PLAIN.contains([row]).tolist() == [plain]
    assert len(outrange.extrapolation(MIXED, row).outside) == (not mixed)


def test_pairs_stay_pairs():
    box = outrange.data_box([[0.0, 5.0], [2.0, 6.0]])
    lo, hi = box
    assert isinstance(box, tuple) and lo is box.lo and hi is box.hi
    net = dense_net((2, 3, 1), ("relu", None), seed=0).graph
    assert outrange.output_range(net, box).lo == outrange.output_range(net, (lo, hi)).lo


def test_distances_and_shares():
    train = [[0.0, 1.0, 7.0], [10.0, 3.0, 7.0]]
    answer = outrange.extrapolation(np.array(train), [[5, 2, 7], [-5, 2, 7], [12, 4, 6]])
    assert answer and answer.count == 3 and answer.outside.tolist() == [1, 2]
    assert answer.by.tolist() == [[-5, 0, 0], [2, 1, -1]]
    assert answer.shares.tolist() == [[0.5, 0, 0], [0.2, 0.5, np.inf]]
    cells = [(r["row"], r["column"]) for r in answer.records()]
    assert cells == [(2, "x[2]"), (2, "x[1]"), (2, "x[0]"), (1, "x[0]")]
    assert "constant column" in str(answer) and "2 of 3 rows" in answer.sentence
    assert answer.to_frame().loc[(1, "x[0]"), "by"] == -5
    within = outrange.extrapolation(np.array(train), train)
    assert not within and "within" in within.sentence and within.records() == []


@pytest.mark.parametrize(
    ("row", "columns", "words"),
    [
        ([20, 1, 1, 1], "city_A, city_B", "row 0: exactly one of `city_A`, `city_B` must be 1, "),
        ([20, 1, 1, 1], "city_A, city_B", "but 2 of them are 1."),
        ([20, 1, 0, 0], "city_A, city_B", "but none of them is 1."),
        ([20, 1, 0.5, 0.5], "city_A, city_B", "values other than 0 and 1."),
        ([20, 1.5, 1, 0], "rooms", "`rooms` is 1.5, but it must be an integer."),
    ],
)
def test_a_broken_rule_is_named_with_its_columns(row, columns, words):
    answer = outrange.extrapolation(MIXED, [row])
    assert [(r["column"], r["by"]) for r in answer.records()] == [(columns, None)]
    assert words in " ".join(str(answer).split()) and not answer.by.any()


def test_at_most_one_dummy_may_be_1():
    box = outrange.Mixed({"a": (0, 1), "b": (0, 1)}, at_most_one=[["a", "b"]])
    answer = outrange.extrapolation(box, [[1, 1], [0, 0]])
    assert answer.outside.tolist() == [0] and "at most one of `a`, `b`" in str(answer)


def test_the_rows_of_a_restricted_set_without_a_rule():
    box = outrange.Mixed(outrange.Polytope([[1, 1]], [1], box=([0, 0], [1, 1])), integers=[0])
    answer = outrange.extrapolation(box, [[1, 1]])
    assert "violates a condition" in str(answer) and len(answer.records()) == 1


def code_model():
    """Create a model of a real input and of a code from 0 to 2."""
    keras = pytest.importorskip("keras")
    area, city = keras.Input((1,), name="area"), keras.Input((1,), name="city", dtype="int32")
    code = keras.layers.Flatten()(keras.layers.Embedding(3, 2)(city))
    return keras.Model(
        [area, city], keras.layers.Dense(1)(keras.layers.Concatenate()([area, code]))
    )


def test_codes_that_the_model_does_not_accept_are_reported():
    model = code_model()
    train = pandas.DataFrame({"city": [0, 1, 2], "area": [20.0, 40.0, 90.0]})
    rows = pandas.DataFrame({"area": [50.0, 60.0, 100.0], "city": [1, 5, 1]})
    box = outrange.data_box(train, whole=True)
    answer = outrange.extrapolation(box, rows, model=model)
    assert answer.outside.tolist() == [1, 2]
    assert "row 1: `city` is 5, but the model accepts only integers from 0 to 2" in str(answer)
    assert answer.outer.over.hi.tolist() == [100.0, 2.0] and answer.outer.hi >= answer.inner.hi
    alone = outrange.extrapolation(box, rows[:2], model=model)
    assert alone.outside.tolist() == [1] and alone.outer is None
    assert "accepts no row outside" in str(alone)
    parts = outrange.data_box({"area": [[20.0], [90.0]], "city": [[0], [2]]})
    within = outrange.extrapolation(parts, {"area": [[50.0]], "city": [[0.5]]}, model=model)
    assert within.outside.tolist() == [0] and "`city[0]` is 0.5" in str(within)


@pytest.mark.parametrize("box", [MIXED, PLAIN, outrange.data_box(FRAME.to_numpy(float))])
def test_the_outer_set_holds_the_rows_and_the_set(box):
    net = dense_net((4, 5, 2), ("relu", None), seed=1).graph
    rows = [[100, 2, 1, 0], [10, 8, 0, 1]]
    answer = outrange.extrapolation(box, rows, model=net)
    assert (answer.outer.lo <= answer.inner.lo).all() and (answer.outer.hi >= answer.inner.hi).all()
    for values in net.run(np.array(rows, float)):
        assert (answer.outer.lo <= values).all() and (values <= answer.outer.hi).all()
    assert answer.sources and answer.model
    wider = widen_set(box, np.array(rows, float))
    assert type(wider) is type(box) and wider.contains(rows).all()
    assert outrange.extrapolation(box, FRAME, model=net).outer is None


def test_rows_that_break_a_rule_give_it_up():
    wider = widen_set(MIXED, np.array([[20.0, 1.0, 1.0, 1.0]]))
    assert not isinstance(wider, outrange.Mixed) and wider.contains([20, 1, 1, 1])


def test_membership_is_that_of_the_regions():
    rng = np.random.default_rng(3)
    rows = np.round(rng.uniform([0, 0, 0, 0], [100, 6, 1, 1], (200, 4)) * 2) / 2
    slots = slots_of(MIXED)
    flat, _ = flat_rows(slots, rows)
    expected = [
        20 <= a <= 90 and r in (1, 2, 3, 4, 5) and (x, y) in ((0, 1), (1, 0))
        for a, r, x, y in rows.tolist()
    ]
    assert members(regions(slots, MIXED), flat).tolist() == expected
    assert 0 < sum(expected) < 200
    assert isinstance(training_set(FRAME.to_numpy(float)), tuple)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (FRAME.drop(columns="rooms"), "`rooms` is missing"),
        ({"area": 1.0}, "`rooms` is missing"),
        ([[1.0, 2.0]], "shape"),
        ([[1.0, np.nan, 1, 0]], "finite"),
        (np.zeros((0, 4)), "at least one row"),
        ({"area": [1.0, 2.0], "rooms": 3, "city_A": 1, "city_B": 0}, "the same number of rows"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, message):
    with pytest.raises(outrange.InputError, match=message):
        outrange.extrapolation(PLAIN, rows)


def test_a_set_without_shapes_is_refused():
    with pytest.raises(outrange.InputError, match="data_box"):
        outrange.extrapolation(outrange.L2Ball([0.0, 0.0], 1.0), [[0.0, 0.0]])


def test_a_dict_of_columns_is_training_data():
    columns = {"area": np.array([20.0, 55.0, 90.0]), "rooms": [1, 3, 5]}
    net = dense_net((2, 3, 1), ("relu", None), seed=0).graph
    table = FRAME[["area", "rooms"]].astype(float)
    for box in (columns, {**columns, "rooms": (1.0, 5.0)}):
        answer = outrange.extrapolation(box, {"area": 100.0, "rooms": 2})
        assert answer.outside.tolist() == [0] and answer.by.tolist() == [[10.0, 0.0]]
        assert not outrange.extrapolation(box, table)
    answer = outrange.extrapolation(columns, [[100.0, 2.0]], model=net)
    expected = outrange.extrapolation(table.to_numpy(), [[100.0, 2.0]], model=net)
    assert answer.outer.hi == expected.outer.hi
    assert answer.over.names == ("area", "rooms")
    stacked = {name: np.reshape(part, (3, 1)) for name, part in columns.items()}
    assert outrange.data_box(columns).contains(stacked).all()
    nested = outrange.extrapolation(table.to_numpy().tolist(), [[100.0, 2.0]])
    assert nested.outside.tolist() == [0]


def test_bounds_of_different_shapes_are_refused():
    with pytest.raises(outrange.InputError, match=r"same shape. Received: shapes \(2,\) and"):
        outrange.extrapolation((np.zeros(2), np.ones(3)), [[0.0, 0.0]])
