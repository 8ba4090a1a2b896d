"""OR017: a learning rate too large to converge, or too small to arrive."""

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Optimizer, Rehearsal
from ..changes import AS_IS, Change
from ..context import DiagnosisContext
from ..divergence import GROWTH, WILD, curvature, diverges, late
from ..registry import Example, ModelAndData, Rule, register
from ..short_trainings import SEEDS
from ..trials import LEARNED
from ..wording import at_least, at_most, short, steps_said


STILL = 1e-5
"""Share of a weight's size it must move in the steps measured to count as moving."""

FOREVER = 1e7
"""Steps at the pace measured from which on training does not arrive."""

SMALLER = (0.1, 0.01)
"""Rates that are tried in place of one that does not learn, as factors of it."""

USUAL, LARGEST = {True: 3e-3, False: 3e-2}, {True: 0.1, False: 1.0}
"""Rates at which small networks learn, and the largest tried: with steps of a given size or not."""

UNSCALED = ("SGD", "Adadelta", "Adagrad", "Ftrl")
"""Optimizers whose steps are as large as the gradient, at first."""

FEWEST_STEPS = 4
"""Steps below which only a loss that is no number tells anything."""

STAYS = 0.02
"""Share of the best constant's loss by which a training that stands still changes it at most."""

MANY = 20_000
"""Steps that a training is taken to have, where nothing is known."""


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
    rows. Copies of other models are trained for up to 200 steps, with their own batches and
    optimizer: MEASURED if the loss explodes or becomes NaN; if it stays above the best constant's
    and falls well below it at a tenth or a hundredth of the rate, or at a larger rate while the own
    pace would not get there in 20 000 steps; if the weights do not move; or if at the pace measured
    a regression would take more than ten million steps.""",
    Example(lambda k: _line(k, 0.5), lambda k: _line(k, 0.01)),
    Example(lambda k: _deep(k, 10.0), lambda k: _deep(k, 0.01), level=Level.MEASURED),
    Example(lambda k: _deep(k, 1e-9), lambda k: _deep(k, 0.03), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """The curvature of a linear model; a rehearsal for others."""
    optimizer = case.program.optimizer
    if optimizer is None or optimizer.rate <= 0 or not case.program.losses:
        return
    proved = curvature(case, optimizer)
    if proved is not None:
        yield rule.found(
            Level.PROVED, proved[0],
            f"the loss curves by at least {at_least(proved[1])} in one direction, so "
            f"gradient descent diverges for every rate above {at_most(proved[2])}; yours "
            f"is {short(optimizer.rate)}.",
            f"keras.optimizers.{optimizer.kind}({short(proved[2] / 3)})   or   scale x",
            interval=(proved[1], np.inf), cost={"largest_rate": proved[2]},
            holds_for="batches of all your rows, and every start but a set of measure 0",
        )  # fmt: skip
        return
    if case.measured is not None and case.measured.spoiled:
        return  # the first step spoils weights at any rate
    one = case.trials.run()
    if one is None or not np.isfinite([one.losses[0], one.looks[0][1]]).all():
        return  # not finite before any step: no rate is to blame
    said, enough = None, len(one.losses) >= FEWEST_STEPS
    if enough or not np.isfinite([*one.losses, *(loss for _, loss in one.looks)]).all():
        said = _explodes(case, optimizer, one)
    lives = case.measured is None or case.measured.lives or case.program.changed_in_training
    if said is None and enough and (lives or any(_moved(case, one))):
        said = (
            _too_large(case, optimizer, one)
            or _clipped(case, optimizer, one)
            or _too_small(case, optimizer, one)
            or _slow(case, optimizer, one)
        )
    if said is None:
        return
    text, fix = said
    yield rule.found(
        Level.MEASURED, case.program.heads[0].layer if case.program.heads else "", text, fix,
        cost={"losses": list(one.losses)},
        holds_for=f"trainings from the stored weights, {case.trials.batch:,} rows a step",
    )  # fmt: skip


Said = tuple[str, str]
"""What was measured, and what to do."""


def _explodes(case: DiagnosisContext, optimizer: Optimizer, one: Rehearsal) -> Said | None:
    losses = [loss for _, loss in one.looks]
    settled, start = late(one), max(abs(losses[0]), case.trials.constant or 0.0)
    # What blows up may come back with dead units, and then it stays where it is.
    blown = max(losses) > GROWTH * start > 0 and case.trials.stuck
    if not (diverges(one) or settled > WILD * start > 0 or blown):
        return None
    finite = [loss for loss in losses if np.isfinite(loss)]
    ends = short(losses[-1]) if np.isfinite(losses[-1]) else "NaN or infinity"
    over = f" by way of {short(max(finite))}" if max(finite) > 2 * abs(finite[-1]) else ""
    return (
        f"in {steps_said(len(one.losses))} on a copy the loss went from {short(losses[0])}{over} "
        f"to {ends} at the rate {short(optimizer.rate)}: "
        + ("it blows up, and does not recover." if blown and not diverges(one) else "it diverges.")
    ), f"{_with_rate(optimizer, 0.01)}   or scaled inputs"


def _with_rate(optimizer: Optimizer, factor: float) -> str:
    return f"keras.optimizers.{optimizer.kind}({short(optimizer.rate * factor)})"


def _too_large(case: DiagnosisContext, optimizer: Optimizer, one: Rehearsal) -> Said | None:
    """Whether every training stays above the best constant, and a smaller rate does not."""
    trials = case.trials
    level = trials.constant or abs(one.looks[0][1])
    trainings = (trials.run(AS_IS, seed) for seed in range(SEEDS))
    if not all(other is None or late(other) >= level for other in trainings):
        return _jumps(case, optimizer, one, level)
    own = min(late(other) for other in trials.all())
    for factor in SMALLER:
        change = Change(rate=factor)
        first = trials.run(change)
        if first is None or late(first) >= LEARNED * min(own, level):
            continue
        others = trials.all(change)
        if len(others) == SEEDS and max(map(late, others)) < LEARNED * min(own, level):
            best = max(map(late, others))
            return (
                f"the loss stays at {short(own)} or more in the later half of "
                f"{steps_said(len(one.losses))} on a copy; {_instead(case, level)}at the rate "
                f"{short(optimizer.rate * factor)} it falls to {short(best)}. The rate "
                f"{short(optimizer.rate)} is too large."
            ), _with_rate(optimizer, factor)
    return None


def _jumps(
    case: DiagnosisContext, optimizer: Optimizer, one: Rehearsal, level: float
) -> Said | None:
    """Whether a loss that is thrown far above its start gets much further at a smaller rate."""
    highest = max(loss for _, loss in one.looks)
    if not highest > WILD * max(abs(one.looks[0][1]), level):
        return None
    for factor in SMALLER:
        gained = case.trials.gain(Change(rate=factor))
        if gained is not None:
            how = f"at the rate {short(optimizer.rate * factor)}"
            return (
                f"a step throws the loss from {short(one.looks[0][1])} to {short(highest)}. "
                f"{case.trials.said(gained, how)} The rate {short(optimizer.rate)} is too large."
            ), _with_rate(optimizer, factor)
    return None


LIMITS = ("clipnorm", "global_clipnorm", "clipvalue")


def _clipped(case: DiagnosisContext, optimizer: Optimizer, one: Rehearsal) -> Said | None:
    """Whether copies get much further with gradients that are not clipped."""
    limit = next((n for n in LIMITS if optimizer.options.get(n)), "")
    measured = case.measured
    if not limit or measured is None or measured.error:
        return None
    gained = case.trials.gain(Change(without="clipping"))
    if gained is None:
        return None
    arrays = [np.asarray(g, np.float64) for g in measured.gradients.values() if g is not None]
    norm = float(np.sqrt(sum(np.square(g).sum() for g in arrays)))
    return (
        f"gradients are clipped ({limit}={short(optimizer.options[limit])}; at the start their "
        f"norm is {short(norm)}). {case.trials.said(gained, 'without clipping')}"
    ), f"keras.optimizers.{optimizer.kind}({short(optimizer.rate)}, clipnorm=1.0)   # or none"


def _instead(case: DiagnosisContext, level: float) -> str:
    return f"the best constant has {short(level)}, and " if case.trials.constant else ""


def _too_small(case: DiagnosisContext, optimizer: Optimizer, one: Rehearsal) -> Said | None:
    """Whether nothing is learned, at a pace that never gets there, and a larger rate learns."""
    trials = case.trials
    if not (trials.stuck or _stands_still(case)):
        return None
    steps, own = len(one.losses), one.looks[0][1] - late(one)
    for factor in _larger(optimizer):
        if (trials.helps(Change(rate=factor)) or trials.gain(Change(rate=factor))) is None:
            continue
        others = trials.all(Change(rate=factor))
        wins = min(other.looks[0][1] - other.looks[-1][1] for other in others)
        plan = case.plan
        share, most = (1.0, MANY) if plan is None else (0.3, plan.steps(case.rows))
        if own * most / steps > share * wins:
            return None
        return (
            f"in {steps_said(steps)} on a copy the loss went from {short(one.looks[0][1])} to "
            f"{short(one.looks[-1][1])}; at the rate {short(optimizer.rate * factor)} it falls to "
            f"{short(max(other.looks[-1][1] for other in others))}. The rate "
            f"{short(optimizer.rate)} is too small: its pace takes more than {most:,} steps."
        ), _with_rate(optimizer, factor)
    return None


def _stands_still(case: DiagnosisContext) -> bool:
    """Whether no training changes the loss to speak of."""
    trials = case.trials
    if trials.constant is None:
        return False
    most = STAYS * (trials.constant - trials.least)
    for seed in range(SEEDS):
        one = trials.run(AS_IS, seed)
        if one is None or not abs(one.looks[0][1] - late(one)) < most:
            return False
    return True


def _larger(optimizer: Optimizer) -> list[float]:
    """Factors of the rate to try, those that make it a usual one first."""
    adaptive = optimizer.kind not in UNSCALED
    found = [10.0**i for i in range(1, 8) if optimizer.rate * 10.0**i <= LARGEST[adaptive]]
    return sorted(found, key=lambda f: abs(np.log(optimizer.rate * f / USUAL[adaptive])))[:3]


def _moved(case: DiagnosisContext, one: Rehearsal, least: float = 0.0) -> Iterator[bool]:
    """Of each trained weight, whether it moved by more than a share of its size."""
    for i, weight in enumerate(case.program.weights):
        if weight.trainable and i in one.moved:
            yield one.moved[i] > least * max(one.size[i], 1e-3)


def _slow(case: DiagnosisContext, optimizer: Optimizer, one: Rehearsal) -> Said | None:
    """Weights that stand still, and a regression that takes for ever."""
    if case.measured is None or not case.measured.lives:
        return None
    steps = len(one.losses)
    least = STILL * min(steps, 12) / 12
    small = "keras.optimizers.Adam(1e-3)" if optimizer.rate < 1e-4 else ""
    if not any(_moved(case, one, least)):
        return (
            f"in {steps_said(steps)} on a copy no weight moved by more than {least:g} of its size "
            f"(rate {short(optimizer.rate)})."
        ), small or _with_rate(optimizer, 100)
    pace = _pace(case, [loss for _, loss in one.looks], steps)
    if pace is None or pace <= FOREVER or case.trials.stuck is False:
        return None
    first, last = one.looks[0][1], one.looks[-1][1]
    text = f"in {steps_said(steps)} on a copy the loss went from {short(first)} to {short(last)}"
    text += f": at this pace it takes {pace:.0e} steps" if pace < np.inf else ": it did not fall"
    fix = small or "scale the targets: y = (y - y.mean()) / y.std()"
    return f"{text} (rate {short(optimizer.rate)}).", fix


def _pace(case: DiagnosisContext, losses: Sequence[float], steps: int) -> float | None:
    """Steps in which a regression's error would be gone, at the pace measured."""
    names = [loss.name for loss in case.program.losses]
    if names not in (["mean_squared_error"], ["mean_absolute_error"]) or losses[0] <= 0:
        return None
    root = np.sqrt if names[0] == "mean_squared_error" else np.asarray
    first, last = float(root(losses[0])), float(root(losses[-1]))
    fallen = (first - last) / steps
    return np.inf if fallen <= 0 else first / fallen
