"""`outrange-vnnlib verify`: a query of version 2.0, decided; words and formats of the standard."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core import Clock, InputError, OutOfTime, Specification, deadline
from ..exit_codes import EXACT, INTERRUPTED
from ..start_up import command_began
from ..text.verdict import SAT, TIMEOUT, competition_word


if TYPE_CHECKING:
    from ...answers.verdict import Verdict
    from ...core import DeclaredTensor

TIMED_OUT = "timed-out"


def ask_query(
    query: str,
    echo: Callable[[str], None],
    *,
    networks: Sequence[str],
    seconds: float | None,
    folder: str | None,
    seed: int,
) -> int:
    """Print the word, and an assignment where there is one.

    Args:
        query: A VNN-LIB file of version 2.0.
        echo: Prints on stdout.
        networks: `NAME=FILE` each.
        seconds: Of wall time; None for no limit.
        folder: Where an assignment is written; None prints it.
        seed: Of the random points.

    Returns:
        The exit code; 0 whatever the word is.
    """
    from ...api.properties import verify
    from ...api.read import read_property

    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError(
            f"`--timeout` is a finite number of seconds above 0. Received: {seconds:g}."
        )
    clock = Clock(seconds, command_began())
    files = _files(networks)
    try:
        with deadline(max(clock.left, 1e-3)):
            specification = read_property(query)
            _check(query, specification, files)
        limit = None if seconds is None else max(clock.left, 1e-3)
        verdict = verify(files, specification, time_limit=limit, seed=seed, progress=False)
    except OutOfTime:
        echo(TIMED_OUT)
        return EXACT
    word = competition_word(verdict)
    assignment = _assignment(specification, verdict) if word == SAT else []
    if folder is not None and assignment:
        _write(Path(folder), assignment)
        assignment = []
    echo("\n".join([TIMED_OUT if word == TIMEOUT else word, *map(_shown, assignment)]))
    print(f"{verdict.sentence}\n{verdict.standing}", file=sys.stderr)
    return INTERRUPTED if verdict.reason == "interrupted" else EXACT


def _files(networks: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for given in networks:
        name, equals, file = given.partition("=")
        if not (name and equals and file) or name in found:
            raise InputError(
                "`--network` is written NAME=FILE, once for each network that the query declares. "
                f"Received: {given!r}{', a second time' if name in found else ''}."
            )
        found[name] = file
    return found


def _check(query: str, specification: Specification, files: dict[str, str]) -> None:
    """What the standard makes an error before anything is decided.

    Raises:
        InputError: Models are missing or too many, or have other element types than declared.
    """
    from ...frontends.composition import check_names

    if not specification.networks:
        raise InputError(
            "A query of version 2.0 is needed: files of version 1.0 name no network, and "
            f"`outrange verify MODEL QUERY` decides them. Received: `{os.path.basename(query)}`."
        )
    check_names(specification.networks, list(files))
    if specification.elements == "real":
        return  # Then the types of the model do not matter.
    from ...frontends.onnx.load import element_types

    for network in specification.networks:
        file = files[network.equal_to or network.name]
        theirs = element_types(file)
        ours = [[one.element for one in group] for group in (network.inputs, network.outputs)]
        if ours != theirs:
            raise InputError(
                "The element types that a query declares are those of the model, or `real`. "
                f"Received: `{network.name}` with {ours[0]} to {ours[1]}, and "
                f"`{os.path.basename(file)}` with {theirs[0]} to {theirs[1]}."
            )


def _assignment(
    specification: Specification, verdict: Verdict
) -> list[tuple[DeclaredTensor, np.ndarray]]:
    """Every declared tensor with its values, in the order of the declarations."""
    found = verdict.counterexample
    assert found is not None
    # What the query is about: the real outputs, or those that the model itself returned.
    given = found.y if specification.elements == "real" else found.model_y
    assert given is not None  # `sat` about float32 was reproduced by the model
    outputs = given.values() if isinstance(given, dict) else [given]
    whole = found.flat_x
    if len(specification.networks) > 1:
        # Inputs that the query calls equal were one input of the search.
        from ...questions.conditions.ties import merged

        whole = whole[merged(specification)[1]]
    flat = {
        "inputs": whole,
        "outputs": np.concatenate([np.ravel(part) for part in outputs]),
    }
    taken = {"inputs": 0, "outputs": 0}
    assigned = []
    for network in specification.networks:
        for role in ("inputs", "outputs"):
            for one in getattr(network, role):
                end = taken[role] + int(np.prod(one.shape, dtype=np.int64))
                kind = np.float64 if specification.elements == "real" else np.float32
                values = flat[role][taken[role] : end].reshape(one.shape).astype(kind)
                assigned.append((one, values))
                taken[role] = end
    return assigned


def _shown(assigned: tuple[DeclaredTensor, np.ndarray]) -> str:
    """Name, type and shape, then a number a line, none with an exponent, exact in its type."""
    one, values = assigned
    head = f"{one.name} {one.element} [{','.join(map(str, one.shape))}]"
    numbers = (np.format_float_positional(v, trim="0") for v in values.ravel())
    return "\n".join([head, *numbers])


def _write(folder: Path, assignment: Sequence[tuple[DeclaredTensor, np.ndarray]]) -> None:
    """One serialised ONNX tensor a file; real numbers as the nearest doubles."""
    from ...frontends.onnx.api import serialize_array

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one, values in assignment:
            (folder / f"{one.name}.pb").write_bytes(serialize_array(one.name, values))
    except OSError as error:
        raise InputError(
            f"The assignment cannot be written there ({error.strerror}). "
            f"Received: --serialise-assignments `{folder}`."
        ) from error
