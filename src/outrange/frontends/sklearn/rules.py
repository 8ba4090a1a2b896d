"""Lowering rules for fitted scikit-learn estimators.

A rule accepts a `Call` and returns an operand of shape `(1, n)`. This module does not import
scikit-learn: it identifies an estimator by its class and reads its numbers from attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, softmax
from ..rule_table import rule_decorator


RULES: dict[str, Callable[[Call], Operand]] = {}
"""Map from the class name of an estimator to its rule."""

rule = rule_decorator(RULES)

CURVES = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid"}
"""Map from scikit-learn's name of an activation to its curve."""

LINEAR = ("LinearRegression", "Ridge", "Lasso", "ElasticNet", "RidgeCV", "LassoCV", "ElasticNetCV")


@dataclass(eq=False)
class Call:
    """An estimator applied to an operand.

    Args:
        builder: The graph being built.
        x: The operand that the estimator is applied to, of shape `(1, features)`.
        path: Name of the estimator, prefixed by the names of the enclosing steps; empty for the
            outermost estimator, and for its last step if it is a pipeline.
        columns: Names of the features, if the estimator was fitted on a table; otherwise None.
        visits: One entry per part that a summary lists: name, class or activation, number of
            parameters, the operand before its activation (None without one), and its result.
    """

    builder: Builder
    estimator: Any
    x: Operand
    path: str
    columns: Sequence[str] | None
    visits: list[tuple[str, str, int, Operand | None, Operand]]

    @property
    def name(self) -> str:
        """The estimator's name in a summary and in messages."""
        return self.path or type(self.estimator).__name__.lower()

    def visit(self, name: str, kind: str, count: int, before: Any, after: Operand) -> None:
        """Add one part of the estimator to `visits`, for the summary."""
        self.builder.mark_layer(name, after)
        self.visits.append((name, kind, count, before, after))

    def affine(self, factor: Any, shift: Any) -> Operand:
        """Compute `x * factor + shift`, feature by feature, and add the result to `visits`."""
        scaled = self.builder.affine_map(self.x, factor, shift, ulps=2)
        self.visit(self.name, type(self.estimator).__name__, 0, None, scaled)
        return scaled


_ENCODED = (
    " Encode the categories in the table, for example with `pandas.get_dummies`, and pass the rest "
    "of the pipeline with the encoded table."
)
_FILLED = " Fill the missing values in the table, and pass the rest of the pipeline."
ADVICE = {
    "OneHotEncoder": _ENCODED, "OrdinalEncoder": _ENCODED, "TargetEncoder": _ENCODED,
    "SimpleImputer": _FILLED, "KNNImputer": _FILLED, "IterativeImputer": _FILLED,
}  # fmt: skip
"""Advice for estimators of tables that are not supported, by class."""


def lower_estimator(call: Call) -> Operand:
    """Lower an estimator by the rule of its class.

    Raises:
        UnsupportedError: The class has no rule, or the rule does not cover the estimator.
    """
    kind = type(call.estimator)
    rule_of_class = RULES.get(kind.__name__) if kind.__module__.split(".")[0] == "sklearn" else None
    if rule_of_class is None:
        raise UnsupportedError(
            f"`{call.name}` must be a supported scikit-learn estimator: "
            f"{', '.join(sorted(RULES))}.{ADVICE.get(kind.__name__, '')} "
            f"Received: {kind.__module__}.{kind.__qualname__}."
        )
    call.builder.source = call.name
    return rule_of_class(call)


@rule("Pipeline")
def _pipeline(call: Call) -> Operand:
    x, columns = call.x, call.columns
    for name, step in call.estimator.steps:
        if step is None or isinstance(step, str):  # "passthrough"
            continue
        is_last = not call.path and step is call.estimator.steps[-1][1]
        path = "" if is_last else _join_path(call.path, name)
        inner = replace(call, estimator=step, x=x, path=path, columns=columns)
        x, columns = lower_estimator(inner), None
    return x


