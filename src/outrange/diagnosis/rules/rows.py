"""OR035: rows of a batch that are mixed."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short


SHOWN = 3
"""Entries of an output that a message shows."""


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
