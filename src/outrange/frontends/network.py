"""A model as the rest of the library uses it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..core import InputError, ModelSource
from ..graph import Graph
from ..graph.float32 import FLOAT32, FloatType
from ..graph.graph import vectors


SHOWN = 6
"""Inputs and outputs that `repr` lists."""


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A graph, and the user's own model to compare it with.

    Args:
        graph: What the model computes, in real arithmetic.
        predict: The model itself, in its own arithmetic: flat inputs `(batch, graph.size)` to flat
            outputs `(batch, outputs)`. None where no runtime for it is installed.
        name: The model's name, for reports.
        origin: `"keras"` or `"onnx"`.
        layers: One entry per layer worth a row in a summary, in order.
        probe: The model's own inner values, where it can show them: one flat input
            `(1, graph.size)` to a dict from value of `written` to its flat float32 value. A failed
            comparison uses it to name the layer.
        plain: The graph before elementwise sub-graphs became single curves, if any did.
        places: From each value of `graph` to the same value of `written`, where they differ.
        bypassed: The values of `graph` that such a curve bypasses: what depends on them, and how
            steeply, is read off `written` only.
        source: The hash of the model's file or of its weights, as they were when it was read.
        computed: The element type that `predict` computes with.
        file: The file that it was read from; None for a model in memory.
        parts: The networks that stand side by side in this one, by the names that a property gives
            them; empty for a model of its own.
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
    file: str | None = None
    parts: tuple[tuple[str, "Network"], ...] = ()

    def __repr__(self) -> str:
        """One line: the name, the inputs, the outputs, how many layers."""
        slots = (self.graph.inputs, self.graph.outputs)
        inputs, outputs = (", ".join(f"{s.name} {s.shape}" for s in some[:SHOWN]) for some in slots)
        more = [f", and {len(some) - SHOWN} more" * (len(some) > SHOWN) for some in slots]
        return (
            f"Network({self.name!r}, inputs: {inputs}{more[0]}; outputs: {outputs}{more[1]}; "
            f"{len(self.layers)} layers)"
        )

    def named(self, names: Sequence[str]) -> "Network":
        """The same network, its one flat input known by a name per feature.

        Args:
            names: One for each feature, in order.

        Returns:
            A network with an input for each feature, all of them columns of one vector.

        Raises:
            InputError: It has several inputs, or the names do not fit.
        """
        whole = vectors(self.graph.inputs)
        given = list(names) if not isinstance(names, str) else [names]
        if len(whole) != 1:
            raise InputError(
                "`names` are those of the features of one input; this model has several, with the "
                f"names {[slot.name for slot in whole]}. Received: names={given[:8]}."
            )
        (slot,) = whole
        if len(given) != slot.size or not all(isinstance(name, str) and name for name in given):
            raise InputError(
                f"`names` holds one name for each of the {slot.size} features of `{slot.name}`, "
                f"in order{_rest(given, slot.size)}. "
                f"Received: {len(given)} names, {given[:8]}."
            )
        if len(set(given)) < len(given):
            twice = next(name for name in given if given.count(name) > 1)
            raise InputError(f"`names` are all different. Received: `{twice}` twice.")
        old = self.graph.inputs
        columns = tuple(
            replace(old[i] if len(old) > 1 else slot, name=name, shape=(), column_of=slot.name)
            for i, name in enumerate(given)
        )
        plain = None if self.plain is None else replace(self.plain, inputs=columns)
        return replace(self, graph=replace(self.graph, inputs=columns), plain=plain)

    @property
    def written(self) -> Graph:
        """The graph operation by operation, whose float32 roundings are those of the model."""
        return self.graph if self.plain is None else self.plain


def _rest(given: Sequence[str], size: int) -> str:
    """What to do with more names than features: those of a table often end in the targets."""
    if len(given) <= size:
        return ""
    return (
        f"; of a DataFrame drop the {len(given) - size} that are no inputs, if they are the last: "
        f"`frame.drop(columns={list(given)[size:]})`"
    )


@dataclass(frozen=True)
class LayerInfo:
    """One layer of the user's model.

    Args:
        path: Its name (with the names of the models around it): a key of `Graph.layers`.
        kind: Its class or operator, `"Dense"`.
        shape: Output shape without the batch axis.
        parameters: Number of weights.
        before: The graph value before its activation, if it has one; else None.
        after: The graph value it returns.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    before: int | None
    after: int
