"""Layers that do something else in training: proofs about training were read off inference.

Only some layers counted as such, by the names of their classes.
"""

import numpy as np
import pytest

import outrange
from outrange.frontends.keras.training.modes import SAME_IF_UNSET, SAME_IN_TRAINING, may_differ
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")
layers, ops = keras.layers, keras.ops

NORMAL = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
TARGETS = np.sin(NORMAL[:, :1])


def constant(value):
    return keras.initializers.Constant(value)


def uniform(low, high):
    return keras.initializers.RandomUniform(low, high, seed=1)


def compile_model(*parts, shape=(6,), loss="mse", optimizer="adam"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(optimizer, loss)
    return model


def proved_findings(model, x, y):
    answer = outrange.diagnose(model, x, y, train=0)
    return [f for f in (*answer.findings, *answer.notes) if f.level.name == "PROVED"]


def codes(model, x=NORMAL, y=TARGETS):
    return [f.code for f in proved_findings(model, x, y)]


def measure_moves(model, x=NORMAL, y=TARGETS):
    """Return the largest change of each trainable variable in three epochs."""
    before = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    model.fit(x, y, epochs=3, verbose=0)
    after = map(ops.convert_to_numpy, model.trainable_variables)
    return [float(np.abs(a - b).max()) for a, b in zip(after, before, strict=True)]


# ---- weights that are reached in training only ---------------------------------------------


class Binary(layers.Layer):
    def call(self, t, training=False):
        return ops.sigmoid(t) if training else ops.round(ops.sigmoid(t))


class Branch(layers.Layer):
    """A part that only training uses."""

    def __init__(self):
        super().__init__()
        self.side = layers.Dense(4, name="side")

    def build(self, shape):
        self.side.build(shape)

    def call(self, t, training=False):
        return t + self.side(t) if training else t


class Hard(layers.Layer):
    def call(self, t, training=False):
        return t if training else ops.stop_gradient(ops.cast(t > 0, "float32"))


def soft(t, training=False):
    return ops.sigmoid(t) if training else ops.round(ops.sigmoid(t))


REACHED = {
    "rounded at inference": lambda: compile_model(layers.Dense(8), Binary(), layers.Dense(1)),
    "a function told of it": lambda: compile_model(
        layers.Dense(8), layers.Lambda(soft, output_shape=(8,)), layers.Dense(1)
    ),
    "a branch": lambda: compile_model(layers.Dense(4), Branch(), layers.Dense(1)),
    "the last layer": lambda: compile_model(layers.Dense(4), layers.Dense(1), Hard()),
}


@pytest.mark.parametrize("what", REACHED)
def test_weights_that_training_reaches_are_not_said_to_be_cut_off(what):
    model = REACHED[what]()
    y = TARGETS + 3
    assert not {"OR001", "OR002", "OR005"}.intersection(codes(model, y=y))
    assert min(measure_moves(model, y=y)) > 0.0


def rounded_loss(y, found):
    return ops.mean(ops.square(y - ops.round(found)))


LOST = {
    "in the loss": lambda: compile_model(layers.Dropout(0.5), layers.Dense(1), loss=rounded_loss),
    "in a layer": lambda: compile_model(
        layers.Dense(8, name="first"),
        layers.BatchNormalization(name="norm"),
        layers.Lambda(ops.round, output_shape=(8,)),
        layers.Dropout(0.2),
        layers.Dense(1),
    ),
    "own code, told of training": lambda: compile_model(
        layers.Dense(8),
        layers.Lambda(lambda t, training=False: ops.round(2 * t if training else t)),
        layers.Dense(1),
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_weights_that_training_does_not_reach_are_still_proved_to_be_cut_off(what):
    findings = [f for f in proved_findings(LOST[what](), NORMAL, TARGETS) if f.code == "OR005"]
    assert len(findings) == 1


# ---- what comes before a flat activation ----------------------------------------------------


class Derived(layers.BatchNormalization):
    pass


class Standardized(layers.Layer):
    """Batch normalization as one writes it by hand."""

    def build(self, shape):
        self.mean = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False)
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", trainable=False)

    def call(self, t, training=False):
        if training:
            mean, var = ops.mean(t, axis=0), ops.var(t, axis=0)
            self.mean.assign(0.9 * self.mean + 0.1 * mean)
            self.scale.assign(0.9 * self.scale + 0.1 * var)
            return (t - mean) / ops.sqrt(var + 1e-3)
        return (t - self.mean) / ops.sqrt(self.scale + 1e-3)


class Around(layers.Layer):
    """A layer around another one, whose input differs in training."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def build(self, shape):
        self.inner.build(shape)

    def call(self, t, training=False):
        return self.inner(-t if training else t)


def _recurrent():
    x = np.ones((64, 1, 2), "float32") * np.linspace(1, 2, 64, dtype="float32")[:, None, None]
    recurrent = layers.SimpleRNN(4, activation="linear", dropout=0.5)
    hidden = layers.Dense(12, "relu", kernel_initializer=constant(0.25))
    model = compile_model(recurrent, hidden, layers.Dense(1), shape=(1, 2))
    recurrent.set_weights([np.repeat([[1.0], [-1.5]], 4, 1), np.zeros((4, 4)), np.zeros(4)])
    return model, x


def _brightness_case():
    x = np.random.default_rng(0).uniform(0, 0.02, size=(64, 8, 8, 3)).astype("float32")
    hidden = layers.Dense(
        8, "relu", kernel_initializer=uniform(0, 0.1), bias_initializer=constant(-1.0)
    )
    brightness = layers.RandomBrightness(1.0, value_range=(0, 1), seed=1)
    return compile_model(brightness, layers.Flatten(), hidden, layers.Dense(1), shape=(8, 8, 3)), x


def _relu(*before):
    hidden = layers.Dense(8, "relu", kernel_initializer=uniform(0.1, 1.0))
    return compile_model(*before, hidden, layers.Dense(1)), NORMAL - 20


def _sigmoid(*before):
    hidden = layers.Dense(8, "sigmoid", kernel_initializer=uniform(0.5, 1.0))
    return compile_model(*before, hidden, layers.Dense(1)), NORMAL - 60


def _around():
    hidden = layers.Dense(8, "relu", kernel_initializer=uniform(0.1, 1.0), name="hidden")
    return compile_model(Around(hidden), layers.Dense(1)), NORMAL - 20


class Turned(keras.Model):
    """A model whose own code turns its inputs round in training."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, "relu", kernel_initializer=uniform(0.1, 1.0))
        self.last = layers.Dense(1)

    def call(self, t, training=False):
        return self.last(self.hidden(-t if training else t))


def _turned():
    model = Turned()
    model.compile("adam", "mse")
    model.build((None, 6))
    return model, NORMAL - 20


BEFORE = {
    "dropout of a recurrent layer": _recurrent,
    "augmentation": _brightness_case,
    "derived batch normalization, relu": lambda: _relu(Derived()),
    "derived batch normalization, sigmoid": lambda: _sigmoid(Derived()),
    "batch normalization by hand, relu": lambda: _relu(Standardized()),
    "batch normalization by hand, sigmoid": lambda: _sigmoid(Standardized()),
    "inside of own code": _around,
    "inside of an own model": _turned,
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BEFORE)
def test_units_that_training_wakes_are_not_proved_dead(what):
    model, x = BEFORE[what]()
    assert not {"OR003", "OR004", "OR020"}.intersection(codes(model, x))
    program = read_program(model, x, TARGETS)
    assert program.changed_in_training
    # The state of a recurrent layer is 0 at its only step.
    assert sum(size == 0.0 for size in measure_moves(model, x)) == (what.startswith("dropout of"))


@pytest.mark.slow
def test_vanishing_gradients_are_not_proved_behind_derived_batch_normalization():
    small = keras.initializers.RandomNormal(stddev=0.001, seed=1)
    deep = [
        part
        for _ in range(5)
        for part in (layers.Dense(8, "tanh", kernel_initializer=small), Derived())
    ]
    assert "OR012" not in codes(compile_model(*deep, layers.Dense(1)))


class Milder(layers.Layer):
    def call(self, t, training=False):
        return t / 100 if training else t


def test_a_loss_that_is_clipped_at_inference_only_is_no_proof():
    labels = (NORMAL[:, :1] < 0) * 1.0
    last = [layers.Dense(1, kernel_initializer=constant(500.0)), Milder()]
    model = compile_model(*last, layers.Activation("sigmoid"), loss="binary_crossentropy")
    assert "OR024" not in codes(model, y=labels)
    assert min(measure_moves(model, y=labels)[:1]) > 0.0


def test_a_rate_is_not_proved_too_large_for_what_training_makes_smaller():
    x, y = 100 * NORMAL[:32], TARGETS[:32]
    model = compile_model(Milder(), layers.Dense(1), optimizer=keras.optimizers.SGD(0.1))
    assert "OR017" not in codes(model, x, y)
    losses = model.fit(x, y, epochs=20, batch_size=32, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


# ---- variables that a layer sets by itself --------------------------------------------------


class Scale(layers.Layer):
    def __init__(self, start, always=False):
        super().__init__()
        self.start, self.always = start, always

    def build(self, shape):
        self.s = self.add_weight(shape=(), initializer=constant(self.start), trainable=False)

    def call(self, t, training=False):
        if training:
            self.s.assign(0.9 * self.s + 0.5)
        return t * self.s


class Counting(layers.Layer):
    """It sets its variable at inference as well, and is told of nothing."""

    def build(self, shape):
        self.s = self.add_weight(shape=(), initializer="ones", trainable=False)

    def call(self, t):
        self.s.assign(0.9 * self.s + 0.5)
        return t * self.s


class Fixed(layers.Layer):
    def build(self, shape):
        self.s = self.add_weight(shape=(), initializer=constant(0.5), trainable=False)

    def call(self, t):
        return t * self.s


@pytest.mark.parametrize("layer", [lambda: Scale(1.0), lambda: Scale(0.0), Counting])
def test_a_variable_that_a_layer_sets_is_no_constant(layer):
    model = compile_model(
        layers.Dense(1, "sigmoid"), layer(), optimizer=keras.optimizers.Adam(0.05)
    )
    y = 0 * TARGETS + 3
    assert not {"OR001", "OR002"}.intersection(codes(model, y=y))
    model.fit(NORMAL, y, epochs=80, verbose=0)
    assert model.evaluate(NORMAL, y, verbose=0) < 1e-2


def test_a_variable_that_nobody_sets_is_a_constant():
    model = compile_model(layers.Dense(1, "sigmoid"), Fixed())
    assert "OR001" in codes(model, y=0 * TARGETS + 3)


# ---- what does the same in training ----------------------------------------------------------


def test_the_tables_name_layers_of_keras_and_none_twice():
    inner = {"ConvLSTMCell", "Functional", "Sequential", "Model"}  # not among its layers
    known = {
        getattr(layers, name).__name__ for name in dir(layers)
        if isinstance(getattr(layers, name), type)
    }  # fmt: skip
    since = {"ReversibleEmbedding"} | {
        n for n in SAME_IN_TRAINING if n.startswith("Adaptive")
    }  # not in 3.8
    assert (SAME_IN_TRAINING | set(SAME_IF_UNSET)) - known - inner <= since
    assert not SAME_IN_TRAINING.intersection(SAME_IF_UNSET)


class Handing(keras.Model):
    """A model as tutorials write it: the flag goes to its layers, by name."""

    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(8, "relu", kernel_initializer=uniform(0.1, 1.0))]
        self.drop = layers.Dropout(0.5)
        self.last = layers.Dense(1)

    def call(self, t, training=None):
        for block in self.blocks:
            t = block(t)
        return self.last(self.drop(t, training=training))


class Fuller(layers.Dense):
    """Only set up otherwise."""

    def __init__(self, units):
        super().__init__(units, "relu", kernel_initializer=uniform(0.1, 1.0))


@pytest.mark.slow
def test_units_dead_before_the_first_dropout_are_proved():
    model = Handing()
    model.compile("adam", "mse")
    model.build((None, 6))
    assert "OR003" in codes(model, NORMAL - 20)
    assert max(measure_moves(model, NORMAL - 20)[:2]) == 0.0
    for parts in ([Fuller(8), layers.Dropout(0.5)], [layers.Dropout(0.0), Fuller(8)]):
        assert "OR003" in codes(compile_model(*parts, layers.Dense(1)), NORMAL - 20)


QUIET = {
    "lstm": lambda: layers.LSTM(4),
    "both ways": lambda: layers.Bidirectional(layers.GRU(4)),
    "each step": lambda: layers.TimeDistributed(layers.Dense(4)),
    "attention": lambda: layers.MultiHeadAttention(2, 4),
    "no dropout": lambda: layers.Dropout(0.0),
    "padding": lambda: layers.ZeroPadding3D(),
    "own": Fixed,
    "derived": lambda: Fuller(3),
}

NOISY = {
    "lstm": lambda: layers.LSTM(4, recurrent_dropout=0.1),
    "both ways": lambda: layers.Bidirectional(layers.GRU(4, dropout=0.1)),
    "each step": lambda: layers.TimeDistributed(layers.Dropout(0.1)),
    "attention": lambda: layers.MultiHeadAttention(2, 4, dropout=0.1),
    "spectral": lambda: layers.SpectralNormalization(layers.Dense(4)),
    "flip": lambda: layers.RandomFlip(),
    "own": Milder,
    "derived": Derived,
}


@pytest.mark.parametrize(("table", "differ"), [(QUIET, False), (NOISY, True)])
def test_layers_that_differ_in_training_are_known(table, differ):
    for name, make in table.items():
        assert any(map(may_differ, make()._flatten_layers())) is differ, name


class Forwarding(layers.Layer):
    """It hands the flag on under another name, which may do anything with it."""

    def __init__(self):
        super().__init__()
        self.inner = Binary()

    def call(self, t, training=False):
        mode = training
        return self.inner(t, training=mode)


def test_only_code_that_names_the_flag_to_its_layers_hands_it_on():
    assert not may_differ(Handing())
    assert may_differ(Forwarding())
