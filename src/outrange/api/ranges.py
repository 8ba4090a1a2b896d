"""Public questions about ranges: `output_range`, `sample_range`, `extrapolation` and the like."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..certify.ask import Certifier, one_box, search_time
from ..core import InputError
from ..executors.working import working
from ..graph.difference import difference
from ..live import heard
from ..questions.common.stamp import stamped
from ..questions.inputs.sets import regions
from .arguments import alike, is_float32, left, loaded, loaded_within
from .recorded import question, recorded


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
    effort: str | None = None,
    rows: Any = None,
    layer: str | None = None,
    solver: bool = True,
    arithmetic: str = "real",
    certificate: str | os.PathLike | None = None,
    check: bool = True,
    executor: Any = None,
    resume: str | os.PathLike | None = None,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the exact minimum and maximum of every output over an input set.

    Branch and bound with linear bound propagation; all outputs and both ends share one search
    tree. The bounds are valid at every moment: the search stops when each is within `tol` of a
    value attained, when the time is over, or at Ctrl-C, and returns what is proved by then.

    Args:
        model: A model or layer of Keras, a PyTorch module, an MLP or a pipeline of scikit-learn, a
            path (`.keras`, `.h5`, `.onnx`, `.onnx.gz`), or what `outrange.load` returned.
        box: The input set: `(lo, hi)` with numbers (for every input) or arrays in the model's
            input shape; a data array `(n, *input shape)`, for its per-feature range; a dict from
            input name to one of these, to a number or to one array (fixed). See also
            `outrange.ball` and `outrange.data_box`. A tuple is always a pair, an array is data.
        tol: Stop when each end is known to `tol` times the range attained by that output. None
            aims at 1e-6; the range of a curved network (`tanh`, softmax, attention) is content
            with 1e-4 where the rest would take longer than all before, and says so.
        time_limit: Stop after this many seconds; None for no limit.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        rows: `(k, outputs)`, an array of linear forms of the outputs to bound instead.
        layer: Bound the values this layer returns instead of the model's outputs.
        solver: Whether a mixed-integer solver may close what splitting the input set does not
            (few inputs, few unstable neurons). The answer's `warrant` is then
            `SOLVER_TOLERANCE`: no proof stands behind the ends it closed.
        arithmetic: What the network computes in: `"real"`, or `"float32"` for bounds of the network
            as it is deployed, its sums in any order (docs/float32.md).
        certificate: A file to write a certificate to: a proof of `lo` and `hi` that a program of
            its own, `outrange-check`, checks in exact arithmetic (docs/certificates.md). For boxes.
        check: Whether to run it at once; the answer's `warrant` is then `CERTIFIED`.
        executor: Who searches the tree: a `concurrent.futures.Executor`, a `dask.distributed`
            client, or the address of its scheduler; of few inputs, where boxes are split
            (docs/scale.md). None for the threads of this process.
        resume: A folder that the state is written to every half minute: the same call goes on from
            there.
        progress: A function called a few times a second with a `RangeProgress`;
            True to show it, False for nothing. None shows it in a terminal or a notebook once the
            call takes 2 s.

    Returns:
        A `Range` in the output's shape: `lo, hi` are proved, `seen_lo, seen_hi` are attained at
        `at_lo, at_hi`.

    Raises:
        InputError: An argument breaks a rule; the message says which entry.
        ModelError: The model cannot be read, or does not compute what its graph computes.
        UnsupportedError: The model holds an operation that is not supported.

    Example:
        >>> import keras
        >>> sum_layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), sum_layer])
        >>> output_range(model, (0, 1))
        Range(lo=[0.], hi=[2.], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: `lo` and `hi` bound the real-valued network with the stored weights; every float64
    rounding error is accounted for (while `warrant` says `FLOAT64_ROUNDED`).
    Complete: piecewise-linear networks are closed to `tol`, given time; smooth ones to what float64
    allows.
    Cost: exponential in the number of inputs or unstable neurons in the worst case.

    Reference: Bunel et al., *Branch and bound for piecewise linear neural network verification*,
    JMLR 2020; Zhang et al., *Efficient neural network robustness certification with general
    activation functions* (CROWN), NeurIPS 2018; Xu et al., *Fast and complete* (alpha-CROWN), ICLR
    2021; Wang et al., *Beta-CROWN*, NeurIPS 2021.
    """
    from ..questions.output_range import output_range as ask

    if is_float32(arithmetic):
        from ..questions.float32.ranges import float32_range as ask
    network, clock = loaded_within(model, time_limit, box)
    proof = Certifier.of(certificate, check, clock, "output_range", network, arithmetic)
    if proof is not None and layer is not None:
        raise InputError("A certificate is about the outputs of a model. Received: `layer`.")
    where = None if proof is None else one_box(regions(network.graph.inputs, box))
    with working(executor, resume):
        answer = ask(
            network,
            box,
            tol=tol,
            time_limit=search_time(proof, clock, left(clock)),
            rows=rows,
            layer=layer,
            solver=solver,
            progress=heard(progress),
        )
        if proof is not None and where is not None:
            answer = proof.range(answer, where, rows)
    return stamped(answer, network)


