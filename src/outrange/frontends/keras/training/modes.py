"""Detection of layers that may behave differently in training than in the recorded inference."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..api import is_keras_class
from ..trace.tolerant import TolerantRun
from .training import overridden_training_method


SAME_IN_TRAINING = frozenset({
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
"""Keras layers that behave the same in training and at inference, apart from their inner layers."""

_RATES = ("dropout", "recurrent_dropout")

SAME_IF_UNSET = {
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
"""Map from further Keras layers to their attributes that must not be set.

A layer behaves the same in training and at inference if all these attributes are 0 or False.
"""

DROPPING = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
            "GaussianDropout")  # fmt: skip


@dataclass(frozen=True)
class Mode:
    """Differences of one layer call between training and inference.

    Args:
        noisy: Whether the layer, an inner layer or an enclosing layer may compute something
            different in training.
        behind: Whether the layer's inputs may differ in training.
        statistics: Whether batch statistics, or something unknown, may replace the layer's
            inference computation.
    """

    noisy: bool
    behind: bool
    statistics: bool


def is_own(layer: Any) -> bool:
    """Return whether a layer is a `Lambda`, or its class is not part of Keras."""
    return type(layer).__name__ == "Lambda" or not is_keras_class(type(layer))


def dropout_rate(k: Any, layer: Any) -> float:
    """Return the rate of a dropout layer, or 0 for other layers."""
    kinds = tuple(getattr(k.layers, name) for name in DROPPING)
    rate = getattr(layer, "rate", 0.0) if isinstance(layer, kinds) else 0.0
    return float(rate) if isinstance(rate, int | float) else 0.0


def may_differ(layer: Any) -> bool:
    """Return whether a layer's own code may behave differently in training.

    The result is False for a user's layer whose `call` has no training argument, or only passes
    this argument to other layers. It is always True for a quantized layer, and for a layer whose
    `call` is an attribute of the instance. Inner layers are judged separately.
    """
    kind = type(layer)
    if "call" in vars(layer) or getattr(layer, "quantization_mode", None) is not None:
        return True
    if kind.__name__ == "Lambda" and is_keras_class(kind):
        return getattr(layer, "_fn_expects_training_arg", True)
    base = _keras_base(kind)
    if base is not None:
        if base.__name__ in SAME_IF_UNSET:
            return any(getattr(layer, name, True) for name in SAME_IF_UNSET[base.__name__])
        return base.__name__ not in SAME_IN_TRAINING
    return getattr(layer, "_call_has_training_arg", True) and not _only_forwards_flag(layer)


def _keras_base(kind: type) -> type | None:
    """Return the Keras class whose computation a class inherits, or None if it has its own."""
    for base in kind.__mro__:
        if is_keras_class(base):
            return base
        for name, value in vars(base).items():
            if name in ("call", "__call__") or "training" in _arguments(value):
                return None
    return None


def _arguments(value: Any) -> tuple[str, ...]:
    code = getattr(value, "__code__", None)
    return () if code is None else code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _only_forwards_flag(layer: Any) -> bool:
    """Return whether a layer's `call` uses its training flag only to pass it to inner layers.

    It must pass the flag as a keyword argument. If the source code is unavailable, return False.
    """
    kind = type(layer)
    user_classes = itertools.takewhile(lambda base: not is_keras_class(base), kind.__mro__)
    if any("__call__" in vars(base) for base in user_classes):
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
    forwarded = {
        id(word.value)
        for part in parts if isinstance(part, ast.Call)
        for word in part.keywords
        if word.arg == "training" and _holds_layers(layer, code.args.args[0].arg, part.func, loops)
    }  # fmt: skip
    return all(
        id(part) in forwarded
        for part in parts
        if isinstance(part, ast.Name) and part.id == "training"
    )


def _holds_layers(layer: Any, itself: str, called: ast.expr, loops: dict[str, ast.expr]) -> bool:
    """Return whether `called`, such as `self.dense`, refers to layers that accept the flag.

    The flag is the argument `training`.
    """
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
    layers = getattr(layer, called.attr, None)
    if isinstance(layers, dict):
        layers = list(layers.values())
    layers = list(layers) if isinstance(layers, list | tuple) else [layers]
    return bool(layers) and all(getattr(part, "_call_has_training_arg", False) for part in layers)


def may_differ_as_whole(k: Any, model: Any) -> bool:
    """Return whether a model's own code, apart from its layers, may behave differently in training.

    This is the case if it overrides a training method of Keras, or if its own `call` may differ.
    """
    return bool(isinstance(model, k.Model) and overridden_training_method(k, model)) or (
        is_own(model) and may_differ(model)
    )


def modes(k: Any, model: Any, run: TolerantRun) -> list[Mode]:
    """Return how each layer call of a recording may differ in training, in recorded order.

    Args:
        model: The model as the user compiled it.
        run: A recording of the model, or of its copy in float32.
    """
    visits, around = run.trace.visits, _containers(k, model, run)
    result, behind = [], False
    for visit in visits:
        inside = [around[path] for path in _prefixes(visit.path) if path in around]
        layers = _inner_layers(k, visit.layer)
        noisy = bool(inside) or any(map(may_differ, layers))
        result.append(
            Mode(
                noisy,
                behind or bool(inside),
                any(inside) or any(_uses_batch_statistics(k, inner) for inner in layers),
            )
        )
        behind = behind or noisy
    return result


def _inner_layers(k: Any, layer: Any) -> list[Any]:
    return layer._flatten_layers() if isinstance(layer, k.Layer) else []


def _uses_batch_statistics(k: Any, layer: Any) -> bool:
    if isinstance(layer, k.layers.BatchNormalization | k.layers.SpectralNormalization):
        return True
    return is_own(layer) and may_differ(layer)


def _containers(k: Any, model: Any, run: TolerantRun) -> dict[str, bool]:
    """Map the path of each layer that may differ in training to the kind of difference.

    The value is True for batch statistics or user code, and False for other differences. The model
    itself has the path `""`.
    """
    around = {"": True} if may_differ_as_whole(k, model) else {}
    for visit in run.trace.visits:
        if isinstance(visit.layer, k.Layer) and may_differ(visit.layer):
            around[visit.path] = _uses_batch_statistics(k, visit.layer)
    return around


def _prefixes(path: str) -> Iterator[str]:
    """Yield the paths of the layers that enclose a layer, starting with the model's."""
    parts = path.split("/")
    for count in range(len(parts)):
        yield "/".join(parts[:count])


