"""Loader of fitted scikit-learn estimators."""

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
from .rules import Call, lower_estimator


def load_sklearn(model: Any) -> Network:
    """Read a fitted estimator into a graph, and check that the graph matches the estimator.

    Args:
        model: A fitted perceptron, linear model, scaler or PCA; a pipeline or a column transformer
            of these; a regressor with a transformed target; or a hyperparameter search over one of
            these.

    Returns:
        The network. Its outputs are the probabilities of a classifier (`predict_proba`, in the
        order of `classes_`), the predictions of a regressor, or the result of a transformer. If the
        estimator was fitted on a table, the inputs have the names of the columns.

    Raises:
        ModelError: The estimator is not fitted, or the graph differs from it.
        UnsupportedError: The model contains an unsupported estimator.
    """
    first = _first_fitted(model)
    features = int(first.n_features_in_)
    names = [str(name) for name in getattr(first, "feature_names_in_", ())] or None
    builder = Builder([Slot("x", (features,))], source="inputs")
    visits: list[tuple[str, str, int, Operand | None, Operand]] = []
    (x,) = builder.input_values()
    name = type(model).__name__
    out = lower_estimator(Call(builder, model, x, "", names, visits))
    outputs = "probability" if hasattr(model, "predict_proba") else "prediction"
    after = [value for *_, value in visits if isinstance(value, Value)]
    keep = [v.index for v in after]
    keep += [v.index for *_, v, _ in visits if isinstance(v, Value)]
    graph = builder.finish([out], [outputs], keep)
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
        computed=_element_type(model),
    )
    check_same(network)
    return network if names is None else network.with_feature_names(names)


def arrays(model: Any) -> Iterator[np.ndarray]:
    """Yield the fitted arrays of numbers of an estimator in a fixed order, for its hash."""
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


def _element_type(model: Any) -> FloatType:
    """Return float32 if any fitted array has that type, otherwise float64."""
    return FLOAT32 if any(part.dtype == np.float32 for part in arrays(model)) else FLOAT64


class _Predictor:
    """Function that runs the estimator itself on flat float64 inputs.

    It calls `predict_proba`, `predict` or `transform`: the first of these that the estimator has.

    Args:
        names: Names of the columns that the estimator was fitted on; None if it was fitted on an
            array.
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
            # Without pandas no table can be built; the warning about missing names is expected.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            outputs = np.asarray(self._run(table), np.float64)
        return outputs.reshape(len(x), -1)


def _first_fitted(model: Any) -> Any:
    """Return the estimator, or its first step if only a step stores the number of features.

    Raises:
        ModelError: The estimator is not fitted.
    """
    for step in (model, *(step for _, step in getattr(model, "steps", ()))):
        if hasattr(step, "n_features_in_"):
            return step
    raise ModelError(
        "An estimator must be fitted: call `fit` first. "
        f"Received: {type(model).__name__} without `n_features_in_`."
    )


def _layer(builder: Builder, nodes: Any, visit: tuple) -> LayerInfo | None:
    name, kind, count, before, after = visit
    if not isinstance(after, Value):
        return None
    shape, new_indices = tuple(after.shape[1:]), builder.moved
    is_curve = after.index and isinstance(nodes[new_indices[after.index] - 1].op, Curve)
    entering = new_indices[before.index] if isinstance(before, Value) and is_curve else None
    return LayerInfo(name, kind, shape, count, entering, new_indices[after.index])
