"""The layers that cannot break a rule: it holds in every case, and is proved from the file."""

from fractions import Fraction

import keras
import numpy as np
import pytest
from keras import Input, Model, layers as L

import outrange
from cases import some
from outrange import InputError
from outrange.layers import (
    AnyHalfspace,
    ArgmaxIs,
    ArgmaxIsNot,
    Bounded,
    BoxGuard,
    Halfspaces,
    Ordered,
)


ROWS = np.array([[1.0, 2, -1], [1, -1, 0]])
BOX = (-0.5, 0.5)

HARD = {
    "bounded": (lambda: Bounded(0.1, 0.3), ["(y >= 0.1).all()", "(y <= 0.3).all()"]),
    "some bounded": (
        lambda: Bounded([0.1, None, -1], [None, None, 0.7]),
        ["y[0] >= 0.1", "-1 <= y[2] <= 0.7"],
    ),
    "never negative": (lambda: Bounded(0), ["(y >= 0).all()"]),
    "half-space": (lambda: Halfspaces([1, 2, -1], 0.5), ["y[0] + 2*y[1] - y[2] <= 0.5"]),
    "half-spaces": (
        lambda: Halfspaces(ROWS, [0.5, 0.25]),
        ["y[0] + 2*y[1] - y[2] <= 0.5", "y[0] - y[1] <= 0.25"],
    ),
    "ordered": (lambda: Ordered(), ["y[1] >= y[0]", "y[2] >= y[1]"]),
    "apart": (lambda: Ordered(0.1), ["y[1] - y[0] >= 0.1", "y[2] - y[0] >= 0.2"]),
    "argmax": (lambda: ArgmaxIs(-1), ["y[2] > y[0] and y[2] > y[1]"]),
    "not argmax": (lambda: ArgmaxIsNot(1), ["y[0] > y[1] or y[2] > y[1]"]),
    "any": (
        lambda: AnyHalfspace([[1, -1, 0], [2, 0, 1]], -0.1),
        ["y[0] <= y[1] - 0.1 or 2*y[0] + y[2] <= -0.1"],
    ),
}
SMOOTH = {
    "sigmoid": (lambda: Bounded(0.1, 0.3, True), ["(y >= 0.1).all()", "(y <= 0.3).all()"]),
    "softplus above": (lambda: Bounded(0, smooth=True), ["(y >= 0).all()"]),
    "softplus below": (lambda: Bounded(hi=0.3, smooth=True), ["(y <= 0.3).all()"]),
    "cumulative": (lambda: Ordered(smooth=True), ["y[1] >= y[0]", "y[2] >= y[0]"]),
}
LAYERS = {name: case[0] for name, case in (HARD | SMOOTH).items()}


def holds(name, y, slack=0.0):
    """Whether the rule of each layer holds for float32 outputs `(n, 3)`, up to `slack`."""
    y = np.asarray(y, np.float64)
    a, b, c = y.T
    return {
        "bounded": (y >= 0.1 - slack).all(1) & (y <= 0.3 + slack).all(1),
        "sigmoid": (y >= 0.1 - slack).all(1) & (y <= 0.3 + slack).all(1),
        "some bounded": (a >= 0.1 - slack) & (np.abs(c + 0.15) <= 0.85 + 1e-12 + slack),
        "never negative": (y >= -slack).all(1),
        "softplus above": (y >= -slack).all(1),
        "softplus below": (y <= 0.3 + slack).all(1),
        "half-space": a + 2 * b - c <= 0.5 + slack,
        "half-spaces": (a + 2 * b - c <= 0.5 + slack) & (a - b <= 0.25 + slack),
        "ordered": (b >= a - slack) & (c >= b - slack),
        "cumulative": (b >= a - slack) & (c >= b - slack),
        "apart": (b - a >= 0.1 - 1e-6 - slack) & (c - b >= 0.1 - 1e-6 - slack),
        "argmax": (c > a - slack) & (c > b - slack),
        "any": (a - b <= -0.1 + slack) | (2 * a + c <= -0.1 + slack),
        "not argmax": (b < np.maximum(a, c) + slack),
    }[name]


