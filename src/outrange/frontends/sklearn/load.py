"""Entry point: a fitted estimator of scikit-learn as a `Network`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core import ModelError
from ...graph import Builder, Operand, Slot, Value
from ...graph.float32 import FLOAT32, FLOAT64, FloatType
from ...ops import Curve
from ..check import check_same
from ..network import LayerInfo, Network
from .rules import Call, written


def load_sklearn(model: Any) -> Network:
    """Read a fitted estimator, and make sure that the graph read from it is the estimator.

    Args:
        model: A perceptron, a linear model, or a pipeline of scalers that ends in one.

    Returns:
        The network: probabilities of a classifier (`predict_proba`, in the order of `classes_`),
        predictions of a regressor, what a transformer returns. The columns that it was fitted to
        name its features.

    Raises:
        ModelError: It is not fitted, or the graph is not the estimator.
        UnsupportedError: It holds an estimator that is not described.
    """
    first = _first(model)
    features = int(first.n_features_in_)
    names = [str(name) for name in getattr(first, "feature_names_in_", ())] or None
    builder = Builder([Slot("x", (features,))], source="inputs")
    visits: list[tuple[str, str, int, Operand | None, Operand]] = []
    (x,) = builder.input_values()
    name = type(model).__name__
    out = written(Call(builder, model, x, "", names, visits))
    outputs = "probability" if hasattr(model, "predict_proba") else "prediction"
    after = [value for *_, value in visits if isinstance(value, Value)]
    kept = [v.index for v in after]
    kept += [v.index for *_, v, _ in visits if isinstance(v, Value)]
    graph = builder.finish([out], [outputs], kept)
    layers = tuple(_layer(builder, graph.nodes, visit) for visit in visits)
    network = Network(
        graph,
        _Predictor(model, names),
        name,
        "sklearn",
        tuple(layer for layer in layers if layer is not None),
        plain=builder.plain,
        places=builder.places,
        bypassed=builder.bypassed,
        computed=_computed(model),
    )
    check_same(network)
    return network if names is None else network.with_feature_names(names)


def arrays(model: Any) -> Iterator[np.ndarray]:
    """The numbers of a fitted estimator, in a fixed order, for its hash."""
    steps = dict(getattr(model, "steps", ()))
    for name, _, _ in getattr(model, "transformers_", ()):
        steps[name] = model.named_transformers_[name]
    for name in ("best_estimator_", "regressor_", "transformer_"):
        if hasattr(model, name):
            steps[name] = getattr(model, name)
    for step in steps.values():
        if hasattr(step, "get_params"):
            yield from arrays(step)
    for name, value in sorted(vars(model).items()):
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if name.endswith("_") and isinstance(part, np.ndarray) and part.dtype.kind in "iuf":
                yield part


def _computed(model: Any) -> FloatType:
    """Float64; but what was fitted to float32 computes some constants in it."""
    return FLOAT32 if any(part.dtype == np.float32 for part in arrays(model)) else FLOAT64


class _Predictor:
    """The estimator itself on flat inputs, in float64.

    Args:
        model: The estimator.
        names: Of the columns that it was fitted to; None for arrays.
    """

    def __init__(self, model: Any, names: list[str] | None) -> None:
        self._model, self._names = model, names
        proba = getattr(model, "predict_proba", None)
        if proba is None:
            proba = getattr(model, "predict", None) or model.transform
        self._run = proba

    def __call__(self, x: np.ndarray) -> np.ndarray:
        table: Any = np.asarray(x, np.float64)
        if self._names is not None and "pandas" in sys.modules:
            table = sys.modules["pandas"].DataFrame(table, columns=self._names)
        with warnings.catch_warnings():
            # Where no table can be made: that the estimator was fitted to one is known.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            found = np.asarray(self._run(table), np.float64)
        return found.reshape(len(x), -1)


def _first(model: Any) -> Any:
    """What knows the features: the estimator, or the first step of a pipeline with any effect."""
    for one in (model, *(step for _, step in getattr(model, "steps", ()))):
        if hasattr(one, "n_features_in_"):
            return one
    raise ModelError(
        "An estimator is read once it is fitted: call `fit` first. "
        f"Received: {type(model).__name__} without `n_features_in_`."
    )


def _layer(builder: Builder, nodes: Any, visit: tuple) -> LayerInfo | None:
    name, kind, count, before, after = visit
    if not isinstance(after, Value):
        return None
    shape, moved = tuple(after.shape[1:]), builder.moved
    is_curve = after.index and isinstance(nodes[moved[after.index] - 1].op, Curve)
    entering = moved[before.index] if isinstance(before, Value) and is_curve else None
    return LayerInfo(name, kind, shape, count, entering, moved[after.index])
