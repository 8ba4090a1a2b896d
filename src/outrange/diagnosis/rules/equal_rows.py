"""OR036: rows of x that are equal while their targets differ.

A network is a function of its input, so equal rows get the same output for all weights. The loss
with the best output for each group of equal rows is therefore a lower bound for every network.
Within a group, the best prediction is the mean of the targets for squared errors, and their median
for absolute errors. For cross-entropies, the best probabilities are proportional to the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...core import down
from ...program import Loss
from ..budget.equal_rows import floor_of, is_plain_mean
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import at_least, entries, short
from .rows import MOST
from .targets import POWERS, add_weight, weight_shown


LARGE, NOTED = 0.5, 0.2
"""Thresholds for the loss that equal rows make unavoidable, as a fraction of the largest possible
reduction of the best constant's loss. At or above the first threshold, the rule reports a finding.
Between the second threshold and the first, it reports a note, since data with few distinct values
(a truth table, single words) naturally have duplicates."""

ALIKE = 1e-3
"""Permitted difference between the outputs of equal rows, relative to the largest output."""

LOSS_NAMES = {
    "binary_crossentropy": "binary cross-entropy",
    "categorical_crossentropy": "categorical cross-entropy",
    "sparse_categorical_crossentropy": "sparse categorical cross-entropy",
    **{name: called for name, (_, called) in POWERS.items()},
}

ALL_EQUAL = "every row of x is the same"

FIX = (
    "np.unique(x, axis=0)   # find out why rows are equal: integer division, scaling by row, or "
    "a wrong column"
)


def _scaled_model(keras: ModuleType, fault: str) -> ModelAndData:
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
        x, x[7:10] = x / 10, x[6] / 10  # a few duplicate rows are no fault
    return model, x, y


@register(
    "OR036", "rows of x are equal and their targets differ",
    """A network gives equal rows the same output. If their targets differ, the loss of every
    network has a lower bound: the variance of the targets within groups of equal rows for MSE,
    their mean distance from the median for MAE, and the entropy of the labels given x for a
    cross-entropy. Rows are compared as the model receives them, in float32. The bound is PROVED for
    all weights of every network on these rows. It is reported as a finding if equal rows rule out
    at least half of the possible gain over the best constant prediction. It is a note if they rule
    out at least a fifth of that gain, since inputs with few distinct values naturally have equal
    rows. For other losses, the finding is SUSPECTED if all rows are equal. Find out why the rows
    are equal. Possible causes are integer division, scaling by row instead of by column, and a
    wrong column.""",
    Example(lambda k: _scaled_model(k, "integers"), lambda k: _scaled_model(k, "")),
    Example(lambda k: _scaled_model(k, "column"), lambda k: _scaled_model(k, "")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report losses whose least value is large because equal rows have different targets."""
    program = case.program
    steady = program.steps and not any(s.opaque for s in program.steps if s.inside)
    if case.y is None or case.rows < 2 or not steady or program.own_chance or case.mixed_row:
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
            yield rule.finding(
                Level.SUSPECTED, "", f"{_all_equal(case)}: no network can distinguish the rows.",
                FIX, title=ALL_EQUAL, holds_for="these rows",
            )  # fmt: skip


def _groups(case: DiagnosisContext) -> np.ndarray:
    """Return a group number for each row; rows that are equal bit by bit have the same number.

    Each row that is not finite forms a separate group, because no bound covers an output of NaN.
    """
    parts = []
    for array in case.model_inputs:
        flat = array.reshape(len(array), -1)
        parts.append(np.ascontiguousarray(flat).view(np.uint8).reshape(len(flat), -1))
    rows_by_hash: dict[int, list[int]] = {}
    groups = np.zeros(case.rows, np.int64)
    count = 0
    for row, sound in enumerate(case.finite_rows.tolist()):
        first = rows_by_hash.setdefault(hash(tuple(p[row].tobytes() for p in parts)), [])
        same = (r for r in first if all((p[r] == p[row]).all() for p in parts))
        match = next(same, None) if sound else None
        if match is None:
            groups[row], count = count, count + 1
            first += [row] if sound else []
        else:
            groups[row] = groups[match]
    return groups


def _same_outputs(case: DiagnosisContext, groups: np.ndarray) -> bool:
    """Return whether the measured outputs of equal rows are equal, up to `ALIKE`.

    User code may compute different outputs for equal rows, for example if it counts its calls or
    reads the positions of rows. Returns True if nothing is measured, and False if the measurement
    failed.
    """
    measured = case.measurement
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


# ---- messages -----------------------------------------------------------------------------------


def _finding(
    rule: Rule,
    case: DiagnosisContext,
    loss: Loss,
    y: np.ndarray,
    groups: np.ndarray,
    floor: Callable[[np.ndarray], float],
) -> Iterator[Finding]:
    least, constant = floor(np.arange(len(y))), floor(np.zeros(len(y), np.int64))
    bound = floor(groups)
    if bound <= 0 or constant - least < 1e-12 or bound - least < NOTED * (constant - least):
        return
    name = LOSS_NAMES[loss.name]
    outputs = case.program.outputs
    if len(outputs) > 1:
        name += f" of output `{outputs[loss.output][0]}`"
    weight = weight_shown(case, loss)
    name, note = add_weight(name, weight), bound - least < LARGE * (constant - least)
    bound, constant = float(down(bound * weight)), constant * weight
    flat = y.reshape(len(y), -1)
    firsts = np.unique(groups, return_index=True)[1]
    apart = (flat != flat[firsts[groups]]).any(axis=1)
    count = int(np.isin(groups, groups[apart]).sum())
    if groups.any():
        title, what = rule.title, (
            f"{count:,} of your {len(y):,} rows are equal to another row in x, but their targets "
            f"differ: no network can get the {name} below {at_least(bound)}; the best constant "
            f"prediction gives {short(constant)}."
        )  # fmt: skip
    else:
        title, what = ALL_EQUAL, (
            f"{_all_equal(case)}: no network can get the {name} below {at_least(bound)}, the value "
            "of the best constant prediction."
        )  # fmt: skip
    yield rule.finding(
        Level.PROVED, "",
        what,
        FIX,
        title=title,
        cost={"rows": count, "loss_floor": bound, "constant": constant},
        holds_for="all weights of every network that gives equal rows the same output, "
        "on these rows",
        note=note,
    )  # fmt: skip


def _all_equal(case: DiagnosisContext) -> str:
    row = case.flat[0]
    if row.size > 1 and (row == row[0]).all():
        return f"every entry of x is {short(float(row[0]))}"
    return f"every row of x is the same, {entries(row)}"
