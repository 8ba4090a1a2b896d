"""OR012: gradients that vanish or explode through the layers."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Layer, Weight
from ..changes import replaced_with
from ..context import DiagnosisContext
from ..paths import weights_after
from ..registry import Example, ModelAndData, Rule, register
from ..sensitivity import sensitivity
from ..wording import short
from .depth import check_depth, describe_effect
from .recurrence import check_recurrence


RATIO = 1e-6
"""Ratio of the first to the last layer's gradient, or of their bounds, below which gradients are
reported as vanishing."""

ROOM = 10.0
"""Safety factor in the test of whether a measured gradient contradicts a small proved bound.

If a gradient exceeds `ROOM * RATIO` times the product of the largest measured gradient and the
largest input, it cannot have been propagated through the output alone. Inputs below 1 are treated
as 1.
"""

FEWEST = 4
"""Minimum number of layers with weights; with fewer, depth is not the cause."""

INSTEAD = ("relu", "elu")
"""Activations to try instead of those in `FLATTENING`, in this order. In narrow layers, ReLUs may
die."""

FLATTENING = ("sigmoid", "tanh", "softsign", "hardsigmoid", "hardtanh")
"""Names of recorded activations that flatten out for large positive and negative inputs."""


def _deep(keras: ModuleType, depth: int, activation: str, scale: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    layers = [keras.Input((4,))]
    layers += [keras.layers.Dense(8, activation) for _ in range(depth)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    for layer in model.layers:
        rows, columns = layer.kernel.shape
        kernel = rng.normal(size=(rows, columns)) * scale / np.sqrt(rows)
        layer.set_weights([kernel.astype("float32"), np.zeros(columns, "float32")])
    model.compile("adam", "mse")
    return model, x, np.sin(x[:, :1])


def _stack(keras: ModuleType, activation: str) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 4)).astype("float32")
    start = keras.initializers.GlorotUniform
    hidden = [
        keras.layers.Dense(16, activation, kernel_initializer=start(seed=i)) for i in range(6)
    ]
    last = keras.layers.Dense(1, kernel_initializer=start(seed=9))
    model = keras.Sequential([keras.Input((4,)), *hidden, last])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, x, x[:, :1] * x[:, 1:2] + x[:, 2:3]


@register(
    "OR012", "the gradient vanishes or explodes through the layers",
    """Each layer multiplies the gradient by its weights and by the slopes of its activation. Bounds
    on the slopes over the range of the data, multiplied by the weights, give a bound on the
    derivative of the output with respect to the output of the first layer. The finding is
    PROVED if this bound is below 1e-6 and below a millionth of the corresponding bound for the last
    layer with weights, unless a larger gradient is measured (for example, because of a penalty on
    the first layer). It is MEASURED if, at the stored weights, the gradient of the first layer is a
    million times smaller than that of the last layer (root mean square per entry), or if gradients
    exceed a million and outputs are ten thousand times larger than the targets. It is also MEASURED
    if four or more layers have activations that are flat on both sides (sigmoid, tanh), the loss of
    trained copies of the model is at least 30 % of the loss of the best constant prediction, and
    trained copies with relu or elu in these layers have a much lower loss; a single such layer is
    enough if it is a convolution. Finally, it is MEASURED if at least ten hidden layers of equal
    width follow each other, and copies with fewer layers learn much more, or if the loss of copies
    with an unbounded activation in a recurrent layer jumps, while it does not with tanh. If copies
    learn little at the given learning rate, copies with and without the change are compared at ten
    times the rate. Use relu with he_normal, batch normalization or skip connections. If
    gradients explode, clip them.""",
    Example(lambda k: _deep(k, 12, "sigmoid", 0.2), lambda k: _deep(k, 2, "sigmoid", 1.0)),
    Example(
        lambda k: _deep(k, 14, "linear", 12.0), lambda k: _deep(k, 4, "tanh", 1.0),
        level=Level.MEASURED,
    ),
    Example(lambda k: _stack(k, "sigmoid"), lambda k: _stack(k, "relu"), level=Level.MEASURED),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report gradients that provably vanish, or that are measured to vanish or explode."""
    kernels = [
        (i, w) for i, w in enumerate(case.program.weights) if w.trainable and len(w.shape) >= 2
    ]
    recurrent = list(check_recurrence(rule, case))
    yield from recurrent
    if recurrent or len(kernels) < FEWEST or case.batch_normalized:
        return  # gradients with batch statistics differ from those at inference
    fix = (
        'activation="relu", kernel_initializer="he_normal" in every hidden layer   or   skip '
        "connections"
    )
    # A kernel that starts at 0 passes no gradient until its first step.
    empty = any(not np.any(weight.read()) for _, weight in kernels)
    finding = None if empty else _prove_small_bound(rule, case, kernels, fix)
    if finding is not None:
        yield finding
        return
    yield from (
        list(_compare_gradients(rule, case, kernels, fix))
        or list(_check_flat_stack(rule, case))
        or list(check_depth(rule, case))
    )


