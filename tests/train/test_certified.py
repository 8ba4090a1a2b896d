"""Training for a proof: interval bounds of every layer, mixed losses, and nets that end proved."""

import keras
import numpy as np
import pytest
from keras import Input, Model, Sequential, layers as L

import outrange
from cases import some
from outrange import InputError, UnsupportedError
from outrange.callbacks import Prove
from outrange.layers import Bounded, MaskedDense, Ordered
from outrange.train.certified.head import OutputBounds, head_of
from outrange.train.certified.interval import MERGES, RULES, SAME, SILENT, TensorBounds, bound_model
from outrange.training import Certified, PropertyLoss


LINE, IMAGE, SERIES = (6,), (6, 6, 2), (8, 3)

CHAINS = {
    "dense": (LINE, [L.Dense(5, "tanh"), L.Dense(4, "elu"), L.Dense(3)]),
    "activations": (
        LINE,
        [L.Activation("sigmoid"), L.ReLU(0.8, 0.1, 0.2), L.LeakyReLU(0.1), L.ELU(0.5)],
    ),
    "softmax": (LINE, [L.Dense(4, "softplus"), L.Softmax()]),
    "dense softmax": (LINE, [L.Dense(4, activation="softmax")]),
    "masked": (LINE, [MaskedDense(3, np.tri(6, 3), "selu"), L.Dense(3), Ordered(), Bounded(-1, 1)]),
    "normalization": (LINE, [L.BatchNormalization(), L.Rescaling(-2.0, 1.0), L.Dense(2)]),
    "fixed normalization": (LINE, [L.Normalization(mean=0.3, variance=4.0), L.Dense(2)]),
    "moves": (
        LINE,
        [L.Identity(), L.Reshape((2, 3)), L.Permute((2, 1)), L.Flatten(), L.RepeatVector(2)],
    ),
    "noise": (
        LINE,
        [L.Dropout(0.5), L.GaussianNoise(1.0), L.GaussianDropout(0.5), L.ActivityRegularization(1)],
    ),
    "convolution": (
        IMAGE,
        [L.ZeroPadding2D(1), L.Conv2D(4, 3, 2, activation="relu"), L.DepthwiseConv2D(2),
         L.Flatten(), L.Dense(2)],
    ),
    "groups": (IMAGE, [L.Conv2D(4, 3, padding="same", groups=2, dilation_rate=2), L.Cropping2D(1)]),
    "pooling": (
        IMAGE,
        [L.SpatialDropout2D(0.5), L.MaxPooling2D(2), L.AveragePooling2D(2, 1, "same")],
    ),
    "global pooling": (IMAGE, [L.Conv2D(3, 2), L.GlobalMaxPooling2D()]),
    "global average": (IMAGE, [L.Conv2D(3, 2), L.GlobalAveragePooling2D()]),
    "series": (
        SERIES,
        [L.SpatialDropout1D(0.5), L.ZeroPadding1D(1), L.Conv1D(4, 3, activation="hard_tanh"),
         L.DepthwiseConv1D(2), L.Cropping1D(1), L.MaxPooling1D(2), L.AveragePooling1D(2)],
    ),
    "global series": (SERIES, [L.GlobalMaxPooling1D()]),
    "average series": (SERIES, [L.GlobalAveragePooling1D()]),
    "volume": ((4, 4, 4, 1), [L.Conv3D(2, 2, activation="softsign"), L.Flatten()]),
    "nested": (LINE, [Sequential([L.Dense(4, "relu"), L.Dense(3)])]),
}  # fmt: skip


def merged():
    x = Input((6,))
    a, b = L.Dense(4, "relu")(x), L.Dense(4)(x)
    parts = [kind()([a, b]) for kind in MERGES]
    return Model(x, L.Dense(2)(L.Concatenate()(parts)))


def model_of(name, rng):
    if name == "merged":
        model = merged()
    else:
        shape, layers = CHAINS[name]
        made = [type(layer).from_config(layer.get_config()) for layer in layers]
        model = Sequential([Input(shape), *made])
    for w in model.weights:
        if "seed" not in w.path and w.dtype == "float32":
            w.assign(rng.normal(size=w.shape) if w.trainable else rng.uniform(0.2, 2, w.shape))
    return model


