"""OR017: a learning rate that is too large or too small."""

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Optimizer, Rehearsal
from ..changes import AS_IS, Change
from ..context import DiagnosisContext
from ..divergence import GROWTH, WILD, curvature, diverges, late_loss
from ..registry import Example, ModelAndData, Rule, register
from ..short_trainings import SEEDS
from ..trials import LEARNED
from ..wording import at_least, at_most, format_steps, short
from .faster_learning import larger_factors, learns_too_little, needs_adam, with_rate
from .history import Symptom


STILL = 1e-5
"""A weight is regarded as unchanged if at least 12 steps change it by at most this fraction of its
size. With fewer steps, the fraction is smaller."""

FOREVER = 1e7
"""Number of steps, extrapolated from the measured pace, above which training is reported as too
slow."""

NO_LOSS = 0.01
"""Fraction of the first loss that is regarded as an error of 0, which the pace is extrapolated
to."""

SMALLER = (0.1, 0.01)
"""Factors by which the learning rate is multiplied to try smaller rates."""

FEWEST_STEPS = 4
"""Minimum number of steps of a training run for its loss to be evidence. With fewer steps, only a
loss that is not finite is evidence."""

STAYS = 0.02
"""A training run makes no progress if its loss changes by less than this fraction of the difference
between the best constant's loss and the least possible loss."""

MANY = 20_000
"""Number of training steps that is assumed if there is no plan."""

