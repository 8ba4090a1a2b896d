"""OR030: too few training steps to make progress."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Head, Loss, Stepping
from ..budget.floor import WORK, BudgetedLoss
from ..budget.reach import HALF_ULP, Reach, reach_of
from ..budget.row_losses import row_loss
from ..budget.weight_box import WeightBox, weight_box
from ..changes import AS_IS, Change
from ..context import DiagnosisContext
from ..plan import Plan
from ..registry import Example, ModelAndData, Rule, register
from ..short_trainings import LONG
from ..wording import at_least, at_most, format_steps, of_constant, short
from .faster_learning import larger_factors, with_rate


SHARE = 0.9
"""Fraction of the best constant's loss that training must be able to get below."""

TOO_FEW = ((0.7, 0.5), (0.25, 0.2))
"""Pairs of thresholds. The planned steps are too few if, for some pair, two conditions hold. The
loss after these steps is at least the first threshold times the best constant's loss. More steps
reduce the loss to at most the second threshold times the loss after the planned steps."""

TIMES, USUAL_BATCH = 3, 32
"""Minimum ratio of the steps of a longer training run to the planned steps, if both have the same
batch size; and the batch size that is tried instead of planned batches of more than half of the
rows."""

FASTER = 3.0
"""The largest fall of the loss per step that is regarded as possible, divided by the largest
measured fall."""


def _prices(keras: ModuleType, offset: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                8, "relu", kernel_initializer=keras.initializers.GlorotUniform(seed=1)
            ),
            keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=2)),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, x, x[:, :1] - x[:, 1:2] + offset


