"""When a result on a page is the result of today: figures count, clocks do not."""

import doctest
import re


OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
COST = re.compile(r"\d[\d,.]* (s|ms|box|boxes)\b")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w])")
DIGITS = 1e-5
"""Of a number, relative from 1 on: one unit of the last of six digits that answers show."""


class Results(doctest.OutputChecker):
    """Compares what was printed with the page.

    Seconds and boxes are not compared, nor how long a rule is drawn; numbers count to six digits,
    whatever their last one does on another processor. Everything else is compared as it stands.
    """

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Whether the page (`want`) tells what came (`got`)."""
        if super().check_output(want, got, optionflags):
            return True
        want, got = _without_cost(want), _without_cost(got)
        if super().check_output(want, got, optionflags):
            return True
        pairs = list(zip(NUMBER.findall(want), NUMBER.findall(got), strict=False))
        if not all(_close(float(w), float(g)) for w, g in pairs):
            return False
        return super().check_output(NUMBER.sub("0", want), NUMBER.sub("0", got), optionflags)


def _without_cost(text: str) -> str:
    return re.sub("─+", "─", COST.sub(r"0 \1", text).replace("0 boxes", "0 box"))


def _close(want: float, got: float) -> bool:
    return abs(want - got) <= DIGITS * max(1.0, abs(want))
