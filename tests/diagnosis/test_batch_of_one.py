"""Batch normalization over one number: said where it is so in training, and nowhere else."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")
layers = keras.layers if keras else None

OTHERS = sorted(set(RULES) - {"OR038"})


def findings_and_notes(model, rows=33, **plan):
    """Findings of the rule alone, and its notes."""
    shape = model.input_shape[1:]
    x = np.random.default_rng(0).normal(size=(rows, *shape)).astype("float32")
    options = {"epochs": 2, **plan} if plan else {}
    answer = outrange.diagnose(
        model, x, x.reshape(rows, -1)[:, :1], train=0, ignore=OTHERS, **options
    )
    return list(answer.findings), list(answer.notes)


def stack(*parts, shape=(4,)):
    model = keras.Sequential([keras.Input(shape), *parts, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def normal(**options):
    return layers.BatchNormalization(**options)


def test_a_batch_of_one_row_gives_beta_as_is_said():
    model = stack(layers.Dense(5), normal(name="one"))
    (finding,), _ = findings_and_notes(model, batch_size=1)
    assert finding.layer == "one"
    assert finding.level.name == "PROVED"
    assert findings_and_notes(model, rows=32, batch_size=2) == ([], [])
    layer = model.get_layer("one")
    layer.beta.assign(np.arange(5.0))
    x = np.random.default_rng(0).normal(size=(1, 5)).astype("float32")
    output = keras.ops.convert_to_numpy(keras.ops.stop_gradient(layer(x, training=True)))
    np.testing.assert_allclose(output, [np.arange(5.0)], atol=1e-5)


@pytest.mark.slow
def test_places_count_beside_rows():
    assert findings_and_notes(stack(layers.Conv1D(3, 2), normal(), shape=(6, 2)), batch_size=1) == (
        [],
        [],
    )
    assert findings_and_notes(stack(layers.Conv1D(3, 6), normal(), shape=(6, 2)), batch_size=1)[0]
    # Of one place the axis says which are channels: over the others there are 6 numbers.
    assert findings_and_notes(stack(normal(axis=1), shape=(1, 6)), batch_size=1) == ([], [])
    assert findings_and_notes(stack(normal(axis=-1), shape=(1, 6)), batch_size=1)[0]


def test_without_a_batch_size_nothing_is_said_but_of_one_row():
    model = stack(normal())
    assert findings_and_notes(model) == ([], [])
    assert findings_and_notes(model, epochs=3)[0] == []
    assert findings_and_notes(model, rows=1)[0]
    assert findings_and_notes(model, rows=1, batch_size=32)[0]


def test_a_last_batch_of_one_row_is_a_note():
    findings, notes = findings_and_notes(stack(normal()), batch_size=16)
    assert findings == []
    assert "33 rows in batches of 16" in notes[0].message
    assert findings_and_notes(stack(normal()), rows=32, batch_size=16) == ([], [])


def frozen():
    layer = normal()
    layer.trainable = False
    return stack(layers.Dense(5), layer)


def inside_frozen():
    base = keras.Sequential([keras.Input((4,)), layers.Dense(5), normal()])
    base.trainable = False
    return stack(base)


@keras.saving.register_keras_serializable("outrange tests")
class AtInference(layers.Layer):
    """Calls its normalization as at inference."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = normal()

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x, training=False)


@pytest.mark.parametrize(
    "build",
    [
        frozen,
        inside_frozen,
        lambda: stack(AtInference()),
        lambda: stack(layers.LayerNormalization()),
    ],
)
def test_layers_that_do_not_take_the_batch_are_left_alone(build):
    assert findings_and_notes(build(), batch_size=1) == ([], [])


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_called_as_at_inference_follows_what_keras_does(whole):
    """`base(x, training=False)`: whether the batch counts is seen in the moving mean."""
    base = keras.Sequential([keras.Input((4,)), layers.Dense(5), normal(name="inner")])
    i = keras.Input((4,))
    model = keras.Model(i, layers.Dense(1)(base(i, training=None if whole else False)))
    model.compile("sgd", "mse")
    is_reported = bool(findings_and_notes(model, batch_size=1)[0])
    before = np.array(base.get_layer("inner").moving_mean)
    x = np.random.default_rng(0).normal(3, 1, (8, 4))
    model.fit(x, x[:, :1], batch_size=1, verbose=0)
    moved = bool(np.abs(np.array(base.get_layer("inner").moving_mean) - before).max() > 0)
    assert is_reported == moved


def test_a_layer_inside_models_and_one_that_is_called_twice():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(5), normal(name="deep")], name="in")
    (finding,), _ = findings_and_notes(stack(inner), batch_size=1)
    assert finding.layer.split("/")[-1] == "deep"
    i, shared = keras.Input((4,)), normal()
    h = layers.Add()([shared(i), shared(layers.Dense(4)(i))])
    model = keras.Model(i, layers.Dense(1)(h))
    model.compile("sgd", "mse")
    assert len(findings_and_notes(model, batch_size=1)[0]) == 1


def test_the_model_is_left_as_it_was():
    model = stack(layers.Dense(5), normal(name="one"))
    layer = model.get_layer("one")
    before = [np.array(w) for w in model.get_weights()], sorted(vars(layer))
    findings_and_notes(model, batch_size=1)
    for old, new in zip(before[0], model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert sorted(vars(layer)) == before[1]


def test_a_way_of_training_of_ones_own_is_not_known():
    class Own(keras.Sequential):
        def train_step(self, *args):
            return super().train_step(*args)

    model = Own([keras.Input((4,)), normal(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert findings_and_notes(model, batch_size=1) == ([], [])
