"""OR013: units that start equal and therefore stay equal."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Program, RecordedStep
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register


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


@register(
    "OR013", "all units of a layer are equal and stay equal",
    """If all units of a hidden layer have the same weights in and the same weights out, they
    compute the same number and get the same gradient, at every step: the layer acts as a single
    unit for ever. Constant and zero initializers do that. PROVED is an exact fact of the stored
    weights (for optimizers that treat entries alike, which all of Keras's do; with dropout, noise
    or a layer of one's own it is only suspected, because chance in training tells units apart).
    Zero weights in the last layer only, or in a single layer, do no harm and are not reported.""",
    Example(
        lambda k: _xor(k, lambda k: "zeros"),
        lambda k: _xor(k, lambda k: k.initializers.GlorotUniform(seed=1)),
    ),
    Example(
        lambda k: _xor(k, lambda k: k.initializers.Constant(0.3)),
        lambda k: _xor(k, lambda k: k.initializers.RandomNormal(stddev=0.5, seed=2)),
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Compare the columns of each kernel, and the rows of the kernel behind it."""
    program = case.program
    readers: dict[int, list] = {}
    for step in program.steps:
        for t in step.reads:
            readers.setdefault(t, []).append(step)
    for step in program.steps:
        if not _is_dense(program, step):
            continue
        width = program.weights[step.weights[0]].shape[1]
        follower, bias = _next_dense(program, readers, step)
        if follower is None or width < 2:
            continue
        kernel = program.weights[step.weights[0]].read()
        behind = program.weights[follower.weights[0]].read()
        biases = [program.weights[i].read() for i in bias]
        same = (kernel == kernel[:, :1]).all() and (behind == behind[:1]).all()
        same = same and all((b == b.flat[0]).all() for b in biases)
        if not same:
            continue
        yield rule.found(
            Level.SUSPECTED if program.chance_in_training else Level.PROVED, step.layer,
            f"its {width} units have the same weights in and out, so they get the same gradient "
            f"and stay equal: the layer acts as one unit, for ever.",
            'kernel_initializer="glorot_uniform"   # the default', cost={"units": width},
            holds_for="the stored weights, any data and any number of steps",
        )  # fmt: skip


def _is_dense(program: Program, step: RecordedStep) -> bool:
    return (
        step.kind == "Matmul" and step.inside and len(step.weights) == 1
        and len(program.weights[step.weights[0]].shape) == 2 and len(step.reads) == 1
    )  # fmt: skip


def _next_dense(
    program: Program, readers: dict[int, list[RecordedStep]], step: RecordedStep
) -> tuple[RecordedStep | None, list[int]]:
    """The matrix product that alone reads a layer's units, and the biases added on the way."""
    tensor, bias = step.gives[0], []
    while True:
        following = readers.get(tensor, [])
        if len(following) != 1 or tensor in program.output_tensors:
            return None, bias
        step = following[0]
        if _is_dense(program, step):
            return step, bias
        added = step.kind == "Add" and len(step.weights) == 1 and len(step.reads) == 1
        if added:
            bias += step.weights
        elif step.kind not in ELEMENTWISE or step.weights or not step.inside:
            return None, bias
        tensor = step.gives[0]