SMALL_GAIN = 0.3
"""Share of the loss reduction of a larger rate that a planned training has to reach."""


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
    "OR017", "the training steps are too large or too small",
    """For a linear model with a squared error, gradient descent diverges from almost every start if
    the learning rate exceeds 2 (1 + momentum) divided by the largest curvature of the loss. The
    curvature depends only on the data, and the rule computes a lower bound on it. The finding is
    PROVED for batches of all rows. For other models, copies are trained for up to 200 steps, with
    the batches and the optimizer of the program. The finding is MEASURED if the loss explodes or
    becomes NaN. It is also MEASURED if the loss stays above the loss of the best constant
    prediction, but falls well below it at a tenth or a hundredth of the rate. It is also MEASURED
    if copies learn at a larger rate, but would need more than the planned steps (20 000 without
    `epochs`) at the current rate. Finally, the finding is MEASURED if the weights do not move, if a
    regression would take more than ten million steps at the measured pace, or if copies of the
    model learn much more in the planned steps at a larger rate, or with Adam in place of gradient
    descent. Without `epochs`, only larger rates of plain gradient descent are compared in this
    way, and they must reduce the loss to at most a tenth.""",
    Example(lambda k: _line(k, 0.5), lambda k: _line(k, 0.01)),
    Example(lambda k: _deep(k, 10.0), lambda k: _deep(k, 0.01), level=Level.MEASURED),
    Example(lambda k: _deep(k, 1e-9), lambda k: _deep(k, 0.03), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report a learning rate that a proof or trained copies show to be too large or too small.

    A proof is possible only if the rate is too large and the model is linear, because the curvature
    of the loss can then be bounded.
    """
    optimizer = case.program.optimizer
    if optimizer is None or optimizer.rate <= 0 or not case.program.losses:
        return
    limits = curvature(case, optimizer)
    if limits is not None:
        yield rule.finding(
            Level.PROVED, limits[0],
            f"the curvature of the loss is at least {at_least(limits[1])} in one direction, so "
            f"gradient descent diverges for every learning rate above {at_most(limits[2])}; your "
            f"learning rate is {short(optimizer.rate)}.",
            f"keras.optimizers.{optimizer.kind}({short(limits[2] / 3)})   or   scale x",
            interval=(limits[1], np.inf), cost={"largest_rate": limits[2]},
            holds_for=(
                "training with all your rows in each batch, and all initial weights except a "
                "set of measure 0"
            ),
        )  # fmt: skip
        return
    if case.measurement is not None and case.measurement.has_nonfinite_gradient:
        return  # the first step ruins the weights at any rate
    training = case.trials.run()
    if training is None or not np.isfinite([training.losses[0], training.looks[0][1]]).all():
        return  # not finite before any step, so the rate is not the cause
    result, enough = None, len(training.losses) >= FEWEST_STEPS
    if enough or not np.isfinite([*training.losses, *(loss for _, loss in training.looks)]).all():
        result = _explodes(case, optimizer, training)
    lives = (
        case.measurement is None
        or case.measurement.has_nonzero_gradient
        or case.program.changed_in_training
    )
    if result is None and enough and (lives or any(_moved_weights(case, training))):
        result = (
            (None if _stands_still(case) else _too_large(case, optimizer, training))
            or _clips_too_much(case, optimizer, training)
            or _too_small(case, optimizer, training)
            or _slow(case, optimizer, training)
            or learns_too_little(case, optimizer, training)
            or needs_adam(case, optimizer)
        )
    if result is None:
        return
    symptom = result if isinstance(result, Symptom) else Symptom("", *result)
    target = {} if symptom.target is None else {"target_loss": symptom.target}
    yield rule.finding(
        Level.MEASURED, case.program.heads[0].layer if case.program.heads else "",
        symptom.message, symptom.fix, cost={"losses": list(training.losses)} | target,
        holds_for=f"training from the stored weights, {case.trials.batch:,} rows per step",
    )  # fmt: skip


Texts = tuple[str, str] | Symptom
"""The message and the fix of a finding, or a `Symptom`."""


def _explodes(case: DiagnosisContext, optimizer: Optimizer, training: Rehearsal) -> Texts | None:
    losses = [loss for _, loss in training.looks]
    settled, start = late_loss(training), max(abs(losses[0]), case.trials.constant or 0.0)
    # A loss that explodes may fall again when units are dead, and then stays constant.
    blown = max(losses) > GROWTH * start > 0 and case.trials.stuck
    if not (diverges(training) or settled > WILD * start > 0 or blown):
        return None
    finite = [loss for loss in losses if np.isfinite(loss)]
    ends = short(losses[-1]) if np.isfinite(losses[-1]) else "NaN or infinity"
    over = f", with a peak of {short(max(finite))}" if max(finite) > 2 * abs(finite[-1]) else ""
    return (
        f"in {format_steps(len(training.losses))} of training a copy of the model, at a learning "
        f"rate of {short(optimizer.rate)}, the loss went from {short(losses[0])} to {ends}{over}: "
        + (
            "it explodes and does not recover."
            if blown and not diverges(training)
            else "it diverges."
        )
    ), f"{with_rate(optimizer, 0.01)}   or scaled inputs"


def _too_large(case: DiagnosisContext, optimizer: Optimizer, training: Rehearsal) -> Texts | None:
    """Return a finding if training gets below the best constant's loss only at a smaller rate.

    If a run gets below that loss at the current rate, returns the result of `_jumps` instead.
    """
    trials = case.trials
    level = trials.constant or abs(training.looks[0][1])
    trainings = (trials.run(AS_IS, seed) for seed in range(SEEDS))
    if not all(other is None or late_loss(other) >= level for other in trainings):
        return _jumps(case, optimizer, training, level)
    lowest = min(late_loss(other) for other in trials.all())
    for factor in SMALLER:
        change = Change(rate=factor)
        first = trials.run(change)
        if first is None or late_loss(first) >= LEARNED * min(lowest, level):
            continue
        others = trials.all(change)
        if len(others) == SEEDS and max(map(late_loss, others)) < LEARNED * min(lowest, level):
            best = max(map(late_loss, others))
            return (
                f"in the second half of {format_steps(len(training.losses))} on a copy of the "
                f"model, the loss stays at {short(lowest)} or more; {_instead(case, level)}at a "
                f"learning rate of {short(optimizer.rate * factor)} the loss falls to "
                f"{short(best)}. The learning rate {short(optimizer.rate)} is too large."
            ), with_rate(optimizer, factor)
    return None


def _jumps(
    case: DiagnosisContext, optimizer: Optimizer, training: Rehearsal, level: float
) -> Texts | None:
    """Report a loss that jumps to `WILD` times its start if copies learn more at a smaller rate.

    `Trials.gain` defines how much more they must learn.
    """
    highest = max(loss for _, loss in training.looks)
    if not highest > WILD * max(abs(training.looks[0][1]), level):
        return None
    for factor in SMALLER:
        gained = case.trials.gain(Change(rate=factor))
        if gained is not None:
            how = f"at a learning rate of {short(optimizer.rate * factor)}"
            return (
                "in a short training run of a copy, the loss rises from "
                f"{short(training.looks[0][1])} to {short(highest)}. "
                f"{case.trials.describe_gain(gained, how)} The learning rate "
                f"{short(optimizer.rate)} is too large."
            ), with_rate(optimizer, factor)
    return None


LIMITS = ("clipnorm", "global_clipnorm", "clipvalue")


def _clips_too_much(
    case: DiagnosisContext, optimizer: Optimizer, training: Rehearsal
) -> Texts | None:
    """Report gradient clipping if copies reach a lower loss without it (see `Trials.gain`)."""
    limit = next((n for n in LIMITS if optimizer.options.get(n)), "")
    measured = case.measurement
    if not limit or measured is None or measured.error:
        return None
    gained = case.trials.gain(Change(without="clipping"))
    if gained is None:
        return None
    arrays = [np.asarray(g, np.float64) for g in measured.gradients.values() if g is not None]
    norm = float(np.sqrt(sum(np.square(g).sum() for g in arrays)))
    return (
        f"gradients are clipped ({limit}={short(optimizer.options[limit])}; at the start their "
        f"norm is {short(norm)}). {case.trials.describe_gain(gained, 'without clipping')}"
    ), f"keras.optimizers.{optimizer.kind}({short(optimizer.rate)}, clipnorm=1.0)   # or none"


def _instead(case: DiagnosisContext, level: float) -> str:
    if not case.trials.constant:
        return ""
    return f"the best constant prediction has a loss of {short(level)}, and "


def _too_small(case: DiagnosisContext, optimizer: Optimizer, training: Rehearsal) -> Texts | None:
    """Report a rate at which learning would take more steps than planned, if a larger rate learns.

    Without a plan, `MANY` steps are assumed. The fall of the loss is extrapolated in proportion to
    the number of steps.
    """
    trials = case.trials
    if not (trials.stuck or _stands_still(case)):
        return None
    steps, gain = len(training.losses), training.looks[0][1] - late_loss(training)
    for factor in larger_factors(optimizer):
        if (trials.helps(Change(rate=factor)) or trials.gain(Change(rate=factor))) is None:
            continue
        others = trials.all(Change(rate=factor))
        wins = min(other.looks[0][1] - other.looks[-1][1] for other in others)
        plan = case.plan
        share, most = (1.0, MANY) if plan is None else (SMALL_GAIN, plan.steps(case.rows))
        if gain * most / steps > share * wins:
            return None
        part = "" if plan is None else f"{share:.0%} of "
        return (
            f"in {format_steps(steps)} of training a copy of the model, the loss went from "
            f"{short(training.looks[0][1])} to {short(training.looks[-1][1])}; at a "
            f"learning rate of {short(optimizer.rate * factor)} it falls to "
            f"{short(max(other.looks[-1][1] for other in others))}. The learning rate "
            f"{short(optimizer.rate)} is too small: at the measured pace, {part}this gain would "
            f"take more than {most:,} steps."
        ), with_rate(optimizer, factor)
    return None


def _stands_still(case: DiagnosisContext) -> bool:
    """Return whether no short training run makes progress, as defined by `STAYS`.

    Returns False if that is unknown.
    """
    trials = case.trials
    if trials.constant is None:
        return False
    most = STAYS * (trials.constant - trials.least)
    for seed in range(SEEDS):
        training = trials.run(AS_IS, seed)
        if training is None or not abs(training.looks[0][1] - late_loss(training)) < most:
            return False
    return True


def _moved_weights(
    case: DiagnosisContext, training: Rehearsal, least: float = 0.0
) -> Iterator[bool]:
    """Yield, for each trained weight, whether it moved by more than a given fraction of its size.

    Args:
        least: The fraction. A size below 1e-3 is replaced by 1e-3.
    """
    for i, weight in enumerate(case.program.weights):
        if weight.trainable and i in training.moved:
            yield training.moved[i] > least * max(training.size[i], 1e-3)


def _slow(case: DiagnosisContext, optimizer: Optimizer, training: Rehearsal) -> Texts | None:
    """Report weights that do not move, or a regression that takes more than `FOREVER` steps."""
    if case.measurement is None or not case.measurement.has_nonzero_gradient:
        return None
    steps = len(training.losses)
    least = STILL * min(steps, 12) / 12
    small = "keras.optimizers.Adam(1e-3)" if optimizer.rate < 1e-4 else ""
    if not any(_moved_weights(case, training, least)):
        return (
            f"in {format_steps(steps)} of training a copy of the model, no weight moved by more "
            f"than {least:g} of its size (learning rate {short(optimizer.rate)})."
        ), small or with_rate(optimizer, 100)
    pace = _pace(case, [loss for _, loss in training.looks], steps)
    if pace is None or pace <= FOREVER or case.trials.stuck is False:
        return None
    first, last = training.looks[0][1], training.looks[-1][1]
    text = (
        f"in {format_steps(steps)} of training a copy of the model, the loss went from "
        f"{short(first)} to {short(last)}"
    )
    text += f": at this pace training would take {pace:.0e} steps" if pace < np.inf else (
        ": it did not fall"
    )  # fmt: skip
    fix = small or "scale the targets: y = (y - y.mean()) / y.std()"
    text = f"{text} (learning rate {short(optimizer.rate)})."
    return Symptom("", text, fix, NO_LOSS * first if pace < np.inf else None)


def _pace(case: DiagnosisContext, losses: Sequence[float], steps: int) -> float | None:
    """Return the number of steps in which a regression's error would reach 0 at the measured pace.

    The result is infinite if the error did not fall. It is None if the first loss is 0, or if the
    program is not a regression with a squared or an absolute error.

    Args:
        losses: Losses before the first and after the last step, and possibly in between.
        steps: Number of steps between the first and the last loss.
    """
    names = [loss.name for loss in case.program.losses]
    if names not in (["mean_squared_error"], ["mean_absolute_error"]) or losses[0] <= 0:
        return None
    root = np.sqrt if names[0] == "mean_squared_error" else np.asarray
    first, last = float(root(losses[0])), float(root(losses[-1]))
    fallen = (first - last) / steps
    return np.inf if fallen <= 0 else first / fallen