def within(model, rng, spread=0.3, count=200):
    """Boxes around three inputs, and outputs at many inputs of each."""
    shape = model.inputs[0].shape[1:]
    center = rng.normal(size=(3, *shape)).astype("float32")
    radius = rng.uniform(0, spread, center.shape).astype("float32")
    draws = rng.uniform(-1, 1, (count, *center.shape)).astype("float32")
    draws[: count // 2] = np.sign(draws[: count // 2])
    at = (center + draws * radius).reshape(-1, *shape)
    outputs = np.asarray(model.predict(at, verbose=0)).reshape(
        count, 3, *model.outputs[0].shape[1:]
    )
    lo, hi = (keras.ops.convert_to_tensor(center + sign * radius) for sign in (-1, 1))
    return TensorBounds(lo, hi), outputs


@pytest.mark.parametrize("name", some([*CHAINS, "merged"], 6))
def test_sampled_outputs_lie_in_the_interval(name, rng):
    model = model_of(name, rng)
    inputs, outputs = within(model, rng)
    bounds = bound_model(model, inputs)
    lo, hi = np.asarray(bounds.lo), np.asarray(bounds.hi)
    slack = 1e-4 * (1 + np.abs(outputs).max())
    assert (lo - slack <= outputs).all() and (outputs <= hi + slack).all()
    middle = TensorBounds(inputs.center, inputs.center)
    point = bound_model(model, middle)
    np.testing.assert_allclose(
        point.lo, model.predict(np.asarray(inputs.center), verbose=0), atol=1e-3
    )
    np.testing.assert_allclose(point.hi, point.lo, atol=1e-3)


def test_every_supported_layer_is_sampled():
    used = {type(layer) for _, layers in CHAINS.values() for layer in layers} | set(MERGES)
    assert {*RULES, *SAME, *SILENT, *MERGES} <= used


@pytest.mark.slow
def test_linear_forms_cancel_in_the_last_layer(rng):
    model = model_of("dense", rng)
    inputs, outputs = within(model, rng)
    rows = np.array([[1.0, 0], [-1, 1], [0, -1]], "float32")
    bounds = OutputBounds.of(model, inputs, head_of(model))
    forms = bounds.linear_form(keras.ops.convert_to_tensor(rows))
    values = outputs @ rows
    assert (np.asarray(forms.lo) <= values + 1e-3).all()
    assert (values <= np.asarray(forms.hi) + 1e-3).all()
    loose = OutputBounds(bounds.output, None, None).linear_form(keras.ops.convert_to_tensor(rows))
    assert (np.asarray(forms.radius) < np.asarray(loose.radius)).all()


REFUSED = {
    "LayerNormalization": [L.LayerNormalization()],
    "activation 'gelu'": [L.Dense(3, activation="gelu")],
    "causal padding": [L.Reshape((6, 1)), L.Conv1D(2, 2, padding="causal")],
    "LSTM": [L.Reshape((6, 1)), L.LSTM(2)],
    "slope": [L.ELU(-0.5)],
    "axis 1": [L.Reshape((2, 3)), L.Softmax(axis=1)],
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_unsupported_layer_is_refused_by_name(what):
    model = Sequential([Input((6,)), *REFUSED[what]])
    with pytest.raises(UnsupportedError, match=what) as raised:
        Certified(model, 0.1)
    assert model.layers[-1].name in str(raised.value)


def test_a_function_with_the_name_of_an_activation_is_refused():
    def relu(x):
        return -x

    with pytest.raises(UnsupportedError, match="activation 'relu'"):
        Certified(Sequential([Input((2,)), L.Dense(2, relu)]), 0.1)


# ---- radius -------------------------------------------------------------------------------------


def classes(rng, count=256):
    x = rng.uniform(size=(count, 2)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype("int32")


def classifier(softmax=False):
    keras.utils.set_random_seed(0)
    return Sequential(
        [Input((2,)), L.Dense(16, "relu"), L.Dense(2, "softmax" if softmax else None)]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "softmax"), [("ibp", False), ("mtl-ibp", True), ("cc-ibp", True), ("sabr", False)]
)
def test_each_loss_trains_a_robust_model(loss, softmax, rng):
    x, y = classes(rng)
    model = classifier(softmax)
    trained = Certified(model, 0.03, loss, ramp=20, clip=(0, 1))
    compiled = keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)
    trained.compile(keras.optimizers.Adam(0.02), compiled)
    history = trained.fit(x, y, epochs=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["proved"][-1] > 0.7
    assert (model.predict(x, verbose=0).argmax(1) == y).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("softmax", [False, True])
def test_the_worst_outputs_are_worse_than_all_samples(softmax, rng):
    from outrange.train.certified.worst_case import SampleLoss

    model = classifier(softmax)
    x, y = classes(rng, 20)
    compiled = SampleLoss.of(keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax))
    lo, hi = (keras.ops.convert_to_tensor(x + r) for r in (-0.2, 0.2))
    bounds = OutputBounds.of(model, TensorBounds(lo, hi), head_of(model))
    assert bounds.head is not None and bounds.head.softmax == softmax
    worst = np.asarray(compiled.function(y, compiled.worst(y, bounds)))
    for _ in range(50):
        at = x + rng.uniform(-0.2, 0.2, x.shape).astype("float32")
        assert (np.asarray(compiled.function(y, model(at))) <= worst + 1e-4).all()


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "binary_crossentropy"])
def test_the_worst_numbers_are_worse_than_all_samples(name, rng):
    from outrange.train.certified.worst_case import SampleLoss

    keras.utils.set_random_seed(0)
    last = "sigmoid" if name.startswith("binary") else None
    model = Sequential([Input((2,)), L.Dense(8, "tanh"), L.Dense(1, last)])
    x, y = classes(rng, 20)
    compiled = SampleLoss.of(name)
    lo, hi = (keras.ops.convert_to_tensor(x + r) for r in (-0.2, 0.2))
    bounds = OutputBounds.of(model, TensorBounds(lo, hi), head_of(model))
    worst = float(
        compiled.mean(keras.ops.convert_to_tensor(y * 1.0), compiled.worst(y, bounds), None)
    )
    for _ in range(20):
        at = x + rng.uniform(-0.2, 0.2, x.shape).astype("float32")
        assert (
            float(compiled.mean(keras.ops.convert_to_tensor(y * 1.0), model(at), None))
            <= worst + 1e-5
        )


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryCrossentropy(),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
        keras.losses.Huber(0.1),
        keras.losses.LogCosh(),
    ],
    ids=lambda loss: loss.name,
)
def test_the_worst_end_of_an_interval_is_worst_for_soft_targets(loss, rng):
    from outrange.train.certified.worst_case import SampleLoss

    compiled = SampleLoss.of(loss)
    targets = rng.uniform(size=(200, 1)).astype("float32")
    lo, hi = np.sort(rng.uniform(0.01, 0.99, (2, 200, 1)), axis=0).astype("float32")
    ends = TensorBounds(*map(keras.ops.convert_to_tensor, (lo, hi)))
    worst = compiled.worst(targets, OutputBounds(ends, None, None))
    most = np.asarray(compiled.function(targets, worst))
    for share in np.linspace(0, 1, 11, dtype="float32"):
        inside = np.asarray(compiled.function(targets, lo + share * (hi - lo)))
        assert (inside <= most + 1e-5).all()


