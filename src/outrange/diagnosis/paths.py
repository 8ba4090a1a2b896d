"""Which weights a gradient can reach, and where the units of a layer go, from recorded steps."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..program import Program, RecordedStep


def lost_weights(program: Program) -> list[tuple[list[RecordedStep], list[int]]]:
    """Trainable weights, all of whose uses are recorded, that no gradient of the losses reaches.

    Where training does something else than inference, none reaches them there either.

    Args:
        program: Its losses were all followed.

    Returns:
        Groups `(steps, weights)`: what stands in the way (none if the loss does not depend on the
        weights at all), and the weights' indices.
    """
    groups = _lost(program)
    if not groups or program.in_training is None:
        return groups
    trained = program.in_training()
    if trained is None or any(loss.tensor is None for loss in trained.losses):
        return []
    there = {i for _, weights in _lost(trained) for i in weights}
    kept = [(walls, [i for i in weights if i in there]) for walls, weights in groups]
    return [(walls, weights) for walls, weights in kept if weights]


def _lost(program: Program) -> list[tuple[list[RecordedStep], list[int]]]:
    """The same of the recorded run alone."""
    makers = {t: step for step in program.steps for t in step.gives}
    starts = [loss.tensor for loss in program.losses if loss.tensor is not None]
    reached, found = _behind(makers, starts, blocked=False)
    touched, used = _behind(makers, starts, blocked=True)
    lost = [
        i
        for i, weight in enumerate(program.weights)
        if weight.trainable and i not in found and i not in program.escaped
    ]
    del touched
    groups: list[tuple[list[RecordedStep], list[int]]] = []
    blocked = [i for i in lost if i in used]
    if blocked:
        walls = [s for s in program.steps if _stands_before(s, reached, makers, blocked)]
        groups.append((walls, blocked))
    outside = [i for i in lost if i not in used]
    heads = {loss.output for loss in program.losses}
    if outside and len(heads) == len(program.outputs):
        groups.append(([], outside))
    return groups


def weights_behind(program: Program, tensor: int) -> set[int] | None:
    """The weights behind a tensor, if all of them act on the outputs through it alone.

    Args:
        program: A program.
        tensor: Any tensor of it.

    Returns:
        Their indices; None also where uses of such a weight could not be recorded, or where code
        of the user's own may connect it otherwise in training.
    """
    if program.own_chance:
        return None
    makers = {t: step for step in program.steps for t in step.gives}
    _, behind = _behind(makers, [tensor], blocked=True)
    makers.pop(tensor, None)
    _, around = _behind(makers, program.output_tensors, blocked=True)
    return None if behind & (around | program.escaped) else behind


def weights_after(program: Program, tensors: Iterable[int]) -> set[int]:
    """The weights that the model reads together with what depends on some tensors."""
    reached, found = set(tensors), set()
    for step in program.steps:
        if step.inside and reached.intersection((*step.reads, *step.blocked)):
            reached.update(step.gives)
            found.update((*step.weights, *step.blocked_weights))
    return found


def _behind(
    makers: dict[int, RecordedStep], starts: Iterable[int], blocked: bool
) -> tuple[set[int], set[int]]:
    """Tensors and weights that lie behind some tensors; with `blocked` past every wall."""
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


def _stands_before(
    step: RecordedStep, reached: set[int], makers: dict[int, RecordedStep], lost: list[int]
) -> bool:
    """Whether a gradient arrives at `step`, stops, and would have gone on to a lost weight."""
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
"""What acts on each channel by itself; `Mean` and `Max` are global pooling."""


@dataclass(frozen=True)
class Units:
    """Where the units of a layer lie in a weight, and in what has its shape.

    Args:
        axis: The axis that counts them.
        shape: The shape to give the array first; empty for its own.
    """

    axis: int
    shape: tuple[int, ...] = ()

    def alike(self, array: np.ndarray, tolerance: float = 0.0) -> bool:
        """Whether all units have the same entries, up to a share of the largest."""
        array = array.reshape(self.shape) if self.shape else array
        apart = np.abs(array - np.take(array, [0], axis=self.axis))
        return bool((apart <= tolerance * np.abs(array).max(initial=0.0)).all())


COLUMNS = Units(-1)
"""Of a kernel, or of a bias."""


@dataclass(frozen=True, eq=False)
class UnitsPath:
    """From a product to the one product that reads its units.

    Args:
        step: The first.
        follower: The second.
        biases: Indices of what is added on the way.
        rows: Where the units lie in the second kernel; None if another order of them is no other
            order of its rows, or something on the way does not do the same with each of them.
        own: Whether both products and all biases are those of Keras's own layers.
    """

    step: RecordedStep
    follower: RecordedStep
    biases: Sequence[int]
    rows: Units | None
    own: bool

    @property
    def kernel(self) -> int:
        """Index of the first kernel."""
        return self.step.weights[0]

    @property
    def behind(self) -> int:
        """Index of the second kernel."""
        return self.follower.weights[0]


def is_product(step: RecordedStep) -> bool:
    """Whether a step of the model multiplies its only input by a kernel."""
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
    """The way of a product's units to the product that alone reads them; None if there is none.

    Args:
        program: A program.
        readers: Tensor number to the steps that read it.
        step: A product.

    Where places and channels are flattened into one axis, the rows of the next kernel count both.
    """
    first, product = step, step.product
    assert product is not None
    axis, own, biases = product.axis, product.own, []
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
            found = _rows(before, step, axis, flat) if even else None
            return UnitsPath(first, step, biases, found, own and behind.own)
        if step.kind == "Add" and len(step.reads) == 1 and step.weights:
            own = own and step.weights == (product.bias,)
            biases += step.weights
        elif (
            step.kind == "Add" and before is first and product.bias is not None and not step.weights
        ):
            # A convolution turns its bias before it adds it, which hides whose it is.
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
    """Where the units lie in a product's kernel."""
    product = step.product
    if flat is None:
        return Units(-2) if product is not None and product.axis == axis else None
    straight = step.kind == "Matmul" and before.shape == (1, math.prod(flat.shape[:-1]))
    return flat if straight else None
