"""What the steps of a compiled optimizer are made with, and graphs with other weights."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ....program import PartialGraph, Stepping
from ..trace.tolerant import TolerantRun
from .optimizer_settings import settings_of
from .randomness import own_loss
from .training import own_training


MOST_CALLS = 256
"""Steps of a schedule that are asked for one by one, where they cannot be asked for together."""

CONVOLUTIONS = (
    "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
)  # fmt: skip
"""Layers of Keras that reshape their bias before they add it."""

CELLS = ("SimpleRNNCell", "LSTMCell")
"""Cells of Keras that multiply their state by one kernel, and by nothing else."""

STEADY = (
    "Dense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D", "Embedding",
    "Normalization", "Rescaling",
)  # fmt: skip
"""Layers whose weights that are not trained do not change in training."""


def stepping(k: Any, model: Any) -> Stepping | None:
    """The compiled optimizer's way of taking steps; None if there is no optimizer."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return None
    config = settings_of(optimizer)
    plain = {
        name: value
        for name, value in config.items()
        if isinstance(value, int | float) and name != "learning_rate"
    }
    return Stepping(
        type(optimizer).__name__,
        plain,
        int(k.ops.convert_to_numpy(optimizer.iterations)),
        lambda count: _rates(k, optimizer, count),
        _refusal(k, model, optimizer),
    )


def _refusal(k: Any, model: Any, optimizer: Any) -> str:
    """Why the steps are not those of Keras's own optimizer on float32 weights."""
    own = own_training(k, model)
    if own:
        return f"the model has its own `{own}`"
    if not _is_keras_own(k, type(optimizer)):
        return f"`{type(optimizer).__name__}` is not an optimizer of Keras"
    for variable in model.trainable_variables:
        if getattr(variable, "constraint", None) is not None:
            return f"weight `{variable.path}` has a constraint"
        if variable.dtype != "float32":
            return f"weight `{variable.path}` is {variable.dtype}"
        if getattr(variable, "overwrite_with_gradient", False):
            return f"weight `{variable.path}` is overwritten by its gradient"
    if not (int(k.ops.convert_to_numpy(optimizer.iterations)) or _is_fresh(k, optimizer)):
        return "the optimizer has taken no step, but its moments are not those it starts with"
    policies = {layer.compute_dtype for layer in model._flatten_layers()}
    narrow = sorted(str(name) for name in policies - {"float32", None})
    return f"layers compute in {narrow[0]}" if narrow else ""


def _is_fresh(k: Any, optimizer: Any) -> bool:
    """Whether what an optimizer keeps of its gradients is what it starts with."""
    rest = {id(optimizer._iterations), id(optimizer._learning_rate)}
    grown = getattr(optimizer, "initial_accumulator_value", 0.0)
    product = getattr(optimizer, "_u_product", None)
    return not any(
        bool(k.ops.any(k.ops.not_equal(kept, 1.0 if kept is product else grown)))
        for kept in optimizer.variables
        if id(kept) not in rest
    )


ELEMENTWISE = (
    "SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl", "Lion",
)  # fmt: skip
"""Optimizers that move an entry of a weight by what its own gradients were, and by nothing else."""


def moves_entries_alone(k: Any, model: Any) -> bool:
    """Whether a step is the same when all weights are laid side by side in one vector."""
    optimizer, variables = model.optimizer, model.trainable_variables
    kind = type(optimizer)
    of_a_weight = ("clipnorm", "use_ema", "gradient_accumulation_steps",
                   "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")  # fmt: skip
    return (
        len(variables) > 1
        and kind.__name__ in ELEMENTWISE
        and _is_keras_own(k, kind)
        and not any(getattr(optimizer, name, None) for name in of_a_weight)
        and all(v.dtype == "float32" for v in variables)
        and not any(
            getattr(v, "constraint", None) or getattr(v, "overwrite_with_gradient", False)
            for v in variables
        )
    )


def _is_keras_own(k: Any, kind: type) -> bool:
    """Whether a class is one of Keras's, or what its backend makes of it.

    On PyTorch an `Adam` is made of a class of that name that takes the same steps, all weights at
    once.
    """
    own = getattr(k.optimizers, kind.__name__, None)
    made = kind.__module__.startswith("keras.src.backend.")
    return own is not None and (kind is own or (made and issubclass(kind, own)))


def _rates(k: Any, optimizer: Any, count: int) -> np.ndarray | None:
    rate = optimizer._learning_rate
    if not callable(rate) or hasattr(rate, "shape"):
        return np.full(count, float(k.ops.convert_to_numpy(rate)))
    if not isinstance(rate, k.optimizers.schedules.LearningRateSchedule):
        return None  # a function without an argument may return anything next time
    first = int(k.ops.convert_to_numpy(optimizer.iterations))

    def one(step: int) -> float:
        return float(k.ops.convert_to_numpy(rate(step)))

    if count <= MOST_CALLS:
        return np.array([one(first + i) for i in range(count)])
    try:
        steps = k.ops.convert_to_tensor(np.arange(first, first + count, dtype="int32"))
        found = np.asarray(k.ops.convert_to_numpy(k.ops.vectorized_map(rate, steps)), np.float64)
    except Exception:
        # A schedule is the user's code: what cannot be mapped over steps is not known.
        return None
    places = np.unique(np.linspace(0, count - 1, 9).astype(int))
    if found.shape != (count,) or not np.isfinite(found).all():
        return None
    same = [abs(found[i] - one(first + i)) <= 1e-5 * abs(found[i]) for i in places]
    return found * (1.0 + 1e-5) if all(same) else None


