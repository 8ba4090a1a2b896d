"""`outrange verify-all --merge`: combines the tables of a list's shards, if they are consistent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...answers.verdict import SAT
from ...api.batch.instances import Key
from ...api.batch.results import DECIDED, Result, Results
from ...api.batch.shards import Origin, check_same_run, read_origin
from ...api.batch.summary import batch_text
from ...core import InputError
from ..exit_codes import EXACT, OPEN, VIOLATED


def ask_merge(tables: Sequence[str], file: str, echo: Callable[[str], None]) -> int:
    """Write the combined table; return the exit code of `verify-all` without `--expected`.

    Args:
        tables: Tables of the shards.
        file: Table to write, which must not contain results yet.
    """
    paths = [Path(table) for table in tables]
    origins = [read_origin(path) for path in paths]
    _check(paths, origins)
    results_by_key: dict[Key, tuple[Result, Path]] = {}
    for path in paths:
        with Results(path) as results:
            for key, result in results.known.items():
                results_by_key[key] = _better(results_by_key.get(key), result, path)
    order = _order(origins)
    _check_whole(order, results_by_key)
    with Results(Path(file)) as results:
        if results.known:
            raise InputError(
                f"With --merge, --file must be a new file. Received: `{file}`, which contains "
                "results."
            )
        for key in order:
            results.add(results_by_key[key][0])
    merged = [results_by_key[key][0] for key in order]
    named = [(f"{r.onnx} {r.vnnlib}", r.verdict) for r in merged]
    echo(batch_text(named, sum(r.seconds for r in merged)))
    if not all(r.verdict in DECIDED for r in merged):
        return OPEN
    return VIOLATED if any(r.verdict == SAT for r in merged) else EXACT


def _check(paths: Sequence[Path], origins: Sequence[Origin]) -> None:
    for path, origin in zip(paths[1:], origins[1:], strict=True):
        check_same_run(origins[0], origin, f"`{paths[0]}`", f"`{path}`")
    have = {origin.number for origin in origins}
    lacking = sorted(set(range(1, origins[0].count + 1)) - have)
    if lacking:
        raise InputError(
            f"A merge needs all {origins[0].count} shards. Received: all shards except "
            f"{', '.join(map(str, lacking[:8]))}."
        )


def _better(earlier: tuple[Result, Path] | None, result: Result, path: Path) -> tuple[Result, Path]:
    """Return a decided result if one of two results is decided, and otherwise the later one.

    An instance has two results if a shard ran twice, for example.

    Raises:
        InputError: The two results are decided and contradict each other.
    """
    if earlier is None:
        return result, path
    before, place = earlier
    decided = before.verdict in DECIDED
    if decided and result.verdict in DECIDED and before.verdict != result.verdict:
        raise InputError(
            "Two shards contradict each other. One of them is wrong, because of a bug in outrange "
            f"or a damaged file. Received: {result.onnx} {result.vnnlib}, {before.verdict} in "
            f"`{place}` and {result.verdict} in `{path}`."
        )
    return earlier if decided else (result, path)


def _order(origins: Sequence[Origin]) -> list[Key]:
    """Return the keys of all instances, in the order of the list that was sharded."""
    parts = {origin.number: origin.keys for origin in origins}
    count = origins[0].count
    longest = max(map(len, parts.values()))
    return [
        (parts[number][row][0], parts[number][row][1])
        for row in range(longest)
        for number in range(1, count + 1)
        if row < len(parts[number])
    ]


def _check_whole(order: Sequence[Key], results_by_key: dict[Key, tuple[Result, Path]]) -> None:
    lacking = [key for key in order if key not in results_by_key]
    if lacking:
        raise InputError(
            "A merge needs completed shards: run `verify-all --shard` again to complete them. "
            f"Received: no result for {' '.join(lacking[0])} and {len(lacking) - 1} more."
        )
    strange = [key for key in results_by_key if key not in set(order)]
    if strange:
        raise InputError(
            "A shard must contain only results for instances in its list. Received: "
            f"{' '.join(strange[0])} in `{results_by_key[strange[0]][1]}`."
        )
