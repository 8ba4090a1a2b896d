"""Records of a training program, free of framework objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Graph
from .measurements import Measured, Rehearsal
from .optimizers import Optimizer, Stepping
from .products import KernelProduct
from .repairs import ModelChange


@dataclass(frozen=True, eq=False)
class Weight:
    """One variable of the model.

    Args:
        path: The name of its layer followed by the name of the variable, for example
            `"dense/kernel"`.
        layer: Name of the layer that owns it, the first part of `path`.
        trainable: Whether it is marked as trainable.
        read: Function that returns its current values.
        constrained: Whether it has a constraint.
    """

    path: str
    layer: str
    shape: tuple[int, ...]
    trainable: bool
    read: Callable[[], np.ndarray]
    constrained: bool = False


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """One operation of the model or of its loss; tensors and weights are identified by numbers.

    Args:
        kind: The framework's name for the operation, for example `"Matmul"`.
        layer: Path of the layer that performs it; `""` in the loss.
        gives: The tensors it returns.
        reads: The tensors it reads and passes a gradient back to.
        blocked: The tensors it reads but passes no gradient to, on any backend.
        weights: Indices into `Program.weights` of the variables it reads and passes a gradient to.
        blocked_weights: Indices of the variables it reads without passing a gradient.
        inside: Whether it belongs to the model rather than to the loss.
        opaque: Whether its inner computation is unknown.
        options: Axes, dtype and similar arguments that the diagnosis rules read, by name; only
            strings, numbers, booleans and None.
        shape: Shape of the first tensor it returns, including the batch axis of size 1.
        product: The kernel it multiplies by; None if there is no kernel with one column per unit.
        over: The axes over which a max or average pooling, a mean or a maximum reduces, counted
            from the front; empty for other operations.
        arrays: Whether it may read arrays that are neither tensors of the model nor its weights.
            True for operations outside the framework.
    """

    kind: str
    layer: str
    gives: tuple[int, ...]
    reads: tuple[int, ...]
    blocked: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()
    blocked_weights: tuple[int, ...] = ()
    inside: bool = True
    opaque: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    product: KernelProduct | None = None
    over: tuple[int, ...] = ()
    arrays: bool = False


@dataclass(frozen=True, eq=False)
class Layer:
    """One call of a layer of the model.

    Args:
        path: The names of the models that contain it, followed by its own name.
        kind: Name of its class.
        before: The tensor that enters its activation; None if it has none.
        after: The tensor it returns, or the first of several.
        others: The other tensors it returns.
        rate: The rate of a dropout layer; 0 for other layers.
        shape: Shape of `after`, without the batch axis.
        noisy: Whether it may compute something different in training. Examples are dropout, layers
            with batch statistics, and user code that receives the `training` flag.
        behind: Whether its inputs in training may differ from its inputs at inference.
        statistics: Whether training may replace its inference values with batch statistics or with
            unknown values.
        dtype: The floating-point type it computes in.
    """

    path: str
    kind: str
    before: int | None
    after: int
    shape: tuple[int, ...]
    noisy: bool = False
    dtype: str = "float32"
    others: tuple[int, ...] = ()
    rate: float = 0.0
    behind: bool = False
    statistics: bool = False


@dataclass(frozen=True, eq=False)
class Head:
    """The last operations that compute one output of the model.

    Args:
        activation: `"linear"` (trained weights are applied last, with nothing after them),
            `"softmax"`, `"sigmoid"`, `"tanh"`, `"relu"` and others by their Keras names, or
            `"other"`.
        layer: The layer that applies it.
        width: Number of entries of the output along its last axis.
        axis: The softmax axis, counted from the end.
        logits: The tensor before the activation; None for `"linear"` and `"other"`, and if the
            activation is applied to each step of a sequence separately.
        inner: The activation whose result enters this one directly, or `""`: `"softmax"` for a
            softmax of a softmax.
        dropped: The rate of a final dropout; 0 if there is none.
        recovered: Whether this backend lets a cross-entropy read `logits` instead of the output.
        moved: The last trained operand before the activation. `"bias"`: with a suitable bias, the
            result can be any number, for every input. `"kernel"`: the result is 0 if the
            inputs are 0. `""`: neither of them.
    """

    activation: str
    layer: str
    width: int
    axis: int = -1
    logits: int | None = None
    inner: str = ""
    dropped: float = 0.0
    recovered: bool = False
    moved: str = ""


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss of one output.

    Args:
        name: Its Keras name, for example `"mean_squared_error"`, or the name of the user's
            function.
        known: Whether it is a Keras loss in its usual form: with a reduction over all entries of
            the output (none is masked), along the last axis, with probabilities clipped at
            1e-7, in 32 or 64 bits.
        output: Index of the output it reads.
        from_logits: Whether the loss reads logits; None if it has no argument of this name.
        smoothing: The label smoothing, from 0 to 1.
        tensor: The loss's tensor in `Program.steps`; None if the loss could not be traced.
        options: Its other arguments that are numbers or strings, and its weight, reduction and
            dtype, by name.
        native: Whether it is a Keras loss, in its usual form or not.
    """

    name: str
    known: bool
    output: int
    from_logits: bool | None = None
    smoothing: float = 0.0
    tensor: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    native: bool = False


