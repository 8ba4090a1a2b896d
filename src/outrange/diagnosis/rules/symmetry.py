"""OR013: units that start equal and therefore stay equal."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Program, RecordedStep
from ..changes import Change
from ..context import DiagnosisContext
from ..paths import COLUMNS, UnitsPath, is_product, units_path
from ..registry import Example, ModelAndData, Rule, register
from ..wording import of_constant


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
    """If all units of a hidden layer have the same incoming and the same outgoing weights, they
    compute the same number and get the same gradient at every step. The layer then always acts as a
    single unit. The same holds for the channels of a convolution. Constant and zero initializers
    cause this. The finding is PROVED in exact arithmetic. The proof uses the stored weights, the
    slot variables of the optimizer, and the fact that Keras losses, penalties and optimizers treat
    all entries of a weight alike. In practice, rounding errors may still separate the units, for
    example on PyTorch. If nothing is proved, for example because dropout may separate the units at
    random, the finding is SUSPECTED. It is MEASURED if copies of the model do not get below the
    loss of the best constant prediction, but copies with newly drawn weights do, or if the copies
    with newly drawn weights learn much more. If only the incoming weights are equal, the different
    outgoing weights slowly separate the units, and the layer is reported only if the finding is
    MEASURED. Zero weights in a single layer, such as the last one, do no harm and are not
    reported.""",
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
    """Report layers whose units have equal incoming weights and therefore compute the same number.

    If the outgoing weights differ, the layer is reported only if copies reach a lower loss with
    newly drawn weights (see `Trials.gain`).
    """
    program = case.program
    readers: dict[int, list[RecordedStep]] = {}
    for step in program.steps:
        for t in step.reads:
            readers.setdefault(t, []).append(step)
    for step in filter(is_product, program.steps):
        kernel = program.weights[step.weights[0]].read()
        if kernel.shape[-1] < 2 or not COLUMNS.are_equal(kernel):
            continue
        path = units_path(program, readers, step)
        if path is None or not all(_constant(program.weights[i].read()) for i in path.biases):
            continue
        behind = program.weights[path.behind].read()
        out = path.rows is not None and path.rows.are_equal(behind)
        yield from _make_finding(rule, case, path, kernel.shape[-1], out)


def _constant(array: np.ndarray) -> bool:
    return bool((array == array.flat[0]).all()) if array.size else True


def _make_finding(
    rule: Rule, case: DiagnosisContext, path: UnitsPath, width: int, out: bool
) -> Iterator[Finding]:
    step = path.step
    proved = out and path.own and not _may_be_separated(case.program, step, path.follower)
    proved = proved and _stays_equal(case, path)
    redrawn, helped = Change(redrawn=True), None
    if not proved:
        helped = case.trials.helps(redrawn) or case.trials.gain(redrawn)
    if not proved and not out and helped is None:
        return
    what = "channels" if "Conv" in step.kind else "units"
    level = Level.PROVED if proved else Level.MEASURED if helped else Level.SUSPECTED
    message = (
        f"all {width} {what} of this layer have the same incoming and outgoing weights, so in "
        "exact arithmetic they get the same gradient and stay equal forever. The layer acts as a "
        "single unit, unless rounding errors make the units differ."
    )
    if not proved:
        message = (
            f"all {width} {what} of this layer start with the same incoming weights, so they "
            "compute the same number."
        )
    if helped is not None:
        message += (
            f" Trained copies of the model reach {of_constant(helped[0])}; with newly drawn "
            f"weights, they reach {100 * helped[1]:.0f} %."
        )
    later = "" if case.program.optimizer else ", with a loss and an optimizer from Keras"
    yield rule.finding(
        level, step.layer, message,
        'kernel_initializer="glorot_uniform" in every layer   # the default', cost={"units": width},
        holds_for="the stored weights, any data and any number of steps, in exact arithmetic"
        f"{later}" if proved else "the stored weights",
    )  # fmt: skip


def _stays_equal(case: DiagnosisContext, path: UnitsPath) -> bool:
    """Return whether training provably gives equal units equal steps.

    If `path` contains the only use of each weight of the units, the model is invariant under
    permutations of the units. Equal units then have equal gradients. They also have equal steps if
    the optimizer's slot variables for them are equal and if it treats all entries of a weight in
    the same way.
    """
    program = case.program
    if path.rows is None:
        return False
    weights = {path.behind: path.rows, path.kernel: COLUMNS} | dict.fromkeys(path.biases, COLUMNS)
    if program.uneven or not all(_read_once(program, i) for i in weights):
        return False
    gradients = case.measurement.gradients if case.measurement is not None else {}
    for i, units in weights.items():
        slots, gradient = program.slots(i), gradients.get(i)
        if program.weights[i].constrained or slots is None:
            return False
        if not all(units.are_equal(array) for array in slots):
            return False
        # The gradient may reveal effects that the recording missed.
        if gradient is not None and not units.are_equal(np.nan_to_num(gradient), UNLIKE):
            return False
    return True


UNLIKE = 1e-3
"""Permitted difference between the gradients of equal units, relative to the largest entry.

Sums in a different order differ by about 1e-7 of their terms, and cancellation costs a few more
digits.
"""


def _read_once(program: Program, weight: int) -> bool:
    """Return whether a weight has only one reader: a recorded step, or a known bias addition."""
    uses = sum((*s.weights, *s.blocked_weights).count(weight) for s in program.steps)
    if weight in program.escaped:
        return uses == 0 and program.understood.get(weight) == "bias"
    return uses == 1


RANDOM = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
          "GaussianDropout", "GaussianNoise", "AlphaDropout")  # fmt: skip
"""Layers that may separate equal units at random if they lie between two layers with kernels."""


def _may_be_separated(program: Program, step: RecordedStep, follower: RecordedStep) -> bool:
    """Return whether randomness in training may give the units of a layer different gradients."""
    if not program.chance_in_training:
        return False
    if program.own_chance:
        return True
    order = [layer.path for layer in program.layers]
    noisy = [i for i, layer in enumerate(program.layers) if layer.kind in RANDOM]
    if step.layer not in order or follower.layer not in order:
        return True
    all_known = {layer.kind for layer in program.layers} <= QUIET | set(RANDOM)
    first, last = order.index(step.layer), order.index(follower.layer)
    return not all_known or any(first < i < last for i in noisy)


QUIET = frozenset({
    "Dense", "Conv1D", "Conv2D", "Conv3D", "Flatten", "Reshape", "Activation", "ReLU", "LeakyReLU",
    "ELU", "PReLU", "Softmax", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D",
    "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "ZeroPadding2D", "Rescaling", "Normalization", "BatchNormalization",
    "InputLayer", "Add", "Concatenate",
})  # fmt: skip
"""Layers that draw no random numbers in training."""
