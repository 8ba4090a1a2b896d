"""An objective was measured before its last curve: the maximum of `tanh` was that of its source."""

import numpy as np
import pytest

import outrange
from outrange import y


keras = pytest.importorskip("keras")

BOX = (0.25, 0.5)

FORMS = {
    "tanh": y[0],
    "softsign": y[0],
    "relu": y[0],
    "sigmoid": y[0] - 0.5,
    "hard_sigmoid": y[0] - 0.5,
    "softmax": y[0] - y[1],
}


def network(activation):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation)])
    model.set_weights([np.array([[1.0, -1.0], [1.0, 2.0]]), np.zeros(2)])
    return outrange.load(model)


def values(net, form, x):
    z = net.graph.run(x)
    return {"y[0]": z[:, 0], "y[0] - 0.5": z[:, 0] - 0.5}.get(str(form), z[:, 0] - z[:, 1])


@pytest.mark.parametrize("activation", FORMS)
def test_an_optimum_is_a_value_of_the_objective(activation):
    net, form = network(activation), FORMS[activation]
    seen = values(net, form, np.random.default_rng(0).uniform(*BOX, (2000, 2)))
    least, most = outrange.minimize(net, form, BOX), outrange.maximize(net, form, BOX)
    assert seen.min() - 0.05 <= least.lo <= least.hi <= seen.min() + 1e-6
    assert seen.max() - 1e-6 <= most.lo <= most.hi <= seen.max() + 0.05


SETS = {
    "union": outrange.Union((0.25, 0.3), (0.4, 0.5)),
    "polytope": outrange.Polytope([[1, 1]], [2], BOX),
    "ball": outrange.L2Ball([0.4, 0.4], 0.1),
}


@pytest.mark.parametrize("name", SETS)
def test_the_range_over_a_set_is_one_of_outputs(name):
    net = network("tanh")
    whole, part = outrange.output_range(net, BOX), outrange.output_range(net, SETS[name])
    assert (part.lo >= whole.lo - 1e-6).all() and (part.hi <= whole.hi + 1e-6).all()


def test_a_condition_that_all_numbers_meet_needs_numbers():
    """`y <= 1 or y >= -1` held where the model returns NaN."""
    x = keras.Input((1,))
    model = keras.Model(x, keras.layers.Activation(keras.ops.sqrt)(x))
    with pytest.raises(outrange.InputError):
        outrange.verify(model, (y[0] <= 1) | (y[0] >= -1), (-2, -1))
    assert outrange.verify(model, (y[0] <= 1) | (y[0] >= -1), (1, 2)).status == "HOLDS"
