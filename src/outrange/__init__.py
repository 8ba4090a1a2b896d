"""outrange: the exact range of every output of a neural network over a set of inputs.

    import outrange

    answer = outrange.output_range("model.keras", (0, 1))
    answer.lo, answer.hi      # proved bounds, in the output's shape
    answer.at_lo              # the inputs that reach them

`import outrange` loads NumPy and nothing heavier; frameworks are loaded when a model of theirs is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import callbacks as callbacks
from .answers import (
    BadInputs as BadInputs,
    Counterexample as Counterexample,
    Counterexamples as Counterexamples,
    Diagnosis as Diagnosis,
    Finding as Finding,
    Monotone as Monotone,
    Optimum as Optimum,
    Range as Range,
    RangeProgress as RangeProgress,
    RobustAccuracy as RobustAccuracy,
    Robustness as Robustness,
    RobustProgress as RobustProgress,
    SampledRange as SampledRange,
    Summary as Summary,
    Verdict as Verdict,
    VerifyProgress as VerifyProgress,
)
from .answers.advice import Advice as Advice
from .answers.dead_start import DeadStart as DeadStart
from .answers.study import Study as Study
from .answers.study_progress import StudyProgress as StudyProgress
from .api.arrays import use_torch as use_torch
from .api.asked import read_property as read_property
from .api.asserts import assert_holds as assert_holds, assert_range as assert_range
from .api.bad_inputs import bad_inputs as bad_inputs, counterexamples as counterexamples
from .api.diagnose import assert_no_findings as assert_no_findings, diagnose as diagnose
from .api.optimize import maximize as maximize, minimize as minimize
from .api.properties import verify as verify
from .api.robustness import robust_accuracy as robust_accuracy, robustness as robustness
from .api.slopes import (
    difference_range as difference_range,
    gradient_range as gradient_range,
    lipschitz as lipschitz,
    monotone as monotone,
)
from .api.training import (
    compare as compare,
    expected as expected,
    recommend as recommend,
)
from .core import (
    Box as Box,
    ContradictionError as ContradictionError,
    InputError as InputError,
    ModelError as ModelError,
    OutrangeError as OutrangeError,
    UnsupportedError as UnsupportedError,
    Warrant as Warrant,
)
from .questions.expressions import implies as implies, x as x, y as y
from .questions.ready_boxes import ball as ball, data_box as data_box
from .questions.sets import (
    L1Ball as L1Ball,
    L2Ball as L2Ball,
    Mixed as Mixed,
    Polytope as Polytope,
    Union as Union,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from . import layers as layers, losses as losses
    from .frontends.network import Network

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`outrange.layers` and `outrange.losses` load Keras, so they are imported when used."""
    if name in ("layers", "losses"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(
    model: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    input_shape: Sequence[int] | None = None,
) -> Network:
    """Read a model once, to ask several questions about it.

    Args:
        model: A Keras model or layer, a PyTorch module, or a path to a `.keras`, `.h5`, `.onnx`,
            `.onnx.gz` or `.pt2` file. A network that `load` returned is given back as it is.
        custom_objects: Names to classes or functions that a Keras file refers to.
        safe_mode: Refuse Keras files that hold code (`Lambda` layers) and PyTorch files that could
            run some. False runs that code.
        input_shape: Shape of one input without the batch axis, for a PyTorch module.

    Returns:
        A `Network`; every question takes one in place of a model.

    Raises:
        ModelError: The file cannot be read, or the graph read from it is not the model.
        UnsupportedError: The model holds an operation that is not described.
        InputError: There is no such file, or its suffix is unknown.
    """
    from .frontends.load import load as read

    return read(model, custom_objects=custom_objects, safe_mode=safe_mode, input_shape=input_shape)


def output_range(
    model: Any,
    box: Any,
    *,
    tol: float = 1e-6,
    time: float | None = None,
    rows: Any = None,
    layer: str | None = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
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
        time: Stop after this many seconds; None for no limit.
        rows: `(k, outputs)`: bound these linear forms of the outputs instead.
        layer: Bound the values this layer returns instead of the model's outputs.
        solver: Whether a mixed-integer solver may close what splitting the input set does not
            (few inputs, few undecided units). The answer's `warrant` is then
            `SOLVER_TOLERANCE`: no proof stands behind the ends it closed.
        progress: Called a few times a second with a `RangeProgress`.
        custom_objects: See `outrange.load`.
        safe_mode: See `outrange.load`.

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
    from .questions.output_range import output_range as ask

    network = load(model, custom_objects=custom_objects, safe_mode=safe_mode)
    return ask(
        network, box, tol=tol, time=time, rows=rows, layer=layer, solver=solver, progress=progress
    )


def summary(
    model: Any,
    box: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
) -> Summary:
    """Like Keras's `model.summary()`, with what every layer can do on an input set.

    One pass of linear bounds. Per layer: its range before and after the activation, and how many
    units are provably dead, always on, saturated or constant.

    Sound: what is counted is proved. Complete: no; a unit that is dead may not be counted. Cost:
    one back-substitution a layer.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`.
        custom_objects: See `outrange.load`.
        safe_mode: See `outrange.load`.

    Returns:
        A `Summary`; `print` it for the table.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.
    """
    from .questions.summary import summary as ask

    return ask(load(model, custom_objects=custom_objects, safe_mode=safe_mode), box)


def sample_range(
    model: Any,
    box: Any,
    *,
    samples: int = 100_000,
    seed: int = 0,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
) -> SampledRange:
    """The least and largest outputs at random inputs: a comparison, not a bound.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`.
        samples: Number of inputs tried, corners of the input set first.
        seed: Of the random generator.
        custom_objects: See `outrange.load`.
        safe_mode: See `outrange.load`.

    Returns:
        A `SampledRange`, warrant `SAMPLED`: the true range may be wider.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.
    """
    from .questions.sample_range import sample_range as ask

    network = load(model, custom_objects=custom_objects, safe_mode=safe_mode)
    return ask(network, box, samples=samples, seed=seed)
