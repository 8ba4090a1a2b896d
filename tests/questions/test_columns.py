"""Columns of a table name the features of a model with one flat input, in every question."""

import warnings

import numpy as np
import pytest

import outrange
from outrange import x, y
from outrange.core import InputError
from outrange.core.errors import RelaxedSetWarning
from outrange.frontends.network import Network
from outrange.graph import Builder, Slot
from outrange.questions.inputs.columns import whole_sentence


pd = pytest.importorskip("pandas")

NAMES = ["speed", "mode", "red", "blue"]


@pytest.fixture
def frame(rng):
    table = pd.DataFrame({"speed": rng.uniform(0, 30, 40), "mode": rng.integers(0, 3, 40)})
    table["color_red"] = rng.integers(0, 2, 40).astype(bool)
    table["color_blue"] = ~table["color_red"]
    return table


@pytest.fixture
def plain():
    builder = Builder([Slot("features", (4,))])
    (value,) = builder.input_values()
    draw = np.random.default_rng(3)
    hidden = builder.dense(value, draw.normal(size=(4, 6)), draw.normal(size=6))
    out = builder.dense(builder.curve("relu", hidden), draw.normal(size=(6, 2)))
    graph = builder.finish([out], ["out"])
    return Network(graph, graph.run, "table", "graph")


@pytest.fixture
def name_columns(plain):
    return outrange.load(plain, names=NAMES)


BOX = {"speed": (0, 30), "mode": 1.0, "red": (0, 1), "blue": 0}


def test_a_box_by_column_is_the_box_by_arrays(plain, name_columns):
    arrays = (np.array([0, 1.0, 0, 0]), np.array([30, 1.0, 1, 0]))
    expected = outrange.output_range(plain, arrays)
    for answer in (
        outrange.output_range(name_columns, BOX),
        outrange.output_range(name_columns, arrays),
    ):
        assert np.array_equal(answer.lo, expected.lo)
        assert np.array_equal(answer.hi, expected.hi)
        assert list(answer.at_lo) == NAMES
        assert np.array_equal(answer.at_lo["speed"], expected.at_lo[:, 0])
        assert "at speed = " in str(answer)


def test_every_question_speaks_of_the_columns(name_columns):
    messages = {
        "verify": outrange.verify(name_columns, y[0] <= -100, BOX),
        "monotone": outrange.monotone(name_columns, BOX, inputs=["speed"]),
        "gradient": outrange.gradient_range(name_columns, BOX, time_limit=5),
        "sampled": outrange.sample_range(name_columns, BOX, samples=100),
        "minimize": outrange.minimize(name_columns, y[0] + x["speed"], BOX),
        "bad inputs": outrange.bad_inputs(name_columns, y[0] <= -100, BOX, time_limit=5),
    }
    for name, answer in messages.items():
        assert "speed" in str(answer) or "speed" in str(answer.as_dict()), name
    assert list(messages["verify"].counterexample.x) == NAMES
    assert list(messages["minimize"].at) == NAMES
    radius = outrange.robustness(name_columns, dict.fromkeys(NAMES, 0.5), time_limit=5)
    assert list(radius.x) == NAMES


def test_counterexamples_of_a_table_show_each_column(frame):
    wide = pd.concat([frame, frame.add_prefix("late_")], axis=1)
    builder = Builder([Slot("features", (8,))])
    total = builder.dense(builder.input_values()[0], np.ones((8, 1)), np.zeros(1))
    graph = builder.finish([total], ["total"])
    model = outrange.load(Network(graph, graph.run, "total", "graph"), names=list(wide))
    answer = outrange.counterexamples(model, y[0] <= -100, outrange.data_box(wide, whole=True))
    lines = str(answer).splitlines()
    assert "numbers from" not in str(answer) and len(answer) == 10
    for name in wide:
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert len(line.split()) == 6  # a name and five counterexamples
    assert any(line.startswith("model breaks it too") for line in lines)


def test_conditions_take_names_and_places(name_columns):
    for condition in (x["speed"] >= 2, x[0] >= 2):
        assert outrange.verify(name_columns, condition, (2, 3)).holds
        assert outrange.verify(name_columns, condition, (1, 3)).status == "VIOLATED"
    assert outrange.minimize(name_columns, x.sum(), (0, 1)).lo == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["inf", 1, 2])
