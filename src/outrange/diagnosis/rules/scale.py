"""OR014, OR015: inputs and targets of awkward scale."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import of_constant, short, span


LARGE = 100.0
"""Entries beyond which inputs count as not scaled."""

APART = 1000.0
"""Ratio of the spreads of two features from which on they count as not scaled to each other."""

FAR, SMALL = 20.0, 0.01
"""Mean over spread from which on all rows look alike; spread below which inputs say nothing."""

ALIKE = 0.1
"""Share of the widest column's spread from which on targets may be scaled all alike."""

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


def _helped(case: DiagnosisContext, helped: tuple[float, float] | None, what: str) -> str:
    """What scaling did to copies."""
    if helped is None:
        return ""
    return f" {case.trials.said(helped, f'with scaled {what}')}"


@register(
    "OR014", "inputs are not scaled",
    """Initializers and learning rates assume inputs of about size 1. Large ones saturate sigmoids,
    kill relus and make the loss steep in some directions and flat in others. SUSPECTED at first:
    many networks learn all the same. MEASURED where copies do not get below the best constant in
    200 steps, and do so clearly with the same inputs scaled, or err much less at rows they have not
    seen. Nothing is said if the model scales
    its inputs itself.""",
    Example(lambda k: _houses(k, False), lambda k: _houses(k, True), level=Level.SUSPECTED),
)  # fmt: skip
def check_inputs(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Size and spread of the raw features, where they reach weights unscaled."""
    first = next((x for x in case.program.layers if x.kind not in ("InputLayer", "Flatten")), None)
    if first is None or first.kind in SCALERS:
        return
    x = case.flat[case.sound_rows]
    if not x.size:
        return
    size, spread = float(np.abs(x).max()), x.std(axis=0)
    offset = np.abs(x.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    # Of many features, pixels say, some are nearly constant anyway.
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
    what = f"inputs go up to {short(size)}{largest}" if size > LARGE else (
        f"the spreads of the features differ by a factor of {short(apart)}{between}"
        if apart > APART
        else f"no feature spreads by more than {short(float(spread.max()))}"
        if small
        else f"a feature's mean is {short(far)} times its spread, so all rows look alike"
    )  # fmt: skip
    change = Change(scaled_x=True)
    helped = case.trials.improves(change)
    unseen = case.trials.gain_unseen(change) if helped is None and case.trials.complete else None
    if unseen is not None:
        what += (
            f"; copies that never see a quarter of your rows get to {of_constant(unseen[0])} "
            f"there, with scaled inputs to {of_constant(unseen[1])}"
        )
    yield rule.found(
        Level.SUSPECTED if helped is None and unseen is None else Level.MEASURED, first.path,
        f"{what}; weights start for inputs of about size 1.{_helped(case, helped, 'inputs')}",
        "keras.layers.Normalization() first, adapted to x   or   x = (x - x.mean(0)) / x.std(0)",
        interval=(float(x.min()), float(x.max())),
    )  # fmt: skip


@register(
    "OR015", "targets are not scaled",
    """A linear last layer starts near 0 and moves by about the learning rate a step: targets in the
    thousands take it a very long time, and make squared errors and gradients huge. SUSPECTED at
    first; MEASURED where copies do not get below the best constant in 200 steps, and do so clearly
    with the same targets scaled.""",
    Example(lambda k: _houses(k, False), lambda k: _houses(k, True), level=Level.SUSPECTED),
)  # fmt: skip
def check_targets(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Size of the targets of a regression."""
    for loss in case.program.losses:
        y, head = case.targets(loss), case.head(loss)
        if y is None or head is None or not loss.known or loss.name.endswith("crossentropy"):
            continue
        fix = scaling(y)
        y = y[np.isfinite(y)]
        if y.size and float(np.abs(y).max()) > 1000.0:
            helped = case.trials.improves(Change(scaled_y=True))
            yield rule.found(
                Level.SUSPECTED if helped is None else Level.MEASURED, head.layer,
                f"targets are in {span(float(y.min()), float(y.max()))}; the output starts near 0."
                + _helped(case, helped, "targets"),
                fix, interval=(float(y.min()), float(y.max())),
            )  # fmt: skip


def scaling(y: np.ndarray) -> str:
    """How to scale targets: each column by itself where one would drown in another's spread."""
    rows = y.reshape(len(y), -1)
    rows = rows[np.isfinite(rows).all(axis=1)]
    spreads = rows.std(axis=0) if len(rows) else np.zeros(0)
    by = "axis=0" if len(spreads) > 1 and spreads.min() < ALIKE * spreads.max() else ""
    return f"y = (y - y.mean({by})) / y.std({by})   # and undo it after predict()"
