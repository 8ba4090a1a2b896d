"""`outrange-vnnlib verify`: decides a version 2.0 query; the output follows the standard."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...answers.verdict import SAT, TIMEOUT, competition_word
from ...core import Clock, InputError, OutOfTime, Specification, deadline
from ..exit_codes import EXACT, INTERRUPTED
from ..options.models import parse_networks
from ..start_up import command_began


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
    """Decide a query; print the verdict, and for `sat` an assignment.

    Args:
        query: A VNN-LIB file of version 2.0.
        networks: Strings `NAME=FILE`, one for each network that the query declares without
            `equal-to`.
        seconds: Limit of wall-clock time; None for no limit.
        folder: Folder to which an assignment is written; None to print it.
        seed: Seed of the counterexample search.

    Returns:
        The exit code: 0 for every verdict, unless the search was interrupted.
    """
    from ...api.properties import verify
    from ...api.read import read_property

    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError(
            f"`--timeout` must be a finite number of seconds above 0. Received: {seconds:g}."
        )
    clock = Clock(seconds, command_began())
    files = parse_networks(networks, "`--network`")
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
    lines = [TIMED_OUT if word == TIMEOUT else word, *map(_format_tensor, assignment)]
    echo("\n".join(lines))
    print(f"{verdict.sentence}\n{verdict.standing}", file=sys.stderr)
    return INTERRUPTED if verdict.reason == "interrupted" else EXACT


def _check(query: str, specification: Specification, files: dict[str, str]) -> None:
    """Check a query and its models for errors that the standard defines.

    Raises:
        InputError: The query is of version 1.0, or a model is missing or superfluous.
    """
    from ...frontends.composition import check_names

    if not specification.networks:
        raise InputError(
            "The query must have version 2.0, because files of version 1.0 do not name networks; "
            "decide such files with `outrange verify MODEL QUERY`. Received: "
            f"`{os.path.basename(query)}`."
        )
    check_names(specification.networks, list(files))


def _assignment(
    specification: Specification, verdict: Verdict
) -> list[tuple[DeclaredTensor, np.ndarray]]:
    """Return all declared tensors with their values, in the order of their declarations."""
    example = verdict.counterexample
    assert example is not None
    # A query about real arithmetic gets the real-valued outputs; others get the model's own
    # outputs.
    values = example.y if specification.elements == "real" else example.model_y
    assert values is not None  # The model reproduces every `sat` about float32.
    outputs = values.values() if isinstance(values, dict) else [values]
    flat = {
        "inputs": example.flat_x,
        "outputs": np.concatenate([np.ravel(part) for part in outputs]),
    }
    start = {"inputs": 0, "outputs": 0}
    assignment = []
    for network in specification.networks:
        for role in ("inputs", "outputs"):
            for tensor in getattr(network, role):
                end = start[role] + int(np.prod(tensor.shape, dtype=np.int64))
                array = flat[role][start[role] : end].reshape(tensor.shape)
                array = array.astype(
                    np.float64 if specification.elements == "real" else tensor.element
                )
                assignment.append((tensor, array))
                start[role] = end
    return assignment


def _format_tensor(assigned: tuple[DeclaredTensor, np.ndarray]) -> str:
    """Return a line with name, type and shape, and one line per number, without exponents."""
    tensor, values = assigned
    head = f"{tensor.name} {tensor.element} [{','.join(map(str, tensor.shape))}]"
    if values.dtype.kind == "f":
        numbers = [np.format_float_positional(v, trim="0") for v in values.ravel()]
    else:
        numbers = [str(v) for v in values.ravel()]
    return "\n".join([head, *numbers])


def _write(folder: Path, assignment: Sequence[tuple[DeclaredTensor, np.ndarray]]) -> None:
    """Write each tensor to a file as a serialized ONNX tensor; real numbers become doubles."""
    from ...frontends.onnx.api import serialize_array

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for tensor, values in assignment:
            (folder / f"{tensor.name}.pb").write_bytes(serialize_array(tensor.name, values))
    except OSError as error:
        raise InputError(
            f"The assignment cannot be written to this folder ({error.strerror}). "
            f"Received: --serialise-assignments `{folder}`."
        ) from error
