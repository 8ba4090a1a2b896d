"""OR035: rows of a batch that are mixed.

Graphs are of one row. A softmax or a mean over axis 0 is 1 or the row itself there, and something
else in a batch: nothing that is proved about one row would hold for the model. So this is asked
before any rule is.
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
"""Rows that are looked at: what runs on them is compiled for so many of the data anyway."""

APART = 1e-3
"""Share of an output's size by which it must move: rounding moves it by some 1e-6."""


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
    """A row's output changes when the rows beside it in the batch change: a softmax, a mean or a
    reshape works along axis 0. What is predicted for a row then hangs on its company, and a single
    row is predicted otherwise than in training. MEASURED: the model ran on your rows, on the same
    in reverse, and with every other row replaced. Nothing is proved about ranges of such a model:
    as a function of one row it has none.""",
    Example(lambda k: _classes(k, 0), lambda k: _classes(k, -1), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Tell what was seen before the rules were asked."""
    if case.mixed is None:
        return
    before, after = (entries(part) for part in (case.mixed.before, case.mixed.after))
    yield rule.found(
        Level.MEASURED, "",
        f"row {case.mixed.row} gives {before} among your rows, and {after} among others: its "
        "output hangs on the rows of the batch beside it.",
        "axis=-1 in place of axis=0, in softmax, mean, sum and reshape",
        holds_for="these rows",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class RowInCompany:
    """A row whose output moves when the others change.

    Args:
        row: Which one.
        output: Which output of the model.
        before: What the model makes of it among the rows of the data.
        after: What it makes of it in other company.
    """

    row: int
    output: int
    before: np.ndarray
    after: np.ndarray


def row_in_company(case: DiagnosisContext) -> RowInCompany | None:
    """The first row whose output moves with its company; None if no row's is seen to.

    The model runs on the data, on the same rows in reverse, and with every other row replaced by
    one of them: rows that are there must give what they gave. Rows that are not finite are replaced
    before. A model that says something else at every call tells nothing, nor does one whose code
    may draw noise and gives one row another output at another place.
    """
    count = min(case.rows, MOST)
    sound = case.sound_rows[:count]
    if not case.runs:
        why = case.program.not_run or "the model is large"
        case.unread.append(f"whether a row's output hangs on the rows beside it: {why}")
        return None
    donor = int(sound.argmax())
    base = np.where(sound, np.arange(count), donor)
    if not (case.flat[base] != case.flat[donor]).any():
        return None  # Of rows that are all the same nothing is seen.
    known = case.measured.outputs if sound.all() and case.measured is not None else ()
    before = list(known) or _outputs(case, base)
    if not before:
        return None  # It fails on these rows.
    half = np.where(np.arange(count) % 2 == 1, base, donor)
    for rows, kept in ((base[::-1], np.arange(count)[::-1]), (half, np.arange(count))):
        # Which rows of `before` are there again, and where.
        there = np.flatnonzero(rows == base[kept])
        after = _outputs(case, rows)
        moved = _moved(before, after, kept[there], there)
        if moved and not _moved(before, _outputs(case, base), np.arange(count), np.arange(count)):
            if case.program.own_chance and _differ_alone(case, np.full(count, donor)):
                return None
            output, row, place = moved
            return RowInCompany(row, output, before[output][row], after[output][place])
    return None


def _differ_alone(case: DiagnosisContext, same: np.ndarray) -> bool:
    """Whether one row, many times over, gives several outputs: noise that goes by the place."""
    made = _outputs(case, same)
    first = np.zeros(len(same), int)
    return _moved(made, made, first, np.arange(len(same))) is not None


def look_for_mixed_rows(case: DiagnosisContext) -> None:
    """Note a row whose output hangs on its company, and take away what is known of one row."""
    case.mixed = row_in_company(case)
    if case.mixed is not None:
        case.program = without_graphs(case.program)
        case.unread.append("ranges, because the model mixes the rows of a batch")


def without_graphs(program: Program) -> Program:
    """The program without what is known of one row by itself."""
    heads = tuple(replace(h, activation="other", logits=None, inner="") for h in program.heads)
    return replace(program, whole=None, free=None, heads=heads, dead_start=None)


def _outputs(case: DiagnosisContext, rows: np.ndarray) -> list[np.ndarray]:
    """Of these rows; what is compiled is what tells the loss too, if that tells outputs."""
    x, y = (cut(part, rows) for part in case.given)
    if case.program.measure is not None and case.program.backend == "jax":
        found = case.program.measure(x, y).outputs
        if found:
            return list(found)
    return case.predict(x)


def _moved(
    before: list[np.ndarray], after: list[np.ndarray], rows: np.ndarray, places: np.ndarray
) -> tuple[int, int, int] | None:
    """Output, row and place of the first that differs, where both are finite.

    Args:
        before: Outputs at the rows as they are.
        after: Outputs at the rows as they were changed.
        rows: Those of `before` that are compared.
        places: Where each of them is in `after`.
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
