"""Programs that Keras itself says little or nothing about, each with its healthy twin.

Every builder takes `keras` and returns `(model, x, y)`: 64 rows, SGD at 0.1.
"""

import numpy as np


RNG_SEED = 7


def _data(classes: int):
    rng = np.random.default_rng(RNG_SEED)
    x = rng.normal(size=(64, 4)).astype("float32")
    if classes == 1:
        return x, (x[:, :1] + x[:, 1:2] > 0).astype("float32")
    return x, np.eye(classes, dtype="float32")[x[:, :classes].argmax(axis=1)]


def _net(keras, units, activation, loss, seed=1):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                16,
                "tanh",
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
                name="hidden",
            ),
            keras.layers.Dense(
                units,
                activation,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1),
                name="last",
            ),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def _make_stepped_loss(keras, function):
    """A squared distance between labels and `function` of the prediction."""

    def stepped(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - function(keras.ops, y_pred)))

    return stepped


def no_gradient(function, units=1):
    def build(keras):
        x, y = _data(1)
        return _net(keras, units, "sigmoid", _make_stepped_loss(keras, function)), x, y

    return build


def classes(units, activation, loss, labels=3):
    def build(keras):
        x, y = _data(labels)
        return _net(keras, units, activation, loss(keras) if callable(loss) else loss), x, y

    return build


def line(activation, loss, weight=1.0, bias=0.0):
    """y = 2 x + 1 on 1 .. 7, one unit."""

    def build(keras):
        x = np.arange(1.0, 8.0)[:, None]
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation, name="y")])
        model.set_weights([np.array([[weight]], "float32"), np.array([bias], "float32")])
        model.compile(keras.optimizers.SGD(0.01), loss)
        return model, x, 2 * x + 1

    return build


def hidden_bias(bias):
    def build(keras):
        rng = np.random.default_rng(RNG_SEED)
        x = rng.uniform(0, 1, (64, 4)).astype("float32")
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(8, "relu", name="hidden"),
                keras.layers.Dense(1, name="last"),
            ]
        )
        kernels = rng.normal(size=(4, 8)), rng.normal(size=(8, 1)) / 3
        model.set_weights(
            [
                kernels[0].astype("float32"),
                np.full(8, bias, "float32"),
                kernels[1].astype("float32"),
                np.zeros(1, "float32"),
            ]
        )
        model.compile(keras.optimizers.SGD(0.1), "mse")
        return model, x, x.sum(axis=1, keepdims=True)

    return build


def sparse(shift):
    def build(keras):
        x, y = _data(3)
        model = _net(keras, 3, "softmax", "sparse_categorical_crossentropy")
        return model, x, y.argmax(axis=1)[:, None] + shift

    return build


def columns(units):
    def build(keras):
        x, _ = _data(1)
        return _net(keras, units, None, "mse"), x, x[:, :1] - 0.5 * x[:, 1:2]

    return build


def _from_logits(name, value=True):
    return lambda keras: getattr(keras.losses, name)(from_logits=value)


def soft_index(keras):
    """The replacement that is suggested for an argmax in the loss."""
    ops = keras.ops

    def distance(y_true, y_pred):
        index = ops.sum(y_pred * ops.arange(2, dtype="float32"), axis=-1)
        return ops.mean(ops.square(y_true[:, 0] - index))

    x, y = _data(1)
    return _net(keras, 2, "softmax", distance), x, y


PROVED, SUSPECTED = "PROVED", "SUSPECTED"
EVERYWHERE = {"jax": PROVED, "tensorflow": PROVED, "torch": PROVED}
RECOVERED = {"jax": PROVED, "tensorflow": SUSPECTED, "torch": PROVED}

SOFT = no_gradient(lambda ops, p: p)

