"""Every model of the zoo is read to a graph that equals it, and is left unchanged."""

import numpy as np
import pytest


pytest.importorskip("keras")

import keras

import zoo
from cases import covering, some
from outrange.core import UnsupportedError
from outrange.frontends.keras import load_keras
from outrange.graph import Slot


@pytest.fixture(scope="module")
def networks():
    return {}


def network(networks, name):
    if name not in networks:
        model = zoo.build(name)
        networks[name] = model, load_keras(model)
    return networks[name]


NAMES = covering({name: zoo.parts(name) for name in zoo.MODELS})
RUN_BY_KERAS = some(NAMES, 2)
"""Models that Keras itself runs too, which compiles them once more."""


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_the_model(name):
    model = zoo.build(name)
    read = load_keras(model)
    graph_is_the_model(model, read, name in RUN_BY_KERAS)
    layers_are_described(model, read)


def graph_is_the_model(model, read, by_keras):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, read.graph.size)).astype("float32")
    predictions = read.predict(x)
    np.testing.assert_allclose(read.graph.run(x.astype(float)), predictions, rtol=3e-5, atol=3e-5)
    if by_keras:
        np.testing.assert_allclose(predictions, outputs(model, read.graph, x), rtol=1e-5, atol=1e-5)


def outputs(model, graph, x):
    """Compute the outputs of Keras for rows of all inputs."""
    parts, start = [], 0
    for slot in graph.inputs:
        parts.append(x[:, start : start + slot.size].reshape(3, *slot.shape))
        start += slot.size
    struct = getattr(model, "input", None) if hasattr(model, "operations") else None
    arguments = parts[0] if len(parts) == 1 else parts
    if isinstance(struct, dict):
        arguments = dict(zip((slot.name for slot in graph.inputs), parts, strict=True))
    # As one program if possible, since JAX would compile every operation by itself.
    run = getattr(model, "predict_on_batch", None) or (lambda x: model(x, training=False))
    returned = run(arguments)
    if isinstance(returned, dict):
        returned = [returned[slot.name] for slot in graph.outputs]
    arrays = [keras.ops.convert_to_numpy(y) for y in keras.tree.flatten(returned)]
    return np.concatenate([np.reshape(y, (3, -1)) for y in arrays], axis=1)


def layers_are_described(model, read):
    graph = read.graph
    assert {info.path for info in read.layers} <= set(graph.layers)
    assert sum(info.parameters for info in read.layers) == model.count_params()
    for info in read.layers:
        assert graph.value_size(info.after) == np.prod(info.shape)
        assert info.before is None or 0 <= info.before <= info.after
    for node in graph.nodes:
        assert node.source


def test_reading_changes_nothing():
    model = zoo.build("nested")
    model.compile("sgd", "mse")
    x, y = np.ones((4, 4), "float32"), np.zeros((4, 2), "float32")
    model.train_on_batch(x, y)

    def state():
        layers = model._flatten_layers()
        nodes = [(len(v._inbound_nodes), len(v._outbound_nodes)) for v in layers]
        return nodes, model.get_config(), [w.tolist() for w in model.get_weights()]

    before, method = state(), keras.Operation.symbolic_call
    load_keras(model)
    assert state() == before
    assert keras.Operation.symbolic_call is method
    assert vars(model.layers[1].layers[1])["activation"] is keras.activations.relu
    model.train_on_batch(x, y)
    assert state()[2] != before[2]
    assert keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).built


def test_a_failed_reading_changes_nothing():
    method = keras.Operation.symbolic_call, keras.Layer.symbolic_call
    model = keras.Sequential([
        keras.Input((3, 2)), keras.layers.Dense(2, "relu"),
        keras.layers.LSTM(2, dtype="mixed_bfloat16"),
    ])  # fmt: skip
    nodes = [len(v._inbound_nodes) for v in model._flatten_layers()]
    with pytest.raises(UnsupportedError):
        load_keras(model)
    assert (keras.Operation.symbolic_call, keras.Layer.symbolic_call) == method
    assert nodes == [len(v._inbound_nodes) for v in model._flatten_layers()]