def test_columns_are_one_vector_to_a_norm(plain, name_columns, norm):
    point = np.array([0.25, 0.5, -0.5, 0.125])
    by_name = dict(zip(NAMES, point, strict=True))
    radii = [
        outrange.robustness(
            network, at, perturbation=outrange.Perturbation(norm=norm), tol=0.1, time_limit=10
        )
        for network, at in ((plain, point), (name_columns, point), (name_columns, by_name))
    ]
    assert max(radius.lo for radius in radii) <= min(radius.hi for radius in radii)
    assert radii[0].lo == pytest.approx(radii[1].lo, rel=0.2)
    assert radii[0].lo == pytest.approx(radii[2].lo, rel=0.2)
    if norm != "inf":
        ball = {1: outrange.L1Ball, 2: outrange.L2Ball}[norm]
        for center in (point, by_name):
            box = ball(center, 0.01)
            assert outrange.verify(name_columns, x["speed"] + x["mode"] <= 0.75 + 0.0142, box).holds
            # Of two columns together a 1-norm allows 0.01, a 2-norm 0.01414; apart, 0.02.
            most = 0.0098 if norm == 1 else 0.0139
            beyond = outrange.verify(name_columns, x["speed"] + x["mode"] <= 0.75 + most, box)
            assert beyond.status == "VIOLATED"


def test_a_frame_is_its_box_and_names_the_model(plain, frame):
    numbers = frame.to_numpy(np.float64)
    expected = outrange.output_range(plain, numbers)
    with pytest.warns(UserWarning, match="`mode`. Categories: `color` .2 columns.. The"):
        answer = outrange.output_range(plain, frame)
    assert (answer.lo >= expected.lo - 1e-9).all() and (answer.hi <= expected.hi + 1e-9).all()
    assert list(answer.inputs) == list(frame.columns)
    for at in (answer.at_lo, answer.at_hi):
        assert np.isin(at["mode"], [0, 1, 2]).all()
        assert (at["color_red"] + at["color_blue"] == 1).all()
    box = outrange.data_box(frame, whole=False)
    assert np.array_equal(outrange.output_range(plain, box).lo, expected.lo)
    answer = outrange.output_range(plain, outrange.data_box(frame, margin=0.5, whole=False))
    wider = outrange.output_range(plain, outrange.data_box(numbers, margin=0.5))
    assert np.array_equal(answer.hi, wider.hi)


def test_a_named_model_takes_the_columns_in_any_order(name_columns, frame):
    frame.columns = NAMES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = outrange.output_range(name_columns, frame)
        second = outrange.output_range(name_columns, frame[NAMES[::-1]])
    assert np.array_equal(first.lo, second.lo)


def test_whole_columns_are_kept_whole_where_that_is_asked(plain, frame):
    box = outrange.data_box(frame, whole=True)
    assert box.integers == ["mode"]
    assert box.one_hot == [["color_red", "color_blue"]]
    answer = outrange.output_range(plain, box)
    for at in (answer.at_lo, answer.at_hi):
        assert np.isin(at["mode"], [0, 1, 2]).all()
        assert (at["color_red"] + at["color_blue"] == 1).all()
    with pytest.raises(InputError, match="DataFrame"):
        outrange.data_box(frame.to_numpy(), whole=True)


def test_floats_are_integers_only_if_they_are_flags():
    n = np.arange(8)
    table = pd.DataFrame({
        "area": 30.0 * (n + 1), "rooms": n + 1, "garden": (n % 2).astype(float), "old": n > 2,
        "scaled": (n == 7).astype(float), "city_A": (n % 2).astype(float),
        "city_B": (n % 2 == 0).astype(float),
    })  # fmt: skip
    box = outrange.data_box(table, whole=True)
    assert box.integers == ["rooms", "garden", "old"]
    assert box.one_hot == [["city_A", "city_B"]]
    assert box.contains(table.assign(area=45.5, scaled=0.5)).all()


