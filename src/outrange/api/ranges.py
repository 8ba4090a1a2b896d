"""The public questions about ranges: `output_range`, `summary`, `sample_range`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .arguments import left, loaded, loaded_within


if TYPE_CHECKING:
    from ..answers import Range, RangeProgress, SampledRange, Summary


def output_range(
    model: Any,
    box: Any,
    *,
    tol: float = 1e-6,
    time_limit: float | None = None,
    rows: Any = None,
    layer: str | None = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """The exact minimum and maximum of every output over an input set.

    Branch and bound over the input set, one tree for all outputs and both ends. Every bound it
    holds is valid at every moment; it stops when each is within `tol` of a value seen, when the
    time is over, or at Ctrl-C, and returns what is known then.

    Sound: `lo` and `hi` bound the real-valued network with the stored weights; every float64
    rounding is paid for (while `warrant` says `FLOAT64_ROUNDED`). Complete: piecewise-linear
    networks close to `tol`, given time; smooth ones to what float64 allows. Cost: exponential in
    the worst case.

    Args:
        model: A Keras model or layer, a path (`.keras`, `.h5`, `.onnx`, `.onnx.gz`), or what
            `outrange.load` returned.
        box: The input set: `(lo, hi)` with numbers (for every input) or arrays in the model's
            input shape; a data array `(n, *input shape)`, for its per-feature range; a dict from
            input name to one of these, to a number or to one array (fixed). See also
            `outrange.ball` and `outrange.data_box`. A tuple is always a pair, an array is data.
        tol: Stop when each end is known to `tol` times the range seen of that output.
        time_limit: Stop after this many seconds; None for no limit.
        rows: `(k, outputs)`: bound these linear forms of the outputs instead.
        layer: Bound the values this layer returns instead of the model's outputs.
        solver: Whether a mixed-integer solver may close what splitting the input set does not
            (few inputs, few undecided units). The answer's `warrant` is then
            `SOLVER_TOLERANCE`: no proof stands behind the ends it closed.
        progress: Called a few times a second with a `RangeProgress`.

    Returns:
        A `Range` in the output's shape: `lo, hi` proved, `seen_lo, seen_hi` seen at `at_lo, at_hi`.

    Raises:
        InputError: An argument breaks a rule; the message says which entry.
        ModelError: The model cannot be read, or does not compute what its graph computes.
        UnsupportedError: The model holds an operation that is not described.

    Example:
        >>> import keras
        >>> sum_layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), sum_layer])
        >>> output_range(model, (0, 1))
        Range(lo=[0.], hi=[2.], exact to 1e-06, FLOAT64_ROUNDED)
    """
    from ..questions.output_range import output_range as ask

    network, clock = loaded_within(model, time_limit)
    return ask(
        network,
        box,
        tol=tol,
        time_limit=left(clock),
        rows=rows,
        layer=layer,
        solver=solver,
        progress=progress,
    )


def summary(
    model: Any,
    box: Any,
) -> Summary:
    """Like Keras's `model.summary()`, with what every layer can do on an input set.

    One pass of linear bounds. Per layer: its range before and after the activation, and how many
    units are provably dead, always on, saturated or constant.

    Sound: what is counted is proved. Complete: no; a unit that is dead may not be counted. Cost:
    one back-substitution a layer.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`.

    Returns:
        A `Summary`; `print` it for the table.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.
    """
    from ..questions.summary import summary as ask

    return ask(loaded(model), box)


def sample_range(
    model: Any,
    box: Any,
    *,
    samples: int = 100_000,
    seed: int = 0,
) -> SampledRange:
    """The least and largest outputs at random inputs: a comparison, not a bound.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`.
        samples: Number of inputs tried, corners of the input set first.
        seed: Of the random generator.

    Returns:
        A `SampledRange`, warrant `SAMPLED`: the true range may be wider.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.
    """
    from ..questions.sample_range import sample_range as ask

    network = loaded(model)
    return ask(network, box, samples=samples, seed=seed)