def varied(
    k: Any, variables: Sequence[Any], part: Callable[[], PartialGraph | None]
) -> Callable[[Mapping[int, np.ndarray]], PartialGraph | None]:
    """A function to the graph with other values of some weights; the model keeps its own.

    Args:
        variables: The weights that were recorded.
        part: Makes the graph of the values at hand.
    """

    def lower(values: Mapping[int, np.ndarray]) -> PartialGraph | None:
        given = [
            (variables[i], k.ops.convert_to_tensor(np.asarray(value, "float32")))
            for i, value in values.items()
        ]
        with k.StatelessScope(state_mapping=given):
            return part()

    return lower


def understood(k: Any, found: TolerantRun, index: Mapping[int, int]) -> dict[int, str]:
    """Weights of Keras's own layers that are read past the recording, and what they are.

    A convolution reads its bias once a call, a cell its kernel where its state is no symbol.
    Whoever else reads them makes the count differ.
    """
    reads: dict[int, int] = {}
    kinds: dict[int, str] = {}
    for visit in found.trace.visits:
        layer, kind = visit.layer, type(visit.layer).__name__
        if type(layer) is not getattr(k.layers, kind, None):
            continue
        if kind in CONVOLUTIONS and layer.use_bias:
            weight, what = layer.bias, "bias"
        elif kind in CELLS and _from_zeros(k, visit.inputs):
            weight, what = layer.recurrent_kernel, "state"
        else:
            continue
        reads[id(weight)] = reads.get(id(weight), 0) + 1
        kinds[id(weight)] = what
    return {
        index[i]: what
        for i, what in kinds.items()
        if i in index and reads[i] == found.escaped.get(i)
    }


def _from_zeros(k: Any, inputs: tuple) -> bool:
    """Whether the state that a cell is given, behind its input, is an array of zeros."""
    state = k.tree.flatten(inputs[1:])[:1]
    return (
        len(state) == 1
        and not isinstance(state[0], k.KerasTensor)
        and not np.any(k.ops.convert_to_numpy(state[0]))
    )


def steady(k: Any, model: Any, found: TolerantRun, index: Mapping[int, int]) -> frozenset[int]:
    """Weights that nothing but the optimizer changes: of classes of Keras that do not.

    Args:
        model: The model that was recorded.
        index: `id` of a variable to its number.
    """
    return frozenset(
        index[id(variable)]
        for layer in model._flatten_layers()
        if type(layer) is getattr(k.layers, type(layer).__name__, None)
        and type(layer).__name__ in STEADY
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables)
        if id(variable) in index and id(variable) not in found.assigned
    )


def uneven(k: Any, model: Any) -> str:
    """What may treat the entries of a weight unlike, whatever order they stand in; `""` if nothing.

    Keras's optimizers and the sums of its penalties below do the same with entries in another
    order. Code that is not Keras's may read a weight itself.
    """
    optimizer = getattr(model, "optimizer", None)
    for one in (optimizer, getattr(optimizer, "inner_optimizer", None)):
        if one is not None and not _is_keras_own(k, type(one)):
            return f"`{type(one).__name__}`, which is not an optimizer of Keras"
    if own_loss(k, model):
        return "a loss that is not Keras's"
    sums = (k.regularizers.L1, k.regularizers.L2, k.regularizers.L1L2)
    for variable in model.variables:
        given = getattr(variable, "regularizer", None)
        if given is not None and type(given) not in sums:
            return f"the regularizer of `{variable.path}`"
    for layer in model._flatten_layers():
        given = getattr(layer, "activity_regularizer", None)
        if given is not None and type(given) not in sums:
            return f"the activity regularizer of `{layer.name}`"
        if type(layer).losses is not k.Layer.losses:
            return f"the losses of `{layer.name}`"
    return ""


def slots(k: Any, model: Any, index: Mapping[int, int], weight: int) -> list[np.ndarray] | None:
    """What the optimizer keeps of a weight (moments, sums), each in the weight's shape.

    None if it keeps arrays that stand beside no weight and whose entries differ.
    """
    optimizer = getattr(model, "optimizer", None)
    found, beside = [], set()
    parts = [p for p in (optimizer, getattr(optimizer, "inner_optimizer", None)) if p is not None]
    for part in parts:
        weights = list(getattr(part, "_trainable_variables", None) or ())
        for kept in vars(part).values():
            if not isinstance(kept, list) or len(kept) != len(weights):
                continue
            for variable, slot in zip(weights, kept, strict=True):
                if not isinstance(slot, k.Variable) or slot.shape != variable.shape:
                    continue
                beside.add(id(slot))
                if index.get(id(variable)) == weight and slot is not variable:
                    found.append(np.asarray(k.ops.convert_to_numpy(slot)))
    for variable in (v for part in parts for v in part.variables):
        if id(variable) not in beside:
            array = np.asarray(k.ops.convert_to_numpy(variable))
            if array.size and not (array == array.flat[0]).all():
                return None
    return found