@rule("ColumnTransformer")
def _columns(call: Call) -> Operand:
    parts = []
    for name, step, chosen in call.estimator.transformers_:
        if isinstance(step, str) and step == "drop":
            continue
        at = _places(call, chosen)
        if not at.size:
            continue
        part = call.builder.structural(lambda a, at=at: a[0][:, at], [call.x], name="columns")
        if not isinstance(step, str):
            path, columns = _join_path(call.path, name), None
            part = lower_estimator(
                replace(call, estimator=step, x=part, path=path, columns=columns)
            )
        weight = (call.estimator.transformer_weights or {}).get(name)
        if weight is not None:
            part = call.builder.affine_map(part, float(weight), 0.0)
        parts.append(part)
    return call.builder.concat(parts, axis=1)


def _places(call: Call, chosen: Any) -> np.ndarray:
    """Return the indices of the columns that a part of a `ColumnTransformer` selects.

    Args:
        chosen: The selection: a slice, or names, indices or truth values of columns.
    """
    every = np.arange(call.x.shape[1])
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            raise UnsupportedError(
                f"`{call.name}` must select columns by a list of names or positions, not by a "
                f"slice of names. Received: {chosen!r}."
            )
        return every[chosen]
    listed: list[Any] = [chosen] if isinstance(chosen, str | int | np.integer) else list(chosen)
    if listed and all(isinstance(name, str) for name in listed):
        names = list(call.columns or ())
        if not set(listed) <= set(names):
            raise UnsupportedError(
                f"`{call.name}` must select columns that are in the data to which it was "
                f"fitted. Received: {listed[:6]}."
            )
        return np.array([names.index(name) for name in listed], int)
    return every[np.asarray(listed, bool if np.asarray(listed).dtype == bool else int)]


@rule("StandardScaler")
def _standard(call: Call) -> Operand:
    scaler = call.estimator
    scale = _float64(scaler.scale_, np.ones(call.x.shape[1]))
    mean = _float64(scaler.mean_ if scaler.with_mean else None, 0.0)
    return call.affine(1.0 / scale, -mean / scale)


@rule("RobustScaler")
def _robust(call: Call) -> Operand:
    scaler = call.estimator
    scale, center = _float64(scaler.scale_, np.ones(call.x.shape[1])), _float64(scaler.center_, 0.0)
    return call.affine(1.0 / scale, -center / scale)


@rule("MinMaxScaler")
def _min_max(call: Call) -> Operand:
    scaler = call.estimator
    scaled = call.affine(scaler.scale_, scaler.min_)
    least, most = scaler.feature_range
    return call.builder.clip(scaled, float(least), float(most)) if scaler.clip else scaled


@rule("MaxAbsScaler")
def _max_abs(call: Call) -> Operand:
    scaled = call.affine(1.0 / _float64(call.estimator.scale_, 1.0), 0.0)
    is_clipped = getattr(call.estimator, "clip", False)
    return call.builder.clip(scaled, -1.0, 1.0) if is_clipped else scaled


@rule("PCA")
def _pca(call: Call) -> Operand:
    pca = call.estimator
    weight = pca.components_.T.astype(np.float64)
    centered = call.builder.affine_map(call.x, 1.0, -pca.mean_)
    out = call.builder.dense(centered, weight)
    if pca.whiten:
        least = np.finfo(pca.explained_variance_.dtype).eps
        scale = _float64(np.maximum(np.sqrt(pca.explained_variance_), least), 1.0)
        out = call.builder.affine_map(out, 1.0 / scale, 0.0, ulps=2)
    call.visit(call.name, "PCA", weight.size, None, out)
    return out


@rule("FunctionTransformer")
def _function(call: Call) -> Operand:
    if call.estimator.func is not None:
        raise UnsupportedError(
            f"`{call.name}` must not be a FunctionTransformer with user code. Move the "
            "computation into the model, or remove this step and pass a box for its outputs. "
            f"Received: func={call.estimator.func!r}."
        )
    return call.x


