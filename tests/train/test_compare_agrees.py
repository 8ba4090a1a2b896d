"""A law: `compare` contradicts neither `recommend` nor a proof, with its default candidates."""

import math

import keras
import numpy as np
import pytest

import outrange


TABLE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1]}
UNSOLVABLE = {"XOR": [0, 1, 1, 0], "XNOR": [1, 0, 0, 1], "signs": [-1, 1, 1, -1]}


def neuron(inputs, units=1):
    def build(activation):
        return keras.Sequential(
            [keras.Input((inputs,)), keras.layers.Dense(units, activation=activation)]
        )

    return build


def agrees(study, advice):
    """The best combination is the recommended one."""
    assert study.best_activation == advice.activation, study
    assert study.best_loss == advice.loss.removeprefix("sparse_"), study
    assert study.best.solved.all(), study


@pytest.mark.slow
@pytest.mark.parametrize("name", GATES)
def test_a_gate_that_one_neuron_can_learn_is_learned_as_recommended(name):
    y = np.array(GATES[name])
    study = outrange.compare(
        neuron(2), TABLE, y, training={"starts": 2, "epochs": 200}, time_limit=math.inf
    )
    agrees(study, outrange.recommend(TABLE, y))
    assert study.best.metric == 1.0
    assert str(study).startswith("Best: sigmoid, binary_crossentropy, ")


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSOLVABLE)
def test_no_candidate_solves_what_no_line_separates(name):
    y = np.array(UNSOLVABLE[name])
    study = outrange.compare(
        neuron(2), TABLE, y, training={"starts": 2, "epochs": 60}, time_limit=math.inf
    )
    assert not study.solved
    assert not any(c.solved.any() for c in study.combinations)
    assert study.goal > 0.75
    text = " ".join(str(study).split())
    assert text.startswith(
        "No candidate reaches the goal: no line separates the classes, so the accuracy "
    )
    assert "accuracy of every model is at most 0.75, whatever the weights." in text
    assert "(PROVED) No start reaches accuracy of at least 0.9" in text
    assert "none reaches the goal, closest: " in repr(study)
    assert "OR039" in {r.code for _, t in study.failures for r in t.why}
    axes = study.plot_heatmap()
    assert "No candidate reaches the goal" in " ".join(axes.figure.get_suptitle().split())


@pytest.mark.slow
def test_a_hidden_layer_that_falls_short_is_no_success_either():
    """Two of four successes: no better than the proved chance of the other models."""

    def build(activation):
        hidden = [keras.layers.Dense(4, "tanh")] if activation == "tanh" else []
        return keras.Sequential([keras.Input((2,)), *hidden, keras.layers.Dense(1, "sigmoid")])

    both = {"activation": ["sigmoid", "tanh"], "loss": ["binary_crossentropy"]}
    y = np.array(UNSOLVABLE["XOR"])
    sgd = {"sgd": keras.optimizers.SGD(1e-6)}
    study = outrange.compare(
        build, TABLE, y, candidates=both | {"optimizer": sgd}, training={"starts": 2, "epochs": 1}
    )
    assert not study.solved
    assert "models without a hidden layer is at most 0.75" in " ".join(str(study).split())
    adam = {"adam": keras.optimizers.Adam(0.1)}
    study = outrange.compare(
        build,
        TABLE,
        y,
        candidates=both | {"optimizer": adam},
        training={"starts": 2, "epochs": 200},
    )
    assert study.best_activation == "tanh"
    assert study.best.metric == 1.0
    assert not study["sigmoid", "binary_crossentropy", "adam"].solved.any()


def test_a_goal_of_the_user_is_kept():
    y = np.array(UNSOLVABLE["XOR"])
    study = outrange.compare(
        neuron(2),
        TABLE,
        y,
        candidates={"activation": ["sigmoid"], "loss": ["binary_crossentropy"]},
        training={"starts": 1, "epochs": 20},
        goal=0.2,
    )
    assert study.goal == 0.2


def test_noisy_classes_that_are_nearly_linear_are_solved():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    y = (x[:, 0] + 0.4 * rng.normal(size=120) > 0).astype(int)
    study = outrange.compare(
        neuron(2),
        x,
        y,
        candidates={
            "loss": ["binary_crossentropy"],
            "activation": ["sigmoid"],
            "optimizer": {"adam": keras.optimizers.Adam(0.05)},
        },
        training={"starts": 2, "epochs": 60},
    )
    assert study.best.solved.all()
    assert study.best.metric < 1.0


@pytest.mark.slow
def test_a_regression_is_solved_as_recommended():
    x = np.linspace(-1, 1, 24)[:, None].astype(np.float32)
    y = 0.9 * x[:, 0] - 0.2
    study = outrange.compare(
        neuron(1), x, y, training={"starts": 2, "epochs": 150}, time_limit=math.inf
    )
    agrees(study, outrange.recommend(x, y))


@pytest.mark.slow
def test_three_classes_are_learned_as_recommended():
    rng = np.random.default_rng(0)
    y = np.arange(36) % 3
    x = (np.eye(3)[y] @ [[3, 0], [-3, 0], [0, 3]] + rng.normal(0, 0.3, (36, 2))).astype(np.float32)
    study = outrange.compare(
        neuron(2, 3), x, y, training={"starts": 2, "epochs": 60}, time_limit=math.inf
    )
    agrees(study, outrange.recommend(x, y))
    assert study.best.metric == 1.0
