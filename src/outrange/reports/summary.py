"""The first page of a report: a summary that can be read without the other sections."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..answers.monotone import Monotone
from ..answers.range import Range
from ..answers.render.document import GOOD, Table, Word
from ..answers.robust_accuracy import RobustAccuracy
from ..answers.verdict import HOLDS, VIOLATED, Verdict
from .blocks import blocks_html
from .figures import figure, images_figure
from .plain.checks import open_rows, verdict_row
from .plain.ranges import extreme_images, extremes, open_ends
from .plain.reader import round_text
from .plain.requirement import requirement
from .plain.trends import open_directions
from .section import Section


MOST_NAMED = 3
"""Maximum number of open questions of a section that are named."""

PROOFS = (
    "A test tries single inputs. A proof covers every input of the input set, including those that "
    "nobody has tried."
)

BROKEN = (
    "A requirement that is not met fails at an input that the input set allows, so it may fail in "
    "use. Change the model, check its outputs in operation, or allow fewer inputs."
)

KEPT = "So no input of the input set makes the model violate a requirement."


def summary_html(sections: Sequence[Section]) -> str:
    """Return the summary as HTML.

    It states the model, the input set, the verdicts, the range of the outputs, the inputs of the
    extreme values, why the results matter, and what is open.

    Args:
        sections: All sections of the report.
    """
    by_key = {section.key: section for section in sections}
    parts = [
        _line(name, by_key[key].sentence)
        for name, key in (("Model.", "model"), ("Input set.", "domain"))
        if key in by_key
    ]
    parts.append(_verdicts(by_key))
    ranges = by_key.get("ranges")
    answer = None if ranges is None else next(iter(ranges.answers), None)
    if ranges is not None and isinstance(answer, Range):
        parts.append(figure(answer, "summary", ranges.reader))
        images = extreme_images(answer, ranges.reader, True)
        parts.append(images_figure(images, "extremes"))
        parts.append(blocks_html(extremes(answer, ranges.reader), "inputs of extreme values"))
    parts.append(_line("Why it matters.", _reasons(by_key)))
    parts.append(_line("Still open.", _open_line(sections)))
    return "".join(parts)


def _line(name: str, text: str) -> str:
    return f"<p><strong>{escape(name)}</strong> {escape(text)}</p>" if text else ""


def _verdicts(by_key: dict[str, Section]) -> str:
    """Return a table of the requirements, and of the robustness if it was asked for."""
    rows = []
    for section in (by_key[key] for key in ("properties", "robustness") if key in by_key):
        for answer in section.answers:
            if isinstance(answer, Verdict):
                rows.append(verdict_row(answer, section.reader))
            else:
                claim = "the decision stays right under small changes"
                is_proved = getattr(answer, "lo", 0.0) == 1.0
                word = Word("proved", GOOD) if is_proved else Word("in part")
                rows.append((claim, word, section.outcome))
    head = ("requirement", "verdict", "reason")
    return blocks_html([Table(head, rows, "l")] if rows else [], "requirements")


def _reasons(by_key: dict[str, Section]) -> str:
    section = by_key.get("properties")
    statuses = {getattr(answer, "status", "") for answer in section.answers} if section else set()
    if VIOLATED in statuses:
        return f"{PROOFS} {BROKEN}"
    return f"{PROOFS} {KEPT}" if statuses == {HOLDS} else PROOFS


def _open_line(sections: Sequence[Section]) -> str:
    """Return a line with the questions that the report leaves open."""
    questions = [_open_questions(section) for section in sections if section.is_open]
    line = "; ".join(questions) or "nothing; every question is settled"
    return f"{line[0].upper()}{line[1:]}."


def _open_questions(section: Section) -> str:
    """Return the open questions of a section, or a remark with its title if they are many."""
    questions: list[str] = []
    for answer in section.answers:
        if isinstance(answer, Verdict) and answer.holds is None:
            questions.append(f"whether {requirement(answer.claim, section.reader)}")
        elif isinstance(answer, Range):
            questions += open_ends(answer, section.reader)
            if len(questions) > MOST_NAMED:
                gap = round_text(100 * section.gap, 1, True)
                return f"the exact limits of the outputs, with gaps of at most {gap} % of a range"
        elif isinstance(answer, RobustAccuracy):
            questions += [open_rows(answer)]
        elif isinstance(answer, Monotone):
            questions += open_directions(answer, section.reader)
    if 0 < len(questions) <= MOST_NAMED:
        return "; ".join(questions)
    count = f"{len(questions):,} questions" if questions else "some questions"
    return f"{count} of the section on {section.title.lower()}"
