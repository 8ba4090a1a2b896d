"""Loading of the model that the command line specifies."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ...frontends.network import Network


def load_model(model: str, safe_mode: bool, names: list[str] | None = None) -> Network:
    """Load the network in the file `model`.

    Args:
        model: Path of the file.
        safe_mode: Whether to refuse code stored in the file.
        names: Names of the features of a model with one flat input, or None.
    """
    from ...api.read import load

    return load(model, safe_mode=safe_mode, names=names)
