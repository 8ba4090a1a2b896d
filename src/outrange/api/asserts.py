"""Asserts for tests: a property that must hold, a range the outputs must keep."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..core import InputError
from .arguments import loaded
from .properties import verify


if TYPE_CHECKING:
    from ..answers.verdict import Counterexample, Verdict
    from ..graph import Slot

Limits = dict[str, np.ndarray] | None
"""Output name to limits in its shape; None where there are none."""

UNKNOWN = ("fail", "skip")

OPTIONS = ("where", "seed", "progress")


def assert_holds(
    model: Any,
    property: Any,
    box: Any = None,
    *,
    time_limit: float | None = 60.0,
    unknown: str = "fail",
    **options: Any,
) -> Verdict:
    """Fail a test unless a property is proved for every input of a set.

    The message of a failure has the verdict in a sentence, and the input that breaks the property
    as Python code.

    Args:
        model: As for `outrange.verify`.
        property: As for `outrange.verify`.
        box: As for `outrange.verify`.
        time_limit: Seconds until the question is given up; None for no limit.
        unknown: What a question that stays open does: `"fail"`, or `"skip"` the test (pytest).
        **options: `where`, `seed`, `progress` of `outrange.verify`.

    Returns:
        The `Verdict`, which holds.

    Raises:
        AssertionError: The property is broken, or with `unknown="fail"` not decided.
        InputError, ModelError, UnsupportedError: As for `outrange.verify`.

    Example:
        >>> import keras
        >>> from outrange import y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> assert_holds(model, y[0] <= 2.5, (0, 1))
        Verdict(HOLDS, 'y[0] <= 2.5')

    Sound, complete, cost, reference: as `outrange.verify`.
    """
    __tracebackhide__ = True
    _check(unknown, options)
    network = loaded(model, box)
    verdict = verify(network, property, box, **_time_or_effort(time_limit), **options)
    return _judged(verdict, verdict.claim, model, unknown, [])


def assert_range(
    model: Any,
    box: Any,
    lo: Any = None,
    hi: Any = None,
    *,
    time_limit: float | None = 60.0,
    unknown: str = "fail",
    **options: Any,
) -> Verdict:
    """Fail a test unless every output is proved to stay within `[lo, hi]` on a set of inputs.

    Args:
        model: As for `outrange.verify`.
        box: As for `outrange.verify`.
        lo: The least that is allowed: one number, an array that broadcasts to the output's shape
            (no batch axis), or for several outputs a dict from name to these. None for no limit,
            as are entries of minus infinity.
        hi: The most that is allowed, likewise.
        time_limit: Seconds until the question is given up; None for no limit.
        unknown: What a question that stays open does: `"fail"`, or `"skip"` the test (pytest).
        **options: `where`, `seed`, `progress` of `outrange.verify`.

    Returns:
        The `Verdict`, which holds.

    Raises:
        AssertionError: An output leaves the range, which the message names, or with
            `unknown="fail"` it is not decided.
        InputError, ModelError, UnsupportedError: As for `outrange.verify`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> assert_range(model, (0, 1), -0.5, 2.5)
        Verdict(HOLDS, '(y >= -0.5).all() & (y <= 2.5).all()')

    Sound, complete, cost, reference: as `outrange.verify`.
    """
    __tracebackhide__ = True
    _check(unknown, options)
    network = loaded(model, box)
    slots = network.graph.outputs
    limits = [_limits(slots, given, name) for given, name in ((lo, "lo"), (hi, "hi"))]
    _check_limits(slots, *limits)
    verdict = verify(
        network, _within(slots, *limits), box, **_time_or_effort(time_limit), **options
    )
    outside = _outside(verdict.counterexample, slots, *limits)
    claim = f"lo <= output <= hi, {verdict.claim},"
    return _judged(verdict, claim, model, unknown, outside)


def _check(unknown: str, options: Mapping[str, Any]) -> None:
    strange = sorted(set(options) - set(OPTIONS))
    if strange:
        raise InputError(f"The options are {OPTIONS}. Received: {strange[0]!r}.")
    if unknown not in UNKNOWN:
        raise InputError(f"`unknown` is one of {UNKNOWN}. Received: unknown={unknown!r}.")


def _limits(slots: Sequence[Slot], given: Any, name: str) -> Limits:
    """Output name to limits in its shape."""
    if given is None:
        return None
    names = [slot.name for slot in slots]
    if not isinstance(given, Mapping):
        if len(slots) > 1 and np.ndim(given):
            raise InputError(
                f"This model has the outputs {names}: `{name}` is one number, or a dict from "
                f"output name to limit. Received: an array of shape {np.shape(given)}."
            )
        given = dict.fromkeys(names, given)
    if not set(given) <= set(names):
        raise InputError(f"`{name}` names outputs, {names}. Received: {list(given)}.")
    return {slot.name: _limit(slot, given[slot.name], name) for slot in slots if slot.name in given}


def _limit(slot: Slot, given: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(given, np.float64)
        whole = np.broadcast_to(array, slot.shape)
    except (TypeError, ValueError):
        whole = np.array(np.nan)
    wrong = np.isposinf(whole) if name == "lo" else np.isneginf(whole)
    if wrong.any():
        raise InputError(
            f"`{name}` is finite, or {'minus' if name == 'lo' else 'plus'} infinity where there is "
            f"no limit: no output of `{slot.name}` could keep this. "
            f"Received: {name}={str(given)[:80]}."
        )
    if np.isnan(whole).any():
        raise InputError(
            f"`{name}` is numbers (no NaN) that broadcast to the output's shape; that of "
            f"`{slot.name}` is {slot.shape} (no batch axis). Received: {name}={str(given)[:80]}."
        )
    return array if array.ndim == 0 else whole


def _check_limits(slots: Sequence[Slot], lo: Limits, hi: Limits) -> None:
    if not any(np.isfinite(part).any() for side in (lo, hi) for part in (side or {}).values()):
        raise InputError("`lo` or `hi` must limit some output. Received: no finite limit.")
    for slot in slots:
        low, high = (lo or {}).get(slot.name), (hi or {}).get(slot.name)
        if low is not None and high is not None and (low > high).any():
            raise InputError(
                f"`lo` must not be above `hi`. Received: output `{slot.name}`, "
                f"lo={str(low)[:80]}, hi={str(high)[:80]}."
            )


def _within(slots: Sequence[Slot], lo: Limits, hi: Limits) -> Any:
    """The condition that every limit is kept."""
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
                kept = np.flatnonzero(np.isfinite(limit))
                entries, limit = value.ravel()[kept.tolist()], np.ravel(limit)[kept]
            limit = float(limit) if limit.ndim == 0 else limit
            parts.append(((entries >= limit) if sign > 0 else (entries <= limit)).all())
    return reduce(lambda a, b: a & b, parts)


def _outside(
    found: Counterexample | None, slots: Sequence[Slot], lo: Limits, hi: Limits
) -> list[str]:
    """One line an output entry that leaves its range."""
    from ..answers.render.text import entry_names

    if found is None:
        return []
    lines = []
    for slot in slots:
        real = np.ravel(found.y[slot.name] if isinstance(found.y, dict) else found.y)
        names = entry_names({slot.name: slot.shape})
        for side, word, sign in ((lo, "below lo", 1), (hi, "above hi", -1)):
            given = (side or {}).get(slot.name)
            if given is None:
                continue
            limit = np.broadcast_to(given, slot.shape).ravel()
            for i in np.flatnonzero(sign * (real - limit) < 0):
                lines.append(f"{names[i]} is {float(real[i])!r}, {word} = {float(limit[i])!r}.")
    return lines


def _judged(verdict: Verdict, claim: str, model: Any, unknown: str, outside: list[str]) -> Verdict:
    """The verdict if it holds."""
    __tracebackhide__ = True
    if verdict.holds:
        return verdict
    found = verdict.counterexample
    if found is None:
        message = f"{claim} could be neither proved nor broken. {verdict.sentence}"
        if unknown == "skip":
            _skip(message)
        raise AssertionError(message)
    lines = [f"{claim} does not hold. {verdict.sentence}", *outside, *_code(found, model)]
    raise AssertionError("\n".join(lines))


def _code(found: Counterexample, model: Any) -> list[str]:
    """How to run the model there; flat for what is not a Keras model."""
    from ..answers.render.code import witness_code
    from ..frontends.load import is_keras

    if is_keras(model):
        return [witness_code(found.x, "model(x)")]
    call = "model.predict(x)" if found.model_y is not None else "# the model cannot be run"
    if isinstance(model, str | os.PathLike):
        call = f"outrange.load({os.fspath(model)!r}).predict(x)"
    return [witness_code(found.flat_x, call)]


def _skip(message: str) -> NoReturn:
    import pytest

    pytest.skip(message)


def _time_or_effort(time_limit: float | None) -> dict[str, Any]:
    """Return the limit of a question; without one it goes on until all is proved."""
    return {"effort": "exact"} if time_limit is None else {"time_limit": time_limit}
