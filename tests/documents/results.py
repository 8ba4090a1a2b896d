"""When a result on a page is the result of today: figures count, clocks do not."""

import doctest
import re


OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
COST = re.compile(r"\d[\d,.]* (s|ms|box|boxes)\b")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w])")
DIGITS = 1e-5
"""Of a number, relative: one unit of the last of six digits that answers show."""

GAP = "relative gap"
"""A column that is not compared: what is left of a gap depends on how a processor rounds."""


class Results(doctest.OutputChecker):
    """Compares what was printed with the page.

    Seconds and boxes are not compared, nor how long a rule is drawn, nor the column of gaps;
    numbers count to six digits, however small they are, whatever their last one does on another
    processor. Everything else is compared as it stands.
    """

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Whether the page (`want`) tells what came (`got`)."""
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
    """The column of gaps, which is aligned to the right below its title, emptied."""
    kept, end = [], 0
    for line in text.split("\n"):
        if GAP in line:
            end = line.index(GAP) + len(GAP)
        elif line.strip() in ("", "<BLANKLINE>"):
            end = 0
        elif end:
            line = f"{line[: end - len(GAP)]} gap {line[end:]}"
        kept.append(line)
    return "\n".join(kept)


def _without_cost(text: str) -> str:
    return re.sub("─+", "─", COST.sub(r"0 \1", text).replace("0 boxes", "0 box"))


def _close(want: float, got: float) -> bool:
    return abs(want - got) <= DIGITS * abs(want)
