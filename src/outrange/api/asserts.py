"""Assertions for tests: `assert_holds` for a property, `assert_range` for output limits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..core import InputError
from .arguments import load_network
from .properties import verify


if TYPE_CHECKING:
    from ..answers.verdict import Counterexample, Verdict
    from ..graph import Slot

Limits = dict[str, np.ndarray] | None
"""Dict from output name to an array of limits, scalar or in the output's shape; None for no limits.
"""

UNKNOWN = ("fail", "skip")

OPTIONS = ("where", "seed", "progress")


def assert_holds(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    time_limit: float = 60.0,
    unknown: str = "fail",
    **options: Any,
) -> Verdict:
    """Fail a test unless a property is proved for every input of a set.

    The failure message contains the verdict and, for a violation, Python code with the input that
    violates the property.

    Args:
        model: As for `outrange.output_range`.
        property: As for `outrange.verify`.
        box: As for `outrange.verify`.
        time_limit: Limit in seconds; `math.inf` to search until the property is decided.
        unknown: What happens to the test if the property is undecided: `"fail"` or `"skip"`
            (pytest).
        **options: The arguments `where`, `seed` and `progress` of `outrange.verify`.

    Returns:
        The `Verdict`; its status is `HOLDS`.

    Raises:
        AssertionError: The property is violated, or undecided with `unknown="fail"`.
        InputError, ModelError, UnsupportedError: As for `outrange.verify`.

    Example:
        >>> import keras
        >>> from outrange import y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> assert_holds(model, y[0] <= 2.5, (0, 1))
        Verdict(HOLDS, 'y[0] <= 2.5')

    Sound, complete, cost, reference: as for `outrange.verify`.
    """
    __tracebackhide__ = True
    _check(unknown, options)
    network = load_network(model, box)
    verdict = verify(network, property, box, time_limit=time_limit, **options)
    return _check_verdict(verdict, verdict.claim, model, unknown, [])


def assert_range(
    model: Any,
    box: Any,
    lo: Any = None,
    hi: Any = None,
    *,
    time_limit: float = 60.0,
    unknown: str = "fail",
    **options: Any,
) -> Verdict:
    """Fail a test unless every output is proved to stay within `[lo, hi]` on a set of inputs.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.verify`.
        lo: Lower limit: one number, an array that broadcasts to the output's shape (without a batch
            axis), or for several outputs a dict from output name to such a number or array. None
            and entries of minus infinity mean no limit.
        hi: Upper limit: a number, an array that broadcasts to the output's shape, or a dict, as for
            `lo`. None and entries of infinity mean no limit.
        time_limit: Limit in seconds; `math.inf` to search until the property is decided.
        unknown: What happens to the test if the property is undecided: `"fail"` or `"skip"`
            (pytest).
        **options: The arguments `where`, `seed` and `progress` of `outrange.verify`.

    Returns:
        The `Verdict`; its status is `HOLDS`.

    Raises:
        AssertionError: An output can leave the range (the message says which), or the property is
            undecided and `unknown="fail"`.
        InputError: No output has a finite limit, or as for `outrange.verify`.
        ModelError, UnsupportedError: As for `outrange.verify`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> assert_range(model, (0, 1), -0.5, 2.5)
        Verdict(HOLDS, '(y >= -0.5).all() & (y <= 2.5).all()')

    Sound, complete, cost, reference: as for `outrange.verify`.
    """
    __tracebackhide__ = True
    _check(unknown, options)
    network = load_network(model, box)
    slots = network.graph.outputs
    limits = [_limits(slots, limit, name) for limit, name in ((lo, "lo"), (hi, "hi"))]
    _check_limits(slots, *limits)
    verdict = verify(network, _within(slots, *limits), box, time_limit=time_limit, **options)
    outside = _outside(verdict.counterexample, slots, *limits)
    claim = f"lo <= output <= hi, {verdict.claim},"
    return _check_verdict(verdict, claim, model, unknown, outside)


def _check(unknown: str, options: Mapping[str, Any]) -> None:
    strange = sorted(set(options) - set(OPTIONS))
    if strange:
        raise InputError(f"An option must be one of {OPTIONS}. Received: {strange[0]!r}.")
    if unknown not in UNKNOWN:
        raise InputError(f"`unknown` must be one of {UNKNOWN}. Received: unknown={unknown!r}.")


def _limits(slots: Sequence[Slot], value: Any, name: str) -> Limits:
    """Return a dict from output name to checked limits, or None if `value` is None.

    Limits are arrays in the output's shape; a single number becomes a scalar array.
    """
    if value is None:
        return None
    names = [slot.name for slot in slots]
    if not isinstance(value, Mapping):
        if len(slots) > 1 and np.ndim(value):
            raise InputError(
                f"This model has the outputs {names}: `{name}` must be one number, or a dict from "
                f"output names to limits. Received: an array of shape {np.shape(value)}."
            )
        value = dict.fromkeys(names, value)
    if not set(value) <= set(names):
        raise InputError(f"The keys of `{name}` must be outputs: {names}. Received: {list(value)}.")
    return {slot.name: _limit(slot, value[slot.name], name) for slot in slots if slot.name in value}


def _limit(slot: Slot, value: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(value, np.float64)
        whole = np.broadcast_to(array, slot.shape)
    except (TypeError, ValueError):
        whole = np.array(np.nan)
    wrong = np.isposinf(whole) if name == "lo" else np.isneginf(whole)
    if wrong.any():
        raise InputError(
            f"`{name}` must be finite, or {'minus' if name == 'lo' else 'plus'} infinity for no "
            f"limit: output `{slot.name}` cannot satisfy this limit. "
            f"Received: {name}={str(value)[:80]}."
        )
    if np.isnan(whole).any():
        raise InputError(
            f"`{name}` must contain numbers (no NaN) that broadcast to the output's shape. The "
            f"shape of `{slot.name}` is {slot.shape} (no batch axis). "
            f"Received: {name}={str(value)[:80]}."
        )
    return array if array.ndim == 0 else whole


def _check_limits(slots: Sequence[Slot], lo: Limits, hi: Limits) -> None:
    if not any(np.isfinite(part).any() for side in (lo, hi) for part in (side or {}).values()):
        raise InputError("`lo` or `hi` must limit at least one output. Received: no finite limit.")
    for slot in slots:
        low, high = (lo or {}).get(slot.name), (hi or {}).get(slot.name)
        if low is not None and high is not None and (low > high).any():
            raise InputError(
                f"`lo` must not be above `hi`. Received: output `{slot.name}`, "
                f"lo={str(low)[:80]}, hi={str(high)[:80]}."
            )


def _within(slots: Sequence[Slot], lo: Limits, hi: Limits) -> Any:
    """Return the condition that every output is within its finite limits."""
    from ..questions.expressions import y

    parts = []
    for slot in slots:
        value = y if len(slots) == 1 else y[slot.name]
        for side, sign in ((lo, 1), (hi, -1)):
            limit = (side or {}).get(slot.name)
            if limit is None or not np.isfinite(limit).any():
                continue
            entries = value
            if not np.isfinite(limit).all():
                finite = np.flatnonzero(np.isfinite(limit))
                entries, limit = value.ravel()[finite.tolist()], np.ravel(limit)[finite]
            limit = float(limit) if limit.ndim == 0 else limit
            parts.append(((entries >= limit) if sign > 0 else (entries <= limit)).all())
    return reduce(lambda a, b: a & b, parts)


def _outside(
    example: Counterexample | None, slots: Sequence[Slot], lo: Limits, hi: Limits
) -> list[str]:
    """Return a line of text for each output entry of a counterexample that violates a limit."""
    from ..answers.render.text import entry_names

    if example is None:
        return []
    lines = []
    for slot in slots:
        real = np.ravel(example.y[slot.name] if isinstance(example.y, dict) else example.y)
        names = entry_names({slot.name: slot.shape})
        for side, word, sign in ((lo, "below lo", 1), (hi, "above hi", -1)):
            limits = (side or {}).get(slot.name)
            if limits is None:
                continue
            limit = np.broadcast_to(limits, slot.shape).ravel()
            for i in np.flatnonzero(sign * (real - limit) < 0):
                lines.append(f"{names[i]} is {float(real[i])!r}, {word} = {float(limit[i])!r}.")
    return lines


def _check_verdict(
    verdict: Verdict, claim: str, model: Any, unknown: str, outside: list[str]
) -> Verdict:
    """Return the verdict if the property is proved; otherwise fail or skip the test.

    The test is skipped only if the property is undecided and `unknown` is `"skip"`.
    """
    __tracebackhide__ = True
    if verdict.holds:
        return verdict
    example = verdict.counterexample
    if example is None:
        message = f"{claim} could be neither proved nor refuted. {verdict.sentence}"
        if unknown == "skip":
            _skip(message)
        raise AssertionError(message)
    lines = [f"{claim} does not hold. {verdict.sentence}", *outside, *_code(example, model)]
    raise AssertionError("\n".join(lines))


def _code(example: Counterexample, model: Any) -> list[str]:
    """Return lines of code with the counterexample, and a call of the model if it can be run.

    The input is flat in this code unless the model is a Keras model.
    """
    from ..answers.render.code import witness_code
    from ..frontends.load import is_keras

    if is_keras(model):
        # The columns of a table may name the features of a model with a single input.
        are_features = isinstance(example.x, dict) and len(model.inputs) == 1
        return [witness_code(example.flat_x if are_features else example.x, "model(x)")]
    call = "model.predict(x)" if example.model_y is not None else "# the model cannot be run"
    if isinstance(model, str | os.PathLike):
        call = f"outrange.load({os.fspath(model)!r}).predict(x)"
    return [witness_code(example.flat_x, call)]


def _skip(message: str) -> NoReturn:
    import pytest

    pytest.skip(message)
