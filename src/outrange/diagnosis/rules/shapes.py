"""OR011: predictions and targets whose shapes match only by broadcasting."""

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Loss
from ..context import DiagnosisContext, cut
from ..registry import Example, ModelAndData, Rule, register
from ..trials import ROWS
from ..wording import short


ELEMENTWISE = (
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "log_cosh", "hinge", "squared_hinge", "poisson",
)  # fmt: skip


def _columns(keras: ModuleType, units: int) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(units, name="last"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model, x, x[:, :1] - x[:, 1:2]


def _own_loss(keras: ModuleType, shape: tuple[int, ...]) -> ModelAndData:
    model, x, y = _columns(keras, 1)

    def own_mse(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean((keras.ops.reshape(y_true, shape) - y_pred) ** 2)

    model.compile(keras.optimizers.SGD(0.1), own_mse)
    return model, x, y


@register(
    "OR011", "targets and predictions have different shapes",
    """An elementwise loss broadcasts its targets and predictions to a common shape. If the targets
    have shape (n, 1) and the predictions have shape (n, 3), all three outputs are trained on the
    same targets. No backend issues a warning. The rule compares the shapes after Keras has removed
    or added a last axis of size 1. The finding is PROVED, because it follows from the two shapes.
    If the backend cannot compute the loss at all, rule OR016 reports the error. A loss function of
    your own may subtract arrays of shapes (n,) and (n, 1), which compares every prediction with
    every target. The finding is then MEASURED: for a batch of copies of two rows, the loss is the
    mean over all four pairs of a prediction and a target, not over the two rows.""",
    Example(lambda k: _columns(k, 3), lambda k: _columns(k, 1)),
    Example(
        lambda k: _own_loss(k, (-1,)), lambda k: _own_loss(k, (-1, 1)), level=Level.MEASURED
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report targets and predictions whose shapes differ when the loss compares them."""
    program = case.program
    for loss in program.losses:
        if case.y is None or loss.output >= len(case.y):
            continue
        y, (name, shape) = case.y[loss.output].shape, program.outputs[loss.output]
        p = (case.rows, *shape)
        seen_y, seen_p = squeeze_shapes(y, p)
        if not loss.native:
            yield from _check_pairs(rule, case, loss)
        if loss.name not in ELEMENTWISE or not loss.known or seen_y == seen_p:
            continue
        try:
            joint = np.broadcast_shapes(seen_y, seen_p)
        except ValueError:
            continue  # the backend raises an error, which rule OR016 reports
        head, last = case.head(loss), y[-1] if len(y) > 1 else 1
        fix = f"targets of shape {p}"
        if last != p[-1]:
            fix = f"Dense({last}) as the last layer   or   {fix}"
        yield rule.finding(
            Level.PROVED, head.layer if head else name,
            f"targets have shape {y}, but predictions have shape {p}: the loss silently broadcasts "
            f"both arrays to {_of_a_batch(seen_y, seen_p)} and compares each entry of one array "
            "with several entries of the other array.", fix,
            cost={"shape": list(joint)}, holds_for="these shapes",
        )  # fmt: skip


AGREES = 1e-3
"""Largest relative difference of two measured losses that are regarded as equal."""


def _check_pairs(rule: Rule, case: DiagnosisContext, loss: Loss) -> Iterator[Finding]:
    """Report a user's loss that is the mean over all pairs of a prediction and a target.

    The loss is measured on batches of copies of one row with the target of each of two rows, and
    on two mixed batches. All batches have the same size, so the model is not compiled again.
    """
    count = min(case.rows, ROWS) // 4 * 4
    chosen = _distant_rows(case, loss)
    if not count or chosen is None or not case.runs or case.mixed_row:
        return
    a, b = chosen

    def measure(x_rows: Sequence[int], y_rows: Sequence[int]) -> float:
        (x, _), (_, y) = (
            [cut(part, np.resize(rows, count)) for part in case.user_data]
            for rows in (x_rows, y_rows)
        )
        measured = case.program.measure(x, y) if case.program.measure else None
        return np.nan if measured is None or measured.error else measured.loss

    pairs = np.array([[measure([i], [j]) for j in (a, b)] for i in (a, b)])
    alone, apart = 0.5 * float(np.trace(pairs)), abs(float(np.trace(pairs) - pairs.sum() / 2))
    if not np.isfinite(pairs).all() or apart <= AGREES * abs(alone):
        return
    batch = measure([a, b], [a, b])
    for rows, parts in (((a, b), (0.5, 0.5)), ((a, a, a, b), (0.75, 0.25))):
        value = batch if rows == (a, b) else measure(rows, rows)
        if not abs(value - np.array(parts) @ pairs @ np.array(parts)) <= AGREES * apart:
            return
    head = case.head(loss)
    yield rule.finding(
        Level.MEASURED, head.layer if head else case.program.outputs[loss.output][0],
        f"the loss `{loss.name}` compares every prediction with every target of the batch. For a "
        f"batch of copies of rows {a} and {b} it is {short(batch)}, which is the mean over all "
        f"four pairs of a prediction and a target; for each row alone, its mean is {short(alone)}. "
        "An array of shape (batch,) minus one of shape (batch, 1) has shape (batch, batch).",
        "y_true = ops.reshape(y_true, ops.shape(y_pred))   # at the start of the loss",
        cost={"batch": batch, "rows": alone, "pairs": float(pairs.mean())},
        holds_for="the stored weights and these rows",
    )  # fmt: skip


def _distant_rows(case: DiagnosisContext, loss: Loss) -> tuple[int, int] | None:
    """Return two finite rows whose targets and outputs differ; None if there are none.

    Candidates are the rows with the extreme values of the first entries of target and output.
    """
    y = case.targets(loss)
    if y is None or loss.output >= len(case.predictions) or len(case.program.losses) != 1:
        return None
    columns = [np.asarray(v[:ROWS], np.float64).reshape(min(case.rows, ROWS), -1)[:, 0]
               for v in (y, case.predictions[loss.output])]  # fmt: skip
    valid = np.flatnonzero(case.finite_rows[:ROWS] & np.isfinite(columns).all(axis=0))
    if len(valid) < 2:
        return None
    ends = {int(valid[pick(v[valid])]) for v in columns for pick in (np.argmin, np.argmax)}
    return max(
        ((a, b) for a in ends for b in ends if a < b),
        key=lambda rows: np.prod([abs(v[rows[0]] - v[rows[1]]) for v in columns]),
        default=None,
    )


def _of_a_batch(y: tuple[int, ...], p: tuple[int, ...]) -> str:
    """Format the broadcast shape of targets and predictions, with `batch` for the number of rows.

    Args:
        y: Shape of the targets, with the number of rows first.
        p: Shape of the predictions, with the number of rows first.
    """
    joint, other = (np.broadcast_shapes((n, *y[1:]), (n, *p[1:])) for n in (y[0], 1))
    axes = ["batch" if a != b else str(a) for a, b in zip(joint, other, strict=True)]
    return f"({', '.join(axes)})"


def as_read(case: DiagnosisContext, loss: Loss) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """Return the targets in float64 and the shape of the predictions, both as the loss reads them.

    Returns None if there are no numeric targets.
    """
    y = case.targets(loss)
    if y is None or loss.output >= len(case.program.outputs):
        return None
    seen, p = squeeze_shapes(y.shape, (len(y), *case.program.outputs[loss.output][1]))
    return y.reshape(seen), p


def squeeze_shapes(
    y: tuple[int, ...], p: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of targets and predictions as Keras passes them to a loss.

    Before Keras computes a loss, it removes or adds a last axis of size 1 if the numbers of axes
    differ by one.
    """
    if len(y) == len(p) + 1 and y[-1] == 1:
        return (y, (*p, 1)) if len(p) == 1 else (y[:-1], p)
    if len(p) == len(y) + 1 and p[-1] == 1:
        return ((*y, 1), p) if len(y) == 1 else (y, p[:-1])
    return y, p
