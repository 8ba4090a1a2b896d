"""OR037: numbers that enter a lookup in a table and are no places of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Program, RecordedStep
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import share, short, span


KEPT = ("Cast", "ConvertToTensor", "ExpandDims", "Flatten", "Identity", "Reshape", "Squeeze")
"""Operations whose result holds the numbers of their argument, all of them, fractions aside."""

WIDE = (None, "float32", "float64", "int32", "int64")
"""Formats that hold the places of any table."""

MOST = 2.0**31
"""Numbers from here on are no places on any backend, and turn into others as they are cast."""

OUTSIDE = {
    "jax": "On JAX what is looked up for them is NaN, silently.",
    "tensorflow": "On TensorFlow `fit` raises InvalidArgumentError on a CPU.",
    "torch": "On PyTorch `fit` raises IndexError on a CPU.",
}
"""What a place beyond the table does, as tried on each backend."""


def _words(keras: ModuleType, fault: str) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 12, (96, 6)).astype("float32")
    y = (x[:, 0] > 6).astype("float32")[:, None]
    if fault == "scaled":
        x = x / 12
    if fault == "beyond":
        x[:, 1] += 1
    if fault == "below":
        x[:, 5] = -1
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Embedding(12, 4),
            keras.layers.Flatten(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model, x, y


@register(
    "OR037", "numbers that are no places of the table they are looked up in",
    """An Embedding with input_dim=N reads row k of a table for the whole number k in 0..N-1.
    Fractions are cut off, so that scaled numbers all read the first rows. A number from N on, or
    below -N, is an error on TensorFlow and PyTorch and gives NaN on JAX. A number from -N to -1
    reads from the end of the table, as Python lists do; where no other number reads these rows
    that is a note. PROVED is a fact of the data given, where an input of the model enters the
    lookup as it is. Number the words or classes from 0 and do not scale them, or give numbers that
    are no names of things to a Dense layer.""",
    Example(lambda k: _words(k, "scaled"), lambda k: _words(k, "")),
    Example(lambda k: _words(k, "beyond"), lambda k: _words(k, "")),
    Example(lambda k: _words(k, "below"), lambda k: _words(k, "")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Follow the places of each lookup back to an input, and look at its numbers."""
    said = set()
    for found in _lookups(case.program):
        numbers = _numbers(case, found.input)
        key = (found.layer, found.input, found.size)
        if key in said or not numbers.size:
            continue
        said.add(key)
        yield from _outside(rule, case, found, numbers)
        yield from _fractions(rule, case, found, numbers)
        yield from _from_the_end(rule, case, found, numbers)


@dataclass(frozen=True)
class _Lookup:
    """A lookup in a table of weights, at places that are an input of the model.

    Args:
        layer: Where it happens.
        input: Which input the places are.
        size: Rows of the table.
    """

    layer: str
    input: int
    size: int


def _lookups(program: Program) -> Iterator[_Lookup]:
    by = {tensor: step for step in program.steps for tensor in step.gives}
    for step in program.steps:
        one = step.kind == "Take" and len(step.weights) == 1 and not step.reads and not step.opaque
        if not one or not step.inside or len(step.blocked) != 1 or step.options.get("axis") != 0:
            continue
        tensor = step.blocked[0]
        while tensor in by and _keeps(by[tensor]):
            tensor = (*by[tensor].reads, *by[tensor].blocked)[0]
        # The symbols of inputs are numbered first.
        if tensor < len(program.inputs):
            yield _Lookup(step.layer, tensor, program.weights[step.weights[0]].shape[0])


def _keeps(step: RecordedStep) -> bool:
    alone = len(step.reads) + len(step.blocked) == 1
    plain = alone and not step.weights and not step.opaque
    return step.kind in KEPT and plain and step.options.get("dtype") in WIDE


def _numbers(case: DiagnosisContext, place: int) -> np.ndarray:
    """The numbers of an input below `MOST`, as the model gets them."""
    flat = case.entering[place].reshape(-1).astype(np.float64)
    return flat[np.abs(flat) < MOST]


def _which(case: DiagnosisContext, found: _Lookup) -> str:
    return f" of input {found.input}" if len(case.x) > 1 else ""


def _outside(
    rule: Rule, case: DiagnosisContext, found: _Lookup, numbers: np.ndarray
) -> Iterator[Finding]:
    whole = np.trunc(numbers)
    outside = (whole >= found.size) | (whole < -found.size)
    if not outside.any():
        return
    lo, hi = float(numbers.min()), float(numbers.max())
    fits = (numbers == whole).all() and lo >= 0
    yield rule.found(
        Level.PROVED, found.layer,
        f"{share(int(outside.sum()), numbers.size)} numbers{_which(case, found)} are outside "
        f"0..{found.size - 1}, the places of a table with input_dim={found.size}; yours are in "
        f"{span(lo, hi)}. {OUTSIDE.get(case.program.backend, '')}".rstrip(),
        f"Embedding({int(hi) + 1}, ...)   # or number them from 0 without gaps"
        if fits else "whole numbers from 0 on for an Embedding; a Dense layer for measurements",
        interval=(lo, hi), cost={"outside": int(outside.sum())}, holds_for="the data you gave",
    )  # fmt: skip


def _fractions(
    rule: Rule, case: DiagnosisContext, found: _Lookup, numbers: np.ndarray
) -> Iterator[Finding]:
    whole = np.trunc(numbers)
    cut = numbers != whole
    if not cut.any():
        return
    before, after = len(np.unique(numbers)), len(np.unique(whole))
    example = float(numbers[cut][0])
    yield rule.found(
        Level.PROVED, found.layer,
        f"{share(int(cut.sum()), numbers.size)} numbers{_which(case, found)} that are looked up "
        f"are no whole numbers; what follows the point is cut off ({short(example)} is read as "
        f"{short(float(np.trunc(example)))}): of {before:,} different numbers {after:,} "
        f"{'are' if after > 1 else 'is'} left.",
        "whole numbers from 0 on for an Embedding, not scaled; a Dense layer for measurements",
        title="numbers that are looked up are cut to whole numbers",
        cost={"fractions": int(cut.sum()), "left": after}, holds_for="the data you gave",
    )  # fmt: skip


def _from_the_end(
    rule: Rule, case: DiagnosisContext, found: _Lookup, numbers: np.ndarray
) -> Iterator[Finding]:
    whole = np.trunc(numbers)
    below = (whole < 0) & (whole >= -found.size)
    if not below.any():
        return
    rows = np.unique(whole[below] + found.size)
    both = np.intersect1d(rows, whole[whole >= 0])
    one = float(whole[below].max())
    also = (
        f" Row {short(float(both[0]))} is read for {short(float(both[0]))} as well."
        if len(both) else ""
    )  # fmt: skip
    yield rule.found(
        Level.PROVED, found.layer,
        f"{share(int(below.sum()), numbers.size)} numbers{_which(case, found)} that are looked up "
        f"are below 0 and read the table from its end: {short(one)} reads row "
        f"{short(one + found.size)} of {found.size}.{also}",
        "count from 0: x - x.min(), and as many more in input_dim",
        title="numbers that are looked up are below 0",
        cost={"below": int(below.sum())}, holds_for="the data you gave", note=not len(both),
    )  # fmt: skip
