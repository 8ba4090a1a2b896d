"""Loading of the model that the command line specifies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core import InputError


if TYPE_CHECKING:
    from ...frontends.network import Network


def parse_networks(texts: Sequence[str], what: str) -> dict[str, str]:
    """Return the model file of each network in a list of texts `NAME=FILE`.

    Args:
        texts: The texts, in order.
        what: The argument or option, for messages.

    Raises:
        InputError: A text has another form, or a name occurs twice.
    """
    files: dict[str, str] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name and equals and file) or name in files:
            raise InputError(
                f"{what} must be NAME=FILE, once for each network of the property. "
                f"Received: {text!r}{', a second time' if name in files else ''}."
            )
        files[name] = file
    return files


def is_named(text: str) -> bool:
    """Return whether a text has the form `NAME=FILE` and is not itself a file."""
    name, equals, _ = text.partition("=")
    return bool(equals) and name.isidentifier() and not os.path.exists(text)


def load_model(model: str, safe_mode: bool, names: list[str] | None = None) -> Network:
    """Load the network in the file `model`.

    Args:
        model: Path of the file.
        safe_mode: Whether to refuse code stored in the file.
        names: Names of the features of a model with one flat input, or None.
    """
    from ...api.read import load

    return load(model, safe_mode=safe_mode, names=names)
