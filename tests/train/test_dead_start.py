"""Chances of a dead start: closed forms, and draws that agree with them and with geometry."""

import json

import keras
import numpy as np
import pytest

import outrange
from cases import cases
from outrange.core import InputError
from outrange.core.confidence import clopper_pearson
from outrange.train.comparison.initial import Initializers, is_centered
from outrange.train.dead_start import dead_start as draw


LINE = np.arange(1.0, 8.0)[:, None]


def relu(units=1, **options):
    return keras.layers.Dense(units, activation="relu", **options)


def model(*layers, inputs=1):
    return keras.Sequential([keras.Input((inputs,)), *layers])


def chance(layer, x, **options):
    return outrange.training.dead_start(layer, x, **options).layers[0]


def test_one_relu_neuron_on_positive_inputs_is_a_coin_toss():
    estimate = chance(relu(), LINE)
    assert (estimate.chance, estimate.lo, estimate.hi, estimate.method) == (
        0.5,
        0.5,
        0.5,
        "closed form",
    )
    three = chance(relu(3), LINE)
    assert (three.chance, three.all_dead) == (0.5, 0.125)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (LINE - 4.0, 0.0),  # both signs: some row is always on
        (-LINE, 0.5),
        (np.zeros((3, 1)), 1.0),
        (np.outer(LINE, [3.0, -1.0]), 0.5),  # one direction in the plane
        (np.concatenate([np.zeros((1, 1)), LINE]), 0.5),
    ],
)
def test_closed_forms(x, expected):
    estimate = chance(relu(), x)
    assert estimate.method == "closed form"
    assert estimate.chance == expected


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "random_normal"])
def test_closed_forms_are_what_draws_give(initializer):
    layer = relu(8, kernel_initializer=initializer)
    net = model(layer)
    makers, rng, dead = Initializers(net), np.random.default_rng(0), 0
    for _ in range(150):
        for variable, value in makers.draw(rng):
            if variable.name == "kernel":
                dead += int((LINE @ np.asarray(value) <= 0).all(axis=0).sum())
    lo, hi = clopper_pearson(dead, 1200, 0.999)
    assert lo <= chance(net, LINE).chance <= hi


def test_the_angle_of_a_cone_decides_in_the_plane():
    # Rows at 0 and 60 degrees: the weights that are negative at both fill 120 of 360 degrees.
    x = np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
    layer = relu(16, kernel_initializer=keras.initializers.RandomNormal(stddev=1.0))
    estimate = chance(model(layer, inputs=2), x, trials=150, confidence=0.999)
    assert estimate.method == "sampled"
    assert estimate.lo <= 1 / 3 <= estimate.hi
    assert estimate.hi - estimate.lo < 0.08  # 2,400 independent units


def test_deeper_layers_count_starts_not_units():
    net = model(relu(4), relu(4), keras.layers.Dense(1), inputs=2)
    answer = outrange.training.dead_start(
        net, np.abs(np.random.default_rng(0).normal(size=(100, 2))), trials=60
    )
    first, second = answer.layers
    assert second.lo <= second.chance <= second.hi
    assert second.hi - second.lo > 0.2  # 60 independent starts, not 240 units
    assert first.hi - first.lo < 0.2
    assert answer.worst.chance == max(first.chance, second.chance)


def test_a_bias_at_the_start_is_drawn_too():
    assert chance(relu(bias_initializer="ones"), LINE, trials=100).method == "sampled"
    lifted = relu(kernel_initializer="zeros", bias_initializer="ones")
    assert chance(lifted, LINE, trials=50).chance == 0.0
    sunk = relu(kernel_initializer="zeros", bias_initializer="zeros")
    assert chance(sunk, LINE, trials=50).chance == 1.0


def test_activations_without_a_flat_piece_cannot_die():
    answer = outrange.training.dead_start(
        model(keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)), LINE
    )
    assert not answer.layers
    assert answer.worst is None
    assert "no activation with a flat piece" in str(answer)


