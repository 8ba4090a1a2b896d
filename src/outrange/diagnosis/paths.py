"""Follows gradients to weights, and a layer's units to the next layer, through recorded steps."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..program import Program, RecordedStep


def lost_weights(program: Program) -> list[tuple[list[RecordedStep], list[int]]]:
    """Return the trainable weights that no gradient of the losses reaches.

    A weight is returned only if all its uses are recorded. If the model computes something else in
    training than at inference, no gradient reaches these weights in either mode. In this case, no
    weight is returned if the steps in training cannot be recorded.

    Args:
        program: A program whose losses were all traced.

    Returns:
        At most two groups `(steps, weights)`: the steps that block the gradient (an empty list if
        the loss does not depend on the weights at all), and the indices of the weights.
    """
    groups = _find_lost_weights(program)
    if not groups or program.in_training is None:
        return groups
    trained = program.in_training()
    if trained is None or any(loss.tensor is None for loss in trained.losses):
        return []
    there = {i for _, weights in _find_lost_weights(trained) for i in weights}
    confirmed = [(walls, [i for i in weights if i in there]) for walls, weights in groups]
    return [(walls, weights) for walls, weights in confirmed if weights]


def _find_lost_weights(program: Program) -> list[tuple[list[RecordedStep], list[int]]]:
    """Return groups as in `lost_weights`, based on the recorded steps of `program` alone."""
    makers = {t: step for step in program.steps for t in step.gives}
    starts = [loss.tensor for loss in program.losses if loss.tensor is not None]
    reached, reachable = _behind(makers, starts, blocked=False)
    touched, used = _behind(makers, starts, blocked=True)
    lost = [
        i
        for i, weight in enumerate(program.weights)
        if weight.trainable and i not in reachable and i not in program.escaped
    ]
    del touched
    groups: list[tuple[list[RecordedStep], list[int]]] = []
    blocked = [i for i in lost if i in used]
    if blocked:
        walls = [s for s in program.steps if _blocks_gradient(s, reached, makers, blocked)]
        groups.append((walls, blocked))
    outside = [i for i in lost if i not in used]
    heads = {loss.output for loss in program.losses}
    if outside and len(heads) == len(program.outputs):
        groups.append(([], outside))
    return groups


def weights_behind(program: Program, tensor: int) -> set[int] | None:
    """Return the weights that a tensor depends on, if they affect the outputs only through it.

    Returns:
        The indices of the weights. None if the weights affect the outputs in another way, or if a
        use of such a weight could not be recorded. Also None if user code may connect the weights
        differently in training.
    """
    if program.own_chance:
        return None
    makers = {t: step for step in program.steps for t in step.gives}
    _, behind = _behind(makers, [tensor], blocked=True)
    makers.pop(tensor, None)
    _, around = _behind(makers, program.output_tensors, blocked=True)
    return None if behind & (around | program.escaped) else behind


def weights_after(program: Program, tensors: Iterable[int]) -> set[int]:
    """Return the indices of the weights that are read by steps that depend on `tensors`."""
    reached, weights = set(tensors), set()
    for step in program.steps:
        if step.inside and reached.intersection((*step.reads, *step.blocked)):
            reached.update(step.gives)
            weights.update((*step.weights, *step.blocked_weights))
    return weights


def _behind(
    makers: dict[int, RecordedStep], starts: Iterable[int], blocked: bool
) -> tuple[set[int], set[int]]:
    """Return the tensors and the weight indices that some tensors depend on.

    Args:
        makers: Map from tensor number to the step that computes the tensor.
        starts: The tensors whose dependencies are collected. They are included in the result.
        blocked: Whether to include dependencies through which no gradient passes. The dependencies
            of untraced steps are always included.
    """
    tensors, weights, waiting = set(starts), set(), list(starts)
    while waiting:
        step = makers.get(waiting.pop())
        if step is None:
            continue
        weights.update(step.weights)
        more = [*step.reads]
        if blocked or step.opaque:
            weights.update(step.blocked_weights)
            more += step.blocked
        for t in more:
            if t not in tensors:
                tensors.add(t)
                waiting.append(t)
    return tensors, weights


def _blocks_gradient(
    step: RecordedStep, reached: set[int], makers: dict[int, RecordedStep], lost: list[int]
) -> bool:
    """Return whether `step` receives a gradient and keeps it from reaching a weight of `lost`."""
    if not reached.intersection(step.gives) or not (step.blocked or step.blocked_weights):
        return False
    _, weights = _behind(makers, step.blocked, blocked=True)
    return bool((weights | set(step.blocked_weights)).intersection(lost))


# ---- from the units of a layer to the next layer ------------------------------------------------

ELEMENTWISE = frozenset({
    "Relu", "ReLU", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Tanh", "Sigmoid",
    "Softplus", "Softsign", "HardSigmoid", "HardTanh", "HardSilu", "Mish", "Exp", "Celu",
    "ConvertToTensor", "Cast",
})  # fmt: skip

POOLING = frozenset({"MaxPool", "AveragePool", "Mean", "Max"})
"""Operations that treat each channel separately; `Mean` and `Max` are global pooling."""


@dataclass(frozen=True)
class Units:
    """The axis of a layer's units in a weight, and in other arrays of the weight's shape.

    Args:
        axis: The axis that has one entry per unit.
        shape: The shape to which the array is reshaped first; empty if it is not reshaped.
    """

    axis: int
    shape: tuple[int, ...] = ()

    def are_equal(self, array: np.ndarray, tolerance: float = 0.0) -> bool:
        """Return whether all units have the same entries in `array`.

        Args:
            tolerance: Permitted difference, relative to the largest absolute entry.
        """
        array = array.reshape(self.shape) if self.shape else array
        apart = np.abs(array - np.take(array, [0], axis=self.axis))
        return bool((apart <= tolerance * np.abs(array).max(initial=0.0)).all())


COLUMNS = Units(-1)
"""The units in the layer's own kernel or bias: one per entry of the last axis."""


