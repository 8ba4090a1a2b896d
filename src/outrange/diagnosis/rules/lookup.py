"""OR037: table lookups with numbers that are not valid indices."""

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
"""Operations whose results are the numbers of their argument, unchanged or truncated."""

WIDE = (None, "float32", "float64", "int32", "int64")
"""Types that can represent the indices of tables of common sizes. None denotes the type of the
argument."""

MOST = 2.0**31
"""Limit on the absolute value of the numbers that are checked. Larger numbers are not valid indices
on any backend, and casts change them."""

OUTSIDE = {
    "jax": "On JAX their lookup silently returns NaN.",
    "tensorflow": "On TensorFlow `fit` raises InvalidArgumentError on a CPU.",
    "torch": "On PyTorch `fit` raises IndexError on a CPU.",
}
"""The measured effect of an index outside the table, for each backend."""


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
    "OR037", "invalid indices in a table lookup",
    """An Embedding with input_dim=N reads row k of a table for an integer k in 0..N-1. Fractions
    are truncated, so numbers that were scaled to a small range select only the first rows. A number
    of N or more, or below -N, raises an error on TensorFlow and PyTorch, and gives NaN on JAX. A
    number from -N to -1 reads from the end of the table, as a negative index of a Python list does.
    Negative numbers are reported only as a note if no other number reads the same rows. The finding
    is PROVED if the layer looks up an input of the model unchanged, because the finding then
    follows from the data. Number the words or classes from 0 and do not scale them. Pass numbers
    that are measurements to a Dense layer instead.""",
    Example(lambda k: _words(k, "scaled"), lambda k: _words(k, "")),
    Example(lambda k: _words(k, "beyond"), lambda k: _words(k, "")),
    Example(lambda k: _words(k, "below"), lambda k: _words(k, "")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report numbers that are outside a table, negative, or not integers.

    Only lookups whose indices can be traced back to an input of the model are checked.
    """
    seen = set()
    for lookup in _lookups(case.program):
        numbers = _numbers(case, lookup.input)
        key = (lookup.layer, lookup.input, lookup.size)
        if key in seen or not numbers.size:
            continue
        seen.add(key)
        yield from _outside(rule, case, lookup, numbers)
        yield from _fractions(rule, case, lookup, numbers)
        yield from _from_the_end(rule, case, lookup, numbers)


@dataclass(frozen=True)
class _Lookup:
    """A lookup in a table of weights, with an input of the model as the indices.

    Args:
        layer: Path of the layer that owns the table.
        input: Index of the model input.
        size: Number of rows of the table.
    """

    layer: str
    input: int
    size: int


def _lookups(program: Program) -> Iterator[_Lookup]:
    by = {tensor: step for step in program.steps for tensor in step.gives}
    for step in program.steps:
        is_lookup = (
            step.kind == "Take" and len(step.weights) == 1 and not step.reads and not step.opaque
        )
        if (
            not is_lookup
            or not step.inside
            or len(step.blocked) != 1
            or step.options.get("axis") != 0
        ):
            continue
        tensor = step.blocked[0]
        while tensor in by and _keeps(by[tensor]):
            tensor = (*by[tensor].reads, *by[tensor].blocked)[0]
        # Tensor numbers of inputs come first.
        if tensor < len(program.inputs):
            yield _Lookup(step.layer, tensor, program.weights[step.weights[0]].shape[0])


def _keeps(step: RecordedStep) -> bool:
    alone = len(step.reads) + len(step.blocked) == 1
    plain = alone and not step.weights and not step.opaque
    return step.kind in KEPT and plain and step.options.get("dtype") in WIDE


def _numbers(case: DiagnosisContext, place: int) -> np.ndarray:
    """Return an input's numbers below `MOST` in magnitude, as the model receives them.

    The result has the shape `(count,)`.

    Args:
        place: Index of the input.
    """
    flat = case.model_inputs[place].reshape(-1).astype(np.float64)
    return flat[np.abs(flat) < MOST]


def _which(case: DiagnosisContext, lookup: _Lookup) -> str:
    return f" of input {lookup.input}" if len(case.x) > 1 else ""


def _outside(
    rule: Rule, case: DiagnosisContext, lookup: _Lookup, numbers: np.ndarray
) -> Iterator[Finding]:
    whole = np.trunc(numbers)
    outside = (whole >= lookup.size) | (whole < -lookup.size)
    if not outside.any():
        return
    lo, hi = float(numbers.min()), float(numbers.max())
    fits = (numbers == whole).all() and lo >= 0
    yield rule.finding(
        Level.PROVED, lookup.layer,
        f"{share(int(outside.sum()), numbers.size)} numbers{_which(case, lookup)} are outside "
        f"0..{lookup.size - 1}, the indices of a table with input_dim={lookup.size}; your numbers "
        f"are in {span(lo, hi)}. {OUTSIDE.get(case.program.backend, '')}".rstrip(),
        f"Embedding({int(hi) + 1}, ...)   # or number the values from 0 without gaps"
        if fits
        else "use integers starting at 0 for an Embedding, and a Dense layer for measurements",
        interval=(lo, hi), cost={"outside": int(outside.sum())}, holds_for="the data you gave",
    )  # fmt: skip


def _fractions(
    rule: Rule, case: DiagnosisContext, lookup: _Lookup, numbers: np.ndarray
) -> Iterator[Finding]:
    whole = np.trunc(numbers)
    cut = numbers != whole
    if not cut.any():
        return
    before, after = len(np.unique(numbers)), len(np.unique(whole))
    example = float(numbers[cut][0])
    yield rule.finding(
        Level.PROVED, lookup.layer,
        f"{share(int(cut.sum()), numbers.size)} numbers{_which(case, lookup)} that are looked up "
        f"are not integers and are truncated ({short(example)} is read as "
        f"{short(float(np.trunc(example)))}): of {before:,} distinct values, {after:,} "
        f"{'remain' if after > 1 else 'remains'}.",
        "use integers starting at 0, without scaling, for an Embedding, and a Dense layer for "
        "measurements",
        title="lookup indices are truncated to integers",
        cost={"fractions": int(cut.sum()), "left": after}, holds_for="the data you gave",
    )  # fmt: skip


def _from_the_end(
    rule: Rule, case: DiagnosisContext, lookup: _Lookup, numbers: np.ndarray
) -> Iterator[Finding]:
    whole = np.trunc(numbers)
    below = (whole < 0) & (whole >= -lookup.size)
    if not below.any():
        return
    rows = np.unique(whole[below] + lookup.size)
    both = np.intersect1d(rows, whole[whole >= 0])
    example = float(whole[below].max())
    also = (
        f" The number {short(float(both[0]))} in your data reads the same row as the number "
        f"{short(float(both[0]) - lookup.size)}."
        if len(both) else ""
    )  # fmt: skip
    yield rule.finding(
        Level.PROVED, lookup.layer,
        f"{share(int(below.sum()), numbers.size)} numbers{_which(case, lookup)} that are looked up "
        f"are negative and read the table from its end: {short(example)} reads row "
        f"{short(example + lookup.size)} of {lookup.size}.{also}",
        "count from 0: x - x.min(), and increase input_dim accordingly",
        title="lookup indices are negative",
        cost={"below": int(below.sum())}, holds_for="the data you gave", note=not len(both),
    )  # fmt: skip
