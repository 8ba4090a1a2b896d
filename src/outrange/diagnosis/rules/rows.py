"""OR035: models that mix the rows of a batch.

Graphs describe a single row. For a single row, a softmax over axis 0 is 1, and a mean over axis 0
is the row itself. For a batch, neither is true. Proofs about one row would not hold for such a
model, so `look_for_mixed_rows` runs before any rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Program
from ..context import DiagnosisContext, cut
from ..registry import Example, ModelAndData, Rule, register
from ..wording import entries


MOST = 512
"""Maximum number of rows to check; measurements are compiled for this many rows anyway."""

APART = 1e-3
"""Relative change of an output above which the change is evidence; rounding alone causes 1e-6."""


def _classes(keras: ModuleType, axis: int) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(3),
            keras.layers.Softmax(axis=axis, name="chances"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, x[:, :3].argmax(axis=1)


@register(
    "OR035", "the rows of a batch are mixed",
    """A row's output changes with the other rows of its batch, because a softmax, a mean or a
    reshape acts along axis 0. So `predict` may return different outputs for a row alone and for the
    same row in a batch. The finding is MEASURED by running the model on your rows, on the same rows
    in reverse order, and with every second row replaced. The other rules prove no ranges for such a
    model, because its output is not a function of one row.""",
    Example(lambda k: _classes(k, 0), lambda k: _classes(k, -1), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report the row that `look_for_mixed_rows` recorded before the rules ran."""
    if case.mixed_row is None:
        return
    before, after = (entries(part) for part in (case.mixed_row.before, case.mixed_row.after))
    yield rule.finding(
        Level.MEASURED, "",
        f"the output of row {case.mixed_row.row} is {before} among your rows and {after} in "
        "another batch: it depends on the other rows of the batch.",
        "use axis=-1 instead of axis=0 in softmax, mean, sum and reshape",
        holds_for="these rows",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class BatchDependence:
    """A row whose output changes with the other rows of its batch.

    Args:
        row: Index of the row in the data.
        output: Index of the model output.
        before: The row's output in a batch of the original rows.
        after: The row's output in the changed batch.
    """

    row: int
    output: int
    before: np.ndarray
    after: np.ndarray


def find_batch_dependence(case: DiagnosisContext) -> BatchDependence | None:
    """Find a row whose output changes with the other rows; return None if none is found.

    The model runs on at most `MOST` rows, on the same rows in reverse order, and with every second
    row replaced by a copy of one row. The rows that are not replaced must keep their outputs. Rows
    that are not finite are replaced beforehand. A model provides no evidence if its outputs change
    with every call, or if its code may draw noise that depends on the position of a row.
    """
    count = min(case.rows, MOST)
    sound = case.finite_rows[:count]
    if not case.runs:
        why = case.program.not_run or "the model is large"
        case.unread.append(
            f"it is unknown whether a row's output depends on the other rows of its batch: {why}"
        )
        return None
    donor = int(sound.argmax())
    base = np.where(sound, np.arange(count), donor)
    if not (case.flat[base] != case.flat[donor]).any():
        return None  # Equal rows give no evidence.
    measured = case.measurement.outputs if sound.all() and case.measurement is not None else ()
    before = list(measured) or _outputs(case, base)
    if not before:
        return None  # The model fails on these rows.
    half = np.where(np.arange(count) % 2 == 1, base, donor)
    for rows, originals in ((base[::-1], np.arange(count)[::-1]), (half, np.arange(count))):
        # The rows of `before` that occur again, with their new positions.
        there = np.flatnonzero(rows == base[originals])
        after = _outputs(case, rows)
        moved = _first_difference(before, after, originals[there], there)
        if moved and not _first_difference(
            before, _outputs(case, base), np.arange(count), np.arange(count)
        ):
            if case.program.own_chance and _differ_alone(case, np.full(count, donor)):
                return None
            output, row, place = moved
            return BatchDependence(row, output, before[output][row], after[output][place])
    return None


def _differ_alone(case: DiagnosisContext, same: np.ndarray) -> bool:
    """Return whether copies of one row in a batch get different outputs, for example from noise.

    Args:
        same: The index of the row, repeated once per row of the batch.
    """
    outputs = _outputs(case, same)
    first = np.zeros(len(same), int)
    return _first_difference(outputs, outputs, first, np.arange(len(same))) is not None


def look_for_mixed_rows(case: DiagnosisContext) -> None:
    """Record in `case` a row whose output depends on the other rows of its batch, if there is one.

    In that case the graphs of the program are removed, because they describe a single row.
    """
    case.mixed_row = find_batch_dependence(case)
    if case.mixed_row is not None:
        case.program = without_graphs(case.program)
        case.unread.append("no ranges are computed, because the model mixes the rows of a batch")


def without_graphs(program: Program) -> Program:
    """Return the program without the parts that describe a single row.

    These are its graphs, the last activations of its outputs and its dead-start estimates.
    """
    heads = tuple(replace(h, activation="other", logits=None, inner="") for h in program.heads)
    return replace(program, whole=None, free=None, heads=heads, dead_start=None)


def _outputs(case: DiagnosisContext, rows: np.ndarray) -> list[np.ndarray]:
    """Return the model's outputs for a batch of the given rows.

    On JAX they come from the compiled training function if it returns outputs, otherwise from
    `predict`.
    """
    x, y = (cut(part, rows) for part in case.user_data)
    if case.program.measure is not None and case.program.backend == "jax":
        outputs = case.program.measure(x, y).outputs
        if outputs:
            return list(outputs)
    return case.predict(x)


def _first_difference(
    before: list[np.ndarray], after: list[np.ndarray], rows: np.ndarray, places: np.ndarray
) -> tuple[int, int, int] | None:
    """Find a row whose outputs differ between two calls.

    Args:
        before: Outputs for the original rows.
        after: Outputs for the changed rows.
        rows: Positions in `before` of the compared rows.
        places: Positions in `after` of the compared rows.

    Returns:
        The index of the model output and the positions of the row in `before` and `after`; None if
        no row differs.
    """
    for output, (first, second) in enumerate(zip(before, after, strict=True)):
        if first.dtype.kind != "f":
            continue
        a, b = (
            v[at].reshape(len(at), -1).astype(np.float64)
            for v, at in ((first, rows), (second, places))
        )
        size = np.abs(a, where=np.isfinite(a), out=np.zeros(a.shape)).max(initial=0.0)
        with np.errstate(invalid="ignore"):
            apart = np.flatnonzero((np.abs(a - b) > APART * max(size, 1e-30)).any(axis=1))
        if len(apart):
            return output, int(rows[apart[0]]), int(places[apart[0]])
    return None