def unknown_records(k: Any, model: Any, run: TolerantRun) -> set[int]:
    """Return the ids of records that batch statistics or user code may replace during training."""
    around = {path for path, is_unknown in _containers(k, model, run).items() if is_unknown}
    ends = {
        id(t)
        for visit in run.trace.visits
        if visit.path in around
        for t in k.tree.flatten(visit.outputs)
    }
    return {
        id(record)
        for record in run.trace.records[: run.inside]
        if "" in around
        or any(path in around for path in (record.source, *_prefixes(record.source)))
        or any(id(t) in ends for t in k.tree.flatten(record.outputs))
    }


def changeable_variables(k: Any, model: Any, run: TolerantRun) -> set[int]:
    """Return the ids of the variables that code other than the optimizer may change in training."""
    visited = {id(visit.layer): visit.layer for visit in run.trace.visits}
    layers = [inner for layer in visited.values() for inner in _inner_layers(k, layer)]
    variables = set(run.assigned)
    if may_differ_as_whole(k, model) or any(
        is_own(inner) and may_differ(inner) for inner in layers
    ):
        # Code that receives the training flag may set any variable that it can reach.
        variables.update(id(v) for inner in layers for v in inner.variables)
    for inner in layers:
        dropping = type(inner).__name__ in SAME_IF_UNSET and not getattr(inner, "stateful", False)
        if may_differ(inner) and not dropping:
            variables.update(id(v) for v in inner.variables)
    for record in run.trace.records[: run.inside]:
        if id(record) in run.opaque and is_own(record.layer):
            variables.update(id(v) for v in record.layer.variables)
    return variables
