"""Short trainings take the steps that Keras takes: the same losses from the same batches.

That holds whatever is compiled or recorded for them. Under JAX here; under the others by
`test_training_files_on_backends.py`.
"""

import numpy as np
import pytest

from cases import some
from outrange.frontends.keras.training.backends.jax_steps import JaxTraining
from outrange.frontends.keras.training.copies.borrowed import BorrowedModel
from outrange.frontends.keras.training.copies.clone import Clone
from outrange.frontends.keras.training.copies.value_copy import ValueCopy


keras = pytest.importorskip("keras")
L, optimizers = keras.layers, keras.optimizers
BACKEND = keras.backend.backend()
ROWS, BATCH, STEPS = 48, 12, 9


class Growing(L.Layer):
    """Code of the user's own that is not the same at every call."""

    calls = 0

    def call(self, x):
        Growing.calls += 1
        return x * (1.0 + 0.1 * Growing.calls)


class Unused(L.Dense):
    """A layer with a weight that nothing depends on."""

    def build(self, shape):
        super().build(shape)
        self.spare = self.add_weight(shape=(3,), initializer="ones", name="spare")


def own_loss(y, found):
    return keras.ops.mean(abs(y - found))


def sparing(**options):
    """An optimizer that leaves kernels undecayed."""
    optimizer = optimizers.AdamW(**options)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    return optimizer


def counting_loss(y, found):
    """One that wants to know the number of rows, as `fit` lets it where batches are alike."""
    rows = y.shape[0]
    flat = keras.ops.reshape(y, (rows,)) - keras.ops.reshape(found, (rows,))
    return keras.ops.sum(keras.ops.square(flat)) / rows


def vectors(*layers, head=(1, None)):
    units, activation = head
    return keras.Sequential([keras.Input((5,)), *layers, L.Dense(units, activation)])


def images():
    return keras.Sequential([
        keras.Input((6, 6, 2)), L.Conv2D(3, 3, activation="relu"), L.BatchNormalization(),
        L.MaxPooling2D(), L.Conv2D(4, 2, activation="relu"), L.Flatten(), L.Dense(3, "softmax"),
    ])  # fmt: skip


def sequences(layer):
    return keras.Sequential([keras.Input((4, 3)), layer, L.Dense(1)])


def words():
    return keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            L.Embedding(11, 4),
            L.GlobalAveragePooling1D(),
            L.Dense(1),
        ]
    )


def two_heads():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    x = L.Dense(4, "tanh")(L.Concatenate()([a, b]))
    return keras.Model({"a": a, "b": b}, [L.Dense(1)(x), L.Dense(2, "softmax")(x)])


def attention():
    x = keras.Input((4, 6))
    y = L.LayerNormalization()(x + L.MultiHeadAttention(2, 3)(x, x))
    return keras.Model(x, L.Dense(1)(L.Flatten()(y)))


