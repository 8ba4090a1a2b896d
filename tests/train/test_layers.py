"""The Keras layers: what they compute, what training cannot do, what comes back from a file."""

import keras
import numpy as np
import pytest
from keras import Input, Model, Sequential, layers as L

import outrange
from cases import some
from outrange.layers import (
    ChannelActivation,
    GroupedSoftmax,
    MaskedDense,
    MonotoneIndexHead,
    WiredNode,
    wire,
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# ---- channels -----------------------------------------------------------------------------------

KEYS = {
    "posted": [(0, "sigmoid"), (slice(1, 5), "relu")],
    "gaps and order": [((4, 1), "tanh"), (-3, "sigmoid")],
    "step": [(slice(0, None, 2), "relu"), (slice(1, None, 2), "sigmoid")],
}


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_channels_get_their_own_activation(keys, axis, rng):
    shape = [3, 4, 4, 4]
    shape[axis] = 5
    x = rng.normal(size=shape)
    functions = {"sigmoid": sigmoid, "relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}
    expected = np.moveaxis(x.copy(), axis, -1)
    for key, name in keys:
        where = list(key) if isinstance(key, tuple) else key
        expected[..., where] = functions[name](expected[..., where])
    outputs = np.asarray(ChannelActivation(keys, axis=axis)(x))
    np.testing.assert_allclose(np.moveaxis(outputs, axis, -1), expected, atol=1e-6)


def test_a_softmax_sees_the_channels_of_its_key(rng):
    x = rng.normal(size=(4, 5))
    outputs = np.asarray(ChannelActivation({range(3): "softmax"}, others="tanh")(x))
    np.testing.assert_allclose(outputs[:, :3], softmax(x[:, :3]), atol=1e-6)
    np.testing.assert_allclose(outputs[:, 3:], np.tanh(x[:, 3:]), atol=1e-6)


def test_a_layer_with_weights_sees_the_channels_of_its_key(tmp_path):
    prelu = L.PReLU(alpha_initializer=keras.initializers.Constant(0.5))
    model = Sequential([Input((3,)), ChannelActivation([((0, 2), prelu)], others="relu")])
    outputs = np.asarray(model(-np.ones((1, 3))))
    np.testing.assert_allclose(outputs, [[-0.5, 0, -0.5]])
    assert model.count_params() == 2


def test_as_the_activation_of_a_layer_it_has_exact_ranges():
    layer = L.Dense(3, activation=ChannelActivation({0: "sigmoid", 1: "relu"}))
    model = Sequential([Input((2,)), layer])
    layer.set_weights([np.array([[1.0, 1, 1], [2, -1, 1]]), np.array([0.0, 0.5, -1])])
    answer = outrange.output_range(model, (-1, 1))
    np.testing.assert_allclose(answer.lo, [sigmoid(-3), 0, -3], atol=1e-5)
    np.testing.assert_allclose(answer.hi, [sigmoid(3), 2.5, 1], atol=1e-5)


# ---- masks --------------------------------------------------------------------------------------

OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adamw": lambda: keras.optimizers.AdamW(0.05, weight_decay=0.1, use_ema=True),
    "muon": lambda: keras.optimizers.Muon(0.05),
    "lion": lambda: keras.optimizers.Lion(0.01, weight_decay=0.1),
}


class _Shift(keras.constraints.Constraint):
    """A constraint that moves every weight, zeros too."""

    def __call__(self, w):
        return w + 0.1


@pytest.mark.parametrize("optimizer", some(OPTIMIZERS, 2))
def test_forbidden_connections_stay_exactly_zero(optimizer, rng, tmp_path):
    mask = rng.integers(0, 2, (6, 5))
    mask[0, 0], mask[1, 0] = 0, 1
    masked = MaskedDense(5, mask, "tanh", kernel_regularizer="l2", kernel_constraint=_Shift())
    model = Sequential([Input((6,)), masked, L.Dense(1)])
    before = np.asarray(masked.kernel)
    x = rng.normal(size=(64, 6))
    model.compile(OPTIMIZERS[optimizer](), "mse")
    model.fit(x, x[:, :1], epochs=3, verbose=0)
    after = np.asarray(masked.kernel)
    assert (masked.get_weights()[0][mask == 0] == 0).all()
    assert (after[mask == 0] == 0).all()
    assert (after[mask == 1] != before[mask == 1]).all()
    masked.set_weights([np.ones((6, 5)), np.zeros(5)])
    assert (np.asarray(masked.kernel) == mask).all()
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", custom_objects={"_Shift": _Shift})
    assert (np.asarray(again.layers[0].kernel) == mask).all()
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_dead_connection_has_no_influence():
    model = Sequential([Input((2,)), MaskedDense(2, [[1, 0], [0, 1]], kernel_initializer="ones")])
    answer = outrange.output_range(model, (np.array([0, -5]), np.array([1, 5])))
    np.testing.assert_allclose([answer.lo, answer.hi], [[0, -5], [1, 5]], atol=1e-12)


# ---- groups -------------------------------------------------------------------------------------


def test_grouped_softmax(rng):
    x = rng.normal(size=(4, 7)) * 5
    groups = [[0, 3, 5], [1, 2], [4, 6]]
    outputs = np.asarray(GroupedSoftmax(groups)(x))
    for group in groups:
        np.testing.assert_allclose(outputs[:, group], softmax(x[:, group]), atol=1e-6)


def test_the_head_cannot_choose_a_lower_class_later(rng):
    for seed in range(20):
        head = MonotoneIndexHead(4, 5, softmax=False)
        head.build((None, 3))
        draw = np.random.default_rng(seed)
        head.set_weights([draw.normal(size=w.shape) * 3 for w in head.get_weights()])
        logits = np.asarray(head(rng.normal(size=(500, 3)) * 4)).reshape(500, 4, 5)
        chosen = logits.argmax(axis=-1)
        assert (np.diff(chosen, axis=1) >= 0).all()
    assert np.unique(chosen).size > 1


# ---- wiring -------------------------------------------------------------------------------------

LOOP = {
    "nodes": [
        {"name": "A", "units": 3, "input": True},
        {"name": "B", "units": 4, "activation": "tanh"},
        {"name": "C", "units": 2, "activation": "relu"},
        {"name": "F", "units": 3, "activation": "tanh"},
    ],
    "edges": [("A", "B"), ("B", "C"), ("C", "F"),
              {"from": "F", "to": "B", "feedback": True, "shared": None}],
    "outputs": ["C", "F"],
    "passes": 3,
}  # fmt: skip


@pytest.mark.parametrize("passes", [2, 5])
def test_feedback_is_the_loop_written_out(passes, rng):
    model = wire({**LOOP, "passes": passes})
    for w in model.weights:
        w.assign(rng.normal(size=w.shape))
    weight = {w.path.split("/")[-2] + "/" + w.name: np.asarray(w) for w in model.weights}
    assert len(weight) == 7
    x = rng.normal(size=(10, 3))
    f = np.zeros((10, 3))
    for _ in range(passes):
        b = np.tanh(
            x @ weight["A_to_B/kernel"] + f @ weight["F_feeds_back_B/kernel"] + weight["B/bias"]
        )
        c = np.maximum(b @ weight["B_to_C/kernel"] + weight["C/bias"], 0)
        f = np.tanh(c @ weight["C_to_F/kernel"] + weight["F/bias"])
    outputs = model.predict(x, verbose=0)
    np.testing.assert_allclose(outputs[0], c, atol=1e-5)
    np.testing.assert_allclose(outputs[1], f, atol=1e-5)


def test_shared_edges_are_one_matrix():
    nodes = [{"name": "A", "units": 2, "input": True}, {"name": "D", "units": 2, "input": True},
             {"name": "B", "units": 3, "activation": "relu", "shared": "same"},
             {"name": "C", "units": 3, "activation": "relu", "shared": "same"},
             {"name": "E", "units": 1}]  # fmt: skip
    edges = [
        {"from": "A", "to": "B", "shared": "w"},
        {"from": "D", "to": "C", "shared": "w"},
        ("B", "E"),
        ("C", "E"),
    ]
    model = wire({"nodes": nodes, "edges": edges, "outputs": "E"})
    assert model.count_params() == 2 * 3 + 3 + 3 + 3 + 1
    assert len(outrange.load(model).graph.inputs) == 2


def test_masked_edges_stay_masked(rng):
    mask = [[1, 0, 0], [0, 1, 1]]
    edges = [{"from": "A", "to": "B", "mask": mask}]
    nodes = [{"name": "A", "units": 2, "input": True}, {"name": "B", "units": 3}]
    model = wire({"nodes": nodes, "edges": edges, "outputs": "B"})
    model.compile("adam", "mse")
    model.fit(rng.normal(size=(32, 2)), rng.normal(size=(32, 3)), verbose=0)
    assert (model.get_layer("A_to_B").get_weights()[0][np.array(mask) == 0] == 0).all()


# ---- files, and our own reading -----------------------------------------------------------------


def everything():
    x = Input((3,), name="x")
    h = MaskedDense(6, np.tri(3, 6, 2), activation="tanh", kernel_constraint="max_norm")(x)
    h = ChannelActivation([(slice(0, 2), "relu"), (-1, L.LeakyReLU(0.2))], others="sigmoid")(h)
    h = L.Dense(4, activation=ChannelActivation({0: "relu"}))(h)
    h = WiredNode(4, "relu")([h, h])
    return Model(x, L.Concatenate()([GroupedSoftmax([2, 2])(h), MonotoneIndexHead(2, 3)(h)]))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_saved_model_comes_back_the_same(suffix, rng, tmp_path):
    model = everything()
    path = tmp_path / f"m{suffix}"
    model.save(path)
    x = rng.normal(size=(20, 3))
    again = keras.models.load_model(path)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    graph = outrange.load(path).graph
    np.testing.assert_allclose(graph.run(x), model.predict(x, verbose=0), atol=1e-5)


def test_every_layer_is_rebuilt_from_its_config():
    for layer in everything().layers:
        config = keras.saving.serialize_keras_object(layer)
        again = keras.saving.deserialize_keras_object(config)
        assert keras.saving.serialize_keras_object(again) == config
