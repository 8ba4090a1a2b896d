"""A record of one mechanical edit of a model, such as another activation or loss."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class ModelChange:
    """One mechanical edit of a model, such as another activation or loss.

    Args:
        kind: `"activation"`, `"units"`, `"initializer"`, `"bias"`, `"remove"`, `"loss"`,
            `"from_logits"`, `"optimizer"`, `"trainable"` or `"hidden"` (a new Dense layer before
            this one).
        layer: Path of the edited layer; `""` for the output layer, or if the edit concerns no
            single layer; `"*"` for every hidden layer.
        value: The new activation, number of units, initializer, loss or optimizer, by its name;
            for `"from_logits"`, whether the loss reads logits.
        options: Arguments of the new loss, optimizer, initializer or layer.
    """

    kind: str
    layer: str = ""
    value: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