@dataclass(frozen=True, eq=False)
class Metric:
    """A compiled metric, as Keras resolves it for the shapes of the data.

    Args:
        name: The name under which training logs it, for example `"accuracy"`.
        kind: Name of its Keras class, for example `"BinaryAccuracy"`; `""` for a user's class.
    """

    name: str
    kind: str


@dataclass(frozen=True, eq=False)
class PartialGraph:
    """The part of the model that could be written as a graph.

    Args:
        graph: Its first `data` inputs are the flat model inputs; the others represent tensors about
            which nothing is assumed.
        data: The number of flat model inputs.
        unknown: For each tensor about which nothing is assumed: its layer, and the reason.
        values: Maps a tensor number to a value of the graph.
        constants: Maps a tensor number to an array, for tensors that depend on no input.
        places: Maps a tensor number to a value of `written`.
        written: The same graph operation by operation, as the model computes it. Dependencies
            are read from this graph, because `graph` fuses curves across layers.
        bypassed: The values of `graph` that a fused curve bypasses. Their bounds hold, but values
            that depend on them in the model may no longer read them in `graph`.
    """

    graph: Graph
    data: int
    unknown: tuple[tuple[str, str], ...]
    values: Mapping[int, int]
    constants: Mapping[int, np.ndarray]
    places: Mapping[int, int]
    written: Graph
    bypassed: frozenset[int]