@question("Layers", hears=False)
def summary(
    model: Any,
    box: Any,
    *,
    known: Range | None = None,
    progress: bool | None = None,
) -> Summary:
    """Bound every layer on an input set, as a table like that of Keras's `model.summary()`.

    One pass of linear bounds (CROWN) gives for each layer its range before and after the
    activation, and how many units are provably dead, always on, saturated or constant.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`.
        known: What `outrange.output_range` said of the same model on the same input set, if that is
            known: the row of the last layer then has that range, which is tighter.
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        A `Summary`; `print` it for the table.

    Raises:
        InputError: `known` is the range of something else, or as for `outrange.output_range`.
        ModelError, UnsupportedError: As for `outrange.output_range`.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2, "relu", kernel_initializer="ones", name="sum")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> answer = summary(model, (1, 2))
        >>> answer.total("always_on"), answer.total("dead")
        (2, 0)

    Sound: whatever is counted is proved, every float64 rounding error accounted for.
    Complete: no; a unit that is dead may not be counted.
    Cost: one back-substitution per layer.

    Reference: Zhang et al., *Efficient neural network robustness certification with general
    activation functions* (CROWN), NeurIPS 2018.
    """
    from ..questions.summary import summary as ask

    network = loaded(model, box)
    return stamped(ask(network, box, known=known), network)


@recorded
def sample_range(
    model: Any,
    box: Any,
    *,
    samples: int = 100_000,
    seed: int = 0,
) -> SampledRange:
    """Evaluate random inputs for the least and largest outputs: a comparison, not a bound.

    Args:
        model: As for `outrange.output_range`.
        box: As for `outrange.output_range`.
        samples: Number of inputs tried, corners of the input set first.
        seed: Seed of the random generator.

    Returns:
        A `SampledRange`, warrant `SAMPLED`: the true range may be wider.

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

    network = loaded(model, box)
    return stamped(ask(network, box, samples=samples, seed=seed), network)


@question("Difference")
def difference_range(
    model_a: Any,
    model_b: Any,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    effort: str | None = None,
    rows: Any = None,
    solver: bool = True,
    certificate: str | os.PathLike | None = None,
    check: bool = True,
    progress: bool | Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the exact range of `model_a(x) - model_b(x)`, both given the same input.

    For a quantized or refactored model against the original. Both become one product network in
    which common subexpressions are shared, and units in the same place of both are bounded
    together, by how far they are apart.

    Args:
        model_a: As for `outrange.output_range`.
        model_b: Likewise; its inputs and outputs have the same sizes in the same order.
        box: The input set, as for `outrange.output_range`, by the names of `model_a`.
        tol: See `outrange.output_range`, as all that follows.
        time_limit: Seconds; see there.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        effort: How long to go on without a limit: `"quick"` ends after 5 s, `"normal"` after 45 s,
            `"exact"` when all is proved. The default is `"normal"`, or what the environment
            variable `OUTRANGE_EFFORT` says.
        rows: `(k, outputs)`: linear forms of the differences; see there.
        solver: See there.
        certificate: It holds the network of the difference in full.
        check: See there.
        progress: See there.

    Returns:
        A `Range` in the shape of the outputs of `model_a`.

    Raises:
        InputError: The two do not fit, or another argument breaks a rule.
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

    Sound: as `outrange.output_range`.
    Complete: likewise.
    Cost: that of the product network.

    Reference: Paulsen, Wang, Wang, *ReluDiff: differential verification of deep neural networks*,
    ICSE 2020.
    """
    from ..questions.difference import difference_range as ask

    one, clock = loaded_within(model_a, time_limit, box)
    two = alike(loaded(model_b, box), one)
    one = alike(one, two)
    both = None if certificate is None else difference(one.graph, two.graph)
    proof = Certifier.of(certificate, check, clock, "difference_range", one, graph=both)
    where = None if proof is None else one_box(regions(one.graph.inputs, box))
    seconds, told = search_time(proof, clock, left(clock)), heard(progress)
    found = ask(one, two, box, tol=tol, time_limit=seconds, rows=rows, solver=solver, progress=told)
    if proof is not None and where is not None:
        found = proof.range(found, where, rows)
    return stamped(found, one, two)


