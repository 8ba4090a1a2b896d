"""The content of a live view at one moment, as plain data that screens render."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..answers.progress import RangeProgress, RobustProgress, VerifyProgress
from ..answers.render.text import clipped_name, number, short
from ..answers.study.progress import StudyProgress
from ..core.progress import Stage


MOST_ROWS = 8
"""Maximum number of rows. With its headline and foot line, a view has at most ten lines."""

LONGEST_NAME, LONGEST_LINE = 28, 100


@dataclass(frozen=True)
class Row:
    """A line of a frame: a label, an optional progress bar, and text.

    Args:
        name: Label of the line.
        share: Filled fraction of the bar, from 0 to 1; None if the line has no bar.
        text: Text next to the bar.
    """

    name: str
    share: float | None
    text: str


@dataclass(frozen=True)
class Frame:
    """A view: a headline, rows, and a foot line. An empty foot line is not shown."""

    head: str
    rows: Sequence[Row] = ()
    foot: str = ""


@dataclass(frozen=True)
class Between:
    """A lower and an upper bound on the number that a call computes."""

    lo: float
    hi: float


def frame(title: str, seconds: float, news: Mapping[type, Any]) -> Frame:
    """Return a frame built from the latest progress reports.

    Args:
        title: Title of the call, for the headline.
        seconds: Seconds since the start of the call.
        news: Dict from the type of a report to the latest report of that type.
    """
    stage = news.get(Stage, Stage(""))
    head = f"{title}  {seconds:.0f} s" + (f"  {stage.text}" if stage.text else "")
    for kind, show in SHOWN.items():
        if kind in news:
            work, rows, foot = show(news[kind], stage)
            return Frame(clipped_name(f"{head}  {work}", LONGEST_LINE), rows, foot)
    # A search inside a call that has no reports of its own.
    search = next((now for now in news.values() if hasattr(now, "boxes")), None)
    return Frame(clipped_name(head if search is None else f"{head}  {_work(search)}", LONGEST_LINE))


def _work(now: Any) -> str:
    return f"{now.boxes:,} box{'' if now.boxes == 1 else 'es'}, {now.open:,} open"


def _range(now: RangeProgress, stage: Stage) -> tuple[str, list[Row], str]:
    """Return the end of the headline, the rows, and the foot line of a search for ranges.

    Each row shows which fraction of an output's proved range lies between attained values. If there
    are too many outputs, those with the smallest fractions are shown.
    """
    share = now.share_known
    with np.errstate(invalid="ignore"):
        gap = np.maximum(now.seen_lo - now.lo, now.hi - now.seen_hi)
    names = stage.names if len(stage.names) == len(share) else [f"[{i}]" for i in range(len(share))]
    order = np.arange(len(share))
    if len(share) > MOST_ROWS:
        order = np.argsort(share, kind="stable")
    rows = [
        Row(
            clipped_name(names[i], LONGEST_NAME),
            float(share[i]),
            f"{percent(float(share[i]))} known, gap {number(short(float(gap[i]), 3))}",
        )
        for i in order[:MOST_ROWS]
    ]
    rest = order[MOST_ROWS:]
    foot = ""
    if len(rest):
        foot = f"and {len(rest):,} others, each at least {percent(float(share[rest[0]]))}"
    return _work(now), rows, foot


def _verify(now: VerifyProgress, _: Stage) -> tuple[str, list[Row], str]:
    proved = "" if now.margin is None else f"proved margin {number(now.margin)}"
    near = f"nearest point {number(now.nearest)}" if np.isfinite(now.nearest) else ""
    distances = ", ".join(filter(None, [proved, near]))
    return _work(now), [], f"{distances} (0 decides it)" if distances else ""


def _robust(now: RobustProgress, _: Stage) -> tuple[str, list[Row], str]:
    done = now.robust + now.broken + now.wrong + now.open
    counts = (("robust", now.robust), ("broken", now.broken), ("wrong", now.wrong))
    rows = [Row(name, n / max(now.count, 1), f"{n:,}") for name, n in (*counts, ("open", now.open))]
    return f"{done:,} of {now.count:,} inputs", rows, ""


def _study(now: StudyProgress, _: Stage) -> tuple[str, list[Row], str]:
    rows = [
        Row(
            clipped_name(name, LONGEST_NAME), None,
            f"{number(short(middle))} ({number(short(least))} to {number(short(most))})",
        )
        for name, middle, least, most in now.leaders[:MOST_ROWS]
    ]  # fmt: skip
    return f"epoch {now.epoch:,} of {now.epochs:,}, {now.metric}", rows, ""


def _bracket(now: Between, _: Stage) -> tuple[str, list[Row], str]:
    return f"between {number(now.lo)} and {number(now.hi)}", [], ""


SHOWN: dict[type, Any] = {
    RangeProgress: _range,
    RobustProgress: _robust,
    StudyProgress: _study,
    Between: _bracket,
    VerifyProgress: _verify,
}
"""Renderers by type of report, in order of priority: the first type with a report is shown."""


def percent(share: float) -> str:
    """Format a fraction as a percentage, rounded down so that 100 % never appears too early."""
    digits = 1 if share < 0.99 else 4
    step = 10**digits
    return f"{np.floor(100 * share * step) / step:.{digits}f} %"
