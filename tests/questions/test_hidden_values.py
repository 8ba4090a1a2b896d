"""Conditions on hidden values: against the same network with more outputs, and on the model."""

import numpy as np
import pytest

from outrange import InputError, load, maximize, output_range, verify, y
from questions.nets import dense_net


SIZES, CURVES = (2, 5, 4, 2), ("relu", "relu", None)


@pytest.fixture(scope="module")
def net():
    return dense_net(SIZES, CURVES, seed=3).graph


def test_bounds_of_a_layer_agree_with_its_range(net):
    hidden = output_range(net, (-1, 1), layer="dense_1")
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
