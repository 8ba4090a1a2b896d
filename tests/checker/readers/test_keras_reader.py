"""The checker reads a `.keras` file as what the model computes, exactly, or refuses it by name."""

import io
import json
import re
import zipfile

import keras
import numpy as np
import pytest
from flint import fmpq
from keras import Model, Sequential, layers as L

import outrange
import zoo
import zoo_images as zoo_images  # which adds to the zoo
from cases import cases
from checker.exact import evaluate
from outrange_check.network import Refused
from outrange_check.readers import read, read_bytes


def save_model(model, folder):
    path = folder / "model.keras"
    model.save(path)
    return path


def call_keras(model, x):
    """Return the flattened outputs of Keras at a flat point; a dict takes it in order of names."""
    inputs, first = [], 0
    for tensor in keras.tree.flatten(model.inputs):
        shape = tuple(tensor.shape[1:])
        last = first + int(np.prod(shape))
        inputs.append(np.asarray(x[first:last], np.float32).reshape((1, *shape)))
        first = last
    outputs = model(inputs[0] if len(inputs) == 1 else inputs)
    return np.concatenate([np.ravel(y) for y in keras.tree.flatten(outputs)])


def check(model, folder, seed=0, draw=True):
    if draw:
        zoo.randomize(model, seed)
    path = save_model(model, folder)
    network, _ = read(path)
    loaded = keras.models.load_model(path)
    x = np.random.default_rng(seed).normal(size=network.inputs).astype(np.float32)
    np.testing.assert_allclose(evaluate(network, x), call_keras(loaded, x), rtol=2e-5, atol=2e-5)
    return network


READ = (
    "activation_that_is_a_layer", "built_by_calling", "image_layers", "mlp", "no_bias_sigmoid",
    "pooling", "pooling_1d", "residual", "several_in_out", "shared_loop", "signal",
)  # fmt: skip
"""Of the zoo: models without layers that are refused."""


@pytest.mark.parametrize("name", READ)
def test_models_are_what_keras_and_the_library_compute(name, tmp_path):
    model = zoo.build(name)
    network = check(model, tmp_path, draw=False)
    graph = outrange.load(model).graph
    x = np.random.default_rng(1).normal(size=(1, graph.size))
    np.testing.assert_allclose(evaluate(network, x[0]), graph.run(x)[0], rtol=1e-9, atol=1e-9)


def image(rng):
    """Layers over images with arguments drawn at random."""

    def one(*options):
        return options[int(rng.integers(len(options)))]

    def pair(low, high):
        return one(int(rng.integers(low, high)), tuple(int(n) for n in rng.integers(low, high, 2)))

    form = {"data_format": one("channels_last", "channels_last", "channels_first")}
    shape = (7, 8, 4) if form["data_format"] == "channels_last" else (4, 7, 8)
    padding = one("valid", "same")
    steps = one({"strides": int(rng.integers(1, 4))}, {"dilation_rate": int(rng.integers(1, 3))})
    layer = one(
        lambda: L.Conv2D(4, pair(1, 4), padding=padding, groups=one(1, 2, 4), **steps, **form),
        lambda: L.Conv2D(3, 2, use_bias=False, activation=one("relu", "tanh"), **form),
        lambda: L.DepthwiseConv2D(pair(1, 4), padding=padding, depth_multiplier=one(1, 2), **form),
        lambda: L.MaxPooling2D(pair(1, 4), one(None, 1, 2), padding, **form),
        lambda: L.AveragePooling2D(pair(1, 4), one(None, 1, 2), padding, **form),
        lambda: L.ZeroPadding2D(one(1, (1, 2), ((0, 1), (2, 0))), **form),
        lambda: L.Cropping2D(one(1, (1, 2), ((0, 1), (2, 0))), **form),
        lambda: L.UpSampling2D(one(2, (1, 3)), **form),
        lambda: L.GlobalMaxPooling2D(keepdims=one(True, False), **form),
        lambda: L.GlobalAveragePooling2D(keepdims=one(True, False), **form),
    )()
    tail = [L.Permute((2, 3, 1)), L.Flatten(**form)] if "Global" not in type(layer).__name__ else []
    return Sequential([L.Input(shape), layer, *tail])