@dataclass(frozen=True, eq=False)
class Program:
    """A model, its loss and its optimizer.

    Args:
        name: Name of the Keras model.
        backend: `"jax"`, `"tensorflow"` or `"torch"`.
        inputs: Shape of each input, without the batch axis.
        outputs: Name and shape of each output, without the batch axis; empty if the model could not
            be traced.
        output_tensors: Tensor number of each entry of `outputs`.
        layers: The recorded layer calls, in order.
        weights: The weights of the model, trainable or not.
        escaped: Indices of weights that are read by code that could not be traced.
        steps: The operations of model and loss, in order; empty if they could not be traced.
        heads: One record per output; empty if the model could not be traced.
        losses: One record per output that has a loss; empty if there is none.
        optimizer: The optimizer; None if the model is not compiled with one.
        whole: Graph of the model with its stored weights; None if it could not be built.
        free: Graph of the model in which nothing is assumed about tensors that training may change;
            None if it could not be built.
        predict: Maps data in the user's form to the outputs at inference, one array per output.
        measure: Maps `(x, y)` to the loss and its gradients. None if the model is not compiled, or
            if there are no targets.
        rehearse: `rehearse(x, y, steps, batch, seed)` runs at most `steps` training steps and
            leaves the model as it was. A step uses the first rows, or a batch drawn in random
            order. None if there is no optimizer, if there are no targets, or if the model overrides
            a training method of Keras.
        unread: The parts that could not be inspected, with the reasons.
        changed_in_training: Whether some layer may compute something different in training.
        chance_in_training: Whether the model may draw random numbers in training.
        own_chance: Whether user code may draw random numbers in training.
        stepping: The settings of the next optimizer steps; None if there is no optimizer.
        varied: `varied(values)` returns the graph of the model with other values of some weights.
            `values` maps weight indices to arrays. The result is None if that graph cannot be
            built.
        understood: Maps each member of `escaped` whose use is known to its role: `"bias"` (added to
            the result of a convolution) or `"state"` (multiplied by the zeros from which a
            recurrent layer starts).
        steady: Indices of weights that only the optimizer changes.
        taken: Maps inputs to the values that the model receives in its backend's types; None if
            they are unchanged.
        uneven: Description of code that may treat entries of one weight differently by position, or
            `""` if there is no such code.
        slots: Maps a weight index to the optimizer's slot variables for it, each in the weight's
            shape; None if slot variables cannot be assigned to weights.
        repair: Maps `(changes, x, y)` to the program of the changed model, or to None if it cannot
            be built. The field itself is None if the model is not compiled.
        input_dtypes: The type in which the model receives each input, for example `"float32"`.
        more_than_losses: Whether training may minimize more than the compiled losses: a penalty or
            a term added by user code.
        not_run: The reason why the model cannot be run on the rows of the data, or `""`.
        in_training: Function that returns the program with the steps recorded in training mode, or
            None if they cannot be recorded. The field itself is None if no layer may compute
            something different in training, or if there is no loss.
        dead_start: Maps `(trials=…, names=…, least=…)` to the probabilities of a dead start, as
            `outrange.training.dead_start` computes them; None if they cannot be computed.
        batch_statistics: Function that returns a map from the names of `BatchNormalization` layers
            to the number of entries per row and channel over which they average in training.
            Layers for which this number is unknown are absent.
        metrics: The compiled metrics of the only output, without those that use sample weights;
            empty if there are several outputs.
    """

    name: str
    backend: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]
    output_tensors: tuple[int, ...]
    layers: tuple[Layer, ...]
    weights: tuple[Weight, ...]
    escaped: frozenset[int]
    steps: tuple[RecordedStep, ...]
    heads: tuple[Head, ...]
    losses: tuple[Loss, ...]
    optimizer: Optimizer | None
    whole: PartialGraph | None
    free: PartialGraph | None
    predict: Callable[[Any], list[np.ndarray]]
    measure: Callable[[Any, Any], Measured] | None
    rehearse: Callable[..., Rehearsal] | None
    unread: tuple[str, ...] = ()
    changed_in_training: bool = False
    chance_in_training: bool = True
    own_chance: bool = True
    stepping: Stepping | None = None
    varied: Callable[[Mapping[int, np.ndarray]], PartialGraph | None] | None = None
    understood: Mapping[int, str] = field(default_factory=dict)
    steady: frozenset[int] = frozenset()
    taken: Callable[[list[np.ndarray]], list[np.ndarray]] | None = None
    uneven: str = ""
    slots: Callable[[int], list[np.ndarray] | None] = lambda _: []
    repair: Callable[[Sequence[ModelChange], Any, Any], "Program | None"] | None = None
    input_dtypes: tuple[str, ...] = ()
    more_than_losses: bool = True
    not_run: str = ""
    dead_start: Callable[..., Any] | None = None
    in_training: Callable[[], "Program | None"] | None = None
    batch_statistics: Callable[[], Mapping[str, int]] | None = None
    metrics: tuple[Metric, ...] = ()
