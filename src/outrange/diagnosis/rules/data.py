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
from ..wording import format_steps, names, share, short
from .low_ends import computed_ends


ENOUGH = 100
"""Minimum number of rows for the test of whether the targets are independent of the inputs."""

OF_A_CLASS = 10
"""Minimum average number of labels per class for a missing class to be reported."""


def three_classes(keras: ModuleType) -> ModelAndData:
    """Return a small classifier of three classes, input rows, and the class number of each row."""
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
    "OR025", "nothing can be learned from the targets",
    """This rule reports targets from which nothing can be learned. All targets may be equal, or a
    class of the output may have no rows, so the network only learns never to predict this class.
    These two findings are PROVED, because they follow from the targets alone. If only class 0 has
    no rows, the finding is a note, because the labels may count from 1. It is also possible that
    the inputs do not predict the targets, for example because only one of x and y was shuffled, or
    because the targets change with the inputs too quickly for the number of rows. This finding is
    MEASURED by two tests, which must agree. In the first test, kernel ridge regression predicts the
    targets of held-out rows no better than it predicts randomly permuted targets, in 19
    permutations. In the second test, copies of the network are trained on three quarters of the
    rows. In every training run, the correlation of their outputs with the targets of the other rows
    is at most twice the standard deviation of a correlation that arises by chance.""",
    Example(lambda k: _three(k, "equal"), lambda k: _three(k, "")),
    Example(lambda k: _three(k, "missing"), lambda k: _three(k, "")),
    Example(lambda k: _three(k, "shuffled"), lambda k: _three(k, ""), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report targets that are all equal, missing classes, and targets that cannot be predicted."""
    for loss in case.program.losses:
        y = case.targets(loss)
        if y is None or case.rows < 2 or not np.isfinite(y).all():
            continue
        if (y == y[:1]).all():
            yield rule.finding(
                Level.PROVED, _layer(case, loss),
                f"the targets of all {case.rows:,} rows{_training_phrase(case)} are the same"
                + (f", {short(float(y.flat[0]))}" if y[0].size == 1 else "")
                + ("." if _out_of_reach(case, loss, y) else ", so a constant output fits them."),
                "check how y is made: y[:5], np.unique(y)",
                title="all targets are equal", holds_for="the data you gave",
            )  # fmt: skip
            return
        yield from _missing(rule, case, loss, y)
    for loss in case.program.losses:
        yield from _independent(rule, case, loss)


def _training_phrase(case: DiagnosisContext) -> str:
    return "" if case.held_out is None else " used for training"


def _out_of_reach(case: DiagnosisContext, loss: Loss, y: np.ndarray) -> bool:
    """Return whether the output provably cannot become equal to the targets."""
    ends = computed_ends(case, case.program.output_tensors[loss.output])
    if ends is None or ends[0].size != y[0].size:
        return False
    return bool(((y[0].reshape(-1) < ends[0]) | (y[0].reshape(-1) > ends[1])).any())


def _layer(case: DiagnosisContext, loss: Loss) -> str:
    head = case.head(loss)
    return head.layer if head is not None else ""


def _of_output(case: DiagnosisContext, loss: Loss) -> str:
    """Return a phrase with the name of a loss's output; empty if there is only one output."""
    outputs = case.program.outputs
    return f" of output `{outputs[loss.output][0]}`" if len(outputs) > 1 else ""


def _missing(rule: Rule, case: DiagnosisContext, loss: Loss, y: np.ndarray) -> Iterator[Finding]:
    """Report classes of a multi-class output that occur in no row.

    The loss must be a categorical cross-entropy, with class numbers or one-hot rows as targets.
    Nothing is reported if there are fewer than `OF_A_CLASS` labels per class on average.
    """
    head = case.head(loss)
    if head is None or not loss.known or head.width < 2:
        return
    if loss.name == "sparse_categorical_crossentropy":
        places = int(np.prod(case.program.outputs[loss.output][1][:-1]))
        if (y != np.floor(y)).any() or y.min() < 0 or y.max() >= head.width:
            return
        if y.size != case.rows * places:
            return  # labels of another form, which OR010 reports
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
    trained = _training_phrase(case)
    note = gone == [0] or (tail and len(gone) > head.width // 2)
    yield rule.finding(
        Level.PROVED, head.layer,
        f"no row{trained} belongs to {'class' if len(gone) == 1 else 'one of the classes'} "
        f"{names(map(str, gone))}: {share(len(gone), head.width)} classes of the output never "
        f"{'occurs' if len(gone) == 1 else 'occur'} in "
        f"{'the rows' if trained else 'your targets'}{trained} and cannot be learned.",
        "add rows of every class to the training data"
        if gone != [0] else f"y = y - 1 and Dense({head.width - 1})   # count classes from 0",
        title="a class never occurs", note=note, cost={"classes": gone},
        holds_for="the data you gave",
    )  # fmt: skip


def _independent(rule: Rule, case: DiagnosisContext, loss: Loss) -> Iterator[Finding]:
    """Report targets that neither kernel ridge regression nor trained copies can predict.

    At least `ENOUGH` rows are needed.
    """
    trials = case.trials
    if case.rows < ENOUGH or trials.run() is None:
        return
    signal = trials.signal_of(loss)
    if signal is None or signal.explained > max((0.02, *signal.by_chance)) or not signal.by_chance:
        return
    if trials.tokens is not None:
        return  # the counts of the token numbers predict the targets
    unseen = trials.heldout_correlation(Change(held_out=True), loss)
    if unseen is None or unseen > 2.0:
        return
    steps = len(trials.all(Change(held_out=True))[0].losses)
    yield rule.finding(
        Level.MEASURED, _layer(case, loss),
        f"the inputs do not predict the targets{_of_output(case, loss)} of held-out rows. Kernel "
        f"ridge regression on {signal.rows:,} rows predicts these targets no better than it "
        f"predicts randomly permuted targets. After {format_steps(steps)} of training on three "
        "quarters of the rows, the outputs of copies of this network match the targets of the "
        "other rows no better than chance.",
        "check that x and y are in the same order: shuffle both with the same permutation"
        "   # if the order is right, y may not depend on x, or it may change with x too "
        "quickly for this number of rows",
        title="nothing predicts the targets",
        cost={"explained": signal.explained, "unseen": unseen},
        holds_for=f"your {min(case.rows, ROWS):,} first rows",
    )  # fmt: skip
