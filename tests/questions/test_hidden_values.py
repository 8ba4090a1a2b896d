"""Conditions on hidden values: against the same network with more outputs, and on the model."""

from dataclasses import replace

import numpy as np
import pytest

from outrange import (
    InputError,
    gradient_range,
    lipschitz,
    load,
    maximize,
    monotone,
    output_range,
    summary,
    verify,
    y,
)
from outrange.graph import Slot
from questions.nets import dense_net


SIZES, CURVES = (2, 5, 4, 2), ("relu", "relu", None)


@pytest.fixture(scope="module")
def net():
    return dense_net(SIZES, CURVES, seed=3).graph


def test_bounds_of_a_layer_agree_with_its_range(net):
    hidden = output_range(load(net, layer="dense_1"), (-1, 1))
    top = float(hidden.hi[0])
    assert verify(net, f'layer("dense_1")[0] <= {top + 1e-3}', (-1, 1))
    broken = verify(net, f'layer("dense_1")[0] <= {top - 1e-3}', (-1, 1))
    example = broken.counterexample
    assert example.y['layer("dense_1")'][0] > top - 1e-3
    assert set(example.y) == {"y", 'layer("dense_1")'}
    best = maximize(net, 'layer("dense_1")[0]', (-1, 1))
    np.testing.assert_allclose(best.hi, top, atol=1e-4)


def test_hidden_values_and_outputs_are_related(net):
    """The last layer is linear: it is known exactly from the values before it."""
    weight, bias = (net.nodes[-1].op.adjoint(np.eye(2))[0], net.nodes[-1].op.bias)
    terms = " + ".join(f'{w!r} * layer("dense_1")[{i}]' for i, w in enumerate(weight[0].tolist()))
    condition = f"abs({terms} + {float(bias[0])!r} - y[0]) <= 1e-9"
    assert verify(net, condition, (-1, 1))
    twice = {"f": net, "g": net}
    assert verify(twice, 'f.layer("dense_0").max() <= 1e3 or g.y[0] > 0', (-1, 1))


@pytest.mark.slow
def test_the_model_itself_is_run():
    import keras

    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, "relu", name="inner"), keras.layers.Dense(1)]
    )
    network = load(model, name="f")
    broken = verify(network, network.layer("inner")[2] <= 1e-3, (-1, 1))
    example = broken.counterexample
    inner = keras.Model(model.inputs, model.layers[0].output)
    expected = inner.predict(example.x[None].astype("float32"), verbose=0)[0]
    np.testing.assert_allclose(example.model_y['layer("inner")'], expected, atol=1e-6)
    assert example.reproduced
    assert repr(network.layer("inner")[2] <= 1) == 'f.layer("inner")[2] <= 1'


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ('layer("dense_7")[0] <= 1', "Did you mean"),
        ('layer("dense_1")[9] <= 1', "out of bounds"),
        ("layer(1)[0] <= 1", "name of a layer"),
        ("layer[0] <= 1", "not a known name"),
        ('h.layer("dense_1")[0] <= 1', "on the single network"),
    ],
)
def test_misfits_are_refused(net, condition, message):
    with pytest.raises(InputError, match=message):
        verify(net, condition, (0, 1))


def test_hidden_values_do_not_restrict_inputs(net):
    with pytest.raises(InputError, match="must use only `x`"):
        verify(net, y[0] <= 1, (0, 1), where='layer("dense_1")[0] <= 1')


def test_a_layer_takes_the_place_of_the_outputs(net):
    hidden = load(net, layer="dense_0")
    answer = output_range(hidden, (-1, 1))
    assert answer.outputs == {'layer("dense_0")': (5,)}
    assert answer.model == "graph/dense_0" and answer.model_lo is None
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 2))
    values = np.maximum(net.nodes[0].op.run((x,)), 0.0)
    assert np.all((answer.lo <= values) & (values <= answer.hi))
    assert verify(hidden, y[0] <= float(answer.hi[0]), (-1, 1))
    inner = gradient_range(hidden, (-1, 1), outputs=0)
    weights = net.nodes[0].op.adjoint(np.eye(5))[0]
    np.testing.assert_allclose(np.maximum(weights[0], 0), inner.hi[0], atol=1e-5)


@pytest.fixture(scope="module")
def stack():
    """A Keras model that calls a layer twice, and the model that ends after the first call."""
    import keras

    keras.utils.set_random_seed(2)
    twice = keras.layers.Dense(3, "gelu", name="twice")
    inputs = keras.Input((3,))
    inner = twice(inputs)
    outputs = keras.layers.Dense(2, name="last")(twice(inner))
    return keras.Model(inputs, outputs, name="stack"), keras.Model(inputs, inner)


def test_a_layer_of_a_keras_model_is_that_of_a_smaller_model(stack):
    model, first = stack
    whole, part = load(model, layer="twice"), load(first)
    assert [slot.name for slot in whole.graph.outputs] == ['layer("twice"):0', 'layer("twice"):1']
    x = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    np.testing.assert_allclose(whole.graph.run(x)[:, :3], part.graph.run(x), atol=1e-12)
    np.testing.assert_allclose(whole.written.run(x), whole.graph.run(x), atol=1e-12)
    a, b = (output_range(net, (0, 0.1)) for net in (whole, part))
    np.testing.assert_allclose(a.hi[:3], b.hi, atol=1e-5)
    single = output_range(whole, (0, 0.1), arithmetic="float32")
    returned = first.predict(np.linspace(0, 0.1, 30).reshape(10, 3).astype("float32"), verbose=0)
    assert np.all((single.lo[:3] <= returned) & (returned <= single.hi[:3]))


def test_the_summary_of_a_layer_has_the_layers_before_it(stack):
    rows, inner = (summary(load(stack[0], **o), (-1, 1)).layers for o in ({}, {"layer": "twice"}))
    assert [row.name for row in inner] == ["twice"]
    assert [row.name for row in rows] == ["twice", "last"]
    np.testing.assert_array_equal(inner[0].after, rows[0].after)


def test_the_answer_about_a_layer_names_it_next_to_the_hash_of_the_model(stack, tmp_path):
    stack[0].save(tmp_path / "stack.keras")
    whole, part = (load(tmp_path / "stack.keras", layer=name) for name in (None, "last"))
    (source,) = output_range(part, (0, 0)).sources
    assert source.name == "stack.keras, layer `last`" and source.sha256 == whole.source.sha256


@pytest.mark.parametrize("name", ["dens0", 3])
def test_layers_that_do_not_exist_are_refused(net, name):
    with pytest.raises(InputError, match=r"must be the name of a layer.* are `dense_0`, `dense_1`"):
        load(net, layer=name)


@pytest.mark.parametrize("ask", [output_range, gradient_range, lipschitz, monotone])
def test_the_former_argument_is_refused(net, ask):
    with pytest.raises(InputError, match=r"outrange\.load\(model, layer=name\)"):
        ask(net, (0, 1), layer="dense_0")


def test_the_range_of_a_layer_is_no_range_of_a_model_whose_output_has_its_name():
    graph = dense_net((2, 2, 2), ("relu", None), seed=3).graph
    named = replace(graph, outputs=(Slot("dense_0", (2,)),))
    known = output_range(load(named, layer="dense_0"), (-1, 1))
    with pytest.raises(InputError, match="`known` must be"):
        summary(named, (-1, 1), known=known)
    assert summary(named, (-1, 1), known=output_range(named, (-1, 1)))
