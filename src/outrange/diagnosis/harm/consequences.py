"""Findings that follow from another finding, whose fix makes their own advice pointless."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...answers.diagnosis import Finding, Level
from ..context import DiagnosisContext


PACE = ("OR017", "OR030")
"""Rules about the length and the pace of training."""

EXPLAINS: Mapping[str, tuple[str, ...]] = {
    # Copies cannot match targets that no weights reach.
    "OR001": ("OR025",),
    # A constant output passes no gradient, and needs another last layer.
    "OR002": ("OR005", "OR012", "OR021", "OR040"),
    # Neither more steps nor other steps train a dead layer.
    "OR003": PACE,
    # If no weight gets a gradient, nothing is trained.
    "OR005": ("OR021",),
    # The loss diverges or stays, because it does not fit the outputs.
    "OR006": ("OR017",),
    "OR008": PACE,
    # A single linear layer separates the classes no better than a line does.
    "OR009": ("OR039",),
    # Class numbers for one unit are no labels of a binary accuracy either.
    "OR010": ("OR040",),
    # Training is slow, because the targets are far from the initial outputs.
    "OR015": PACE,
    # A lookup outside the table returns NaN.
    "OR037": ("OR016",),
}
"""Map from a rule to the rules whose findings its own finding explains."""


def set_consequences_aside(case: DiagnosisContext, findings: Sequence[Finding]) -> list[Finding]:
    """Drop measured findings that another finding explains, and turn proved ones into notes.

    The other finding must be measured or proved, and not a note. If the program has several losses,
    both findings must be about the same layer.
    """
    single = len(case.program.losses) == 1
    causes = [f for f in findings if not f.note and f.level >= Level.MEASURED]
    remaining = []
    for finding in findings:
        explained = any(
            finding.code in EXPLAINS.get(cause.code, ())
            and (single or cause.layer == finding.layer)
            for cause in causes
        )
        if not explained:
            remaining.append(finding)
        elif finding.level is Level.PROVED:
            remaining.append(replace(finding, note=True))
    return remaining
