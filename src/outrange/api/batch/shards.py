"""Shards of a list of instances: decided separately, and merged only if they are consistent."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ...core import VERSION, InputError
from .instances import Instance


SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")

STEP, COUNT = "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT"


@dataclass(frozen=True)
class Shard:
    """Every `count`-th instance in a list, starting with the `number`-th."""

    number: int
    count: int

    def part(self, instances: Sequence[Instance]) -> list[Instance]:
        """Return the instances of this shard.

        Neighbors in a list often have the same model; they are spread over all shards.
        """
        return list(instances[self.number - 1 :: self.count])

    def table_path(self, out: Path) -> Path:
        """Return the path of the shard's table: `results.csv` becomes `results-3-of-8.csv`."""
        return out.with_name(f"{out.stem}-{self.number}-of-{self.count}{out.suffix}")

    def write(self, out: Path, whole: Sequence[Instance], seed: int) -> None:
        """Write the origin of the shard's table to a file next to the table.

        Args:
            whole: The instances of all shards.
            seed: Seed of the counterexample search.

        Raises:
            InputError: The file exists and describes a different list of instances, or it cannot be
                written.
        """
        origin = Origin(
            self.number,
            self.count,
            len(whole),
            digest_of_list(whole),
            VERSION,
            seed,
            [list(instance.key) for instance in self.part(whole)],
        )
        path = origin_file(out)
        if path.exists():
            check_same_run(read_origin(out), origin, f"the existing `{out}`", "this run")
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_text(json.dumps(asdict(origin)), encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            raise InputError(
                f"The .shard.json file cannot be written ({error.strerror}). Received: `{path}`."
            ) from None


@dataclass(frozen=True)
class Origin:
    """A description of the run to which a shard belongs.

    Args:
        instances: Number of instances in the whole list.
        listed: Hash of the whole list, including names, file contents and limits.
        seed: Seed of the counterexample search.
        keys: Keys of the shard's own instances, in order.
    """

    number: int
    count: int
    instances: int
    listed: str
    version: str
    seed: int
    keys: list[list[str]]


def shard_of(text: str | None) -> Shard | None:
    """Return the shard that the option `--shard` describes, or None if the option is absent.

    Args:
        text: Value of the option: for example `"3/8"`, or `"slurm"` for the shard that belongs to
            the current job of a Slurm array.

    Raises:
        InputError: The text is malformed, or no array job is running.
    """
    if text is None:
        return None
    if text == "slurm":
        return _of_slurm()
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(
            "--shard must be a part of the list such as 3/8, or `slurm` in an array job. "
            f"Received: {text!r}."
        )
    return Shard(int(match[1]), int(match[2]))


def _of_slurm() -> Shard:
    try:
        this, first, last = (int(os.environ[name]) for name in SLURM)
        step = int(os.environ.get(STEP, "1"))
    except (KeyError, ValueError):
        raise InputError(
            "--shard slurm needs an array job (`sbatch --array=1-8`), where Slurm sets "
            f"{', '.join(SLURM)}. Received: { ({n: os.environ.get(n) for n in SLURM}) }."
        ) from None
    count = (last - first) // step + 1
    reported = os.environ.get(COUNT, str(count))
    if reported != str(count) or (this - first) % step:
        raise InputError(
            "--shard slurm needs an array without gaps, such as `--array=1-8`; otherwise, pass "
            f"--shard I/N to each job. Received: {reported} jobs from {first} to {last}; this is "
            f"job {this}."
        )
    return Shard((this - first) // step + 1, count)


def digest_of_list(instances: Sequence[Instance]) -> str:
    """Return a hash of the names, file contents and limits of all instances, in order."""
    rows = [(*instance.key, instance.seconds, instance.files) for instance in instances]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def origin_file(out: Path) -> Path:
    """Return the path of the file that stores a table's origin."""
    return out.with_suffix(".shard.json")


def read_origin(out: Path) -> Origin:
    """Read the origin of a shard's table.

    Raises:
        InputError: The file next to the table is missing or unreadable.
    """
    path = origin_file(out)
    try:
        return Origin(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            "The table of a shard needs the .shard.json file that `verify-all --shard` writes. "
            f"Received: `{out}`, without a readable `{path.name}` ({type(error).__name__})."
        ) from None


def check_same_run(first: Origin, other: Origin, name: str, other_name: str) -> None:
    """Check that two shards belong to the same run.

    Args:
        first: Origin of the first shard.
        other: Origin of the other shard.
        name: Name of the first shard in messages.
        other_name: Name of the other shard in messages.

    Raises:
        InputError: The versions of outrange, the lists, the numbers of shards or the seeds differ.
    """
    fields = {
        "version": "versions of outrange",
        "listed": "lists (names, contents of files, limits)",
        "count": "numbers of shards",
        "seed": "seeds",
    }
    for field, what in fields.items():
        a, b = getattr(first, field), getattr(other, field)
        if a != b:
            raise InputError(
                f"Shards of one run must have the same {what}. Received: {str(a)[:16]} in {name}, "
                f"{str(b)[:16]} in {other_name}."
            )
