"""Faults of the rows that are trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .draw import Draw
from .operators import Change, Operator, heads_of
from .program import Program


Array = np.ndarray


def _targets(program: Program, at: int, change: Callable[[Array], Array], new: bool = False
             ) -> Program:  # fmt: skip
    """Other targets of one head to train on; with `new` to judge by too."""

    def changed(parts: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(change(y).astype(y.dtype) if i == at else y for i, y in enumerate(parts))

    return replace(
        program, y=changed(program.y), y_new=changed(program.y_new) if new else program.y_new
    )


def _inputs(program: Program, change: Callable[[Array], Array]) -> Program | None:
    """Other inputs, of training and of use, if they are numbers."""
    if any(a.dtype.kind != "f" for a in program.x):
        return None
    return replace(
        program, x=tuple(change(a).astype(a.dtype) for a in program.x),
        x_new=tuple(change(a).astype(a.dtype) for a in program.x_new),
    )  # fmt: skip


def _scaled_inside(program: Program) -> bool:
    return any(s.kind == "Normalization" for s in program.hidden)


def labels_from_one(draw: Draw, program: Program) -> Program | None:
    fitting = [i for i in heads_of(program, "classes") if program.y[i].shape[-1] == 1]
    if not fitting:
        return None
    return _targets(program, draw.one(*fitting), lambda y: y + 1)


def labels_of_both_signs(draw: Draw, program: Program) -> Program | None:
    fitting = heads_of(program, "binary", "labels")
    return _targets(program, fitting[0], lambda y: 2 * y - 1) if fitting else None


def labels_scaled(draw: Draw, program: Program) -> Program | None:
    fitting = [i for i in heads_of(program, "classes") if program.y[i].shape[-1] == 1]
    if not fitting:
        return None
    at = draw.one(*fitting)
    y = tuple((a / 255.0).astype("float32") if i == at else a for i, a in enumerate(program.y))
    return replace(program, y=y)


def targets_shuffled(draw: Draw, program: Program) -> Program | None:
    at = draw.whole(0, len(program.heads) - 1)
    order = draw.rng.permutation(len(program.y[at]))
    return _targets(program, at, lambda y: y[order])


def targets_equal(draw: Draw, program: Program) -> Program | None:
    at = draw.whole(0, len(program.heads) - 1)
    return _targets(program, at, lambda y: np.repeat(y[:1], len(y), axis=0))


def class_missing(draw: Draw, program: Program) -> Program | None:
    fitting = heads_of(program, "classes")
    if not fitting:
        return None
    y = program.y[fitting[0]]
    labels = y.argmax(axis=-1) if y.shape[-1] > 1 else y.ravel()
    if labels.ndim != 1:
        return None
    keep = labels != draw.whole(0, int(labels.max()))
    rows = np.flatnonzero(keep)
    return replace(
        program, x=tuple(a[rows] for a in program.x), y=tuple(a[rows] for a in program.y)
    )


def sorted_with_split(draw: Draw, program: Program) -> Program | None:
    y = program.y[-1]
    key = y.argmax(axis=-1) if y.ndim == 2 and y.shape[-1] > 1 else y.reshape(len(y), -1)[:, 0]
    if key.ndim != 1:
        return None
    order = np.argsort(key, kind="stable")
    return replace(
        program, x=tuple(a[order] for a in program.x), y=tuple(a[order] for a in program.y),
        split=draw.one(0.2, 0.3, 0.4),
    )  # fmt: skip


def inputs_not_scaled(draw: Draw, program: Program) -> Program | None:
    if _scaled_inside(program):
        return None
    scale = draw.between(100, 10000)
    return _inputs(program, lambda x: x * scale)


def inputs_far_from_zero(draw: Draw, program: Program) -> Program | None:
    if _scaled_inside(program):
        return None
    far = draw.between(50, 1000)
    return _inputs(program, lambda x: x + far)


def inputs_too_small(draw: Draw, program: Program) -> Program | None:
    if _scaled_inside(program):
        return None
    scale = draw.between(1e-6, 1e-4)
    return _inputs(program, lambda x: x * scale)


def no_normalization(draw: Draw, program: Program) -> Program | None:
    """Columns in their own units reach the weights."""
    if not _scaled_inside(program):
        return None
    return replace(
        program,
        branches=tuple(
            tuple(s for s in part if s.kind != "Normalization") for part in program.branches
        ),
    )


def targets_not_scaled(draw: Draw, program: Program) -> Program | None:
    fitting = [
        i for i in heads_of(program, "regression") if program.heads[i].last.activation is None
    ]  # fmt: skip
    if not fitting:
        return None
    scale, shift = draw.between(1000, 1e6), draw.one(0.0, 3.0)
    return _targets(program, draw.one(*fitting), lambda y: scale * (y + shift), new=True)


def _missing(side: str) -> Change:
    def change(draw: Draw, program: Program) -> Program | None:
        parts = list(getattr(program, side))
        if parts[0].dtype.kind != "f":
            return None
        part = parts[0].copy()
        part.reshape(len(part), -1)[draw.rng.integers(0, len(part), draw.whole(1, 4)), 0] = np.nan
        return replace(program, **{side: (part, *parts[1:])})

    return change


NOT_SCALED = ("OR014", "OR003", "OR004", "OR024", "OR017:scal|inputs", "OR023:scal|inputs")

FAULTS = (
    Operator("labels from 1", "Humbatova, NeuraLint", labels_from_one,
             ("OR010", "OR025:never occurs")),
    Operator("labels -1 and 1", "Humbatova", labels_of_both_signs, ("OR010",)),
    Operator("labels scaled", "DeepLocalize", labels_scaled, ("OR010",)),
    Operator("targets shuffled", "DeepCrime TCL", targets_shuffled, ("OR025:nothing predicts",)),
    Operator("targets all equal", "DeepCrime TCL", targets_equal,
             ("OR025:all targets are equal|the same|never occurs",)),
    Operator("class missing", "DeepCrime TRD", class_missing, ("OR025:never occurs",)),
    Operator("sorted with a validation split", "Humbatova", sorted_with_split, ("OR028",),
             r"\bsorted|validation_split|in the order of"),
    Operator("inputs not scaled", "DeepFD, AUTOTRAINER", inputs_not_scaled, NOT_SCALED),
    Operator("inputs far from 0", "Humbatova", inputs_far_from_zero, NOT_SCALED),
    Operator("inputs too small", "Humbatova", inputs_too_small, NOT_SCALED),
    Operator("columns in their units", "DeepFD, Humbatova", no_normalization, NOT_SCALED),
    Operator("targets not scaled", "DeepFD", targets_not_scaled,
             ("OR015", "OR030", "OR017:targets")),
    Operator("NaN in x", "Humbatova, AUTOTRAINER", _missing("x"), ("OR016",)),
    Operator("NaN in y", "Humbatova, AUTOTRAINER", _missing("y"), ("OR016",)),
)  # fmt: skip
