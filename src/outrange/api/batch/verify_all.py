"""The public function `verify_all`, which decides many properties, one by one or in parallel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import InputError
from ...executors.workers import take_pool
from ...live import with_progress
from ...questions.common.arguments import check_each, check_hooks


if TYPE_CHECKING:
    from .results import Result


OPEN = ("unknown", "timeout", "error", "all")


@with_progress("Many properties", reports=False)
def verify_all(
    instances: Any,
    *,
    root: str | os.PathLike | None = None,
    each: float | None = None,
    only: str | None = None,
    file: str | os.PathLike | None = None,
    retry: Sequence[str] = (),
    jobs: int = 1,
    seed: int = 0,
    progress: bool | None = None,
) -> list[Result]:
    """Decide every instance in a list; an instance is a model, a property and a time limit.

    This function and the command `outrange verify-all` use the same result files, so each can
    resume a run that the other began. Inside `outrange.workers`, the workers decide the instances.
    Files are sent to the workers; a large model is sent only once per worker. If the executor
    fails, processes on this machine decide the remaining instances.

    Args:
        instances: A CSV file as in VNN-COMP, with rows `onnx,vnnlib,timeout`; or pairs of a model
            file (`.onnx`, `.onnx.gz`) and a property file (`.vnnlib`, `.vnnlib.gz`).
        root: Folder to which file names are relative; None for the folder of the list, or the
            current folder if the instances are pairs.
        each: Time limit in seconds for each instance; overrides the limits in the list. Required
            for pairs.
        only: Substring that `onnx,vnnlib` must contain, ignoring case; None for all instances.
        file: A `.csv` file of results. Each result is written immediately, and the same call
            resumes from the file. None keeps the results in memory.
        retry: Verdicts for which instances in the file are decided again: `"unknown"`, `"timeout"`,
            `"error"`, or `"all"` of these.
        jobs: Number of processes on this machine; unused inside `outrange.workers`.
        seed: Seed of the random points of the attack; no proof depends on it.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        One record per instance, in the order of the list: `onnx`, `vnnlib`, `verdict` (`"sat"`,
        `"unsat"`, `"timeout"`, `"unknown"` or `"error"`), `seconds`, `detail`, and for `"sat"` the
        flat `x` and `y`.

    Raises:
        InputError: An argument is invalid, or a file is missing.

    Example:
        >>> verify_all([("net.onnx", "property.vnnlib")], each=60)
        Traceback (most recent call last):
        ...
        outrange.core.errors.InputError: 2 of 2 files are missing; ...

    Sound: as for `outrange.verify`, for each verdict; no verdict is lost if a worker fails.
    Complete: as for `outrange.verify`, within each limit.
    Cost: at most the limit of each instance, divided among the workers.

    Reference: Brix, Bak, Johnson, Wu, *The fifth international verification of neural networks
    competition (VNN-COMP 2024)*, 2024.
    """
    from ...core.progress import report_progress
    from .log import Log, Memory
    from .processes import run_in_processes
    from .results import Results, still_open
    from .spread import run_on_pool

    _check(jobs, seed, each, retry)
    listed = _instances(instances, root, each, only)
    with ExitStack() as stack:
        pool = stack.enter_context(take_pool())
        results = Memory() if file is None else stack.enter_context(Results(Path(file)))
        log = Log(listed, results, report_progress, lines=False)
        rest = still_open(listed, results.known, tuple(retry))
        if pool is None:
            run_in_processes(rest, log, jobs, None, seed)
        else:
            run_on_pool(rest, log, pool, seed)
        return [results.known[instance.key] for instance in listed]


def _check(jobs: int, seed: int, each: float | None, retry: Sequence[str]) -> None:
    check_hooks(None, seed)
    if each is not None:
        check_each(each)
    if not isinstance(jobs, int) or jobs < 1:
        raise InputError(f"`jobs` must be an integer above 0. Received: jobs={jobs!r}.")
    unknown = [verdict for verdict in retry if verdict not in OPEN]
    if isinstance(retry, str) or unknown:
        raise InputError(
            f"`retry` must be a list of verdicts from {', '.join(OPEN)}; instances with these "
            f"verdicts are decided again. Received: retry={retry!r}."
        )


def _instances(
    listed: Any, root: str | os.PathLike | None, each: float | None, only: str | None
) -> list[Any]:
    from .instances import of_pairs, read_instances

    folder = None if root is None else Path(root)
    if isinstance(listed, str | os.PathLike):
        return read_instances(Path(listed), folder, each, only)
    if not isinstance(listed, Iterable):
        raise InputError(
            "`instances` must be a CSV file, or pairs of a model file and a property file. "
            f"Received: {type(listed).__name__}."
        )
    return of_pairs(listed, folder, each, only)
