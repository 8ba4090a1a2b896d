"""OR014, OR015: inputs and targets that are not scaled."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..trials import GAIN
from ..wording import of_constant, short, span


LARGE = 100.0
"""Largest absolute entry of inputs that are regarded as scaled."""

APART = 1000.0
"""Largest ratio between the standard deviations of two features that are regarded as scaled."""

FAR, SMALL = 20.0, 0.01
"""Limits for inputs that are regarded as scaled: the largest ratio of a feature's mean to its
standard deviation, and the smallest permitted value of the largest standard deviation.

Above the first limit all rows look alike. Below the second one the features have hardly any effect.
"""

ALIKE = 0.1
"""Ratio of the smallest to the largest standard deviation of the target columns below which each
column is scaled separately."""

SCALERS = ("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "Embedding",
           "UnitNormalization", "GroupNormalization")  # fmt: skip


def _houses(keras: ModuleType, scaled: bool) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.uniform([500, 1, 1900], [5000, 6, 2020], (64, 3))
    y = (100 * x[:, :1] + 1e4 * x[:, 1:2]) if not scaled else x[:, :1] / 5000
    if scaled:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(16, "tanh"),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model, x.astype("float32"), y.astype("float32")


def _scaling_phrase(case: DiagnosisContext, helped: tuple[float, float] | None, what: str) -> str:
    """Describe in a sentence the effect of scaling on trained copies, or return `""`."""
    if helped is None:
        return ""
    return f" {case.trials.describe_gain(helped, f'with scaled {what}')}"


def _gain_from_nothing(case: DiagnosisContext, change: Change) -> tuple[float, float] | None:
    """Return `Trials.gain` of a change if copies without it do no better than the best constant."""
    gained = case.trials.gain(change)
    return None if gained is None or gained[0] < 1.0 - GAIN else gained


@register(
    "OR014", "inputs are not scaled",
    """Initializers and learning rates assume inputs of size about 1. Large inputs saturate
    sigmoids, kill relus and make the loss steep in some directions and flat in others. The finding
    is SUSPECTED by default, since many networks learn anyway. It is MEASURED if copies of the
    model do not get below the loss of the best constant prediction in 200 steps, but get clearly
    below it with scaled inputs. It is also MEASURED if scaled inputs greatly reduce the loss of
    the copies on held-out rows. Nothing is reported if the model scales its inputs itself. Token
    numbers, whose order means nothing, need an Embedding instead. They are MEASURED if kernel
    ridge regression predicts the targets far better from the counts of each number than from the
    numbers.""",
    Example(lambda k: _houses(k, False), lambda k: _houses(k, True), level=Level.SUSPECTED),
)  # fmt: skip
def check_inputs(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report inputs outside the limits `LARGE`, `APART`, `FAR` or `SMALL` as not scaled.

    Nothing is reported if the first layer is in `SCALERS`.
    """
    first = next((x for x in case.program.layers if x.kind not in ("InputLayer", "Flatten")), None)
    if first is None or first.kind in SCALERS:
        return
    x = case.flat[case.finite_rows]
    if not x.size:
        return
    size, spread = float(np.abs(x).max()), x.std(axis=0)
    offset = np.abs(x.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    # Among many features, such as pixels, some are nearly constant anyway.
    far = float(offset.max() if len(offset) <= 64 else np.median(offset))
    named = case.names if len(case.names) == x.shape[1] else ()
    moving = np.flatnonzero(spread > 0)
    largest = f" (`{named[int(np.abs(x).max(axis=0).argmax())]}`)" if named else ""
    ends = [moving[int(pick(spread[moving]))] for pick in (np.argmax, np.argmin) if moving.size]
    between = f", from `{named[ends[1]]}` to `{named[ends[0]]}`" if named and ends else ""
    spread = spread[moving]
    apart = float(spread.max() / spread.min()) if spread.size else 1.0
    small = bool(spread.size) and spread.max() < SMALL
    if size <= LARGE and apart <= APART and far <= FAR and not small:
        return
    what = f"inputs are as large as {short(size)}{largest}" if size > LARGE else (
        f"the standard deviations of the features differ by a factor of {short(apart)}{between}"
        if apart > APART
        else f"no feature has a standard deviation above {short(float(spread.max()))}"
        if small
        else (
            f"the mean of a feature is {short(far)} times its standard deviation, so its values "
            "are almost equal"
        )
    )  # fmt: skip
    tokens = case.trials.tokens if size > LARGE else None
    if tokens is not None:
        yield rule.finding(
            Level.MEASURED, first.path,
            f"{what}, and they are names of tokens or categories, which the model reads as "
            f"quantities. The counts of each number in a row predict {_share(tokens[0])} of the "
            f"variance of the targets of held-out rows; the numbers themselves predict "
            f"{_share(tokens[1])}.",
            input_advice(case), title="numbers that are names are read as quantities",
            interval=(float(x.min()), float(x.max())),
            holds_for="kernel ridge regression on your rows",
        )  # fmt: skip
        return
    change = Change(scaled_x=True)
    helped = case.trials.improves(change) or _gain_from_nothing(case, change)
    heldout = case.trials.heldout_gain(change) if helped is None and case.trials.complete else None
    if heldout is not None:
        what += (
            f"; on a held-out quarter of your rows, trained copies of the model reach "
            f"{of_constant(heldout[0])}; with scaled inputs they reach {of_constant(heldout[1])}"
        )
    yield rule.finding(
        Level.SUSPECTED if helped is None and heldout is None else Level.MEASURED, first.path,
        f"{what}; initial weights assume inputs of size about "
        f"1.{_scaling_phrase(case, helped, 'inputs')}",
        input_advice(case), interval=(float(x.min()), float(x.max())),
    )  # fmt: skip


def _share(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def input_advice(case: DiagnosisContext) -> str:
    """Propose a first layer for inputs that are not scaled, or for token numbers."""
    if case.trials.tokens is not None:
        highest = case.flat.max(axis=0)
        if np.median(highest) < 0.5 * highest.max():  # the columns number different things
            return (
                "keras.utils.to_categorical(column) for each column whose numbers are names"
                "   # or an Embedding of each"
            )
        size = int(highest.max()) + 1
        return (
            f"keras.layers.Embedding({size}, 16) and keras.layers.GlobalAveragePooling1D() first"
            "   # or an LSTM in place of the average"
        )
    return "keras.layers.Normalization() first, adapted to x   or   x = (x - x.mean(0)) / x.std(0)"


@register(
    "OR015", "targets are not scaled",
    """The outputs of a linear last layer start near 0, and its weights move by about the learning
    rate per step. So training takes a very long time to reach targets in the thousands. Such
    targets also make squared errors and gradients huge. The finding is SUSPECTED by default. It is
    MEASURED if copies of the model do not get below the loss of the best constant prediction in 200
    steps, but get clearly below it with scaled targets.""",
    Example(lambda k: _houses(k, False), lambda k: _houses(k, True), level=Level.SUSPECTED),
)  # fmt: skip
def check_targets(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report targets above 1000 in magnitude, because the outputs start near 0.

    Targets of cross-entropies are not checked.
    """
    for loss in case.program.losses:
        y, head = case.targets(loss), case.head(loss)
        if y is None or head is None or not loss.known or loss.name.endswith("crossentropy"):
            continue
        fix = scaling(y)
        y = y[np.isfinite(y)]
        if y.size and float(np.abs(y).max()) > 1000.0:
            helped = case.trials.improves(Change(scaled_y=True))
            yield rule.finding(
                Level.SUSPECTED if helped is None else Level.MEASURED, head.layer,
                f"targets are in {span(float(y.min()), float(y.max()))}, but the output starts "
                "near 0."
                + _scaling_phrase(case, helped, "targets"),
                fix, interval=(float(y.min()), float(y.max())),
            )  # fmt: skip


def scaling(y: np.ndarray) -> str:
    """Propose code that scales the targets: column by column, or all of them jointly.

    The columns are scaled separately if the smallest of their standard deviations is below `ALIKE`
    times the largest.
    """
    rows = y.reshape(len(y), -1)
    rows = rows[np.isfinite(rows).all(axis=1)]
    spreads = rows.std(axis=0) if len(rows) else np.zeros(0)
    by = "axis=0" if len(spreads) > 1 and spreads.min() < ALIKE * spreads.max() else ""
    return f"y = (y - y.mean({by})) / y.std({by})   # and undo the scaling after predict()"
