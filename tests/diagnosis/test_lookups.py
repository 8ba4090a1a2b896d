"""Numbers that enter an Embedding: what is said of them is what the backend does."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")
layers = keras.layers if keras else None

OTHERS = sorted(set(RULES) - {"OR037"})


def words(size=10, dtype="float32", length=4):
    model = keras.Sequential(
        [
            keras.Input((length,), dtype=dtype),
            layers.Embedding(size, 3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


def findings_and_notes(model, x, rows=None):
    """Findings of the rule alone, and its notes."""
    count = rows or len(x)
    answer = outrange.diagnose(model, x, np.arange(count) / count, train=0, ignore=OTHERS)
    return list(answer.findings), list(answer.notes)


def numbers(seed=0, rows=20, length=4, most=10):
    return np.random.default_rng(seed).integers(0, most, (rows, length))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("given", ["int64", "uint8", "float32", "float64"])
def test_places_of_the_table_are_fine(dtype, given):
    assert findings_and_notes(words(dtype=dtype), numbers().astype(given)) == ([], [])


def test_a_number_beyond_the_table_does_what_is_said():
    x = numbers(most=11)
    x[0, 0] = 10
    (finding,), _ = findings_and_notes(words(), x)
    assert finding.cost["outside"] == (x == 10).sum()
    assert "0..9" in finding.message
    assert finding.fix.startswith("Embedding(11, ...)")
    model = words()
    backend = keras.backend.backend()
    if backend == "jax":
        assert "NaN" in finding.message
        assert np.isnan(model.predict(x[:1], verbose=0)).all()
    else:
        error = "InvalidArgumentError" if backend == "tensorflow" else "IndexError"
        assert error in finding.message
        with pytest.raises(Exception, match=r"indices|index") as raised:
            model.fit(x, np.zeros(20), verbose=0)
        assert error in type(raised.value).__name__


def test_fractions_are_cut_as_is_said():
    x = numbers() / 10
    (finding,), _ = findings_and_notes(words(), x)
    assert finding.cost["left"] == 1
    assert "1 remains" in finding.message
    model = words()
    cut = model.predict(np.trunc(x), verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), cut)
    whole = model.predict(np.array([[3.9, -0.9, 0.2, 9.99]]), verbose=0)
    np.testing.assert_array_equal(model.predict(np.array([[3, 0, 0, 9]]), verbose=0), whole)


def test_a_fraction_that_float32_does_not_have_is_none():
    assert findings_and_notes(words(), numbers(most=9) + 1 - 1e-12) == ([], [])


def test_numbers_below_0_read_from_the_end():
    x = numbers(most=9)
    x[:, 3] = -1
    assert findings_and_notes(words(), x)[0] == []
    (finding,) = findings_and_notes(words(), x)[1]
    assert "-1 reads row 9 of 10" in finding.message
    model = words()
    last = np.where(x == -1, 9, x)
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(last, verbose=0))
    x[0, 0] = 9
    ((finding,), _) = findings_and_notes(words(), x)
    assert "The number 9 in your data reads the same row as the number -1" in finding.message
    x[0, 0] = -11
    assert any("outside" in finding.message for finding in findings_and_notes(words(), x)[0])


def test_the_edges_of_the_table_are_in_it():
    x = np.array([[0, 9, 9, 0]] * 8)
    assert findings_and_notes(words(), x) == ([], [])
    assert findings_and_notes(words(), -x - 1)[0] == []


def test_numbers_that_are_not_finite_are_left_to_other_rules():
    x = numbers().astype(float)
    x[0] = np.nan, np.inf, -np.inf, 1e30
    assert findings_and_notes(words(), x) == ([], [])


def test_one_table_of_two_inputs_is_told_by_input():
    a, b = keras.Input((2,)), keras.Input((2,))
    table = layers.Embedding(10, 3)
    joined = layers.Concatenate()([layers.Flatten()(table(a)), layers.Flatten()(table(b))])
    model = keras.Model([a, b], layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    good, bad = numbers(length=2), numbers(length=2) + 10
    (finding,), _ = findings_and_notes(model, [good, bad], 20)
    assert "of input 1" in finding.message
    assert findings_and_notes(model, [good, good], 20) == ([], [])


@pytest.mark.parametrize("prepared", ["divided", "column", "modulo"])
def test_numbers_that_are_prepared_inside_are_not_judged(prepared):
    """A layer before the table makes places of them."""
    i = keras.Input((4,))
    places = {
        "divided": lambda: i / 10.0,
        "column": lambda: i[:, :2],
        "modulo": lambda: keras.ops.mod(i, 10.0),
    }[prepared]()
    model = keras.Model(i, layers.Dense(1)(layers.Flatten()(layers.Embedding(10, 3)(places))))
    model.compile("sgd", "mse")
    x = numbers()
    x[:, 2:] += 50
    assert findings_and_notes(model, x) == ([], [])


def test_a_shape_that_changes_before_the_table_is_followed():
    i = keras.Input((2, 2))
    places = layers.Flatten()(layers.Reshape((4, 1))(i))
    model = keras.Model(i, layers.Dense(1)(layers.Flatten()(layers.Embedding(10, 3)(places))))
    model.compile("sgd", "mse")
    x = numbers().reshape(20, 2, 2)
    assert findings_and_notes(model, x) == ([], [])
    (finding,), _ = findings_and_notes(model, x + 10)
    assert finding.cost["outside"] == 80


@pytest.mark.parametrize("kind", ["tokens", "measurements", "counts", "mixed"])
def test_token_numbers_in_a_dense_layer_get_an_embedding(kind):
    """The advice was to scale them, and that nothing predicts the targets."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 900, (240, 8)).astype("float32")
    if kind == "tokens":
        y = (np.isin(x, np.arange(0, 900, 9)).sum(axis=1, keepdims=True) > 0) * 1.0
        x[np.arange(240), rng.integers(0, 8, 240)] = np.where(y[:, 0] == 1, 7, 500)
    else:
        y = (x[:, :1] > x[:, 1:2]) * 1.0
    if kind == "counts":
        x = x // 4
    if kind == "mixed":  # one column of numbers of stores among small integers
        x[:, 1:], x[:, 0] = x[:, 1:] // 40, 100 + 70 * (x[:, 0] % 12)
        y = (x[:, :1] % 4 == 0) * 1.0
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    rest = sorted(set(RULES) - {"OR014", "OR024", "OR025"})
    found = {f.code: f for f in outrange.diagnose(model, x, y, ignore=rest)}
    assert "OR025" not in found
    for finding in found.values():
        assert ("Embedding(900, 16)" in finding.fix) is (kind == "tokens")
        assert ("to_categorical" in finding.fix) is (kind == "mixed")
    if kind in ("tokens", "mixed"):
        assert found["OR014"].level.name == "MEASURED"
