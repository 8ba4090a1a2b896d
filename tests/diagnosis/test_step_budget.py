"""No optimizer moves a weight farther than proved, and no training gets below a proved floor."""

from dataclasses import replace

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.diagnosis.budget.floor import BudgetedLoss
from outrange.diagnosis.budget.reach import Reach, reach_of
from outrange.diagnosis.budget.row_losses import row_loss
from outrange.diagnosis.budget.weight_box import WeightBox, weight_box
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")
layers, optimizers = (keras.layers, keras.optimizers) if keras else (None, None)


def schedule():
    return optimizers.schedules.ExponentialDecay(0.02, 10, 0.5)


OPTIMIZERS = {
    "Adam": lambda: optimizers.Adam(0.01),
    "Adam, few betas": lambda: optimizers.Adam(0.01, beta_1=0.5, beta_2=0.9),
    "Adam, amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "Adam, decaying": lambda: optimizers.Adam(schedule()),
    "AdamW": lambda: optimizers.AdamW(0.01, weight_decay=0.5),
    "Nadam": lambda: optimizers.Nadam(0.01),
    "Adamax": lambda: optimizers.Adamax(0.01),
    "Lion": lambda: optimizers.Lion(0.01),
    "RMSprop": lambda: optimizers.RMSprop(0.01),
    "RMSprop, momentum": lambda: optimizers.RMSprop(0.01, momentum=0.9),
    "Adagrad": lambda: optimizers.Adagrad(0.01),
    "SGD, clipvalue": lambda: optimizers.SGD(0.01, clipvalue=0.5),
    "SGD, clipnorm, momentum": lambda: optimizers.SGD(0.01, momentum=0.9, clipnorm=0.5),
    "SGD, nesterov": lambda: optimizers.SGD(0.01, 0.9, nesterov=True, global_clipnorm=0.5),
}
TIGHT = ("Adam", "Adam, few betas", "Adam, amsgrad", "Adam, decaying", "Adamax", "Lion")
"""Optimizers whose bound some gradients attain."""


def gradients(kind, count, rng):
    """Gradients that push far: growing, alternating, sparse, constant, random in size and sign."""
    i = np.arange(count)
    with np.errstate(over="ignore"):
        return {
            "growing for Adam": 1e-2 * (0.999 / 0.9) ** i,
            "growing for few betas": 1e-6 * 1.8**i,
            "growing fast": np.minimum(1e-6 * 10.0**i, 1e18),
            "constant": np.full(count, 3.0),
            "sparse": np.where(i % 11 == 0, 1.0, 0.0),
            "tiny": np.full(count, 1e-20),
            "one sign": 10.0 ** rng.uniform(-6, 6, count),
            "random": rng.normal(size=count) * 10.0 ** rng.uniform(-3, 3, count),
        }[kind]


KINDS = tuple("growing for Adam|growing for few betas|growing fast|constant|sparse|tiny|one sign|"
              "random".split("|"))  # fmt: skip


def compile_model(optimizer, loss="mse"):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile(optimizer, loss)
    return model


def randomize_weights(model):
    """Draw every weight of a model at random, biases too."""
    rng = np.random.default_rng(7)
    model.set_weights([rng.normal(size=w.shape) / 2 for w in model.get_weights()])
    return model


def stepping_of(optimizer):
    x = np.zeros((4, 3), "float32")
    return read_program(compile_model(optimizer), x, x[:, :1]).stepping


@pytest.mark.parametrize("name", cases(tuple(OPTIMIZERS)[:4], tuple(OPTIMIZERS)))
def test_no_gradients_move_a_weight_farther(name):
    rng, count, start = np.random.default_rng(0), 40, 0.5
    reach = reach_of(stepping_of(OPTIMIZERS[name]()), count)
    assert isinstance(reach, Reach), reach
    lo, hi = reach.box(np.full(len(KINDS), start))
    optimizer = OPTIMIZERS[name]()
    # One variable a sequence: a norm that is clipped is then the entry's size.
    weights = [keras.Variable([start]) for _ in KINDS]
    sequences = [gradients(kind, count, rng).astype("float32") for kind in KINDS]
    farthest = 0.0
    for i in range(count):
        given = [keras.ops.convert_to_tensor(s[i : i + 1]) for s in sequences]
        optimizer.apply(given, weights)
        now = np.array([float(keras.ops.convert_to_numpy(w)[0]) for w in weights])
        assert ((now >= lo) & (now <= hi)).all(), (i, now, lo, hi)
        farthest = max(farthest, float(np.abs(now - start).max()))
    if name in TIGHT:
        assert farthest > 0.97 * reach.far, (farthest, reach.far)


