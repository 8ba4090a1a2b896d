"""The model that a command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ...frontends.network import Network


def load_model(model: str, unsafe: bool, names: list[str] | None = None) -> Network:
    """The network in the file `model`, its features named."""
    from ...api.read import load

    return load(model, safe_mode=not unsafe, names=names)