def network(head, guarded=False, seed=0):
    keras.utils.set_random_seed(seed)
    x = Input((2,), name="x")
    h = L.Dense(8, "relu")(x)
    y = L.Dense(3, kernel_initializer="random_normal", name="y")(h)
    return Model(x, head([y, x]) if guarded else head(y))


# ---- the rule -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_the_rule_holds_for_every_output(name, rng):
    y = rng.normal(size=(2000, 3)).astype("float32")
    assert holds(name, LAYERS[name]()(y)).all()


@pytest.mark.parametrize("name", HARD)
def test_outputs_that_satisfy_the_rule_stay_as_they_are(name, rng):
    y = rng.normal(size=(4000, 3)).astype("float32") * 0.4
    good = y[holds(name, y, slack=-1e-5)]
    assert len(good) > 5
    result = np.asarray(HARD[name][0]()(good))
    if name in ("ordered", "apart"):  # A sum, whose rounding error is the last bit.
        np.testing.assert_allclose(result, good, rtol=0, atol=1e-6)
    else:
        np.testing.assert_array_equal(result, good)


@pytest.mark.slow
@pytest.mark.parametrize("name", some(HARD | SMOOTH, 4))
def test_verify_proves_the_rule_of_the_loaded_model(name, tmp_path):
    make, properties = (HARD | SMOOTH)[name]
    network(make()).save(tmp_path / "m.keras")
    for text in properties:
        verdict = outrange.verify(tmp_path / "m.keras", text, (-1, 1))
        assert verdict.status == "HOLDS", (text, verdict)


@pytest.mark.slow
@pytest.mark.parametrize("name", some([name for name in HARD if name != "never negative"], 3))
def test_a_guard_proves_its_rule_in_the_box(name, tmp_path):
    # Limits that are attained (`never negative`) are decided exactly, which takes long in a guard.
    make, properties = HARD[name]
    network(BoxGuard(make(), BOX, fade=50.0), guarded=True).save(tmp_path / "m.keras")
    for text in properties:
        verdict = outrange.verify(tmp_path / "m.keras", text, BOX)
        assert verdict.status == "HOLDS", (text, verdict)


def test_the_proof_is_of_the_layer_and_not_of_the_weights():
    model = network(L.Identity())
    assert outrange.verify(model, "(y >= 0).all()", (-1, 1)).status == "VIOLATED"


def test_limits_are_rounded_inward():
    for number in (0.1, 0.3, 0.7, -0.1, 1e-3, 123.456):
        y = np.asarray(Bounded(number, number + 1)(np.array([[-1e9, 1e9]], "float32")))
        assert y.dtype == np.float32
        assert number <= float(y[0, 0]) <= float(y[0, 1]) <= number + 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes_keep_their_rule(dtype, rng):
    y = keras.ops.cast(rng.normal(size=(200, 3)).astype("float32"), dtype)
    for layer in (Bounded(0.1, 0.3, dtype=dtype), ArgmaxIs(1, margin=0.0, dtype=dtype)):
        name = "bounded" if isinstance(layer, Bounded) else None
        out = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(layer(y), "float32")))
        assert holds(name, out).all() if name else (out[:, 1] >= out.max(axis=1)).all()


@pytest.mark.parametrize("kind", [ArgmaxIs, ArgmaxIsNot])
def test_the_margin_for_large_outputs_excludes_ties(kind, rng):
    y = (10.0 ** rng.uniform(-3, 6, (300, 3)) * rng.choice([-1, 1], (300, 3))).astype("float32")
    for row in y:
        margin = 1.2e-7 * float(np.abs(row).max())
        result = np.asarray(kind(2, margin=margin)(row[None]))[0]
        assert (result.argmax() == 2) == (kind is ArgmaxIs)


# ---- half-spaces --------------------------------------------------------------------------------