def _prove_small_bound(
    rule: Rule, case: DiagnosisContext, kernels: list[tuple[int, Weight]], fix: str
) -> Finding | None:
    """Return a finding if the first layer has a provably small effect on the output.

    The absolute derivatives of any network output with respect to the layer's outputs add up to
    less than `RATIO`. This bound is also at most `RATIO` times the corresponding bound for the last
    layer. The comparison cancels the scale of the outputs. Returns None if nothing is proved.
    """
    index, weight = kernels[0]
    calls = _calls(case, weight.layer) if _only_in(case, index, weight.layer) else []
    bound = sensitivity(case, calls) if calls else None
    if bound is None or bound >= RATIO:
        return None
    behind = weights_after(case.program, [t for c in calls for t in (c.after, *c.others)])
    path = [(index, weight), *((i, w) for i, w in kernels if i in behind)]
    layers = len({w.layer for _, w in path})
    # A comparison with the last layer cancels the units of the outputs and of the loss.
    last = sensitivity(case, _calls(case, path[-1][1].layer))
    if layers < FEWEST or last is None or bound > RATIO * last or _has_gradient(case, index, bound):
        return None
    small = f"add up to at most {bound:.1e}, so hardly any"
    if bound == 0.0:  # Something after it is constant, which other rules report.
        small, fix = "are 0, so no", f"see the other findings, or {fix}"
    elsewhere = " (inference)" if case.program.changed_in_training else ""
    return rule.finding(
        Level.PROVED, calls[0].path,
        f"the network has {layers} layers with weights from this layer to the output. The "
        "derivatives of the network's output with respect to the output of layer "
        f"{calls[0].path!r} {small} gradient flows back from the network's output to this layer.",
        fix, interval=(0.0, bound), cost={"bound": bound, "layer": calls[0].path},
        holds_for=f"the stored weights{elsewhere} and all inputs within the range of your data",
    )  # fmt: skip


def _has_gradient(case: DiagnosisContext, index: int, bound: float) -> bool:
    """Return whether a weight's measured gradient contradicts a proved small bound (see `ROOM`)."""
    measured = case.measurement
    if measured is None or measured.error:
        return False
    sizes = {
        i: float(np.abs(np.nan_to_num(np.asarray(g, np.float64))).max(initial=0.0))
        for i, g in measured.gradients.items() if g is not None
    }  # fmt: skip
    # The first kernel's gradient has the inputs as a factor; the others have values of size 1.
    inputs = float(np.abs(case.flat_model_inputs[case.finite_rows]).max(initial=1.0))
    most = 0.0 if bound == 0.0 else ROOM * RATIO * inputs * max(sizes.values(), default=0.0)
    return sizes.get(index, 0.0) > most


def _only_in(case: DiagnosisContext, index: int, name: str) -> bool:
    """Return whether a weight acts only through the outputs of the layers named `name`."""
    program = case.program
    users = [s for s in program.steps if index in s.weights or index in s.blocked_weights]
    inside = all(s.inside and name in s.layer.split("/") for s in users)
    return bool(users) and inside and index not in program.escaped


