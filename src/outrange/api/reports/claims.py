"""The properties of a report, read before anything is asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...cli.property.parser import read_condition
from ...core import Clock, ContradictionError, InputError, ModelError, OutOfTime, deadline
from ..arguments import LEAST_TIME, asked


if TYPE_CHECKING:
    from ...frontends.network import Network


def claims(network: Network, properties: Sequence[Any], box: Any, clock: Clock) -> list[str]:
    """The properties as code.

    One that does not fit the model is refused here: asked among the others, it would take their
    verdicts with it.

    Args:
        network: The model.
        properties: As for `outrange.report`.
        box: The input set.
        clock: Of the report.

    Raises:
        InputError: One does not fit; the message says which.
    """
    found = []
    for number, one in enumerate(properties, 1):
        given = os.fspath(one) if isinstance(one, str | os.PathLike) else one
        text = repr(given) if isinstance(given, str) else str(given)
        try:
            with deadline(max(clock.left, LEAST_TIME)):
                _, _, told, _ = asked(network, one, box, None)
            text = text if isinstance(given, str) else _code(told)
        except OutOfTime:
            pass  # Its verdict will say so.
        except ContradictionError:
            raise
        except (InputError, ModelError) as error:
            raise InputError(
                f"Every property of a report must fit the model. Received: number {number} of "
                f"{len(properties)}, {text}, which does not: {error}"
            ) from error
        found.append(text)
    return found


def _code(condition: str) -> str:
    """A condition in quotes, which needs no names; as Python where text cannot say it."""
    plain = condition.replace("maximum(", "max(").replace("minimum(", "min(")
    for text in (condition, plain):  # NumPy's names of them are not those of text
        with suppress(InputError):
            if str(read_condition(text)) == condition:
                return repr(text)
    return condition
