"""A question about several models at once: those that a VNN-LIB file declares."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core import Clock, InputError, Specification, deadline
from .arguments import LEAST_TIME, left
from .read import is_property_file, read_property


if TYPE_CHECKING:
    from ..frontends.network import Network


def side_by_side(
    models: Mapping[str, Any], property: Any, time_limit: float | None
) -> tuple[Network, Specification, float | None]:
    """The models as one network, in the places that the property declares for them.

    Args:
        models: The names in the file to models.
        property: A VNN-LIB file of version 2.0, or what `outrange.read_property` returned.
        time_limit: Seconds, for reading too; None for no limit.

    Returns:
        The network, the property, and the seconds that are left.

    Raises:
        InputError: The property is no such file, or the names are others.
    """
    from ..frontends.composed import check_names, composed
    from ..frontends.load import load
    from ..questions.conditions.ties import merged

    clock = Clock(time_limit)
    with deadline(max(clock.left, LEAST_TIME)):
        if isinstance(property, str | os.PathLike) and is_property_file(os.fspath(property)):
            property = read_property(property)
        if not isinstance(property, Specification) or not property.networks:
            raise InputError(
                "A dict of models goes with a VNN-LIB file of version 2.0, which names its "
                f"networks. Received: {property!r}."
            )
        check_names(property.networks, list(models))
        known = {name: load(model) for name, model in models.items()}
        if len(property.networks) == 1:
            return composed(property.networks, known), property, left(clock)
        shorter, index = merged(property)
        return composed(property.networks, known, index), shorter, left(clock)