PLAIN = optimizers.SGD, {"learning_rate": 0.05}
MODELS = {
    "dense, Adam": (lambda: vectors(L.Dense(8, "relu")), (optimizers.Adam, {}), "mse"),
    "dense, SGD": (lambda: vectors(L.Dense(8, "tanh")), PLAIN, "mae"),
    "momentum": (
        lambda: vectors(L.Dense(8, "elu")),
        (optimizers.SGD, {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True}), "mse",
    ),
    "clipped": (lambda: vectors(L.Dense(4)), (optimizers.RMSprop, {"clipnorm": 0.1}), "huber"),
    "penalties": (
        lambda: vectors(L.Dense(4, kernel_regularizer="l2", activity_regularizer="l1")), PLAIN,
        "mse",
    ),
    "schedule": (
        lambda: vectors(L.Dense(4)),
        (optimizers.Adam, {"learning_rate": optimizers.schedules.CosineDecay(0.1, 6)}), "mse",
    ),
    "averaged": (
        lambda: vectors(L.Dense(4)),
        (optimizers.Adam, {"use_ema": True, "ema_overwrite_frequency": 3}),
        "mse",
    ),
    "accumulated": (
        lambda: vectors(L.Dense(4)), (optimizers.Adam, {"gradient_accumulation_steps": 3}), "mse",
    ),
    "decayed": (lambda: vectors(L.Dense(4)), (optimizers.AdamW, {"weight_decay": 0.1}), "mse"),
    "decayed in part": (lambda: vectors(L.Dense(4)), (sparing, {"weight_decay": 5.0}), "mse"),
    "Adafactor": (lambda: vectors(L.Dense(4)), (optimizers.Adafactor, {}), "mse"),
    "clipped together": (
        lambda: vectors(L.Dense(4)), (optimizers.Adam, {"global_clipnorm": 0.1}), "mse",
    ),
    "clipped entries": (
        lambda: vectors(L.Dense(4)), (optimizers.SGD, {"clipvalue": 0.1}), "mse",
    ),
    "constraint": (
        lambda: vectors(L.Dense(4, kernel_constraint="unit_norm")), PLAIN, "mse",
    ),
    "no path": (lambda: vectors(Unused(4)), (optimizers.Adam, {}), "mse"),
    "Adadelta": (lambda: vectors(L.Dense(4)), (optimizers.Adadelta, {}), "mse"),
    "Adagrad": (lambda: vectors(L.Dense(4)), (optimizers.Adagrad, {}), "mse"),
    "Adamax": (lambda: vectors(L.Dense(4)), (optimizers.Adamax, {}), "mse"),
    "Nadam": (lambda: vectors(L.Dense(4)), (optimizers.Nadam, {}), "mse"),
    "Ftrl": (lambda: vectors(L.Dense(4)), (optimizers.Ftrl, {}), "mse"),
    "RMSprop": (lambda: vectors(L.Dense(4)), (optimizers.RMSprop, {"centered": True}), "mse"),
    "Lion": (lambda: vectors(L.Dense(4)), (optimizers.Lion, {}), "mse"),
    "bfloat16": (lambda: vectors(L.Dense(4, dtype="bfloat16")), PLAIN, "mse"),
    "eager": (lambda: vectors(L.Dense(4)), (optimizers.Adam, {}), "mse"),
    "frozen": (lambda: vectors(L.Dense(4, trainable=False)), PLAIN, "mse"),
    "images": (images, (optimizers.Adam, {}), "sparse_categorical_crossentropy"),
    "LSTM": (lambda: sequences(L.LSTM(4)), (optimizers.Adam, {}), "mse"),
    "SimpleRNN": (lambda: sequences(L.SimpleRNN(4)), (optimizers.Adam, {}), "mse"),
    "masked": (
        lambda: keras.Sequential([keras.Input((4, 3)), L.Masking(), L.SimpleRNN(4), L.Dense(1)]),
        PLAIN, "mse",
    ),
    "GRU": (lambda: sequences(L.GRU(4)), PLAIN, "mse"),
    "words": (words, (optimizers.Adam, {}), "mse"),
    "attention": (attention, (optimizers.Nadam, {}), "mse"),
    "two heads": (two_heads, (optimizers.Adam, {}), ["mse", "sparse_categorical_crossentropy"]),
    "diverges": (
        lambda: vectors(L.Dense(4), L.Dense(4)), (optimizers.SGD, {"learning_rate": 1e12}), "mse",
    ),
    "own code": (lambda: vectors(L.Dense(4), Growing()), PLAIN, "mse"),
    "own loss": (lambda: vectors(L.Dense(4)), PLAIN, own_loss),
    "counting loss": (lambda: vectors(L.Dense(4)), PLAIN, counting_loss),
    "own rate": (
        lambda: vectors(L.Dense(4)), (optimizers.SGD, {"learning_rate": lambda: 0.05}), "mse",
    ),
}  # fmt: skip

NOT_RECORDED = (
    "own code", "own loss", "counting loss", "own rate", "eager", "no path", "accumulated",
    "averaged", "diverges",
)  # fmt: skip


def compile_model(name):
    keras.utils.set_random_seed(7)
    make, (kind, options), loss = MODELS[name]
    model = make()
    model.compile(kind(**options), loss, run_eagerly=name == "eager")
    rng = np.random.default_rng(1)
    x = keras.tree.map_structure(
        lambda t: (
            rng.integers(0, 7, (ROWS, *t.shape[1:]))
            if "int" in t.dtype
            else rng.normal(size=(ROWS, *t.shape[1:])).astype("float32")
        ),
        {t.name: t for t in model.inputs} if len(model.inputs) > 1 else model.inputs[0],
    )
    losses = loss if isinstance(loss, list) else [loss]
    y = [
        rng.integers(0, 2, ROWS) if str(one).startswith("sparse")
        else rng.normal(size=(ROWS, *t.shape[1:])).astype("float32")
        for one, t in zip(losses, model.outputs, strict=True)
    ]  # fmt: skip
    return model, x, y if isinstance(loss, list) else y[0]


def copy_of(model, x, y, noisy=True):
    if BACKEND != "jax":
        return Clone(keras, model, noisy, "", (), "")
    jitted = JaxTraining(keras, model, noisy)
    jitted.prepare(*keras.tree.map_structure(lambda a: a[:BATCH], (x, y)))
    return ValueCopy(keras, jitted, "", (), "")


