"""OR003: a layer that passes no gradient for any row of the data."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Layer
from ..activation import behaviour_at, behind_noise
from ..context import DiagnosisContext, UnitRanges
from ..paths import weights_behind
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short, span, units_of


def _relu(keras: ModuleType, weight: float, bias: float) -> ModelAndData:
    x = np.arange(1.0, 8.0)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "relu", name="line")])
    model.set_weights([np.array([[weight]], "float32"), np.array([bias], "float32")])
    model.compile("sgd", "mse")
    return model, x, 2 * x + 1


def _gate(keras: ModuleType, activation: str, loss: str) -> ModelAndData:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(1, activation, kernel_initializer="zeros", name="gate"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), loss)
    return model, x, x[:, :1] * x[:, 1:]


def _hidden(keras: ModuleType, bias: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (50, 3)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(8, "relu", name="hidden"),
            keras.layers.Dense(1),
        ]
    )
    kernel = rng.normal(size=(3, 8)).astype("float32")
    last = rng.normal(size=(8, 1)).astype("float32")
    model.set_weights([kernel, np.full(8, bias, "float32"), last, np.zeros(1, "float32")])
    model.compile("adam", "mse")
    return model, x, x.sum(axis=1, keepdims=True)


@register(
    "OR003", "a layer is dead: no gradient passes through it",
    """For every row of the data, every unit of a hidden layer (or one unit of the output layer) is
    on a flat piece of its activation. For example, the input of a relu is never above 0. No
    gradient passes through the layer. The gradient of the loss is exactly 0 for all weights that
    affect the output only through this layer. So training cannot revive the layer, unless other
    paths or penalties still change weights before it. The rule bounds the inputs of the activation
    for each row, including rounding errors. The finding is PROVED for the stored weights and the
    given rows. A frequent cause is a learning rate that was too high. Restart with another
    initializer (he_normal), a small positive bias, or leaky_relu.""",
    Example(lambda k: _relu(k, -1.5, 0.0), lambda k: _relu(k, 1.5, 0.0)),
    Example(
        lambda k: _gate(k, "relu", "mse"), lambda k: _gate(k, "sigmoid", "binary_crossentropy")
    ),
    Example(lambda k: _hidden(k, -20.0), lambda k: _hidden(k, 0.1)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report layers whose activations are flat for every row, based on bounds on their inputs.

    A hidden layer is reported if all its units are dead, an output layer if any of them is. A layer
    is not reported if measured gradients contradict this, or if noise makes training differ from
    inference. If no gradients are measured, the inputs of all dead units must be negative.
    """
    for layer, rows, units, still in dead_layers(case):
        yield _finding(rule, case, layer, rows, units, still)


def dead_layers(
    case: DiagnosisContext,
) -> Iterator[tuple[Layer, UnitRanges, np.ndarray, bool | None]]:
    """Yield each dead layer, the bounds of its inputs, and the mask of its dead units.

    The last entry is the result of `_gets_nothing`.
    """
    outputs = set(case.program.output_tensors)
    for layer in case.program.layers:
        rows = case.rows_of(layer.before)
        if rows is None or not rows.lo.size or behind_noise(case, layer):
            continue
        # Sums of zeros have the bounds [-5e-324, 5e-324]; 0 is the only float32 in between.
        hi = np.where(rows.hi < TINY, np.minimum(rows.hi, 0.0), rows.hi)
        behaviour = behaviour_at(case, layer, np.minimum(rows.lo, hi), hi)
        if behaviour is None:
            continue
        units = np.all(behaviour.dead, axis=0)
        if not (units.all() or (layer.after in outputs and units.any())):
            continue
        still = _gets_nothing(case, layer, units)
        # At the kink itself, the backend chooses the slope.
        if still is False or (still is None and not (rows.hi[:, units] < 0).all()):
            continue
        yield layer, rows, units, still


TINY = 2.0**-150
"""Half of the smallest positive float32."""


def _gets_nothing(case: DiagnosisContext, layer: Layer, units: np.ndarray) -> bool | None:
    """Return whether the measured gradients of the weights of the masked units are all 0.

    Returns None if no gradient of the layer's weights is measured.

    Args:
        units: Mask of the units.
    """
    measured = case.measurement
    if measured is None or measured.error:
        return None
    gradients = [
        np.asarray(measured.gradients[i]) for i, weight in enumerate(case.program.weights)
        if weight.layer == layer.path.split("/")[-1] and measured.gradients.get(i) is not None
    ]  # fmt: skip
    parts = [g[..., units] if g.shape and g.shape[-1] == units.size else g for g in gradients]
    return not any(np.any(np.nan_to_num(g) != 0) for g in parts) if parts else None


def _nothing_before(case: DiagnosisContext, layer: Layer) -> bool:
    """Return whether no weight that a layer's output depends on has a nonzero measured gradient.

    The gradients include those of penalties. Returns False if they are unknown.
    """
    behind, measured = weights_behind(case.program, layer.after), case.measurement
    if behind is None or measured is None or measured.error:
        return False
    gradients = [measured.gradients.get(i) for i in behind]
    return not any(g is not None and np.any(np.nan_to_num(g) != 0) for g in gradients)


def _finding(
    rule: Rule,
    case: DiagnosisContext,
    layer: Layer,
    rows: UnitRanges,
    units: np.ndarray,
    still: bool | None,
) -> Finding:
    lo, hi = float(rows.lo[:, units].min()), float(rows.hi[:, units].max())
    count, total = int(units.sum()), units.size
    who = "its only unit" if total == 1 else units_of(count, total, _width(layer))
    message = (
        f"on {case.these_rows}, {who} receive{'s' if total == 1 else ''} inputs in {span(lo, hi)}, "
        "where the activation is flat, so no gradient passes"
    )
    # A weight may have a penalty or belong to a layer with other calls, so gradients are measured
    # for all rows.
    if count == total and still and case.complete_measurement is not None:
        before = " or before it" if _nothing_before(case, layer) else ""
        message += f", and no weight of this layer{before} gets a gradient"
    elsewhere = " (inference)" if case.program.changed_in_training else ""
    return rule.finding(
        Level.PROVED, layer.path, message + ".",
        f'kernel_initializer="he_normal", bias_initializer={_bias()}   or   '
        'activation="leaky_relu"',
        interval=(lo, hi), cost={"share": count / total, "units": np.flatnonzero(units).tolist()},
        holds_for=f"the stored weights{elsewhere} and {case.these_rows}",
    )  # fmt: skip


def _width(layer: Layer) -> int:
    """Return the length of the last axis of an output with several positions.

    Returns 0 for convolutions and for outputs with a single axis.
    """
    return layer.shape[-1] if len(layer.shape) > 1 and "Conv" not in layer.kind else 0


def _bias() -> str:
    return f"keras.initializers.Constant({short(0.1)})"