def test_a_ball_around_a_row_respects_categories_of_data(plain, frame):
    row = frame.iloc[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ball = outrange.ball(row, 1.5, data=frame.assign(price="unknown"))
    assert (ball.integers, ball.one_hot) == (["mode"], [["color_red", "color_blue"]])
    answer = outrange.output_range(plain, ball)
    for at in (answer.at_lo, answer.at_hi):
        assert np.isin(at["mode"], range(-1, 5)).all()
        assert (at["color_red"] + at["color_blue"] == 1).all()
    near = outrange.ball(dict(row), 0.5, scale="std", data=frame)
    assert near.contains(frame.iloc[:1]) and not near.contains(row + 0.01)
    with pytest.raises(InputError, match="data without `speed`"):
        outrange.ball(row, 1, data=frame.drop(columns="speed"))


@pytest.mark.parametrize("form", ["row", "table", "dict"])
def test_a_ball_with_mixtures_of_categories_warns(plain, frame, form):
    row = {"row": frame.iloc[0], "table": frame.iloc[:1], "dict": dict(frame.iloc[0])}[form]
    fixed = {"speed": 1, "mode": 0, "color_red": 0, "color_blue": 0}
    with pytest.warns(RelaxedSetWarning, match="one-hot columns.*`data=` to `ball`"):
        outrange.ball(row, 0.5)
    with pytest.warns(RelaxedSetWarning, match="one-hot columns.*`scale`"):
        outrange.robustness(plain if form != "dict" else plain.with_feature_names(list(row)), row)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RelaxedSetWarning)
        outrange.ball(row, fixed)
        outrange.robustness(
            plain if form != "dict" else plain.with_feature_names(list(row)), row,
            perturbation=outrange.Perturbation(scale=fixed),
        )  # fmt: skip


def test_robust_accuracy_on_a_table_with_categories_warns(plain, frame):
    labels = plain.predict(frame.to_numpy(np.float64)[:3]).argmax(axis=1)
    with pytest.warns(RelaxedSetWarning, match="does not respect integers and one-hot columns"):
        outrange.robust_accuracy(plain, frame[:3], labels, 0.01)


def test_tables_without_categories_are_sets_too(plain):
    near = outrange.data_box(pd.DataFrame(np.outer([0.25, 1.75], np.ones(4)), columns=NAMES))
    far = outrange.data_box(pd.DataFrame(np.outer([4.5, 5.25], np.ones(4)), columns=NAMES))
    answers = [
        outrange.output_range(plain, one) for one in (near, far, near | far, dict(near) | far)
    ]
    assert np.allclose(answers[2].lo, np.minimum(answers[0].lo, answers[1].lo))
    assert np.allclose(answers[3].hi, np.maximum(answers[0].hi, answers[1].hi))
    fixed = outrange.output_range(plain, near & (x["mode"] == 1))
    assert fixed.at_hi["mode"] == pytest.approx([1, 1])


def test_the_note_names_the_category_instead_of_its_columns():
    city, heat = [f"city_{k}" for k in "ABCD"], [f"heat pump={k}" for k in "xyz"]
    restricted = outrange.Mixed((0, 1), [f"n{k}" for k in range(8)], [city, ["a", "b"]], [heat])
    assert whole_sentence(restricted) == (
        "Integer columns: `n0`, `n1`, `n2`, `n3`, `n4`, `n5` and 2 more. Categories: `city` "
        "(4 columns), `category` (`a`, `b`), `heat pump` (3 columns; one more category has no "
        "column). The input set contains only rows with integers in integer columns and one "
        "value per category"
    )


def dummies(rows, names=("color_red", "color_blue")):
    """Return a table whose last two columns are 1 in a quarter of the rows each, never together."""
    turn = np.arange(rows) % 4
    table = pd.DataFrame({"speed": turn * 10.0, "mode": turn * 1.5})
    return table.assign(**{name: (turn == k).astype(int) for k, name in enumerate(names)})


def test_at_most_one_dummy_is_set(plain):
    frame = dummies(80)
    box = outrange.data_box(frame, whole=True)
    assert (box.integers, box.one_hot) == ([], [])
    assert box.at_most_one == [["color_red", "color_blue"]]
    assert not box.contains(frame.iloc[0].replace({0: 1})) and box.contains(frame).all()
    with pytest.warns(UserWarning, match="`color` .2 columns; one more category has no"):
        answer = outrange.output_range(plain, frame)
    reals = outrange.output_range(plain, outrange.data_box(frame, whole=False))
    assert (answer.hi <= reals.hi).all() and (answer.hi < reals.hi).any()
    for at in (answer.at_lo, answer.at_hi):
        assert (at["color_red"] + at["color_blue"] <= 1).all()
    rows = np.random.default_rng(0).uniform(0, [30, 4.5, 0, 0], (999, 4))
    rows[:, 2:] = np.array([[0, 0], [0, 1], [1, 0]])[np.arange(999) % 3]
    values = plain.predict(rows)
    assert (answer.lo <= values).all() and (values <= answer.hi).all()


