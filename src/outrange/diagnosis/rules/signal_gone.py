"""OR023: a network that returns the same output for every row, even after training."""

from collections.abc import Iterator, Sequence
from functools import partial
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import format_steps, short


EQUAL = 1e-3
"""Largest spread of the outputs over the rows that is regarded as 0, as a fraction of the spread of
the targets. A spread of the targets above 1 is replaced by 1."""

SMALL = 0.05
"""Spread of the inputs below which the inputs, rather than the network, are the likely cause of
outputs that are equal for all rows."""

DEEP = 3
"""Minimum number of sigmoids for which the fix proposes relus in the hidden layers."""


def _deep(keras: ModuleType, deviation: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 6)).astype("float32")
    y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")
    start = keras.initializers.RandomNormal(stddev=deviation, seed=1)
    layers = [keras.Input((6,))]
    layers += [keras.layers.Dense(16, "tanh", kernel_initializer=start) for _ in range(3)]
    model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid", kernel_initializer=start)])
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    return model, x, y


@register(
    "OR023", "the network returns almost the same output for every row",
    """At the stored weights, the outputs for all rows differ by at most a thousandth of the spread
    of the targets (and by at most 0.001), although the rows and their targets differ. The outputs
    of copies of the model are still this similar after up to 200 training steps. The finding is
    MEASURED in several training runs with the program's optimizer and batches. It is reported only
    if copies with newly drawn weights (glorot_uniform) learn, or if some layer has almost equal
    outputs for all rows. A last layer whose weights start at 0 is not a fault: its outputs differ
    after the first steps.""",
    Example(lambda k: _deep(k, 0.01), lambda k: _deep(k, 0.4), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report outputs that are equal for all rows, both before and after training."""
    if not case.predictions or not _ignores_inputs(case, case.predictions):
        return
    trials = case.trials
    if not trials.stuck or all(map(partial(_is_constant, case), case.program.output_tensors)):
        return
    runs = trials.all()
    if not runs or any(not np.isfinite(run.losses).all() for run in runs):
        return
    if not all(_ignores_inputs(case, run.outputs) for run in runs):
        return
    helped = trials.helps(Change(redrawn=True))
    layer, text = _where(case)
    if helped is None and not layer:
        return
    spread = max(float(np.ptp(p, axis=0).max()) for p in case.predictions)
    steps = len(runs[0].losses)
    message = (
        f"at the stored weights, the outputs for your {case.rows:,} rows differ by at most "
        f"{short(spread)}. The outputs of copies of the model still hardly differ after "
        f"{format_steps(steps)} of training{text}."
    )
    if helped is not None:
        message += (
            f" After {format_steps(steps)}, copies with newly drawn weights have a loss that is "
            f"{100 * (1 - helped[1]):.0f} % below the loss of the best constant prediction."
        )
    fix = (
        'see the other findings, or kernel_initializer="glorot_uniform", '
        "bias_initializer=keras.initializers.Constant(0.0) in every layer   # or skip connections"
    )
    bounded = [s for s in case.program.steps if s.inside and s.kind in ("Sigmoid", "HardSigmoid")]
    if float(np.ptp(case.flat[case.finite_rows], axis=0).max(initial=0.0)) < SMALL:
        fix = "keras.layers.Normalization() first, adapted to x"
    elif len(bounded) >= DEEP:
        fix = 'activation="relu", kernel_initializer="he_normal" in every hidden layer'
    yield rule.finding(
        Level.MEASURED, layer, message, fix, cost={"spread": spread},
        holds_for=f"training from the stored weights, {trials.batch:,} rows per step",
    )  # fmt: skip


def _is_constant(case: DiagnosisContext, tensor: int) -> bool:
    """Return whether an output is provably the same for all weights and rows.

    In that case the initial weights are not the cause.
    """
    ends = case.free_ends(tensor)
    return ends is not None and bool((ends[0] == ends[1]).all())


def _ignores_inputs(case: DiagnosisContext, outputs: Sequence[np.ndarray]) -> bool:
    """Return whether the outputs are equal for all rows although inputs and targets differ.

    Outputs are regarded as equal up to `EQUAL`.
    """
    arrays = [np.asarray(p, np.float64) for p in outputs]
    varies = False
    for loss in case.program.losses:
        y, p = case.targets(loss), arrays[loss.output]
        if y is None or not len(p) or not np.isfinite(p).all():
            return False
        y = y[: len(p)].reshape(len(p), -1)
        p = p.reshape(len(p), -1)
        if np.ptp(p, axis=0).max() > EQUAL * min(1.0, float(np.ptp(y, axis=0).max())):
            return False
        varies |= bool(np.ptp(y, axis=0).max() > 0)
    return varies and bool(np.ptp(case.flat[case.finite_rows], axis=0).max(initial=0.0) > 0)


def _where(case: DiagnosisContext) -> tuple[str, str]:
    """Return the path of the first layer with equal outputs for all rows, and a phrase about it.

    Outputs are regarded as equal if their spread is at most 1e-4 of their size. Layers whose
    outputs are all 0 are skipped. Returns two empty strings if there is no such layer.
    """
    for layer in case.program.layers:
        rows = case.rows_of(layer.after)
        if rows is None or len(rows.lo) < 2 or not np.isfinite(rows.lo).all():
            continue
        apart = float(np.ptp(0.5 * (rows.lo + rows.hi), axis=0).max(initial=0.0))
        size = float(np.abs(rows.hi).max(initial=0.0))
        if layer.kind != "InputLayer" and size > 0 and apart <= 1e-4 * max(size, 1e-30):
            return layer.path, (
                f"; the outputs of layer {layer.path!r} differ across all rows by at most "
                f"{short(apart)}, although their absolute values reach {short(size)}"
            )
    return "", ""