PROGRAMS = {
    "round in the loss": (
        no_gradient(lambda ops, p: ops.round(p)), SOFT, "OR005", EVERYWHERE
    ),
    "argmax in the loss": (
        no_gradient(lambda ops, p: ops.cast(ops.argmax(p, axis=-1), "float32")[:, None], 2),
        no_gradient(lambda ops, p: p[:, 1:], 2), "OR005", EVERYWHERE,
    ),
    "cast to int in the loss": (
        no_gradient(lambda ops, p: ops.cast(ops.cast(p * 10, "int32"), "float32")), SOFT, "OR005",
        EVERYWHERE,
    ),
    "comparison in the loss": (
        no_gradient(lambda ops, p: ops.cast(p > 0.5, "float32")), SOFT, "OR005", EVERYWHERE
    ),
    "where by a comparison in the loss": (
        no_gradient(lambda ops, p: ops.where(p >= 0.5, 1.0, 0.0)), SOFT, "OR005", EVERYWHERE
    ),
    "softmax(1) and binary crossentropy": (
        classes(1, "softmax", "binary_crossentropy", 1),
        classes(1, "sigmoid", "binary_crossentropy", 1), "OR002", EVERYWHERE,
    ),
    "softmax(1) and mse": (
        classes(1, "softmax", "mse", 1), classes(1, "sigmoid", "mse", 1), "OR002", EVERYWHERE
    ),
    "softmax(3) and from_logits": (
        classes(3, "softmax", _from_logits("CategoricalCrossentropy")),
        classes(3, None, _from_logits("CategoricalCrossentropy")), "OR007", RECOVERED,
    ),
    "sigmoid(1) and from_logits": (
        classes(1, "sigmoid", _from_logits("BinaryCrossentropy"), 1),
        classes(1, "sigmoid", _from_logits("BinaryCrossentropy", False), 1), "OR007", RECOVERED,
    ),
    "linear(3) and no from_logits": (
        classes(3, None, "categorical_crossentropy"),
        classes(3, "softmax", "categorical_crossentropy"), "OR006", EVERYWHERE,
    ),
    "linear(1) and binary crossentropy": (
        classes(1, None, "binary_crossentropy", 1),
        classes(1, None, _from_logits("BinaryCrossentropy"), 1), "OR006", EVERYWHERE,
    ),
    "sigmoid, mse, targets 3 .. 15": (
        line("sigmoid", "mse"), line(None, "mse"), "OR001", EVERYWHERE
    ),
    "sigmoid, binary crossentropy, targets 3 .. 15": (
        line("sigmoid", "binary_crossentropy"), line("relu", "mse"), "OR010", EVERYWHERE
    ),
    "sigmoid(3) and categorical crossentropy": (
        classes(3, "sigmoid", "categorical_crossentropy"),
        classes(3, "sigmoid", "binary_crossentropy"), "OR006", EVERYWHERE,
    ),
    "sigmoid(1) and categorical crossentropy": (
        classes(1, "sigmoid", "categorical_crossentropy", 1),
        classes(1, "sigmoid", "binary_crossentropy", 1), "OR006", EVERYWHERE,
    ),
    "relu(3) and categorical crossentropy": (
        classes(3, "relu", "categorical_crossentropy"),
        classes(3, "softmax", "categorical_crossentropy"), "OR006", EVERYWHERE,
    ),
    "all relus dead": (hidden_bias(-20.0), hidden_bias(0.1), "OR003", EVERYWHERE),
    "sparse labels 1 .. 3 for 3 units": (sparse(1), sparse(0), "OR010", EVERYWHERE),
    "targets (64, 1), predictions (64, 3), mse": (columns(3), columns(1), "OR011", EVERYWHERE),
}  # fmt: skip
"""Name to the faulty program, its twin, the code to find and its level on each backend."""


def programs_on(backend):
    """Return the names of the programs that run on a backend: all on JAX, about half elsewhere.

    The others share them, except those that behave differently on each backend.
    """
    part = {"tensorflow": 0, "torch": 1}.get(backend)
    return [
        name
        for at, (name, (_, _, _, levels)) in enumerate(PROGRAMS.items())
        if part is None or at % 2 == part or levels is not EVERYWHERE or "softmax(1) and b" in name
    ]