def batches(data, count):
    at = np.random.default_rng(2).integers(0, ROWS, (count, BATCH))
    return keras.tree.map_structure(lambda a: a[at], data)


def cut(data, i):
    return keras.tree.map_structure(lambda a: a[i], data)


def steps(copy, data, due=None, rows=None):
    count = len(keras.tree.flatten(data)[0])
    return copy.steps(*data, np.zeros(count, bool) if due is None else due, rows or cut(data, 0))


@pytest.mark.slow
@pytest.mark.parametrize("name", some(MODELS, 4) if BACKEND == "jax" else MODELS)
def test_losses_are_those_of_train_on_batch(name):
    model, x, y = compile_model(name)
    many = batches((x, y), STEPS)
    copy = copy_of(model, x, y)
    ours = [*steps(copy, cut(many, slice(0, 1)))[0], *steps(copy, cut(many, slice(1, STEPS)))[0]]
    theirs = []
    for i in range(STEPS):
        theirs.append(float(np.ravel(model.train_on_batch(*cut(many, i)))[0]))
        if not np.isfinite(theirs[-1]):
            break
    assert len(ours) == len(theirs) and (name != "diverges" or len(ours) < STEPS)
    if name != "own code":  # which may be called more often, or traced once
        near = 2e-2 if name == "bfloat16" else 2e-4
        np.testing.assert_allclose(ours[:-1], theirs[:-1], rtol=near)