@register(
    "OR030", "too few training steps",
    """This rule needs `epochs`. A step of Adam, AdamW, Nadam, Adamax, Lion, RMSprop, Adagrad or
    clipped SGD moves a weight by a limited amount, whatever the gradient is. So after all planned
    steps, the weights lie in a known box around their current values. The ranges of the outputs
    over that box, computed row by row, give a lower bound on the loss after these steps. The
    finding is PROVED if that bound is more than 90 % of the loss of the best constant prediction.
    The bound holds for the loss that `evaluate(x, y)` returns after any of the steps, without
    penalties, and it accounts for the float32 rounding of the optimizer. Without such a bound, the
    finding is MEASURED if the loss would stay too high even if it fell three times as fast as in
    the fastest of a few steps on a copy of the model. It is also MEASURED if trained copies keep at
    least 70 % of the loss of the best constant prediction after the planned steps, but more steps,
    or smaller batches in the same number of epochs, reduce this loss by at least half, in each of
    three training runs. Scale the targets, or take more or larger steps.""",
    Example(lambda k: _prices(k, 1000.0), lambda k: _prices(k, 0.0), options={"epochs": 5}),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report losses that are proved or measured to stay close to the best constant's loss.

    The planned number of steps is too small to reduce the loss to `SHARE` times that loss. Without
    such a finding, longer training runs of copies are compared.
    """
    plan, stepping = case.plan, case.program.stepping
    if plan is None or stepping is None or not case.program.losses:
        return
    steps = plan.steps(case.rows)
    reach = reach_of(stepping, steps)
    box = weight_box(case.program) if isinstance(reach, Reach) else reach
    if isinstance(box, str):
        case.unread.append(f"lower bound on the loss after {steps:,} steps: {box}")
    reported = False
    for loss in case.program.losses:
        case_of = _Case(rule, case, loss, plan, stepping)
        finding = None
        if isinstance(reach, Reach) and isinstance(box, WeightBox):
            finding = _prove_floor(case_of, box, reach)
        finding = finding or _measure_pace(case_of, steps)
        if finding is not None:
            reported = True
            yield finding
    if not reported:
        yield from _compare_longer(_Case(rule, case, case.program.losses[0], plan, stepping))


@dataclass(frozen=True, eq=False)
class _Case:
    rule: Rule
    context: DiagnosisContext
    loss: Loss
    plan: Plan
    stepping: Stepping

    @property
    def which(self) -> str:
        """A phrase with the name of the output that the loss reads.

        It is empty if the model has only one output.
        """
        outputs = self.context.program.outputs
        return f"of output `{outputs[self.loss.output][0]}` " if len(outputs) > 1 else ""

    @property
    def budget(self) -> str:
        epochs = f"{self.plan.epochs:,} epoch{'s' * (self.plan.epochs > 1)}"
        return f"{epochs} ({self.plan.steps(self.context.rows):,} steps of {self.stepping.kind})"


def _data(case: DiagnosisContext, loss: Loss, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return evenly spaced rows of inputs and targets, rounded to float32.

    Returns None if an entry is not finite or if there are no numeric targets.

    Args:
        size: Number of graph values per row, which limits the number of rows.
    """
    y = case.targets(loss)
    if y is None:
        return None
    count = max(1, min(case.rows, WORK // max(size, 1)))
    picked = np.unique(np.linspace(0, case.rows - 1, count).astype(int))
    with np.errstate(over="ignore"):
        arrays = [a[picked].astype(np.float32).astype(np.float64) for a in (case.flat, y)]
    return (arrays[0], arrays[1]) if all(np.isfinite(a).all() for a in arrays) else None


def _build_budgeted_loss(case: _Case, head: Head, box: WeightBox) -> BudgetedLoss | None:
    loss, context = case.loss, case.context
    shape = context.program.outputs[loss.output][1]
    data = _data(context, loss, sum(n.size for n in box.graph.nodes) + box.graph.size)
    if data is None:
        return None
    rows = row_loss(loss, head, data[1], shape)
    return None if rows is None else BudgetedLoss(context.program, box, data[0], rows, loss)


def _prove_floor(case: _Case, box: WeightBox, reach: Reach) -> Finding | None:
    head = case.context.head(case.loss)
    budgeted = None if head is None else _build_budgeted_loss(case, head, box)
    if budgeted is None or head is None:
        return None
    # `evaluate` sums the rows in float32.
    rounding = len(budgeted.x) * HALF_ULP
    floor, constant = budgeted.floor(reach) * (1.0 - rounding), budgeted.rows.constant
    now = budgeted.floor(Reach(0, 0.0, 1.0, 0.0))
    if floor <= SHARE * constant or floor <= 0.01 * now:
        return None
    count, total = len(budgeted.x), case.context.rows
    these = f"your {total:,} rows" if count == total else f"{count:,} of your {total:,} rows"
    too_few = budgeted.least_steps(SHARE * constant, reach.steps)
    each = case.plan.steps(total) // case.plan.epochs
    most = max(case.plan.epochs, too_few // each)
    level = "above" if floor > constant else "not far below"
    message = (
        f"in {case.budget} no weight can move by more than {_farthest(case, reach)}, so the loss "
        f"{case.which}on {these} "
        f"cannot get below {at_least(floor)} (now {short(now)}), which is {level} "
        f"{short(constant)}, the loss of predicting {budgeted.rows.says}."
    )
    if most > case.plan.epochs:
        message += f" Even {most:,} epochs are provably too few."
    return case.rule.finding(
        Level.PROVED, head.layer, message, _fix(case, most),
        cost={
            "loss_floor": floor, "steps": reach.steps, "farthest": reach.far,
            "constant_loss": constant, "loss": now, "epochs_too_few": most,
            "target_loss": SHARE * constant,
        },
        holds_for="every order of the rows, all sample weights, and the loss that evaluate(x, y) "
        "returns after any of these steps, without penalties and up to float32 rounding, if no "
        "callback raises the learning rate or sets weights",
    )  # fmt: skip


def _farthest(case: _Case, reach: Reach) -> str:
    """Describe in a phrase how far a weight can move, and how much weight decay can shrink it."""
    sizes = [float(np.abs(w.read()).max(initial=0.0)) for w in case.context.program.weights
             if w.trainable]  # fmt: skip
    size = max(sizes, default=0.0) + reach.far
    distance = at_most(reach.far + reach.stored * size)
    if reach.shrunk == 1.0:
        return distance
    decay = at_most(100 * (1 - reach.shrunk))
    return f"{distance} in addition to weight decay, which removes at most {decay} % of the weight"


def _fix(case: _Case, most: int | None) -> str:
    """Propose more epochs, a usual rate if it is at most 1e-3, and scaling of targets beyond 10.

    Targets are beyond 10 if their mean or standard deviation exceeds it in magnitude.

    Args:
        most: The largest number of epochs that is provably too small; None if none is proved.
    """
    y = case.context.targets(case.loss)
    rate, optimizer = case.stepping.rates(1), case.context.program.optimizer
    lines = []
    if y is not None and not case.loss.name.endswith("crossentropy"):
        spread = float(y.std())
        if spread > 0 and max(abs(float(y.mean())), spread) > 10.0:
            lines.append("y = (y - y.mean()) / y.std()   # and undo the scaling after predict()")
    if rate is not None and len(rate) and 0 < rate[0] <= 1e-3 and optimizer is not None:
        lines += [with_rate(optimizer, factor) for factor in larger_factors(optimizer)[:1]]
    epochs = 3 * (most or case.plan.epochs)
    lines.append(f"model.fit(x, y, epochs={epochs}, batch_size={case.plan.batch_size})")
    return "\nor ".join(lines)


def _measure_pace(case: _Case, steps: int) -> Finding | None:
    """Return a finding if the loss cannot fall far even at `FASTER` times its measured pace.

    The pace is the fastest fall of the loss per step in a short training run. Returns None if the
    loss may fall to `SHARE` times the best constant's loss, or if no pace or no such loss is known.
    """
    context, head = case.context, case.context.head(case.loss)
    training = context.trials.run()
    if head is None or training is None or len(training.losses) < 4:
        return None
    if (
        len(context.program.losses) > 1
        or not np.isfinite([loss for _, loss in training.looks]).all()
    ):
        return None
    data = _data(context, case.loss, 1)
    shape = context.program.outputs[case.loss.output][1]
    rows = None if data is None else row_loss(case.loss, head, data[1], shape)
    if rows is None:
        return None
    at, losses = np.asarray(training.looks, np.float64).T
    fastest = float(-(np.diff(losses) / np.diff(at)).min())
    end = float(losses[0]) - FASTER * steps * max(fastest, 0.0)
    if end <= SHARE * rows.constant or fastest <= 0:
        return None
    return case.rule.finding(
        Level.MEASURED, head.layer,
        f"in {format_steps(len(training.losses))} on a copy of the model, the loss falls from "
        f"{short(losses[0])} by at most {short(fastest)} per step. Even if it fell {FASTER:g} "
        f"times as fast, it would not get below {short(end)} in {case.budget}; predicting "
        f"{rows.says} gives a loss of {short(rows.constant)}.",
        _fix(case, None), cost={
            "losses": losses.tolist(), "steps": steps, "target_loss": SHARE * rows.constant,
        },
        holds_for="the stored weights and your first rows",
    )  # fmt: skip


def _compare_longer(case: _Case) -> Iterator[Finding]:
    """Report copies whose loss is high after the planned steps, and low after more steps.

    `TOO_FEW` contains the thresholds.
    """
    context, plan = case.context, case.plan
    trials, steps = context.trials, plan.steps(context.rows)
    training = trials.run()
    if TIMES * steps > LONG or training is None or trials.constant is None:
        return
    if not context.batch_normalized:
        then = next(loss for at, loss in reversed(training.looks) if at <= steps)
        if then - trials.least < 0.8 * TOO_FEW[-1][0] * (trials.constant - trials.least):
            return
    before = trials.inference_ratios(Change(steps=steps))
    least = [less for far, less in TOO_FEW if before and min(before) >= far]
    if not least:
        return
    whole = 2 * plan.batch_size > context.rows > TIMES * USUAL_BATCH
    if whole:
        more = Plan(plan.epochs, USUAL_BATCH)
        longer = min(more.steps(context.rows), LONG)
        change = Change(steps=longer, batch=USUAL_BATCH)
    elif TIMES * steps <= len(training.losses):
        longer, change = len(training.losses), AS_IS
    else:
        longer = TIMES * steps
        change = Change(steps=longer)
    if not whole:
        more = Plan(-(-plan.epochs * longer // steps), plan.batch_size)
    after = trials.inference_ratios(change)
    if not after or max(after) > max(least) * min(before):
        return
    yield case.rule.finding(
        Level.MEASURED, context.program.heads[0].layer if context.program.heads else "",
        f"in {case.budget}{', with nearly all of your rows in each step,' if whole else ''} "
        f"trained copies of the model reach {of_constant(min(before))}. "
        f"{f'With {USUAL_BATCH} rows per step' if whole else 'In more epochs'}, "
        f"that is, in {longer:,} steps, they reach {of_constant(max(after))}.",
        f"model.fit(x, y, epochs={more.epochs}, batch_size={more.batch_size})",
        cost={"steps": steps, "left": min(before), "left_after_more": max(after)},
        holds_for="training from the stored weights",
    )  # fmt: skip
