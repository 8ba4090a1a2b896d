"""The record of a loaded model that the rest of the library uses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core import InputError, ModelSource
from ..core.messages import count_noun
from ..graph import Graph, Slot
from ..graph.float32 import FLOAT32, FloatType
from ..graph.graph import merge_columns


SHOWN = 6
"""Maximum number of inputs, and of outputs, that `repr` lists."""


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A graph, and the user's own model to compare it with.

    Args:
        graph: The function of the model, in real arithmetic.
        predict: Function that runs the model itself, in its own arithmetic, from flat inputs
            `(batch, graph.size)` to flat outputs `(batch, outputs)`. None if there is no model to
            run, as for a bare graph.
        name: The model's name, for reports.
        origin: The framework: `"keras"` or `"onnx"`, for instance.
        layers: One entry per layer that a summary lists, in order.
        probe: Function that evaluates the model's inner values; None if the framework does not
            expose them. It maps one flat input `(1, graph.size)` to a dict. Each key is the index
            of a value of `written`; the entry is the model's result for this value, as an array.
            A failed comparison uses it to name the layer.
        plain: The graph before elementwise sub-graphs were fused into single curves; None if
            nothing was fused.
        places: Map from the index of a value of `graph` to the index of the same value in
            `written`; empty if nothing was fused.
        bypassed: Indices of the values of `graph` that a fused curve bypasses. The
            dependence of later values on them, and its derivatives, must be computed in `written`.
        source: The hash of the model's file or of its weights at the time the model was read; None
            if there is none, as for a bare graph.
        computed: The element type in which points are passed to `predict`, and whose rounding
            errors are assumed in comparisons with it.
        undescribed: Text that names the first node whose result may be rounded or wrap around in a
            way that the graph does not describe; empty if there is none.
        file: Path of the model file; None for a model in memory.
        parts: The networks composed side by side in this one, with the names that a property gives
            them; empty for a single model.
        input_slots: Inputs of all `parts`, in order; empty without `input_index`.
        input_index: `(inputs of the parts,)`: for each flat input of the parts, its position among
            the flat inputs of `graph`. None for one model, or if all parts have the inputs of
            `graph`.
        terms: Graph from `[x, y]` to the nonlinear terms of a condition, which follow the model's
            outputs in `graph` and `predict`; None if there are none.
        model: The network without `terms`; None if there are none.
        products: Map from each of the `terms` that is a product to its factors. Keys and factors
            are indices of variables of a condition.
    """

    graph: Graph
    predict: Callable[[np.ndarray], np.ndarray] | None
    name: str
    origin: str
    layers: tuple["LayerInfo", ...] = field(default_factory=tuple)
    probe: Callable[[np.ndarray], dict[int, np.ndarray]] | None = None
    plain: Graph | None = None
    places: Mapping[int, int] = field(default_factory=dict)
    bypassed: frozenset[int] = frozenset()
    source: ModelSource | None = None
    computed: FloatType = FLOAT32
    undescribed: str = ""
    file: str | None = None
    parts: tuple[tuple[str, "Network"], ...] = ()
    input_slots: tuple[Slot, ...] = ()
    input_index: np.ndarray | None = None
    terms: Graph | None = None
    model: "Network | None" = None
    products: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Format the name, inputs, outputs and number of layers in one line."""
        slots = (self.graph.inputs, self.graph.outputs)
        inputs, outputs = (", ".join(f"{s.name} {s.shape}" for s in some[:SHOWN]) for some in slots)
        more = [f", and {len(some) - SHOWN} more" * (len(some) > SHOWN) for some in slots]
        return (
            f"Network({self.name!r}, inputs: {inputs}{more[0]}; outputs: {outputs}{more[1]}; "
            f"{count_noun(len(self.layers), 'layer')})"
        )

    def with_feature_names(self, names: Sequence[str]) -> "Network":
        """Return this network with its single flat input replaced by one named input per feature.

        Args:
            names: One name per feature, in order.

        Returns:
            A network with one input per feature, all of them columns of one vector.

        Raises:
            InputError: The network has several inputs, there is not one name per feature, or two
                names are equal.
        """
        inputs = merge_columns(self.graph.inputs)
        features = list(names) if not isinstance(names, str) else [names]
        if len(inputs) != 1:
            raise InputError(
                "`names` requires a model with one input, because it names the features of this "
                f"input. Received: names={features[:8]} for a model with the inputs "
                f"{[slot.name for slot in inputs]}."
            )
        (slot,) = inputs
        if len(features) != slot.size or not all(
            isinstance(name, str) and name for name in features
        ):
            raise InputError(
                "`names`, or the columns of a table, must contain one name for each of the "
                f"{slot.size} features of `{slot.name}`, in order"
                f"{_count_hint(features, slot.size)}. Received: "
                f"{count_noun(len(features), 'name')}, {features[:20]}"
                f"{', ...' * (len(features) > 20)}."
            )
        if len(set(features)) < len(features):
            duplicate = next(name for name in features if features.count(name) > 1)
            raise InputError(f"`names` must all be different. Received: `{duplicate}` twice.")
        old = self.graph.inputs
        columns = tuple(
            replace(old[i] if len(old) > 1 else slot, name=name, shape=(), column_of=slot.name)
            for i, name in enumerate(features)
        )
        plain = None if self.plain is None else replace(self.plain, inputs=columns)
        return replace(self, graph=replace(self.graph, inputs=columns), plain=plain)

    @property
    def x(self) -> Any:
        """Placeholder for the input, for conditions: `f.x[0] <= g.x[0]`."""
        return self._variables.x

    @property
    def y(self) -> Any:
        """Placeholder for the output, for conditions: `f.y[0] <= g.y[0]`."""
        return self._variables.y

    def layer(self, name: str) -> Any:
        """Return the placeholder for the values of a layer, for conditions.

        Args:
            name: Name of a layer that the network calls once.

        Returns:
            A variable with the layer's output shape: `f.layer("dense_1")[0] >= 0` is a condition.
        """
        return self._variables.layer(name)

    @property
    def _variables(self) -> Any:
        from ..questions.expressions.variables import NetworkVariables

        return NetworkVariables(self.name)

    @property
    def written(self) -> Graph:
        """The graph with one node per operation, as the model computes it, before any fusion."""
        return self.graph if self.plain is None else self.plain


def _count_hint(names: Sequence[str], size: int) -> str:
    """Suggest how a table gets as many columns as a model has features.

    The last columns are often targets, and columns of text become several columns.
    """
    if len(names) < size:
        return "; a column is missing, or a column of text needs `pd.get_dummies(frame)`"
    if len(names) == size:
        return ""
    return (
        f"; if the last {len(names) - size} columns of a DataFrame are not inputs, drop them: "
        f"`frame.drop(columns={list(names)[size:]})`"
    )


@dataclass(frozen=True)
class LayerInfo:
    """One layer of the user's model.

    Args:
        path: Name of the layer (prefixed by the names of the enclosing models): a key of
            `Graph.layers`.
        kind: Class or operator of the layer, such as `"Dense"`.
        shape: Output shape without the batch axis.
        parameters: Number of parameters of the layer.
        before: Index of the graph value before the activation; None without an activation.
        after: Index of the graph value that the layer returns.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    before: int | None
    after: int