@rule("MLPRegressor", "MLPClassifier")
def _perceptron(call: Call) -> Operand:
    model, b, x = call.estimator, call.builder, call.x
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for i, (weight, bias) in enumerate(layers, start=1):
        name = _join_path(call.path, f"layer_{i}")
        b.source = name
        before = x = b.dense(x, weight, np.asarray(bias, np.float64))
        kind = model.activation if i < len(layers) else model.out_activation_
        x = _apply_activation(call, kind, x)
        before = None if x is before else before
        call.visit(name, kind, weight.size + bias.size, before, x)
    return x


def _apply_activation(call: Call, kind: str, x: Operand) -> Operand:
    if kind == "identity":
        return x
    classes = getattr(call.estimator, "classes_", None)
    is_binary = classes is not None and len(classes) == 2 and x.shape[1] == 1
    if kind == "logistic" and is_binary:
        return _two_probabilities(call.builder, x)
    if kind == "softmax":
        return softmax(call.builder, x)
    if kind in CURVES:
        return call.builder.curve(CURVES[kind], x)
    if kind == "exp":
        return call.builder.curve("exp", x)
    raise UnsupportedError(
        f"The activation of `{call.name}` must be one of {', '.join(sorted(CURVES))}, softmax, "
        f"exp or identity. Received: activation={kind!r}."
    )


def _two_probabilities(b: Builder, logit: Operand) -> Operand:
    """Compute `[1 - p, p]` with `p` the sigmoid of a logit: the softmax of 0 and the logit."""
    both = b.concat([np.zeros((1, 1)), logit], axis=1)
    return softmax(b, both)


@rule(*LINEAR)
def _linear(call: Call) -> Operand:
    weight = np.atleast_2d(call.estimator.coef_).T
    bias = np.broadcast_to(np.asarray(call.estimator.intercept_, np.float64), weight.shape[1:])
    out = call.builder.dense(call.x, weight, bias)
    call.visit(call.name, type(call.estimator).__name__, weight.size + bias.size, None, out)
    return out


@rule("LogisticRegression")
def _logistic(call: Call) -> Operand:
    weight, b = call.estimator.coef_.T, call.builder
    logits = b.dense(call.x, weight, np.asarray(call.estimator.intercept_, np.float64))
    out = _two_probabilities(b, logits) if weight.shape[1] == 1 else softmax(b, logits)
    call.visit(call.name, "LogisticRegression", weight.size + weight.shape[1], logits, out)
    return out


@rule("TransformedTargetRegressor")
def _transformed_target(call: Call) -> Operand:
    model = call.estimator
    inner = replace(call, estimator=model.regressor_, path=_join_path(call.path, "regressor"))
    y, scaler = lower_estimator(inner), model.transformer_
    name, builder = type(scaler).__name__, call.builder
    call.builder.source = call.path
    if name == "StandardScaler":
        mean = scaler.mean_ if scaler.with_mean else None
        return builder.affine_map(y, _float64(scaler.scale_, 1.0), _float64(mean, 0.0))
    if name == "MinMaxScaler":
        scale, least = _float64(scaler.scale_, 1.0), _float64(scaler.min_, 0.0)
        return builder.affine_map(y, 1.0 / scale, -least / scale, ulps=2)
    raise UnsupportedError(
        f"`{call.name}` must transform its target with StandardScaler or MinMaxScaler. "
        f"Received: {name}."
    )


@rule("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
def _best_estimator(call: Call) -> Operand:
    return lower_estimator(replace(call, estimator=call.estimator.best_estimator_))


def _float64(fitted: Any, default: Any) -> np.ndarray:
    """Return fitted numbers (or `default`, if they are None) as float64."""
    return np.asarray(default if fitted is None else fitted, np.float64)


def _join_path(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
