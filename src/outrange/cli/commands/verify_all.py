"""`outrange verify-all`: decides every instance in a list, in processes other than this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...answers.verdict import SAT
from ...api.batch.instances import Key, read_expected, read_instances
from ...api.batch.log import Log
from ...api.batch.processes import run_in_processes
from ...api.batch.results import DECIDED, Result, Results, still_open
from ...api.batch.shards import shard_of
from ...api.batch.spread import run_on_pool
from ...api.batch.summary import batch_text
from ...api.batch.worker import can_limit_memory
from ...core import InputError
from ...executors.pool import as_pool
from ...live.follow import EAGER, Display, screen
from ..exit_codes import CONTRADICTED, EXACT, INTERRUPTED, OPEN, VIOLATED, fail


@dataclass(frozen=True)
class BatchOptions:
    """The parsed options of `outrange verify-all`.

    Args:
        root: Folder to which file names are relative; None for the folder of the list.
        seconds: Time limit of every instance, overriding the list; None to use the limits in the
            list.
        file: CSV file of the results.
        jobs: Number of worker processes.
        only: Substring that instance names must contain; None for all instances.
        retry: Verdicts for which instances are decided again.
        memory: Memory limit of each worker in GiB.
        expected: CSV file of expected verdicts.
        seed: Seed of the counterexample search.
        executor: Address of a Dask scheduler whose workers decide; None for local processes.
        shard: The shard of the list to decide, such as `"3/8"`; `"slurm"` for the shard of the
            current array job.
    """

    root: str | None
    seconds: float | None
    file: str
    jobs: int
    only: str | None
    retry: tuple[str, ...]
    memory: float | None
    expected: str | None
    seed: int
    executor: str | None = None
    shard: str | None = None


def ask_verify_all(listed: str, options: BatchOptions, echo: Callable[[str], None]) -> int:
    """Decide the open instances and print a summary; return the exit code.

    Args:
        listed: The list of instances, a CSV file.
        options: Options of the command.
    """
    _check(listed, options)
    root = None if options.root is None else Path(options.root)
    instances = read_instances(Path(listed), root, options.seconds, options.only)
    expected = None if options.expected is None else read_expected(Path(options.expected))
    shard, file = shard_of(options.shard), Path(options.file)
    if shard is not None:
        whole, instances, file = instances, shard.part(instances), shard.table_path(file)
    pool = as_pool(options.executor)
    with Results(file) as results:
        if shard is not None:
            shard.write(file, whole, options.seed)
        pending = still_open(instances, results.known, options.retry)
        interrupted = False
        try:
            with Display("verify-all", screen(), EAGER) as live:
                log = Log(instances, results, live)
                if pool is None:
                    run_in_processes(pending, log, options.jobs, options.memory, options.seed)
                else:
                    run_on_pool(pending, log, pool, options.seed)
        except KeyboardInterrupt:
            interrupted = True
        results_in_order = [results.known[i.key] for i in instances if i.key in results.known]
    wrong = [] if expected is None else _contradictions(results_in_order, expected)
    compared = (
        None
        if expected is None
        else sum(r.key in expected for r in results_in_order if r.verdict in DECIDED)
    )
    named = [(f"{r.onnx} {r.vnnlib}", r.verdict) for r in results_in_order]
    echo(batch_text(named, sum(r.seconds for r in results_in_order), wrong, compared))
    if interrupted:
        left = len(instances) - len(results_in_order)
        return fail(f"interrupted, {left} left; run the command again to resume", INTERRUPTED)
    if wrong:
        return CONTRADICTED
    if not all(r.verdict in DECIDED for r in results_in_order):
        return OPEN
    broken = any(r.verdict == SAT and (expected or {}).get(r.key) != SAT for r in results_in_order)
    return VIOLATED if broken else EXACT


def _check(listed: str, o: BatchOptions) -> None:
    if o.jobs < 1:
        raise InputError(f"--jobs must be an integer above 0. Received: {o.jobs}.")
    if o.seed < 0:
        raise InputError(f"--seed must be an integer, 0 or above. Received: {o.seed}.")
    for option, value in (("--each", o.seconds), ("--memory", o.memory)):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{option} must be a finite number above 0. Received: {value}.")
    if o.memory is not None and not can_limit_memory():
        raise InputError(
            "--memory has no effect on this system; omit it, and choose --jobs so that all "
            f"workers fit into memory. Received: {o.memory}."
        )
    if o.executor is not None and o.memory is not None:
        raise InputError(
            "--memory limits local processes; with --executor, set the limit of the workers "
            f"(`dask worker --memory-limit`). Received: --memory {o.memory:g}."
        )
    file, names = Path(o.file), (listed, o.expected)
    if any(name and Path(name).resolve() == file.resolve() for name in names):
        raise InputError(f"--file must differ from the input files. Received: {o.file}.")


def _contradictions(results: Sequence[Result], expected: dict[Key, str]) -> list[str]:
    return [
        f"{r.onnx} {r.vnnlib}: {r.verdict}, expected {expected[r.key]}"
        for r in results
        if r.verdict in DECIDED and expected.get(r.key, r.verdict) != r.verdict
    ]
