"""Law: whatever chain of layers stands in a model, what a diagnosis proves of a layer is true.

Elementwise layers that follow each other become one curve, and a value between them is then read by
nobody in the graph. The proofs are compared with the Keras model itself, moved by small steps.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from cases import cases
from outrange.answers.diagnosis import Level
from outrange.diagnosis import RULES
from outrange.diagnosis.context import DiagnosisContext
from outrange.diagnosis.sensitivity import sensitivity
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")
L = keras.layers

PARTS = {
    "relu": L.ReLU,
    "leaky": lambda: L.LeakyReLU(0.2),
    "prelu": L.PReLU,
    "elu": L.ELU,
    "dropout": lambda: L.Dropout(0.3),
    "normalization": L.BatchNormalization,
    "reshape": lambda: L.Reshape((2, 3)),
    "tanh": lambda: L.Activation("tanh"),
    "sigmoid": lambda: L.Activation("sigmoid"),
    "silu": lambda: L.Activation("silu"),
    "hard sigmoid": lambda: L.Activation("hard_sigmoid"),
    "rescaling": lambda: L.Rescaling(-2.0, 0.3),
}
"""Layers each entry of whose result depends on one entry of what enters."""

NEIGHBOURS = list(zip(list(PARTS)[::2], list(PARTS)[1::2], strict=True))
"""Every part in one chain, before the other part and behind it."""

PAIRS = list(itertools.combinations_with_replacement(PARTS, 2))
"""Every pair of parts; a chain contains both orders of its pair."""

ROWS, STEP = 10, 2e-3


def randomize(model, rng):
    """`model` with random weights, and a last layer so flat that the response counts as none."""
    for variable in model.weights:
        array = rng.normal(size=variable.shape)
        variable.assign(np.abs(array) + 0.2 if "variance" in variable.path else array)
    kernel = model.layers[-1].kernel
    kernel.assign(1e-10 * keras.ops.convert_to_numpy(kernel))
    return model


def chain(first, second, activation):
    """Both in each order, behind dense layers."""
    return keras.Sequential([
        keras.Input((3,)), L.Dense(6, activation), PARTS[first](), PARTS[second](), L.Flatten(),
        L.Dense(6), PARTS[second](), PARTS[first](), L.Flatten(),
        L.Dense(4), L.Dense(1, use_bias=False),
    ])  # fmt: skip


def _branches(joined):
    """Four dense layers; what `joined` makes of the first one's result in between."""
    x = keras.Input((3,))
    z = joined(L.Dense(6, name="first")(x))
    for width in (5, 4):
        z = L.Dense(width)(z)
    return keras.Model(x, L.Dense(1, use_bias=False)(z))


def _gate(z):
    return L.Multiply()([z, L.Activation("sigmoid")(z)])


def _gate_read_twice(z):
    """The innermost curve of a gate is read by others too."""
    h = L.ReLU()(z)
    s = L.Activation("sigmoid")(h)
    return L.Concatenate()([L.Multiply()([h, L.Activation("tanh")(s)]), s])


def _skip(z):
    return L.Add()([z, L.LeakyReLU()(L.ReLU()(z))])


def _line(z):
    """Two bent layers whose difference is straight."""
    return L.Subtract()([L.ReLU()(z), L.ReLU()(L.Rescaling(-1.0)(z))])


def _maximum(z):
    return L.Maximum()([L.Activation("tanh")(z), L.LeakyReLU()(z)])


def _shared_model(z):
    """One layer called twice, the second time near the output."""
    twice = L.Dense(6, "tanh", name="shared")
    return L.Add()([twice(L.ReLU()(twice(z))), z])


BRANCHES = (_gate, _gate_read_twice, _skip, _line, _maximum, _shared_model)


def response(model, layer, x):
    """Sum the output's changes per unit of change of each entry that `layer` returns."""
    shape = tuple(layer.output.shape[1:]) if len(layer._inbound_nodes) == 1 else (6,)
    size = int(np.prod(shape))
    steps = STEP * np.eye(size, dtype="float32")
    nudges = np.repeat(np.concatenate([steps, -steps]), len(x), axis=0).reshape(-1, *shape)
    original_call = layer.call
    vars(layer)["call"] = lambda *args, **kwargs: original_call(*args, **kwargs) + nudges
    try:
        moved = model(np.tile(x, (2 * size, 1)), training=False)
    finally:
        del vars(layer)["call"]
    up, down = np.split(keras.ops.convert_to_numpy(moved).reshape(2, size, len(x), -1), 2)
    return float((np.abs(up - down)[0] / (2 * STEP)).sum(axis=0).max())


def calls(program, name):
    return [layer for layer in program.layers if layer.path.split("/")[-1] == name]


def check(model, x):
    """Compare every bound of a response, and every PROVED finding, with the model."""
    program = replace(read_program(model, x, None), predict=lambda _: [])
    case = DiagnosisContext(program, [x], None, (x, None))
    size = np.abs(keras.ops.convert_to_numpy(model(x, training=False))).max()
    checked = 0
    for name in dict.fromkeys(layer.path for layer in program.layers[:-1]):
        bound = sensitivity(case, calls(program, name))
        if bound is not None:
            checked += 1
            moved = response(model, model.get_layer(name), x)
            assert moved <= 1.01 * bound + 1e-3 * size, (name, moved, bound)
    for rule in RULES.values():
        for finding in rule.check(case):
            if finding.level is Level.PROVED:
                CHECKS[finding.code](model, x, finding)
    return checked


def _values(model, x, finding):
    layer = model.get_layer(finding.layer)
    inner = keras.Model(model.inputs[0], layer.output)
    return keras.ops.convert_to_numpy(inner(x, training=False))


def _is_constant(model, x, finding):
    """OR003 and OR020: dead units return one number at all rows, units always on are straight."""
    values = _values(model, x, finding)
    if "units" in finding.cost:
        assert np.ptp(values.reshape(len(x), -1)[:, finding.cost["units"]], axis=0).max() == 0
    else:
        assert (values > 0).all()


def _is_unresponsive(model, x, finding):
    moved = response(model, model.get_layer(finding.layer), x)
    assert moved <= 1.01 * finding.cost["bound"] + 1e-12


def _is_affine(model, x, finding):
    """OR009 holds for all weights: others are drawn."""
    weights = model.get_weights()
    randomize(model, np.random.default_rng(7))
    middle = 0.5 * (x[::2] + x[1::2])
    y, between = (keras.ops.convert_to_numpy(model(a, training=False)) for a in (x, middle))
    allowed = 1e-4 * np.abs(y).max()
    np.testing.assert_allclose(between, 0.5 * (y[::2] + y[1::2]), rtol=1e-3, atol=allowed)
    model.set_weights(weights)


CHECKS = {
    "OR003": _is_constant, "OR020": _is_constant, "OR012": _is_unresponsive, "OR009": _is_affine,
}  # fmt: skip
"""What each finding says of these models; of another code nothing is expected."""


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), cases(NEIGHBOURS, PAIRS))
def test_what_is_proved_of_a_chain_is_true(first, second):
    i = list(PARTS).index(second)
    rng = np.random.default_rng([list(PARTS).index(first), i])
    model = randomize(chain(first, second, (None, "relu", "tanh")[i % 3]), rng)
    x = rng.normal(size=(ROWS, 3)).astype("float32")
    assert check(model, x) == len(model.layers) - 1, (first, second)


@pytest.mark.parametrize("joined", BRANCHES)
def test_what_is_proved_of_branches_is_true(joined):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    model = randomize(_branches(joined), rng)
    assert check(model, rng.normal(size=(ROWS, 3)).astype("float32")) >= 3
