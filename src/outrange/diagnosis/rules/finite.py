"""OR016: NaN or infinity in the data, the outputs or the loss."""

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Measured, Weight
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import share, short


AT_ONCE = 256
"""Maximum number of candidate rows that are tested together."""


def _log(keras: ModuleType, epsilon: float) -> ModelAndData:
    x = np.array([[0.0], [0.5], [1.0], [2.0]], "float32")
    inputs = keras.Input((1,))
    z = keras.layers.Lambda(lambda t: keras.ops.log(t + epsilon), name="log")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(z))
    model.compile("sgd", "mse")
    return model, x, x**2


def _missing(keras: ModuleType, value: float) -> ModelAndData:
    x = np.linspace(-1, 1, 20)[:, None].astype("float32")
    y = (2 * x + 1).astype("float32")
    y[3] = value
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model, x, y


@register(
    "OR016", "NaN or infinity",
    """One NaN in the data, or one logarithm of 0, can make every weight NaN in the first step. The
    finding is PROVED by a witness. The witness is a row with NaN or infinity for which the loss or
    the gradient is not finite, a row for which the model itself returns NaN or infinity, or the
    loss at the stored weights if that loss is not finite. A program that removes or replaces NaN
    and infinity itself is not reported. If the model could not be run, NaN or infinity in the data
    is SUSPECTED. A logarithm, a root or a division is also SUSPECTED if its input range extends
    beyond its domain, although no input outside the domain was observed. The finding is MEASURED if
    the backend raises an exception when it computes the loss.""",
    Example(lambda k: _log(k, 0.0), lambda k: _log(k, 1e-3)),
    Example(lambda k: _missing(k, np.nan), lambda k: _missing(k, 0.0)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report values that are not finite in the data, in the outputs or in the loss.

    Findings about the data explain the others, so the outputs are not checked after them. For the
    same reason, the loss is not checked after findings about the outputs.
    """
    in_data = [*_data(rule, case, case.x, "x"), *_data(rule, case, case.y or [], "y")]
    if in_data:
        yield from in_data
        return
    outputs = list(_outputs(rule, case))
    yield from outputs
    if not outputs:
        yield from _loss(rule, case)
        yield from _reachable(rule, case)


def _data(
    rule: Rule, case: DiagnosisContext, arrays: Sequence[np.ndarray], name: str
) -> Iterator[Finding]:
    for array in arrays:
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        bad = ~np.isfinite(array)
        row, witnessed = _witness(case, np.unique(np.nonzero(bad)[0]))
        if row is None:
            continue
        place = (row, *(int(i) for i in np.argwhere(bad[row])[0]))
        then = {
            "": "with such a row the loss is not finite",
            "gradient": "the gradient of such a row is not finite",
            "weights": "one training step on such a row makes at least one weight NaN",
        }[_harm(case, case.measure_rows(np.array([row])))]
        yield rule.finding(
            Level.PROVED if witnessed else Level.SUSPECTED, "",
            f"{share(int(bad.sum()), array.size)} entries of {name} are not finite, for example "
            f"{name}{list(place)} = {array[place]}: {then}.",
            f"keep = np.isfinite({name}).reshape(len({name}), -1).all(axis=1)   # use only these "
            "rows of x and y",
            cost={"entries": int(bad.sum())}, holds_for="the data you gave",
        )  # fmt: skip


CARRYING = ("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam")
"""Keras optimizers with which a NaN in the gradient makes the weight NaN."""

HOLDING = (
    "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "gradient_accumulation_steps",
    "loss_scale_factor",
)  # fmt: skip
"""Optimizer settings that change how a step uses the gradient, or that skip steps."""


def _harm(case: DiagnosisContext, measured: Measured | None) -> str:
    """Return what becomes non-finite in one training step.

    Returns:
        `"weights"` if a weight provably becomes NaN, `"gradient"` if only a gradient is known to be
        non-finite, and `""` if every gradient is finite or unknown.
    """
    if measured is None or not measured.has_nonfinite_gradient:
        return ""
    steps, program = case.program.stepping, case.program
    carried = (
        steps is not None
        and not steps.refusal
        and steps.kind in CARRYING
        and not any(steps.options.get(name) for name in HOLDING)
        # Random layers may drop the entry that is NaN.
        and not (program.changed_in_training or program.chance_in_training)
    )
    nan = any(np.isnan(g).any() for g in measured.gradients.values() if g is not None)
    return "weights" if nan and carried else "gradient"


def _witness(case: DiagnosisContext, rows: np.ndarray) -> tuple[int | None, bool]:
    """Find a row whose loss or gradient is not finite.

    Args:
        rows: Indices of the candidate rows.

    Returns:
        The index of the row, and whether running the model confirmed that its loss or gradient is
        not finite. `(None, True)` if no candidate is such a row. `(rows[0], False)` if the model
        cannot be run; it is then unknown whether that row does harm.
    """
    for start in range(0, len(rows), AT_ONCE):
        left = rows[start : start + AT_ONCE]
        harm = case.is_nonfinite_at(left)
        while harm and len(left) > 1:
            half = left[: len(left) // 2]
            left = half if case.is_nonfinite_at(half) else left[len(half) :]
        if harm is not False:
            return int(left[0]), case.is_nonfinite_at(left[:1]) is True
    return None, True


def _outputs(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    for (name, _), output in zip(case.program.outputs, case.predictions, strict=False):
        bad = ~np.isfinite(output.reshape(len(output), -1)).all(axis=1)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            yield rule.finding(
                Level.PROVED, name,
                f"the model returns NaN or infinity for {share(int(bad.sum()), len(output))} rows; "
                f"the first of these is row {row}.",
                _instead(case), cost={"rows": int(bad.sum())},
                holds_for="the stored weights and that row",
            )  # fmt: skip


EDGES = ("Log", "Log1p", "Log10", "Log2", "Sqrt", "Rsqrt", "Divide", "TrueDivide", "Reciprocal")
SCALED = 10.0
"""Largest absolute input that is not regarded as the cause of an overflow."""

GROWING = ("Exp", "Expm1", "Exponential", "Power", "Square", "Sinh", "Cosh")


def _instead(case: DiagnosisContext) -> str:
    """Propose a fix for outputs that are not finite, depending on the model's operations."""
    if not all(np.isfinite(weight.read().astype(np.float64)).all() for weight in _floats(case)):
        return "initialize the weights again: the stored weights contain NaN or infinity"
    kinds = {step.kind for step in case.program.steps if step.inside}
    if kinds.intersection(EDGES) or not kinds.intersection(GROWING):
        return "keep logarithms, roots and divisions away from 0: ops.log(x + 1e-6)"
    small = "keep the inputs of exponentials and powers small: ops.exp(ops.clip(x, -30, 30))"
    x = case.flat[case.finite_rows]
    if len(x) and np.abs(x).max(initial=0.0) <= SCALED:
        return f"see the other findings, or {small}"
    return f"{small}   or   x = (x - x.mean(0)) / x.std(0)"


def _floats(case: DiagnosisContext) -> list[Weight]:
    return [w for w in case.program.weights if w.read().dtype.kind == "f"]


def _loss(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    measured = case.measurement
    if measured is None:
        return
    if measured.error:
        yield rule.finding(
            Level.MEASURED, "",
            f"the loss cannot be computed, because the backend raises {measured.error}",
            "pass targets of the shape and kind that the loss "
            "expects", title="the loss raises an error",
            holds_for="the data you gave",
        )  # fmt: skip
    elif not np.isfinite(measured.loss) or (measured.has_nonfinite_gradient and not _skips(case)):
        then = {
            "": "", "gradient": ", and its gradient is not finite",
            "weights": (
                ", and its gradient is NaN: one training step on these rows makes at least "
                "one weight NaN"
            ),
        }[_harm(case, measured)]  # fmt: skip
        yield rule.finding(
            Level.PROVED, "",
            f"at the stored weights the loss on your data is {short(measured.loss)}{then}.",
            _away_from_edges(case)
            if np.isfinite(measured.loss)
            else f"see the other findings, or {_inside_domain(case)}",
            holds_for="the stored weights and your first rows",
        )  # fmt: skip


def _skips(case: DiagnosisContext) -> bool:
    """Return whether the optimizer skips steps whose gradient is not finite."""
    optimizer = case.program.stepping
    return optimizer is not None and optimizer.kind == "LossScaleOptimizer"


def _away_from_edges(case: DiagnosisContext) -> str:
    """Propose a fix for a finite loss whose gradient is not finite."""
    if any(step.kind in ("Sqrt", "Norm") for step in case.program.steps):
        return "use ops.sqrt(x + 1e-12) instead of ops.sqrt(x), whose slope at 0 is infinite"
    return "keep roots, logarithms and divisions away from 0: add a clip or an epsilon before them"


def _inside_domain(case: DiagnosisContext) -> str:
    """Propose a fix for a loss that is not finite although all outputs are."""
    if not all(loss.native for loss in case.program.losses):
        return (
            "keep logarithms, roots and divisions of the loss away from 0: "
            "ops.log(ops.maximum(z, 1e-7))   # or use a loss of Keras"
        )
    return "check that targets and outputs lie in the domain of the loss"


def _reachable(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    ranges, part = case.over_box, case.program.whole
    if ranges is None or part is None:
        return
    for value in ranges.leaves[:3]:
        node = part.graph.nodes[value - 1]
        if part.graph.size > part.data and not np.isfinite(ranges.ends[node.inputs[0]]).all():
            continue  # its input is unbounded
        yield rule.finding(
            Level.SUSPECTED, node.source,
            f"`{node.op.name}` may receive an input for which it is undefined: over the range of "
            "your data, the bounds of its input extend beyond its domain.",
            "add a clip or an epsilon before this operation",
        )  # fmt: skip
