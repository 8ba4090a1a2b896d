"""Public functions for ranges, such as `output_range`, `summary` and `sample_range`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..certify.certifier import Certifier, one_box, search_time
from ..executors.workers import divide_searches
from ..graph.difference import difference
from ..live import progress_listener
from ..questions.common.provenance import add_provenance
from ..questions.inputs.sets import regions
from .arguments import is_float32, load_network, load_within_limit, share_feature_names, time_left
from .decorators import question, with_provenance


if TYPE_CHECKING:
    from ..answers.extrapolation.extrapolation import Extrapolation
    from ..answers.progress import RangeProgress
    from ..answers.range import Range
    from ..answers.sampled import SampledRange
    from ..answers.summary import Summary


@question("Output range")
def output_range(
    model: Any,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    rows: Any = None,
    solver: bool = True,
    arithmetic: str = "real",
    certificate: str | os.PathLike | None = None,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the exact minimum and maximum of every output over an input set.

    The method is branch and bound with linear bound propagation. The bounds are valid at any time.
    The search stops when each bound is within `tol` of an attained value, at the time limit, or at
    Ctrl-C, and returns the bounds proved so far. Inside `outrange.workers`, workers share the
    search if it splits the input set, that is, for few inputs (docs/scale.md).

    Args:
        model: A Keras model or layer, a PyTorch module or exported program, a scikit-learn MLP or
            pipeline, a path (`.keras`, `.h5`, `.onnx`, `.onnx.gz`, `.pt2`), or a result of
            `outrange.load`.
        box: The input set: `(lo, hi)` with numbers (for every input) or arrays in the model's input
            shape; a data array `(n, *input shape)` or a DataFrame of the input columns, for its
            range per feature; or a dict from input name to one of these, or to a number or an array
            that fixes the input. A tuple is always a pair of bounds, and an array outside a dict is
            always data. See also `outrange.ball` and `outrange.data_box`. Other accepted sets are
            an `outrange.Polytope`, `L1Ball`, `L2Ball`, `Mixed` (integer and one-hot inputs) and
            `Union`.
        tol: Stop when each bound is known to within `tol` times the range attained by that output.
            None aims for 1e-6. For a curved network (`tanh`, softmax, attention), None settles for
            1e-4 if a tighter result would take longer than the search so far; the answer then says
            so.
        time_limit: Stop after this many seconds; `math.inf` for no limit. None stops after 45 s, or
            earlier if progress stalls.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        rows: Linear forms of the outputs, an array `(k, outputs)`; they are bounded instead of the
            outputs.
        solver: Whether a mixed-integer solver may close gaps that splitting the input set leaves
            (few inputs, few unstable neurons). If it does, the answer's `warrant` is
            `SOLVER_TOLERANCE`: the bounds rely on the solver's tolerance and are not proved.
        arithmetic: Arithmetic of the network: `"real"`, or `"float32"` for bounds on float32
            inference with sums in any order (docs/float32.md).
        certificate: File for a certificate: a proof of `lo` and `hi` that the independent program
            `outrange-check` verifies in exact arithmetic (docs/certificates.md). Only for boxes.
        progress: A function called a few times per second with a `RangeProgress`; or True to show
            progress, False to hide it. None shows it in a terminal or notebook if the call takes
            longer than 2 s.

    Returns:
        A `Range` in the output's shape: `lo` and `hi` are proved, and `seen_lo` and `seen_hi` are
        attained at `at_lo` and `at_hi`.

    Raises:
        InputError: An argument is invalid; the message says which one and why.
        ModelError: The model cannot be read, or its graph does not reproduce its outputs.
        UnsupportedError: The model contains an unsupported operation.

    Example:
        >>> import keras
        >>> sum_layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), sum_layer])
        >>> output_range(model, (0, 1))
        Range(lo=[0.], hi=[2.], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: `lo` and `hi` bound the outputs of the real-valued network with the stored weights. They
    account for every float64 rounding error (if `warrant` is `FLOAT64_ROUNDED`).
    Complete: piecewise-linear networks reach `tol`, given enough time; smooth ones reach the limit
    of float64.
    Cost: exponential in the number of inputs or unstable neurons in the worst case.

    Reference: Bunel et al., *Branch and bound for piecewise linear neural network verification*,
    JMLR 2020; Zhang et al., *Efficient neural network robustness certification with general
    activation functions* (CROWN), NeurIPS 2018; Xu et al., *Fast and complete* (alpha-CROWN), ICLR
    2021; Wang et al., *Beta-CROWN*, NeurIPS 2021.
    """
    from ..questions.output_range import output_range as ask

    if is_float32(arithmetic):
        from ..questions.float32.ranges import float32_range as ask
    network, clock = load_within_limit(model, time_limit, box)
    proof = Certifier.of(certificate, clock, "output_range", network, arithmetic)
    where = None if proof is None else one_box(regions(network.graph.inputs, box))
    with divide_searches():
        answer = ask(
            network,
            box,
            tol=tol,
            time_limit=search_time(proof, clock, time_left(clock)),
            rows=rows,
            solver=solver,
            progress=progress_listener(progress),
        )
        if proof is not None and where is not None:
            answer = proof.range(answer, where, rows)
    return add_provenance(answer, network)


