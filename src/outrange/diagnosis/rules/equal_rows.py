"""OR036: rows of x that are equal while their targets differ.

A network is a function of its input: rows that are equal get one output, whatever the weights are.
What is left of the loss at the best outputs, one for each group of equal rows, is a floor of it:
within a group the mean of the targets is best for squares and cross-entropies, their median for
absolute errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Loss
from ..budget.equal_rows import floor_of, is_plain_mean
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import at_least, entries, short
from .rows import MOST
from .targets import POWERS


LARGE, NOTED = 0.5, 0.2
"""Share of what outputs can win over the best constant that equal rows take away. From a half on
most of it is lost whatever else is changed, so this comes first; from a fifth on it is a note, as
data of few values (a table of cases, one word) have honest duplicates."""

ALIKE = 1e-3
"""Share of the outputs' size within which outputs of equal rows are the same."""

CALLED = {
    "binary_crossentropy": "binary cross-entropy",
    "categorical_crossentropy": "categorical cross-entropy",
    "sparse_categorical_crossentropy": "sparse categorical cross-entropy",
    **{name: called for name, (_, called) in POWERS.items()},
}

ALL_EQUAL = "every row of x is the same"

FIX = (
    "np.unique(x, axis=0)   # what made rows equal: division of integers, scaling by row, a wrong "
    "column?"
)


def _scaled(keras: ModuleType, fault: str) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 9, (120, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True) / 20
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    if fault == "integers":
        x = (x / 10).astype("int32")
    elif fault == "column":
        x = np.repeat(np.floor(x[:, :1] / 5), 4, axis=1)
    else:
        x, x[7:10] = x / 10, x[6] / 10  # a few rows came twice, which is no fault
    return model, x, y


@register(
    "OR036", "rows of x are equal and their targets differ",
    """A network gives equal rows one output, so where their targets differ, the loss of every
    network has a floor: the variance of the targets within groups of equal rows under MSE, their
    mean distance from the median under MAE, the entropy of the labels given x under a
    cross-entropy. Rows are compared as the model gets them, in float32. PROVED holds for all
    weights of every network on these rows; it is said where equal rows take half of what outputs
    can win over the best constant, and a note from a fifth on: inputs of few values have equal
    rows by nature. SUSPECTED under other losses, where all rows are equal. Look at what made the
    rows equal: a division of integers, scaling by row in place of by column, the wrong column.""",
    Example(lambda k: _scaled(k, "integers"), lambda k: _scaled(k, "")),
    Example(lambda k: _scaled(k, "column"), lambda k: _scaled(k, "")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Group equal rows, and compute what is left of each loss at the best outputs of groups."""
    program = case.program
    steady = program.steps and not any(s.opaque for s in program.steps if s.inside)
    if case.y is None or case.rows < 2 or not steady or program.own_chance or case.mixed:
        return
    groups = _groups(case)
    if groups.max() + 1 == case.rows or not _same_outputs(case, groups):
        return
    for loss in program.losses:
        y = case.targets(loss)
        if y is None or not np.isfinite(y).all():
            continue
        floor = floor_of(program, loss, y) if is_plain_mean(program, loss) else None
        if floor is not None:
            yield from _finding(rule, case, loss, y, groups, floor)
        elif not groups.any() and (y != y[:1]).any():
            yield rule.found(
                Level.SUSPECTED, "", f"{_all_equal(case)}: no network can tell the rows apart.",
                FIX, title=ALL_EQUAL, holds_for="these rows",
            )  # fmt: skip


def _groups(case: DiagnosisContext) -> np.ndarray:
    """A number for each row, the same for rows that are equal bit by bit.

    Rows that are not finite are equal to none: what they give is NaN, which no floor is about.
    """
    parts = []
    for array in case.entering:
        flat = array.reshape(len(array), -1)
        parts.append(np.ascontiguousarray(flat).view(np.uint8).reshape(len(flat), -1))
    known: dict[int, list[int]] = {}
    groups = np.zeros(case.rows, np.int64)
    count = 0
    for row, sound in enumerate(case.sound_rows.tolist()):
        first = known.setdefault(hash(tuple(p[row].tobytes() for p in parts)), [])
        same = (r for r in first if all((p[r] == p[row]).all() for p in parts))
        found = next(same, None) if sound else None
        if found is None:
            groups[row], count = count, count + 1
            first += [row] if sound else []
        else:
            groups[row] = groups[found]
    return groups


def _same_outputs(case: DiagnosisContext, groups: np.ndarray) -> bool:
    """Whether the model, where it is run, is seen to give equal rows one output.

    It need not: code of the user's own may count its calls or read the places of rows.
    """
    measured = case.measured
    if measured is None:
        return True
    if measured.error:
        return False
    firsts = np.unique(groups, return_index=True)[1]
    for output in measured.outputs:
        rows = np.arange(min(len(output), MOST))
        flat = np.asarray(output, np.float64).reshape(len(output), -1)
        first = firsts[groups[rows]]
        finite = np.isfinite(flat[rows]).all(axis=1) & np.isfinite(flat[first]).all(axis=1)
        a, b = flat[rows][finite], flat[first][finite]
        if len(a) and np.abs(a - b).max() > ALIKE * max(float(np.abs(a).max()), 1e-30):
            return False
    return True


# ---- words --------------------------------------------------------------------------------------


def _finding(
    rule: Rule,
    case: DiagnosisContext,
    loss: Loss,
    y: np.ndarray,
    groups: np.ndarray,
    floor: Callable[[np.ndarray], float],
) -> Iterator[Finding]:
    least, constant = floor(np.arange(len(y))), floor(np.zeros(len(y), np.int64))
    found = floor(groups)
    if found <= 0 or constant - least < 1e-12 or found - least < NOTED * (constant - least):
        return
    name = CALLED[loss.name]
    outputs = case.program.outputs
    if len(outputs) > 1:
        name += f" of output `{outputs[loss.output][0]}`"
    flat = y.reshape(len(y), -1)
    firsts = np.unique(groups, return_index=True)[1]
    apart = (flat != flat[firsts[groups]]).any(axis=1)
    count = int(np.isin(groups, groups[apart]).sum())
    if groups.any():
        title, what = rule.title, (
            f"{count:,} of your {len(y):,} rows are equal to another row in x and their targets "
            f"differ: no network can get the {name} below {at_least(found)}; the best constant "
            f"gives {short(constant)}."
        )  # fmt: skip
    else:
        title, what = ALL_EQUAL, (
            f"{_all_equal(case)}: no network can get the {name} below {at_least(found)}, which is "
            "what the best constant gives."
        )  # fmt: skip
    yield rule.found(
        Level.PROVED, "",
        what,
        FIX,
        title=title,
        cost={"rows": count, "loss_floor": found, "constant": constant},
        holds_for="all weights of every network that gives equal rows one output, on these rows",
        note=found - least < LARGE * (constant - least),
    )  # fmt: skip


def _all_equal(case: DiagnosisContext) -> str:
    row = case.flat[0]
    if row.size > 1 and (row == row[0]).all():
        return f"x is {short(float(row[0]))} everywhere"
    return f"every row of x is the same, {entries(row)}"