@dataclass(frozen=True, eq=False)
class UnitsPath:
    """A path from a product to the only product that reads its units.

    A product is a step that multiplies its input by a kernel.

    Args:
        step: The first product.
        follower: The product that reads the units of the first one.
        biases: Weight indices of the biases added between the two products.
        rows: Position of the units in the second kernel. None if a permutation of the units is not
            a permutation of its rows, or if an operation in between treats units differently.
        own: Whether both products and all biases belong to built-in Keras layers.
    """

    step: RecordedStep
    follower: RecordedStep
    biases: Sequence[int]
    rows: Units | None
    own: bool

    @property
    def kernel(self) -> int:
        """Index of the weight that is the kernel of `step`."""
        return self.step.weights[0]

    @property
    def behind(self) -> int:
        """Index of the weight that is the kernel of `follower`."""
        return self.follower.weights[0]


def is_product(step: RecordedStep) -> bool:
    """Return whether a step of the model multiplies its only input by a kernel."""
    product = step.product
    return (
        product is not None
        and step.inside
        and step.weights == (product.kernel,)
        and len(step.reads) == 1
    )


def units_path(
    program: Program, readers: Mapping[int, Sequence[RecordedStep]], step: RecordedStep
) -> UnitsPath | None:
    """Follow a product's units to the only product that reads them; return None if there is none.

    If a step flattens positions and channels into one axis, each row of the next kernel belongs to
    one channel at one position.

    Args:
        readers: Map from tensor number to the steps that read the tensor.
    """
    first, product = step, step.product
    assert product is not None
    axis, built_in, biases = product.axis, product.own, []
    flat: Units | None = None
    even = True
    while True:
        following = readers.get(step.gives[0], ())
        if len(following) != 1 or step.gives[0] in program.output_tensors:
            return None
        before, step = step, following[0]
        behind = step.product
        if behind is not None and is_product(step):
            rows = program.weights[step.weights[0]].shape[-2]
            if flat is None and rows != program.weights[product.kernel].shape[-1]:
                return None
            position = _rows(before, step, axis, flat) if even else None
            return UnitsPath(first, step, biases, position, built_in and behind.own)
        if step.kind == "Add" and len(step.reads) == 1 and step.weights:
            built_in = built_in and step.weights == (product.bias,)
            biases += step.weights
        elif (
            step.kind == "Add" and before is first and product.bias is not None and not step.weights
        ):
            # A convolution reshapes its bias before adding it, which hides the weight index.
            biases.append(product.bias)
        elif step.kind == "Reshape":
            flat = flat or Units(axis - 1, (*before.shape[1:], -1))
            even = even and before.shape[0] == 1 and not step.arrays
        elif step.kind not in ELEMENTWISE | POOLING or step.weights or not step.inside:
            return None
        else:
            even = even and not step.arrays and axis not in step.over
            even = even and not (step.kind in POOLING and flat)
            axis -= sum(a < axis for a in step.over) * (len(step.shape) < len(before.shape))


def _rows(before: RecordedStep, step: RecordedStep, axis: int, flat: Units | None) -> Units | None:
    """Return the position of the units in the kernel of the product that reads them.

    Returns None if the units do not correspond to rows of that kernel.
    """
    product = step.product
    if flat is None:
        return Units(-2) if product is not None and product.axis == axis else None
    straight = step.kind == "Matmul" and before.shape == (1, math.prod(flat.shape[:-1]))
    return flat if straight else None
