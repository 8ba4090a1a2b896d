"""`outrange diagnose`: diagnoses a model file on a data file."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...answers.diagnosis import Diagnosis, Level
from ...core import InputError
from ..exit_codes import EXACT
from ..options.arrays import read_file


FOUND = {Level.PROVED: 6, Level.MEASURED: 7, Level.SUSPECTED: 8}
"""Dict from the worst level of the findings to the exit code."""


def ask_diagnose(
    model: str,
    data: str,
    echo: Callable[[str], None],
    *,
    target: str,
    ignore: tuple[str, ...],
    fail_on: str,
    train: str | None,
    epochs: int | None,
    batch_size: int | None,
    form: str,
    safe_mode: bool,
) -> int:
    """Diagnose the model, print the findings, and return the exit code."""
    from ...api.diagnose import diagnose
    from ...frontends.keras.training.program import read_compiled

    x, y = read_data(data, target)
    answer = diagnose(
        read_compiled(model, safe_mode), x, y, ignore=ignore, epochs=epochs, batch_size=batch_size,
        train=int(train) if train is not None and train.isdecimal() else train,
    )  # fmt: skip
    if form == "json":
        echo(json.dumps(answer.as_dict()))
    elif form == "sarif":
        echo(json.dumps(answer.sarif(Path(model).as_posix())))
    else:
        echo(str(answer))
    return exit_code(answer, fail_on)


def exit_code(answer: Diagnosis, fail_on: str) -> int:
    """Return 0 if no finding reaches the level `fail_on`, otherwise the code of the worst level."""
    if fail_on == "never" or not answer.at_least(fail_on):
        return EXACT
    worst = answer.worst
    return EXACT if worst is None else FOUND[worst]


def read_data(name: str, target: str) -> tuple[np.ndarray | dict[str, np.ndarray], np.ndarray]:
    """Read inputs and targets from a file.

    Args:
        name: An `.npz` file with named arrays, or a `.csv` file with a header line.
        target: Name of the array with the targets, or titles or indices of their columns, separated
            by commas.

    Returns:
        `(x, y)`; several named inputs form a dict.

    Raises:
        InputError: The file, array or column does not exist.
    """
    if name.lower().endswith(".csv"):
        return _columns(name, target)
    parts = read_file(name, "DATA")
    if not isinstance(parts, dict) or target not in parts:
        have = sorted(parts) if isinstance(parts, dict) else ["one array"]
        raise InputError(
            "The targets must be the array `y`, or the one that `--target` names. "
            f"Received: {name} without {target!r}; it contains {have}."
        )
    y = parts.pop(target)
    return (next(iter(parts.values())) if len(parts) == 1 else parts), y


def _columns(name: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    table = read_file(name, "DATA")
    if isinstance(table, dict):
        raise InputError(f"A CSV file must contain one table. Received: {name}.")
    with Path(name).open(encoding="utf-8-sig") as lines:
        titles = [title.strip().strip('"') for title in next(iter(lines)).split(",")]
    wanted = [part.strip() for part in target.split(",")]
    places = []
    for part in wanted:
        if part in titles:
            places.append(titles.index(part))
        elif part.lstrip("-").isdigit() and -table.shape[1] <= int(part) < table.shape[1]:
            places.append(int(part) % table.shape[1])
        else:
            raise InputError(
                "The targets must be the column `y`, or the column whose title or number "
                f"`--target` gives. Received: {name} without {part!r}; its titles are "
                f"{titles[:20]}."
            )
    return np.delete(table, places, axis=1), table[:, places]