def test_a_weight_that_is_spared_of_decay_is_spared_in_a_copy():
    model, x, y = compile_model("dense, SGD")
    optimizer = optimizers.SGD(0.05, weight_decay=5.0)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel])
    model.compile(optimizer, "mse")
    many = batches((x, y), STEPS)
    ours, _ = steps(copy_of(model, x, y), many)
    theirs = [float(np.ravel(model.train_on_batch(*cut(many, i)))[0]) for i in range(STEPS)]
    np.testing.assert_allclose(ours, theirs, rtol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images", "LSTM", "counting loss"])
def test_looking_changes_nothing(name):
    model, x, y = compile_model(name)
    many = batches((x, y), STEPS)
    plain, seen, between = (copy_of(model, x, y) for _ in range(3))
    first = cut((x, y), slice(0, BATCH))
    found, looks = [], []
    for i in range(STEPS):
        looks.append(seen.look(*first))
        found += steps(seen, cut(many, slice(i, i + 1)))[0]
    np.testing.assert_allclose(found, steps(plain, many)[0], rtol=1e-4)
    assert looks[0].loss != looks[-1].loss
    for one, other in zip(looks[-1].outputs, looks[-1].in_training, strict=True):
        assert one.shape == other.shape
    due = np.arange(STEPS) % 2 == 1
    again, told = steps(between, many, due, first)
    np.testing.assert_allclose(again, found, rtol=1e-4)
    np.testing.assert_allclose(told, [looks[i].loss for i in np.flatnonzero(due)], rtol=1e-4)
    for other in (seen, between):
        for one, two in zip(plain.weights(), other.weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(BACKEND == "jax", reason="values are handed on there")
@pytest.mark.parametrize("name", ["images", "LSTM", "schedule", "momentum", "averaged"])
def test_a_copy_that_is_restarted_does_the_same_again(name):
    model, x, y = compile_model(name)
    many = batches((x, y), STEPS)
    copy = copy_of(model, x, y)
    first, _ = steps(copy, many)
    copy.multiply_rate(0.1) if name != "schedule" else None
    copy.restart()
    np.testing.assert_allclose(steps(copy, many)[0], first, rtol=1e-5)


def state_of(model):
    """All that a training could leave changed."""
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    layers = [
        (o.trainable, getattr(o, "rate", None), getattr(o, "activity_regularizer", None),
         getattr(o, "activation", None)) for o in model._flatten_layers()
    ]  # fmt: skip
    penalties = [getattr(v, "regularizer", None) for v in model.variables]
    values = [keras.ops.convert_to_numpy(v.value).copy() for v in variables]
    return values, [model.optimizer, model._compile_loss, model.compiled, *layers, *penalties]


@pytest.mark.skipif(BACKEND == "jax", reason="values are handed on there")
@pytest.mark.parametrize(
    "name", ["images", "LSTM", "words", "two heads", "frozen", "penalties", "momentum", "own code",
             "own loss", "own rate", "schedule", "averaged", "eager", "bfloat16"],
)  # fmt: skip
def test_a_model_that_is_lent_takes_the_same_steps_and_gets_all_back(name):
    model, x, y = compile_model(name)
    model.train_on_batch(*cut((x, y), slice(0, BATCH)))  # it has a past
    again, *_ = compile_model(name)
    again.set_weights(model.get_weights())
    many = batches((x, y), STEPS)
    before = state_of(model)
    lent = BorrowedModel(keras, model, True, "", (), "")
    for _ in range(2):
        with lent.in_use():
            ours, looks = steps(lent, many, np.arange(STEPS) == 3, cut((x, y), slice(0, BATCH)))
            moved = lent.weights()
        if name != "own code":
            theirs = [float(np.ravel(again.train_on_batch(*cut(many, i)))[0]) for i in range(STEPS)]
            near = 2e-2 if name == "bfloat16" else 2e-4
            np.testing.assert_allclose(ours, theirs, rtol=near)
            again, *_ = compile_model(name)
            again.set_weights(model.get_weights())
        assert len(looks) == 1
        assert any((a != b).any() for a, b in zip(moved, model.get_weights(), strict=True))
    bent, other = (
        tuple((o.name, "linear") for o in model.layers),
        "mae" if name == "penalties" else "",
    )
    for change in (("noise", (), ""), ("penalties", (), other), ("freezing", (), ""),
                   ("clipping", bent, "")):  # fmt: skip
        changed = BorrowedModel(keras, model, True, *change)
        with pytest.raises(KeyboardInterrupt), changed.in_use():
            steps(changed, cut(many, slice(0, 2)), np.ones(2, bool), cut((x, y), slice(0, 4)))
            raise KeyboardInterrupt
    after = state_of(model)
    for a, b in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(a is b or a == b for a, b in zip(before[1], after[1], strict=True))


@pytest.mark.skipif(BACKEND != "torch", reason="operations are recorded there")
@pytest.mark.parametrize("name", MODELS)
def test_what_is_keras_own_is_recorded_and_nothing_else(name):
    model, x, y = compile_model(name)
    copy = copy_of(model, x, y)
    steps(copy, batches((x, y), STEPS))
    functions = list(copy._training._functions.values())
    recorded = [getattr(one, "_trusted", False) for one in functions]
    assert recorded == [name not in NOT_RECORDED]


@pytest.mark.skipif(BACKEND != "torch", reason="operations are recorded there")
def test_dropout_is_drawn_anew_by_a_record():
    import torch

    keras.utils.set_random_seed(0)
    model = vectors(L.Dense(64, "relu"), L.Dropout(0.5))
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), np.ones((ROWS, 1), "float32")
    copy, many = copy_of(model, x, y), batches((x, y), STEPS)
    torch.manual_seed(0)
    ours, _ = steps(copy, many)
    torch.manual_seed(0)
    theirs = [float(np.ravel(model.train_on_batch(*cut(many, i)))[0]) for i in range(STEPS)]
    # The third step is taken twice, once by the record: after it chance goes the same way.
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.skipif(BACKEND != "torch", reason="operations are recorded there")
@pytest.mark.parametrize("kind", ["tensor", "number"])
def test_an_activation_of_ones_own_that_counts_is_not_recorded(kind):
    start = keras.ops.convert_to_tensor(0.0) if kind == "tensor" else 0
    calls = [start]

    def annealed_model(x):
        calls[0] = calls[0] + 1
        return keras.ops.tanh(x) if calls[0] <= 5 else keras.ops.relu(x)

    keras.utils.set_random_seed(0)
    model = vectors(L.Dense(8, annealed_model))
    model.compile(optimizers.SGD(0.0), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), np.ones((ROWS, 1), "float32")
    copy = BorrowedModel(keras, model, False, "", (), "")
    with copy.in_use():
        calls[0] = start
        ours, _ = steps(copy, keras.tree.map_structure(lambda a: np.stack([a] * STEPS), (x, y)))
    assert [one == ours[0] for one in ours] == [True] * 5 + [False] * (STEPS - 5)


def cut_off(k):
    x = k.Input((5,))
    return k.Model(x, L.Dense(2)(k.ops.stop_gradient(L.Dense(4, name="cut")(x))))


@pytest.mark.parametrize("kind", ["AdamW", "Ftrl", "SGD"])
def test_a_weight_without_a_gradient_does_not_decay(kind):
    keras.utils.set_random_seed(0)
    model = cut_off(keras)
    options = {} if kind == "Ftrl" else {"weight_decay": 0.5}
    model.compile(getattr(optimizers, kind)(0.01, **options), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), np.ones((ROWS, 2), "float32")
    many, copy = batches((x, y), STEPS), copy_of(model, x, y)
    ours, _ = steps(copy, many)
    theirs = [float(np.ravel(model.train_on_batch(*cut(many, i)))[0]) for i in range(STEPS)]
    np.testing.assert_allclose(ours, theirs, rtol=2e-4)
