"""Findings of `diagnose(model, x, y, history=...)`, and errors for invalid histories."""

import numpy as np
import pytest

import outrange
from outrange import InputError


keras = pytest.importorskip("keras")


def line(optimizer="sgd"):
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model, x, 2 * x


def finding_of(history, **options):
    """The finding about a training; None if there is none."""
    answer = outrange.diagnose(*line(), history=history, train=0, **options)
    return next((f for f in answer if f.code == "OR031"), None)


FALLING = np.geomspace(1.0, 0.01, 20).tolist()

HISTORIES = {
    "NaN": ([1.0, 40.0, float("nan")], None, "in epoch 3 (it was 1 in the first epoch and 40"),
    "at once": ([float("nan")] * 2, None, "already in the first epoch"),
    "diverged": ([1.1, 1.7e8, 1.3e8], None, "rose from 1.1 to 1.3e+08 in 3 epochs, with a peak of"),
    "still": ([0.7, 0.7, 0.7, 0.7], None, "did not change at all"),
    "nearly still": ([1.0, 1.00001, 1.00002], None, "changed by only 2e-05"),
    "jumps": ([0.3, 1.0, 0.2, 1.1, 0.3, 0.9, 0.2, 1.2, 0.25, 1.0], None, "changes by"),
    "a constant": ([1.5, 1.43, 1.42, 1.418], None, "predicting the mean of the targets"),
    "early": ([9.0, 8.9, 8.8], None, "fell by 0.1 in the last epoch"),
    "departs": (
        FALLING, [1.0, 0.6, 0.4, *np.linspace(0.4, 1.5, 17)],
        "lowest in epoch 3, at 0.4, and is 1.5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
def test_what_a_history_shows(name):
    losses, validation, words = HISTORIES[name]
    history = {"loss": losses} if validation is None else {"loss": losses, "val_loss": validation}
    finding = finding_of(history)
    assert finding is not None
    assert words in finding.message
    assert finding.level.name == "MEASURED"
    assert finding.fix


@pytest.mark.parametrize(
    "history",
    [
        {"loss": FALLING},
        {"loss": FALLING, "val_loss": FALLING},
        {"loss": FALLING, "val_loss": [*FALLING[:10], *np.linspace(0.1, 0.11, 10)]},
        {"loss": [1.0, 0.1, 0.12, 0.1, 0.11, 0.1, 0.12, 0.1, 0.11]},
        {"accuracy": [0.1, 0.2]},
        None,
    ],
)
def test_nothing_is_said_of_a_good_one(history):
    assert finding_of(history) is None


def test_what_fit_returns_is_taken():
    model, x, y = line(keras.optimizers.SGD(1e3) if keras else None)
    history = model.fit(x, y, epochs=20, verbose=0)
    answer = outrange.diagnose(model, x, y, history=history, train=0)
    assert "OR031" in answer.codes
    assert "SGD(100" in next(f for f in answer if f.code == "OR031").fix


@pytest.mark.parametrize("history", [3, {}, {"loss": "no"}, {"loss": []}, {"loss": [[1.0]]}])
def test_what_is_no_history_is_refused(history):
    with pytest.raises(InputError, match="history"):
        finding_of(history)


@pytest.mark.parametrize(
    "options", [{"epochs": 0}, {"epochs": 1.5}, {"epochs": True}, {"batch_size": 8}]
)
def test_plans_are_whole_numbers(options):
    with pytest.raises(InputError, match="Received"):
        finding_of(None, **options)
