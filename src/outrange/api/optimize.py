"""Public questions about extremes: `minimize` and `maximize`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arguments import left, loaded_within


if TYPE_CHECKING:
    from ..answers import Optimum


def minimize(
    model: Any,
    objective: Any,
    box: Any,
    *,
    where: Any = None,
    tol: float = 1e-6,
    time_limit: float | None = None,
    seed: int = 0,
) -> Optimum:
    """The least value of a linear form of outputs and inputs, under conditions on both.

    Without `where` this is one end of `outrange.output_range`. With it, a chain of decisions
    "is the form at most v somewhere?" narrows the bracket from both sides.

    Sound: the proved end, every float64 rounding paid for. Complete: for piecewise-linear
    networks, given time. Cost: a decision costs what `outrange.verify` costs; some twenty of them.

    Args:
        model: As for `outrange.verify`.
        objective: A linear form, `y[0] - 2 * y[1] + 0.1 * x[0]`, or a function of `(x, y)`.
        box: The input set, as for `outrange.verify`.
        where: A condition on `outrange.x` *and* `outrange.y`: only inputs that satisfy it, with
            their outputs, count. An equation counts where a float64 input meets it exactly: such
            inputs are looked for, but where none is found only the proved end is told, and a
            narrow band in place of the equation does better.
        tol: Stop when the value is known to `tol` times the range of the form seen.
        time_limit: Stop after this many seconds; None for no limit.
        seed: Of the random points that look for good values; no proof depends on it.

    Returns:
        An `Optimum`: `lo <= least value <= hi`, and the input `at` that reaches `hi`.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.verify`.

    Example:
        >>> import keras
        >>> from outrange import minimize, x, y
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> minimize(model, y[0] + x[0], (0, 1), where=(y[0] >= 1))
        Optimum(min y[0] + x[0] = 1, exact to 1e-06, FLOAT64_ROUNDED)
    """
    return _optimum("min", model, objective, box, where, tol, time_limit, seed)


def maximize(
    model: Any,
    objective: Any,
    box: Any,
    *,
    where: Any = None,
    tol: float = 1e-6,
    time_limit: float | None = None,
    seed: int = 0,
) -> Optimum:
    """The largest value of a linear form of outputs and inputs, under conditions on both.

    Args:
        model: As for `outrange.minimize`, as all that follows.
        objective: See `outrange.minimize`.
        box: See `outrange.minimize`.
        where: See `outrange.minimize`.
        tol: See `outrange.minimize`.
        time_limit: See `outrange.minimize`.
        seed: See `outrange.minimize`.

    Returns:
        An `Optimum`: `lo <= largest value <= hi`, and the input `at` that reaches `lo`.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.verify`.
    """
    return _optimum("max", model, objective, box, where, tol, time_limit, seed)


def _optimum(
    sense: str,
    model: Any,
    objective: Any,
    box: Any,
    where: Any,
    tol: float,
    time_limit: float | None,
    seed: int,
) -> Optimum:
    from ..core.formula import TRUE
    from ..questions.expressions import resolve, resolve_linear
    from ..questions.inputs.sets import regions
    from ..questions.optimize.optimize import optimum

    network, clock = loaded_within(model, time_limit)
    slots, outputs = network.graph.inputs, network.graph.outputs
    form = resolve_linear(objective, slots, outputs)
    condition = TRUE if where is None else resolve(where, slots, outputs)
    text = getattr(objective, "__name__", None) or str(objective)
    return optimum(
        network,
        form,
        sense,
        text,
        regions(slots, box),
        condition,
        tol=tol,
        time_limit=left(clock),
        seed=seed,
    )
