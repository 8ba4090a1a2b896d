"""Layers of a copy whose activation is replaced, or that pass on their input."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


Replacements = tuple[tuple[str, str], ...]
"""Pairs of a layer's name and the name of its new activation; with `IDENTITY`, the layer returns
its input."""

IDENTITY = "identity"
"""Replacement with which a layer returns its input unchanged."""


def replaced_attributes(k: Any, model: Any, bent: Replacements) -> Iterator[tuple[Any, str, Any]]:
    """Yield `(layer, attribute, new value)` for each layer to replace.

    A layer that does not store its activation itself, such as a recurrent layer, keeps it.

    Args:
        bent: Names of the layers, and their new activations or `IDENTITY`.
    """
    chosen = dict(bent)
    for layer in model._flatten_layers() if chosen else ():
        new = chosen.get(layer.name, "")
        if new == IDENTITY:
            yield layer, "call", _pass_on
        elif new and "activation" in vars(layer):  # a recurrent layer only exposes it
            yield layer, "activation", k.activations.get(new)


@contextlib.contextmanager
def with_replaced(k: Any, model: Any, bent: Replacements) -> Iterator[None]:
    """Temporarily replace layers of a model, as `replaced_attributes` describes."""
    new = list(replaced_attributes(k, model, bent))
    before = [(layer, name, getattr(layer, name)) for layer, name, _ in new if name != "call"]
    try:
        for layer, name, value in new:
            setattr(layer, name, value)
        yield
    finally:
        for layer, name, value in before:
            setattr(layer, name, value)
        for layer, name, _ in new:
            if name == "call":
                vars(layer).pop(name, None)  # the method of its class applies again


def _pass_on(inputs: Any, *_: Any, **__: Any) -> Any:
    return inputs