def test_names_of_layers(networks):
    _, read = network(networks, "nested")
    assert {"inner", "inner/hidden", "tail"} <= set(read.graph.layers)
    hidden = next(info for info in read.layers if info.path == "inner/hidden")
    assert hidden.kind == "Dense" and hidden.before is not None and hidden.parameters == 15


def test_a_layer_called_in_a_loop_keeps_every_call(networks):
    _, read = network(networks, "shared_loop")
    assert len(read.graph.layers["again"]) == 4
    calls = [info for info in read.layers if info.path == "again"]
    assert [info.parameters for info in calls] == [20, 0, 0, 0]


def test_names_of_inputs_and_outputs(networks):
    _, read = network(networks, "dict_in_out")
    assert {slot.name: slot.shape for slot in read.graph.inputs} == {"alpha": (3,), "zeta": (4,)}
    assert {slot.name for slot in read.graph.outputs} == {"first", "second"}
    _, read = network(networks, "several_in_out")
    assert read.graph.inputs == (Slot("x", (2, 3)), Slot("y", (4,)))
    assert read.graph.outputs == (Slot("low", (2,)), Slot("high", (2, 5)))


def test_a_bias_is_part_of_its_product(networks):
    _, read = network(networks, "mlp")
    names = [node.op.name for node in read.graph.nodes]
    assert names == ["dense", "relu", "dense", "relu", "dense"]


def test_a_fixed_batch_size():
    model = keras.Sequential([keras.Input(batch_shape=(4, 3)), keras.layers.Dense(2, "relu")])
    read = load_keras(model)
    assert read.predict(np.ones((6, 3), "float32")).shape == (6, 2)


def test_a_single_layer_is_a_model_too():
    layer = keras.layers.Dense(2, "relu")
    layer(np.zeros((1, 3), "float32"))
    assert load_keras(layer).graph.size == 3


def test_before_an_activation_that_is_a_layer(networks):
    _, read = network(networks, "activation_that_is_a_layer")
    dense = next(info for info in read.layers if info.kind == "Dense")
    assert (dense.before, dense.after) == (1, 2)


def test_average_pooling_that_pads_unevenly():
    model = keras.Sequential([
        keras.Input((6, 7, 2)), keras.layers.AveragePooling2D(3, 2, padding="same"),
        keras.layers.Flatten(),
    ])  # fmt: skip
    assert load_keras(model).graph.size == 84


def test_channels_first():
    pools = keras.layers
    model = keras.Sequential([
        keras.Input((3, 8, 8)), pools.MaxPooling2D(2, data_format="channels_first"),
        pools.AveragePooling2D(2, data_format="channels_first"),
        pools.GlobalMaxPooling2D(data_format="channels_first"),
    ])  # fmt: skip
    assert load_keras(model).graph.outputs[0].shape == (3,)


def test_outputs_that_are_inputs_or_constants():
    x = keras.Input((4,))
    model = keras.Model(x, [x, keras.ops.zeros_like(x) + 3.0, x])
    graph = load_keras(model).graph
    row = np.arange(4.0)[None]
    np.testing.assert_array_equal(graph.run(row), [[*range(4), 3, 3, 3, 3, *range(4)]])


def test_lora_is_part_of_the_weights():
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(6, "relu")])
    model.layers[0].enable_lora(2)
    zoo.randomize(model)
    assert len(load_keras(model).graph.nodes) == 2


def test_a_subclassed_model_with_a_dict():
    class Both(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, arguments):
            both = keras.ops.concatenate([arguments["b"], arguments["a"]], axis=-1)
            return {"out": self.dense(both), "again": arguments["a"]}

    model = Both()
    model({"b": np.zeros((1, 3), "float32"), "a": np.zeros((1, 2), "float32")})
    graph = load_keras(model).graph
    assert {slot.name: slot.shape for slot in graph.inputs} == {"a": (2,), "b": (3,)}
    assert {slot.name: slot.shape for slot in graph.outputs} == {"out": (3,), "again": (2,)}
