"""Certificates of answers: what is refused before the search, and what is written after it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ..core import VERSION, Clock, InputError, OutOfTime, UnsupportedError, deadline
from ..core.watch import Stage, tell


if TYPE_CHECKING:
    from ..certify.certificates import Subject
    from ..core import Box, Region
    from ..frontends.network import Network
    from ..graph import Graph


SEARCH_SHARE = 0.2
"""Of a time limit, the part that the search may take where a certificate is wanted: an exact check
takes ten times as long as the search, or more."""

Found = TypeVar("Found")


def certifiable(network: Network, arithmetic: str = "real", graph: Graph | None = None) -> Subject:
    """The network in exact numbers; refused before the search, where it is not covered.

    Args:
        network: As it was read.
        arithmetic: What the network computes in.
        graph: What was made of it, if the question is about that.

    Raises:
        InputError: Certificates do not cover it; the message names what.
    """
    if arithmetic != "real":
        raise InputError(
            "A certificate is about real arithmetic. Received: "
            f"arithmetic={arithmetic!r} and a certificate."
        )
    try:
        from ..certify.certificates import subject
    except ModuleNotFoundError as missing:
        if missing.name is None or not missing.name.startswith("outrange_check"):
            raise
        raise UnsupportedError(
            "Certificates need the checker: `pip install outrange-check` (in a checkout of "
            "outrange: `pip install ./checker`)."
        ) from None
    return subject(network.graph, network.file) if graph is None else subject(graph, None)


def one_box(regions: list[Region]) -> Box:
    """The only box of an input set.

    Raises:
        InputError: It is no box.
    """
    if len(regions) != 1 or not regions[0].is_box or regions[0].integer.any():
        raise InputError("A certificate covers one box of real inputs: no ball, no union, no data.")
    return regions[0].box


def within(clock: Clock) -> float | None:
    """Seconds for the search, of what is left for all."""
    return None if clock.limit == float("inf") else SEARCH_SHARE * clock.left


def finished(
    answer: Found, clock: Clock, certificate: str | os.PathLike, write: Callable[[Found], Found]
) -> Found:
    """The answer with its certificate; where the time is over before, without, and says so."""
    tell(Stage("writing and checking the certificate"))
    try:
        with deadline(None if clock.limit == float("inf") else clock.left):
            return write(answer)
    except OutOfTime:
        note = (
            f"No certificate was written to {os.fspath(certificate)}: the time was over. A larger "
            "`time_limit` gives it more (a fifth of it is the search's), or none at all."
        )
        into = "remedies" if hasattr(answer, "remedies") else "methods"
        return replace(answer, **{into: (*getattr(answer, into), note)})  # type: ignore[type-var]


def notes(question: str, words: str) -> dict[str, Any]:
    """What a certificate says beside what is certified."""
    return {"made by": f"outrange {VERSION}", "question": question, "in words": words}
