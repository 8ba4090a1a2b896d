"""Arguments of plants and callbacks: state, control, time, disturbance, parameters, choice."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from typing import Any

from ...core import InputError
from .linear import LinearPlant


PLANT_ARGUMENTS = ("t", "x", "u", "w", "p", "c")
"""Argument names of a plant: step or time, state, control, disturbance, parameters, choice."""


POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
"""Kinds of parameters that can be passed by position."""

OBSERVE_ARGUMENTS, MEMORY_ARGUMENTS = ("t", "x"), ("t", "x", "y")
"""Argument names of `observe` (time and state) and of `memory` (also the controller's output)."""


def accepted_arguments(function: Any, words: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the names of the arguments to pass to a function, in the order of its parameters.

    If all parameters are named in `words`, return their names. Otherwise, return as many of the
    last `words` as the function has parameters. Optional parameters that are not named in `words`
    are ignored. If the function has no readable signature, return the last word.

    Args:
        words: Names of the arguments that the caller can pass.
        what: Description of the function, for messages.

    Raises:
        InputError: The function accepts no arguments, more arguments than there are `words`, or a
            variable number of them.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return tuple(words[-1:])
    names = [p.name for p in parameters if p.default is p.empty or p.name in words]
    if names and set(names) <= set(words):
        return tuple(names)
    wide = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if wide or not 1 <= len(names) <= len(words):
        raise InputError(
            f"{what} must be a function with the arguments {', '.join(f'`{w}`' for w in words)}, "
            "or with some of these arguments. Received: a function with "
            f"{', '.join(map(str, parameters)) or 'no arguments'}."
        )
    return tuple(words[-len(names) :])


def check_order(controller: Any, plant: Any) -> None:
    """Reject a plant that is passed as the controller.

    Raises:
        InputError: The controller is a list of formulas, a linear plant, or a function that must
            be called with more than one argument.
    """
    required = []
    if isinstance(controller, types.FunctionType | types.MethodType):
        parameters = inspect.signature(controller).parameters.values()
        required = [p.name for p in parameters if p.default is p.empty and p.kind in POSITIONAL]
    if len(required) > 1 or isinstance(controller, list | tuple | LinearPlant):
        received = f"a function of {', '.join(required)}" if required else type(controller).__name__
        raise InputError(
            "The controller, a model or a function of its observation, must come before the plant: "
            "`ControlLoop(controller, plant, initial)`. "
            f"Received: {received} as the controller, {type(plant).__name__} as the plant."
        )


def plant_arguments(plant: Any, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the names of the arguments that a plant accepts, in the order of its parameters.

    A function of two, three or four arguments with other names is called as `(x, u)`, `(t, x, u)`
    or `(t, x, u, w)`.

    Args:
        plant: A function, or a `LinearPlant`.
        sizes: Number of entries of `w`, `p` and `c` in the loop; 0 for each that is absent.

    Raises:
        InputError: The plant is not a function, it accepts other arguments, or its arguments do not
            match `sizes`.
    """
    rule = (
        "A plant must be a function of `(x, u)` or `(t, x, u, w)`, or of any of t (the step), x, "
        "u, w (the disturbance), p (the parameters) and c (the choice) by these names; a model; "
        "`linear_plant(A, B)`; or a list of formulas"
    )
    if isinstance(plant, LinearPlant):
        names = ["x", "u"] if plant.E is None else ["x", "u", "w"]
        check_used(names, sizes)
        if plant.E is not None and plant.E.shape[1] != sizes["w"]:
            raise InputError(
                "A linear plant must have one column of `E` per disturbance. "
                f"Received: {plant.E.shape[1]} columns, {sizes['w']} disturbances."
            )
        return tuple(names)
    try:
        parameters = list(inspect.signature(plant).parameters.values())
    except (TypeError, ValueError):
        raise InputError(f"{rule}. Received: {type(plant).__name__}.") from None
    names = [p.name for p in parameters if p.default is p.empty or p.name in PLANT_ARGUMENTS]
    if any(p.kind not in POSITIONAL for p in parameters):
        raise InputError(f"{rule}. Received: a function of {', '.join(map(str, parameters))}.")
    if not set(names) <= set(PLANT_ARGUMENTS):
        standard = {2: ["x", "u"], 3: ["t", "x", "u"], 4: ["t", "x", "u", "w"]}.get(len(names), [])
        misplaced = any(
            a in PLANT_ARGUMENTS and a != b for a, b in zip(names, standard, strict=False)
        )
        if misplaced or not standard:
            raise InputError(f"{rule}. Received: a function of {', '.join(map(str, parameters))}.")
        names = standard
    if not {"x", "u"} <= set(names):
        raise InputError(f"{rule}. Received: a function of {', '.join(map(str, parameters))}.")
    check_used(names, sizes)
    return tuple(names)


def check_used(names: Sequence[str], sizes: Mapping[str, int]) -> None:
    """Reject a plant whose arguments do not match the disturbance, parameters and choices.

    Args:
        names: Names of the plant's arguments.
        sizes: Number of entries of `w`, `p` and `c` in the loop; 0 for each that is absent.

    Raises:
        InputError: The plant has an argument that is absent from the loop, or lacks an argument
            that is present, so that the proof would silently ignore it.
    """
    missing = [k for k in names if k in "wpc" and not sizes[k]]
    if missing:
        raise InputError(
            f"A plant with the argument `{missing[0]}` needs `unknown={{'{missing[0]}': ...}}`, "
            f"the values of this argument. Received: a loop without `unknown['{missing[0]}']`."
        )
    unused = [k for k in "wpc" if sizes[k] and k not in names]
    if unused:
        raise InputError(
            f"With `unknown['{unused[0]}']`, the plant must have the argument `{unused[0]}` (a "
            f"formula must use `{unused[0]}1`; `linear_plant` must have `E` for a disturbance). "
            f"Received: a plant with the arguments {', '.join(names)}."
        )