@pytest.mark.parametrize("name", cases(("Adam",), ("Adam", "AdamW", "Adamax", "Lion", "RMSprop",
                                                   "Adagrad", "SGD, clipvalue")))  # fmt: skip
def test_a_used_optimizer_goes_on_with_its_moments(name):
    optimizer, before, count = OPTIMIZERS[name](), 25, 15
    weight = keras.Variable([0.5])
    rng = np.random.default_rng(0)
    pushes = gradients("growing for Adam", before + count, rng).astype("float32")
    for i, push in enumerate(pushes):
        if i == before:
            start = float(keras.ops.convert_to_numpy(weight)[0])
            stepping = replace(stepping_of(OPTIMIZERS[name]()), taken=before)
            lo, hi = reach_of(stepping, count).box(np.array([start]))
        optimizer.apply([keras.ops.convert_to_tensor([push])], [weight])
        now = float(keras.ops.convert_to_numpy(weight)[0])
        assert i < before or lo[0] <= now <= hi[0]
    if name == "Adam":
        assert abs(now - start) > 0.97 * (hi[0] - start)


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (lambda: optimizers.SGD(0.01), "not clipped"),
        (lambda: optimizers.SGD(0.01, clipvalue=0.0), "not clipped"),
        (lambda: optimizers.RMSprop(0.01, centered=True), "centered"),
        (lambda: optimizers.Adam(0.01, use_ema=True), "use_ema"),
        (lambda: optimizers.Adam(0.01, gradient_accumulation_steps=2), "accumulation"),
        (lambda: optimizers.Adam(0.01, epsilon=1e-16), "epsilon"),
        (lambda: optimizers.Adam(0.01, beta_2=0.9999999), "betas"),
        (lambda: optimizers.Adam(lambda: 0.01), "not known in advance"),
        (lambda: optimizers.Adadelta(), "no bound on the steps"),
        (lambda: type("Adam", (optimizers.Adam,), {})(), "not an optimizer of Keras"),
    ],
)
def test_what_bounds_no_step_is_refused(optimizer, reason):
    reach = reach_of(stepping_of(optimizer()), 10)
    assert isinstance(reach, str)
    assert reason in reach


def test_constraints_and_used_optimizers_are_refused():
    x = np.ones((8, 3), "float32")
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(1, kernel_constraint=keras.constraints.MaxNorm(1.0))]
    )
    model.compile("adam", "mse")
    assert "constraint" in reach_of(read_program(model, x, x[:, :1]).stepping, 5)
    model = compile_model("nadam")
    model.fit(x, x[:, :1], epochs=1, verbose=0)
    assert "already taken 1 steps" in reach_of(read_program(model, x, x[:, :1]).stepping, 5)


def images():
    return [
        keras.Input((6, 6, 1)), layers.Conv2D(3, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(), layers.DepthwiseConv2D(2), layers.Flatten(), layers.Dense(2),
    ]  # fmt: skip


def attention():
    x = keras.Input((3, 4))
    z = layers.MultiHeadAttention(2, 2)(x, x)
    z = layers.EinsumDense("abc,cd->abd", (3, 3), bias_axes="d", activation="tanh")(z)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(z)))


