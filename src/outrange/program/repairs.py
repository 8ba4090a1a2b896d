"""A change of a model that can be made mechanically."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class ModelChange:
    """One change.

    Args:
        kind: `"activation"`, `"units"`, `"initializer"`, `"bias"`, `"remove"`, `"loss"`,
            `"from_logits"`, `"optimizer"`, `"trainable"` or `"hidden"` (a new Dense layer before
            this one).
        layer: Path of the layer it is made in; `""` for the one that makes the output, or for all
            where the change has no single layer; `"*"` for every hidden layer.
        value: The new activation, number of units, initializer, loss or optimizer, by its name;
            whether the loss reads logits.
        options: Arguments of the new loss, optimizer, initializer or layer.
    """

    kind: str
    layer: str = ""
    value: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
