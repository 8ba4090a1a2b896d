"""Findings whose advice raised an error, contradicted a proof, or blamed a loss of Keras."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis import diagnose
from outrange.diagnosis.context import DiagnosisContext
from outrange.diagnosis.repairs.read_fix import parse_repairs
from outrange.diagnosis.repairs.trial import apply_repair
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")


def dense(*layers, loss, optimizer="adam", inputs=4):
    model = keras.Sequential([keras.Input((inputs,)), *layers])
    model.compile(optimizer, loss)
    return model


def test_a_dead_unit_is_no_reason_to_look_inside_a_loss_of_keras():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = dense(keras.layers.Dense(1, "relu"), loss="huber", inputs=1)
    model.set_weights([np.array([[0.1]], "float32"), np.array([-1.0], "float32")])
    answer = outrange.diagnose(model, x, x - 3)
    assert "OR003" in answer.codes
    assert "OR005" not in answer.codes


def test_a_dead_hidden_layer_is_no_reason_to_look_inside_a_loss_of_keras():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = dense(keras.layers.Dense(3, "relu"), keras.layers.Dense(1), loss="huber", inputs=1)
    model.layers[0].bias.assign([-5.0] * 3)
    answer = outrange.diagnose(model, x, x - 3)
    assert "OR003" in answer.codes
    assert "OR005" not in answer.codes


def test_the_model_is_searched_if_the_loss_is_of_keras():
    x = np.linspace(0.1, 1, 32)[:, None].astype("float32")
    rounded = keras.layers.Lambda(keras.ops.round)
    model = dense(keras.layers.Dense(1), rounded, loss="huber", inputs=1)
    found = [f for f in outrange.diagnose(model, x, x - 3) if f.code == "OR005"]
    assert found and all(f.fix.endswith("in the layers of the model") for f in found)


def test_comparisons_do_not_blame_a_loss_of_keras():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    study = outrange.compare(
        lambda activation: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation)]),
        x,
        x - 3,
        candidates={"activation": ["relu"], "loss": ["huber"], "optimizer": ["sgd"]},
        training={"starts": 2, "epochs": 30},
    )
    assert "in the loss" not in str(study)


XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), np.array([[0], [1], [1], [0]])


@pytest.mark.parametrize("goal, other", [(None, False), (0.9, False), (0.75, True)])
def test_no_other_loss_is_advised_where_no_weights_reach_the_goal(goal, other):
    def build(activation):
        start = keras.initializers.GlorotUniform(seed=1)
        layer = keras.layers.Dense(1, activation, kernel_initializer=start)
        return keras.Sequential([keras.Input((2,)), layer])

    study = outrange.compare(
        build,
        *XOR,
        candidates={
            "activation": ["sigmoid"],
            "loss": ["binary_crossentropy"],
            "optimizer": ["adam"],
        },
        training={"starts": 2, "epochs": 300},
        goal=goal,
    )
    codes = {reason.code for _, trial in study.failures for reason in trial.why}
    assert "OR039" in codes
    assert bool(codes & {"T4", "T5", "T6", "T7", "T8", "T9"}) is other


@pytest.mark.parametrize("seed", [0, 1])
def test_no_training_time_is_advised_below_a_proved_floor(seed):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = rng.uniform(-4, -1, (64, 1)).astype("float32")
    keras.utils.set_random_seed(seed)
    model = dense(keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "relu"), loss="mse")
    falling = {"loss": [9.4, 9.3, 9.2, 9.1, 9.0]}
    answer = outrange.diagnose(model, x, y, epochs=20, history=falling)
    assert "OR001" in answer.codes
    assert not {"OR030", "OR031"} & set(answer.codes)


@pytest.mark.parametrize("low", [-5.0, 5.0])
def test_a_pace_towards_an_error_of_zero_is_not_reported_beside_a_floor(low):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    keras.utils.set_random_seed(1)
    layers = keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "relu")
    model = dense(*layers, loss="mse", optimizer=keras.optimizers.SGD(1e-9))
    y = rng.uniform(low, low + 1, (64, 1)).astype("float32")
    assert outrange.diagnose(model, x, y).codes == (("OR001",) if low < 0 else ("OR017",))


LABELS = {
    "two numbers": (lambda c: c[:, 0] % 2, 2),
    "numbers": (lambda c: c[:, 0], 3),
    "numbers in a column": (lambda c: c, 3),
    "numbers from 1": (lambda c: c[:, 0] + 1, 3),
    "one-hot": (lambda c: np.eye(3)[c[:, 0]], 3),
    "several labels": (lambda c: np.concatenate([c > 0, c > 1, c > 2], axis=1), 3),
    "one label": (lambda c: c > 1, 1),
    "signs": (lambda c: np.where(c > 1, 1, -1), 1),
    "rows of five": (lambda c: np.eye(5)[c[:, 0]], 3),
    "numbers of one unit": (lambda c: c, 1),
}
LOSSES = (
    "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "mse",
)  # fmt: skip


def draw(labels, loss, activation):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 4)).astype("float32")
    targets, units = LABELS[labels]
    y = targets((x[:, :3]).argmax(axis=1)[:, None]).astype("float32")
    return dense(keras.layers.Dense(units, activation, name="last"), loss=loss), x, y


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_that_a_fix_names_accepts_the_targets(loss, labels):
    for activation in ("softmax", "linear"):
        model, x, y = draw(labels, loss, activation)
        program = read_program(model, x, y)
        case = DiagnosisContext(program, [x], [y], (x, y), 0)
        for finding in diagnose(program, [x], [y], (x, y), steps=0):
            if finding.code not in ("OR001", "OR002", "OR006", "OR007", "OR010"):
                continue
            for repair in parse_repairs(finding.fix, finding.layer):
                if not any(change.kind == "loss" for change in repair.model):
                    continue
                fixed = apply_repair(case, repair)
                assert fixed is not None, repair
                measured = fixed.measurement
                assert measured is not None and not measured.error, (activation, finding, repair)


def test_integer_labels_of_two_classes_need_the_sparse_crossentropy():
    model, x, y = draw("two numbers", "binary_crossentropy", "softmax")
    (finding,) = [f for f in outrange.diagnose(model, x, y) if f.code == "OR006"]
    assert finding.fix == 'loss="sparse_categorical_crossentropy"'
    model, x, y = draw("one-hot", "binary_crossentropy", "softmax")
    (finding,) = [f for f in outrange.diagnose(model, x, y) if f.code == "OR006"]
    assert finding.fix == 'loss="categorical_crossentropy"'


@pytest.mark.parametrize("activation, cause", [("softmax", "OR002"), ("relu", "OR003")])
def test_no_training_time_is_advised_if_training_changes_nothing(activation, cause):
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = dense(keras.layers.Dense(1, activation), loss="mse", inputs=1)
    model.layers[0].bias.assign([-9.0])
    answer = outrange.diagnose(model, x, x + 5, epochs=3, history={"loss": [29.0, 28.9, 28.8]})
    assert cause in answer.codes
    assert not {"OR030", "OR031"} & set(answer.codes)


def test_the_loss_of_a_constant_output_is_a_floor():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = dense(keras.layers.Dense(1, "softmax"), loss="mse", inputs=1)
    (finding,) = [f for f in outrange.diagnose(model, x, x + 5) if f.code == "OR002"]
    floor, now = finding.cost["loss_floor"], model.evaluate(x, x + 5, verbose=0)
    assert 0.9999 * now < floor < 1.00001 * now
    assert finding.fix.startswith("Dense(1, activation=None)")


def test_a_sigmoid_before_a_softmax_is_removed_not_the_softmax():
    layers = keras.layers.Dense(3, "sigmoid"), keras.layers.Softmax()
    model = dense(*layers, loss="categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    answer = outrange.diagnose(model, x, np.eye(3, dtype="float32")[x[:, :3].argmax(axis=1)])
    (finding,) = [f for f in answer if f.code == "OR008"]
    assert finding.fix == "one softmax: remove the sigmoid before it"
