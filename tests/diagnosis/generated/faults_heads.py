"""Faults of the last layer and the loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .draw import Draw
from .operators import Operator, at_head, heads_of
from .program import Head, Program, spec


CROSS = ("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy")
LOGITS = {"from_logits": True}


def _reads_probabilities(head: Head) -> bool:
    return head.loss in CROSS and not head.options.get("from_logits")


@at_head("binary", "classes", "labels")
def missing_activation(draw: Draw, head: Head) -> Head | None:
    return head.but(activation=None) if _reads_probabilities(head) else None


@at_head("binary", "classes")
def wrong_activation(draw: Draw, head: Head) -> Head | None:
    if not _reads_probabilities(head):
        return None
    others = ("relu", "tanh") if head.task == "binary" else ("relu", "tanh", "sigmoid")
    return head.but(activation=draw.one(*others))


@at_head("binary", "regression")
def softmax_of_one(draw: Draw, head: Head) -> Head | None:
    has_one_unit = head.last.options.get("units") == 1 and not head.options.get("from_logits")
    return head.but(activation="softmax") if has_one_unit else None


@at_head("regression")
def bounded_output(draw: Draw, head: Head) -> Head | None:
    if head.last.activation is not None:
        return None
    return head.but(activation=draw.one("sigmoid", "tanh", "softsign"))


@at_head("regression")
def relu_output(draw: Draw, head: Head) -> Head | None:
    return head.but(activation="relu") if head.last.activation is None else None


@at_head("classes")
def double_softmax(draw: Draw, head: Head) -> Head | None:
    if not _reads_probabilities(head):
        return None
    return replace(head, layers=(*head.layers, spec("Activation", activation="softmax")))


@at_head("binary", "classes", "labels")
def logits_of_probabilities(draw: Draw, head: Head) -> Head | None:
    return replace(head, options=LOGITS) if _reads_probabilities(head) else None


@at_head("binary", "classes", "labels")
def logits_as_probabilities(draw: Draw, head: Head) -> Head | None:
    return replace(head, options={}) if head.options.get("from_logits") else None


@at_head("classes", "binary", "labels")
def squared_error_of_classes(draw: Draw, head: Head) -> Head | None:
    if not _reads_probabilities(head) or head.loss.startswith("Sparse"):
        return None
    return replace(head, loss=draw.one("MeanSquaredError", "MeanAbsoluteError"))


@at_head("regression")
def crossentropy_of_numbers(draw: Draw, head: Head) -> Head | None:
    if head.last.activation is not None:
        return None
    changed = replace(head, loss="BinaryCrossentropy", options={})
    return changed.but(activation=draw.one("sigmoid", None))


@at_head("labels")
def one_class_of_labels(draw: Draw, head: Head) -> Head | None:
    changed = replace(head, loss="CategoricalCrossentropy")
    return changed.but(activation=draw.one("softmax", "sigmoid"))


@at_head("binary", "classes")
def hinge_of_probabilities(draw: Draw, head: Head) -> Head | None:
    if not _reads_probabilities(head) or head.loss.startswith("Sparse"):
        return None
    kind = "Hinge" if head.task == "binary" else draw.one("Hinge", "CategoricalHinge")
    return replace(head, loss=kind)


@at_head("binary", "classes", "regression", "labels")
def rounded_loss(draw: Draw, head: Head) -> Head | None:
    if head.loss.startswith("Sparse"):
        return None
    return replace(head, loss="rounded", options={})


def too_few_units(draw: Draw, program: Program) -> Program | None:
    fitting = [
        i for i in heads_of(program, "classes") if program.heads[i].last.options["units"] > 2
    ]
    if not fitting:
        return None
    at = draw.one(*fitting)
    return program.with_head(lambda h: h.but(units=h.last.options["units"] - 1), at)


def broadcast_outputs(draw: Draw, program: Program) -> Program | None:
    fitting = [
        i for i in heads_of(program, "regression")
        if program.heads[i].last.options.get("units") == 1 and program.y[i].ndim == 2
    ]  # fmt: skip
    if not fitting:
        return None
    return program.with_head(lambda h: h.but(units=draw.whole(2, 4)), draw.one(*fitting))


def sparse_of_rows(draw: Draw, program: Program) -> Program | None:
    """The two categorical losses in each other's place."""
    fitting = heads_of(program, "classes")
    if not fitting:
        return None
    swap = {"SparseCategoricalCrossentropy": "CategoricalCrossentropy",
            "CategoricalCrossentropy": "SparseCategoricalCrossentropy"}  # fmt: skip
    at = draw.one(*fitting)
    return program.with_head(lambda h: replace(h, loss=swap[h.loss]), at)


