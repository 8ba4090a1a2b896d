"""OR033: a bottleneck layer that is too narrow."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Layer, ModelChange, Program
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..repairs.read_fix import Repair
from ..repairs.trial import apply_repair
from ..short_trainings import SEEDS
from ..trials import BETTER, FEW, HALFWAY


WIDE = 32
"""Number of units of the widened layer in a copy. If the layer has fewer inputs, it gets one unit
per input."""

STUCK = 0.8
"""If one of the three unchanged copies learns, each of the other two must end with at least this
fraction of the best constant's loss."""


def _classes(keras: ModuleType, units: int) -> ModelAndData:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 160)
    x = rng.normal(size=(160, 6)) * 0.4 + 3 * np.eye(6)[labels]
    start = keras.initializers.GlorotUniform
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(24, "relu", kernel_initializer=start(seed=1)),
            keras.layers.Dense(units, "tanh", kernel_initializer=start(seed=2)),
            keras.layers.Dense(5, "softmax", kernel_initializer=start(seed=3)),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    return model, x.astype("float32"), labels[:, None]


@register(
    "OR033", "a bottleneck limits the outputs",
    """A hidden Dense layer is on every path to an output and has fewer units than that output, or a
    single unit. Such a bottleneck may be intended. So the rule reports it only if a measurement
    shows that the bottleneck does harm, and never if the targets are the inputs (an autoencoder).
    The finding is MEASURED if the loss of unchanged copies of the model remains a large fraction of
    the loss of the best constant prediction, and copies in which only this layer is wider (with new
    weights before and after it) reach a much lower loss in the same number of steps, in each of
    three training runs. One of the three unchanged copies may learn by chance, if the other two
    learn nothing.""",
    Example(lambda k: _classes(k, 1), lambda k: _classes(k, 16), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report a narrow layer if copies in which only this layer is wider reach a lower loss.

    Their loss must be at most `BETTER` times that of unchanged copies. At most one layer is
    reported.
    """
    for layer, width, entering in _narrow(case.program):
        if _returns_inputs(case):
            return
        trials = case.trials
        first = trials.run()
        ratio = None if first is None else trials.ratio(first)
        if first is None or ratio is None or ratio < HALFWAY:
            return
        if not np.isfinite(ratio) or len(first.losses) < FEW:
            return  # a bottleneck makes no loss infinite, and does not show in a few steps
        before = sorted(trials.ratios())
        if len(before) < SEEDS:
            return
        # One start may be lucky; the other copies, which learn nothing, are still evidence.
        lucky = before[0] < HALFWAY
        left = before[1] if lucky else before[0]
        if lucky and left < STUCK:
            return
        fix = f"units={min(WIDE, entering)}"
        change = ModelChange("units", layer.path, min(WIDE, entering))
        wider = apply_repair(case, Repair(fix, (change,), ()))
        after = [] if wider is None else wider.trials.ratios()
        if len(after) < SEEDS or max(after) > BETTER * left:
            continue
        more = (
            (" One unchanged copy, which learned more than the others, is not counted.")
            if lucky
            else ""
        )
        yield rule.finding(
            Level.MEASURED, layer.path,
            f"every path to the output passes through the {width} unit{'s' * (width > 1)} of this "
            f"layer, a bottleneck between {entering} inputs and {case.program.heads[0].width} "
            f"output{'s' * (case.program.heads[0].width > 1)}. "
            f"{trials.describe_gain((left, max(after)), f'with {fix}')}{more}",
            f"{fix}   # of layer {layer.path!r}", cost={"units": width},
            holds_for="training from the stored weights",
        )  # fmt: skip
        return


def _returns_inputs(case: DiagnosisContext) -> bool:
    """Return whether some target array nearly equals an input array, as in an autoencoder."""
    flat = [np.asarray(x, np.float64).reshape(len(x), -1) for x in case.x]
    targets = [case.targets(loss) for loss in case.program.losses]
    return any(
        y is not None and y.size == x.size and np.allclose(y.reshape(x.shape), x)
        for y in targets for x in flat
    )  # fmt: skip


def _narrow(program: Program) -> list[tuple[Layer, int, int]]:
    """Return narrow layers that are on every path to an output.

    A hidden dense layer is narrow if it has fewer units than inputs, and either fewer units than
    the output or a single unit.

    Returns:
        Each layer with its number of units and its number of inputs.
    """
    kernels = {w.layer: w.shape for w in program.weights if len(w.shape) == 2}
    last = {head.layer for head in program.heads}
    layers = []
    for layer in program.layers:
        shape = kernels.get(layer.path.split("/")[-1])
        if layer.kind != "Dense" or shape is None or layer.path in last:
            continue
        entering, width = shape
        if width >= entering or layer.after in program.output_tensors:
            continue
        for tensor, head in zip(program.output_tensors, program.heads, strict=True):
            if width < max(2, head.width) and _passes(program, tensor, layer.after):
                layers.append((layer, width, entering))
                break
    return layers


def _passes(program: Program, output: int, tensor: int) -> bool:
    """Return whether every path from the inputs to an output passes through a tensor."""
    makers = {t: step for step in program.steps for t in step.gives}
    waiting, seen, met = [output], {output}, False
    while waiting:
        at = waiting.pop()
        if at == tensor:
            met = True
            continue
        step = makers.get(at)
        if step is None:
            if at < len(program.inputs):
                return False
            continue
        for t in (*step.reads, *step.blocked):
            if t not in seen:
                seen.add(t)
                waiting.append(t)
    return met
