"""Sentences and documents for the answers in a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...answers.diagnosis import Diagnosis
from ...answers.monotone import Monotone
from ...answers.range import Range
from ...answers.render.document import Document
from ...answers.robust_accuracy import RobustAccuracy
from ...answers.summary import Summary
from ...answers.verdict import Verdict
from .checks import accuracy_document, accuracy_outcome, verdict_document, verdict_outcome
from .ranges import range_document, range_outcome
from .reader import Reader
from .requirement import requirement
from .slopes import slope_document, slope_outcome
from .trends import trend_document, trend_outcome


def outcome(answers: Sequence[Any], reader: Reader) -> str:
    """Return the result of a section, in a few words.

    Args:
        answers: At least one answer, all of the same kind. All verdicts are counted; of other
            answers, only the first is described.
        reader: Names, units and number formats of the page.
    """
    first = answers[0]
    match first:
        case Verdict():
            return verdict_outcome(answers, reader)
        case Range():
            if first.subject == "gradient":
                return slope_outcome(first, reader)
            return range_outcome(first, reader)
        case Monotone():
            return trend_outcome(first, reader)
        case RobustAccuracy():
            return accuracy_outcome(first)
        case Summary():
            return first.sentence
        case Diagnosis():
            count = len(first.findings)
            result = f"{count} finding{'s' * (count != 1)}" if count else "no findings"
            return result + (f", {len(first.unread)} not checked" if first.unread else "")
    return repr(first)


def document(answer: Any, reader: Reader) -> Document:
    """Return the document that shows an answer on the page."""
    match answer:
        case Verdict():
            return verdict_document(answer, reader)
        case Range():
            is_slope = answer.subject == "gradient"
            return slope_document(answer, reader) if is_slope else range_document(answer, reader)
        case Monotone():
            return trend_document(answer, reader)
        case RobustAccuracy():
            return accuracy_document(answer, reader)
    return answer.document()


def with_page_names(answer: Any, reader: Reader) -> Any:
    """Rename the inputs and outputs of an answer for its figure on a report page.

    Args:
        answer: A range, trends or a verdict; any other answer is returned unchanged.
        reader: Names of the inputs and outputs on the page.
    """
    if isinstance(answer, Range) and len(reader.outputs) == answer.lo.size:
        units = [f" [{unit}]" if unit else "" for unit in reader.output_units]
        is_mixed = len(set(units)) > 1  # Otherwise, the axis has the unit.
        named = zip(reader.outputs, units, strict=True)
        labels = tuple(name + unit * is_mixed for name, unit in named)
        return replace(answer, labels=labels)
    if isinstance(answer, Monotone):
        trends = (
            replace(
                trend,
                output=reader.output(reader.output_number(trend.output), trend.output),
                input=reader.input_called(trend.input),
            )
            for trend in answer.trends
        )
        return replace(answer, trends=tuple(trends))
    if isinstance(answer, Verdict):
        return replace(answer, claim=requirement(answer.claim, reader))
    return answer
