"""OR030: fewer steps than it takes to get anywhere."""

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
from ..wording import at_least, at_most, of_constant, short, steps_said


SHARE = 0.9
"""Share of the best constant's loss that training must be able to get below."""

TOO_FEW = ((0.7, 0.5), (0.25, 0.2))
"""Where steps are called too few: the share of the best constant's loss that is still there, and
how much of that is left at most after more of them. Who is half there must gain the more."""

TIMES, USUAL_BATCH = 3, 32
"""How many times as many steps are tried at least; and rows a step, where one is all of them."""

FASTER = 3.0
"""How much faster than in the steps measured the loss may still come to fall."""


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
    "OR030", "too few steps to get anywhere",
    """Only with `epochs`. A step of Adam, AdamW, Nadam, Adamax, Lion, RMSprop, Adagrad or clipped
    SGD moves a weight by a limited amount, whatever the gradient is, so after all steps planned
    every weight lies in a known box around what it is now. The range of the outputs over that box
    of weights, row by row, gives a floor of the loss for this many steps: PROVED if it is not well
    below what the best constant prediction reaches. The loss is the one that `evaluate(x, y)`
    returns after any of the steps, without penalties; float32 arithmetic of the optimizer is paid
    for. MEASURED where no such bound exists: the fastest fall of a few steps on a copy, three times
    as fast, would not get there either; or copies keep 70 % of what the best constant loses after
    the steps planned, and half of that after more of them, or with smaller batches in as many
    epochs, in each of three trainings. Scale the targets, or take more or larger steps.""",
    Example(lambda k: _prices(k, 1000.0), lambda k: _prices(k, 0.0), options={"epochs": 5}),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """A floor of every loss; the pace measured where there is none."""
    plan, stepping = case.plan, case.program.stepping
    if plan is None or stepping is None or not case.program.losses:
        return
    steps = plan.steps(case.rows)
    reach = reach_of(stepping, steps)
    box = weight_box(case.program) if isinstance(reach, Reach) else reach
    if isinstance(box, str):
        case.unread.append(f"a floor of the loss after {steps:,} steps: {box}")
    said = False
    for loss in case.program.losses:
        case_of = _Case(rule, case, loss, plan, stepping)
        found = None
        if isinstance(reach, Reach) and isinstance(box, WeightBox):
            found = _proved(case_of, box, reach)
        found = found or _measured(case_of, steps)
        if found is not None:
            said = True
            yield found
    if not said:
        yield from _longer(_Case(rule, case, case.program.losses[0], plan, stepping))


@dataclass(frozen=True, eq=False)
class _Case:
    rule: Rule
    context: DiagnosisContext
    loss: Loss
    plan: Plan
    stepping: Stepping

    @property
    def which(self) -> str:
        """The output, where there are several."""
        outputs = self.context.program.outputs
        return f"of output `{outputs[self.loss.output][0]}` " if len(outputs) > 1 else ""

    @property
    def budget(self) -> str:
        epochs = f"{self.plan.epochs:,} epoch{'s' * (self.plan.epochs > 1)}"
        return f"{epochs} ({self.plan.steps(self.context.rows):,} steps of {self.stepping.kind})"


