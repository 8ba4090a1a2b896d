"""Which layers may do something else in training than at inference, which is what is recorded."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..api import is_keras_class
from ..trace.tolerant import TolerantRun
from .training import own_training


SURE = frozenset({
    "InputLayer", "Identity", "ActivityRegularization", "Masking", "Flatten", "Reshape", "Permute",
    "RepeatVector", "Wrapper", "TimeDistributed", "Bidirectional", "StackedRNNCells", "Sequential",
    "Functional", "Model", "Dense", "EinsumDense", "Embedding", "ReversibleEmbedding", "Dot", "Add",
    "Subtract", "Multiply", "Average", "Concatenate", "Maximum", "Minimum", "Activation", "ReLU",
    "LeakyReLU", "PReLU", "ELU", "Softmax", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose",
    "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D",
    "SeparableConv2D", "Cropping1D", "Cropping2D", "Cropping3D", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D", "UpSampling1D", "UpSampling2D", "UpSampling3D", "MaxPooling1D",
    "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
    "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "LayerNormalization", "GroupNormalization",
    "RMSNormalization", "UnitNormalization", "Normalization", "Rescaling", "Resizing",
    "CategoryEncoding", "Discretization", "Hashing", "HashedCrossing", "IntegerLookup",
    "StringLookup", "TextVectorization", "MelSpectrogram", "STFTSpectrogram",
})  # fmt: skip
"""Layers of Keras that do in training what they do at inference; what is inside them is apart."""

_RATES = ("dropout", "recurrent_dropout")

UNLESS = {
    **dict.fromkeys(("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
                     "AlphaDropout", "GaussianDropout"), ("rate",)),
    "GaussianNoise": ("stddev",),
    **dict.fromkeys(("SimpleRNNCell", "LSTMCell", "GRUCell", "ConvLSTMCell"), _RATES),
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
                    (*_RATES, "stateful")),
    "RNN": ("stateful",),
    **dict.fromkeys(("Attention", "AdditiveAttention", "MultiHeadAttention",
                     "GroupedQueryAttention"), ("dropout",)),
}  # fmt: skip
"""Layers of Keras that do so where none of these is set."""

DROPPING = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
            "GaussianDropout")  # fmt: skip


@dataclass(frozen=True)
class Mode:
    """What training makes of one call of a layer.

    Args:
        noisy: Whether the layer may compute something else.
        behind: Whether it may get other inputs.
        statistics: Whether statistics of the batch, or something that nobody knows, may take the
            place of what it computes at inference.
    """

    noisy: bool
    behind: bool
    statistics: bool


def is_own(layer: Any) -> bool:
    """Whether the code of a layer is not Keras's."""
    return type(layer).__name__ == "Lambda" or not is_keras_class(type(layer))


def dropped(k: Any, layer: Any) -> float:
    """The rate of a dropout; 0 of other layers."""
    kinds = tuple(getattr(k.layers, name) for name in DROPPING)
    rate = getattr(layer, "rate", 0.0) if isinstance(layer, kinds) else 0.0
    return float(rate) if isinstance(rate, int | float) else 0.0


def may_differ(layer: Any) -> bool:
    """False only if a layer's own code is known to do the same in training.

    Of code that is not Keras's that is known if it does not receive the training flag, or only
    hands it on. The layers inside count by themselves.
    """
    kind = type(layer)
    if "call" in vars(layer) or getattr(layer, "quantization_mode", None) is not None:
        return True
    if kind.__name__ == "Lambda" and is_keras_class(kind):
        return getattr(layer, "_fn_expects_training_arg", True)
    base = _inherited(kind)
    if base is not None:
        if base.__name__ in UNLESS:
            return any(getattr(layer, name, True) for name in UNLESS[base.__name__])
        return base.__name__ not in SURE
    return getattr(layer, "_call_has_training_arg", True) and not _hands_on(layer)


def _inherited(kind: type) -> type | None:
    """The class of Keras whose way of computing a class has; None if it has its own."""
    for one in kind.__mro__:
        if is_keras_class(one):
            return one
        for name, value in vars(one).items():
            if name in ("call", "__call__") or "training" in _arguments(value):
                return None
    return None