def _compare_gradients(
    rule: Rule, case: DiagnosisContext, kernels: list[tuple[int, Weight]], fix: str
) -> Iterator[Finding]:
    measured = case.measurement
    if measured is None or measured.error:
        return
    sizes = []
    for i, weight in kernels:
        gradient = measured.gradients.get(i)
        if gradient is not None:
            rms = float(np.sqrt(np.mean(np.square(gradient.astype(np.float64)))))
            sizes.append((weight, rms))
    if len(sizes) < FEWEST or not np.isfinite([s for _, s in sizes]).all():
        return
    (start, first), (end, last) = sizes[0], sizes[-1]
    grown = _oversized_outputs(case)
    if 0 < first < RATIO * last:
        message = (
            f"the gradient of `{start.path}` (root mean square {first:.1e}) is "
            f"{short(last / first)} times smaller than that of `{end.path}` ({last:.1e})."
        )
    elif grown is not None and max(first, last) > 1.0 / RATIO:
        fix = "keras.optimizers.Adam(clipnorm=1.0)   or   smaller initial weights"
        message = (
            f"the gradient explodes: its root mean square is {first:.1e} for `{start.path}` and "
            f"{last:.1e} for `{end.path}`, and the outputs of the network reach {short(grown)}."
        )
    else:
        return
    yield rule.finding(
        Level.MEASURED, start.layer, message, fix, cost={"first": first, "last": last},
        holds_for="the stored weights and your first rows",
    )  # fmt: skip


def _check_flat_stack(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report saturating activations if copies trained with ReLU or ELU reach a much lower loss.

    The model must have at least `FEWEST` hidden dense or convolutional layers with such
    activations, or at least one such convolutional layer. The copies are trained at the model's
    learning rate. If this shows no clear gain, they are trained at a higher rate.
    """
    ends = {head.layer for head in case.program.heads}
    stack = list(dict.fromkeys(
        step.layer for step in case.program.steps
        if step.inside and step.kind.lower() in FLATTENING and step.layer not in ends
    ))  # fmt: skip
    replaceable = {
        layer.path for layer in case.program.layers if layer.kind.startswith(("Dense", "Conv"))
    }
    bent = [path for path in stack if path in replaceable]
    images = any(layer.path in bent and "Conv" in layer.kind for layer in case.program.layers)
    if len(bent) < (1 if images else FEWEST):
        return
    for new in INSTEAD:
        gain = describe_effect(case, replaced_with(bent, new), f"with {new} in these layers")
        if gain is None:
            continue
        count = "one hidden layer has an activation that is" if len(bent) == 1 else (
            f"{len(bent)} layers have activations that are"
        )  # fmt: skip
        yield rule.finding(
            Level.MEASURED, bent[0],
            f"{count} flat on both sides. This shrinks the gradient and the differences between "
            f"rows. {gain}",
            f'activation="{new}", kernel_initializer="he_normal" in every hidden layer',
            title="a stack of saturating activations", cost={"layers": len(bent)},
            holds_for="training from the stored weights",
        )  # fmt: skip
        return


def _oversized_outputs(case: DiagnosisContext) -> float | None:
    """Return the largest absolute output if it is much larger than the targets.

    It must exceed `1e4 (1 + t)` for the largest absolute target `t`. Returns None otherwise, and if
    outputs or targets are unknown.
    """
    if case.y is None or not case.predictions:
        return None
    most = max(float(np.abs(p[np.isfinite(p)]).max(initial=0.0)) for p in case.predictions)
    wanted = max(float(np.abs(np.nan_to_num(y)).max(initial=0.0)) for y in case.y)
    return most if most > 1e4 * (1.0 + wanted) else None


def _calls(case: DiagnosisContext, name: str) -> list[Layer]:
    """Return all calls of layers named `name`, including those inside nested models."""
    return [x for x in case.program.layers if x.path.split("/")[-1] == name]