def signal(rng):
    """Draw a model with one layer that slides over one axis."""

    def one(*options):
        return options[int(rng.integers(len(options)))]

    padding, n = one("valid", "same"), int(rng.integers(1, 4))
    layer = one(
        lambda: L.Conv1D(4, n, padding=one("causal", padding), dilation_rate=one(1, 2)),
        lambda: L.Conv1D(4, n, padding=padding, strides=one(1, 2), groups=2),
        lambda: L.DepthwiseConv1D(n, padding=padding, depth_multiplier=2),
        lambda: L.MaxPooling1D(n, one(None, 1, 2), padding),
        lambda: L.AveragePooling1D(n, one(None, 1, 2), padding),
        lambda: L.ZeroPadding1D(one(1, (0, 2))),
        lambda: L.Cropping1D(one(1, (0, 2))),
        lambda: L.UpSampling1D(2),
        lambda: L.GlobalMaxPooling1D(),
        lambda: L.GlobalAveragePooling1D(keepdims=True),
    )()
    return Sequential([L.Input((9, 4)), layer])


def runs(model):
    """Return whether this backend runs the model: JAX lacks some grouped convolutions."""
    try:
        call_keras(model, np.zeros(zoo.box_of(model)))
    except Exception:
        return False
    return True


@pytest.mark.parametrize("seed", range(cases(2, 100)))
@pytest.mark.parametrize("draft", [image, signal])
def test_windows_lie_where_keras_puts_them(draft, seed, tmp_path):
    rng = np.random.default_rng(seed)
    model = draft(rng)
    while not runs(model):
        model = draft(rng)
    check(model, tmp_path, seed)


ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "relu6", "hard_tanh", "hard_sigmoid", "sigmoid", "tanh",
    "softplus", "elu", "gelu", "silu", "exponential",
)  # fmt: skip
LAYERS = [
    lambda: L.ReLU(), lambda: L.ReLU(1.5), lambda: L.ReLU(0.7, 0.2), lambda: L.LeakyReLU(0.1),
    lambda: L.ELU(), lambda: L.Rescaling(1 / 255, 0.1), lambda: L.Reshape((2, -1)),
    lambda: L.GaussianNoise(0.1), lambda: L.SpatialDropout1D(0.1), lambda: L.Permute((2, 1)),
    lambda: L.ActivityRegularization(0.1), lambda: L.Identity(), lambda: L.AlphaDropout(0.2),
    lambda: L.Flatten(data_format="channels_first"),
]  # fmt: skip


def test_pointwise_layers_are_what_keras_computes(tmp_path):
    x = L.Input((4, 3))
    heads = [L.Activation(name)(x) for name in ACTIVATIONS]
    check(Model(x, heads + [layer()(x) for layer in LAYERS]), tmp_path)


def test_graphs_are_what_keras_computes(tmp_path):
    a, b = L.Input((3, 4), name="b"), L.Input((3, 4), name="a")
    shared = Sequential([L.Input((3, 4)), L.Dense(4, "relu"), L.Dense(4)], name="twice")
    inner = Model(a, [L.Dense(2)(a), L.Dense(4)(a)])
    two, four = inner(b)
    h = L.Subtract()([shared(a), shared(b)])
    k = L.Average()([h, four, a])
    ends = [L.Concatenate(axis=1)([h, k]), L.Concatenate()([two, k]), L.Maximum()([h, k, a])]
    for model in (Model([a, b], ends), Model([b, a], L.Add()([ends[2], four, h]))):
        network = check(model, tmp_path)
        x = np.random.default_rng(1).normal(size=(1, network.inputs))
        expected = outrange.load(model).graph.run(x)[0]
        np.testing.assert_allclose(evaluate(network, x[0]), expected, rtol=1e-9, atol=1e-9)


