"""The options `--executor` and `--resume`."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...core import InputError


@contextmanager
def command_workers(
    executor: str | None, resume: str | None = None, budget: float | None = None
) -> Iterator[None]:
    """Distribute the questions of a command as its options `--executor` and `--resume` specify.

    Raises:
        InputError: An option is invalid, or is combined with `--budget`.
    """
    from ...executors.workers import workers

    if budget is not None and (executor is not None or resume is not None):
        raise InputError(
            "--budget counts the work of one process, but --executor and --resume divide the work "
            "among several. Pass --time-limit instead. "
            f"Received: --budget {budget:g} with one of these options."
        )
    with workers(executor, resume=resume):
        yield