def _arguments(value: Any) -> tuple[str, ...]:
    code = getattr(value, "__code__", None)
    return () if code is None else code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _hands_on(layer: Any) -> bool:
    """Whether a layer's `call` does nothing with the flag but name it to layers that it holds."""
    kind = type(layer)
    own = itertools.takewhile(lambda one: not is_keras_class(one), kind.__mro__)
    if any("__call__" in vars(one) for one in own):
        return False
    try:
        code = ast.parse(textwrap.dedent(inspect.getsource(kind.call))).body[0]
    except (OSError, TypeError, SyntaxError):
        return False
    if not isinstance(code, ast.FunctionDef) or code.decorator_list or not code.args.args:
        return False
    parts = list(ast.walk(code))
    loops = {
        part.target.id: part.iter for part in parts
        if isinstance(part, ast.For | ast.comprehension) and isinstance(part.target, ast.Name)
    }  # fmt: skip
    handed = {
        id(word.value)
        for part in parts if isinstance(part, ast.Call)
        for word in part.keywords
        if word.arg == "training" and _holds_layers(layer, code.args.args[0].arg, part.func, loops)
    }  # fmt: skip
    return all(
        id(part) in handed for part in parts if isinstance(part, ast.Name) and part.id == "training"
    )


def _holds_layers(layer: Any, itself: str, called: ast.expr, loops: dict[str, ast.expr]) -> bool:
    """Whether an expression is a layer of `layer`, each of which takes the flag by its name."""
    if isinstance(called, ast.Name):
        called = loops.get(called.id, called)
    elif isinstance(called, ast.Subscript):
        called = called.value
    if not (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == itself
    ):
        return False
    held = getattr(layer, called.attr, None)
    if isinstance(held, dict):
        held = list(held.values())
    held = list(held) if isinstance(held, list | tuple) else [held]
    return bool(held) and all(getattr(one, "_call_has_training_arg", False) for one in held)


def unlike(k: Any, model: Any) -> bool:
    """Whether what a model does in training may be something else as a whole."""
    return bool(isinstance(model, k.Model) and own_training(k, model)) or (
        is_own(model) and may_differ(model)
    )


def modes(k: Any, model: Any, found: TolerantRun) -> list[Mode]:
    """What training makes of each visit of a recording.

    Args:
        model: The model as the user compiled it.
        found: A recording of it, or of its copy.
    """
    visits, around = found.trace.visits, _containers(k, model, found)
    made, behind = [], False
    for visit in visits:
        inside = [around[path] for path in _prefixes(visit.path) if path in around]
        held = _held(k, visit.layer)
        noisy = bool(inside) or any(map(may_differ, held))
        made.append(
            Mode(
                noisy,
                behind or bool(inside),
                any(inside) or any(_of_batches(k, one) for one in held),
            )
        )
        behind = behind or noisy
    return made


def _held(k: Any, layer: Any) -> list[Any]:
    return layer._flatten_layers() if isinstance(layer, k.Layer) else []


def _of_batches(k: Any, layer: Any) -> bool:
    if isinstance(layer, k.layers.BatchNormalization | k.layers.SpectralNormalization):
        return True
    return is_own(layer) and may_differ(layer)


def _containers(k: Any, model: Any, found: TolerantRun) -> dict[str, bool]:
    """Path of each layer that may differ itself, and whether nobody knows in what."""
    around = {"": True} if unlike(k, model) else {}
    for visit in found.trace.visits:
        if isinstance(visit.layer, k.Layer) and may_differ(visit.layer):
            around[visit.path] = _of_batches(k, visit.layer)
    return around


def _prefixes(path: str) -> Iterator[str]:
    """The paths of what is around a layer, the model's first."""
    parts = path.split("/")
    for count in range(len(parts)):
        yield "/".join(parts[:count])


def unknown_records(k: Any, model: Any, found: TolerantRun) -> set[int]:
    """`id` of records that the user's own code may replace by others in training."""
    around = {path for path, own in _containers(k, model, found).items() if own}
    ends = {
        id(t)
        for visit in found.trace.visits
        if visit.path in around
        for t in k.tree.flatten(visit.outputs)
    }
    return {
        id(record)
        for record in found.trace.records[: found.inside]
        if "" in around
        or any(path in around for path in (record.source, *_prefixes(record.source)))
        or any(id(t) in ends for t in k.tree.flatten(record.outputs))
    }


def moving(k: Any, model: Any, found: TolerantRun) -> set[int]:
    """`id` of variables, trainable ones aside, that training may change."""
    visited = {id(visit.layer): visit.layer for visit in found.trace.visits}
    held = [one for layer in visited.values() for one in _held(k, layer)]
    moved = set(found.assigned)
    if unlike(k, model) or any(is_own(one) and may_differ(one) for one in held):
        # Code that knows of training may set any variable that it can reach.
        moved.update(id(v) for one in held for v in one.variables)
    for one in held:
        dropping = type(one).__name__ in UNLESS and not getattr(one, "stateful", False)
        if may_differ(one) and not dropping:
            moved.update(id(v) for v in one.variables)
    for record in found.trace.records[: found.inside]:
        if id(record) in found.opaque and is_own(record.layer):
            moved.update(id(v) for v in record.layer.variables)
    return moved