def test_outputs_of_models_inside_are_those_of_their_calls(tmp_path):
    a = L.Input((3,))
    inner = Model(a, L.Dense(3, "relu")(a))
    tail = Sequential([L.Input((3,)), L.Dense(3)])
    x = L.Input((3,))
    once = inner(x)
    twice = inner(once)
    ends = [twice, once, tail(tail(once)), L.Add()([once, twice])]
    check(Model(x, ends), tmp_path)
    check(Model(x, inner(x)), tmp_path)


def tower(rng):
    """A graph of layers of one class and one size, drawn at random: only their order tells them."""
    x = L.Input((3,))
    tensors, shared = [x], [L.Dense(3, "relu") for _ in range(2)]
    for _ in range(8):
        one, two = (tensors[int(i)] for i in rng.integers(len(tensors), size=2))
        layer = shared[int(rng.integers(2))] if rng.random() < 0.3 else L.Dense(3, "relu")
        tensors.append(L.Add()([layer(one), two]) if rng.random() < 0.5 else layer(one))
    return Model(x, [tensors[int(i)] for i in rng.integers(1, len(tensors), size=3)])


@pytest.mark.parametrize("seed", range(cases(2, 100)))
def test_weights_go_to_the_layers_that_keras_gives_them_to(seed, tmp_path):
    check(tower(np.random.default_rng(seed)), tmp_path, seed)


def test_layers_in_another_order_than_that_of_keras_are_refused(tmp_path):
    x = L.Input((3,))
    model = Model(x, L.Dense(3)(L.Dense(3)(x)))
    zoo.randomize(model)
    path = save_model(model, tmp_path)

    def swap_layers(text):
        config = json.loads(text)
        first, second, third = config["config"]["layers"]
        config["config"]["layers"] = [first, third, second]
        return json.dumps(config)

    data = rewritten(path, swap_layers)
    with pytest.raises(Refused, match="in the order in which Keras counts"):
        read_bytes(data, "model.keras")
    # Keras itself reads the same network from both.
    path.write_bytes(data)
    point = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(keras.models.load_model(path)(point), model(point))


def test_named_inputs_come_in_the_order_of_their_names(tmp_path):
    z, a = L.Input((4,), name="zeta"), L.Input((3,), name="alpha")
    h = L.Concatenate()([L.Dense(3, "relu")(z), a])
    model = Model({"zeta": z, "alpha": a}, {"second": L.Dense(2)(h), "first": h})
    zoo.randomize(model)
    network, _ = read(save_model(model, tmp_path))
    graph = outrange.load(model).graph
    x = np.random.default_rng(1).normal(size=(1, graph.size))
    np.testing.assert_allclose(evaluate(network, x[0]), graph.run(x)[0], rtol=1e-9, atol=1e-9)


def test_numbers_are_the_stored_ones(tmp_path):
    model = Sequential([L.Input((7, 7, 1)), L.GlobalAveragePooling2D(), L.LeakyReLU(0.1)])
    network, _ = read(save_model(model, tmp_path))
    assert network.blocks[0].forms == [{i: fmpq(1, 49) for i in range(49)}]
    assert network.blocks[0].slopes == (fmpq(*float(np.float32(0.1)).as_integer_ratio()), 1)


