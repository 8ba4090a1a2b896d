"""The public record `ControlLoop`: a controller, a plant, and the initial states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from fractions import Fraction
from typing import Any

from ...core import InputError, UnsupportedError
from ...questions.inputs.sets.base import brief
from ..arguments import parse_condition
from .delay import read_delay
from .flows import period
from .modes import read_modes
from .uncertain import choices_of, interval_box


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
        controller: A model as for `outrange.output_range`, or a function of the state; with `mode`,
            a dict from mode values to such controllers.
        plant: The plant, which returns the next state, or with `dt` the derivative of the state: a
            function of `(x, u)`, `(t, x, u)`, `(t, x, u, w)`, or of any of these names: `t` (the
            step number, or with `dt` the time), `x` (the state), `u` (the control), `w` (the
            disturbance), `p` (the parameters) and `c` (the choice), written with NumPy,
            `keras.ops`, JAX or PyTorch. The plant may also be `outrange.linear_plant(A, B)`, a
            model of state and control, or a list of formulas, one per state:
            `["x1 + 0.1*x2", "x2 + 0.1*u1"]`.
        initial: The initial states: `(lo, hi)`, or any set as in `outrange.output_range`.
        dt: The period of a plant in continuous time, which returns the derivative of the state.
            Each control is held for one period, and specifications use the same unit of time:
            `(x[0] <= 1).during(0.5, 1)`. A float means its decimal value; `Fraction(1, 3)` is
            exact. None means discrete time: the plant returns its next state.
        observe: The controller's input, as a function of `x`, or of `(t, x)` with the step number
            (with `dt`: the time, as a float64 number). None for the whole state.
        actuate: The control, as a function of the controller's output. None for the output itself.
        parameters: Bounds `(lo, hi)` on the unknown constants that the plant calls `p`.
        disturbance: Bounds `(lo, hi)` on the disturbance that the plant calls `w`.
        varying: True if the disturbance may change at every step, False if it is constant. Required
            with `disturbance`.
        choice: In discrete time, the values that the plant's `c` may take at every step, such as
            `[-1, 0, 1]`; for several choices, a list of such lists.
        mode: Name or index of the state whose value selects one of several controllers. The plant
            returns the next mode; with `dt`, the function `memory` returns it.
        memory: Update of the controller's memory: a function of the controller's output `y`, of
            `(x, y)` or `(t, x, y)`, that returns the next values of the last states. The plant
            then returns only the other states.
        delay: Number of steps (with `dt`: periods) before a control reaches the plant, which
            receives 0 until then; `(2, -10.0)` means 2 steps, and -10 until then.
        states: Names of the states, for `x["angle"]` and for figures.
        controls: Names of the controls.
        where: A condition on `outrange.x`; initial states that do not satisfy it are ignored.

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
    parameters: Any = None
    disturbance: Any = None
    varying: bool | None = None
    choice: Any = None
    mode: str | int | None = None
    memory: Callable | None = None
    delay: int | tuple[int, Any] = 0
    states: Sequence[str] | None = None
    controls: Sequence[str] | None = None
    where: Any = None

    def __post_init__(self) -> None:
        from ...frontends.functions.arguments import check_order

        for model in read_modes(self.controller, self.mode).values():
            check_order(model, self.plant)
        for kind in ("states", "controls"):
            _check_names(kind, getattr(self, kind))
            if getattr(self, kind) is not None:  # a copy, which the caller cannot change
                object.__setattr__(self, kind, list(getattr(self, kind)))
        for name in CALLBACKS:
            callback = getattr(self, name)
            if callback is not None and not callable(callback):
                raise InputError(
                    f"`{name}` must be a function or None. Received: {name}={callback!r:.60}."
                )
        read_delay(self.delay)
        interval_box(self.parameters, "parameters")
        interval_box(self.disturbance, "disturbance")
        if (self.disturbance is None) != (self.varying is None):
            raise InputError(
                "`varying=True` lets the disturbance change at every step, and `varying=False` "
                "keeps it constant. The proof depends on this choice, so `varying` has no default. "
                "Received: disturbance="
                f"{'None' if self.disturbance is None else 'a set'}, varying={self.varying}."
            )
        choices = choices_of(self.choice)
        if self.dt is not None and period(self.dt) and choices:
            raise UnsupportedError(
                "`choice=` needs a plant in discrete time. In continuous time, replace the choice "
                "with a `disturbance=` that ranges from the smallest to the largest choice. "
                f"Received: `choice=` with dt={float(self.dt):g}."
            )
        parse_condition(self.where)

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


def _check_names(kind: str, names: Any) -> None:
    """Check that names are a sequence of different strings."""
    if names is None:
        return
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    if not is_list or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"`{kind}` must be a list of names: {kind}=['a', 'b']. Received: {kind}={names!r}."
        )
    if not all(names) or len(set(names)) < len(names):
        raise InputError(f"`{kind}` must be distinct nonempty names. Received: {list(names)}.")
