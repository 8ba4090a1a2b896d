"""Comparison of the outputs on a page with current outputs: figures count, times do not."""

import doctest
import re


OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
COST = re.compile(r"\d[\d,.]* (s|ms|box|boxes)\b")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w])")
DIGITS = 1e-5
"""Relative tolerance of a number: one unit in the last of the six digits that answers show."""

GAP = "relative gap"
"""Column that is not compared: a remaining gap depends on the rounding of the processor."""


class Results(doctest.OutputChecker):
    """Checker that compares an output with the page.

    It ignores seconds, numbers of boxes, lengths of rules, and the column of gaps. Numbers count to
    six digits, however small they are. Everything else must be equal.
    """

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Return whether the page (`want`) agrees with the output (`got`)."""
        if super().check_output(want, got, optionflags):
            return True
        want, got = (_without_cost(_without_gaps(text)) for text in (want, got))
        if super().check_output(want, got, optionflags):
            return True
        pairs = list(zip(NUMBER.findall(want), NUMBER.findall(got), strict=False))
        if not all(_close(float(w), float(g)) for w, g in pairs):
            return False
        return super().check_output(NUMBER.sub("0", want), NUMBER.sub("0", got), optionflags)


def _without_gaps(text: str) -> str:
    """Return the text with an empty column of gaps, which is right-aligned below its title."""
    lines, end = [], 0
    for line in text.split("\n"):
        if GAP in line:
            end = line.index(GAP) + len(GAP)
        elif line.strip() in ("", "<BLANKLINE>"):
            end = 0
        elif end:
            line = f"{line[: end - len(GAP)]} gap {line[end:]}"
        lines.append(line)
    return "\n".join(lines)


def _without_cost(text: str) -> str:
    return re.sub("─+", "─", COST.sub(r"0 \1", text).replace("0 boxes", "0 box"))


def _close(want: float, got: float) -> bool:
    return abs(want - got) <= DIGITS * abs(want)