def test_a_trained_model_is_read(tmp_path):
    model = Sequential([L.Input((3,)), L.Dense(50, "relu"), L.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    check(model, tmp_path, draw=False)


def _input():
    return L.Input((4, 4, 2))


BAD = {
    "BatchNormalization": lambda: [_input(), L.BatchNormalization()],
    "Lambda": lambda: [_input(), L.Lambda(lambda x: x)],
    "softmax": lambda: [_input(), L.Dense(2, "softmax")],
    "GRU": lambda: [L.Input((4, 2)), L.GRU(2)],
    "threshold": lambda: [_input(), L.ReLU(threshold=1.0)],
    "alpha": lambda: [_input(), L.ELU(0.5)],
    "bilinear": lambda: [_input(), L.UpSampling2D(interpolation="bilinear")],
    "mixed_float16": lambda: [_input(), L.Dense(2, dtype="mixed_float16")],
    "leaves an axis open": lambda: [L.Input((None, 2)), L.Dense(2)],
    "fixes its batch": lambda: [L.Input((2,), batch_size=3), L.Dense(2)],
    "MultiHeadAttention": lambda: [_input(), L.Dense(2), L.MultiHeadAttention(1, 2)],
}


@pytest.mark.parametrize("reason", BAD)
def test_what_is_not_read_is_refused_by_name(reason, tmp_path):
    if reason == "MultiHeadAttention":
        x = L.Input((4, 2))
        model = Model(x, L.MultiHeadAttention(1, 2)(x, x))
    else:
        model = Sequential(BAD[reason]())
    with pytest.raises(Refused, match=reason):
        read(save_model(model, tmp_path))


@keras.saving.register_keras_serializable("own")
class Dense(keras.layers.Dense):
    """A layer whose class has the name of another."""

    def call(self, x):
        return super().call(x) + 1


def test_a_layer_of_ones_own_is_refused(tmp_path):
    model = Sequential([L.Input((3,)), Dense(2)])
    with pytest.raises(Refused, match="not one of Keras's own layers"):
        read(save_model(model, tmp_path))


def small(tmp_path):
    model = Sequential([L.Input((3,)), L.Dense(4, "relu"), L.Dense(2)])
    return zoo.randomize(model), save_model(model, tmp_path)


def rewritten(path, change, member="config.json"):
    """The bytes of a file with one member changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[member] = change(parts[member].decode()).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


CHANGES = {
    "neither Sequential nor Functional": ('"class_name": "Sequential"', '"class_name": "Own"'),
    "not one of Keras's own layers": ('"module": "keras.layers", "class_name": "Dense"',
                                   '"module": "os", "class_name": "Dense"'),
    "the arguments": ('"units": 4', '"units": 4, "twist": 1'),
    "a weight has shape": ('"units": 4', '"units": 5'),
    "occurs twice": ('"units": 4', '"units": 4, "units": 4'),
    "does not contain exactly": ('"use_bias": true', '"use_bias": false'),
    "the precision": ('{"name": "float32"}', '{"name": "bfloat16"}'),
    "have the same": ('{"name": "float32"}', '{"name": "float64"}'),
    "the same `shared_object_id`": ('"units": 4', '"units": 4, "a": {%s}, "b": {%s}' % (2 * (
        '"module": "keras.layers", "class_name": "Dense", "shared_object_id": 7',))),
}  # fmt: skip


@pytest.mark.parametrize("reason", CHANGES)
def test_a_changed_description_is_refused(reason, tmp_path):
    _, path = small(tmp_path)
    old, new = CHANGES[reason]
    times = -1 if reason == "the precision" else 1
    data = rewritten(path, lambda text: text.replace(old, new, times))
    with pytest.raises(Refused, match=re.escape(reason)):
        read_bytes(data, "model.keras")


def test_an_older_keras_is_refused(tmp_path):
    _, path = small(tmp_path)
    data = rewritten(path, lambda _: json.dumps({"keras_version": "2.13.1"}), "metadata.json")
    with pytest.raises(Refused, match="only Keras 3"):
        read_bytes(data, "model.keras")


def test_descriptions_that_go_deep_are_refused(tmp_path):
    _, path = small(tmp_path)
    for text in ("[" * 200_000, '{"a":' * 200_000, "9" * 100_000, "[]", '"x"'):
        with pytest.raises(Refused):
            read_bytes(rewritten(path, lambda _, text=text: text), "model.keras")


def test_a_bomb_is_unpacked_up_to_a_size(tmp_path):
    _, path = small(tmp_path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = b" " * (1 << 25)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(Refused, match="more than 4194304 bytes"):
        read_bytes(out.getvalue(), "model.keras")
    # The same with a size that lies.
    data = out.getvalue().replace((1 << 25).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    with pytest.raises(Refused):
        read_bytes(data, "model.keras")
