"""OR017: a learning rate too large to converge, or too small to arrive."""

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Optimizer, Rehearsal
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short


STILL = 1e-5
"""Share of a weight's size it must move in the steps measured to count as moving."""

FOREVER = 1e7
"""Steps at the pace measured from which on training does not arrive."""

GROWTH = 1e3
"""Factor by which the loss must have grown to count as diverging."""


def _line(keras: ModuleType, rate: float, n: int = 20, scale: float = 1.0) -> ModelAndData:
    x = np.linspace(1, 7, n)[:, None]
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(1, kernel_initializer="ones", name="line"),
        ]
    )
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model, x, (2 * x + 1) * scale


def _deep(keras: ModuleType, rate: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 6)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(32, "relu", kernel_initializer=keras.initializers.HeNormal(seed=3)),
            keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=4)),
        ]
    )
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model, x, x[:, :1] * x[:, 1:2] * 3


@register(
    "OR017", "the learning rate does not fit",
    """For a linear model with a squared error, gradient descent diverges from almost every start as
    soon as the rate exceeds 2 (1 + momentum) over the largest curvature of the loss, which the data
    alone determine; a lower bound of that curvature is computed. PROVED for batches that hold all
    rows. For other models a few steps are taken on a copy: MEASURED if the loss explodes or becomes
    NaN, if the weights do not move, or if at the pace measured training would take more than ten
    million steps.""",
    Example(lambda k: _line(k, 0.5), lambda k: _line(k, 0.01)),
    Example(lambda k: _deep(k, 10.0), lambda k: _deep(k, 0.01), level=Level.MEASURED),
    Example(lambda k: _deep(k, 1e-9), lambda k: _deep(k, 0.03), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """The curvature of a linear model; a rehearsal for others."""
    optimizer = case.program.optimizer
    if optimizer is None or optimizer.rate <= 0 or not case.program.losses:
        return
    proved = _curvature(case, optimizer)
    rehearsal = case.rehearsal
    if proved is not None:
        yield rule.found(
            Level.PROVED, proved[0],
            f"the loss curves by at least {short(proved[1])} in one direction, so gradient descent "
            f"diverges for every rate above {short(proved[2])}; yours is {short(optimizer.rate)}.",
            f"keras.optimizers.{optimizer.kind}({short(proved[2] / 3)})   or   scale x",
            interval=(proved[1], np.inf), cost={"largest_rate": proved[2]},
            holds_for="batches of all your rows, and every start but a set of measure 0",
        )  # fmt: skip
        return
    if rehearsal is None or rehearsal.error or len(rehearsal.losses) < 4:
        return
    if not np.isfinite(rehearsal.losses[0]):  # before any step: no rate is to blame
        return
    yield from _rehearsed(rule, case, optimizer, rehearsal)


def _curvature(case: DiagnosisContext, optimizer: Optimizer) -> tuple[str, float, float] | None:
    """Layer, a lower bound of the curvature, and the largest stable rate, if it is exceeded."""
    program = case.program
    kernels = [w for w in program.weights if w.trainable]
    if optimizer.kind != "SGD" or optimizer.options.get("nesterov") or len(program.losses) != 1:
        return None
    if any(optimizer.options.get(n) for n in ("clipnorm", "clipvalue", "global_clipnorm")):
        return None
    loss, head = program.losses[0], case.head(program.losses[0])
    if loss.name != "mean_squared_error" or not loss.known or loss.options.get("weight", 1) != 1:
        return None
    if head is None or head.activation != "linear" or len(program.steps) == 0:
        return None
    inside = [s.kind for s in program.steps if s.inside and s.kind != "ConvertToTensor"]
    if inside not in (["Matmul"], ["Matmul", "Add"]) or len(kernels) != len(inside):
        return None
    if case.rows > 32 and not _diverges(case.rehearsal):
        return None
    x = case.flat[case.sound_rows]
    if not len(x) or len(x) != case.rows:
        return None
    columns = np.concatenate([x, np.ones((len(x), len(inside) - 1))], axis=1)
    direction = np.linalg.svd(columns, full_matrices=False)[2][0]
    grown = columns @ direction
    # 2 / (n k) |X v|^2 / |v|^2 bounds the largest eigenvalue from below for any v.
    curvature = 2.0 / (len(x) * head.width) * float(grown @ grown / (direction @ direction))
    curvature *= 1.0 - 1e-9
    limit = 2.0 * (1.0 + optimizer.momentum) / curvature if curvature > 0 else np.inf
    return (head.layer, curvature, limit) if optimizer.rate > limit * (1 + 1e-6) else None


def _diverges(rehearsal: Rehearsal | None) -> bool:
    if rehearsal is None or rehearsal.error or not np.isfinite(rehearsal.losses[0]):
        return False
    losses = np.asarray(rehearsal.losses)
    return not np.isfinite(losses).all() or bool(
        losses[-1] > GROWTH * abs(losses[0]) and losses[-1] > losses[-2]
    )


def _rehearsed(
    rule: Rule, case: DiagnosisContext, optimizer: Optimizer, rehearsal: Rehearsal
) -> Iterator[Finding]:
    losses, layer = rehearsal.losses, case.program.heads[0].layer if case.program.heads else ""
    steps = f"{len(losses)} steps on a copy"
    if _diverges(rehearsal):
        yield rule.found(
            Level.MEASURED, layer,
            f"in {steps} the loss went from {short(losses[0])} to {short(losses[-1])} at the rate "
            f"{short(optimizer.rate)}: it diverges.",
            f"keras.optimizers.{optimizer.kind}({short(optimizer.rate / 100)})   or scaled inputs",
            cost={"losses": list(losses)}, holds_for="the stored weights and your first rows",
        )  # fmt: skip
        return
    measured = case.measured
    live = measured is not None and any(
        g is not None and np.any(g != 0) for g in measured.gradients.values()
    )
    moving = [
        rehearsal.moved[i] > STILL * max(rehearsal.size[i], 1e-3)
        for i, w in enumerate(case.program.weights) if w.trainable and i in rehearsal.moved
    ]  # fmt: skip
    pace = _pace(case, losses)
    if live and not any(moving):
        text = f"in {steps} no weight moved by more than {STILL:g} of its size"
    elif live and pace is not None and pace > FOREVER:
        text = f"in {steps} the loss did not fall"
        if pace < np.inf:
            text += f" by more than would take {pace:.0e} of them at this pace"
    else:
        return
    yield rule.found(
        Level.MEASURED, layer, f"{text} (rate {short(optimizer.rate)}).",
        f"keras.optimizers.{optimizer.kind}(1e-3)" if optimizer.rate < 1e-4
        else "scale the targets: y = (y - y.mean()) / y.std()",
        cost={"losses": list(losses)}, holds_for="the stored weights and your first rows",
    )  # fmt: skip


def _pace(case: DiagnosisContext, losses: Sequence[float]) -> float | None:
    """Steps in which a regression's error would be gone, at the pace measured."""
    names = [loss.name for loss in case.program.losses]
    if names not in (["mean_squared_error"], ["mean_absolute_error"]) or losses[0] <= 0:
        return None
    root = np.sqrt if names[0] == "mean_squared_error" else np.asarray
    first, last = float(root(losses[0])), float(root(losses[-1]))
    fallen = (first - last) / (len(losses) - 1)
    return np.inf if fallen <= 0 else first / fallen
