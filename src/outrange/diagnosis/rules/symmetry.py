"""OR013: units that start equal and therefore stay equal."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Program, RecordedStep
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import of_constant


ELEMENTWISE = frozenset({
    "Relu", "ReLU", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Tanh", "Sigmoid",
    "Softplus", "Softsign", "HardSigmoid", "HardTanh", "HardSilu", "Mish", "Exp", "Celu",
    "ConvertToTensor", "Cast",
})  # fmt: skip


def _xor(keras: ModuleType, initializer: Callable[[ModuleType], Any]) -> ModelAndData:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = (x[:, :1] != x[:, 1:]).astype("float32")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(8, "tanh", kernel_initializer=initializer(keras), name="hidden"),
            layers.Dense(1, "sigmoid", kernel_initializer=initializer(keras), name="last"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    return model, x, y


def _bars(keras: ModuleType, initializer: str) -> ModelAndData:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (60, 1))
    x = rng.uniform(0, 0.3, (60, 6, 6, 1))
    x[y[:, 0] == 1, :, 2] += 0.7
    x[y[:, 0] == 0, 2, :] += 0.7
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu", kernel_initializer=initializer, name="hidden"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1, "sigmoid", kernel_initializer=initializer),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@register(
    "OR013", "all units of a layer are equal and stay equal",
    """If all units of a hidden layer have the same weights in and the same weights out, they
    compute the same number and get the same gradient, at every step: the layer acts as a single
    unit for ever, and so do the channels of a convolution. Constant and zero initializers do that.
    PROVED is an exact fact of the stored weights (for optimizers that treat entries alike, which
    all of Keras's do). A dropout between the layer and the next tells its units apart by chance,
    and where only the weights in are equal, those out do so slowly: MEASURED where copies do not
    get below the best constant and do so from weights drawn anew, else SUSPECTED. Zero weights in
    the last layer only, or in a single layer, do no harm and are not reported.""",
    Example(
        lambda k: _xor(k, lambda k: "zeros"),
        lambda k: _xor(k, lambda k: k.initializers.GlorotUniform(seed=1)),
    ),
    Example(
        lambda k: _xor(k, lambda k: k.initializers.Constant(0.3)),
        lambda k: _xor(k, lambda k: k.initializers.RandomNormal(stddev=0.5, seed=2)),
    ),
    Example(lambda k: _bars(k, "ones"), lambda k: _bars(k, "glorot_uniform")),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Compare the columns of each kernel, and the rows of the kernel behind it."""
    program = case.program
    readers: dict[int, list] = {}
    for step in program.steps:
        for t in step.reads:
            readers.setdefault(t, []).append(step)
    for step in program.steps:
        if not _is_product(program, step):
            continue
        kernel = program.weights[step.weights[0]].read()
        follower, bias = _next_product(program, readers, step)
        biases = [program.weights[i].read() for i in bias]
        same = bool(
            (kernel == kernel[..., :1]).all() and all((b == b.flat[0]).all() for b in biases)
        )
        if follower is None or kernel.shape[-1] < 2 or not same:
            continue
        behind = program.weights[follower.weights[0]].read()
        out = bool((behind == behind[..., :1, :]).all())
        yield from _said(rule, case, step, follower, kernel.shape[-1], out)


def _said(
    rule: Rule,
    case: DiagnosisContext,
    step: RecordedStep,
    follower: RecordedStep,
    width: int,
    out: bool,
) -> Iterator[Finding]:
    proved = out and not _told_apart(case.program, step, follower)
    proved = proved and _uses(case.program, step) == _uses(case.program, follower) == 1
    helped = None if proved else case.trials.helps(Change(redrawn=True))
    if not proved and not out and helped is None:
        return
    what = "channels" if "Conv" in step.kind else "units"
    level = Level.PROVED if proved else Level.MEASURED if helped else Level.SUSPECTED
    message = (
        f"its {width} {what} have the same weights in and out, so they get the same gradient and "
        "stay equal: the layer acts as one unit, for ever."
    )
    if not proved:
        message = f"its {width} {what} start with the same weights in and compute the same number."
    if helped is not None:
        message += (
            f" Copies get to {of_constant(helped[0])}; with weights drawn anew, to "
            f"{100 * helped[1]:.0f} %."
        )
    yield rule.found(
        level, step.layer, message,
        'kernel_initializer="glorot_uniform" in every layer   # the default', cost={"units": width},
        holds_for="the stored weights, any data and any number of steps" if proved
        else "the stored weights",
    )  # fmt: skip


def _uses(program: Program, step: RecordedStep) -> int:
    """In how many steps the kernel of one is read."""
    return sum(step.weights[0] in (*s.weights, *s.blocked_weights) for s in program.steps)


RANDOM = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
          "GaussianDropout", "GaussianNoise", "AlphaDropout")  # fmt: skip
