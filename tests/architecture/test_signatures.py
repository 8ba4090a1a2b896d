"""Public functions and constructors take few parameters."""

from inspect import signature

import outrange


MOST = 10

LONG = {
    "report": 14,
}
"""Public names with more parameters, and their numbers, which may only fall."""

ERRORS = tuple(name for name in outrange.__all__ if name.endswith("Error"))


def test_public_functions_take_few_parameters():
    public = {name: getattr(outrange, name) for name in outrange.__all__ if name not in ERRORS}
    counts = {name: len(signature(f).parameters) for name, f in public.items() if callable(f)}
    assert {name: count for name, count in counts.items() if count > MOST} == LONG
