"""OR005: weights to which no gradient finds its way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import RecordedStep
from ..context import DiagnosisContext
from ..paths import lost_weights
from ..registry import Example, ModelAndData, Rule, register
from ..wording import names, share


def _classes(keras: ModuleType, loss: Callable[[ModuleType], Callable[..., Any]]) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = rng.integers(0, 3, (64, 1)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), loss(keras))
    return model, x, y


def _argmax(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def class_distance(y_true: Any, y_pred: Any) -> Any:
        chosen = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), "float32")
        return keras.ops.mean(keras.ops.square(y_true[:, 0] - chosen))

    return class_distance


def _rounded(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def rounded(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.square(y_true - keras.ops.round(y_pred)))

    return rounded


def _soft_index(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def soft_index(y_true: Any, y_pred: Any) -> Any:
        index = keras.ops.sum(y_pred * keras.ops.arange(3, dtype="float32"), axis=-1)
        return keras.ops.mean(keras.ops.square(y_true[:, 0] - index))

    return soft_index


def _plain(keras: ModuleType) -> Callable[[Any, Any], Any]:
    def plain(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.square(y_true - y_pred))

    return plain


SOFT = {
    "Argmax": "index = ops.sum(p * ops.arange(n), axis=-1)   # p: softmax; a soft index",
    "Argmin": "index = ops.sum(ops.softmax(-x) * ops.arange(n), axis=-1)",
    "Round": "leave the rounding to predict(): train on the number itself",
    "Floor": "leave the rounding to predict(): train on the number itself",
    "Ceil": "leave the rounding to predict(): train on the number itself",
    "Cast": "keep floats until after the loss: no cast to integers on the way",
    "Sign": "ops.tanh(beta * x)   # a soft sign",
    "StopGradient": "take the stop_gradient away, or set trainable = False on purpose",
}
"""What to write instead of an operation."""

SOFT_COMPARISON = "ops.sigmoid(beta * (a - b))   # a soft comparison"


@register(
    "OR005", "no gradient reaches some weights",
    """Between the loss and these weights stand only operations that are constant between their
    jumps (argmax, round, floor, sign, comparisons, casts to integers) or a stop_gradient, or there
    is no connection at all. The recorded operations of model and loss are followed backwards.
    PROVED where every use of the weight was recorded; MEASURED where the code could not be followed
    but the backend's own differentiation says so; SUSPECTED where a stop_gradient inside the model
    cuts off a part and short trainings learn without it: it may be meant. TensorFlow raises "No
    gradients provided" if no weight has a gradient; JAX trains on silently with the weights frozen;
    PyTorch raises, or gives zeros and is silent, depending on the operation. Replace the operation
    by a soft one, for the
    loss at least.""",
    Example(lambda k: _classes(k, _argmax), lambda k: _classes(k, _soft_index)),
    Example(lambda k: _classes(k, _rounded), lambda k: _classes(k, _plain)),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Follow the recording backwards from the losses."""
    program = case.program
    if not program.losses:
        return
    if any(loss.tensor is None for loss in program.losses):
        yield from _measured(rule, case)
        return
    hidden = [i for i in sorted(program.escaped) if program.weights[i].trainable]
    if hidden and not case.batch_normalized:
        yield from _measured(rule, case, hidden)
    for steps, weights in lost_weights(program):
        total = sum(w.trainable for w in program.weights)
        paths = [program.weights[i].path for i in weights]
        if _contradicted(case, weights):
            continue
        level = Level.PROVED
        if steps:
            # A part that is cut off on purpose is usual, where the rest learns without it.
            meant = all(step.kind == "StopGradient" and step.inside for step in steps)
            level = Level.SUSPECTED if meant and _learns(case) else level
            reason = f"{' and '.join(_place(step) for step in steps[:3])} passes no gradient"
            fix = SOFT.get(steps[0].kind, SOFT_COMPARISON)
        else:
            reason = "the loss does not depend on them"
            fix = "use the output in the loss, or take these layers out"
        yield rule.found(
            level, steps[0].layer if steps else program.weights[weights[0]].layer,
            f"{share(len(weights), total)} trainable weights get no gradient: {names(paths, 4)}; "
            f"{reason}. {_consequence(case, weights, len(weights) == total)}",
            fix, cost={"share": len(weights) / total, "weights": paths,
                       "operations": [_called(step.kind) for step in steps]},
            holds_for="" if level is Level.SUSPECTED
            else "all weights and all inputs: it is a fact of the graph, penalties aside",
        )  # fmt: skip


def _learns(case: DiagnosisContext) -> bool:
    """Whether short trainings take most of the best constant's loss away all the same."""
    ratios = case.trials.ratios()
    return bool(ratios) and max(ratios) < 0.5


def _place(step: RecordedStep) -> str:
    return f"`{_called(step.kind)}` in " + (f"layer {step.layer!r}" if step.inside else "the loss")


