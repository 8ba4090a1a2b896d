"""Who works on one hard question: what `executor` and `resume` of the public questions mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ..core import InputError
from .cores import cores


@contextmanager
def working(executor: Any, resume: str | os.PathLike | None) -> Iterator[None]:
    """Let the tree of what is asked inside be searched by workers, and its state be kept.

    Args:
        executor: As users pass it. None with `resume`: threads of this process.
        resume: A folder.

    Raises:
        InputError: Either is something else.
    """
    if executor is None and resume is None:
        yield
        return
    if resume is not None and not isinstance(resume, str | os.PathLike):
        raise InputError(
            f"`resume` is a folder, made if need be. Received: a {type(resume).__name__}."
        )
    folder = None if resume is None else Path(resume)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise InputError(f"`resume` is a folder, made if need be. Received: `{folder}`, a file.")
    # Few calls come here, and what follows is slow to import.
    from concurrent.futures import ThreadPoolExecutor

    from .pool import pool_of
    from .seam import Workers, working_on

    with ExitStack() as stack:
        if executor is None:
            executor = stack.enter_context(ThreadPoolExecutor(cores()))
        pool = pool_of(executor)
        assert pool is not None
        stack.enter_context(working_on(Workers(pool, folder)))
        yield
