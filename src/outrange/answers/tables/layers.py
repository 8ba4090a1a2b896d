"""Parts that answers about layers share: lookup by name, labels, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from ...core import UnknownKeyError
from ..render.document import MOST_ROWS, Block, Cell, Fold, Table


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class _Called(_Named, Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def calls(self) -> int: ...


LayerT = TypeVar("LayerT", bound=_Named)


def find_layer(layers: Sequence[LayerT], name: str) -> LayerT:
    """Return the first layer with this name.

    Raises:
        UnknownKeyError: There is no such layer.
    """
    for layer in layers:
        if layer.name == name:
            return layer
    names = [layer.name for layer in layers]
    raise UnknownKeyError(f"A layer must be one of {names}. Received: {name!r}.")


def label_layer(layer: _Called) -> str:
    """Return a layer's name and class, or its name and number of calls if there are several."""
    return f"{layer.name} x {layer.calls}" if layer.calls > 1 else f"{layer.name} ({layer.kind})"


def tabulate_layers(head: Sequence[str], rows: Sequence[Sequence[Cell]], align: str) -> Block:
    """Return a table with one row per layer; a long table is cut and folded."""
    table = Table(head, rows[:MOST_ROWS], align, max(len(rows) - MOST_ROWS, 0))
    return Fold(f"The first {MOST_ROWS} layers", [table]) if table.omitted else table
