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
from ..wording import short


SHOWN = 3
"""Entries of an output that a message shows."""

MOST = 256
"""Rows that are looked at: what runs on them is compiled for up to 512 of the data anyway."""

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
    row is predicted otherwise than in training. MEASURED: the model ran on your rows, and again
    with every other row replaced. Nothing is proved about ranges of such a model: as a function of
    one row it has none.""",
    Example(lambda k: _classes(k, 0), lambda k: _classes(k, -1), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Tell what was seen before the rules were asked."""
    if case.mixed is None:
        return
    before, after = (_shown(part) for part in (case.mixed.before, case.mixed.after))
    yield rule.found(
        Level.MEASURED, case.program.name,
        f"row {case.mixed.row} gives {before} among your rows, and {after} where the others are "
        "replaced by copies of one: its output hangs on the rows of the batch beside it.",
        "axis=-1 in place of axis=0, in softmax, mean, sum and reshape",
        holds_for="these rows",
    )  # fmt: skip


def _shown(output: np.ndarray) -> str:
    flat = [short(v) for v in np.ravel(output)[:SHOWN]]
    more = ", ..." if np.size(output) > SHOWN else ""
    return f"[{', '.join(flat)}{more}]"


@dataclass(frozen=True, eq=False)
class RowInCompany:
    """A row whose output moves when the others change.

    Args:
        row: Which one.
        output: Which output of the model.
        before: What the model makes of it among the rows of the data.
        after: What it makes of it when the other rows are copies of one.
    """

    row: int
    output: int
    before: np.ndarray
    after: np.ndarray


def row_in_company(case: DiagnosisContext) -> RowInCompany | None:
    """The first row whose output moves with its company; None if no row's does, or it is unknown.

    The model runs on the data, and again with every other row replaced by the first: rows that
    stay must give what they gave. A model that says something else at every call tells nothing.
    """
    sound = case.sound_rows[: min(case.rows, MOST)]
    kept = np.flatnonzero(sound)[1::2]
    if not case.runs or not len(kept):
        return None
    rows = np.where(np.isin(np.arange(case.rows), kept), np.arange(case.rows), sound.argmax())
    if not (case.flat[rows] != case.flat).any():
        return None
    before, after = case.predictions, _outputs(case, rows)
    if len(before) != len(after) or not _moved(before, after, kept):
        return None
    again = _outputs(case, np.arange(case.rows))
    if len(again) != len(before) or _moved(before, again, kept):
        return None
    output, row = _moved(before, after, kept)[0]
    return RowInCompany(row, output, before[output][row], after[output][row])


def without_graphs(program: Program) -> Program:
    """The program without what is known of one row by itself."""
    heads = tuple(replace(h, activation="other", logits=None, inner="") for h in program.heads)
    return replace(program, whole=None, free=None, heads=heads, dead_start=None)


def _outputs(case: DiagnosisContext, rows: np.ndarray) -> list[np.ndarray]:
    """Of these rows, by the function that has run on the data already."""
    x, y = (cut(part, rows) for part in case.given)
    if case.measured is not None and case.measured.outputs and case.program.measure is not None:
        return list(case.program.measure(x, y).outputs)
    return case.program.predict(x)


def _moved(
    before: list[np.ndarray], after: list[np.ndarray], kept: np.ndarray
) -> list[tuple[int, int]]:
    """Output and row of all that differ, where both are finite."""
    found = []
    for output, (first, second) in enumerate(zip(before, after, strict=True)):
        if first.shape != second.shape or first.dtype.kind != "f" or not len(first):
            continue
        known = kept[kept < len(first)]
        a, b = (v[known].reshape(len(known), -1).astype(np.float64) for v in (first, second))
        size = np.abs(a, where=np.isfinite(a), out=np.zeros(a.shape)).max(initial=0.0)
        with np.errstate(invalid="ignore"):
            apart = (np.abs(a - b) > APART * max(size, 1e-30)).any(axis=1)
        found += [(output, int(row)) for row in known[apart]]
    return found
