"""Handles the arguments `executor` and `resume` of the public functions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ..core import InputError
from .cores import cores


@contextmanager
def use_executor(executor: Any, resume: str | os.PathLike | None) -> Iterator[None]:
    """Distribute searches inside the context to workers, with a checkpoint if `resume` is given.

    If both arguments are None, the context changes nothing.

    Args:
        executor: The public argument. If it is None and `resume` is given, threads of this process
            are used.
        resume: Folder of the checkpoint; None for no checkpoint.

    Raises:
        InputError: An argument is invalid.
    """
    if executor is None and resume is None:
        yield
        return
    if resume is not None and not isinstance(resume, str | os.PathLike):
        raise InputError(
            "`resume` must be a folder; it is created if it does not exist. Received: a "
            f"{type(resume).__name__}."
        )
    folder = None if resume is None else Path(resume)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise InputError(f"`resume` must be a folder, not a file. Received: `{folder}`, a file.")
    # Most calls return before this point, and these imports are slow.
    from concurrent.futures import ThreadPoolExecutor

    from .ambient_pool import Workers, use_workers
    from .pool import as_pool

    with ExitStack() as stack:
        if executor is None:
            executor = stack.enter_context(ThreadPoolExecutor(cores()))
        pool = as_pool(executor)
        assert pool is not None
        stack.enter_context(use_workers(Workers(pool, folder)))
        yield