"""Layers by which chance may tell units apart: those between a layer and the next one only."""


def _told_apart(program: Program, step: RecordedStep, follower: RecordedStep) -> bool:
    """Whether chance in training may give the units of a layer different gradients."""
    if not program.chance_in_training:
        return False
    if program.own_chance:
        return True
    order = [layer.path for layer in program.layers]
    noisy = [i for i, layer in enumerate(program.layers) if layer.kind in RANDOM]
    if step.layer not in order or follower.layer not in order:
        return True
    known = {layer.kind for layer in program.layers} <= QUIET | set(RANDOM)
    first, last = order.index(step.layer), order.index(follower.layer)
    return not known or any(first < i < last for i in noisy)


QUIET = frozenset({
    "Dense", "Conv1D", "Conv2D", "Conv3D", "Flatten", "Reshape", "Activation", "ReLU", "LeakyReLU",
    "ELU", "PReLU", "Softmax", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D",
    "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "ZeroPadding2D", "Rescaling", "Normalization", "BatchNormalization",
    "InputLayer", "Add", "Concatenate",
})  # fmt: skip
"""Layers that draw nothing in training."""


def _is_product(program: Program, step: RecordedStep) -> bool:
    """A dense layer's product, or a convolution: a kernel whose last axis counts its units."""
    if not step.inside or len(step.weights) != 1 or len(step.reads) != 1:
        return False
    rank = len(program.weights[step.weights[0]].shape)
    return (step.kind == "Matmul" and rank == 2) or (step.kind == "Conv" and rank >= 3)


def _next_product(
    program: Program, readers: dict[int, list[RecordedStep]], step: RecordedStep
) -> tuple[RecordedStep | None, list[int]]:
    """The product that alone reads a layer's units, and the biases added on the way.

    Where channels are flattened, the rows of the next kernel count places and channels together.
    """
    tensor, bias, flattened = step.gives[0], [], False
    units, layer = program.weights[step.weights[0]].shape[-1], step.layer
    while True:
        following = readers.get(tensor, [])
        if len(following) != 1 or tensor in program.output_tensors:
            return None, bias
        step = following[0]
        if _is_product(program, step):
            rows = program.weights[step.weights[0]].shape[-2]
            return (step if flattened or rows == units else None), bias
        if step.kind == "Add" and len(step.reads) == 1 and (step.weights or step.layer == layer):
            # A convolution turns its bias before it adds it, which hides whose it is.
            bias += step.weights or _vectors(program, layer)
        elif step.kind in SHAPING:
            flattened = True
        elif step.kind not in ELEMENTWISE | POOLING or step.weights or not step.inside:
            return None, bias
        tensor = step.gives[0]


def _vectors(program: Program, layer: str) -> list[int]:
    name = layer.split("/")[-1]
    return [i for i, w in enumerate(program.weights) if w.layer == name and len(w.shape) == 1]


POOLING = frozenset({"MaxPool", "AveragePool", "Mean", "Max"})
"""What acts on each channel by itself; `Mean` and `Max` are global pooling."""

SHAPING = frozenset({"Reshape"})