@pytest.mark.parametrize(("rows", "names"), [(8, ("a_b", "a_c")), (80, ("red", "blue"))])
def test_flags_are_no_group_without_a_prefix_or_enough_rows(rows, names):
    box = outrange.data_box(dummies(rows, names), whole=True)
    assert box.integers == list(names) and not box.at_most_one


@pytest.mark.parametrize("first", [0, 1], ids=["one-hot", "dummies"])
def test_a_category_may_contain_a_separator(first):
    """A category such as `heat pump` was left out of its group, so impossible rows were covered."""
    names = ["heat_gas", "heat_heat pump", "heat_oil", "heat_oil_new", "zone_a_1", "zone_a_2"]
    turn = np.arange(120) % 4
    flags = {name: (turn == k).astype(int) for k, name in enumerate(names[:4])}
    other = {name: (np.arange(120) // 4 % 2 == k).astype(int) for k, name in enumerate(names[4:])}
    box = outrange.data_box(pd.DataFrame(flags | other)[names[first:]], whole=True)
    groups = [*box.at_most_one, *box.one_hot] if first else box.one_hot
    assert groups == [names[first:4], names[4:]] and not box.integers


def test_a_prefix_may_have_a_group_inside():
    turn = np.arange(120)
    table = {"zone_a": turn % 2, "zone_b": 1 - turn % 2}
    table |= {"zone_kind_c": turn // 2 % 2, "zone_kind_d": 1 - turn // 2 % 2}
    box = outrange.data_box(pd.DataFrame(table), whole=True)
    assert sorted(box.one_hot) == [["zone_a", "zone_b"], ["zone_kind_c", "zone_kind_d"]]


def test_each_call_warns_at_most_once(plain):
    for ask in (
        lambda box: outrange.output_range(plain, box),
        lambda box: outrange.summary(plain, box),
        lambda box: outrange.report(plain, box, data=box, time_limit=0.2),
    ):
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            ask(dummies(80))
        assert len([m for m in messages if issubclass(m.category, UserWarning)]) == 1


@pytest.mark.slow
def test_rows_and_frames_are_points_and_data(plain, frame):
    point, data = frame.iloc[0].astype(float), frame.to_numpy(np.float64)
    by_row = outrange.robustness(plain, point, tol=1e-2)
    assert by_row.lo == outrange.robustness(plain, data[0], tol=1e-2).lo
    assert outrange.robustness(plain, frame.iloc[:1], tol=1e-2).lo == by_row.lo
    labels = plain.predict(data).argmax(axis=1)
    for source in (frame, data):
        assert outrange.robust_accuracy(plain, source, labels, 0.0).accuracy == 1.0
    ball = outrange.ball(point, {"speed": 1, "mode": 0, "color_red": 0, "color_blue": 0})
    assert ball["speed"] == (point["speed"] - 1, point["speed"] + 1)
    answer = outrange.output_range(plain, ball)
    assert set(answer.at_lo["mode"]) == {point["mode"]}


def test_differences_share_the_names(plain, name_columns):
    for pair in ((plain, name_columns), (name_columns, plain)):
        assert outrange.difference_range(*pair, (0, 1)).hi.max() == 0


def test_names_and_columns_that_do_not_fit(plain, name_columns, frame):
    with pytest.raises(InputError, match="4 features"):
        outrange.load(plain, names=["a", "b"])
    with pytest.raises(InputError, match="`a` twice"):
        outrange.load(plain, names=["a", "a", "b", "c"])
    with pytest.raises(InputError, match=r"4 features.*2 names"):
        outrange.output_range(plain, frame[["speed", "mode"]])
    with pytest.raises(InputError, match=r"names=\[\.\.\.\]"):
        outrange.output_range(plain, {"speed": (0, 1)})
    with pytest.raises(InputError, match="no input named `sped`"):
        outrange.output_range(name_columns, BOX | {"sped": 1})
    with pytest.raises(InputError, match="get_dummies"):
        outrange.output_range(plain, frame.assign(mode="fast"))
    with pytest.raises(InputError, match="column `speed`"):
        outrange.output_range(plain, frame.assign(speed=np.nan))
