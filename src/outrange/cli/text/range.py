"""A `Range` as a table, and the inputs that attain it."""

import numpy as np

from ...answers import Range
from ...answers.render.text import entry_names, number, size, table, tidy, vector
from .bars import bar


MOST_ROWS = 60
MOST_INPUTS = 12
MOST_NAMED = 10


def range_text(answer: Range) -> str:
    """The table of a `Range`, then where its ends were seen if that is short.

    Args:
        answer: What `outrange.output_range` returned.

    Returns:
        Several lines, no line break at the end.
    """
    lo, hi = (np.ravel(a) for a in answer.shown())
    seen_lo, seen_hi = np.ravel(answer.seen_lo), np.ravel(answer.seen_hi)
    gaps = np.ravel(answer.relative_gap)
    finite = np.isfinite(lo) & np.isfinite(hi)
    left, right = (lo[finite].min(), hi[finite].max()) if finite.any() else (0.0, 0.0)
    names = entry_names(answer.outputs)
    rows = [
        [
            name,
            number(lo[i]),
            number(hi[i]),
            f"{gaps[i]:.1e}",
            bar(lo[i], hi[i], left, right, (seen_lo[i], seen_hi[i])),
        ]
        for i, name in enumerate(names[:MOST_ROWS])
    ]
    lines = [
        f"Output range of {answer.model}: {answer.reason}, {answer.warrant.name}, "
        f"{size(answer.cost.seconds)}, {answer.cost.boxes:,} box"
        f"{'' if answer.cost.boxes == 1 else 'es'}.",
        "",
        table(["output", "lo", "hi", "relative gap", "range (dark: seen)"], rows),
    ]
    if len(names) > MOST_ROWS:
        lines.append(f"... and {len(names) - MOST_ROWS} more (--json gives all)")
    lines += ["", *evidence(answer, names)]
    return "\n".join(lines).rstrip()


def evidence(answer: Range, names: list[str]) -> list[str]:
    """One line an end: the value seen, the input that gives it, and whether no other goes beyond.

    That is said of an end that is closed to the tolerance; of others only that nothing beyond was
    seen.
    """
    closed = np.ravel(answer.closed_lo), np.ravel(answer.closed_hi)
    width = sum(int(np.prod(shape, dtype=np.int64)) for shape in answer.inputs.values())
    if width > MOST_INPUTS or len(names) > MOST_NAMED:
        what = "attain the ends" if np.all(closed) else "give the least and the most seen"
        return [f"The inputs that {what} are in at_lo and at_hi (--json)."]
    lines = []
    for i, name in enumerate(names):
        for word, seen, at, known in (
            ("least", answer.seen_lo, answer.at_lo, closed[0]),
            ("most", answer.seen_hi, answer.at_hi, closed[1]),
        ):
            value = float(np.ravel(seen)[i])
            shown = number(float(tidy(value, abs(value))))
            word = word if known[i] else f"{word} seen"
            lines.append(f"{name} is {shown} ({word}) at {_point(answer, at, i)}")
    return lines


def _point(answer: Range, at, i: int) -> str:
    count = int(np.size(answer.lo))
    parts = at if isinstance(at, dict) else {next(iter(answer.inputs)): at}
    return ", ".join(
        f"{name} = {vector(np.reshape(points, (count, -1))[i], MOST_INPUTS)}"
        for name, points in parts.items()
    )
