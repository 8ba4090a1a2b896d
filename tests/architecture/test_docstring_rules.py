"""Each rule of public docstrings reports the docstring that breaks it, and no other."""

import inspect
import re

import numpy as np
import pytest

from architecture import docstring_rules as rules


GOOD = '''"""Bound a model's outputs.

Args:
    model: A model.
    box: Lower and upper ends, `(inputs, 2)`.
    time_limit: Seconds until it ends.

Returns:
    Bounds.

Raises:
    InputError: `box` is empty.

Example:
    >>> 1 + 1
    2

Sound: every rounding error is accounted for.
Complete: no.
Cost: one pass.

Reference: Gowal et al., *Scalable verified training*, 2019.
"""'''

REMOVED = {
    "no sentence": ("outputs.", "outputs"),
    "begins with a verb": ("Bound a model's", "The bounds of a model's"),
    "`model` is not in `Args`": ("    model: A model.\n", ""),
    "the signature does not": ("    model: A model.", "    model: A model.\n    more: More."),
    "`box` has no shape": (", `(inputs, 2)`", ""),
    "`time_limit` has no unit": ("Seconds until", "Until"),
    "no `Returns`": ("Returns:\n    Bounds.\n\n", ""),
    "no `Raises`": ("Raises:\n    InputError: `box` is empty.\n\n", ""),
    "no error of this library": ("InputError:", "BadError:"),
    "`Raises` names no error": ("InputError: `box` is empty.", "If it is empty"),
    "no `Example`": ("Example:\n    >>> 1 + 1\n    2\n\n", ""),
    "nothing to run": (">>> 1 + 1\n    2", "1 + 1"),
    "`Example` is skipped": (">>> 1 + 1\n    2", ">>> 1 + 1  # doctest: +SKIP"),
    "no `Sound:`": ("Sound: every rounding error is accounted for.\n", ""),
    "no `Complete:`": ("Complete: no.\n", ""),
    "no `Cost:`": ("Cost: one pass.\n", ""),
    "no `Reference:`": ("\nReference: Gowal et al., *Scalable verified training*, 2019.\n", ""),
    "authors, a title in italics and a year": (", 2019", ""),
    "sections come as": ("Complete: no.\nCost: one pass.", "Cost: one pass.\nComplete: no."),
}


def _problems(docstring: str) -> list[str]:
    def bounded(model: object, box: np.ndarray, time_limit: float) -> tuple:
        return model, box, time_limit

    bounded.__doc__ = docstring.strip('"')
    return list(rules.function_problems("bounded", bounded, bounds=True))


def test_a_complete_docstring_has_no_problem():
    assert _problems(GOOD) == []


@pytest.mark.parametrize("problem", REMOVED)
def test_what_is_removed_is_reported(problem):
    old, new = REMOVED[problem]
    assert old in GOOD
    problems = _problems(GOOD.replace(old, new))
    assert len(problems) == 1 and problem in problems[0]


def test_no_docstring_lacks_everything():
    problems = "\n".join(_problems(""))
    assert len(re.findall("no `", problems)) == 7 and problems.count("is not in `Args`") == 3


def test_a_reference_to_another_function_counts_only_if_that_one_says_it():
    tail = GOOD[GOOD.index("Sound:") : GOOD.index('"""', 3)]
    shared = "Sound, complete, cost, reference: as for `outrange.{}`.\n"
    assert _problems(GOOD.replace(tail, shared.format("verify"))) == []
    (problem,) = _problems(GOOD.replace(tail, shared.format("load")))
    assert "does not say it either" in problem
    box = "box: As for `outrange.{}`."
    entry = "box: Lower and upper ends, `(inputs, 2)`."
    assert _problems(GOOD.replace(entry, box.format("output_range"))) == []
    assert _problems(GOOD.replace(entry, box.format("load")))


class _Record:
    def part(self, which: int) -> int:
        """Return one part.

        Args:
            which: Number of the part, from 0.

        Returns:
            The part.

        Raises:
            IndexError: There is none.
        """
        if which:
            raise IndexError(which)
        return which

    def total(self, axis: int) -> int:
        """Add them up, as `numpy.sum` does."""
        return axis


def test_methods_with_arguments_describe_them():
    assert not list(rules.method_problems("part", _Record.part, stated=False))
    assert not list(rules.method_problems("total", _Record.total, stated=False))
    docstring = inspect.getdoc(_Record.part) or ""
    for section in ("Args", "Returns", "Raises"):
        start = docstring.index(f"{section}:")
        stop = docstring.find("\n\n", start)
        _Record.part.__doc__ = docstring.replace(docstring[start : stop if stop > 0 else None], "")
        assert len(list(rules.method_problems("part", _Record.part, stated=False))) == 1
    _Record.total.__doc__ = "Add them up."
    assert len(list(rules.method_problems("total", _Record.total, stated=False))) == 2