NETS = {
    "attention": attention,
    "dense": lambda: [keras.Input((5,)), layers.Dense(7, "relu"), layers.Dropout(0.2),
                      layers.Dense(4, "tanh"), layers.Dense(2)],
    "images": images,
    "sequence": lambda: [keras.Input((4, 3)), layers.Conv1D(3, 2), layers.LeakyReLU(),
                         layers.GlobalAveragePooling1D(), layers.Dense(2, "sigmoid")],
    "text": lambda: [keras.Input((4,)), layers.Embedding(5, 3), layers.GlobalAveragePooling1D(),
                     layers.Dense(2)],
    "lstm": lambda: [keras.Input((3, 2)), layers.LSTM(3), layers.Dense(2)],
    "rnn": lambda: [keras.Input((3, 2)), layers.SimpleRNN(3), layers.Dense(2)],
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_ranges_hold_all_weights_in_the_box(name):
    rng = np.random.default_rng(1)
    built = NETS[name]()
    model = randomize_weights(keras.Sequential(built) if isinstance(built, list) else built)
    model.compile("adam", "mse")
    x = rng.normal(size=(6, *model.input_shape[1:])).astype("float32")
    x = x if name != "text" else rng.integers(0, 5, x.shape).astype("float32")
    program = read_program(model, x, rng.normal(size=(6, 2)))
    box = weight_box(program)
    if name == "text" and keras.backend.backend() == "tensorflow":
        assert "`Take`" in box  # a row of the table moves once a look-up there
        return
    assert isinstance(box, WeightBox), box
    start = [np.array(w) for w in model.get_weights()]
    for far, shrunk in ((0.0, 1.0), (0.05, 1.0), (0.3, 0.9)):
        reach = Reach(1, far, shrunk, 1e-6)
        lo, hi = box.ends(x.reshape(6, -1).astype(float), reach)[box.graph.output]
        for _ in range(cases(4, 20)):
            ends = [reach.box(w) for w in start]
            toss = [rng.integers(0, 2, w.shape) for w in start]
            model.set_weights([np.where(t, *e) for t, e in zip(toss, ends, strict=True)])
            seen = model.predict(x, verbose=0)
            slack = 1e-5 * (1 + np.abs(seen))
            assert (seen >= lo - slack).all()
            assert (seen <= hi + slack).all()
        model.set_weights(start)


def test_normalization_that_is_trained_has_no_box():
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    x = np.ones((8, 3), "float32")
    assert "statistics" in weight_box(read_program(model, x, x[:, :1]))
    answer = outrange.diagnose(model, x, 1e6 + x[:, :1], epochs=2, train=0)
    assert "OR030" not in answer.codes
    assert any("lower bound on the loss" in reason for reason in answer.unread)


LOSSES = ("mse", "mae", "binary_crossentropy", "logits", "sparse_categorical_crossentropy")


def program(seed):
    """A random small network, its data and the optimizer it is trained with."""
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    loss = LOSSES[seed % len(LOSSES)]
    x = (rng.normal(size=(24, 3)) * 10.0 ** rng.uniform(-1, 1)).astype("float32")
    units = 3 if loss.startswith("sparse") else 1
    last = {"binary_crossentropy": "sigmoid", "sparse_categorical_crossentropy": "softmax"}
    hidden = [layers.Dense(5, ("relu", "tanh", "elu")[seed % 3])] if seed % 4 else []
    model = keras.Sequential([keras.Input((3,)), *hidden, layers.Dense(units, last.get(loss))])
    name = tuple(OPTIMIZERS)[seed % len(OPTIMIZERS)]
    compiled_loss = keras.losses.BinaryCrossentropy(True) if loss == "logits" else loss
    model.compile(OPTIMIZERS[name](), compiled_loss)
    if loss in ("mse", "mae"):
        y = (rng.normal(size=(24, 1)) + rng.uniform(-20, 20)).astype("float32")
    else:
        y = rng.integers(0, max(units, 2), (24, 1)).astype("float32")
    return model, x, y


def floor_of(model, x, y, epochs):
    """The floor of the loss, whether or not it is worth a finding."""
    read = read_program(model, x, y)
    reach = reach_of(read.stepping, epochs * 3)
    rows = row_loss(read.losses[0], read.heads[0], y.astype(float), read.outputs[0][1])
    box = weight_box(read)
    budgeted = BudgetedLoss(read, box, x.astype(float), rows, read.losses[0])
    return budgeted.floor(reach), budgeted.floor(Reach(0, 0.0, 1.0, 0.0)), reach


@pytest.mark.parametrize("seed", cases((0, 3), range(30)))
def test_no_training_gets_below_the_floor(seed):
    model, x, y = program(seed)
    epochs = 3
    floor, now, reach = floor_of(model, x, y, epochs)
    start = [np.array(w) for w in model.get_weights()]
    first = float(model.evaluate(x, y, verbose=0))
    assert now == pytest.approx(first, rel=1e-4, abs=1e-5)
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order = np.argsort(y[:, 0])[:: (-1) ** epoch]
        # Hostile to the bound: rows that grow in weight from step to step.
        weights = 1.11 ** (3 * epoch + np.arange(24) // 8) * rng.choice([1.0, 1e-3])
        model.fit(
            x[order], y[order], batch_size=8, epochs=1, verbose=0, shuffle=False,
            sample_weight=weights.astype("float32"),
        )  # fmt: skip
        assert float(model.evaluate(x, y, verbose=0)) >= floor * (1 - 1e-5)
        for weight, was in zip(model.get_weights(), start, strict=True):
            lo, hi = reach.box(was)
            assert ((weight >= lo) & (weight <= hi)).all()


def test_one_last_layer_for_all_rows_is_tighter_and_still_below():
    """Targets that no common weights fit, though each row could be fitted by its own."""
    x = np.array([[1.0], [1.0], [-1.0], [-1.0]], "float32")
    y = np.array([[0.0], [2.0], [0.0], [2.0]], "float32")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.Adam(1.0), "mse")
    floor, _, _ = floor_of(model, x, y, 100)
    assert 0.98 <= floor <= 1.0
