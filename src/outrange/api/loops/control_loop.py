"""The public record `ControlLoop`: a controller, a plant, and the initial states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from fractions import Fraction
from functools import wraps
from inspect import signature
from typing import Any

from ...core import InputError, UnsupportedError
from ...live.follow import argument_error
from ...questions.inputs.sets.base import brief
from .delay import read_delay
from .flows import period
from .modes import read_modes
from .uncertain import read_unknown


CALLBACKS = ("observe", "actuate", "memory")
"""Names of the fields that are functions."""

LONGEST = 60
"""Maximum number of characters of a field in a `repr`."""


@dataclass(frozen=True, eq=False, repr=False)
class ControlLoop:
    """A closed loop of a controller and a plant, with its initial states.

    The record contains no question: `outrange.closed_loop` and `outrange.loop_reach_sets` answer
    questions about it. `dataclasses.replace(loop, dt=0.1)` returns a copy with another period.

    Args:
        controller: A model as for `outrange.output_range`, or a function of the state. If a state
            selects one of several controllers, a dict from the state's name or index to a dict from
            its values to controllers: `{"phase": {0: idle, 1: climb}}`. The plant returns the next
            value of this state; with `dt`, the function `memory` returns it.
        plant: The plant, which returns the next state, or with `dt` the derivative of the state: a
            function of `(x, u)`, `(t, x, u)`, `(t, x, u, w)`, or of any of these names: `t` (the
            step number, or with `dt` the time), `x` (the state), `u` (the control), `w` (the
            disturbance), `p` (the parameters) and `c` (the choice), written with NumPy,
            `keras.ops`, JAX or PyTorch. The plant may also be `outrange.linear_plant(A, B)`, a
            model of state and control, or a list of formulas, one per state:
            `["x1 + 0.1*x2", "x2 + 0.1*u1"]`.
        initial: The initial states: `(lo, hi)`, or any set as in `outrange.output_range`, such as
            `outrange.Union((lo, hi)) & (x[0] <= 1)`.
        dt: The period of a plant in continuous time, which returns the derivative of the state.
            Each control is held for one period, and specifications use the same unit of time:
            `(x[0] <= 1).during(0.5, 1)`. A float means its decimal value; `Fraction(1, 3)` is
            exact. None means discrete time: the plant returns its next state.
        observe: The controller's input, as a function of `x`, or of `(t, x)` with the step number
            (with `dt`: the time, as a float64 number). None for the whole state.
        actuate: The control, as a function of the controller's output. None for the output itself.
        unknown: Dict from arguments of the plant to their possible values. `"p"`: bounds `(lo, hi)`
            on constants. `"w"`: bounds `(lo, hi)` on a disturbance, which may change at every step
            (with `dt`: at any time). `"c"`: in discrete time, the values that a choice may take at
            every step, such as `[-1, 0, 1]`; for several choices, a list of such lists.
        memory: Update of the controller's memory: a function of the controller's output `y`, of
            `(x, y)` or `(t, x, y)`, that returns the next values of the last states. The plant
            then returns only the other states.
        delay: Number of steps (with `dt`: periods) before a control reaches the plant, which
            receives 0 until then; `(2, -10.0)` means 2 steps, and -10 until then.
        names: Names of the states, for `x["angle"]` and for figures, such as `["angle", "speed"]`;
            or a pair of lists, the names of the states and the names of the controls.

    Raises:
        InputError: A field is invalid; the message says which one and why. Errors that depend on
            the models, such as a wrong number of inputs, are raised when the loop is used.
        UnsupportedError: A loop in continuous time has choices.

    Example:
        >>> def cart(x, u):
        ...     return [x[1], u[0]]
        >>> ControlLoop(lambda x: [-x[0] - x[1]], cart, ([1, -0.1], [2, 0.1]), dt=0.1)
        ControlLoop(<lambda>, cart, ([1, -0.1], [2, 0.1]), dt=0.1)
    """

    controller: Any
    plant: Any
    initial: Any
    _: KW_ONLY
    dt: float | Fraction | None = None
    observe: Callable | None = None
    actuate: Callable | None = None
    unknown: Mapping[str, Any] | None = None
    memory: Callable | None = None
    delay: int | tuple[int, Any] = 0
    names: Sequence[str] | tuple[Sequence[str], Sequence[str]] | None = None

    def __post_init__(self) -> None:
        from ...frontends.functions.arguments import check_order

        for model in read_modes(self.controller)[1].values():
            check_order(model, self.plant)
        if self.names is not None:  # copies, which the caller cannot change
            states, controls = read_names(self.names)
            names = states if controls is None else (states, controls)
            object.__setattr__(self, "names", names)
        if isinstance(self.unknown, Mapping):
            object.__setattr__(self, "unknown", dict(self.unknown))
        for name in CALLBACKS:
            callback = getattr(self, name)
            if callback is not None and not callable(callback):
                raise InputError(
                    f"`{name}` must be a function or None. Received: {name}={callback!r:.60}."
                )
        read_delay(self.delay)
        choices = read_unknown(self.unknown)[2]
        if self.dt is not None and period(self.dt) and choices:
            raise UnsupportedError(
                "A choice needs a plant in discrete time. In continuous time, replace it with a "
                'disturbance `"w"` that ranges from the smallest to the largest choice. '
                f'Received: unknown["c"] with dt={float(self.dt):g}.'
            )

    def __repr__(self) -> str:
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            text = getattr(value, "__name__", None) or brief(value)
            if len(text) > LONGEST or "\n" in text:
                text = f"{type(value).__name__}(...)"
            if not field.kw_only:
                parts.append(text)
            elif value is not None and text != repr(field.default):
                parts.append(f"{field.name}={text}")
        return f"ControlLoop({', '.join(parts)})"


def read_names(names: Any) -> tuple[list[str] | None, list[str] | None]:
    """Return the names of the states and those of the controls; None for each that is missing.

    Raises:
        InputError: `names` is neither a list of different strings nor a pair of such lists.
    """
    if names is None:
        return None, None
    is_pair = isinstance(names, list | tuple) and len(names) == 2
    if not is_pair or any(isinstance(part, str) for part in names):
        names = (names, None)
    states, controls = names
    _check_names(states)
    if controls is None:
        return list(states), None
    _check_names(controls)
    return list(states), list(controls)


def _check_names(names: Any) -> None:
    """Check that names are a sequence of different strings."""
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    if not is_list or not all(isinstance(name, str) for name in names):
        raise InputError(
            "`names` must be a list of the names of the states, such as ['angle', 'speed'], or a "
            f"pair of lists, for the states and the controls. Received: {names!r}."
        )
    if not all(names) or len(set(names)) < len(names):
        raise InputError(f"`names` must be distinct nonempty names. Received: {list(names)}.")


def _explain_arguments(loop: type[ControlLoop]) -> None:
    """Replace Python's error for a wrong argument by one that names the current argument."""
    takes, create = signature(loop), loop.__init__

    @wraps(create)
    def create_loop(self: ControlLoop, *args: Any, **options: Any) -> None:
        try:
            takes.bind(*args, **options)
        except TypeError as error:
            raise argument_error("ControlLoop", takes, options, error) from None
        create(self, *args, **options)

    loop.__init__ = create_loop


_explain_arguments(ControlLoop)
