"""Many verdicts, counted: under way, one by one, and at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...answers.render.text import size


MOST_NAMED = 20

ORDER = ("sat", "unsat", "timeout", "unknown", "error")


@dataclass(frozen=True)
class BatchProgress:
    """How far a list of instances has come.

    Args:
        seconds: Time spent in this run.
        verdicts: Of every instance that has one, those of earlier runs included.
        total: Number of instances.
        done: How many this run has added.
        current: Names of the instances under way.
    """

    seconds: float
    verdicts: Sequence[str]
    total: int
    done: int
    current: Sequence[str]

    @property
    def seconds_left(self) -> float | None:
        """If the rest takes as long as what this run has done; None before anything is done."""
        if not self.done:
            return None
        return self.seconds / self.done * (self.total - len(self.verdicts))


def counted(verdicts: Sequence[str]) -> str:
    """`3 sat, 41 unsat`; what does not occur is left out."""
    counts = Counter(verdicts)
    return ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word]) or "none yet"


def batch_live_text(now: BatchProgress) -> str:
    """One line: how many, which verdicts, how long still, and what is under way."""
    left = now.seconds_left
    rest = "" if left is None else f", about {size(left)} left"
    under_way = f"  now {'; '.join(now.current)}" if now.current else ""
    return f"{len(now.verdicts)}/{now.total}  {counted(now.verdicts)}{rest}{under_way}"


def batch_text(
    verdicts: Sequence[tuple[str, str]],
    seconds: float,
    contradicted: Sequence[str] = (),
    compared: int | None = None,
) -> str:
    """The summary at the end.

    Args:
        verdicts: Name and verdict of every instance that has one.
        seconds: Sum of the time they took.
        contradicted: One line each: a verdict that is not the expected one.
        compared: How many verdicts were compared with expected ones; None for no comparison.

    Returns:
        Several lines, no line break at the end.
    """
    total = f"{len(verdicts)} instance{'' if len(verdicts) == 1 else 's'}"
    lines = [f"{total}: {counted([word for _, word in verdicts])}; {size(seconds)} in all."]
    still = [f"  {word:8} {name}" for name, word in verdicts if word not in ("sat", "unsat")]
    if still:
        lines += ["Not decided:", *_first(still)]
    if compared is not None:
        lines.append(
            f"{compared} verdicts compared with expected ones, {len(contradicted)} contradicted."
        )
        lines += _first([f"  {line}" for line in contradicted])
    return "\n".join(lines)


def _first(lines: list[str]) -> list[str]:
    more = [f"  ... and {len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
    return lines[:MOST_NAMED] + more