def _called(kind: str) -> str:
    return {"ConvertToTensor": "cast"}.get(kind, kind.lower())


def _contradicted(case: DiagnosisContext, weights: Iterable[int]) -> bool:
    """Whether the backend finds a gradient after all, or cannot be asked: nothing is claimed then.

    Losses that layers add by themselves are in the measured gradient, and not in the recording.
    """
    measured = case.measured
    if measured is None or measured.error:
        return True
    found = [measured.gradients.get(i) for i in weights]
    return any(g is not None and np.any(g != 0) for g in found)


def _consequence(case: DiagnosisContext, weights: Sequence[int], everything: bool) -> str:
    """What `fit` does about these weights, on this backend."""
    name = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}[case.program.backend]
    measured = case.measured
    gradients = {} if measured is None else measured.gradients
    missing = bool(gradients) and all(gradients.get(i) is None for i in weights)
    if missing and everything and name == "TensorFlow":
        return 'On TensorFlow `fit` raises "No gradients provided for any variable".'
    if missing and everything and name == "PyTorch":
        return 'On PyTorch `fit` raises "element 0 of tensors does not require grad".'
    does = "`fit` warns" if missing and name == "TensorFlow" else "this raises nothing"
    return f"On {name} {does}: training goes on {_meanwhile(case)}."


def _meanwhile(case: DiagnosisContext) -> str:
    """What becomes of weights without a gradient: decay, and momentum of before, move them."""
    optimizer, stepping = case.program.optimizer, case.program.stepping
    still = (
        optimizer is not None
        and stepping is not None
        and not (stepping.refusal or stepping.taken or optimizer.options.get("weight_decay"))
    )
    return "with these weights frozen" if still else "and the loss has no say in these weights"


LOOK_FOR = "look for argmax, round, comparisons, casts to integers or NumPy calls in the loss"


def _zero(case: DiagnosisContext, layer: str) -> tuple[str, str, str]:
    """Layer, reason and fix of gradients that exist and are exactly 0."""
    for weight in case.program.weights:
        if weight.trainable and len(weight.shape) >= 2 and np.prod(weight.shape[:-1]) > 1:
            values = weight.read()
            if np.all(values == values.flat[0]):
                return (
                    weight.layer,
                    f"All {values.size:,} entries of `{weight.path}` are {values.flat[0]:g}: what "
                    "passes through it is the same everywhere, or nothing.",
                    'kernel_initializer="glorot_uniform" in every layer',
                )
    for (name, _), output, head in zip(
        case.program.outputs, case.predictions, case.program.heads, strict=False
    ):
        flat = head.activation in ("softmax", "sigmoid") and np.isin(output, (0.0, 1.0)).all()
        if flat:
            return (
                head.layer or name,
                f"The {head.activation} returns exactly 0 or 1 at every row: it is saturated, and "
                "flat there.",
                "x = (x - x.mean(0)) / x.std(0)\n"
                'or kernel_initializer="glorot_uniform" in every layer',
            )
    return layer, "", LOOK_FOR


def _only_at_first(case: DiagnosisContext, weights: Iterable[int]) -> bool:
    """Whether a kernel that starts at 0 is in the way, gets a gradient, and copies soon move."""
    measured, one = case.measured, case.trials.run()
    if measured is None or one is None:
        return False
    leaves = any(
        g is not None and np.any(g != 0) and len(case.program.weights[i].shape) >= 2
        and not np.any(case.program.weights[i].read())
        for i, g in measured.gradients.items()
    )  # fmt: skip
    return leaves and all(one.moved.get(i, 0.0) > 0.0 for i in weights)


def _measured(
    rule: Rule, case: DiagnosisContext, among: Iterable[int] | None = None
) -> Iterator[Finding]:
    """What could not be followed: what the backend's differentiation says of these weights."""
    measured = case.measured
    if measured is None or measured.error or not measured.gradients:
        return
    weights = [
        i for i, g in measured.gradients.items()
        if (among is None or i in among) and (g is None or not np.any(g != 0))
    ]  # fmt: skip
    if not weights or _only_at_first(case, weights):
        return
    paths = [case.program.weights[i].path for i in weights]
    total = len(measured.gradients)
    cut = any(measured.gradients[i] is None for i in weights)
    layer, why, fix = case.program.weights[weights[0]].layer, "", LOOK_FOR
    if not cut:
        layer, why, fix = _zero(case, layer)
    then = _consequence(case, weights, len(weights) == total) if fix == LOOK_FOR else why
    yield rule.found(
        Level.MEASURED, layer,
        f"{share(len(weights), total)} trainable weights get {'no gradient' if cut else ''}"
        f"{'' if cut else 'a gradient of exactly 0'}: {names(paths, 4)}. {then}", fix,
        cost={"share": len(weights) / total, "weights": paths},
        holds_for="the stored weights and your first rows",
    )  # fmt: skip