@pytest.mark.slow
def test_the_model_keeps_its_weights_and_seeds_do_not_matter():
    net = model(relu(2, kernel_initializer=keras.initializers.HeNormal(seed=1)), relu(2))
    before = net.get_weights()
    one = outrange.training.dead_start(net, LINE, trials=40, seed=3)
    two = outrange.training.dead_start(net, LINE, trials=40, seed=3)
    assert one.as_dict() == two.as_dict()
    assert 0.0 < one.layers[1].chance < 1.0
    for a, b in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_of_unknown_origin_are_named():
    class Own(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

        def call(self, x):
            return x * self.scale

    answer = outrange.training.dead_start(model(Own(), relu()), LINE, trials=10)
    assert len(answer.kept) == 1
    assert "scale" in answer.kept[0]
    assert answer.kept[0] in str(answer)


def test_which_initializers_are_centered():
    init = keras.initializers
    assert all(map(is_centered, (init.GlorotUniform(), init.HeNormal(), init.RandomUniform())))
    assert not any(
        map(
            is_centered,
            (
                init.Ones(),
                init.RandomNormal(mean=1.0),
                init.Orthogonal(),
                init.RandomUniform(0.0, 1.0),
            ),
        )
    )


def test_it_renders():
    answer = outrange.training.dead_start(model(relu(2), relu(2)), LINE, trials=10)
    json.dumps(answer.as_dict(), allow_nan=False)
    assert answer._repr_html_().split("Question, models and version")[0].count("<tr>") == 3
    assert len(repr(answer)) < 200
    assert answer[answer.layers[0].name] is answer.layers[0]


def test_a_layer_that_keras_cannot_make_again_belongs_in_a_model():
    with pytest.raises(InputError, match="Put the layer in a model"):
        outrange.training.dead_start(relu(4, kernel_initializer=Positive()), LINE)


def test_arguments_that_break_a_rule():
    with pytest.raises(outrange.InputError, match="trials=0"):
        outrange.training.dead_start(relu(), LINE, trials=0)
    with pytest.raises(outrange.InputError, match="confidence=1"):
        outrange.training.dead_start(relu(), LINE, confidence=1)
    with pytest.raises(outrange.InputError, match="must be a Keras model or layer"):
        outrange.training.dead_start("model.onnx", LINE)
    with pytest.raises(outrange.InputError, match=r"input shape \(2,\)"):
        outrange.training.dead_start(model(relu(), inputs=2), LINE)


@pytest.mark.slow
def test_a_layer_whose_chance_is_known_to_be_small_is_not_drawn():
    """Five relus of centered kernels: at most 1 in 32, and fewer are drawn."""
    x = np.random.default_rng(1).normal(size=(6, 3, 1)).astype("float32")
    both = keras.layers.Dense(5, "hard_sigmoid", name="both")
    many = keras.Sequential([
        keras.Input((3, 1)),
        keras.layers.Conv1D(5, 2, activation="relu", name="convolution"), keras.layers.Flatten(),
        relu(5, name="wide"), relu(3, name="narrow"),
        relu(5, bias_initializer="ones", name="shifted"), both,
    ])  # fmt: skip
    drawn = draw(many, x, trials=20, least=0.05)
    assert [layer.name for layer in drawn.layers] == ["wide", "narrow", "shifted", "both"]
    few = draw(many, x, trials=20, names={"wide", "narrow"})
    assert [layer.name for layer in few.layers] == ["wide", "narrow"]
    (alone,) = draw(many, x, trials=cases(120, 400), names={"convolution"}).layers
    assert alone.all_lo <= 1 / 32
    assert alone.hi <= 0.5


@pytest.mark.slow
def test_chances_add_up_along_a_deep_narrow_network():
    """Each layer by itself dies in at most 1 of 32 starts; the twelfth is dead far more often."""
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    layers = [relu(5, name=f"r{i}") for i in range(12)]
    deep = keras.Sequential([keras.Input((3,)), *layers])
    by_name = {
        layer.name: layer for layer in draw(deep, x, trials=cases(80, 200), least=0.05).layers
    }
    assert "r0" not in by_name
    assert by_name["r11"].all_lo >= 0.05


def test_a_group_of_a_convolution_may_see_zeros_alone():
    x = np.zeros((4, 3, 5), "float32")
    x[..., 0] = 1.0
    apart = keras.Sequential([
        keras.Input((3, 5)), keras.layers.Conv1D(5, 1, groups=5, activation="relu", name="g"),
    ])  # fmt: skip
    assert [layer.name for layer in draw(apart, x, trials=20, least=0.05).layers] == ["g"]


class Positive(keras.initializers.RandomNormal):
    """Derived from one that draws alike on both sides of 0, and it does not."""

    def __call__(self, shape, dtype=None):
        return keras.ops.abs(super().__call__(shape, dtype))


class Dense(keras.layers.Dense):
    """A layer of Keras by its name alone."""

    def call(self, inputs, training=None):
        return keras.ops.relu(keras.ops.matmul(inputs, -keras.ops.abs(self.kernel)))


@pytest.mark.parametrize(
    ("layer", "dead"),
    [(relu(4, kernel_initializer=Positive()), 0.0), (Dense(4), 1.0)],
)
def test_what_derives_from_keras_is_drawn(layer, dead):
    estimate = chance(model(layer), np.array([[1.0], [2.0]]), trials=30)
    assert (estimate.chance, estimate.method) == (dead, "sampled")
