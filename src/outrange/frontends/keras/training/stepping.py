"""Description of a compiled optimizer's steps, and graphs of a model with new weight values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ....program import PartialGraph, Stepping
from ..trace.tolerant import TolerantRun
from .optimizer_settings import settings_of
from .randomness import has_user_loss
from .training import overridden_training_method


MOST_CALLS = 256
"""Number of steps up to which a schedule is evaluated step by step; beyond it, in one call."""

CONVOLUTIONS = (
    "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
)  # fmt: skip
"""Keras layers that reshape their bias before adding it."""

CELLS = ("SimpleRNNCell", "LSTMCell")
"""Keras cells that, at inference, use their first state only in a product with one kernel."""

STEADY = (
    "Dense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D", "Embedding",
    "Normalization", "Rescaling",
)  # fmt: skip
"""Layers whose non-trainable weights do not change in training."""


def describe_stepping(k: Any, model: Any) -> Stepping | None:
    """Describe the steps of the compiled optimizer, or return None if there is none."""
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
    """Return why the steps may differ from those of a Keras optimizer in float32, or `""`."""
    overridden = overridden_training_method(k, model)
    if overridden:
        return f"the model has its own `{overridden}`"
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
        return "the optimizer has taken no step, but its moments are not the initial ones"
    policies = {layer.compute_dtype for layer in model._flatten_layers()}
    narrow = sorted(str(name) for name in policies - {"float32", None})
    return f"layers compute in {narrow[0]}" if narrow else ""


def _is_fresh(k: Any, optimizer: Any) -> bool:
    """Return whether all state arrays of an optimizer have their initial values.

    The number of past steps and the learning rate are ignored.
    """
    rest = {id(optimizer._iterations), id(optimizer._learning_rate)}
    grown = getattr(optimizer, "initial_accumulator_value", 0.0)
    product = getattr(optimizer, "_u_product", None)
    return not any(
        bool(k.ops.any(k.ops.not_equal(variable, 1.0 if variable is product else grown)))
        for variable in optimizer.variables
        if id(variable) not in rest
    )


ELEMENTWISE = (
    "SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl", "Lion",
)  # fmt: skip
"""Optimizers that update an entry of a weight from its own gradients only."""


def moves_entries_alone(k: Any, model: Any) -> bool:
    """Return whether several weights can be updated as one vector with the same results."""
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
    """Return whether a class is an optimizer of Keras, or the backend's version of one.

    On PyTorch, Keras replaces `Adam` with a class of the same name that updates all weights
    together, with the same results.
    """
    keras_class = getattr(k.optimizers, kind.__name__, None)
    is_backend_class = kind.__module__.startswith("keras.src.backend.")
    return keras_class is not None and (
        kind is keras_class or (is_backend_class and issubclass(kind, keras_class))
    )


def _rates(k: Any, optimizer: Any, count: int) -> np.ndarray | None:
    rate = optimizer._learning_rate
    if not callable(rate) or hasattr(rate, "shape"):
        return np.full(count, float(k.ops.convert_to_numpy(rate)))
    if not isinstance(rate, k.optimizers.schedules.LearningRateSchedule):
        return None  # a function without an argument may return anything next time
    first = int(k.ops.convert_to_numpy(optimizer.iterations))

    def rate_at(step: int) -> float:
        return float(k.ops.convert_to_numpy(rate(step)))

    if count <= MOST_CALLS:
        return np.array([rate_at(first + i) for i in range(count)])
    try:
        steps = k.ops.convert_to_tensor(np.arange(first, first + count, dtype="int32"))
        rates = np.asarray(k.ops.convert_to_numpy(k.ops.vectorized_map(rate, steps)), np.float64)
    except Exception:
        # A schedule is user code; without mapping it over steps, its values are unknown.
        return None
    places = np.unique(np.linspace(0, count - 1, 9).astype(int))
    if rates.shape != (count,) or not np.isfinite(rates).all():
        return None
    same = [abs(rates[i] - rate_at(first + i)) <= 1e-5 * abs(rates[i]) for i in places]
    return rates * (1.0 + 1e-5) if all(same) else None


def lower_with_weights(
    k: Any, variables: Sequence[Any], part: Callable[[], PartialGraph | None]
) -> Callable[[Mapping[int, np.ndarray]], PartialGraph | None]:
    """Return a function that lowers the model with new values for some weights.

    The function maps a dict of new values, keyed by the index of the weight, to a graph or None.

    Args:
        variables: The model's weights, in order.
        part: Function that lowers the model with its current weights.
    """

    def lower(values: Mapping[int, np.ndarray]) -> PartialGraph | None:
        assignments = [
            (variables[i], k.ops.convert_to_tensor(np.asarray(value, "float32")))
            for i, value in values.items()
        ]
        with k.StatelessScope(state_mapping=assignments):
            return part()

    return lower


def known_reads(k: Any, run: TolerantRun, index: Mapping[int, int]) -> dict[int, str]:
    """Map weights of Keras's layers to `"bias"` or `"state"` if all unrecorded reads are known.

    The keys are indices of weights. `"bias"` is the bias of a convolution, and `"state"` the
    recurrent kernel of a cell in `CELLS` whose first state is an array of zeros. Both are read once
    per call, outside recorded operations. A weight with another number of reads is absent, because
    other code also reads it.
    """
    reads: dict[int, int] = {}
    kinds: dict[int, str] = {}
    for visit in run.trace.visits:
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
        index[i]: what for i, what in kinds.items() if i in index and reads[i] == run.escaped.get(i)
    }


def _from_zeros(k: Any, inputs: tuple) -> bool:
    """Return whether the first state passed to a cell, after its input, is an array of zeros."""
    state = k.tree.flatten(inputs[1:])[:1]
    return (
        len(state) == 1
        and not isinstance(state[0], k.KerasTensor)
        and not np.any(k.ops.convert_to_numpy(state[0]))
    )


def steady_weights(
    k: Any, model: Any, run: TolerantRun, index: Mapping[int, int]
) -> frozenset[int]:
    """Return the indices of weights of `STEADY` layers that the model does not assign.

    Only the optimizer changes these weights.

    Args:
        index: Map from the `id` of a variable to its index.
    """
    return frozenset(
        index[id(variable)]
        for layer in model._flatten_layers()
        if type(layer) is getattr(k.layers, type(layer).__name__, None)
        and type(layer).__name__ in STEADY
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables)
        if id(variable) in index and id(variable) not in run.assigned
    )


def position_dependent_code(k: Any, model: Any) -> str:
    """Name the code that may treat a weight's entries differently by position.

    Return `""` if there is none. Keras's optimizers and its L1 and L2 penalties do not depend on
    the order of entries. User code may read a weight itself.
    """
    optimizer = getattr(model, "optimizer", None)
    for part in (optimizer, getattr(optimizer, "inner_optimizer", None)):
        if part is not None and not _is_keras_own(k, type(part)):
            return f"`{type(part).__name__}`, which is not an optimizer of Keras"
    if has_user_loss(k, model):
        return "a loss that is not Keras's"
    sums = (k.regularizers.L1, k.regularizers.L2, k.regularizers.L1L2)
    for variable in model.variables:
        regularizer = getattr(variable, "regularizer", None)
        if regularizer is not None and type(regularizer) not in sums:
            return f"the regularizer of `{variable.path}`"
    for layer in model._flatten_layers():
        regularizer = getattr(layer, "activity_regularizer", None)
        if regularizer is not None and type(regularizer) not in sums:
            return f"the activity regularizer of `{layer.name}`"
        if type(layer).losses is not k.Layer.losses:
            return f"the losses of `{layer.name}`"
    return ""


def weight_state(
    k: Any, model: Any, index: Mapping[int, int], weight: int
) -> list[np.ndarray] | None:
    """Return the optimizer's state arrays of a weight (moments, sums), each in the weight's shape.

    Return None if any of the optimizer's other state arrays, which do not match a weight in shape,
    has unequal entries.
    """
    optimizer = getattr(model, "optimizer", None)
    arrays, in_slots = [], set()
    parts = [p for p in (optimizer, getattr(optimizer, "inner_optimizer", None)) if p is not None]
    for part in parts:
        weights = list(getattr(part, "_trainable_variables", None) or ())
        for state in vars(part).values():
            if not isinstance(state, list) or len(state) != len(weights):
                continue
            for variable, slot in zip(weights, state, strict=True):
                if not isinstance(slot, k.Variable) or slot.shape != variable.shape:
                    continue
                in_slots.add(id(slot))
                if index.get(id(variable)) == weight and slot is not variable:
                    arrays.append(np.asarray(k.ops.convert_to_numpy(slot)))
    for variable in (v for part in parts for v in part.variables):
        if id(variable) not in in_slots:
            array = np.asarray(k.ops.convert_to_numpy(variable))
            if array.size and not (array == array.flat[0]).all():
                return None
    return arrays
