"""Parts of a list that are decided apart, and put together again only where they fit."""

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
    """Every `count`-th instance of a list, from the `number`-th on.

    Args:
        number: From 1.
        count: How many shards there are.
    """

    number: int
    count: int

    def part(self, instances: Sequence[Instance]) -> list[Instance]:
        """Its instances; those of one model, which stand together, are spread over all shards."""
        return list(instances[self.number - 1 :: self.count])

    def named(self, out: Path) -> Path:
        """A table of its own: `results.csv` becomes `results-3-of-8.csv`."""
        return out.with_name(f"{out.stem}-{self.number}-of-{self.count}{out.suffix}")

    def write(self, out: Path, whole: Sequence[Instance], seed: int) -> None:
        """Write beside its table what the shard is a part of.

        Args:
            out: The table.
            whole: The instances of all shards.
            seed: Of the random points.

        Raises:
            InputError: The file is about another list, or cannot be written.
        """
        origin = Origin(
            self.number,
            self.count,
            len(whole),
            digest_of_list(whole),
            VERSION,
            seed,
            [list(one.key) for one in self.part(whole)],
        )
        path = origin_file(out)
        if path.exists():
            difference(read_origin(out), origin, f"`{out}`, which is there already", "this run")
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_text(json.dumps(asdict(origin)), encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            raise InputError(
                f"The shard cannot be written ({error.strerror}). Received: `{path}`."
            ) from None


@dataclass(frozen=True)
class Origin:
    """What a shard is a part of.

    Args:
        number: From 1.
        count: How many shards there are.
        instances: Of the whole list.
        listed: Hash of the whole list: names, files and limits.
        version: Of outrange.
        seed: Of the random points.
        keys: Names of its own instances, in order.
    """

    number: int
    count: int
    instances: int
    listed: str
    version: str
    seed: int
    keys: list[list[str]]


def shard_of(text: str | None) -> Shard | None:
    """The shard that `--shard` names.

    Args:
        text: `"3/8"`, or `"slurm"` for the job of an array that this is.

    Raises:
        InputError: It is neither, or no job of an array runs.
    """
    if text is None:
        return None
    if text == "slurm":
        return _of_slurm()
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(
            "--shard is a part of the list, 1/8 to 8/8 say, or `slurm` in a job of an array. "
            f"Received: {text!r}."
        )
    return Shard(int(found[1]), int(found[2]))


def _of_slurm() -> Shard:
    try:
        this, first, last = (int(os.environ[name]) for name in SLURM)
        step = int(os.environ.get(STEP, "1"))
    except (KeyError, ValueError):
        raise InputError(
            "--shard slurm is for jobs of an array (`sbatch --array=1-8`), which Slurm tells by "
            f"{', '.join(SLURM)}. Received: { ({n: os.environ.get(n) for n in SLURM}) }."
        ) from None
    count = (last - first) // step + 1
    told = os.environ.get(COUNT, str(count))
    if told != str(count) or (this - first) % step:
        raise InputError(
            "--shard slurm is for arrays without gaps, `--array=1-8` say; of others give each job "
            f"its --shard i/n. Received: {told} jobs from {first} to {last}, this one {this}."
        )
    return Shard((this - first) // step + 1, count)


def digest_of_list(instances: Sequence[Instance]) -> str:
    """What two lists agree on that ask the same: names, contents and limits, in order."""
    rows = [(*one.key, one.seconds, one.files) for one in instances]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def origin_file(out: Path) -> Path:
    """Where a table's origin stands."""
    return out.with_suffix(".shard.json")


def read_origin(out: Path) -> Origin:
    """What the shard of a table is a part of.

    Raises:
        InputError: There is no such file beside it.
    """
    path = origin_file(out)
    try:
        return Origin(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            "Beside the table of a shard lies a .shard.json, which `verify-all --shard` writes. "
            f"Received: `{out}`, without a readable `{path.name}` ({type(error).__name__})."
        ) from None


def difference(first: Origin, other: Origin, name: str, other_name: str) -> None:
    """Refuse two shards that are not of one run.

    Args:
        first: One.
        other: The other.
        name: What the first is called.
        other_name: Likewise.

    Raises:
        InputError: They differ in more than their number.
    """
    told = {
        "version": "versions of outrange",
        "listed": "lists (names, contents of files, limits)",
        "count": "numbers of shards",
        "seed": "seeds",
    }
    for field, what in told.items():
        one, two = getattr(first, field), getattr(other, field)
        if one != two:
            raise InputError(
                f"Shards of one run agree in their {what}. Received: {str(one)[:16]} in {name}, "
                f"{str(two)[:16]} in {other_name}."
            )
