"""OR025: targets from which nothing can be learned."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Loss
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..trials import ROWS
from ..wording import names, share, short, steps_said
from .low_ends import computed_ends


ENOUGH = 100
"""Rows below which independence is no question that can be answered."""

OF_A_CLASS = 10
"""Rows a class that must be there for a class without any to be worth a word."""


def three_classes(keras: ModuleType) -> ModelAndData:
    """A small classifier, rows of three classes, and the number of each row's class."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model, x, x[:, :3].argmax(axis=1)


def _three(keras: ModuleType, fault: str) -> ModelAndData:
    model, x, y = three_classes(keras)
    if fault == "shuffled":
        y = np.random.default_rng(1).permutation(y)
    if fault == "equal":
        y = np.ones_like(y)
    if fault == "missing":
        y = np.minimum(y, 1)
    return model, x, y[:, None]


@register(
    "OR025", "the targets leave nothing to learn",
    """All targets are equal; or a class of the output has no row at all, so that it is only ever
    unlearned: PROVED, facts of the data given. Or nothing predicts the targets, as when rows were
    shuffled on one side only (a wave finer than the rows looks the same): MEASURED by a permutation
    test. A ridge on two kernels predicts held-out rows no better than with targets exchanged at
    random 19 times, and the outputs of copies of the network, trained on three quarters of the
    rows, are not correlated with the targets of the rest beyond two deviations, in any training. A
    first class without rows, as labels from 1 on have it, is a note.""",
    Example(lambda k: _three(k, "equal"), lambda k: _three(k, "")),
    Example(lambda k: _three(k, "missing"), lambda k: _three(k, "")),
    Example(lambda k: _three(k, "shuffled"), lambda k: _three(k, ""), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Count the targets, then ask whether anything predicts them."""
    for loss in case.program.losses:
        y = case.targets(loss)
        if y is None or case.rows < 2 or not np.isfinite(y).all():
            continue
        if (y == y[:1]).all():
            yield rule.found(
                Level.PROVED, _layer(case, loss),
                f"the targets of all {case.rows:,} rows{_trained(case)} are the same"
                + (f", {short(float(y.flat[0]))}" if y[0].size == 1 else "")
                + ("." if _out_of_reach(case, loss, y) else ": a constant output fits them."),
                "look at how y is made: y[:5], np.unique(y)",
                title="all targets are equal", holds_for="the data you gave",
            )  # fmt: skip
            return
        yield from _missing(rule, case, loss, y)
    for loss in case.program.losses:
        yield from _independent(rule, case, loss)


def _trained(case: DiagnosisContext) -> str:
    return "" if case.held_out is None else " that are trained"


def _out_of_reach(case: DiagnosisContext, loss: Loss, y: np.ndarray) -> bool:
    """Whether the output can be known not to become what the targets are."""
    ends = computed_ends(case, case.program.output_tensors[loss.output])
    if ends is None or ends[0].size != y[0].size:
        return False
    return bool(((y[0].reshape(-1) < ends[0]) | (y[0].reshape(-1) > ends[1])).any())


def _layer(case: DiagnosisContext, loss: Loss) -> str:
    head = case.head(loss)
    return head.layer if head is not None else ""


def _of_output(case: DiagnosisContext, loss: Loss) -> str:
    """Which targets, where there are several."""
    outputs = case.program.outputs
    return f" of output `{outputs[loss.output][0]}`" if len(outputs) > 1 else ""


def _missing(rule: Rule, case: DiagnosisContext, loss: Loss, y: np.ndarray) -> Iterator[Finding]:
    """Classes of a softmax without a row."""
    head = case.head(loss)
    if head is None or not loss.known or head.width < 2:
        return
    if loss.name == "sparse_categorical_crossentropy":
        places = int(np.prod(case.program.outputs[loss.output][1][:-1]))
        if (y != np.floor(y)).any() or y.min() < 0 or y.max() >= head.width:
            return
        if y.size != case.rows * places:
            return  # labels of another form, which OR010 tells
        counts = np.bincount(y.reshape(-1).astype(int), minlength=head.width)
    elif (
        loss.name == "categorical_crossentropy"
        and y.shape[-1] == head.width
        and np.isin(y, (0.0, 1.0)).all()
    ):
        counts = y.reshape(-1, head.width).sum(axis=0)
    else:
        return
    gone = np.flatnonzero(counts == 0).tolist()
    if not gone or counts.sum() < OF_A_CLASS * head.width:
        return
    tail = gone == list(range(gone[0], head.width))
    trained = _trained(case)
    note = gone == [0] or (tail and len(gone) > head.width // 2)
    yield rule.found(
        Level.PROVED, head.layer,
        f"no row{' that is trained' if trained else ''} is of class {names(map(str, gone))}: "
        f"{share(len(gone), head.width)} classes of the output never occur in "
        f"{'rows' if trained else 'your targets'}{trained}, and are not learned.",
        "rows of every class in the training data"
        if gone != [0] else f"y = y - 1 and Dense({head.width - 1})   # count classes from 0",
        title="a class never occurs", note=note, cost={"classes": gone},
        holds_for="the data you gave",
    )  # fmt: skip


def _independent(rule: Rule, case: DiagnosisContext, loss: Loss) -> Iterator[Finding]:
    """A permutation test, and copies that are asked for rows they have not seen."""
    trials = case.trials
    if case.rows < ENOUGH or trials.run() is None:
        return
    seen = trials.signal_of(loss)
    if seen is None or seen.explained > max((0.02, *seen.by_chance)) or not seen.by_chance:
        return
    unseen = trials.unseen(Change(held_out=True), loss)
    if unseen is None or unseen > 2.0:
        return
    steps = len(trials.all(Change(held_out=True))[0].losses)
    yield rule.found(
        Level.MEASURED, _layer(case, loss),
        f"nothing predicts the targets{_of_output(case, loss)} of rows it has not seen: not a "
        f"simple model (a ridge on two kernels, {seen.rows:,} rows; targets exchanged at random do "
        f"as well), and not this network, whose outputs after {steps_said(steps)} on three "
        "quarters of the rows go with the targets of the others no more than by chance.",
        "look whether x and y are in the same order: shuffle both by one permutation"
        "   # if they are, the relation is too fine for these rows, or there is none",
        title="nothing predicts the targets",
        cost={"explained": seen.explained, "unseen": unseen},
        holds_for=f"your {min(case.rows, ROWS):,} first rows",
    )  # fmt: skip