def test_one_row_is_the_projection(rng):
    a, c, y = np.array([1.0, 2, -1]), 0.5, rng.normal(size=(100, 3)).astype("float32")
    result = np.asarray(Halfspaces(a, c, margin=0.0)(y))
    nearest = y - np.maximum(y @ a - c, 0)[:, None] * a / (a @ a)
    np.testing.assert_allclose(result, nearest, atol=1e-5)


def test_several_rows_become_their_minimum(rng):
    y = rng.normal(size=(100, 3)).astype("float32")
    result = np.asarray(Halfspaces(ROWS, [0.5, 0.25], margin=0.0)(y))
    np.testing.assert_allclose(result @ ROWS.T, np.minimum(y @ ROWS.T, [0.5, 0.25]), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_stored_numbers_satisfy_the_rule_exactly(dtype, rng):
    for _ in range(20):
        layer = Halfspaces(rng.integers(-3, 4, (2, 4)) + np.eye(2, 4) * 8, 1.0, dtype=dtype)
        rows, d = np.asarray(layer._rows, float), np.asarray(layer._directions, float)
        product = np.array([[Fraction(v) for v in row] for row in rows]) @ np.array(
            [[Fraction(v) for v in row] for row in d]
        )
        assert (product >= np.eye(2)).all()
        assert (product.astype(float) <= np.eye(2) + 0.1).all()


# ---- guards -------------------------------------------------------------------------------------


def test_a_guard_is_the_rule_inside_and_fades_outside(rng):
    guard = BoxGuard(Bounded(hi=0.0), (0.0, 1.0), fade=4.0)
    x = np.array([[0.0], [0.5], [1.0], [1.25], [1.5], [-0.5], [9.0]], "float32")
    y = np.full((7, 1), 2.0, "float32")
    assert np.asarray(guard([y, x])).ravel().tolist() == [0, 0, 0, 1, 2, 2, 2]
    low = np.full((7, 1), -1.0, "float32")
    np.testing.assert_array_equal(np.asarray(guard([low, x])), low)


@pytest.mark.parametrize("name", HARD)
def test_a_guard_changes_only_violating_outputs(name, rng):
    guard = BoxGuard(HARD[name][0](), (0.0, 1.0), fade=[np.array([100.0, 50.0])])
    y, x = rng.normal(size=(500, 3)).astype("float32"), rng.uniform(-1, 2, (500, 2))
    result, inside = np.asarray(guard([y, x])), ((x >= 0) & (x <= 1)).all(1)
    assert holds(name, result[inside]).all()
    far = (np.maximum(x - 1, 0) + np.maximum(-x, 0)).sum(1) > 0.2
    np.testing.assert_allclose(result[far], y[far], atol=1e-5)


def test_a_guard_reads_images_and_several_inputs(rng, tmp_path):
    a, b = Input((2, 2, 1), name="a"), Input((1,), name="b")
    y = L.Dense(2)(L.Concatenate()([L.Flatten()(a), b]))
    guard = BoxGuard(Bounded(0, 1), [(0.0, np.ones((2, 2, 1))), (-1, 1)], fade=3)
    model = Model([a, b], guard([y, a, b]))
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    x = [rng.normal(size=(20, 2, 2, 1)), rng.normal(size=(20, 1))]
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    box = {"a": (0, 1), "b": (-1, 1)}
    verdict = outrange.verify(tmp_path / "m.keras", "((y >= 0) & (y <= 1)).all()", box)
    assert verdict.status == "HOLDS"


# ---- configurations and refusals ----------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_rebuilt_from_its_config(name, rng):
    y = rng.normal(size=(10, 3)).astype("float32")
    x = rng.normal(size=(10, 2)).astype("float32")
    for layer, inputs in [
        (LAYERS[name](), y),
        *([(BoxGuard(LAYERS[name](), (-0.1, 0.1), 3.0), [y, x])] if name in HARD else []),
    ]:
        result = np.asarray(layer(inputs))
        config = keras.saving.serialize_keras_object(layer)
        again = keras.saving.deserialize_keras_object(config)
        assert keras.saving.serialize_keras_object(again) == config
        np.testing.assert_array_equal(np.asarray(again(inputs)), result)


ONES = np.ones((1, 3), "float32")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bounded(), "needs a lower or an upper limit"),
        (lambda: Bounded(1, 0), "must lie between"),
        (lambda: Bounded("a"), "`lo` must be a number"),
        (lambda: Bounded(np.nan), "`lo` must be a number"),
        (lambda: Bounded(hi=-np.inf), "`hi` must be a number"),
        (lambda: Bounded([0, 1], [1, 2, 3]), "one limit per output"),
        (lambda: Bounded([0, 1])(ONES), "one limit per output"),
        (lambda: Bounded(0.1, 0.1), "must lie between"),
        (lambda: Halfspaces([[1, 0], [2, 0]], 1), "linearly independent"),
        (lambda: Halfspaces([[1.0, 1], [1, 1 + 1e-9]], 1), "linearly independent"),
        (lambda: Halfspaces([0.0, 0], 1), "linearly independent"),
        (lambda: Halfspaces([1, np.nan], 1), "NaN or infinity"),
        (lambda: Halfspaces([[1, 2], [1]], 1), "different lengths"),
        (lambda: Halfspaces([1, 2], [1, 2]), "one number per row"),
        (lambda: Halfspaces([1, 2], 1)(ONES), "one coefficient per output"),
        (lambda: Halfspaces([1, 2], 1, margin=-1), "`margin` must be"),
        (lambda: AnyHalfspace([[1, 0], [-1, 0]], 1), "all rows of `a` decrease"),
        (lambda: AnyHalfspace([[1, 0]], [1, 2]), "one number per row"),
        (lambda: AnyHalfspace([1, 0], 1)(ONES), "one coefficient per output"),
        (lambda: Ordered(-1), "`gap` must be"),
        (lambda: Ordered()(ONES[:, :1]), "at least two outputs"),
        (lambda: ArgmaxIs(1.5), "`index` must be an integer"),
        (lambda: ArgmaxIs(3)(ONES), "channels must be between 0 and 2"),
        (lambda: ArgmaxIsNot(0)(ONES[:, :1]), "at least two outputs"),
        (lambda: BoxGuard(L.ReLU(), (0, 1)), "`rule` must be one of the layers"),
        (lambda: BoxGuard(Bounded(0, 1, smooth=True), (0, 1)), "without `smooth=True`"),
        (lambda: BoxGuard(Bounded(0), (1, 0)), "lo <= hi"),
        (lambda: BoxGuard(Bounded(0), (0, np.inf)), "lo <= hi"),
        (lambda: BoxGuard(Bounded(0), 3), "lo <= hi"),
        (lambda: BoxGuard(Bounded(0), (0, 1), fade=0), "`fade` must be positive"),
        (lambda: BoxGuard(Bounded(0), (0, 1), fade=[1, 2]), "one array per input"),
        (lambda: BoxGuard(Bounded(0), (0, 1))([ONES, ONES, ONES]), "call the layer with a list"),
        (lambda: BoxGuard(Bounded(0), ([0, 0], [1, 1]))([ONES, ONES]), "the shape of an input"),
    ],
)
def test_one_sentence_names_the_argument(make, message):
    with pytest.raises(InputError, match=message) as raised:
        make()
    assert "Received: " in str(raised.value)


@pytest.mark.parametrize("limits", [(None, 1.0), (-1.0, 1.0), (0.0, None)])
@pytest.mark.parametrize("smooth", [False, True])
def test_a_limit_is_read_operation_by_operation(limits, smooth, monkeypatch):
    """Operators between limits and symbolic tensors failed, so all code of the layer was traced."""
    from outrange.frontends.keras.trace import trace

    monkeypatch.setattr(trace, "NativeCall", None)
    x, rule = keras.Input((2,)), Bounded(*limits, smooth=smooth)
    y = keras.layers.Dense(3)(x)
    y = rule(y) if smooth else BoxGuard(rule, (0.0, 1.0))([y, x])
    assert outrange.output_range(keras.Model(x, y), (0, 1), budget=2).hi.shape == (3,)