def _data(case: DiagnosisContext, loss: Loss, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Evenly spaced rows of inputs and targets, as float32; None if some are not finite."""
    y = case.targets(loss)
    if y is None:
        return None
    count = max(1, min(case.rows, WORK // max(size, 1)))
    picked = np.unique(np.linspace(0, case.rows - 1, count).astype(int))
    with np.errstate(over="ignore"):
        found = [a[picked].astype(np.float32).astype(np.float64) for a in (case.flat, y)]
    return (found[0], found[1]) if all(np.isfinite(a).all() for a in found) else None


def _budgeted(case: _Case, head: Head, box: WeightBox) -> BudgetedLoss | None:
    loss, context = case.loss, case.context
    shape = context.program.outputs[loss.output][1]
    data = _data(context, loss, sum(n.size for n in box.graph.nodes) + box.graph.size)
    if data is None:
        return None
    rows = row_loss(loss, head, data[1], shape)
    return None if rows is None else BudgetedLoss(context.program, box, data[0], rows, loss)


def _proved(case: _Case, box: WeightBox, reach: Reach) -> Finding | None:
    head = case.context.head(case.loss)
    budgeted = None if head is None else _budgeted(case, head, box)
    if budgeted is None or head is None:
        return None
    # `evaluate` adds the rows up in float32.
    lost = len(budgeted.x) * HALF_ULP
    floor, constant = budgeted.floor(reach) * (1.0 - lost), budgeted.rows.constant
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
        f"in {case.budget} no weight can move by more than {_farthest(case, reach)}: the loss "
        f"{case.which}on {these} "
        f"cannot get below {at_least(floor)} (now {short(now)}), {level} what predicting "
        f"{budgeted.rows.says} gives, {short(constant)}."
    )
    if most > case.plan.epochs:
        message += f" {most:,} epochs are provably too few, too."
    return case.rule.found(
        Level.PROVED, head.layer, message, _fix(case, most),
        cost={
            "loss_floor": floor, "steps": reach.steps, "farthest": reach.far,
            "constant_loss": constant, "loss": now, "epochs_too_few": most,
        },
        holds_for="every order of the rows and all weights of samples; for the loss that "
        "evaluate(x, y) returns after any of these steps, without penalties and up to what float32 "
        "rounds in it, if no callback raises the learning rate or sets weights",
    )  # fmt: skip


def _farthest(case: _Case, reach: Reach) -> str:
    """How far a weight can move, and what its decay takes of it besides."""
    sizes = [float(np.abs(w.read()).max(initial=0.0)) for w in case.context.program.weights
             if w.trainable]  # fmt: skip
    size = max(sizes, default=0.0) + reach.far
    said = at_most(reach.far + reach.stored * size)
    if reach.shrunk == 1.0:
        return said
    taken = at_most(100 * (1 - reach.shrunk))
    return f"{said} beside the weight decay, which takes at most {taken} % of it"


def _fix(case: _Case, most: int | None) -> str:
    """Scaled targets where they are far from 0, and more or larger steps."""
    y = case.context.targets(case.loss)
    rate = case.stepping.rates(1)
    lines = []
    if y is not None and not case.loss.name.endswith("crossentropy"):
        spread = float(y.std())
        if spread > 0 and max(abs(float(y.mean())), spread) > 10.0:
            lines.append("y = (y - y.mean()) / y.std()   # and undo it after predict()")
    if rate is not None and len(rate) and 0 < rate[0] <= 1e-3:
        larger = 1e-3 if rate[0] < 1e-4 else 10 * float(rate[0])
        lines.append(f"keras.optimizers.{case.stepping.kind}({short(larger)})")
    epochs = 3 * (most or case.plan.epochs)
    lines.append(f"model.fit(x, y, epochs={epochs}, batch_size={case.plan.batch_size})")
    return "\nor ".join(lines)


def _measured(case: _Case, steps: int) -> Finding | None:
    """At three times the fastest pace measured, the loss after all steps."""
    context, head = case.context, case.context.head(case.loss)
    one = context.trials.run()
    if head is None or one is None or len(one.losses) < 4:
        return None
    if len(context.program.losses) > 1 or not np.isfinite([loss for _, loss in one.looks]).all():
        return None
    data = _data(context, case.loss, 1)
    shape = context.program.outputs[case.loss.output][1]
    rows = None if data is None else row_loss(case.loss, head, data[1], shape)
    if rows is None:
        return None
    at, losses = np.asarray(one.looks, np.float64).T
    fastest = float(-(np.diff(losses) / np.diff(at)).min())
    end = float(losses[0]) - FASTER * steps * max(fastest, 0.0)
    if end <= SHARE * rows.constant or fastest <= 0:
        return None
    return case.rule.found(
        Level.MEASURED, head.layer,
        f"the loss falls from {short(losses[0])} by at most {short(fastest)} a step, measured over "
        f"{steps_said(len(one.losses))} on a copy: in {case.budget} it will not get below "
        f"{short(end)}, not even at {FASTER:g} times this pace; predicting {rows.says} gives "
        f"{short(rows.constant)}.",
        _fix(case, None), cost={"losses": losses.tolist(), "steps": steps},
        holds_for="the stored weights and your first rows",
    )  # fmt: skip


def _longer(case: _Case) -> Iterator[Finding]:
    """Copies that are far off after the steps planned, and arrive with more of them."""
    context, plan = case.context, case.plan
    trials, steps = context.trials, plan.steps(context.rows)
    one = trials.run()
    if TIMES * steps > LONG or one is None or trials.constant is None:
        return
    if not context.batch_normalized:
        then = next(loss for at, loss in reversed(one.looks) if at <= steps)
        if then - trials.least < 0.8 * TOO_FEW[-1][0] * (trials.constant - trials.least):
            return
    before = trials.evaluated(Change(steps=steps))
    least = [less for far, less in TOO_FEW if before and min(before) >= far]
    if not least:
        return
    whole = 2 * plan.batch_size > context.rows > TIMES * USUAL_BATCH
    if whole:
        more = Plan(plan.epochs, USUAL_BATCH)
        longer = min(more.steps(context.rows), LONG)
        change = Change(steps=longer, batch=USUAL_BATCH)
    elif TIMES * steps <= len(one.losses):
        longer, change = len(one.losses), AS_IS
    else:
        longer = TIMES * steps
        change = Change(steps=longer)
    if not whole:
        more = Plan(-(-plan.epochs * longer // steps), plan.batch_size)
    after = trials.evaluated(change)
    if not after or max(after) > max(least) * min(before):
        return
    yield case.rule.found(
        Level.MEASURED, context.program.heads[0].layer if context.program.heads else "",
        f"in {case.budget}{', each with nearly all of your rows,' if whole else ''} copies get to "
        f"{of_constant(min(before))}; with "
        f"{f'{USUAL_BATCH} rows a step as many epochs are' if whole else 'more epochs,'} "
        f"{longer:,} steps, and they get to {of_constant(max(after))}.",
        f"model.fit(x, y, epochs={more.epochs}, batch_size={more.batch_size})",
        cost={"steps": steps, "left": min(before), "left_after_more": max(after)},
        holds_for="trainings from the stored weights",
    )  # fmt: skip