@question("Extrapolation", hears=False)
def extrapolation(
    box: Any,
    rows: Any,
    *,
    model: Any = None,
    time_limit: float | None = None,
    budget: float | None = None,
    progress: bool | None = None,
) -> Extrapolation:
    """Find the rows that lie outside the training set: in which columns, and by how much.

    Args:
        box: The training set: its data (an array `(n, *input_shape)` or a DataFrame), or what
            `outrange.data_box` returned.
        rows: The rows in question: a DataFrame, an array `(n, *input_shape)`, one row, or a dict
            from input name to values. Further columns of a DataFrame are ignored.
        model: A model, as for `outrange.output_range`: the answer then also compares its outputs
            over the training set with those over the smallest box that holds the rows outside, too.
        time_limit: Stop after this many seconds; None for no limit. The bounds are valid either
            way.
        budget: Stop after so many units of counted work instead, about a second of one core each:
            the same question then has the same answer on every machine (docs/reproducible.md).
        progress: True to show what is under way, False for nothing. None shows it in a terminal or
            a notebook once the call takes 2 s.

    Returns:
        `Extrapolation`: the numbers `outside` of the rows, their distances `by` and `shares`, and
        the ranges `inner` and `outer` of a model. It is false where no row lies outside.

    Raises:
        InputError: The rows do not fit the box, or are not finite.
        ModelError: The model cannot be read.
        UnsupportedError: The model holds an operation that is not supported.

    Example:
        >>> import numpy as np
        >>> train = np.array([[20.0, 1.0], [90.0, 5.0]])  # area, rooms
        >>> found = extrapolation(train, [[50.0, 2.0], [125.0, 6.0]])
        >>> found
        Extrapolation(1 of 2 outside: rows 1)
        >>> found.by.tolist(), found.shares.tolist()
        ([[35.0, 1.0]], [[0.5, 0.25]])

    Sound: the comparison of a row with the training set is exact, and the output ranges are proved.
    A row within the ranges of all columns may still be unlike all of the data.
    Complete: every row outside is found; the output ranges as for `outrange.output_range`.
    Cost: linear in the rows; two output ranges where there is a model.

    Reference: Barnard, Wessels, *Extrapolation and interpolation in neural network classifiers*,
    IEEE Control Systems Magazine 1992.
    """
    from ..questions.extrapolation import extrapolation as ask, training_set

    box = training_set(box)
    if model is None:
        return ask(box, rows)
    network, clock = loaded_within(model, time_limit, box)
    return stamped(ask(box, rows, network=network, time_limit=left(clock)), network)
