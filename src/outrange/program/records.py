"""What a user trains, in records that name no framework's objects."""

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
        path: Its name with its layer's, `"dense/kernel"`.
        layer: Path of the layer that owns it.
        shape: Its shape.
        trainable: Whether training changes it.
        read: Its present values.
        constrained: Whether something is done to it after each step.
    """

    path: str
    layer: str
    shape: tuple[int, ...]
    trainable: bool
    read: Callable[[], np.ndarray]
    constrained: bool = False


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """One operation of the model or of its loss, tensors and weights as numbers.

    Args:
        kind: What the operation is called in the framework, `"Matmul"`.
        layer: Path of the layer it is in; `""` in the loss.
        gives: The tensors it returns.
        reads: The tensors through which a gradient passes back.
        blocked: The tensors it reads but passes no gradient to, on any backend.
        weights: Indices into `Program.weights` of the variables it reads, gradient passing.
        blocked_weights: Those it reads without passing a gradient.
        inside: Whether it happens in the model (else in the loss).
        opaque: Whether what it does inside is not known.
        options: The operation's plain arguments.
        shape: Of the first tensor it gives, the batch axis, 1, included.
        product: What it multiplies by, where that is a kernel with one column a unit.
        over: The axes that a pooling goes over, counted from the front.
        arrays: Whether arrays enter it that are neither tensors of the model nor its weights, or
            it is no operation of the framework's, so that this is not known.
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
    """One layer of the model, one entry a call.

    Args:
        path: Its name, with the names of the models around it.
        kind: Its class.
        before: The tensor that enters its activation; None if it has none.
        after: The tensor it returns (the first of several).
        others: The other tensors it returns.
        rate: Of a dropout; 0 elsewhere.
        shape: Of `after`, without the batch axis.
        noisy: Whether it may compute something else in training (dropout, batch statistics, code
            of the user's own that is told of it).
        behind: Whether training may give it other inputs than inference does.
        statistics: Whether training may put statistics of the batch, or something that nobody
            knows, in place of what it computes at inference.
        dtype: What it computes in.
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
    """How the model's output is made.

    Args:
        activation: `"linear"` (a layer with a trainable bias and nothing after it), `"softmax"`,
            `"sigmoid"`, `"tanh"`, `"relu"` and others by Keras's names, or `"other"`.
        layer: The layer that applies it.
        width: Entries along the last axis.
        axis: The softmax's axis, counted from the end.
        logits: The tensor before the activation; None for `"linear"` and `"other"`, and where it is
            applied to each step of a sequence by itself.
        inner: The activation whose result enters this one directly, or `""`: `"softmax"` for a
            softmax of a softmax.
        dropped: The rate of a dropout that comes last, 0 if none does.
        recovered: Whether this backend lets a cross-entropy read `logits` in place of the output.
        moved: What comes last before the activation and is trained: `"bias"`, which makes any
            number of any input, `"kernel"`, which leaves zeros where they are, or `""`.
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
        name: `"mean_squared_error"`; a user's own function has its own name.
        known: Whether it is one of Keras's and computed as usual: over all entries of the output
            (nothing is left out by a mask), along the last axis, clipped at 1e-7, in 32 bits.
        output: Index of the output it is of.
        from_logits: As declared; None where the loss has no such argument.
        smoothing: Label smoothing.
        tensor: The loss's tensor in `Program.steps`; None if it could not be followed.
        options: Its other arguments.
        native: Whether it is one of Keras's, however it is computed.
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
class PartialGraph:
    """What of the model could be written as a graph.

    Args:
        graph: Its first `data` inputs are the model's, flat; the others stand for tensors of which
            nothing is assumed.
        data: How many flat inputs are the model's.
        unknown: Layer and reason of each tensor of which nothing is assumed.
        values: Tensor number to value of the graph.
        constants: Tensor number to array, for tensors that depend on no input.
        places: Tensor number to value of `written`.
        written: The same graph operation by operation, as the model computes it. What depends on
            what is read off this one: elsewhere curves are fused across layers.
        bypassed: The values of `graph` that a fused curve bypasses. Bounds of them hold; what
            depends on them does not read them.
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
        name: The model's name.
        backend: `"jax"`, `"tensorflow"` or `"torch"`.
        inputs: Shape of each input, without the batch axis.
        outputs: Name and shape of each output, without the batch axis.
        output_tensors: Their tensor numbers.
        layers: In order of their calls.
        weights: Every variable.
        escaped: Indices of weights that are read where it cannot be followed.
        steps: What model and loss do, in order; empty if they could not be followed.
        heads: One an output.
        losses: One an output that has a loss; empty if there is none.
        optimizer: None if there is none.
        whole: The model with its stored weights; None if nothing could be read.
        free: The model with nothing assumed of what its trainable weights touch.
        predict: Data in the user's form to the outputs, float32, one array an output.
        measure: `(x, y)` to loss and gradients.
        rehearse: `(x, y, steps, batch, seed)` to what a few steps do, on the first rows or on
            batches drawn from all; None if the model cannot be copied.
        unread: What could not be looked at, and why.
        changed_in_training: Whether some layer may compute something else in training.
        chance_in_training: Whether training may draw random numbers that inference does not.
        own_chance: Whether code that is not Keras's may draw them.
        stepping: How the optimizer steps; None if there is none.
        varied: `varied(values)`: the graph of `whole` with other values of some weights, by their
            index; None where it cannot be written.
        understood: Of `escaped`, those whose use is known all the same, by what they are: `"bias"`
            of a convolution, which is added to what that returns, or `"state"`, multiplied by the
            zeros that a recurrent layer starts from.
        steady: Indices of weights that change by being trained or not at all.
        taken: Inputs to what the model gets of them, in the types of its backend; None: the same.
        uneven: What may move the entries of one weight by other rules than each other's, or `""`.
        slots: Weight index to what the optimizer keeps of it, each in the weight's shape; None
            where what it keeps cannot be told apart by weights.
        repair: `(changes, x, y)` to the program with some changes; None where it has no copy.
        input_dtypes: What the model takes each input as, `"float32"`.
        more_than_losses: Whether training may heed more than the compiled losses: a penalty, or
            what code of the user's own adds.
        not_run: Why the framework cannot be run on the data row by row, or `""`.
        in_training: The program with the steps that training records, or None where they cannot be
            recorded; no function where they are those of inference.
        dead_start: `(trials=…, names=…, least=…)` to the chances of a dead start, as
            `train.expected` answers; None where nobody can be asked.
        batch_statistics: Asked when it is needed: names of layers that take the statistics of the
            batch in training, to the entries of one row that these are over.
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