@question("Layers", reports=False)
def summary(
    model: Any,
    box: Any,
    *,
    known: Range | None = None,
    progress: bool | None = None,
) -> Summary:
    """Bound every layer on an input set, in a table like the output of Keras's `model.summary()`.

    One pass of linear bounds (CROWN) computes the range of each layer before and after the
    activation. The pass also counts units that are provably dead, always active, saturated or
    constant.

    Args:
        model: As for `outrange.output_range`.
        box: A box, as for `outrange.output_range`. For a `Mixed` set, only its box is used.
        known: Result of `outrange.output_range` for the outputs of the same model, on the same
            input set or a box around it. It tightens the last layer's row of the table.
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        A `Summary`; `print` it for the table.

    Raises:
        InputError: `known` is about another model or does not cover the input set, or an argument
            is invalid.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2, "relu", kernel_initializer="ones", name="sum")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> answer = summary(model, (1, 2))
        >>> answer.total("always_on"), answer.total("dead")
        (2, 0)

    Sound: every count is proved; the proofs account for every float64 rounding error.
    Complete: no; a dead unit may be missed.
    Cost: one back-substitution per layer.

    Reference: Zhang et al., *Efficient neural network robustness certification with general
    activation functions* (CROWN), NeurIPS 2018.
    """
    from ..questions.summary import summary as ask

    network = load_network(model, box)
    return add_provenance(ask(network, box, known=known), network)


@with_provenance
def sample_range(
    model: Any,
    box: Any,
    *,
    samples: int = 100_000,
    seed: int = 0,
) -> SampledRange:
    """Estimate the output range by evaluating random inputs, for comparison; it proves no bounds.

    Args:
        model: As for `outrange.output_range`.
        box: A box, as for `outrange.output_range`, or an `outrange.Mixed`.
        samples: Number of inputs; up to 1024 corners of the input set come first.
        seed: Seed of the random generator.

    Returns:
        A `SampledRange` with warrant `SAMPLED`: the true range may be wider.

    Raises:
        InputError, ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> sample_range(model, (0, 1), samples=100)
        SampledRange(lo=[0.], hi=[2.], 100 samples, SAMPLED)
    """
    from ..questions.sample_range import sample_range as ask

    network = load_network(model, box)
    return add_provenance(ask(network, box, samples=samples, seed=seed), network)


