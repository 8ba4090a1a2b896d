"""Instances of the records about training, ordinary and unusual."""

import math
from dataclasses import replace

import numpy as np

from answers.record_parts import HOSTILE
from outrange.answers.advice import Advice, Choice
from outrange.answers.dead_start import CLOSED, SAMPLED, DeadLayer, DeadStart
from outrange.answers.diagnosis import Diagnosis, Finding, Level
from outrange.answers.study.study import Study
from outrange.answers.study.trials import Reason, Trial, combination_of


def diagnoses() -> dict[str, Diagnosis]:
    proved = Finding(
        "OR001", "targets are outside what the network can output", Level.PROVED, "line",
        "the output (sigmoid) stays in [0, 1] whatever the weights are; your targets are in "
        "[3, 15]. 7 of 7 targets are unreachable, MSE cannot go below 80.0 (now 90.2).",
        "activation=None in the last layer\nor scale: y = (y - 3) / 12",
        "all trainable weights", (0.0, 1.0), {"loss_floor": 80.0, "targets": 7, "worst": np.inf},
    )  # fmt: skip
    measured = Finding(
        "OR012", "gradients vanish", Level.MEASURED, "", "the first layer's are 1e-9.", "relu"
    )
    suspected = Finding(
        "OR014", "inputs are not scaled", Level.SUSPECTED, "in/1", "up to 1e+06.", "Normalization()"
    )
    hostile = dict.fromkeys(("title", "layer", "message", "fix", "holds_for"), HOSTILE)
    open_end = replace(proved, interval=(-np.inf, 2.0), **hostile)
    note = Finding(
        "OR020", "units do nothing", Level.PROVED, "hidden", "3 of 8 units are dead on your rows.",
        'activation="leaky_relu"', "the stored weights and your rows", None, {"share": 0.375}, True,
    )  # fmt: skip
    rules = {"OR001": proved.title, "OR012": measured.title, "OR014": "inputs", "OR020": note.title}
    plain = Diagnosis(
        "arm", "jax", (proved, measured, suspected), (note,), ("layer 'lstm': it has no rule",),
        rules, {"OR001": "OR001 ..."}, ("OR019",), 1234, 2.5,
    )  # fmt: skip
    unread = tuple(f"layer 'odd{i}': <b>no rule</b>" for i in range(30))
    return {
        "plain": plain,
        "healthy": replace(plain, findings=(), notes=(), unread=(), ignored=()),
        "unread": replace(plain, unread=unread, rows=0),
        "hostile": replace(plain, model=HOSTILE, backend=HOSTILE, findings=(open_end,)),
    }


def dead_starts() -> dict[str, DeadStart]:
    closed = DeadLayer("line", "Dense", 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, CLOSED, 0)
    drawn = DeadLayer(
        "deep/one", "Conv2D", 64, 0.0123456, 0.01, 0.02, 1e-30, 0.0, 0.0012, SAMPLED, 4000
    )
    return {
        "plain": DeadStart("arm", (closed, drawn), 7, 0.95, 0, ("scale",)),
        "none": DeadStart("arm", (), 7, 0.95, 0),
        "hostile": DeadStart(HOSTILE, (replace(closed, name=HOSTILE),), 7, 0.95, 0, (HOSTILE,)),
    }


def advices() -> dict[str, Advice]:
    plain = Advice(
        "binary", "two classes", True, "", 1, "sigmoid", "binary_crossentropy", "Adam", 1e-3,
        "accuracy", "y", "keras.layers.Normalization()",
        (
            Choice("last layer", 'Dense(1, "sigmoid")', "one number in (0, 1) is the chance. " * 6),
            Choice("loss", "binary_crossentropy", "the likelihood of a coin"),
        ),
    )  # fmt: skip
    hostile = Choice(HOSTILE, HOSTILE, HOSTILE)
    return {
        "plain": plain,
        "doubt": replace(plain, sure=False, other="count", warnings=("3 rows are alike", "so are")),
        "hostile": replace(plain, meaning=HOSTILE, choices=(hostile,), warnings=(HOSTILE,)),
    }


def studies() -> dict[str, Study]:
    ticks = np.array([0, 5, 10])

    def trial(start, *metrics, why=()):
        return Trial(start, 10, np.array([1.0, 0.5, 0.25]), np.array(metrics, float), tuple(why))

    late = Reason("T4", "MEASURED", "the loss still falls <b>.", "more epochs")
    flat = Reason("OR002", "PROVED", "always 1.")
    rows = [
        (("tanh", "mse", "sgd"), [trial(0, 0.5, 0.5, 1.0), trial(1, 0.5, 1.0, 1.0)]),
        (("softmax", "mse", "sgd"), [trial(0, 0.5, 0.5, math.nan, why=[flat]),
                                     trial(1, 0.5, 0.5, 0.5, why=[flat, late])]),
    ]  # fmt: skip
    many = [((f"a{i}", "mse", "sgd"), [trial(0, 0.5, 0.5, i / 100)]) for i in range(90)]
    odd = [((HOSTILE,) * 3, [trial(0, 0.5, np.inf, np.inf, why=[Reason(HOSTILE, "T", HOSTILE)])])]

    def of(rows, **changes):
        combinations = tuple(
            combination_of(names, trials, ticks, 0.9, "higher") for names, trials in rows
        )
        plain = Study(
            combinations, "accuracy", "higher", 0.9, 0.5, ticks, 10, "complete", 61.5, "jax"
        )
        return replace(plain, **changes)

    return {
        "plain": of(rows, notes=("Starts share their weights.",)),
        "interrupted": of(rows, status="interrupted", better="lower", goal=0.1),
        "many": of(many, status="time"),
        "hostile": of(odd, notes=(HOSTILE,), backend=HOSTILE),
    }
