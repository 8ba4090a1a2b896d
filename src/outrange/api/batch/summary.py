"""Text about many verdicts: progress, counts and the final summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...answers.render.text import size


MOST_NAMED = 20

ORDER = ("sat", "unsat", "timeout", "unknown", "error")


@dataclass(frozen=True)
class BatchProgress:
    """The progress of a run over a list of instances.

    Args:
        seconds: Time spent in this run.
        verdicts: Verdict of every instance with a result, including results of earlier runs.
        total: Number of instances in the list.
        done: Number of results from this run.
        current: Names of the instances being decided.
    """

    seconds: float
    verdicts: Sequence[str]
    total: int
    done: int
    current: Sequence[str]

    @property
    def seconds_left(self) -> float | None:
        """Estimated remaining seconds, at the rate of this run; None before the first result."""
        if not self.done:
            return None
        return self.seconds / self.done * (self.total - len(self.verdicts))


def count_verdicts(verdicts: Sequence[str]) -> str:
    """Return counts such as `3 sat, 41 unsat` of the verdicts that occur, or `none yet`."""
    counts = Counter(verdicts)
    return ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word]) or "none yet"


def batch_live_text(now: BatchProgress) -> str:
    """Return one line with the progress, verdict counts, time left, and instances in progress."""
    left = now.seconds_left
    rest = "" if left is None else f", about {size(left)} left"
    under_way = f"  now {'; '.join(now.current)}" if now.current else ""
    return f"{len(now.verdicts)}/{now.total}  {count_verdicts(now.verdicts)}{rest}{under_way}"


def batch_text(
    verdicts: Sequence[tuple[str, str]],
    seconds: float,
    contradicted: Sequence[str] = (),
    compared: int | None = None,
) -> str:
    """Return the final summary of a run.

    Args:
        verdicts: Name and verdict of every instance with a result.
        seconds: Sum of the instances' times.
        contradicted: One line for each verdict that contradicts the expected one.
        compared: Number of verdicts for which an expected verdict is known; None if no expected
            verdicts were passed.

    Returns:
        Several lines, without a line break at the end.
    """
    total = f"{len(verdicts)} instance{'' if len(verdicts) == 1 else 's'}"
    lines = [
        f"{total}: {count_verdicts([word for _, word in verdicts])}; {size(seconds)} in total."
    ]
    still = [f"  {word:8} {name}" for name, word in verdicts if word not in ("sat", "unsat")]
    if still:
        lines += ["Undecided:", *_first(still)]
    if compared is not None:
        lines.append(
            f"{compared} verdicts compared with expected ones; {len(contradicted)} contradict them."
        )
        lines += _first([f"  {line}" for line in contradicted])
    return "\n".join(lines)


def _first(lines: list[str]) -> list[str]:
    more = [f"  ... and {len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
    return lines[:MOST_NAMED] + more