@question("Difference")
def difference_range(
    model_a: Any,
    model_b: Any,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    rows: Any = None,
    solver: bool = True,
    certificate: str | os.PathLike | None = None,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the exact range of `model_a(x) - model_b(x)` over inputs `x` of a set.

    Use it to compare a quantized or refactored model with the original. Both models become one
    product network that shares common subexpressions. The differences between corresponding units
    of the two models are bounded directly.

    Args:
        model_a: As for `outrange.output_range`.
        model_b: The second model. Its inputs and outputs must have the same sizes in the same
            order.
        box: The input set, as for `outrange.output_range`, with the input names of `model_a`.
        tol: See `outrange.output_range`.
        time_limit: Limit in seconds; see `outrange.output_range`.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        rows: Linear forms of the differences, `(k, outputs)`; see `outrange.output_range`.
        solver: See `outrange.output_range`.
        certificate: See `outrange.output_range`; it contains the product network in full.
        progress: See `outrange.output_range`.

    Returns:
        A `Range` of the differences, in the shape of the output of `model_a`.

    Raises:
        InputError: The models do not match, or another argument is invalid.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras, numpy as np
        >>> from outrange import difference_range
        >>> def line(slope):
        ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        ...     model.set_weights([np.array([[slope]]), np.zeros(1)])
        ...     return model
        >>> difference_range(line(2.0), line(1.5), (0, 1)).hi.round(6)
        array([0.5])

    Sound: as for `outrange.output_range`.
    Complete: as for `outrange.output_range`.
    Cost: as for `outrange.output_range` with the product network.

    Reference: Paulsen, Wang, Wang, *ReluDiff: differential verification of deep neural networks*,
    ICSE 2020.
    """
    from ..questions.difference import difference_range as ask

    first, clock = load_within_limit(model_a, time_limit, box)
    second = share_feature_names(load_network(model_b, box), first)
    first = share_feature_names(first, second)
    both = None if certificate is None else difference(first.graph, second.graph)
    proof = Certifier.of(certificate, clock, "difference_range", first, graph=both)
    where = None if proof is None else one_box(regions(first.graph.inputs, box))
    answer = ask(
        first,
        second,
        box,
        tol=tol,
        time_limit=search_time(proof, clock, time_left(clock)),
        rows=rows,
        solver=solver,
        progress=progress_listener(progress),
    )
    if proof is not None and where is not None:
        answer = proof.range(answer, where, rows)
    return add_provenance(answer, first, second)


@question("Extrapolation", reports=False)
def extrapolation(
    box: Any,
    rows: Any,
    *,
    model: Any = None,
    time_limit: float | None = None,
    budget: float | None = None,
    progress: bool | None = None,
) -> Extrapolation:
    """Find the rows outside the range of the training data, and measure how far they lie outside.

    Args:
        box: The training set: its data (an array `(n, *input_shape)`, a dict from input name to
            such arrays, or a DataFrame), or a result of `outrange.data_box`.
        rows: The rows to check: a DataFrame, an array `(n, *input_shape)`, one row, or a dict from
            input name to values. Other columns of a DataFrame are ignored.
        model: A model, as for `outrange.output_range`. The answer then also contains two ranges of
            the model's outputs: over the training set and, if some rows are outside, over the set
            widened to contain these rows.
        time_limit: Stop after this many seconds, for both ranges together; `math.inf` for no limit.
            None stops after 45 s, or earlier if progress stalls. The bounds are valid either way.
        budget: Limit in units of counted work instead of seconds; one unit takes about a second on
            one core. The answer is then the same on every machine (docs/reproducible.md).
        progress: True shows progress, False hides it. None shows it in a terminal or notebook if
            the call takes longer than 2 s.

    Returns:
        An `Extrapolation`: the indices `outside` of the outside rows, their distances from the
        training set in each column, `by` (signed) and `shares` (relative to the width of the
        column's range), and with a model its output ranges `inner` and `outer`. It is false if no
        row is outside.

    Raises:
        InputError: There are no rows, or they do not match the box or are not finite.
        ModelError: The model cannot be read.
        UnsupportedError: The model contains an unsupported operation.

    Example:
        >>> import numpy as np
        >>> train = np.array([[20.0, 1.0], [90.0, 5.0]])  # area, rooms
        >>> found = extrapolation(train, [[50.0, 2.0], [125.0, 6.0]])
        >>> found
        Extrapolation(1 of 2 outside: rows 1)
        >>> found.by.tolist(), found.shares.tolist()
        ([[35.0, 1.0]], [[0.5, 0.25]])

    Sound: rows are compared with the training set exactly, and the output ranges are proved. A row
    within the ranges of all columns may still be unlike any row of the data.
    Complete: every row outside is found. For the output ranges, see `outrange.output_range`.
    Cost: linear in the number of rows; with a model, plus the cost of two output ranges.

    Reference: Barnard, Wessels, *Extrapolation and interpolation in neural network classifiers*,
    IEEE Control Systems Magazine 1992.
    """
    from ..questions.extrapolation import extrapolation as ask, training_set

    box = training_set(box)
    if model is None:
        return ask(box, rows)
    network, clock = load_within_limit(model, time_limit, box)
    return add_provenance(ask(box, rows, network=network, time_limit=time_left(clock)), network)
