"""`outrange verify-all`: every instance of a list, each in a process that may fail alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core import InputError
from ...executors.pool import pool_of
from ...live.follow import EAGER, Display, screen
from ..exit_codes import CONTRADICTED, EXACT, INTERRUPTED, OPEN, VIOLATED, fail
from ..text.verdict import SAT
from ..text.verify_all import batch_text
from .instances import Instance, Key, read_expected, read_instances
from .log import Log
from .processes import on_processes
from .results import DECIDED, Result, Results
from .shards import shard_of
from .spread import on_pool
from .worker import can_limit_memory


@dataclass(frozen=True)
class BatchOptions:
    """What the user wrote.

    Args:
        root: The folder that names are relative to; None for the list's own.
        seconds: A limit for every instance in place of the list's.
        out: The table of results.
        jobs: Number of worker processes.
        only: Only instances whose names contain this text.
        retry: Verdicts that are asked again.
        memory: GiB a worker may use.
        expected: A list of expected verdicts.
        seed: Of the random points.
        executor: The address of Dask's scheduler, whose workers decide; None for `jobs` processes.
        shard: `"3/8"`: only this part of the list; `"slurm"`: the part of a job of an array.
    """

    root: str | None
    seconds: float | None
    out: str
    jobs: int
    only: str | None
    retry: tuple[str, ...]
    memory: float | None
    expected: str | None
    seed: int
    executor: str | None = None
    shard: str | None = None


def ask_verify_all(listed: str, options: BatchOptions, echo: Callable[[str], None]) -> int:
    """Decide what is not decided yet; print a summary. The exit code says whether all of it holds.

    Args:
        listed: The list of instances, a CSV file.
        options: What the user wrote.
        echo: Prints on stdout.
    """
    _check(listed, options)
    root = None if options.root is None else Path(options.root)
    instances = read_instances(Path(listed), root, options.seconds, options.only)
    expected = None if options.expected is None else read_expected(Path(options.expected))
    shard, out = shard_of(options.shard), Path(options.out)
    if shard is not None:
        whole, instances, out = instances, shard.part(instances), shard.named(out)
    pool = pool_of(options.executor)
    with Results(out) as results:
        if shard is not None:
            shard.write(out, whole, options.seed)
        asked = still_open(instances, results.known, options.retry)
        interrupted = False
        try:
            with Display("verify-all", screen(), EAGER) as live:
                log = Log(instances, results, live)
                if pool is None:
                    on_processes(asked, log, options.jobs, options.memory, options.seed)
                else:
                    on_pool(asked, log, pool, options.seed)
        except KeyboardInterrupt:
            interrupted = True
        found = [results.known[i.key] for i in instances if i.key in results.known]
    wrong = [] if expected is None else _contradictions(found, expected)
    compared = (
        None if expected is None else sum(r.key in expected for r in found if r.verdict in DECIDED)
    )
    named = [(f"{r.onnx} {r.vnnlib}", r.verdict) for r in found]
    echo(batch_text(named, sum(r.seconds for r in found), wrong, compared))
    if interrupted:
        left = len(instances) - len(found)
        return fail(f"interrupted, {left} left; start it again to go on", INTERRUPTED)
    if wrong:
        return CONTRADICTED
    if not all(r.verdict in DECIDED for r in found):
        return OPEN
    broken = any(r.verdict == SAT and (expected or {}).get(r.key) != SAT for r in found)
    return VIOLATED if broken else EXACT


def _check(listed: str, o: BatchOptions) -> None:
    if o.jobs < 1:
        raise InputError(f"--jobs is a whole number above 0. Received: {o.jobs}.")
    if o.seed < 0:
        raise InputError(f"--seed is a whole number, 0 or above. Received: {o.seed}.")
    for option, value in (("--time", o.seconds), ("--memory", o.memory)):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{option} is a finite number above 0. Received: {value}.")
    if o.memory is not None and not can_limit_memory():
        raise InputError(
            "--memory limits nothing on this system; leave it out, and choose --jobs so that all "
            f"workers fit. Received: {o.memory}."
        )
    if o.executor is not None and o.memory is not None:
        raise InputError(
            "--memory limits processes of this machine; with --executor the workers have limits "
            f"of their own (`dask worker --memory-limit`). Received: --memory {o.memory:g}."
        )
    out, names = Path(o.out), (listed, o.expected)
    if any(name and Path(name).resolve() == out.resolve() for name in names):
        raise InputError(f"--out is a file of its own. Received: {o.out}.")


def still_open(
    instances: Sequence[Instance], known: dict[Key, Result], retry: Sequence[str]
) -> list[Instance]:
    """What is to be asked.

    Args:
        instances: All of them.
        known: What earlier runs found.
        retry: Verdicts that are asked again.
    """
    return [i for i in instances if _is_open(i, known.get(i.key), {*retry})]


def _is_open(instance: Instance, result: Result | None, again: set[str]) -> bool:
    if result is None or result.files != instance.files:
        return True  # a verdict about another model or property of the same name is none
    return result.verdict not in DECIDED and (result.verdict in again or "all" in again)


def _contradictions(found: Sequence[Result], expected: dict[Key, str]) -> list[str]:
    return [
        f"{r.onnx} {r.vnnlib}: {r.verdict}, expected {expected[r.key]}"
        for r in found
        if r.verdict in DECIDED and expected.get(r.key, r.verdict) != r.verdict
    ]