def one_unit_of_classes(draw: Draw, program: Program) -> Program | None:
    fitting = [
        i for i in heads_of(program, "classes")
        if program.heads[i].loss.startswith("Sparse") and program.y[i].max() > 1
    ]  # fmt: skip
    if not fitting:
        return None
    at = draw.one(*fitting)
    return program.with_head(
        lambda h: replace(h, loss="BinaryCrossentropy", options={}).but(
            units=1, activation="sigmoid"
        ), at,
    )  # fmt: skip


def softmax_over_rows(draw: Draw, program: Program) -> Program | None:
    """The softmax along the batch."""
    fitting = [i for i in heads_of(program, "classes") if _reads_probabilities(program.heads[i])]
    if not fitting:
        return None

    def change(head: Head) -> Head:
        plain = head.but(activation=None)
        return replace(plain, layers=(*plain.layers, spec("Softmax", axis=0)))

    return program.with_head(change, draw.one(*fitting))


def summed_targets(draw: Draw, program: Program) -> Program | None:
    """Targets of a sigmoid in percent."""
    fitting = [
        i for i in heads_of(program, "regression")
        if program.heads[i].last.activation == "sigmoid"
    ]  # fmt: skip
    if not fitting:
        return None
    at, scale = draw.one(*fitting), np.float32(100.0)

    def scaled(parts: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        return tuple(y * scale if i == at else y for i, y in enumerate(parts))

    return replace(program, y=scaled(program.y), y_new=scaled(program.y_new))


FAULTS = (
    Operator("missing last activation", "DeepCrime ARM, NeuraLint", missing_activation, ("OR006",)),
    Operator("wrong last activation", "DeepCrime ACH, Humbatova", wrong_activation, ("OR006",)),
    Operator("softmax over one unit", "DeepLocalize, NeuraLint", softmax_of_one,
             ("OR002", "OR006")),
    Operator("bounded output of a regression", "Humbatova", bounded_output, ("OR001",)),
    Operator("relu output of a regression", "Humbatova", relu_output, ("OR001", "OR003")),
    Operator("softmax twice", "NeuraLint", double_softmax, ("OR008",)),
    Operator("logits of probabilities", "Humbatova", logits_of_probabilities, ("OR007",)),
    Operator("logits as probabilities", "Humbatova", logits_as_probabilities, ("OR006",)),
    Operator("squared error of classes", "DeepCrime LCH, DeepFD", squared_error_of_classes,
             ("OR006",)),
    Operator("crossentropy of numbers", "DeepCrime LCH, DeepFD", crossentropy_of_numbers,
             ("OR006", "OR010", "OR001")),
    Operator("one class of several labels", "Humbatova", one_class_of_labels,
             ("OR006", "OR010", "OR001")),
    Operator("hinge of probabilities", "DeepCrime LCH", hinge_of_probabilities, ("OR006",)),
    Operator("loss without gradient", "Humbatova", rounded_loss, ("OR005",)),
    Operator("too few units", "Humbatova", too_few_units, ("OR010", "OR011", "OR016:loss raises")),
    Operator("outputs that broadcast", "NeuraLint", broadcast_outputs, ("OR011",)),
    Operator("labels of the other form", "Humbatova", sparse_of_rows,
             ("OR010", "OR011", "OR016:loss raises")),
    Operator("one unit for classes", "DeepLocalize", one_unit_of_classes, ("OR010",)),
    Operator("softmax over the rows", "Humbatova", softmax_over_rows, ("OR006",),
             r"\baxis\b|of the batch|over the rows"),
    Operator("targets out of range", "DeepLocalize", summed_targets, ("OR001", "OR010")),
)  # fmt: skip
