"""Checks of a report's properties, made before any of its questions is answered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...core import Clock, ContradictionError, InputError, ModelError, OutOfTime, deadline
from ...questions.language.parser import read_condition
from ..arguments import LEAST_TIME, resolve_question


if TYPE_CHECKING:
    from ...frontends.network import Network


def claims(network: Network, properties: Sequence[Any], box: Any, clock: Clock) -> list[str]:
    """Check the properties, and return each as Python code.

    A property that does not match the model is rejected early, since a later error would also
    discard the verdicts on all other properties.

    Args:
        network: The model.
        properties: As for `outrange.report`.
        box: The input set.
        clock: Clock of the report.

    Raises:
        InputError: A property does not match the model; the message says which.
    """
    codes = []
    for number, item in enumerate(properties, 1):
        property = os.fspath(item) if isinstance(item, str | os.PathLike) else item
        code = repr(property) if isinstance(property, str) else str(property)
        try:
            with deadline(max(clock.left, LEAST_TIME)):
                words = resolve_question(network, item, box, None)[0].text
            code = code if isinstance(property, str) else _code(words)
        except OutOfTime:
            pass  # Its verdict will report that.
        except ContradictionError:
            raise
        except (InputError, ModelError) as error:
            raise InputError(
                f"Every property of a report must match the model. Received: property {number} of "
                f"{len(properties)}, {code}, which does not match: {error}"
            ) from error
        codes.append(code)
    return codes


def _code(condition: str) -> str:
    """Return code for a condition: a string literal if it parses back, otherwise an expression."""
    plain = condition.replace("maximum(", "max(").replace("minimum(", "min(")
    for text in (condition, plain):  # NumPy's names of max and min differ from those in text.
        with suppress(InputError):
            if str(read_condition(text)) == condition:
                return repr(text)
    return condition
