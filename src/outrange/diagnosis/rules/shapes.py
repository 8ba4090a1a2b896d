"""OR011: predictions and targets whose shapes match only by broadcasting."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Loss
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register


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


@register(
    "OR011", "targets and predictions have different shapes",
    """An elementwise loss broadcasts its targets and predictions to a common shape. If the targets
    have shape (n, 1) and the predictions have shape (n, 3), all three outputs are trained on the
    same targets. No backend issues a warning. The rule compares the shapes after Keras has removed
    or added a last axis of size 1. The finding is PROVED, because it follows from the two shapes.
    If the backend cannot compute the loss at all, rule OR016 reports the error.""",
    Example(lambda k: _columns(k, 3), lambda k: _columns(k, 1)),
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