@pytest.mark.parametrize("loss", ["ibp", "mtl-ibp", "cc-ibp", "sabr"])
def test_penalties_of_weights_count_fully(loss):
    """With radius 0, every loss is the compiled one."""
    keras.utils.set_random_seed(0)
    penalty = keras.regularizers.L2(1.0)
    model = Sequential([Input((2,)), L.Dense(1, kernel_regularizer=penalty)])
    trained = Certified(model, 0.0, loss, alpha=0.75)
    trained.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = np.ones((8, 2)), np.zeros(8)
    history = trained.fit(x, y, verbose=0).history
    assert history["loss"][0] == pytest.approx(trained.evaluate(x, y, verbose=0), rel=1e-5)
    assert list(history) == ["loss"]  # Numbers have no class that could be proved.


@pytest.mark.slow
def test_the_wrapper_trains_the_model_and_evaluates_plainly(rng):
    x, y = classes(rng, 64)
    model = classifier()
    before = [np.array(w) for w in model.get_weights()]
    trained = Certified(model, 0.1, "ibp", alpha=1.0)
    compiled = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(0.02), compiled)
    plain = float(compiled(y, model(x)))
    loss, proved = trained.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(plain, abs=1e-4)
    lo, hi = (keras.ops.convert_to_tensor(x + r) for r in (-0.1, 0.1))
    forms = bound_model(model, TensorBounds(lo, hi))
    weaker = np.where(y == 1, forms.lo[:, 1] - forms.hi[:, 0], forms.lo[:, 0] - forms.hi[:, 1])
    assert (weaker > 0).mean() <= proved <= 1
    trained.fit(x, y, epochs=1, verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


# ---- properties ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_net_trained_for_a_property_ends_proved(rng, tmp_path):
    keras.utils.set_random_seed(0)
    model = Sequential([Input((2,)), L.Dense(16, "relu"), L.Dense(16, "relu"), L.Dense(2)])
    x = rng.uniform(size=(256, 2)).astype("float32")
    y = np.stack([3 * x[:, 0], x[:, 1]], axis=1)
    text = "y[0] <= y[1] or y[0] <= 1"
    trained = Certified(model, PropertyLoss(text, (0, 1), weight=10, alpha=0.1, margin=0.05))
    trained.compile(keras.optimizers.Adam(0.01), "mse")
    prove = Prove(text, (0, 1), every=4, budget=3, certificate=tmp_path / "c")
    history = trained.fit(x, y, epochs=60, verbose=0, callbacks=[prove]).history
    assert history["prove/holds"][-1] == 1 and len(history["loss"]) < 60
    assert prove.verdict.status == "HOLDS" and (tmp_path / "c").exists()
    model.save(tmp_path / "m.keras")
    assert outrange.verify(tmp_path / "m.keras", text, (0, 1)).status == "HOLDS"


@pytest.mark.slow
def test_a_property_of_a_sequence_of_outputs():
    model = Sequential([Input((2, 1)), L.Dense(1, use_bias=False)])
    model.set_weights([np.ones((1, 1))])
    loss = PropertyLoss("y[1, 0] - y[0, 0] <= 1", (-1, 1), pieces=1)
    Certified(model, loss)
    assert float(loss.violation(model)) == pytest.approx(1.0)  # At -1 and 1, by intervals too.


@pytest.mark.slow
def test_counterexamples_are_learned(rng):
    keras.utils.set_random_seed(1)
    model = Sequential([Input((2,)), L.Dense(2)])
    loss = PropertyLoss("y[0] <= -5", (0, 1), pieces=1)
    trained = Certified(model, loss)
    trained.compile(keras.optimizers.SGD(1e-6), "mse")
    prove = Prove("y[0] <= -5", (0, 1), budget=2)
    before = float(loss.violation(model))
    history = trained.fit(
        np.zeros((4, 2)), np.zeros((4, 2)), epochs=2, verbose=0, callbacks=[prove]
    )
    assert history.history["prove/holds"] == [0, 0] and len(prove.counterexamples) == 2
    assert float(keras.ops.sum(loss.used)) == 2
    np.testing.assert_allclose(np.asarray(loss.inputs)[:2], prove.counterexamples, atol=1e-6)
    assert float(loss.violation(model)) > before


def test_the_violation_agrees_with_the_property(rng):
    keras.utils.set_random_seed(0)
    model = Sequential([Input((2,)), L.Dense(4, "relu"), L.Dense(2)])
    loss = PropertyLoss("y[0] <= y[1] + x[0] or (y[1] >= 0 and 2*y[0] <= 1)", (-1, 1))
    Certified(model, loss)
    x = rng.uniform(-1, 1, (100, 2)).astype("float32")
    a, b = np.asarray(model(x)).T
    expected = np.minimum(a - b - x[:, 0], np.maximum(-b, 2 * a - 1))
    np.testing.assert_allclose(
        loss._evaluate_inputs(keras.ops.convert_to_tensor(x), model), expected, atol=1e-5
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: Certified(m, -1), "must be a radius"),
        (lambda m: Certified(m, "a"), "must be a radius"),
        (lambda m: Certified(m, np.nan), "must be a radius"),
        (lambda m: Certified(m, 0.1, "crown"), "`loss` must be one of"),
        (lambda m: Certified(m, 0.1, alpha=2), "`alpha` must be at most 1"),
        (lambda m: Certified(m, 0.1, clip=(1, 0)), "`clip` must be a pair"),
        (lambda m: Certified(m, [PropertyLoss("y[0] <= 1", (0, 1)), 0.1]), "list of PropertyLoss"),
        (lambda m: Certified(m, PropertyLoss("y[7] <= 1", (0, 1))), "y"),
        (lambda m: PropertyLoss("y[0] <= 1", (0, 1), pieces=0), "`pieces` must be an integer"),
        (lambda m: PropertyLoss("y[0] <= 1", (0, 1), alpha=3), "`alpha` must be at most 1"),
        (lambda m: Prove("y[0] <= 1", (0, 1), every=0), "`every` must be an integer"),
        (lambda m: Prove("y[0] <= 1", (0, 1), time_limit=-1), "`time_limit` must be positive"),
    ],
)
def test_one_sentence_names_the_argument(make, message):
    with pytest.raises(InputError, match=message):
        make(classifier())


def test_an_unknown_loss_is_refused():
    trained = Certified(classifier(), 0.1)
    with pytest.raises(InputError, match="supports these losses"):
        trained.compile("adam", lambda truth, output: keras.ops.sum(output))


def test_a_mixture_of_classes_is_refused():
    # With margins from 5 to 10, the smoothed loss is largest at 10.
    trained = Certified(classifier(), 0.1)
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    with pytest.raises(InputError, match="`label_smoothing` to 0"):
        trained.compile("adam", smoothed)
    trained.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))


def test_classes_of_a_sequence_are_refused():
    trained = Certified(Sequential([Input((4, 3)), L.Dense(2)]), 0.1)
    trained.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(InputError, match="one vector of scores"):
        trained.fit(np.zeros((8, 4, 3)), np.zeros((8, 4)), verbose=0)
